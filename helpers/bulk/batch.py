"""Cut a batch in the threads of this process: many requests at once, results as they come."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from helpers.bulk.shared_image import Outcome, SharedImage, Task
from helpers.bulk.targets import Target, Wanted, by_file, failure
from helpers.remote.cancellation import cancellable_threads, first_done
from helpers.remote.http import FileChangedError
from helpers.remote.link import ENOUGH, Link

#: Threads of a batch: they wait for the network most of the time.
THREADS = 32
#: Images that are open at once, as long as these keep the threads busy.
OPEN_IMAGES = 8


@dataclass(frozen=True)
class _Group:
    """Targets in one file, and whether it has turned out before to be another one."""

    targets: Sequence[Target]
    again: bool = False


@dataclass(frozen=True, eq=False)
class _Open:
    """An image that is open, what is left to do of it, and what it was opened for."""

    group: _Group
    image: SharedImage
    tasks: Iterator[Task]


def cut_here(
    targets: Iterable[Target], wanted: Wanted, threads: int = THREADS
) -> Iterator[Outcome]:
    """Yield number and outcome of each target as it is ready.

    Nothing more is read while the caller does not ask for the next one, so that what waits is
    bounded: one piece for each thread, and the stamps that it completes.

    Parameters
    ----------
    targets : iterable of Target
        What to cut out.
    wanted : Wanted
        Size and HDU.
    threads : int
        How many requests at once at the most.
    """
    with cancellable_threads(threads) as pool:
        yield from _Batch(pool, threads, targets, wanted).run()


@dataclass(frozen=True, eq=False)
class _Read:
    """A task that is under way, and how many bytes it reads."""

    opened: _Open
    size: int


class _Batch:
    def __init__(
        self, pool: ThreadPoolExecutor, threads: int, targets: Iterable[Target], wanted: Wanted
    ) -> None:
        self._pool, self._threads, self._wanted = pool, threads, wanted
        self._waiting = deque(map(_Group, by_file(targets)))
        self._open: deque[_Open] = deque()
        self._running: dict[Future[Any], _Read | _Group] = {}

    def run(self) -> Iterator[Outcome]:
        while self._start() or self._running:
            done = first_done(self._running)
            while done:
                # Taken out of both, so that what is yielded is not kept.
                future = done.pop()
                yield from self._finish(future, self._running.pop(future))

    def _start(self) -> bool:
        """Keep the threads busy, with a few tasks in reserve; whether any was started."""
        before = len(self._running)
        while len(self._running) < self._threads + self._threads // 4 + 1 and self._start_one():
            pass
        return len(self._running) > before

    def _start_one(self) -> bool:
        if self._waiting and len(self._open) < OPEN_IMAGES:
            group = self._waiting.popleft()
            make = partial(SharedImage, group.targets, self._wanted, self._threads)
            self._running[self._pool.submit(make)] = group
            return True
        for _ in range(len(self._open)):
            opened = self._open.popleft()
            if self._must_wait(opened.image.link):
                self._open.append(opened)
            elif task := next(opened.tasks, None):
                self._running[self._pool.submit(task.run)] = _Read(opened, task.size)
                # In turn, so that all are read at the same pace.
                self._open.append(opened)
                return True
        return bool(self._waiting) and len(self._open) < OPEN_IMAGES and self._start_one()

    def _must_wait(self, link: Link | None) -> bool:
        """Whether as much is under way as measures a link: which gaps to read follows from it."""
        if link is None or link.measured:
            return False
        reads = [each for each in self._running.values() if isinstance(each, _Read)]
        return sum(each.size for each in reads if each.opened.image.link is link) >= ENOUGH

    def _finish(self, future: Future[Any], source: _Read | _Group) -> Iterator[Outcome]:
        try:
            result = future.result()
        except FileChangedError as error:
            yield from self._again(source, error)
        # Broad, because whatever became of one file must not cost the others their cutouts.
        except Exception as error:  # noqa: BLE001
            yield from [(each.number, failure(each, error)) for each in _left(source)]
        else:
            if isinstance(source, _Group):
                self._open.append(_Open(source, result, result.tasks()))
                yield from result.failed
            else:
                yield from result

    def _again(self, source: _Read | _Group, error: FileChangedError) -> list[Outcome]:
        """Begin anew with a file that was replaced; what was remembered of it is forgotten."""
        group, left = source.opened.group if isinstance(source, _Read) else source, _left(source)
        if isinstance(source, _Read) and source.opened in self._open:
            self._open.remove(source.opened)
        if group.again:
            return [(target.number, error) for target in left]
        if left:
            self._waiting.append(replace(group, targets=left, again=True))
        return []


def _left(source: _Read | _Group) -> Sequence[Target]:
    return source.opened.image.give_up() if isinstance(source, _Read) else source.targets
