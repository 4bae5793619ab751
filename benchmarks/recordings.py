"""What recording costs, and how fast and in how much memory a recording is replayed.

Side by side in one run: the same program on a replica that plays a distant network, with and
without a recorder in between; and a file of 67 MB from the replica and from a recording of it.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from starlette.types import Receive, Scope, Send

from benchmarks.networks import DISTANT, NEAR, Network, replicas
from benchmarks.subprocess_runner import ROOT, call

Row = dict[str, Any]

_ALLWISE = "wise/allwise/images/p3am_cdd/08/0830/0830p227_ac51/0830p227_ac51-w1-int-3.fits"
OBJECT = f"https://nasa-irsa-wise.s3.amazonaws.com/{_ALLWISE}"
SEARCH = "https://irsa.ipac.caltech.edu/SIA?COLLECTION=wise_allwise&POS=circle+83.6+22.0+0."
LARGE = "https://archive.example.org/large"
#: Bytes of the large body, and of a quick run's.
LARGE_SIZE, QUICK_LARGE_SIZE = 4_000_000_000, 400_000_000
_RANGES, _RANGE, _SEARCHES = 60, 65_536, 15
_BLOCK = 2**20


def workload() -> Row:
    """Read a file of 67 MB, many small ranges of it, and ask a service; return seconds."""
    import requests

    digest, began = hashlib.sha256(), time.perf_counter()
    with requests.Session() as session:
        for block in session.get(OBJECT, stream=True).iter_content(_BLOCK):
            digest.update(block)
        for number in range(_RANGES):
            start = 1_000_000 * number
            headers = {"Range": f"bytes={start}-{start + _RANGE - 1}"}
            digest.update(session.get(OBJECT, headers=headers).content)
        for number in range(_SEARCHES):
            digest.update(session.get(f"{SEARCH}{number + 1}").content)
    return {"seconds": time.perf_counter() - began, "sha256": digest.hexdigest()}


def download(url: str) -> Row:
    """Read one body as fast as it comes; return seconds and bytes."""
    import requests

    began, size = time.perf_counter(), 0
    with requests.get(url, stream=True) as answer:
        while block := answer.raw.read(_BLOCK):
            size += len(block)
    return {"seconds": time.perf_counter() - began, "bytes": size}


@dataclass
class Server:
    """A server in a process of its own: the environment of its clients, and the process."""

    environment: dict[str, str]
    process: subprocess.Popen[str]
    finishing: float = 0.0

    @property
    def peak_memory(self) -> int:
        """The most memory that it has had, bytes."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024


@contextmanager
def serving(*arguments: str, environment: Mapping[str, str]) -> Iterator[Server]:
    """Run a server that prints its variables as JSON; measure how long it takes to end."""
    process = subprocess.Popen(
        [sys.executable, "-m", *arguments],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=dict(environment),
    )
    assert process.stdout is not None
    facts = json.loads(process.stdout.readline())
    server = Server({**os.environ, **facts["environment"]}, process)
    try:
        yield server
    finally:
        began = time.perf_counter()
        process.terminate()
        process.wait(timeout=600)
        server.finishing = time.perf_counter() - began
        process.stdout.close()


def replaying(path: Path, *more: str, environment: Mapping[str, str]) -> Any:
    """Serve a recording; with ``--record`` among the options, record into it."""
    options = ("--json", "--parent", str(os.getpid()), "--recording", str(path), *more)
    return serving("replica", "serve", *options, environment=environment)


def measure_cost(folder: Path, rounds: int) -> Iterator[Row]:
    """Run the workload plainly and recorded, in turn."""
    with replicas(folder, DISTANT) as (upstream,):
        call("benchmarks.recordings:workload", environment=upstream.environment)  # makes the file
        for number in range(rounds):
            plain = call("benchmarks.recordings:workload", environment=upstream.environment)
            path = folder / f"cost-{number}"
            with replaying(path, "--record", environment=upstream.environment) as recorder:
                recorded = call("benchmarks.recordings:workload", environment=recorder.environment)
            assert plain["sha256"] == recorded["sha256"]
            yield {
                "plain": plain["seconds"],
                "recorded": recorded["seconds"],
                "finishing": recorder.finishing,
            }


def measure_speed(folder: Path, rounds: int) -> Iterator[Row]:
    """Download a file from the replica and from a recording of it, in turn."""
    path = folder / "speed"
    with replicas(folder, Network("0 ms, recorded", 0.0, 0.0)) as (upstream,):
        with replaying(path, "--record", environment=upstream.environment) as recorder:
            call("benchmarks.recordings:download", OBJECT, environment=recorder.environment)
        with replaying(path, environment=os.environ) as player:
            for _ in range(rounds):
                row = {}
                for name, running in (("replica", upstream), ("recording", player)):
                    done = call(
                        "benchmarks.recordings:download", OBJECT, environment=running.environment
                    )
                    row[name] = done["bytes"] / 1e6 / done["seconds"]
                yield row


def measure_memory(folder: Path, size: int) -> Row:
    """Record and replay one large body; return the peak memory of both servers, bytes."""
    path = folder / "large"
    with (
        serving("benchmarks.recordings", str(size), environment=os.environ) as upstream,
        replaying(path, "--record", environment=upstream.environment) as recorder,
    ):
        done = call("benchmarks.recordings:download", LARGE, environment=recorder.environment)
        assert done["bytes"] == size
        recording = recorder.peak_memory
    with replaying(path, environment=os.environ) as player:
        done = call("benchmarks.recordings:download", LARGE, environment=player.environment)
        assert done["bytes"] == size
        return {"bytes": size, "recording": recording, "replaying": player.peak_memory}


def summary(costs: list[Row], speeds: list[Row], memory: Row) -> Row:
    """Return medians and ratios."""
    plain = median(row["plain"] for row in costs)
    recorded = median(row["recorded"] for row in costs)
    total = median(row["recorded"] + row["finishing"] for row in costs)
    return {
        "plain_seconds": plain,
        "recorded_seconds": recorded,
        "recorded_ratio": median(row["recorded"] / row["plain"] for row in costs),
        "with_last_search_ratio": total / plain,
        "replica_MB_per_s": median(row["replica"] for row in speeds),
        "recording_MB_per_s": median(row["recording"] for row in speeds),
        "speed_ratio": median(row["recording"] / row["replica"] for row in speeds),
        "memory": memory,
    }


def markdown(found: Row) -> str:
    """Return the section of the report."""
    memory = found["memory"]
    return (
        "## Recordings\n\n"
        "| what | without | with | ratio |\n| --- | --- | --- | --- |\n"
        f"| a run at {DISTANT.name}, recorded | {found['plain_seconds']:.2f} s | "
        f"{found['recorded_seconds']:.2f} s | {found['recorded_ratio']:.2f} |\n"
        f"| the same, with the last search for secrets | {found['plain_seconds']:.2f} s | | "
        f"{found['with_last_search_ratio']:.2f} |\n"
        f"| 67 MB at {NEAR.name}: the replica, a recording | "
        f"{found['replica_MB_per_s']:.0f} MB/s | {found['recording_MB_per_s']:.0f} MB/s | "
        f"{found['speed_ratio']:.2f} |\n\n"
        f"Peak memory for a body of {memory['bytes'] / 1e9:.1f} GB: "
        f"{memory['recording'] / 1e6:.0f} MB while it is recorded, "
        f"{memory['replaying'] / 1e6:.0f} MB while it is replayed."
    )


class LargeBody:
    """A source with one object of many bytes, which it makes as it sends them."""

    own_headers = True
    sentence = "A large body."
    failed = False

    def __init__(self, size: int) -> None:
        self._size = size

    async def open(self) -> None:
        """Nothing to open."""

    def application(self) -> Any:
        """Return the application that sends it."""
        return self._send

    async def _send(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(b"etag", b'"1"'), (b"accept-ranges", b"bytes")]
        headers.append((b"content-length", b"%d" % self._size))
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        block = hashlib.sha512(b"1").digest() * (_BLOCK // 64)
        for at in range(0, self._size, _BLOCK):
            body = block[: self._size - at]
            await send({"type": "http.response.body", "body": body, "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    def refusal(self, host: str) -> str | None:
        """Refuse nobody."""
        return None

    def environment(self, proxy: str) -> dict[str, str]:
        """Add nothing."""
        return {}

    async def close(self) -> str:
        """Nothing to close."""
        return ""


async def _serve_large_body(size: int) -> None:
    from replica.server import Settings, running

    async with running(Settings(source=LargeBody(size))) as server:
        sys.stdout.write(json.dumps({"environment": server.environment}) + "\n")
        sys.stdout.flush()
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_serve_large_body(int(sys.argv[1])))
