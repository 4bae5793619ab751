"""The Crab Nebula's place and shape, and its smooth synchrotron light.

Offsets are arcseconds east and north of the pulsar.  The same fixed seeds draw the sky
of every product, so that bands and surveys agree.  Sizes and angles: Hester 2008,
ARA&A 46, 127, section 2.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np

from replica.simulation.noise import fractal, generator, sample
from replica.simulation.xrays import equatorial_plane, spin_axes

#: PSR B0531+21, ICRS degrees (ATNF pulsar catalogue).
PULSAR = (83.633210, 22.014460)
#: Position angle of the long axis, degrees east of north.
LONG_AXIS_ANGLE = 125.0
#: Half axes in arcseconds: the nebula is 420" by 290".
HALF_AXES = (210.0, 145.0)
#: The nebula's centre lies south-east of the pulsar, which moves north-west.
CENTRE = (6.0, -5.0)

#: Plates reach this far from the pulsar, arcseconds.
HALF_TEMPLATE = 256.0

_FIELD_SIZE = 512
#: Dark notches: place, half widths east and north, and depth; the first two are the eastern bay.
#: Read off the picture that `replica.simulation.filaments` names.
_BAYS = (
    ((90, -3), (24, 11), 0.65),
    ((125, 14), (34, 20), 0.6),
    ((-101, -46), (46, 24), 0.5),
    ((-150, -40), (40, 30), 0.5),
    ((-70, -125), (80, 42), 0.7),
    ((-69, 32), (18, 13), 0.35),
)


def template_offsets(step: float) -> tuple[np.ndarray, np.ndarray]:
    """East and north offsets of a template's pixels; the pulsar is on pixel (size/2, size/2)."""
    axis = np.arange(-HALF_TEMPLATE, HALF_TEMPLATE, step, dtype=np.float32)
    east, north = np.meshgrid(axis, axis)
    return east, north


def synchrotron(east: np.ndarray, north: np.ndarray, core_size: float = 1.0) -> np.ndarray:
    """Surface brightness of the smooth core, arbitrary unit."""
    long, short = along_axes(east, north)
    ragged = 0.07 * field("outline", 5, 10, 20)(east, north)
    radius = np.hypot(long, short) * (1 + ragged)
    light = np.exp(-1.9 * (radius / core_size) ** 1.3) * smooth_step((1.15 - radius) / 0.55)
    mottle = 0.08 * field("mottle", 14, 28, 56)(east, north)
    return (light * (1 + mottle) + _wisps(east, north)) * _bays(east, north)


def _wisps(east: np.ndarray, north: np.ndarray) -> np.ndarray:
    """The bright middle: arcs around the pulsar in its equatorial plane, brighter north-west."""
    radius, azimuth = equatorial_plane(*spin_axes(east, north))
    radius = radius + 1.2 * field("wisps", 30, 60)(east, north)
    arcs = sum(np.exp(-(((radius - arc) / 1.6) ** 2)) for arc in (8.0, 14.5, 23.0))
    middle = np.exp(-((np.hypot(east + 12, north + 2) / 55) ** 2))
    return 0.55 * middle + 0.2 * arcs * np.maximum(np.cos(azimuth) + 0.15, 0)


def _bays(east: np.ndarray, north: np.ndarray) -> np.ndarray:
    """What the dark notches leave: 1 outside them."""
    bend = 7 * field("bays", 9, 18, 36)(east, north)
    dark = np.ones_like(east)
    for (x, y), (wide, high), depth in _BAYS:
        square = ((east + bend - x) / wide) ** 2 + ((north + bend - y) / high) ** 2
        dark *= 1 - np.float32(depth) * np.exp(-square)
    return dark


def along_axes(east: np.ndarray, north: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Offsets from the centre along the long and the short axis, in half axes."""
    angle = np.radians(LONG_AXIS_ANGLE)
    sin, cos = np.float32(np.sin(angle)), np.float32(np.cos(angle))
    x, y = east - np.float32(CENTRE[0]), north - np.float32(CENTRE[1])
    return (x * sin + y * cos) / HALF_AXES[0], (y * sin - x * cos) / HALF_AXES[1]


def smooth_step(x: np.ndarray) -> np.ndarray:
    t = np.clip(x, 0, 1)
    return t * t * (3 - 2 * t)


def field(name: str, *knots: int) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """Fractal noise of the sky as a function of east and north offsets."""
    template = _field_template(name, knots)
    return lambda east, north: sample(template, north + HALF_TEMPLATE, east + HALF_TEMPLATE)


@lru_cache(maxsize=64)
def _field_template(name: str, knots: tuple[int, ...]) -> np.ndarray:
    return fractal(generator("sky", name), _FIELD_SIZE + 1, knots)
