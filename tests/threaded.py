"""Run a replica in a thread of the tests: it starts at once, and its settings can be any."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from queue import Queue

from replica.server import Replica, Settings, running


@contextmanager
def threaded_replica(settings: Settings) -> Iterator[Replica]:
    """Run a replica in a thread, with real sockets, for the length of the block."""
    started: Queue[tuple[Replica, asyncio.AbstractEventLoop, asyncio.Event]] = Queue()

    async def serve() -> None:
        async with running(settings) as replica:
            stop = asyncio.Event()
            started.put((replica, asyncio.get_running_loop(), stop))
            await stop.wait()

    thread = threading.Thread(target=asyncio.run, args=(serve(),), daemon=True)
    thread.start()
    replica, loop, stop = started.get(timeout=30)
    try:
        yield replica
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(timeout=30)


@contextmanager
def environment(variables: dict[str, str]) -> Iterator[None]:
    """Let variables hold in this process for the length of the block."""
    before = dict(os.environ)
    os.environ.update(variables)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
