"""Batches of stamps: bytes beside what is wanted, the share of the link, gaps, memory."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from astropy.coordinates import SkyCoord

from benchmarks.cases import PANSTARRS, TILES
from benchmarks.many import PIXELS, Target, targets
from benchmarks.methods import warm_astropy, warm_helpers
from benchmarks.networks import DISTANT, HOME, NEAR, Network, RunningReplica
from benchmarks.subprocess_runner import call, cost
from helpers import cloud_location

Row = dict[str, Any]

#: Stamps of a batch, of one over the slow line, and of the comparison of gaps.
COUNT, LARGE_COUNT, SCATTERED_COUNT, GAP_COUNT = 1000, 10_000, 2000, 60
#: Gaps that are tried in place of the one that follows from the link; bytes.
FIXED_GAPS = (2**12, 2**16, 2**20)
#: How far from the middle of the stack the stamps lie at the most; degrees.
_STACK, _REACH = (83.757801, 22.188938), 0.19


@dataclass(frozen=True)
class Batch:
    """What is measured.

    Attributes
    ----------
    title : str
        As the table says it.
    kind : str
        ``AllWISE`` or ``Pan-STARRS``: whose images.
    count : int
        How many stamps.
    executor : str
        ``threads`` or ``dask``.
    gap : int
        A gap in place of the one that follows from the link; 0 for that.
    files : int
        How many files: the bands of one tile, of four for 16; more are these 16 under several
        addresses.
    """

    title: str
    kind: str
    count: int
    executor: str = "threads"
    gap: int = 0
    files: int = 4


STAMPS = [
    Batch("AllWISE, 4 files", "AllWISE", COUNT),
    Batch("AllWISE, 4 files, many more", "AllWISE", LARGE_COUNT),
    Batch("AllWISE, 4 files, two Dask workers", "AllWISE", COUNT, "dask"),
    Batch("AllWISE, 16 files", "AllWISE", LARGE_COUNT, files=16),
    Batch("AllWISE, 16 files, two Dask workers", "AllWISE", LARGE_COUNT, "dask", files=16),
    Batch("AllWISE, 400 files", "AllWISE", LARGE_COUNT, files=400),
    Batch("AllWISE, 400 files, two Dask workers", "AllWISE", SCATTERED_COUNT, "dask", files=400),
    Batch("Pan-STARRS, RICE, 1 file", "Pan-STARRS", COUNT),
]
GAPS = [
    Batch(
        f"gap of {gap // 1024} KiB" if gap else "gap from the link", "AllWISE", GAP_COUNT, gap=gap
    )
    for gap in (0, *FIXED_GAPS)
]


def wanted_stamps(kind: str, count: int, files: int = 4) -> list[Target]:
    """Return places in images; the same ones each time."""
    if kind == "AllWISE":
        return [
            _in_file(uri, position, number // 4 % (files // 4))
            for number, (uri, position) in enumerate(targets(count))
        ]
    offsets = np.random.default_rng(64).uniform(-_REACH, _REACH, (count, 2))
    return [
        (PANSTARRS.uri, SkyCoord(_STACK[0] + east, _STACK[1] + north, unit="deg"))
        for east, north in offsets
    ]


def _in_file(uri: str, position: SkyCoord, number: int) -> Target:
    """Move a target to the same band of another tile, and to another address of that file.

    S3 passes over what it does not know in a query, so that one file has many addresses.
    """
    copy, tile = divmod(number, len(TILES))
    moved = SkyCoord(
        position.ra.deg + TILES[tile][1] - TILES[0][1],
        position.dec.deg + TILES[tile][2] - TILES[0][2],
        unit="deg",
    )
    first, own = TILES[0][0], TILES[tile][0]
    uri = uri.replace(f"/{first[:2]}/{first[:4]}/", f"/{own[:2]}/{own[:4]}/").replace(first, own)
    return (f"{cloud_location(uri).https_url}?copy={copy}" if copy else uri), moved


def measure(batch: dict[str, Any], log: str) -> Row:
    """Make a batch's stamps and keep none; runs in a fresh process."""
    todo = Batch(**batch)
    warm_astropy()
    warm_helpers()
    given = wanted_stamps(todo.kind, todo.count, todo.files)
    with _executor(todo.executor) as executor, _gap(todo.gap):
        failed, facts = cost(lambda: _cut(given, executor), Path(log))
    return facts | {"failed": failed, "union": union(given)}


def _cut(given: Sequence[Target], executor: Any) -> int:
    import helpers

    ready = helpers.iter_cutouts(given, PIXELS, executor=executor, progress=False)
    return sum(isinstance(outcome, Exception) for _, outcome in ready)


@contextmanager
def _executor(name: str) -> Iterator[Any]:
    if name == "threads":
        yield None
        return
    import distributed

    cluster = distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0")
    with cluster, distributed.Client(cluster) as client:
        # As in this process: what is imported anyway is not on the clock.
        client.run(warm_astropy)
        client.run(warm_helpers)
        yield client


@contextmanager
def _gap(fixed: int) -> Iterator[None]:
    from helpers.remote.link import Link

    original = Link.merge_gap
    if fixed:
        Link.merge_gap = lambda self, parallel: fixed  # type: ignore[method-assign]
    yield
    Link.merge_gap = original  # type: ignore[method-assign]


def union(given: Sequence[Target]) -> int:
    """Return the bytes that the stamps need: each byte once.

    In a plain image a stamp needs what lies between its first and its last pixel; in a
    compressed one its tiles.
    """
    from helpers.bulk.shared_image import SharedImage
    from helpers.bulk.targets import Target as Numbered
    from helpers.bulk.targets import Wanted, by_file
    from helpers.remote.sparse_file import merge

    total = 0
    for group in by_file(Numbered(number, *each) for number, each in enumerate(given)):
        stamps = SharedImage(group, Wanted(PIXELS), 1).stamps
        spans = merge([(stamp.first, stamp.last) for stamp in stamps], gap=0)
        total += sum(stop - start for start, stop in spans)
    return total


def plan(rounds: int, replicas: Sequence[RunningReplica], quick: bool) -> list[Any]:
    """Return what to run: the batches over the distant network, and the gaps over each."""
    known = {replica.network: replica for replica in replicas}
    batches = [each for each in STAMPS if not (quick and each.count > COUNT)]
    # A batch of 9 GB takes three minutes, so the large ones are measured once.
    again = [each for each in batches if each.count == COUNT] * (rounds - 1)
    steps = [(batch, known[DISTANT]) for batch in [*batches, *again]]
    steps += [(STAMPS[0], known[network]) for network in (NEAR, HOME) if network in known]
    gaps = [(batch, replica) for replica in replicas for batch in GAPS]
    return steps + gaps * rounds


def run(steps: Sequence[Any]) -> Iterator[Row]:
    """Measure each step in a fresh process."""
    for batch, replica in steps:
        arguments = (batch.__dict__, str(replica.log))
        found = call("benchmarks.bulk:measure", *arguments, environment=replica.environment)
        yield found | {"batch": batch.__dict__, "network": replica.network.name}
        time.sleep(0.1)


def summary(measured: Sequence[Row], networks: Sequence[Network]) -> list[Row]:
    """Reduce all rounds to the fastest of each batch and network.

    A row's ``share`` is that of the link's bandwidth which the wanted bytes took, 0 where the
    link has no limit; ``ratio`` compares the bytes read with those wanted.
    """
    bandwidths = {network.name: network.bandwidth for network in networks}
    best: dict[tuple[str, str], Row] = {}
    for row in sorted(measured, key=lambda row: row["seconds"], reverse=True):
        best[row["batch"]["title"], row["network"]] = row
    found = []
    for row in best.values():
        bandwidth = bandwidths[row["network"]]
        share = row["union"] / bandwidth / row["seconds"] if bandwidth else 0.0
        ratio = row["bytes"] / row["union"]
        found.append(row | row["batch"] | {"share": share, "ratio": ratio})
    titles = [batch.title for batch in (*STAMPS, *GAPS)]
    return sorted(found, key=lambda row: (titles.index(row["title"]), row["network"]))


def goals(rows: Sequence[Row], goal: Callable[..., Row]) -> list[Row]:
    """Compare with what is promised of batches."""
    named = {(row["title"], row["network"]): row for row in rows}
    batches = [row for batch in STAMPS if (row := named.get((batch.title, DISTANT.name)))]
    found = [
        goal(
            f"{row['title']}: at most 1.05 times the wanted bytes",
            f"{row['ratio']:.3f}, {row['failed']} failed",
            reached=row["ratio"] <= 1.05 and not row["failed"],
        )
        for row in batches
    ]
    found += [
        goal(
            f"{row['title']}: 85 % of the link at {DISTANT.name}",
            f"{row['share']:.0%}",
            reached=row["share"] >= 0.85,
        )
        # The others are bound by the work for each stamp, not by the link.
        for row in batches
        if row["kind"] == "AllWISE" and (row["count"] <= COUNT or row["files"] > 4)
    ]
    return found + _memory(batches, goal) + _gaps(named, goal)


def _memory(batches: Sequence[Row], goal: Callable[..., Row]) -> list[Row]:
    most = max((row["memory"] for row in batches), default=0)
    return [goal("memory: at most 300 MB", f"{most / 1e6:.0f} MB", reached=most <= 300e6)]


def _gaps(named: dict[tuple[str, str], Row], goal: Callable[..., Row]) -> list[Row]:
    found = []
    ours, *fixed = (batch.title for batch in GAPS)
    for network in dict.fromkeys(name for _, name in named):
        times = {t: named[t, network]["seconds"] for t in (ours, *fixed) if (t, network) in named}
        if len(times) == len(GAPS):
            best = min(times[title] for title in fixed)
            found.append(
                goal(
                    f"gap from the link at {network}: at most 1.1 times the best fixed one",
                    f"{times[ours]:.2f} s against {best:.2f} s",
                    reached=times[ours] <= 1.1 * best,
                )
            )
    return found
