"""Start real replicas for the tests, each a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from starlette.staticfiles import StaticFiles

from helpers.replica_process import start_replica

ROOT = Path(__file__).parent.parent


def fresh_environment(**variables: str) -> dict[str, str]:
    """The variables of a shell that knows of no proxy and no replica, and `variables`."""
    foreign = ("PROXY", "BUNDLE", "CERT_FILE", "PIP_CERT", "FSSPEC", "ARCHIVES")
    plain = {k: v for k, v in os.environ.items() if not any(part in k.upper() for part in foreign)}
    return plain | variables


@dataclass(frozen=True)
class RunningReplica:
    """A running replica and its access log."""

    process: subprocess.Popen[str]
    environment: dict[str, str]
    log: Path

    @property
    def proxy(self) -> str:
        return self.environment["HTTP_PROXY"]

    def requests(self) -> list[dict]:
        """Return the log so far, one entry a request."""
        return [json.loads(line) for line in self.log.read_text().splitlines()]

    @contextmanager
    def requests_inside(self) -> Iterator[list[dict]]:
        """Collect the requests logged during the block."""
        before = len(self._settled())
        inside: list[dict] = []
        yield inside
        inside.extend(self._settled()[before:])

    def _settled(self) -> list[dict]:
        """Return the log once it grows no more: a line is written after its answer is sent."""
        before, now = -1, self.requests()
        while len(now) > before:
            time.sleep(0.1)
            before, now = len(now), self.requests()
        return now


@contextmanager
def replica(folder: Path, *options: str, **environment: str) -> Iterator[RunningReplica]:
    """Run a replica with options of ``serve`` and more variables; its log goes into `folder`."""
    log = folder / "requests.jsonl"
    log.touch()
    started = start_replica("--log", str(log), *options, environment=environment)
    try:
        yield RunningReplica(started.process, started.environment, log)
    finally:
        sys.stderr.write(started.stop())


@contextmanager
def file_server(folder: Path) -> Iterator[str]:
    """Serve the files of a folder, with ranges, on loopback; yield the base URL."""
    config = uvicorn.Config(StaticFiles(directory=folder), port=0, lifespan="off", log_config=None)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join(timeout=10)
