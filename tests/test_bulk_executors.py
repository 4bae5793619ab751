"""A batch in processes or on a cluster: shared evenly, and complete whatever workers die."""

from __future__ import annotations

import copyreg
import os
import pickle
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack
from multiprocessing import get_context
from typing import Any

import numpy as np
import pytest
from odd_servers import VersionedFile, odd_server
from test_batches import with_damaged_tiles
from test_bulk_planner import ETAG, SIDE, places, plain, same, spans, tiled, union

from helpers import Cutout, CutoutError, FitsError, cutout, cutouts, iter_cutouts
from helpers.bulk import units
from helpers.bulk.executors import MAX_SUBMISSIONS, cut_unit
from helpers.bulk.targets import Target, Wanted, by_file
from helpers.remote.fits_cache import remote_fits

pytestmark = pytest.mark.usefixtures("direct")


@pytest.fixture(scope="module")
def large() -> VersionedFile:
    return VersionedFile(plain(4000, 2000), (ETAG,))


def targets_of(base: str, file: VersionedFile, number: int) -> list[Target]:
    return [
        Target(number, f"{base}/a.fits", position)
        for number, position in enumerate(places(file.data, number))
    ]


def pairs(targets: list[Target]) -> list[tuple[Any, Any]]:
    return [(target.location, target.position) for target in targets]


# Units of work


def test_units_read_as_much_as_each_other_and_nothing_twice(
    large: VersionedFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(units, "LEAST_BYTES", 2**20)
    with odd_server(large) as base:
        targets = targets_of(base, large, 300)
        found = units.split(by_file(targets), Wanted(SIDE), 8, 4)
        read = []
        for unit in found:
            large.requests.clear()
            remote_fits.cache_clear()
            outcomes = cutouts(pairs(unit), SIDE, progress=False)
            assert all(isinstance(each, Cutout) for each in outcomes)
            read.append(spans(large.requests, len(large.data)))
    assert sorted(target.number for unit in found for target in unit) == list(range(300))
    sizes = [union(each) for each in read]
    assert 6 <= len(found) <= 12
    assert max(sizes) < 2 * np.mean(sizes)
    # Each unit reads the header again.
    assert sum(sizes) <= 1.05 * union([span for each in read for span in each]) + 2**16 * len(found)


def test_a_small_file_is_one_unit_and_many_files_are_joined() -> None:
    file = VersionedFile(plain(180, 240), (ETAG,))
    with odd_server(file) as base:
        targets = targets_of(base, file, 200)
        assert len(units.split(by_file(targets), Wanted(SIDE), 8, 4)) == 1
        spread = [Target(n, f"{base}/{n % 100}.fits", t.position) for n, t in enumerate(targets)]
        file.requests.clear()
        found = units.split(by_file(spread), Wanted(SIDE), 4, 4)
        assert file.requests == []
    files = [{target.location for target in unit} for unit in found]
    assert sum(map(len, files)) == 100
    assert len(found) == 25


def test_a_local_file_is_divided_by_its_targets(tmp_path) -> None:
    targets = [Target(number, tmp_path / "a.fits", None) for number in range(100)]
    found = units.split(by_file(targets), Wanted(SIDE), 8, 4)
    assert Counter(map(len, found)) == {13: 7, 9: 1}


# Executors


def test_what_a_unit_sends_back_is_hardly_more_than_its_pixels(
    cluster: Any, large: VersionedFile
) -> None:
    from distributed.protocol import serialize, to_serialize

    with odd_server(large) as base:
        finished = cut_unit(targets_of(base, large, 200), Wanted(SIDE))
    _, frames = serialize(to_serialize(finished))
    assert sum(map(len, frames)) < 200 * (SIDE * SIDE * 4 + 500) + 20_000


@pytest.mark.parametrize("kind", [pytest.param("float32", marks=pytest.mark.slow), "RICE_1"])
def test_a_loop_threads_processes_and_dask_give_the_same(kind: str, cluster) -> None:
    file = VersionedFile(plain() if kind == "float32" else tiled(kind), (ETAG,))
    with odd_server(file) as base:
        wanted = pairs(targets_of(base, file, 40))
        loop = [cutout(*target, SIDE) for target in wanted]
        threads = cutouts(wanted, SIDE, progress=False)
        with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as executor:
            processes = cutouts(wanted, SIDE, executor=executor, progress=False)
        client = cutouts(wanted, SIDE, executor=cluster, progress=False)
        through = cutouts(wanted, SIDE, executor=cluster.get_executor(), progress=False)
    for others in (threads, processes, client, through):
        assert all(same(one, other) for one, other in zip(loop, others, strict=True))


@pytest.mark.usefixtures("cluster")
@pytest.mark.parametrize("kind", ["RICE_1", "GZIP_1"])
def test_an_error_that_dask_cannot_pickle_does_not_cost_its_unit(kind: str) -> None:
    """It pickles causes too, and the exception of CFITSIO has no public class."""
    file = VersionedFile(with_damaged_tiles(kind), (ETAG,))
    with odd_server(file) as base:
        position = places(plain(180, 240), 1, reach=0.2)[0]
        unit = [Target(0, f"{base}/bad.fits", position)]
        [(number, error)] = pickle.loads(pickle.dumps(cut_unit(unit, Wanted(SIDE)))).outcomes
    assert (number, type(error), error.url) == (0, FitsError, f"{base}/bad.fits")


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """A client of two workers, each a process that is started again when it dies."""
    # dask changes how exceptions are pickled in the whole process.
    before = dict(copyreg.dispatch_table)
    import distributed

    with ExitStack() as stack:
        stack.callback(copyreg.dispatch_table.update, before)
        stack.callback(copyreg.dispatch_table.clear)
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        for name in ("NO_PROXY", "no_proxy"):
            patch.setenv(name, "*")
        cluster = distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=":0", silence_logs=50
        )
        stack.enter_context(cluster)
        yield stack.enter_context(distributed.Client(cluster))


class Killer:
    """Kills a worker of a cluster at random, again and again."""

    def __init__(self, client: Any, times: int) -> None:
        self._client, self._times = client, times
        self.killed = 0
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Killer:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._end.set()
        self._thread.join()

    def _run(self) -> None:
        dice, seen = random.Random(1), {}
        while self.killed < self._times and not self._end.wait(dice.uniform(0.2, 0.8)):
            at_work = self._client.nthreads()
            seen = {each: seen.get(each, time.monotonic()) for each in at_work}
            nannies = self._client.cluster.workers.values()
            pids = [
                each.process.pid
                for each in nannies
                # dask gives up on a worker that dies while it starts.
                if time.monotonic() - seen.get(each.worker_address, np.inf) > 1
            ]
            if len(pids) == 2:
                os.kill(dice.choice(pids), signal.SIGKILL)
                self.killed += 1


@pytest.mark.parametrize("times", [1, pytest.param(20, marks=pytest.mark.slow)])
def test_workers_that_die_cost_nothing_and_repeat_nothing(cluster, times: int) -> None:
    file = VersionedFile(plain(180, 240), (ETAG,))

    def slow(request):
        time.sleep(0.2)
        return file(request)

    with odd_server(slow) as base, Killer(cluster, times) as killer:
        positions = places(file.data, 5)
        while killer.killed < times:
            targets = [(f"{base}/{n // 5}.fits", positions[n % 5]) for n in range(300)]
            numbers = []
            for number, outcome in iter_cutouts(targets, SIDE, executor=cluster, progress=False):
                numbers.append(number)
                assert isinstance(outcome, Cutout), outcome
            assert sorted(numbers) == list(range(300))


class Breaking(ThreadPoolExecutor):
    """An executor whose workers die with the units of one file, as often as told."""

    def __init__(self, name: str, times: int) -> None:
        super().__init__(1)
        self._name, self._times, self.submitted = name, times, Counter()

    def submit(self, function, /, *arguments, **options) -> Future:
        location = arguments[0][0].location
        self.submitted[location, len(arguments[0])] += 1
        if str(location).endswith(self._name) and self._times > 0:
            self._times -= 1
            future: Future = Future()
            future.set_exception(BrokenProcessPool("a worker died"))
            return future
        return super().submit(function, *arguments, **options)


@pytest.mark.parametrize("times", [1, MAX_SUBMISSIONS - 1, MAX_SUBMISSIONS, 100])
def test_a_unit_is_submitted_again_a_few_times_then_target_by_target(times: int) -> None:
    file = VersionedFile(plain(180, 240), (ETAG,))
    with odd_server(file) as base, Breaking("bad.fits", times) as executor:
        positions = places(file.data, 3)
        targets = [(f"{base}/{name}.fits", each) for name in ("good", "bad") for each in positions]
        outcomes = cutouts(targets, SIDE, executor=executor, progress=False)
    assert all(isinstance(each, Cutout) for each in outcomes[:3])
    kind = Cutout if times < 100 else CutoutError
    assert all(isinstance(each, kind) for each in outcomes[3:])
    assert executor.submitted[f"{base}/bad.fits", 3] == min(times + 1, MAX_SUBMISSIONS)
    singly = executor.submitted[f"{base}/bad.fits", 1]
    assert singly == {100: 3 * MAX_SUBMISSIONS, MAX_SUBMISSIONS: 3}.get(times, 0)


def test_only_some_results_wait_where_nobody_asks_for_the_next(tmp_path) -> None:
    path = tmp_path / "a.fits"
    path.write_bytes(plain(180, 240))
    position = places(path.read_bytes(), 1)[0]
    executor = Breaking("none", 0)
    with executor:
        targets = [(path, position)] * 5000
        ready = iter_cutouts(targets, SIDE, executor=executor, progress=False)
        next(ready)
        assert sum(executor.submitted.values()) <= 4 + 1
        assert sorted(number for number, _ in ready)[-1] == 4999
