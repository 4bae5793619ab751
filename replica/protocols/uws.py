"""Jobs that run while the client is away: IVOA UWS 1.1."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from starlette.datastructures import MultiDict

from replica.protocols.adql import Limit
from replica.protocols.dali import RequestError
from replica.protocols.tables import QueryError
from replica.protocols.tap_query import Result

log = logging.getLogger(__name__)

#: How long a job may run unless it says otherwise, and at most, seconds.
DURATION, LONGEST = 600, 3600
#: How long a job is kept unless it says otherwise, and at most.
RETENTION, LONGEST_RETENTION = timedelta(days=2), timedelta(days=30)
#: How many jobs are kept, and with how many bytes; the oldest ended ones go first.
MAX_JOBS, MAX_BYTES = 200, 300_000_000
#: The longest answer to a request with WAIT, seconds.
LONGEST_WAIT = 60.0

ACTIVE = ("PENDING", "QUEUED", "EXECUTING")
PHASES = (*ACTIVE, "COMPLETED", "ERROR", "ABORTED")

_workers = ThreadPoolExecutor(max_workers=4, thread_name_prefix="job")


class JobError(RequestError):
    """A request to a job that cannot be met; the status says what kind of refusal it is.

    Attributes
    ----------
    status : int
        HTTP status.
    """

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


def now() -> datetime:
    """The time, UTC, in whole milliseconds as it is written."""
    time = datetime.now(UTC)
    return time.replace(microsecond=time.microsecond // 1000 * 1000)


@dataclass(eq=False)
class Job:
    """A job.

    Attributes
    ----------
    params : MultiDict
        Parameters by their names in capitals.
    uploads : dict
        Content of uploaded tables by their names.
    identifier, phase : str
        As in UWS.
    created, started, ended, destruction : datetime.datetime or None
        UTC; None for what has not happened yet.
    duration : int
        Seconds after which it is stopped; 0 for the longest that is possible.
    error : str
        The sentence of a job that failed.
    result : Result or None
        The answer.
    """

    params: MultiDict
    uploads: dict[str, bytes]
    identifier: str = field(default_factory=lambda: secrets.token_hex(8))
    phase: str = "PENDING"
    created: datetime = field(default_factory=now)
    started: datetime | None = None
    ended: datetime | None = None
    destruction: datetime = field(default_factory=lambda: now() + RETENTION)
    duration: int = DURATION
    error: str = ""
    result: Result | None = None
    limit: Limit | None = None
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def enter(self, phase: str) -> None:
        """Go on to a phase, and wake those who wait for a change."""
        self.phase = phase
        if phase == "EXECUTING":
            self.started = now()
        elif phase not in ACTIVE:
            self.ended = now()
        self.changed.set()
        self.changed = asyncio.Event()

    @property
    def size(self) -> int:
        """Bytes that it holds."""
        uploads = sum(map(len, self.uploads.values()))
        return uploads + (len(self.result.body) if self.result else 0)

    def abort(self) -> None:
        """Stop the job, unless it has ended."""
        if self.phase in ACTIVE:
            if self.limit:
                self.limit.stop()
            self.enter("ABORTED")

    async def wait(self, seconds: float, phase: str) -> None:
        """Wait for the job to leave a phase in which it is active (UWS 1.1, section 2.2.1.1)."""
        seconds = LONGEST_WAIT if seconds < 0 else min(seconds, LONGEST_WAIT)
        if self.phase not in ACTIVE or (phase and phase != self.phase):
            return
        try:
            await asyncio.wait_for(self.changed.wait(), seconds)
        except TimeoutError:
            return


Work = Callable[[MultiDict, dict[str, bytes], Limit], Result]


class Jobs:
    """The jobs of one service.

    Parameters
    ----------
    work : callable
        Makes the result of a job, in a thread; raises RequestError or QueryError.
    """

    def __init__(self, work: Work) -> None:
        self._work = work
        self._jobs: dict[str, Job] = {}

    def create(self, params: MultiDict, uploads: dict[str, bytes]) -> Job:
        """Make a job that waits to be run.

        Raises
        ------
        JobError
            If too many jobs have not ended.
        """
        job = Job(params, uploads)
        self._jobs[job.identifier] = job
        self._tidy()
        if len(self._jobs) > MAX_JOBS or self._size() > MAX_BYTES:
            self.delete(job)
            raise JobError("too many jobs wait: run or delete some", 503)
        return job

    def find(self, identifier: str) -> Job:
        """Return the job with that identifier.

        Raises
        ------
        JobError
            If there is none, or it was destroyed.
        """
        self._tidy()
        if identifier not in self._jobs:
            raise JobError(f"there is no job {identifier}", 404)
        return self._jobs[identifier]

    def listed(self, phases: Iterable[str], after: datetime | None, last: int | None) -> list[Job]:
        """Return the jobs in some phases (all if there are none), the newest first."""
        self._tidy()
        wanted = set(phases)
        jobs = [job for job in reversed(self._jobs.values()) if not wanted or job.phase in wanted]
        return [job for job in jobs if after is None or job.created > after][:last]

    def delete(self, job: Job) -> None:
        """Stop a job and forget it."""
        job.abort()
        self._jobs.pop(job.identifier, None)

    def run(self, job: Job) -> None:
        """Begin to work at a job.

        Raises
        ------
        JobError
            If it is not waiting to be run.
        """
        if job.phase != "PENDING":
            raise JobError(f"the job cannot be run: its phase is {job.phase}")
        job.enter("QUEUED")
        loop = asyncio.get_running_loop()
        future = loop.run_in_executor(_workers, self._execute, job, loop)
        future.add_done_callback(lambda _: self._tidy())

    def _execute(self, job: Job, loop: asyncio.AbstractEventLoop) -> None:
        """Work in a thread; all changes of the job are made by the event loop."""
        if job.phase != "QUEUED":
            return
        job.limit = Limit(job.duration or LONGEST)
        loop.call_soon_threadsafe(_enter, job, "QUEUED", "EXECUTING", None, "")
        outcome = self._outcome(job, job.limit)
        loop.call_soon_threadsafe(_enter, job, "EXECUTING", *outcome)

    def _outcome(self, job: Job, limit: Limit) -> tuple[str, Result | None, str]:
        """Do the work; return the phase to enter, the result and the reason of a failure."""
        try:
            return "COMPLETED", self._work(job.params, job.uploads, limit), ""
        except (RequestError, QueryError) as problem:
            return "ERROR", None, str(problem)
        except Exception as problem:
            log.exception("the job %s failed", job.identifier)
            return "ERROR", None, f"this is a defect of the replica: {problem!r}"

    def _tidy(self) -> None:
        """Forget the jobs whose time is over, and the oldest ended ones if there are too many."""
        for job in [job for job in self._jobs.values() if job.destruction <= now()]:
            self.delete(job)
        ended = [job for job in self._jobs.values() if job.phase not in ACTIVE]
        # The last one to end has a client that is about to come for it.
        for job in sorted(ended, key=lambda job: job.ended or job.created)[:-1]:
            if len(self._jobs) <= MAX_JOBS and self._size() <= MAX_BYTES:
                return
            self.delete(job)

    def _size(self) -> int:
        return sum(job.size for job in self._jobs.values())


def _enter(job: Job, expected: str, phase: str, result: Result | None, error: str) -> None:
    """Go on to a phase, unless the job was stopped meanwhile."""
    if job.phase == expected:
        job.result, job.error = result, error
        job.enter(phase)
