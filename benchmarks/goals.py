"""What the project promises, and what was measured of it."""

from __future__ import annotations

from typing import Any

from benchmarks import bulk, profiler
from benchmarks.imports import HEAVY
from benchmarks.lzw import FALLBACK, OURS
from benchmarks.many import COUNT, HELPERS_MANY
from benchmarks.methods import HELPERS, ORIGINAL
from benchmarks.networks import DISTANT

Row = dict[str, Any]
Results = dict[str, Any]


def goals(results: Results) -> list[Row]:
    """Compare the results with each promise.

    Parameters
    ----------
    results : dict
        The parts that were measured, as `benchmarks.report` describes them.

    Returns
    -------
    list of dict
        ``goal`` and ``measured`` in words; ``reached`` is a bool.
    """
    found = []
    if "single" in results:
        found += _allwise(results) + _panstarrs(results)
    # A quick run has too few cutouts for these.
    if any(row["count"] == COUNT for row in results.get("many", [])):
        found += _many(results["many"])
    if "bulk" in results:
        found += bulk.goals(results["bulk"], _goal)
    if "lzw" in results:
        found += _lzw(results["lzw"])
    if "imports" in results:
        found += [_import(row) for row in results["imports"]]
    # Few pairs tell nothing of three per cent.
    if any(row["pairs"] >= profiler.PAIRS for row in results.get("profiler", [])):
        found += profiler.goals(results["profiler"])
    return found


def _goal(goal: str, measured: str, *, reached: bool) -> Row:
    return {"goal": goal, "measured": measured, "reached": bool(reached)}


def _single(results: Results, case: str, way: str, nth: str = "first") -> Row:
    wanted = {"case": case, "network": DISTANT.name, "way": way, "nth": nth}
    return next(row for row in results["single"] if wanted.items() <= row.items())


def _allwise(results: Results) -> list[Row]:
    ours, theirs = (_single(results, "AllWISE", way) for way in (HELPERS, ORIGINAL))
    ratio = theirs["seconds"] / ours["seconds"]
    return [
        _goal(
            "AllWISE cutout: at most 2 requests and 3.9 MB",
            f"{ours['requests']} requests, {ours['bytes'] / 1e6:.2f} MB",
            reached=ours["requests"] <= 2 and ours["bytes"] <= 3.9e6,
        ),
        _goal(
            f"AllWISE cutout at {DISTANT.name}: 1/7 of the original's time, or less",
            f"{ours['seconds']:.3f} s against {theirs['seconds']:.3f} s: 1/{ratio:.1f}",
            reached=ratio >= 7,
        ),
    ]


def _panstarrs(results: Results) -> list[Row]:
    first = _single(results, "Pan-STARRS", HELPERS)
    ratio = first["bytes"] / results["needed"]["Pan-STARRS"]
    return [
        _goal(
            "Pan-STARRS cutout: at most 3 requests, 1.03 times the compressed rows",
            f"{first['requests']} requests, {ratio:.3f} times",
            reached=first["requests"] <= 3 and ratio <= 1.03,
        ),
        *(_second(results, case, most) for case, most in (("AllWISE", 1), ("Pan-STARRS", 2))),
    ]


def _second(results: Results, case: str, most: int) -> Row:
    requests = _single(results, case, HELPERS, "second")["requests"]
    goal = f"second cutout of the {case} file: at most {most} request{'s' * (most > 1)}"
    return _goal(goal, f"{requests}", reached=requests <= most)


def _many(rows: list[Row]) -> list[Row]:
    few, most = sorted(
        (row for row in rows if row["engine"] == HELPERS_MANY), key=lambda row: row["count"]
    )
    beyond = [row["memory"] - row["count"] * row["result_bytes"] for row in (few, most)]
    each = (beyond[1] - beyond[0]) / (most["count"] - few["count"])
    return [
        _goal(
            f"{COUNT} cutouts at {DISTANT.name}: 90 % of the link's ceiling",
            f"{most['ceiling']:.1%} with {most['count']}, {most['rate']:.1f} a second",
            reached=most["ceiling"] >= 0.9,
        ),
        _goal(
            "at most 1.02 requests each",
            f"{most['requests_each']:.3f}, {most['failed']} failed",
            reached=most["requests_each"] <= 1.02 and not most["failed"],
        ),
        _goal(
            "memory beyond the results does not grow with the count",
            f"{beyond[0] / 1e6:.0f} MB with {few['count']}, {beyond[1] / 1e6:.0f} MB with "
            f"{most['count']}: {each / 1e3:+.1f} kB each; a result holds "
            f"{most['result_bytes'] / 1e3:.0f} kB",
            # Half the pixels of one stamp: what the allocator keeps varies by some megabytes.
            reached=each < 8192,
        ),
    ]


def _lzw(rows: list[Row]) -> list[Row]:
    named = {row["decoder"]: row for row in rows}
    ours, fallback = named[OURS], named[FALLBACK]
    ratio, memory = fallback["seconds"] / ours["seconds"], ours["memory"] / ours["output"]
    size = f"{ours['output'] / 1e6:.0f} MB"
    return [
        _goal(f".Z of {size}: 20 times unlzw3", f"{ratio:.1f} times", reached=ratio >= 20),
        _goal(
            f".Z of {size}: extra memory below 3 times the output",
            f"{memory:.2f} times (unlzw3: {fallback['memory'] / fallback['output']:.1f})",
            reached=memory < 3,
        ),
    ]


def _import(row: Row) -> Row:
    return _goal(
        f"{row['statement']}: below 60 ms over `import numpy`, and none of {', '.join(HEAVY)}",
        f"{row['seconds'] * 1e3:.1f} ms; {', '.join(row['heavy']) or 'none'}",
        reached=row["seconds"] < 0.060 and not row["heavy"],
    )
