"""Threads that are left, not waited for, when their work is interrupted."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from threading import Event

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
