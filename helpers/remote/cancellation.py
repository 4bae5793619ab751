"""Threads that are left, not waited for, when their work is interrupted."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from contextvars import ContextVar
from threading import Event
from typing import TypeVar

T = TypeVar("T")
#: Seconds after which a wait for futures looks whether it was interrupted.
_WAKE = 0.5

#: Set in a thread of `cancellable_threads`: any of these events says that nobody waits any more.
_EVENTS: ContextVar[tuple[Event, ...]] = ContextVar("events", default=())


def cancelled() -> bool:
    """Whether nobody waits any more for what this thread does."""
    return any(event.is_set() for event in _EVENTS.get())


@contextmanager
def cancellable_threads(number: int) -> Iterator[ThreadPoolExecutor]:
    """Yield threads which, if the block raises, begin nothing new and are not waited for.

    What such a thread is reading from the network ends with the next bytes, or with the
    time-out for them; see `helpers.remote.http`.

    Parameters
    ----------
    number : int
        How many threads at the most.
    """
    event = Event()
    # Threads within threads also end with the outer ones.
    events = (*_EVENTS.get(), event)
    pool = ThreadPoolExecutor(number, initializer=_EVENTS.set, initargs=(events,))
    try:
        yield pool
    except BaseException:
        event.set()
        raise
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def first_done(futures: Collection[Future[T]]) -> set[Future[T]]:
    """Wait until some of the futures are done, and return these; none if there are none.

    An interrupt that comes between the last look for one and the beginning of a wait does not
    end that wait, which would go on until a future is done.
    """
    done: set[Future[T]] = set()
    while futures and not done:
        done, _ = wait(futures, _WAKE, FIRST_COMPLETED)
    return done
