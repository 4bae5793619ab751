"""One cutout, and a second one of the same file, by each way and under each network."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median, median_high
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from astropy.io import fits
from astropy.nddata import Cutout2D
from astropy.wcs import WCS

from benchmarks.cases import CASES, Case
from benchmarks.methods import HELPERS, METHODS, POSITION, SIZE, download, warm_astropy
from benchmarks.networks import DISTANT, Network, RunningReplica
from benchmarks.subprocess_runner import MeasurementError, call, cost

Row = dict[str, Any]
Step = tuple[RunningReplica, str, str]


def measure(way: str, case: str, log: str, repeats: int) -> list[Row]:
    """Cut out as often as told; runs in a fresh process whose HTTP goes to a replica.

    Parameters
    ----------
    way, case : str
        Names of `METHODS` and `CASES`.
    log : str
        The replica's access log.
    repeats : int
        1, or 2 for a second cutout of the same file.

    Returns
    -------
    list of dict
        For each cutout its seconds, memory, requests and bytes; the shape of its pixels
        and their sum.
    """
    warm_astropy()
    METHODS[way].warm()
    rows = []
    for _ in range(repeats):
        pixels, facts = cost(lambda: METHODS[way].cut(CASES[case]), Path(log))
        total = float(np.nansum(pixels, dtype=np.float64))
        rows.append(facts | {"shape": list(pixels.shape), "sum": total})
    return rows


def needed_bytes(case: str) -> int:
    """Return the bytes that the cutout's rows take in the file.

    In a plain image these are the bytes from its first to its last pixel, as one span; in
    a compressed one, whose tiles are rows, the compressed rows.
    """
    with TemporaryDirectory() as folder:
        path = download(CASES[case], Path(folder))
        return _needed_bytes(path, CASES[case])


def _needed_bytes(path: Path, case: Case) -> int:
    with fits.open(path) as hdus:
        image = hdus[case.hdu]
        shape = image.shape
        part = Cutout2D(image.section, POSITION, SIZE, wcs=WCS(image.header))
        rows, columns = part.slices_original
        if not isinstance(image, fits.CompImageHDU):
            count = (rows.stop - rows.start - 1) * shape[1] + columns.stop - columns.start
            return count * abs(image.header["BITPIX"]) // 8
    with fits.open(path, disable_image_compression=True) as hdus:
        return sum(len(row) for row in hdus[case.hdu].data["COMPRESSED_DATA"][rows])


def plan(rounds: Mapping[Network, int], replicas: Sequence[RunningReplica]) -> list[Step]:
    """Return what to run: rounds, and in each all networks, files and ways in turn."""
    return [
        (replica, case, way)
        for number in range(max(rounds.values()))
        for replica in replicas
        if number < rounds[replica.network]
        for case in CASES
        for way in METHODS
        if METHODS[way].installed
    ]


def run(steps: Sequence[Step]) -> Iterator[list[Row]]:
    """Measure each step in a fresh process; a way that cannot do a case is tried once."""
    unable = set()
    for replica, case, way in steps:
        rows = [] if (case, way) in unable else _run(replica, case, way)
        if any("error" in row for row in rows):
            unable.add((case, way))
        yield rows


def _run(replica: RunningReplica, case: str, way: str) -> list[Row]:
    # The second cutout of a file tells the same on every network.
    repeats = 2 if replica.network == DISTANT else 1
    arguments = (way, case, str(replica.log), repeats)
    key = {"case": case, "network": replica.network.name, "way": way}
    try:
        found = call("benchmarks.single:measure", *arguments, environment=replica.environment)
    except MeasurementError as error:
        if way == HELPERS:
            raise
        return [key | {"error": str(error).splitlines()[-1]}]
    return [
        key | {"nth": nth} | facts for nth, facts in zip(("first", "second"), found, strict=False)
    ]


def summary(measured: Sequence[Row]) -> list[Row]:
    """Reduce all rounds to a row of medians for each file, network, way and cutout."""
    groups: dict[tuple, list[Row]] = defaultdict(list)
    for row in measured:
        if "error" not in row:
            groups[row["case"], row["network"], row["way"], row["nth"]].append(row)
    ours = {key[0]: rows[0] for key, rows in groups.items() if key[2] == HELPERS}
    return [_median(key, rows, ours.get(key[0])) for key, rows in groups.items()]


def _median(key: tuple, rows: list[Row], ours: Row | None) -> Row:
    seconds = [row["seconds"] for row in rows]
    return {
        **dict(zip(("case", "network", "way", "nth"), key, strict=True)),
        "rounds": len(rows),
        "seconds": median(seconds),
        "fastest": min(seconds),
        "slowest": max(seconds),
        "requests": median_high(row["requests"] for row in rows),
        "bytes": median_high(row["bytes"] for row in rows),
        "memory": median_high(row["memory"] for row in rows),
        "shape": rows[0]["shape"],
        "same_pixels": None
        if ours is None
        else all(
            row["shape"] == ours["shape"] and np.isclose(row["sum"], ours["sum"], rtol=1e-12)
            for row in rows
        ),
    }
