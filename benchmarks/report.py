"""The results as JSON and as tables.

The JSON document has these keys; those of parts that were not run are missing:

``machine``
    Python, system, cores, package versions, and the load before and after.
``needed``
    For each file the bytes that the cutout's rows take in it.
``single``
    One row for each file, network, way, and first or second cutout; see `single.summary`.
``cannot``
    Ways that raised, with the error.
``many``, ``lzw``, ``imports``, ``recordings``, ``profiler``
    See the ``summary`` of each module.
``skipped``
    Sentences: what was left out, and why.
``goals``
    See `goals.goals`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from benchmarks import profiler, recordings
from benchmarks.cases import CASES
from benchmarks.networks import DISTANT, HOME, NEAR

Results = dict[str, Any]
Row = dict[str, Any]

METHOD = """\
All data are simulated and served by the replica on this machine, so times of the real
archives differ; requests and bytes should not. Each way runs in a fresh process in each
round, the ways in turn; the tables give medians of the rounds (one on the slow line).
Modules are imported, astropy has cut a small image in memory, and the client objects of
s3fs and boto3 exist before the clock starts; connections and TLS are on the clock. Requests
and bytes are those of the replica's log. Memory is the growth of the process's peak."""


def write(results: Results, folder: Path) -> list[Path]:
    """Write ``benchmarks.md`` and ``benchmarks.json`` into a folder; return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    texts = {"benchmarks.md": markdown(results), "benchmarks.json": json.dumps(results, indent=1)}
    for name, text in texts.items():
        (folder / name).write_text(f"{text}\n", encoding="utf-8")
    return [folder / name for name in texts]


def markdown(results: Results) -> str:
    """Return the report."""
    parts = ["# Benchmarks", METHOD, _machine(results["machine"])]
    if "single" in results:
        parts += [_single(results, case) for case in CASES]
    sections = (("many", _many), ("bulk", _bulk), ("lzw", _lzw), ("imports", _imports))
    later = (("recordings", recordings.markdown), ("profiler", profiler.markdown))
    for key, section in (*sections, *later):
        if key in results:
            parts.append(section(results[key]))
    parts += ["\n".join(f"- {line}" for line in results["skipped"])] * bool(results["skipped"])
    return "\n\n".join([*parts, _goals(results["goals"])])


def table(titles: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    """Return a table in markdown."""
    head = list(titles)
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(str(cell) for cell in line)} |" for line in lines)


def _machine(facts: dict[str, Any]) -> str:
    versions = ", ".join(f"{name} {number}" for name, number in facts["versions"].items())
    load = " and ".join(f"{load:.1f}" for load in facts["load"])
    return (
        f"{facts['system']}, {facts['cores']} cores, Python {facts['python']}; {versions}. "
        f"The load was {load} before and after."
    )


def _single(results: Results, case: str) -> str:
    rows = [row for row in results["single"] if row["case"] == case]
    networks = [each.name for each in (NEAR, DISTANT, HOME) if _has(rows, each.name)]
    titles = ["way", "requests", "MB", *(f"s at {name}" for name in networks)]
    titles += ["second cutout: requests", "s", "extra memory, MB", "same pixels"]
    lines = [_way(rows, way, networks) for way in dict.fromkeys(row["way"] for row in rows)]
    lines += [
        [row["way"], f"cannot: {row['error']}", *[""] * (len(titles) - 2)]
        for row in results["cannot"]
        if row["case"] == case
    ]
    needed = results["needed"][case] / 1e6
    note = f"The rows of the cutout take {needed:.2f} MB in the file."
    if case == "AllWISE":
        note = f"From the cutout's first to its last pixel, the file has {needed:.2f} MB."
    return f"## {case}: one cutout of 0.0889°\n\n{note}\n\n{table(titles, lines)}"


def _has(rows: list[Row], network: str) -> bool:
    return any(row["network"] == network for row in rows)


def _way(rows: list[Row], way: str, networks: list[str]) -> list[str]:
    first = {row["network"]: row for row in rows if row["way"] == way and row["nth"] == "first"}
    second = [row for row in rows if row["way"] == way and row["nth"] == "second"]
    any_first = next(iter(first.values()))
    shape = "{} x {}".format(*any_first["shape"])
    return [
        way,
        str(any_first["requests"]),
        f"{any_first['bytes'] / 1e6:.2f}",
        *(f"{first[name]['seconds']:.3f}" for name in networks),
        *([str(second[0]["requests"]), f"{second[0]['seconds']:.3f}"] if second else ["", ""]),
        f"{any_first['memory'] / 1e6:.0f}",
        "yes" if any_first["same_pixels"] else f"no: {shape}",
    ]


def _many(rows: list[Row]) -> str:
    titles = ["engine", "cutouts", "a second", "of the link's ceiling"]
    titles += ["requests each", "MB each", "extra memory, MB"]
    lines = [
        [
            *(row["engine"], row["count"], f"{row['rate']:.1f}", f"{row['ceiling']:.1%}"),
            *(f"{row['requests_each']:.3f}", f"{row['bytes_each'] / 1e6:.2f}"),
            f"{row['memory'] / 1e6:.0f}",
        ]
        for row in rows
    ]
    note = "The ceiling is the bandwidth over the bytes from a stamp's first to its last pixel."
    return f"## Many cutouts of 64 pixels, {rows[0]['network']}\n\n{note}\n\n{table(titles, lines)}"


def _bulk(rows: list[Row]) -> str:
    titles = ["batch", "network", "stamps", "requests", "MB", "of the wanted", "s", "of the link"]
    lines = [
        [
            *(row["title"], row["network"], row["count"], row["requests"]),
            *(f"{row['bytes'] / 1e6:.1f}", f"{row['ratio']:.3f}", f"{row['seconds']:.2f}"),
            f"{row['share']:.0%}" if row["share"] else "",
            f"{row['memory'] / 1e6:.0f}",
        ]
        for row in rows
    ]
    note = "Wanted is what lies between the first and last pixel of any stamp, or its tiles."
    shown = table([*titles, "memory, MB"], lines)
    return f"## Batches of stamps of 64 pixels\n\n{note}\n\n{shown}"


def _lzw(rows: list[Row]) -> str:
    titles = ["decoder", "MB/s of output", "extra memory / output", "right"]
    lines = [
        [
            *(row["decoder"], f"{row['rate'] / 1e6:.0f}"),
            f"{row['memory'] / row['output']:.1f}{' *' * row['program']}",
            "yes" if row["right"] else "no",
        ]
        for row in rows
    ]
    size = rows[0]["output"] / 1e6
    note = "\\* without the memory of the program itself"
    return f"## Decoders of `.Z`: events of {size:.0f} MB\n\n{table(titles, lines)}\n\n{note}"


def _imports(rows: list[Row]) -> str:
    titles = ["statement", "ms over `import numpy`", "slowest", "heavy packages imported"]
    lines = [
        [
            *(row["statement"], f"{row['seconds'] * 1e3:.1f}", f"{row['slowest'] * 1e3:.1f}"),
            ", ".join(row["heavy"]) or "none",
        ]
        for row in rows
    ]
    return f"## Imports\n\n{table(titles, lines)}"


def _goals(rows: list[Row]) -> str:
    lines = [[row["goal"], row["measured"], "yes" if row["reached"] else "**no**"] for row in rows]
    return f"## Goals\n\n{table(['goal', 'measured', 'reached'], lines)}"
