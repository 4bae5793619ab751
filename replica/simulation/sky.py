"""The Crab Nebula from ultraviolet to infrared: smooth core and cage of filaments.

Offsets are arcseconds east and north of the pulsar.  The same fixed seeds draw the sky
of every product, so that bands and surveys agree.  Sizes and angles: Hester 2008,
ARA&A 46, 127, section 2.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np

from replica.simulation.noise import blur, fractal, generator, octave, sample, threads
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

_TEXTURE_SIZE = 2048
_FIELD_SIZE = 512
#: Shells of filaments, two half-shells each, with radius and weight.
_SHELLS = ((1.0, 0.85), (0.96, 0.85), (0.83, 0.9), (0.79, 0.9), (0.6, 0.9))


def template_offsets(step: float) -> tuple[np.ndarray, np.ndarray]:
    """East and north offsets of a template's pixels; the pulsar is on pixel (size/2, size/2)."""
    axis = np.arange(-HALF_TEMPLATE, HALF_TEMPLATE, step, dtype=np.float32)
    east, north = np.meshgrid(axis, axis)
    return east, north


@lru_cache(maxsize=8)
def nebula(
    step: float, filament_share: float, core_size: float, fwhm: float, ionisation: float = 0.0
) -> np.ndarray:
    """Surface brightness of the whole nebula, blurred by a telescope.

    Parameters
    ----------
    step : float
        Pixel of the template, arcseconds.
    filament_share : float
        Part of the light that comes from the filaments, 0 to 1.
    core_size : float
        Size of the synchrotron core as a fraction of the nebula's.
    fwhm : float
        Full width at half maximum of the point-spread function, arcseconds.
    ionisation : float
        Which lines the band holds: see `filaments`.

    Returns
    -------
    ndarray of float32, shape (512/step, 512/step)
        Per square arcsecond, the integral over the sky is 1.  Rows go north, columns east.
    """
    lines = _filament_template(step) * _ionised(*template_offsets(step), ionisation)
    template = filament_share * _unit(lines, step)
    template += (1 - filament_share) * _unit(synchrotron(*template_offsets(step), core_size), step)
    return blur(template, fwhm / step)


def _unit(template: np.ndarray, step: float) -> np.ndarray:
    return template / (template.sum(dtype=np.float64) * step**2)


@lru_cache(maxsize=1)
def _filament_template(step: float) -> np.ndarray:
    return filaments(*template_offsets(step))


def filaments(east: np.ndarray, north: np.ndarray, ionisation: float = 0.0) -> np.ndarray:
    """Surface brightness of the cage of filaments, arbitrary unit.

    Parameters
    ----------
    east, north : ndarray of float32
        Offsets from the pulsar, arcseconds.
    ionisation : float
        1 for lines of highly ionised gas ([O III], towards the skin of the nebula), -1
        for those of hardly ionised gas ([S II], in its knots), 0 for dust.
    """
    long, short = _along_axes(east, north)
    total = np.zeros(east.shape, np.float32)
    for number, (radius, weight) in enumerate(_SHELLS):
        patches = np.exp(0.45 * _field(f"patches {number}", 4, 8, 16)(east, north))
        total += weight * patches * _half_shell(number, radius, east, north, long, short)
    return total * _ionised(east, north, ionisation)


def _ionised(east: np.ndarray, north: np.ndarray, ionisation: float) -> np.ndarray:
    skin = np.hypot(*_along_axes(east, north)) - 0.6
    return np.exp(ionisation * (0.45 * _field("ionisation", 11, 23, 47)(east, north) + 0.5 * skin))


def synchrotron(east: np.ndarray, north: np.ndarray, core_size: float = 1.0) -> np.ndarray:
    """Surface brightness of the smooth core, arbitrary unit."""
    long, short = _along_axes(east, north)
    ragged = 0.07 * _field("outline", 5, 10, 20)(east, north)
    radius = np.hypot(long, short) * (1 + ragged)
    light = np.exp(-1.9 * (radius / core_size) ** 1.5) * _smooth_step((1.05 - radius) / 0.3)
    mottle = 0.08 * _field("mottle", 14, 28, 56)(east, north)
    return (light * (1 + mottle) + _wisps(east, north)) * _bays(east, north)


def _wisps(east: np.ndarray, north: np.ndarray) -> np.ndarray:
    """The bright middle: arcs around the pulsar in its equatorial plane, brighter north-west."""
    radius, azimuth = equatorial_plane(*spin_axes(east, north))
    radius = radius + 1.2 * _field("wisps", 30, 60)(east, north)
    arcs = sum(np.exp(-(((radius - arc) / 1.6) ** 2)) for arc in (8.0, 14.5, 23.0))
    middle = np.exp(-((np.hypot(east, north) / 38) ** 2))
    return 0.14 * middle + 0.13 * arcs * np.maximum(np.cos(azimuth) + 0.15, 0)


def _bays(east: np.ndarray, north: np.ndarray) -> np.ndarray:
    """The dark notches in the eastern and western rim: 1 outside them."""
    dark = np.ones_like(east)
    for bay_east, bay_north, depth in ((128, 40, 0.6), (-138, -52, 0.5)):
        distance = np.hypot((east - bay_east) / 42, (north - bay_north) / 26)
        dark = dark * (1 - depth * np.exp(-(distance**2)))
    return dark


def _along_axes(east: np.ndarray, north: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Offsets from the centre along the long and the short axis, in half axes."""
    angle = np.radians(LONG_AXIS_ANGLE)
    sin, cos = np.float32(np.sin(angle)), np.float32(np.cos(angle))
    x, y = east - np.float32(CENTRE[0]), north - np.float32(CENTRE[1])
    return (x * sin + y * cos) / HALF_AXES[0], (y * sin - x * cos) / HALF_AXES[1]


def _half_shell(
    number: int,
    radius: float,
    east: np.ndarray,
    north: np.ndarray,
    long: np.ndarray,
    short: np.ndarray,
) -> np.ndarray:
    """One web on the near or far side of a shell, crowded and brighter at the limb."""
    warp = (_field(f"warp {number} {axis}", 4, 9, 17, 35)(east, north) for axis in "ab")
    x, y = ((axis + 0.055 * bend) / radius for axis, bend in zip((long, short), warp, strict=True))
    # Fingers: some of each thread is drawn towards the centre.
    finger = 1 + 0.035 * np.maximum(_field(f"fingers {number}", 45, 90)(east, north), 0) ** 2
    distance = np.hypot(x, y) * finger + 1e-6
    sine = np.minimum(distance, 1)
    # Lambert's equal-area view of the sphere spreads the web evenly over the shell.
    stretch = 2 * np.sin(np.arcsin(sine) / 2) / sine * finger
    scale = _TEXTURE_SIZE / 3.2
    row = (y * stretch + 1.6 + 0.77 * number) * scale % _TEXTURE_SIZE
    column = (x * stretch + 1.6 + 0.41 * number) * scale % _TEXTURE_SIZE
    web = _web() if number % 2 else _web().T
    limb = np.minimum(1 / np.sqrt(1 - sine**2 + 0.15), 1.9)
    return sample(web, row, column) * limb * _smooth_step((1 - distance) / 0.12)


@lru_cache(maxsize=1)
def _web() -> np.ndarray:
    """Threads of three sizes, periodic; along them width and brightness change, and knots sit."""
    # This draw of the changes leaves the nebula its published shape.
    rng, change = generator("web"), generator("web", "w9")
    total = np.zeros((_TEXTURE_SIZE, _TEXTURE_SIZE), np.float32)
    for strength, width, gaps, knots in (
        (1.0, 2.6, (0.55, 0.7, 24), (9, 18, 36, 72, 144, 288)),
        (0.8, 1.9, (0.2, 0.8, 17), (19, 38, 76, 152, 304)),
        (0.45, 1.5, (0.2, 0.8, 29), (41, 82, 164, 328)),
    ):
        mean, spread, count = gaps
        present = np.clip(mean + spread * octave(rng, _TEXTURE_SIZE, count), 0.04, 2)
        present *= strength
        thickness = np.exp(0.7 * fractal(change, _TEXTURE_SIZE, (22, 44, 88)))
        # Where a thread spreads out, its light does too.
        present *= threads(rng, _TEXTURE_SIZE, knots, width * thickness) / np.sqrt(thickness)
        total += present
    total *= np.exp(0.65 * fractal(rng, _TEXTURE_SIZE, (60, 120, 240, 480), 0.85))
    total *= np.exp(0.7 * fractal(change, _TEXTURE_SIZE, (13, 26, 52)))
    return np.pad(total, (0, 1), mode="wrap")


def _smooth_step(x: np.ndarray) -> np.ndarray:
    t = np.clip(x, 0, 1)
    return t * t * (3 - 2 * t)


def _field(name: str, *knots: int) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """Fractal noise of the sky as a function of east and north offsets."""
    template = _field_template(name, knots)
    return lambda east, north: sample(template, north + HALF_TEMPLATE, east + HALF_TEMPLATE)


@lru_cache(maxsize=64)
def _field_template(name: str, knots: tuple[int, ...]) -> np.ndarray:
    return fractal(generator("sky", name), _FIELD_SIZE + 1, knots)
