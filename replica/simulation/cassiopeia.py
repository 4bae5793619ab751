"""Cassiopeia A from infrared to X-rays: ejecta, blast wave, jets, optical knots, neutron star.

Offsets are arcseconds east and north of the centre of expansion.  The same fixed seeds draw
the remnant of every product, so that bands and surveys agree.  Radii of the two shocks:
Gotthelf et al. 2001, ApJ 552, L39.  The brightness along the ring and the shapes of the jets
are drawn after published pictures: Hwang et al. 2004, ApJ 615, L117 (X-rays), Hines et al. 2004,
ApJS 154, 290 (dust), Fesen et al. 2006, ApJ 645, 283 (optical).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from replica.simulation.noise import blur, fractal, generator, ridges, sample

#: Centre of expansion, ICRS degrees (Thorstensen, Fesen & van den Bergh 2001, AJ 122, 297).
CENTRE = (350.86571, 58.81372)
#: The neutron star, ICRS degrees (Fesen, Pavlov & Sanwal 2006, ApJ 636, 848).
NEUTRON_STAR = (350.86643, 58.81181)
#: The gas moves outward by this share of its radius in a year (Vink et al. 1998, A&A 339, 201:
#: 501 years to expand; DeLaney et al. 2004, ApJ 613, 343: 0.2 % a year), as of this year.
EXPANSION, EPOCH = 0.0020, 2004.0
#: Radii of the blast wave and of the reverse shock, arcseconds.
BLAST_WAVE, REVERSE_SHOCK = 153.0, 95.0
#: The reverse shock's circle lies a little west of the centre.
_RING_CENTRE = (-8.0, 4.0)
#: Position angles of the jet and the counter-jet, degrees east of north.
JET_ANGLE, COUNTER_JET_ANGLE = 63.0, 245.0

#: Templates reach this far from the centre, arcseconds.
HALF_TEMPLATE = 256.0

_TEXTURE = 1024  # pixels of half an arcsecond
#: Where the ring is bright: position angle, width (degrees) and strength over its level.
_RING_LEVEL = 0.38
_RING_ARCS = ((5, 28, 1.0), (325, 22, 0.7), (102, 20, 0.75), (222, 16, 0.45), (272, 17, 0.85))
_DUST_LEVEL = 0.45
_DUST_ARCS = ((0, 32, 1.0), (275, 25, 0.6), (185, 25, 0.45), (95, 20, 0.3))
_RADIO_LEVEL = 0.55
_RADIO_ARCS = ((268, 22, 0.8), (350, 25, 0.5), (100, 20, 0.3))
_OPTICAL_LEVEL = 0.03
_OPTICAL_ARCS = (
    (342, 14, 1.2),
    (8, 14, 1.7),
    (30, 10, 0.9),
    (50, 9, 0.4),
    (100, 10, 0.45),
    (135, 8, 0.2),
    (205, 12, 0.4),
    (250, 6, 0.2),
    (290, 9, 0.35),
    (318, 8, 0.3),
)
#: Rims of the blast wave: radius in units of the largest, and strength.
_RIMS = ((1.0, 0.24), (0.975, 0.2), (0.94, 0.16), (0.9, 0.1), (0.84, 0.07))


@dataclass(frozen=True)
class Jet:
    """A jet: position angle, number of streaks and their spread (degrees), end (arcseconds)."""

    angle: float
    streaks: int
    spread: float
    end: float


_JET = Jet(JET_ANGLE, 15, 6.5, 245.0)
_COUNTER_JET = Jet(COUNTER_JET_ANGLE, 9, 7.0, 205.0)


def scale(year: float) -> float:
    """Return how large the remnant was in a year, in units of its size at `EPOCH`."""
    return 1 + EXPANSION * (year - EPOCH)


def synchrotron_flux(wavelength: float) -> float:
    """Flux in jansky of the synchrotron light at a wavelength in metres.

    The radio spectrum goes on into the infrared (Rho et al. 2003, ApJ 592, 299): 2723 Jy at
    1 GHz in 1980, and a spectral index of -0.77 (Baars et al. 1977, A&A 61, 99).
    """
    return 2723 * (299_792_458 / wavelength / 1e9) ** -0.77


@lru_cache(maxsize=2)
def x_rays(step: float, fwhm: float) -> np.ndarray:
    """X-rays without the neutron star, blurred by a telescope: a template (see `optical`)."""
    east, north = _template_offsets(step)
    radius, angle = np.hypot(east, north), _position_angle(east, north)
    light = 1.15 * _ejecta(east, north, _RING_LEVEL, _RING_ARCS)
    light += _blast_wave(east, north, radius, angle)
    light += 0.34 * _jet(east, north, "jet", _JET)
    light += 0.06 * _jet(east, north, "counter-jet", _COUNTER_JET)
    light *= radius < 0.9 * HALF_TEMPLATE
    return blur(_unit(light, step), fwhm / step)


@lru_cache(maxsize=8)
def dust(step: float, fwhm: float) -> np.ndarray:
    """Warm dust in the shocked ejecta, blurred by a telescope: a template (see `optical`)."""
    east, north = _template_offsets(step)
    radius, angle = np.hypot(east, north), _position_angle(east, north)
    light = _ejecta(east, north, _DUST_LEVEL, _DUST_ARCS)
    light += 0.25 * _blast_wave(east, north, radius, angle)
    light += 0.12 * _jet(east, north, "jet", _JET)
    light += 0.10 * _jet(east, north, "counter-jet", _COUNTER_JET)
    return blur(_unit(light, step), fwhm / step)


@lru_cache(maxsize=8)
def synchrotron(step: float, fwhm: float) -> np.ndarray:
    """Synchrotron light, smoother than the dust, blurred by a telescope: a template."""
    east, north = _template_offsets(step)
    radius, angle = np.hypot(east, north), _position_angle(east, north)
    light = 0.4 * _shell(_ring_radius(east, north), 84.0, 112.0) ** 2
    light += 0.5 * _ejecta(east, north, _RADIO_LEVEL, _RADIO_ARCS)
    light += 0.3 * _blast_wave(east, north, radius, angle)
    return blur(_unit(light, step), fwhm / step)


@lru_cache(maxsize=8)
def optical(step: float, fwhm: float, flocculi: float) -> np.ndarray:
    """Filaments and knots of the ejecta, blurred by the seeing.

    Parameters
    ----------
    step : float
        Pixel of the template, arcseconds.
    fwhm : float
        Full width at half maximum of the point-spread function, arcseconds.
    flocculi : float
        Share of the light that comes from the slow flocculi of the progenitor's wind, which
        shine in the lines of hydrogen and nitrogen.

    Returns
    -------
    ndarray of float32, shape (512/step, 512/step)
        Per square arcsecond, the integral over the sky is 1.  Rows go north, columns east.
    """
    east, north = _template_offsets(step)
    light = 0.75 * _unit(_filaments(east, north), step)
    light += 0.25 * _unit(_knots(step), step)
    light *= 1 - flocculi
    light += flocculi * _unit(_points("flocculi", 45, step, _flocculi_places), step)
    return blur(light, fwhm / step)


def _template_offsets(step: float) -> tuple[np.ndarray, np.ndarray]:
    axis = np.arange(-HALF_TEMPLATE, HALF_TEMPLATE, step, dtype=np.float32)
    east, north = np.meshgrid(axis, axis)
    return east, north


def _unit(template: np.ndarray, step: float) -> np.ndarray:
    return template / (template.sum(dtype=np.float64) * step**2)


def _position_angle(east: np.ndarray, north: np.ndarray) -> np.ndarray:
    """Degrees east of north, 0 to 360."""
    return np.degrees(np.arctan2(east, north)) % 360


def _apart(angle: np.ndarray, other: float) -> np.ndarray:
    """Difference of two position angles, -180 to 180 degrees."""
    return (angle - other + 180) % 360 - 180


def _around(
    angle: np.ndarray, level: float, arcs: tuple[tuple[float, float, float], ...]
) -> np.ndarray:
    """Brightness along the ring: a level and bright arcs."""
    total = np.full_like(angle, level)
    for middle, width, strength in arcs:
        total += np.float32(strength) * np.exp(-((_apart(angle, middle) / width) ** 2))
    return total


def _ring_radius(east: np.ndarray, north: np.ndarray) -> np.ndarray:
    """Distance from the ring's centre, ragged as the ejecta are, and bulging south-east."""
    x, y = east - np.float32(_RING_CENTRE[0]), north - np.float32(_RING_CENTRE[1])
    bulge = 1 + 0.14 * np.exp(-((_apart(_position_angle(x, y), 112) / 24) ** 2))
    return np.hypot(x, y) / bulge + 4.5 * _texture("ragged", 6, 13, 27, 55, 110)(east, north)


def _shell(radius: np.ndarray, inner: float, outer: float) -> np.ndarray:
    """A shell seen through: its depth along the line of sight, 1 where that is largest."""
    depth = np.sqrt(np.clip(outer**2 - radius**2, 0, None))
    depth -= np.sqrt(np.clip(inner**2 - radius**2, 0, None))
    return depth / np.sqrt(outer**2 - inner**2)


def _ejecta(
    east: np.ndarray,
    north: np.ndarray,
    level: float,
    arcs: tuple[tuple[float, float, float], ...],
) -> np.ndarray:
    """The bright ring: a shell of clumps, filaments along it, and bubbles in front of it."""
    radius, angle = _ring_radius(east, north), _position_angle(east, north)
    clumps = np.exp(0.8 * _texture("clumps", 13, 27, 54, 108, 216)(east, north))
    ring = np.exp(-(((radius - REVERSE_SHOCK) / np.where(radius < REVERSE_SHOCK, 13, 12)) ** 2))
    strands = 0.26 * _web_along_ring(radius, angle) + 0.16 * _web_along_ring(radius, angle, 2)
    patches = np.exp(0.4 * _texture("patchy", 11, 23, 47, 95)(east, north))
    along = ring * patches * (0.16 * clumps + strands)
    inside = 0.05 * _shell(radius, 86.0, 114.0) * clumps + 0.05 * _web_on_shell(east, north)
    return along * _around(angle, level, arcs) + 0.6 * inside


def _web_along_ring(radius: np.ndarray, angle: np.ndarray, turns: int = 1) -> np.ndarray:
    """Filaments that follow the ring, three times as long as wide; with more turns finer ones."""
    row = (5.0 * turns * radius + 40) % _TEXTURE
    return sample(_web(), row, angle * (turns * _TEXTURE / 360) % _TEXTURE)


def _web_on_shell(east: np.ndarray, north: np.ndarray) -> np.ndarray:
    """Filaments on the far and the near side of the shell, crowded at its limb."""
    x, y = east - np.float32(_RING_CENTRE[0]), north - np.float32(_RING_CENTRE[1])
    total = np.zeros_like(east)
    for number, shell in enumerate((104.0, 92.0)):
        radius = _ring_radius(east, north) / shell
        sine = np.clip(radius, 1e-3, 1)
        # Lambert's equal-area view spreads the web evenly over the sphere.
        stretch = 2 * np.sin(np.arcsin(sine) / 2) / (sine * shell)
        pixels = _TEXTURE / 3.2
        row = (y * stretch + 1.6 + 0.7 * number) * pixels % _TEXTURE
        column = (x * stretch + 1.6 + 0.3 * number) * pixels % _TEXTURE
        limb = np.minimum(0.5 / np.sqrt(1 - sine**2 + 0.02), 2.2)
        total += sample(_web(), row, column) * limb * _smooth_step((1 - radius) / 0.06)
    return total


@lru_cache(maxsize=1)
def _web() -> np.ndarray:
    """Filaments of all widths, finer ones along the larger, with knots; periodic."""
    rng = generator("cassiopeia web")
    total = ridges(rng, _TEXTURE, (17, 34, 68, 136, 272))
    total += 0.6 * ridges(rng, _TEXTURE, (41, 82, 164, 328))
    total *= np.exp(0.9 * fractal(rng, _TEXTURE, (12, 25, 50, 100, 200), 0.85))
    return np.pad(total / total.mean(), (0, 1), mode="wrap")


def _blast_wave(
    east: np.ndarray, north: np.ndarray, radius: np.ndarray, angle: np.ndarray
) -> np.ndarray:
    """Thin synchrotron rims where the blast wave is seen edge-on, and the shell behind them."""
    total = np.zeros_like(east)
    broken = 1 - 0.85 * np.exp(-((_apart(angle, JET_ANGLE) / 11) ** 2))
    for number, (size, strength) in enumerate(_RIMS):
        bend = 4.2 * _texture(f"rim {number}", 5, 11, 23, 46, 92, 184)(east, north)
        behind = BLAST_WAVE * size + bend - radius
        present = np.clip(0.25 + 0.7 * _texture(f"arcs {number}", 7, 15, 31, 62)(east, north), 0, 2)
        rim = np.exp(-np.clip(behind, 0, None) / 3.2) * _smooth_step(behind / 1.5 + 1)
        total += strength * present * broken * rim
    edge = radius + 3 * _texture("rim 0", 5, 11, 23, 46, 92, 184)(east, north)
    inside = _shell(edge, 0.78 * BLAST_WAVE, 0.98 * BLAST_WAVE)
    mottle = 0.6 + 0.4 * _web_along_ring(radius + 40, angle)
    return total + 0.04 * inside * mottle + _inner_wisps(east, north, radius)


def _inner_wisps(east: np.ndarray, north: np.ndarray, radius: np.ndarray) -> np.ndarray:
    """Synchrotron filaments in front of the middle, more of them in the west."""
    wisps = sample(_web().T, 1.1 * north + _TEXTURE / 2, 1.1 * east + _TEXTURE / 2)
    west = 0.5 - 0.5 * np.tanh((east + 40) / 40)
    return 0.02 * wisps * (0.25 + west) * np.exp(-((radius / 95) ** 4))


def _jet(east: np.ndarray, north: np.ndarray, name: str, jet: Jet) -> np.ndarray:
    """Straight streaks that leave the ring, knotty, and taper to points far outside."""
    rng = generator("cassiopeia", name, "streaks")
    radius, angle = np.hypot(east, north), _apart(_position_angle(east, north), jet.angle)
    total = np.zeros_like(radius)
    for _ in range(jet.streaks):
        turn = rng.normal(0, jet.spread)
        start = rng.uniform(88, 125)
        end = start + (jet.end - start) * rng.uniform(0.45, 1) * np.exp(-((turn / 16) ** 2))
        away = (radius - np.float32(start)) / np.float32(end - start)
        tilt = rng.normal(0, 1.2) * away  # degrees: no two of them are quite parallel
        across = np.radians(angle - turn - tilt) * radius
        width = np.float32(rng.uniform(1.2, 3.2)) * (1.1 - 0.6 * away.clip(0, 1))
        along = _smooth_step(away / 0.12) * np.clip(1 - away, 0, None)
        knots = np.interp(radius, np.linspace(80, 260, 61), np.exp(rng.normal(0, 0.6, 61)))
        light = along * knots / (1 + (across / width) ** 2) ** 2
        total += light.astype(np.float32) * (np.abs(angle) < 60) * np.float32(rng.pareto(2) + 0.3)
    return total


def _filaments(east: np.ndarray, north: np.ndarray) -> np.ndarray:
    """The few optical filaments: the densest strands of the ring, in patches."""
    radius, angle = _ring_radius(east, north), _position_angle(east, north)
    patches = np.exp(0.8 * _texture("optical patches", 17, 35, 70, 140, 280)(east, north))
    strands = _web_along_ring(radius, angle) + 0.8 * _web_along_ring(radius, angle, 2)
    ring = np.exp(-(((radius - 101) / 10) ** 2))
    return strands**2.5 * patches * ring * _around(angle, _OPTICAL_LEVEL, _OPTICAL_ARCS)


def _knots(step: float) -> np.ndarray:
    """Fast-moving knots: on the ring where the filaments are, and far out in the jets."""
    knots = _points("knots", 420, step, _knot_places)
    knots += 0.35 * _points("jet", 90, step, lambda rng, count: _jet_places(rng, count, JET_ANGLE))
    counter = _points("counter-jet", 25, step, lambda r, n: _jet_places(r, n, COUNTER_JET_ANGLE))
    return knots + 0.08 * counter


Places = tuple[np.ndarray, np.ndarray]


def _knot_places(rng: np.random.Generator, count: int) -> Places:
    """Radii and position angles that follow the bright arcs of the optical ring."""
    angle = rng.uniform(0, 360, 40 * count)
    bright = _around(angle, _OPTICAL_LEVEL, _OPTICAL_ARCS)
    angle = angle[rng.random(angle.size) < bright / 2][:count]
    return rng.normal(103, 9, angle.size), angle


def _jet_places(rng: np.random.Generator, count: int, axis: float) -> Places:
    return rng.uniform(110, 230, count), axis + rng.normal(0, 7, count)


def _flocculi_places(rng: np.random.Generator, count: int) -> Places:
    return rng.uniform(45, 140, count), rng.uniform(0, 360, count)


def _points(name: str, count: int, step: float, places) -> np.ndarray:
    """Points of light of very different brightness, as a template that a blur makes round."""
    rng = generator("cassiopeia", name)
    radius, angle = places(rng, count)
    light = rng.pareto(1.6, radius.size) + 0.2
    east, north = radius * np.sin(np.radians(angle)), radius * np.cos(np.radians(angle))
    size = round(2 * HALF_TEMPLATE / step)
    template = np.zeros((size, size), np.float32)
    row, column = (np.rint(offset / step + size / 2).astype(int) for offset in (north, east))
    np.add.at(template, (row, column), light.clip(max=12).astype(np.float32))
    return template


def _smooth_step(x: np.ndarray) -> np.ndarray:
    t = np.clip(x, 0, 1)
    return t * t * (3 - 2 * t)


def _texture(name: str, *knots: int) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """Fractal noise of the sky, unit variance, as a function of east and north offsets."""
    template = _texture_template(name, knots)
    step = 2 * HALF_TEMPLATE / (template.shape[0] - 1)
    middle = HALF_TEMPLATE / step
    return lambda east, north: sample(template, north / step + middle, east / step + middle)


@lru_cache(maxsize=32)
def _texture_template(name: str, knots: tuple[int, ...]) -> np.ndarray:
    size = _TEXTURE if knots[-1] > 64 else _TEXTURE // 2
    return fractal(generator("cassiopeia", name), size + 1, knots)
