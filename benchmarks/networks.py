"""Replicas that play networks, each a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.cases import PANSTARRS, TILES
from benchmarks.subprocess_runner import ROOT
from helpers.replica_process import start_replica


@dataclass(frozen=True)
class Network:
    """What a network costs: a delay of each answer, and the bandwidth of the shared link.

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
        """The options with which ``python -m replica serve`` plays it."""
        options = ["--latency", f"{self.latency * 1e3:g}ms"]
        return options + (["--bandwidth", f"{self.bandwidth / 1e6:g}MB/s"] * bool(self.bandwidth))


NEAR = Network("0 ms", 0.0, 0.0)
DISTANT = Network("30 ms, 50 MB/s", 0.030, 50e6)
HOME = Network("40 ms, 5 MB/s", 0.040, 5e6)


@dataclass(frozen=True)
class RunningReplica:
    """A running replica: the network it plays, its clients' environment, its access log."""

    network: Network
    environment: dict[str, str]
    log: Path


def make_data(tiles: int = 1) -> None:
    """Let the replica make the files that are cut, before anything is timed.

    They stay in the user's cache folder.

    Parameters
    ----------
    tiles : int
        How many tiles of `benchmarks.cases.TILES`.
    """
    keys = [f"*/{name}_ac51-w?-int-3.fits" for name, *_ in TILES[:tiles]]
    keys.append(f"*/{PANSTARRS.uri.rpartition('/')[2]}")
    subprocess.run([sys.executable, "-m", "replica", "build", *keys], cwd=ROOT, check=True)


@contextmanager
def replicas(folder: Path, *networks: Network) -> Iterator[list[RunningReplica]]:
    """Run a replica for each network; their logs go into `folder`."""
    with ExitStack() as stack:
        yield [
            stack.enter_context(_replica(folder / f"requests-{number}.jsonl", network))
            for number, network in enumerate(networks)
        ]


@contextmanager
def _replica(log: Path, network: Network) -> Iterator[RunningReplica]:
    log.touch()
    started = start_replica("--log", str(log), *network.options)
    try:
        yield RunningReplica(network, {**os.environ, **started.environment}, log)
    finally:
        sys.stderr.write(started.stop())
