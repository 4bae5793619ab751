"""Replicas under network network, each a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.subprocess_runner import ROOT


@dataclass(frozen=True)
class Network:
    """A network: seconds before each answer, and bytes per second of the shared link.

    Attributes
    ----------
    name : str
        As the tables say it.
    latency : float
        One round trip, seconds.
    bandwidth : float
        Bytes per second over all connections together; 0 sets no limit.
    """

    name: str
    latency: float
    bandwidth: float

    @property
    def options(self) -> list[str]:
        """The same for ``python -m replica serve``."""
        options = ["--latency", f"{self.latency * 1e3:g}ms"]
        return options + (["--bandwidth", f"{self.bandwidth / 1e6:g}MB/s"] * bool(self.bandwidth))


NEAR = Network("0 ms", 0.0, 0.0)
DISTANT = Network("30 ms, 50 MB/s", 0.030, 50e6)
HOME = Network("40 ms, 5 MB/s", 0.040, 5e6)

#: Keys of the files that are cut, made before anything is timed.
KEYS = ["*/0830p227_ac51-w?-int-3.fits", "*/rings.v3.skycell.1784.059.stk.r.unconv.fits"]


@dataclass(frozen=True)
class RunningReplica:
    """A running replica: its network, the environment of its clients, its access log."""

    network: Network
    environment: dict[str, str]
    log: Path


def make_data() -> None:
    """Let the replica make the files that are cut; they stay in the user's cache folder."""
    subprocess.run([sys.executable, "-m", "replica", "build", *KEYS], cwd=ROOT, check=True)


@contextmanager
def replicas(folder: Path, *network: Network) -> Iterator[list[RunningReplica]]:
    """Run a replica for each network; their logs go into `folder`."""
    with ExitStack() as stack:
        yield [
            stack.enter_context(_replica(folder / f"requests-{number}.jsonl", wanted))
            for number, wanted in enumerate(network)
        ]


@contextmanager
def _replica(log: Path, network: Network) -> Iterator[RunningReplica]:
    log.touch()
    command = [sys.executable, "-m", "replica", "serve", "--json", "--parent", str(os.getpid())]
    process = subprocess.Popen(
        [*command, "--log", str(log), *network.options],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    try:
        facts = json.loads(process.stdout.readline())
        yield RunningReplica(network, {**os.environ, **facts["environment"]}, log)
    finally:
        process.terminate()
        process.wait(timeout=10)
        process.stdout.close()
