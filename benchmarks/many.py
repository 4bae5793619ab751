"""Many stamps of 64 pixels from the AllWISE tile in its four bands."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.nddata import Cutout2D
from astropy.wcs import WCS

from benchmarks.cases import BANDS
from benchmarks.methods import (
    DEFAULTS,
    ORIGINAL,
    SMALL_BLOCKS,
    warm_astropy,
    warm_helpers,
    warm_s3fs,
)
from benchmarks.networks import Network, RunningReplica
from benchmarks.subprocess_runner import call, cost

Row = dict[str, Any]
Target = tuple[str, SkyCoord]

PIXELS = 64
THREADS = 32
#: Cutouts of `helpers.cutouts`: the second count shows how memory grows.
COUNT, SMALLER_COUNT = 1000, 250
#: Middle of the tile, and how far from it the stamps lie at the most; degrees.
_CENTRE, _REACH = (83.076923, 22.716667), 0.6
#: Pixels of a row of the tile, and bytes of a pixel.
_ROW, _PIXEL = 4095, 4
#: Bytes from the first to the last pixel of a stamp.
SPAN = ((PIXELS - 1) * _ROW + PIXELS) * _PIXEL


@dataclass(frozen=True)
class Engine:
    """A way to make many cutouts.

    Attributes
    ----------
    run : callable
        Makes the cutouts of all targets.
    warm : callable
        Makes what is there before; sends nothing.
    count : int
        How many are enough to tell its rate.
    package : str
        What must be installed.
    """

    run: Callable[[Sequence[Target]], Sequence[object]]
    warm: Callable[[], object]
    count: int
    package: str = "helpers"

    @property
    def installed(self) -> bool:
        """Whether its package is there."""
        return find_spec(self.package) is not None


def targets(count: int) -> list[Target]:
    """Return places in the tile, the four bands in turn; the same ones each time."""
    rng = np.random.default_rng(64)
    offsets = rng.uniform(-_REACH, _REACH, (count, 2))
    return [
        (BANDS[number % 4], SkyCoord(_CENTRE[0] + east, _CENTRE[1] + north, unit="deg"))
        for number, (east, north) in enumerate(offsets)
    ]


def _stamp(target: Target, options: dict[str, Any]) -> np.ndarray:
    uri, position = target
    with fits.open(uri, use_fsspec=True, fsspec_kwargs=options) as hdus:
        wcs = WCS(hdus[0].header)
        return np.array(Cutout2D(hdus[0].section, position, PIXELS, wcs=wcs).data)


def _original(wanted: Sequence[Target]) -> list[np.ndarray]:
    return [_stamp(target, DEFAULTS) for target in wanted]


def _section(wanted: Sequence[Target]) -> list[np.ndarray]:
    return [_stamp(target, SMALL_BLOCKS) for target in wanted]


def _section_in_threads(wanted: Sequence[Target]) -> list[np.ndarray]:
    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(lambda target: _stamp(target, SMALL_BLOCKS), wanted))


def _astrocut(wanted: Sequence[Target]) -> list[np.ndarray]:
    from astrocut import FITSCutout

    made = [
        FITSCutout(uri, position, PIXELS, fsspec_kwargs=SMALL_BLOCKS) for uri, position in wanted
    ]
    return [np.array(each.fits_cutouts[0][-1].data) for each in made]


def _kerchunk(wanted: Sequence[Target]) -> list[np.ndarray]:
    """By kerchunk's map of a file, whose only chunk is the whole image."""
    return [_of_the_chunk(uri, position) for uri, position in wanted]


def _of_the_chunk(uri: str, position: SkyCoord) -> np.ndarray:
    import fsspec
    from kerchunk.fits import process_file

    found = process_file(uri, storage_options=SMALL_BLOCKS)
    about, attributes = (json.loads(found[f"PRIMARY/.z{name}"]) for name in ("array", "attrs"))
    address, start, size = found["PRIMARY/0.0"]
    raw = fsspec.filesystem("s3", **SMALL_BLOCKS).cat_file(address, start=start, end=start + size)
    image = np.frombuffer(raw, about["dtype"]).reshape(about["shape"])
    # Not HISTORY, which has lines, nor what kerchunk adds for xarray.
    cards = {
        key: value
        for key, value in attributes.items()
        if key.isupper() and "\n" not in str(value) and isinstance(value, str | int | float)
    }
    return np.array(Cutout2D(image, position, PIXELS, wcs=WCS(fits.Header(cards))).data)


def _helpers(wanted: Sequence[Target]) -> list[Any]:
    import helpers

    return helpers.cutouts(wanted, PIXELS, progress=False)


def _warm_small() -> None:
    warm_s3fs(SMALL_BLOCKS)


HELPERS_MANY = "`helpers.cutouts`"
ENGINES = {
    f"{ORIGINAL}, one after the other": Engine(_original, lambda: warm_s3fs(DEFAULTS), 8),
    "`.section`, blocks of 1 MiB, one after the other": Engine(_section, _warm_small, 24),
    f"`.section`, blocks of 1 MiB, {THREADS} threads": Engine(
        _section_in_threads, _warm_small, 120
    ),
    "astrocut, blocks of 1 MiB, one after the other": Engine(
        _astrocut, _warm_small, 24, "astrocut"
    ),
    "kerchunk, one after the other": Engine(_kerchunk, _warm_small, 8, "kerchunk"),
    HELPERS_MANY: Engine(_helpers, warm_helpers, COUNT),
}


def measure(engine: str, count: int, log: str) -> Row:
    """Make `count` cutouts; runs in a fresh process whose HTTP goes to a replica."""
    warm_astropy()
    ENGINES[engine].warm()
    wanted = targets(count)
    results, facts = cost(lambda: ENGINES[engine].run(wanted), Path(log))
    failed = sum(isinstance(result, Exception) for result in results)
    return facts | {"engine": engine, "count": count, "failed": failed}


def bytes_of_a_result() -> float:
    """Return the memory that one result of `helpers.cutouts` holds: pixels, header and WCS.

    What C libraries allocate besides, such as wcslib, does not show here.
    """
    count = 50
    wanted = targets(count)
    _helpers(wanted)  # fills what is remembered of the files
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    results = _helpers(wanted)
    after = tracemalloc.get_traced_memory()[0]
    return (after - before) / len(results)


def plan(rounds: int, count: int = COUNT) -> list[tuple[str, int]]:
    """Return what to run: all engines in turn, then helpers again in further rounds."""
    engines = [
        (name, min(engine.count, count)) for name, engine in ENGINES.items() if engine.installed
    ]
    smaller = (HELPERS_MANY, min(SMALLER_COUNT, count // 4))
    return [*engines, smaller, *[engines[-1], smaller] * (rounds - 1)]


def run(steps: Sequence[tuple[str, int]], replica: RunningReplica) -> Iterator[Row]:
    """Measure each step in a fresh process."""
    for engine, count in steps:
        arguments = (engine, count, str(replica.log))
        yield call("benchmarks.many:measure", *arguments, environment=replica.environment)


def summary(measured: Sequence[Row], network: Network, result_size: float) -> list[Row]:
    """Reduce all rounds to a row for each engine and count.

    A row's ``ceiling`` is the share of what the link could carry if it brought nothing but
    the stamps' spans; ``memory_beyond`` is the growth of the peak beyond the results.
    """
    keys = dict.fromkeys((row["engine"], row["count"]) for row in measured)
    return [
        _median([row for row in measured if (row["engine"], row["count"]) == key], network)
        | {"result_bytes": result_size}
        for key in keys
    ]


def _median(rows: list[Row], network: Network) -> Row:
    count, seconds = rows[0]["count"], median(row["seconds"] for row in rows)
    return {
        "engine": rows[0]["engine"],
        "network": network.name,
        "count": count,
        "rounds": len(rows),
        "failed": max(row["failed"] for row in rows),
        "seconds": seconds,
        "rate": count / seconds,
        "ceiling": count * SPAN / network.bandwidth / seconds,
        "requests_each": median(row["requests"] for row in rows) / count,
        "bytes_each": median(row["bytes"] for row in rows) / count,
        "memory": median(row["memory"] for row in rows),
    }
