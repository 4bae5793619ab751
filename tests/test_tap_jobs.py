"""Jobs of TAP (UWS 1.1): their phases, times, results and ends, through pyvo and by hand."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree

import pytest
import pyvo
import requests
from closing_session import ClosingSession
from pyvo.dal import TAPService
from starlette.datastructures import MultiDict

from replica.protocols import uws
from replica.protocols.adql import Limit
from replica.protocols.tap_query import Result
from replica.protocols.uws import JobError, Jobs

URL = "https://heasarc.gsfc.nasa.gov/xamin/vo/tap"
ASYNC = f"{URL}/async"
REGISTRY = "http://reg.g-vo.org/tap"
#: A query that works until it is stopped.
ENDLESS = "SELECT COUNT(*) FROM " + ", ".join(f"chanmaster AS t{n}" for n in range(12))


pytestmark = pytest.mark.usefixtures("vocabularies_stay_here")


@pytest.fixture
def service(session: ClosingSession) -> TAPService:
    return TAPService(URL, session=session)


def post(url: str, **data: object) -> requests.Response:
    """POST without following where it leads."""
    return requests.post(url, data=data, allow_redirects=False)


def new_job(query: str = "SELECT 1 AS x", **parameters: object) -> str:
    """Make a job; return its address."""
    answer = post(ASYNC, LANG="ADQL", QUERY=query, **parameters)
    assert answer.status_code == 303
    return answer.headers["location"]


def text(url: str, **params: object) -> str:
    answer = requests.get(url, params=params)
    assert answer.status_code == 200, answer.text
    return answer.text


def wait_for(job: str, *phases: str) -> str:
    """Wait until the job is in one of the phases."""
    ends = time.monotonic() + 30
    while (phase := text(f"{job}/phase")) not in phases:
        assert time.monotonic() < ends, phase
        time.sleep(0.05)
    return phase


# pyvo


def test_pyvo_runs_a_query_as_a_job(service: TAPService) -> None:
    found = service.run_async("SELECT obsid FROM chanmaster WHERE name = 'Cas A'")
    assert list(found["obsid"]) == ["4634", "1952", "114", "19606", "214"]


def test_pyvo_runs_a_query_as_a_job_of_the_registry(session: ClosingSession) -> None:
    found = TAPService(REGISTRY, session=session).run_async("SELECT COUNT(*) FROM rr.resource")
    assert found["count"][0] > 10


def test_pyvo_leads_a_job_through_its_life(service: TAPService) -> None:
    job = service.submit_job("SELECT TOP 2 obsid FROM chanmaster", maxrec=1)
    assert job.phase == "PENDING"
    job.query = "SELECT TOP 3 obsid FROM chanmaster ORDER BY obsid"
    job.execution_duration = 50
    job.destruction = datetime(2100, 1, 1)
    assert job.execution_duration.sec == 50
    kept = job.destruction.to_datetime(timezone=UTC) - datetime.now(UTC)
    assert timedelta(days=29) < kept < timedelta(days=31)
    assert job.owner is None
    assert job.uws_version == "1.1"
    job.run().wait()
    assert job.phase == "COMPLETED"
    job.raise_if_error()
    assert job.result_uri == f"{job.url}/results/result"
    assert len(job.fetch_result()) == 1
    assert job.job_id in [each.jobid for each in service.get_job_list()]
    assert service.get_job(job.job_id).phase == "COMPLETED"
    url = job.url
    job.delete()
    assert requests.get(url).status_code == 404


def test_pyvo_raises_the_error_of_a_job(service: TAPService) -> None:
    with pytest.raises(pyvo.dal.DALQueryError, match="no such column: nothing"):
        service.run_async("SELECT nothing FROM chanmaster")


def test_pyvo_aborts_a_job_that_would_not_end(service: TAPService) -> None:
    job = service.submit_job(ENDLESS).run()
    wait_for(job.url, "EXECUTING")
    job.abort()
    assert job.phase == "ABORTED"
    with pytest.raises(pyvo.dal.DALQueryError):
        job.fetch_result()
    job.delete()


# By hand


def test_a_job_runs_at_once_if_its_request_says_so() -> None:
    job = new_job("SELECT 7 AS x", PHASE="RUN", FORMAT="csv")
    wait_for(job, "COMPLETED")
    answer = requests.get(f"{job}/results/result")
    assert answer.content.decode() == "x\r\n7\r\n"
    assert answer.headers["content-type"].startswith("text/csv")


def test_a_multipart_form_makes_a_job() -> None:
    parts = {"QUERY": (None, "SELECT 7 AS x"), "PHASE": (None, "RUN")}
    answer = requests.post(ASYNC, files=parts, allow_redirects=False)
    assert wait_for(answer.headers["location"], "COMPLETED", "ERROR") == "COMPLETED"


def test_the_document_of_a_job_tells_all_of_it() -> None:
    job = new_job("SELECT 'a < b' AS x", RUNID="mine")
    post(f"{job}/phase", PHASE="RUN")
    wait_for(job, "COMPLETED")
    root = ElementTree.fromstring(text(job))
    names = [child.tag.rpartition("}")[2] for child in root]
    assert names == [
        *("jobId", "runId", "ownerId", "phase", "quote", "creationTime", "startTime", "endTime"),
        *("executionDuration", "destruction", "parameters", "results"),
    ]
    values = {child.tag.rpartition("}")[2]: child.text for child in root}
    assert job.endswith(f"/{values['jobId']}")
    assert values["runId"] == "mine"
    times = [values[name] for name in ("creationTime", "startTime", "endTime")]
    assert times == sorted(times)
    parameters = {each.get("id"): each.text for each in root.iterfind("{*}parameters/")}
    assert parameters == {"LANG": "ADQL", "QUERY": "SELECT 'a < b' AS x", "RUNID": "mine"}
    result = root.find("{*}results/{*}result")
    assert result.get("{http://www.w3.org/1999/xlink}href") == f"{job}/results/result"
    assert int(result.get("size")) == len(requests.get(f"{job}/results/result").content)


@pytest.mark.parametrize("way", ["DELETE", "POST"])
def test_a_job_can_be_destroyed_while_it_works(way: str) -> None:
    job = new_job(ENDLESS, PHASE="RUN")
    wait_for(job, "EXECUTING")
    answer = (
        requests.delete(job, allow_redirects=False)
        if way == "DELETE"
        else post(job, ACTION="DELETE")
    )
    assert (answer.status_code, answer.headers["location"]) == (303, ASYNC)
    assert requests.get(f"{job}/phase").status_code == 404


def test_stopped_jobs_make_room_for_others() -> None:
    """As many endless jobs as there are workers; once they are stopped the next one runs."""
    jobs = [new_job(ENDLESS, PHASE="RUN") for _ in range(4)]
    for job in jobs:
        wait_for(job, "EXECUTING")
    waiting = new_job(PHASE="RUN")
    assert text(f"{waiting}/phase") == "QUEUED"
    for job in jobs:
        post(f"{job}/phase", PHASE="ABORT")
    wait_for(waiting, "COMPLETED")


def test_a_job_ends_with_its_duration() -> None:
    job = new_job(ENDLESS)
    post(f"{job}/executionduration", EXECUTIONDURATION=1)
    post(f"{job}/phase", PHASE="RUN")
    wait_for(job, "ERROR")
    assert "longer than 1 seconds" in text(f"{job}/error")
    assert "longer than 1 seconds" in text(job)


def test_a_job_is_gone_after_its_destruction() -> None:
    job = new_job()
    soon = datetime.now(UTC) + timedelta(seconds=0.3)
    post(f"{job}/destruction", DESTRUCTION=soon.isoformat())
    assert requests.get(job).status_code == 200
    time.sleep(0.5)
    assert requests.get(job).status_code == 404


def test_wait_answers_when_the_phase_changes() -> None:
    job = new_job(ENDLESS)
    post(f"{job}/executionduration", EXECUTIONDURATION=1)
    post(f"{job}/phase", PHASE="RUN")
    wait_for(job, "EXECUTING")
    root = ElementTree.fromstring(text(job, WAIT=-1, PHASE="EXECUTING"))
    assert root.findtext("{*}phase") == "ERROR"


def test_wait_does_not_wait_for_what_does_not_change() -> None:
    job = new_job()
    began = time.monotonic()
    assert text(f"{job}/phase", WAIT=1) == "PENDING"
    assert time.monotonic() - began >= 1
    post(f"{job}/phase", PHASE="ABORT")
    assert text(f"{job}/phase", WAIT=-1) == "ABORTED"
    assert time.monotonic() - began < 20


def test_the_list_can_be_asked_for_some_jobs() -> None:
    before = datetime.now(UTC)
    pending, aborted = new_job(), new_job()
    post(f"{aborted}/phase", PHASE="ABORT")

    def listed(**params: object) -> list[str]:
        root = ElementTree.fromstring(text(ASYNC, **params))
        return [f"{ASYNC}/{each.get('id')}" for each in root]

    assert listed(AFTER=before.isoformat()) == [aborted, pending]
    assert pending in listed(PHASE="PENDING")
    assert aborted not in listed(PHASE="PENDING")
    assert {pending, aborted} <= set(listed(PHASE=["PENDING", "ABORTED"]))
    assert listed(LAST=1) == [aborted]
    assert listed(LAST=0) == []


@pytest.mark.parametrize("part", ["owner", "quote", "parameters", "results", "destruction"])
def test_a_job_has_all_its_parts(part: str) -> None:
    assert requests.get(f"{new_job()}/{part}").status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "data", "status", "sentence"),
    [
        ("GET", "/nothing", {}, 404, "no job nothing"),
        ("GET", "/JOB/error", {}, 404, "no error"),
        ("GET", "/JOB/results/result", {}, 404, "no result: its phase is PENDING"),
        ("POST", "/JOB/phase", {"PHASE": "WALK"}, 400, "PHASE=WALK"),
        ("POST", "/JOB/phase", {}, 400, "not RUN or ABORT"),
        ("POST", "/JOB", {}, 400, "ACTION=DELETE"),
        ("POST", "/JOB/destruction", {"DESTRUCTION": "soon"}, 400, "DESTRUCTION=soon"),
        ("POST", "/JOB/executionduration", {"EXECUTIONDURATION": "-1"}, 400, "whole number"),
        ("GET", "?AFTER=yesterday", {}, 400, "AFTER=yesterday"),
        ("GET", "?AFTER=9999-12-31T23:59:59-23:59", {}, 400, "AFTER=9999"),
        ("GET", "?LAST=few", {}, 400, "LAST=few"),
        ("GET", "/JOB?WAIT=long", {}, 400, "WAIT=long"),
        ("POST", "", {"QUERY": "SELECT 1", "UPLOAD": "a,param:b"}, 400, "no file called b"),
    ],
)
def test_what_a_job_cannot_do_is_told(
    method: str, path: str, data: dict, status: int, sentence: str
) -> None:
    url = ASYNC + path.replace("/JOB", new_job().removeprefix(ASYNC))
    answer = requests.request(method, url, data=data, allow_redirects=False)
    assert answer.status_code == status
    assert sentence in answer.text


def test_a_job_cannot_be_run_twice_nor_changed_afterwards() -> None:
    job = new_job(PHASE="RUN")
    wait_for(job, "COMPLETED")
    assert post(f"{job}/phase", PHASE="RUN").status_code == 400
    assert "fixed" in post(f"{job}/parameters", QUERY="SELECT 2").text
    assert post(f"{job}/phase", PHASE="ABORT").status_code == 303
    assert text(f"{job}/phase") == "COMPLETED"


# How many are kept


def no_work(params: object, uploads: object, limit: Limit) -> Result:
    return Result(b"x" * 100, "text/plain")


def ended(jobs: Jobs) -> uws.Job:
    job = jobs.create(MultiDict(), {})
    job.result = Result(b"x" * 100, "text/plain")
    job.enter("COMPLETED")
    return job


@pytest.mark.parametrize(("name", "value"), [("MAX_JOBS", 3), ("MAX_BYTES", 300)])
def test_the_oldest_ended_jobs_go_when_there_are_too_many(
    monkeypatch: pytest.MonkeyPatch, name: str, value: int
) -> None:
    monkeypatch.setattr(uws, name, value)
    jobs = Jobs(no_work)
    made = [ended(jobs) for _ in range(5)]
    assert set(jobs.listed([], None, None)) == set(made[2:])


def test_jobs_that_have_not_ended_are_kept_and_no_more_are_taken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(uws, "MAX_JOBS", 3)
    jobs = Jobs(no_work)
    waiting = [jobs.create(MultiDict(), {}) for _ in range(3)]
    with pytest.raises(JobError, match="too many jobs wait"):
        jobs.create(MultiDict(), {})
    assert jobs.listed([], None, None) == waiting[::-1]
