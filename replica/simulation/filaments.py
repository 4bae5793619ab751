"""The Crab Nebula's filaments: the large ones that pictures show, and a cage of fine threads.

Offsets are arcseconds east and north of the pulsar.  Where the large filaments run, and where the
fine ones crowd, is read off a published colour picture (S. Dumont, in Stellarium's collection of
nebulae); the threads in between are random.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise

import numpy as np

from replica.simulation.noise import fractal, generator, octave, sample, threads
from replica.simulation.sky import along_axes, field, smooth_step

Path = tuple[tuple[float, float], ...]

#: Large filaments: strength, and points on the way.
_LARGE: tuple[tuple[float, Path], ...] = (
    (1.0, ((9, 93), (1, 81), (-11, 66), (-22, 57), (-30, 45), (-42, 30), (-47, 16), (-51, 2))),
    (0.9, ((23, 80), (14, 68), (8, 54), (13, 36), (16, 23))),
    (1.0, ((-12, 93), (-21, 103), (-33, 107), (-43, 115))),
    (0.8, ((64, 71), (50, 76), (33, 77), (22, 80), (11, 91))),
    (0.6, ((57, 43), (54, 58), (62, 70))),
    (0.6, ((-43, 115), (-62, 95), (-56, 81), (-46, 76))),
    (0.6, ((-58, 55), (-75, 64), (-96, 75))),
    (0.8, ((-132, 24), (-114, 19), (-90, 10), (-71, -1), (-56, -12), (-41, -19))),
    (1.0, ((-56, -12), (-41, -19), (-25, -28), (-4, -25))),
    (0.8, ((11, -17), (21, -6), (34, 1), (49, 8), (63, 10))),
    (0.7, ((55, -1), (69, 0), (84, 2), (97, 10), (110, 18))),
    (1.2, ((39, -27), (38, -41), (35, -55), (33, -71), (29, -81), (23, -90))),
    (0.6, ((-26, -36), (-31, -50), (-42, -67), (-51, -80), (-58, -87))),
    (0.5, ((163, -61), (143, -61), (135, -75), (120, -86), (110, -98))),
    (0.4, ((120, -86), (106, -76), (87, -91), (73, -90))),
)
#: Strands of a large filament: width in arcseconds, strength, and how far each wanders, to either
#: side, in bends of so many to the width of the sky that is drawn.
_STRANDS = ((0.7, 1.0, 2.5), (0.6, 0.8, -4.0), (0.5, 0.7, 6.0), (0.5, 0.6, -9.0))
_BENDS = (16, 32, 64, 128, 256)
#: Where fine filaments crowd: place, half widths east and north, strength over the level.
_LEVEL = 0.3
_CROWDS = (
    ((41, 66), (34, 24), 2.8),
    ((-26, 103), (36, 18), 2.4),
    ((-77, 84), (42, 30), 1.4),
    ((-42, 42), (16, 30), 1.4),
    ((112, -84), (46, 24), 1.2),
    ((-8, -80), (50, 20), 0.8),
    ((42, -120), (50, 16), 0.35),
    ((-130, 22), (28, 34), 0.7),
    ((-92, -66), (36, 30), 0.35),
    ((95, 8), (26, 14), 0.5),
)
#: Brightness of a large filament over the mean of a web.
_LARGE_STRENGTH = np.float32(9)
_TEXTURE_SIZE = 1536
#: Shells of fine filaments, one web on each: radius and weight.
_SHELLS = ((0.95, 0.8), (0.8, 1.0), (0.62, 0.9))
_REACH = 16.0  # arcseconds from a large filament to which its strands are drawn


def filaments(east: np.ndarray, north: np.ndarray, ionisation: float = 0.0) -> np.ndarray:
    """Surface brightness of all filaments, arbitrary unit.

    Parameters
    ----------
    east, north : ndarray of float32
        Offsets from the pulsar, arcseconds, on a grid whose rows go north.
    ionisation : float
        1 for lines of highly ionised gas ([O III], towards the skin of the nebula), -1
        for those of hardly ionised gas ([S II], in its knots), 0 for dust.
    """
    return _light(east, north) * ionised(east, north, ionisation)


def ionised(east: np.ndarray, north: np.ndarray, ionisation: float) -> np.ndarray:
    """How much brighter filaments are in lines of a state of ionisation than in dust."""
    skin = np.hypot(*along_axes(east, north)) - 0.6
    return np.exp(ionisation * (0.45 * field("ionisation", 11, 23, 47)(east, north) + 0.5 * skin))


def _light(east: np.ndarray, north: np.ndarray) -> np.ndarray:
    return _cage(east, north) + _LARGE_STRENGTH * _large(east, north)


def _cage(east: np.ndarray, north: np.ndarray) -> np.ndarray:
    """Fine filaments on the far and the near sides of shells, crowded where they really are."""
    long, short = along_axes(east, north)
    total = np.zeros(east.shape, np.float32)
    for number, (radius, weight) in enumerate(_SHELLS):
        total += weight * _half_shell(number, radius, east, north, long, short)
    return total * _crowding(east, north)


def _crowding(east: np.ndarray, north: np.ndarray) -> np.ndarray:
    """Brightness of the fine filaments from place to place."""
    ragged = 18 * field("crowds east", 5, 10, 21)(east, north)
    total = np.full(east.shape, _LEVEL, np.float32)
    for (x, y), (wide, high), strength in _CROWDS:
        square = ((east + ragged - x) / wide) ** 2 + ((north + ragged - y) / high) ** 2
        total += np.float32(strength) * np.exp(-square)
    return total


def _half_shell(
    number: int,
    radius: float,
    east: np.ndarray,
    north: np.ndarray,
    long: np.ndarray,
    short: np.ndarray,
) -> np.ndarray:
    """One web on the near or far side of a shell, a little crowded at the limb."""
    warp = (field(f"warp {number} {axis}", 4, 9, 17, 35)(east, north) for axis in "ab")
    x, y = ((axis + 0.055 * bend) / radius for axis, bend in zip((long, short), warp, strict=True))
    # Fingers: some of each thread is drawn towards the centre.
    finger = 1 + 0.035 * np.maximum(field(f"fingers {number}", 45, 90)(east, north), 0) ** 2
    distance = np.hypot(x, y) * finger + 1e-6
    sine = np.minimum(distance, 1)
    # Lambert's equal-area view of the sphere spreads the web evenly over the shell.
    stretch = 2 * np.sin(np.arcsin(sine) / 2) / sine * finger
    scale = _TEXTURE_SIZE / 3.2
    row = (y * stretch + 1.6 + 0.77 * number) * scale % _TEXTURE_SIZE
    column = (x * stretch + 1.6 + 0.41 * number) * scale % _TEXTURE_SIZE
    web = _web() if number % 2 else _web().T
    limb = np.minimum(1 / np.sqrt(1 - sine**2 + 0.4), 1.3)
    return sample(web, row, column) * limb * smooth_step((1 - distance) / 0.25)


@lru_cache(maxsize=1)
def _web() -> np.ndarray:
    """Threads of two sizes, periodic; along them width and brightness change, and knots sit."""
    rng, change = generator("web"), generator("web", "w9")
    total = np.zeros((_TEXTURE_SIZE, _TEXTURE_SIZE), np.float32)
    for strength, width, gaps, knots in (
        (1.0, 1.1, (0.5, 0.7, 31), (31, 62, 124, 248, 496)),
        (0.7, 0.9, (0.5, 0.7, 43), (67, 134, 268, 536)),
    ):
        mean, spread, count = gaps
        present = np.clip(mean + spread * octave(rng, _TEXTURE_SIZE, count), 0.04, 2)
        present *= strength
        thickness = np.exp(0.75 * fractal(change, _TEXTURE_SIZE, (30, 60, 120)))
        # Where a thread spreads out, its light does too.
        present *= threads(rng, _TEXTURE_SIZE, knots, width * thickness) / np.sqrt(thickness)
        total += present
    total *= np.exp(0.75 * fractal(rng, _TEXTURE_SIZE, (60, 120, 240, 480), 0.9))
    total *= np.exp(0.4 * fractal(change, _TEXTURE_SIZE, (13, 26, 52)))
    return np.pad(total / total.mean(), (0, 1), mode="wrap")


def _large(east: np.ndarray, north: np.ndarray) -> np.ndarray:
    """The large filaments: a few strands each, which wander and are knotty."""
    right, up, knots = (
        field(f"strands {name}", *counts)(east, north)
        for name, counts in (("east", _BENDS), ("north", _BENDS), ("knots", (90, 180)))
    )
    total = np.zeros(east.shape, np.float32)
    for width, strength, bend in _STRANDS:
        x, y = east + np.float32(bend) * right, north + np.float32(bend) * up
        total += np.float32(strength) * _strands(x, y, width, east, north)
    return total * np.exp(np.float32(0.9) * knots)


def _strands(
    x: np.ndarray, y: np.ndarray, width: float, east: np.ndarray, north: np.ndarray
) -> np.ndarray:
    """One strand of each large filament, where `x` and `y` say that the places are."""
    total = np.zeros(x.shape, np.float32)
    for strength, path in _LARGE:
        box = _around(path, east, north)
        if total[box].size:
            square = np.min(list(_square_distances(path, x[box], y[box])), axis=0)
            core = 1 + square / width**2
            fade = smooth_step((_REACH - np.sqrt(square)) / _REACH)
            total[box] += strength * fade / (core * np.sqrt(core))
    return total


def _around(path: Path, east: np.ndarray, north: np.ndarray) -> tuple[slice, slice]:
    """Rows and columns of a grid near a large filament."""
    places = np.array(path)
    low, high = places.min(axis=0) - _REACH, places.max(axis=0) + _REACH
    rows = np.flatnonzero((north[:, 0] > low[1]) & (north[:, 0] < high[1]))
    columns = np.flatnonzero((east[0] > low[0]) & (east[0] < high[0]))
    spans = (slice(*found[[0, -1]]) if found.size else slice(0) for found in (rows, columns))
    return next(spans), next(spans)


def _square_distances(path: Path, x: np.ndarray, y: np.ndarray) -> Iterator[np.ndarray]:
    """Squared distance to each straight part of a path."""
    for (x0, y0), (x1, y1) in pairwise(path):
        right, up = x1 - x0, y1 - y0
        along = ((x - x0) * right + (y - y0) * up) / (right**2 + up**2)
        along = np.clip(along, 0, 1)
        yield (x - x0 - along * right) ** 2 + (y - y0 - along * up) ** 2
