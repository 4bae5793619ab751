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

ROOT = Path(__file__).parent.parent


def fresh_environment(**variables: str) -> dict[str, str]:
    """The variables of a shell that knows of no proxy and no replica, and more of one's own."""
    foreign = ("PROXY", "BUNDLE", "CERT_FILE", "FSSPEC", "ARCHIVES")
    plain = {k: v for k, v in os.environ.items() if not any(part in k.upper() for part in foreign)}
    return plain | variables


@dataclass(frozen=True)
class RunningReplica:
    """A running replica, seen from outside."""

    process: subprocess.Popen[str]
    environment: dict[str, str]
    log: Path

    @property
    def proxy(self) -> str:
        return self.environment["HTTP_PROXY"]

    def requests(self) -> list[dict]:
        """The log so far, one entry a request."""
        return [json.loads(line) for line in self.log.read_text().splitlines()]

    @contextmanager
    def requests_inside(self) -> Iterator[list[dict]]:
        """Collect the requests logged during the block."""
        before = len(self._settled())
        inside: list[dict] = []
        yield inside
        inside.extend(self._settled()[before:])

    def _settled(self) -> list[dict]:
        """The log once it has stopped to grow: a line is written after its answer is sent."""
        requests = self.requests()
        while time.sleep(0.1) or len(found := self.requests()) > len(requests):
            requests = found
        return requests


@contextmanager
def replica(folder: Path, *options: str, **environment: str) -> Iterator[RunningReplica]:
    """Run ``python -m replica serve`` with options; its log goes into `folder`."""
    log = folder / "requests.jsonl"
    log.touch()
    command = [sys.executable, "-m", "replica", "serve", "--json", "--parent", str(os.getpid())]
    process = subprocess.Popen(
        [*command, "--log", str(log), *options],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, **environment},
    )
    try:
        yield RunningReplica(process, json.loads(process.stdout.readline())["environment"], log)
    finally:
        process.terminate()
        process.wait(timeout=10)
        process.stdout.close()


@contextmanager
def file_server(folder: Path) -> Iterator[str]:
    """Serve the files of a folder, with ranges, on loopback; yield the base address."""
    config = uvicorn.Config(StaticFiles(directory=folder), port=0, lifespan="off", log_config=None)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join(timeout=10)
