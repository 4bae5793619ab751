"""Cut a batch wherever an executor works: in processes, or on a cluster."""

from __future__ import annotations

import pickle
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import BrokenExecutor, Executor, Future
from dataclasses import dataclass, replace
from typing import Any

from helpers.bulk.batch import THREADS, cut_here
from helpers.bulk.positions import icrs_of
from helpers.bulk.shared_image import Outcome
from helpers.bulk.targets import Target, Wanted, by_file, failure, target_of
from helpers.bulk.units import split
from helpers.errors import ArchiveAccessError
from helpers.one_cutout import Cutout
from helpers.remote.cancellation import first_done

#: Threads within each unit of work of an executor.
THREADS_OF_A_UNIT = 16
#: How often a unit is submitted whose worker died.
MAX_SUBMISSIONS = 3
#: Workers, where an executor does not say how many it has.
WORKERS = 16
#: Units for each worker: so many that all end at about the same time.
UNITS_OF_A_WORKER = 4

# What an executor raises when a worker died; dask's are known by name, for it may be missing.
_DIED = frozenset({"KilledWorker", "CancelledError", "FutureCancelledError"})


@dataclass(frozen=True)
class _Unit:
    """Targets that go to a worker together, and how often they did."""

    targets: Sequence[Target]
    submissions: int = 0


@dataclass(frozen=True)
class Finished:
    """What became of a unit's targets.

    Not a list: dask pickles the items of a list one by one, with the WCS and the header that
    they share in each.
    """

    outcomes: Sequence[Outcome]


def cut_anywhere(
    executor: Executor | Any, given: Sequence[Any], wanted: Wanted
) -> Iterator[Outcome]:
    """Yield number and outcome of each target as it is ready.

    Parameters
    ----------
    executor : concurrent.futures.Executor, dask.distributed.Client or None
        Where to work; None means threads of this process.
    given : sequence of (location, position)
        What users want, or whatever they gave instead.
    wanted : Wanted
        Size and HDU.
    """
    targets = []
    for number, each in enumerate(given):
        try:
            targets.append(each if isinstance(each, Target) else target_of(number, each, wanted))
        except ArchiveAccessError as error:
            yield number, error
    if executor is None:
        yield from cut_here(targets, wanted)
    else:
        yield from _Submitted(executor, targets, wanted).run()


def cut_unit(targets: Sequence[Target], wanted: Wanted) -> Finished:
    """Cut a unit's targets; this is what a worker runs."""
    ready = cut_here(targets, wanted, THREADS_OF_A_UNIT)
    return Finished([(number, _portable(outcome)) for number, outcome in ready])


def _portable(outcome: Cutout | ArchiveAccessError) -> Cutout | ArchiveAccessError:
    """Leave the cause of an error behind where it cannot be pickled.

    Pickle itself always does, but dask makes it take causes along, and CFITSIO's has no public
    class.
    """
    if isinstance(outcome, ArchiveAccessError):
        try:
            pickle.dumps(outcome)
        # Broad, because it depends on what the cause is made of.
        except Exception:  # noqa: BLE001
            return type(outcome)(str(outcome), outcome.url)
    return outcome


def _light(target: Target) -> Target:
    """Return a target as it is sent: a SkyCoord takes ten times longer to pickle than degrees."""
    place = icrs_of(target.position)
    return target if place is None else replace(target, position=place)


def workers_of(executor: Any) -> int:
    """Return how many units an executor can work on at the same time, or a guess."""
    client = getattr(executor, "_client", None)
    if client is not None:
        return max(1, sum(map(int, client.nthreads().values())))
    # Not public, but every pool of the standard library has it.
    return int(getattr(executor, "_max_workers", WORKERS))


class _Submitted:
    """A batch of which an executor works on the units."""

    def __init__(self, executor: Any, targets: Sequence[Target], wanted: Wanted) -> None:
        if hasattr(executor, "get_executor"):  # a dask Client
            executor = executor.get_executor(pure=False)
        self._executor, self._wanted = executor, wanted
        self._most = UNITS_OF_A_WORKER * workers_of(executor)
        units = split(by_file(targets), wanted, self._most, THREADS)
        self._waiting = deque(map(_Unit, units))
        self._running: dict[Future[Finished], _Unit] = {}

    def run(self) -> Iterator[Outcome]:
        try:
            while self._waiting or self._running:
                # No more than this, so that the results that wait here are bounded.
                while self._waiting and len(self._running) < self._most:
                    yield from self._submit(self._waiting.popleft())
                for future in first_done(self._running):
                    yield from self._finish(future, self._running.pop(future))
        except BaseException:
            # The executor may be someone else's, and go on: it begins no more of these.
            for future in self._running:
                future.cancel()
            raise

    def _submit(self, unit: _Unit) -> list[Outcome]:
        try:
            future = self._executor.submit(cut_unit, list(map(_light, unit.targets)), self._wanted)
        # Broad, because executors differ: broken, or unable to send this to their workers.
        except Exception as error:  # noqa: BLE001
            return [(target.number, failure(target, error)) for target in unit.targets]
        self._running[future] = _Unit(unit.targets, unit.submissions + 1)
        return []

    def _finish(self, future: Future[Finished], unit: _Unit) -> Sequence[Outcome]:
        try:
            return future.result().outcomes
        # Broad: the unit's own errors are results, so this is one of the executor.
        except Exception as error:  # noqa: BLE001
            return self._again(unit, error)

    def _again(self, unit: _Unit, error: Exception) -> list[Outcome]:
        """Submit a unit again whose worker died; one that fails anyway, target by target."""
        died = isinstance(error, BrokenExecutor) or type(error).__name__ in _DIED
        if died and unit.submissions < MAX_SUBMISSIONS:
            self._waiting.append(unit)
            return []
        if len(unit.targets) > 1:
            self._waiting.extend(_Unit([target]) for target in unit.targets)
            return []
        (target,) = unit.targets
        return [(target.number, failure(target, error))]
