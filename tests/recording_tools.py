"""Record and replay in the tests: real proxies in threads, an upstream whose answers are known."""

from __future__ import annotations

import hashlib
import json
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import requests
from replicas import ROOT, fresh_environment
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send
from threaded import environment, threaded_replica

from replica.recordings.sources import Recorded, Recording
from replica.server import Replica, Settings

HOST = "https://archive.example.org"


class Scripted:
    """A source for the tests' own upstream: it answers for any host, by one application."""

    own_headers = True
    sentence = "The tests answer."
    failed = False

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def open(self) -> None:
        """Nothing to open."""

    def application(self) -> ASGIApp:
        return self._app

    def refusal(self, host: str) -> str | None:
        return None

    def environment(self, proxy: str) -> dict[str, str]:
        return {}

    async def close(self) -> str:
        return ""


class Upstream:
    """Answers that are known, and a list of what was asked.

    ``/object`` is a file with ranges, whose content and ETag can be changed; ``/say`` answers
    with what its query says; ``/turns`` with the next of some answers each time.
    """

    def __init__(self) -> None:
        self.asked: list[Request] = []
        self.content = random.Random(1).randbytes(300_000)
        self.headers: dict[str, str] = {}
        self.turns: list[Response] = []
        self.answers: dict[str, Response] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        await request.body()
        # A recorder asks once for a host that does not exist: a replica would betray itself.
        if request.url.hostname != "archives-replica.invalid":
            self.asked.append(request)
        await self._answer(request)(scope, receive, send)

    def _answer(self, request: Request) -> Response:
        path = request.url.path
        if path.startswith("/object"):
            return self._object(request)
        if path == "/turns":
            return self.turns.pop(0)
        return self.answers.get(path) or Response("not found", 404)

    @property
    def etag(self) -> str:
        return f'"{hashlib.sha256(self.content).hexdigest()[:16]}"'

    def _object(self, request: Request) -> Response:
        size = len(self.content)
        headers = {"etag": self.etag, "accept-ranges": "bytes"} | self.headers
        asked = request.headers.get("range", "").removeprefix("bytes=")
        if not asked:
            return Response(self.content, 200, headers)
        first, _, last = asked.partition("-")
        start, stop = int(first), min(int(last or size) + 1, size)
        headers["content-range"] = f"bytes {start}-{stop - 1}/{size}"
        return Response(self.content[start:stop], 206, headers)


@contextmanager
def upstream(app: ASGIApp) -> Iterator[Replica]:
    """Run the tests' own upstream behind a proxy."""
    with threaded_replica(Settings(source=Scripted(app))) as running:
        yield running


@contextmanager
def recording(path: Path, above: Replica, *only: str, missing: bool = False) -> Iterator[Replica]:
    """Record, with another proxy as the machine's own, for the length of the block."""
    with environment(above.environment):
        source = Recording(path, only, missing=missing)
        with threaded_replica(Settings(source=source)) as running:
            yield running


@contextmanager
def replaying(*names: Path | str, log: Path | None = None) -> Iterator[Replica]:
    """Replay recordings, for the length of the block."""
    settings = Settings(source=Recorded([str(name) for name in names]), log=log)
    with threaded_replica(settings) as running:
        yield running


@contextmanager
def session(replica: Replica) -> Iterator[requests.Session]:
    """Make a client of a proxy, whatever the environment says."""
    with requests.Session() as client:
        client.trust_env = False
        client.proxies = dict.fromkeys(("http", "https"), replica.proxy)
        client.verify = str(replica.certificate)
        yield client


def ask(replica: Replica, url: str, method: str = "GET", **arguments: object) -> requests.Response:
    """Ask once, over a connection of its own; redirects are not followed."""
    with session(replica) as client:
        return client.request(method, url, allow_redirects=False, **arguments)


def command(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run ``python -m replica`` in a fresh shell with some variables."""
    return subprocess.run(
        [sys.executable, "-m", "replica", *arguments],
        env=fresh_environment(PYTHONPATH=str(ROOT), **variables),
        capture_output=True,
        text=True,
        timeout=240,
    )


def nowhere() -> dict[str, str]:
    """Return proxy variables that lead to nobody: there is no network."""
    names = ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY")
    return dict.fromkeys(names, "http://127.0.0.1:9")


def index(path: Path) -> list[dict]:
    """Return the lines of a recording's index."""
    return [json.loads(line) for line in (path / "index.jsonl").read_text().splitlines()]


def body_bytes(path: Path) -> int:
    """Return how many bytes the bodies of a recording take."""
    return sum(file.stat().st_size for file in path.glob("bodies/*/*"))


def everything(path: Path) -> bytes:
    """Return all files of a recording, one after the other, with their names."""
    files = sorted(file for file in path.rglob("*") if file.is_file())
    return b"".join(os.fsencode(file) + file.read_bytes() for file in files)
