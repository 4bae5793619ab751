"""The addresses of jobs: IVOA UWS 1.1, section 2.2.

::

    /async                     the list of jobs; POST makes one
    /async/ID                  the job; POST ACTION=DELETE and DELETE destroy it
    /async/ID/phase            POST PHASE=RUN or ABORT
    /async/ID/parameters       POST changes those of a job that was not run yet
    /async/ID/destruction, executionduration, quote, owner, error, results, results/result
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from starlette.datastructures import MultiDict
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from replica.middleware.body_limit import UPLOAD_LIMIT
from replica.protocols import inner_request, upload, uws, uws_documents, votable
from replica.protocols.dali import RequestError, parameters_and_files
from replica.protocols.uws import Job, JobError, Jobs

#: Parameters that are about the job, not about the query.
_OF_THE_JOB = ("PHASE", "ACTION", "WAIT")
_READING = ("GET", "HEAD")

Endpoint = Callable[[Request], Awaitable[Response]]


async def read(request: Request) -> tuple[MultiDict, dict[str, bytes]]:
    """Return a request's parameters, and the content of its uploaded tables.

    Raises
    ------
    RequestError
        If they cannot be read, or a table cannot be had.
    """
    params, files = await parameters_and_files(request)

    async def fetch(url: str) -> bytes:
        return await inner_request.fetch(request.app, url, UPLOAD_LIMIT)

    return params, await upload.contents(params, files, fetch)


class JobRoutes:
    """The endpoints of a service's jobs.

    Parameters
    ----------
    jobs : Jobs
        The jobs.
    url : str
        Address of the list of jobs, as clients know it.
    """

    def __init__(self, jobs: Jobs, url: str) -> None:
        self._jobs = jobs
        self._url = url

    def routes(self, path: str) -> list[BaseRoute]:
        """Return the routes below `path`."""
        parts: dict[str, Callable[[Job, Request], Awaitable[Response]]] = {
            "": self._job,
            "/phase": self._phase,
            "/parameters": self._parameters,
            "/destruction": self._destruction,
            "/executionduration": self._duration,
            "/quote": self._quote,
            "/owner": self._owner,
            "/error": self._error,
            "/results": self._results,
            "/results/result": self._result,
        }
        methods = ["GET", "POST", "DELETE"]
        of_a_job = [
            Route(f"{path}/{{job}}{part}", self._with_job(endpoint), methods=methods)
            for part, endpoint in parts.items()
        ]
        return [Route(path, _refusing(self._list), methods=["GET", "POST"]), *of_a_job]

    def _with_job(self, endpoint: Callable[[Job, Request], Awaitable[Response]]) -> Endpoint:
        async def found(request: Request) -> Response:
            return await endpoint(self._jobs.find(request.path_params["job"]), request)

        return _refusing(found)

    def _to(self, job: Job) -> Response:
        return RedirectResponse(f"{self._url}/{job.identifier}", 303)

    async def _list(self, request: Request) -> Response:
        if request.method == "POST":
            return await self._create(request)
        query = {name.upper(): text for name, text in request.query_params.multi_items()}
        phases = [p.upper() for n, p in request.query_params.multi_items() if n.upper() == "PHASE"]
        after = _time("AFTER", query["AFTER"]) if "AFTER" in query else None
        last = _number("LAST", query["LAST"], 10**6) if "LAST" in query else None
        return uws_documents.job_list(self._jobs.listed(phases, after, last), self._url)

    async def _create(self, request: Request) -> Response:
        params, uploads = await read(request)
        job = self._jobs.create(_without(params), uploads)
        if params.get("PHASE", "").upper() == "RUN":
            self._jobs.run(job)
        return self._to(job)

    async def _job(self, job: Job, request: Request) -> Response:
        if request.method in _READING:
            await _wait(job, request)
            return uws_documents.job(job, self._url)
        params, _ = await read(request)
        if request.method == "DELETE" or params.get("ACTION", "").upper() == "DELETE":
            self._jobs.delete(job)
            return RedirectResponse(self._url, 303)
        raise JobError("a job takes ACTION=DELETE")

    async def _phase(self, job: Job, request: Request) -> Response:
        if request.method in _READING:
            await _wait(job, request)
            return PlainTextResponse(job.phase)
        params, _ = await read(request)
        asked = params.get("PHASE", "").upper()
        if asked == "RUN":
            self._jobs.run(job)
        elif asked == "ABORT":
            job.abort()
        else:
            raise JobError(f"PHASE={asked} is not RUN or ABORT")
        return self._to(job)

    async def _parameters(self, job: Job, request: Request) -> Response:
        if request.method in _READING:
            return uws_documents.parameters(job)
        params, uploads = await read(request)
        if job.phase != "PENDING":
            raise JobError(f"the parameters are fixed: the job's phase is {job.phase}")
        kept = [item for item in job.params.multi_items() if item[0] not in params]
        job.params = MultiDict([*kept, *_without(params).multi_items()])
        job.uploads |= uploads
        return self._to(job)

    async def _destruction(self, job: Job, request: Request) -> Response:
        if request.method in _READING:
            return PlainTextResponse(uws_documents.stamp(job.destruction))
        params, _ = await read(request)
        asked = _time("DESTRUCTION", params.get("DESTRUCTION", ""))
        job.destruction = min(asked, job.created + uws.LONGEST_RETENTION)
        return self._to(job)

    async def _duration(self, job: Job, request: Request) -> Response:
        if request.method in _READING:
            return PlainTextResponse(str(job.duration))
        params, _ = await read(request)
        text = params.get("EXECUTIONDURATION", "")
        job.duration = _number("EXECUTIONDURATION", text, uws.LONGEST)
        return self._to(job)

    async def _quote(self, job: Job, request: Request) -> Response:
        """The time by which the job will have ended: when its duration is over, at the latest."""
        return PlainTextResponse(uws_documents.stamp(uws_documents.quote(job)))

    async def _owner(self, job: Job, request: Request) -> Response:
        return PlainTextResponse("")

    async def _error(self, job: Job, request: Request) -> Response:
        if not job.error:
            raise JobError("the job has no error", 404)
        return Response(votable.error(job.error), media_type=votable.MEDIA_TYPE)

    async def _results(self, job: Job, request: Request) -> Response:
        return uws_documents.results(job, self._url)

    async def _result(self, job: Job, request: Request) -> Response:
        if not job.result:
            raise JobError(f"the job has no result: its phase is {job.phase}", 404)
        return Response(job.result.body, media_type=job.result.media_type)


def _refusing(endpoint: Endpoint) -> Endpoint:
    """Answer with the sentence of a request that cannot be met."""

    async def checked(request: Request) -> Response:
        try:
            return await endpoint(request)
        except RequestError as problem:
            status = problem.status if isinstance(problem, JobError) else 400
            return PlainTextResponse(f"{problem}\n", status)

    return checked


async def _wait(job: Job, request: Request) -> None:
    query = {name.upper(): text for name, text in request.query_params.items()}
    if "WAIT" in query:
        text = query["WAIT"]
        seconds = -1 if text == "-1" else _number("WAIT", text, 10**9)
        await job.wait(seconds, query.get("PHASE", "").upper())


def _without(params: MultiDict) -> MultiDict:
    return MultiDict([item for item in params.multi_items() if item[0] not in _OF_THE_JOB])


def _number(name: str, text: str, largest: int) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise JobError(f"{name}={text[:40]} is not a whole number")
    return min(int(text), largest)


def _time(name: str, text: str) -> datetime:
    try:
        time = datetime.fromisoformat(text)
        return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise JobError(f"{name}={text[:40]} is not a time like 2026-01-31T12:00:00Z") from None
