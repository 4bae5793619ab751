"""What `Transfer` itself costs: the same cutouts with it and without, in turn, in one process."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import nullcontext
from statistics import median
from typing import Any

from benchmarks.cases import ALLWISE
from benchmarks.methods import HELPERS, METHODS, warm_astropy
from benchmarks.networks import DISTANT
from benchmarks.subprocess_runner import call

Row = dict[str, Any]

#: Ways that are measured: the least requests, and many small reads through fsspec.
SECTION = "`.section`, blocks of 1 MiB"
WAYS = (HELPERS, SECTION)
#: Pairs of cutouts in a round, and in a quick one.
PAIRS, QUICK_PAIRS = 25, 3
#: The share of a cutout's time that it may cost.
MOST = 0.03


def measure(way: str, pairs: int) -> Row:
    """Cut the AllWISE case with and without `Transfer`; runs in a fresh process.

    Parameters
    ----------
    way : str
        One of `WAYS`.
    pairs : int
        How many cutouts of each kind.

    Returns
    -------
    dict
        Seconds of each cutout, ``without`` and ``with``, in the order of the pairs, and the
        seconds that ``advice`` and ``report`` take afterwards.
    """
    from helpers import Transfer
    from helpers.remote.fits_cache import remote_fits

    warm_astropy()
    METHODS[way].warm()
    METHODS[way].cut(ALLWISE)
    with Transfer():  # imports what it listens to
        pass
    seconds: dict[str, list[float]] = {"without": [], "with": []}
    for number in range(pairs):
        # Whichever comes second may find the machine warmer.
        kinds = ["without", "with"] if number % 2 else ["with", "without"]
        for kind in kinds:
            remote_fits.cache_clear()
            transfer = Transfer() if kind == "with" else nullcontext()
            began = time.perf_counter()
            with transfer:
                METHODS[way].cut(ALLWISE)
            seconds[kind].append(time.perf_counter() - began)
    with Transfer() as last:
        METHODS[way].cut(ALLWISE)
    return {"way": way, **seconds, "afterwards": _seconds_of_words(last)}


def _seconds_of_words(transfer: Any) -> float:
    for _ in range(2):  # the first imports what they need
        began = time.perf_counter()
        transfer.advice()
        transfer.report()
    return time.perf_counter() - began


def run(environment: Mapping[str, str], rounds: int, pairs: int) -> list[Row]:
    """Measure each way as often as told, each round in a fresh process."""
    return [
        call("benchmarks.profiler:measure", way, pairs, environment=environment)
        for _ in range(rounds)
        for way in WAYS
    ]


def summary(measured: list[Row]) -> list[Row]:
    """Reduce all rounds to a row for each way: medians, and the share that is added.

    The added time is the median of the differences within the pairs, which a busy machine
    disturbs less than the difference of two medians.
    """
    rows = []
    for way in dict.fromkeys(row["way"] for row in measured):
        found = [row for row in measured if row["way"] == way]
        without = [second for row in found for second in row["without"]]
        with_it = [second for row in found for second in row["with"]]
        added = median(b - a for a, b in zip(without, with_it, strict=True))
        rows.append(
            {
                "way": way,
                "pairs": len(without),
                "seconds": median(without),
                "added": added,
                "share": added / median(without),
                "afterwards": median(row["afterwards"] for row in found),
            }
        )
    return rows


def markdown(rows: list[Row]) -> str:
    """Return the table."""
    lines = [
        "| way | pairs | s without | ms added | share | report and advice, ms |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    lines += [
        f"| {row['way']} | {row['pairs']} | {row['seconds']:.3f} | {row['added'] * 1e3:.2f} "
        f"| {row['share']:.1%} | {row['afterwards'] * 1e3:.1f} |"
        for row in rows
    ]
    title = f"## What Transfer itself costs: an AllWISE cutout, {DISTANT.name}"
    return "\n".join([title, "", *lines])


def goals(rows: list[Row]) -> list[Row]:
    """Compare with what is promised."""
    return [
        {
            "goal": f"Transfer costs less than {MOST:.0%} of a cutout, {row['way']}",
            "measured": f"{row['share']:.1%}, {row['added'] * 1e3:.2f} ms",
            "reached": row["share"] < MOST,
        }
        for row in rows
    ]
