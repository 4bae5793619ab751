"""The XML in which jobs are told: IVOA UWS 1.1, appendix A."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from xml.sax.saxutils import escape, quoteattr

from starlette.responses import Response

from replica.protocols.uws import LONGEST, Job
from replica.protocols.votable import printable

_NAMESPACES = (
    'xmlns:uws="http://www.ivoa.net/xml/UWS/v1.0" xmlns:xlink="http://www.w3.org/1999/xlink" '
    'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
)


def stamp(time: datetime) -> str:
    """Write a time in the form of DALI 1.1, section 3.1.4."""
    return f"{time:%Y-%m-%dT%H:%M:%S}.{time.microsecond // 1000:03d}Z"


def quote(job: Job) -> datetime:
    """The time by which a job will have ended: when its duration is over, at the latest."""
    return job.ended or (job.started or job.created) + timedelta(seconds=job.duration or LONGEST)


def job(job: Job, url: str) -> Response:
    """Answer with all that is known of a job; `url` is that of the list of jobs."""
    times = {
        "quote": quote(job),
        "creationTime": job.created,
        "startTime": job.started,
        "endTime": job.ended,
    }
    inner = (
        f'{_element("jobId", job.identifier)}{_run(job)}<uws:ownerId xsi:nil="true"/>'
        f"{_element('phase', job.phase)}{''.join(map(_time, times, times.values()))}"
        f"{_element('executionDuration', str(job.duration))}"
        f"{_element('destruction', stamp(job.destruction))}"
        f"{_parameters(job)}{_results(job, url)}{_error(job)}"
    )
    return _document(f'<uws:job version="1.1" {_NAMESPACES}>{inner}</uws:job>')


def job_list(jobs: Iterable[Job], url: str) -> Response:
    """Answer with the short descriptions of jobs."""
    inner = "".join(
        f"<uws:jobref id={quoteattr(job.identifier)} "
        f"xlink:href={quoteattr(f'{url}/{job.identifier}')}>"
        f"{_element('phase', job.phase)}{_run(job)}"
        f"{_element('creationTime', stamp(job.created))}</uws:jobref>"
        for job in jobs
    )
    return _document(f'<uws:jobs version="1.1" {_NAMESPACES}>{inner}</uws:jobs>')


def parameters(job: Job) -> Response:
    """Answer with the parameters of a job."""
    return _document(_parameters(job, _NAMESPACES))


def results(job: Job, url: str) -> Response:
    """Answer with the list of a job's results."""
    return _document(_results(job, url, _NAMESPACES))


def _parameters(job: Job, attributes: str = "") -> str:
    inner = "".join(
        f"<uws:parameter id={quoteattr(printable(name))}>{escape(printable(text))}</uws:parameter>"
        for name, text in job.params.multi_items()
    )
    return f"<uws:parameters {attributes}>{inner}</uws:parameters>"


def _results(job: Job, url: str, attributes: str = "") -> str:
    inner = ""
    if job.result:
        place = quoteattr(f"{url}/{job.identifier}/results/result")
        kind, size = quoteattr(job.result.media_type), len(job.result.body)
        inner = f'<uws:result id="result" xlink:href={place} mime-type={kind} size="{size}"/>'
    return f"<uws:results {attributes}>{inner}</uws:results>"


def _error(job: Job) -> str:
    if not job.error:
        return ""
    message = _element("message", job.error)
    return f'<uws:errorSummary type="fatal" hasDetail="true">{message}</uws:errorSummary>'


def _run(job: Job) -> str:
    return _element("runId", job.params["RUNID"]) if "RUNID" in job.params else ""


def _time(name: str, time: datetime | None) -> str:
    return _element(name, stamp(time)) if time else f'<uws:{name} xsi:nil="true"/>'


def _element(name: str, text: str) -> str:
    return f"<uws:{name}>{escape(printable(text))}</uws:{name}>"


def _document(root: str) -> Response:
    return Response(f'<?xml version="1.0" encoding="UTF-8"?>\n{root}', media_type="text/xml")
