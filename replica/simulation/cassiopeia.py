"""Cassiopeia A from infrared to X-rays: ejecta, blast wave, jets, optical knots, neutron star.

Offsets are arcseconds east and north of the centre of expansion.  The same fixed seeds draw
the remnant of every product, so that bands and surveys agree.  Radii of the two shocks:
Gotthelf et al. 2001, ApJ 552, L39.  The brightness along the ring and the shapes of the jets
are drawn after published pictures: Hines et al. 2004, ApJS 154, 290 (dust), Fesen et al. 2006,
ApJ 645, 283 (optical), and those that `replica.simulation.cassiopeia_strands` names.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from replica.simulation.cassiopeia_strands import HOT_GAS, STRANDS, X_RAY_STRANDS, Strand
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
#: Where the ring is bright or weak: position angle, width (degrees), strength over its level.
_DUST_LEVEL = 0.45
_DUST_ARCS = ((354, 26, 2.8), (45, 20, -0.15), (275, 25, 0.2), (185, 22, 0.3), (95, 20, 0.35))
_RADIO_LEVEL = 0.55
_RADIO_ARCS = ((268, 22, 0.8), (350, 25, 0.5), (100, 20, 0.3))
#: Fibres of a strand: number per arcsecond of a narrow one, mean length in arcseconds, points.
_FIBRES, _FIBRE, _POINTS = 4.0, 5.0, 24
#: Rims of the blast wave: number, mean distance inside the largest, and depth of the layer that
#: shines, arcseconds (Vink & Laming 2003, ApJ 584, 758: rounded); rims before the inside.
_RIMS, _RIM_INSIDE, _RIM_DEPTH, _INNER_RIMS = 70, 7.0, 2.2, 14
#: Light of the shell inside the patches of hot gas, and that of both in units of the dust's ring.
_INSIDE, _SHINE = 0.16, np.float32(1.3)
#: Parts of the X-ray light, in units of that of the ring; `_CLUMP` blurs its clumps, arcseconds.
_RIM_LIGHT, _X_RAY_CLUMPS, _CLUMP = 4e-6, 3.5, 1.0


@dataclass(frozen=True)
class Jet:
    """A jet: position angle, number of streaks and their spread (degrees), end (arcseconds)."""

    angle: float
    streaks: int
    spread: float
    end: float


_JET = Jet(JET_ANGLE, 15, 6.5, 230.0)
_COUNTER_JET = Jet(COUNTER_JET_ANGLE, 9, 7.0, 205.0)


#: How much the light of oxygen (or in X-rays), of sulphur and of nitrogen differs from fibre to
#: fibre: the slow flocculi are few and stand alone.
_PURITY = (0.5, 1.1, 1.7)


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
    light = _hot_gas(east, north)
    light += _X_RAY_CLUMPS * blur(_draw(X_RAY_STRANDS, step)[0], _CLUMP / step)
    light += _blast_wave(east, north, step)
    light += 0.26 * _jet("jet", _JET, step)
    light += 0.06 * _jet("counter-jet", _COUNTER_JET, step)
    light *= np.hypot(east, north) < 0.9 * HALF_TEMPLATE
    return blur(_unit(light, step), fwhm / step)


@lru_cache(maxsize=8)
def dust(step: float, fwhm: float) -> np.ndarray:
    """Warm dust in the shocked ejecta, blurred by a telescope: a template (see `optical`)."""
    east, north = _template_offsets(step)
    light = _ejecta(east, north, _DUST_LEVEL, _DUST_ARCS)
    light += 0.25 * _blast_wave(east, north, step)
    light += 0.05 * _jet("jet", _JET, step)
    light += 0.03 * _jet("counter-jet", _COUNTER_JET, step)
    return blur(_unit(light, step), fwhm / step)


@lru_cache(maxsize=8)
def synchrotron(step: float, fwhm: float) -> np.ndarray:
    """Synchrotron light, smoother than the dust, blurred by a telescope: a template."""
    east, north = _template_offsets(step)
    light = 0.4 * _shell(_ring_radius(east, north), 84.0, 112.0) ** 2
    light += 0.5 * _ejecta(east, north, _RADIO_LEVEL, _RADIO_ARCS)
    light += 0.3 * _blast_wave(east, north, step)
    return blur(_unit(light, step), fwhm / step)


@lru_cache(maxsize=8)
def optical(step: float, fwhm: float, flocculi: float, oxygen: float) -> np.ndarray:
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
    oxygen : float
        Share of the light that comes from the strands that shine in [O III]; the rest is that
        of the knots rich in sulphur.

    Returns
    -------
    ndarray of float32, shape (512/step, 512/step)
        Per square arcsecond, the integral over the sky is 1.  Rows go north, columns east.
    """
    in_oxygen, in_sulphur, in_nitrogen = (_unit(light, step) for light in _draw(STRANDS, step))
    knots = 0.98 * in_sulphur + 0.02 * _unit(_far_knots(step), step)
    light = oxygen * in_oxygen + flocculi * in_nitrogen + (1 - oxygen - flocculi) * knots
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
    strands = 0.3 * _web_along_ring(radius, angle) + 0.22 * _web_along_ring(radius, angle, 2)
    patches = np.exp(0.7 * _texture("patchy", 11, 23, 47, 95)(east, north))
    along = ring * patches * (0.11 * clumps + strands)
    inside = 0.05 * _shell(radius, 86.0, 114.0) * clumps + 0.05 * _web_on_shell(east, north)
    return along * _around(angle, level, arcs) + 0.6 * inside


def _hot_gas(east: np.ndarray, north: np.ndarray) -> np.ndarray:
    """Gas behind the reverse shock: filaments and clumps in ragged patches, and a faint shell."""
    bend = 7 * _texture("ragged", 6, 13, 27, 55, 110)(east, north)
    total = np.float32(_INSIDE) * _shell(_ring_radius(east, north), 60.0, 118.0)
    for (x, y), (wide, high), strength in HOT_GAS:
        square = ((east + bend - x) / wide) ** 2 + ((north - bend - y) / high) ** 2
        total += np.float32(strength) * np.exp(-square)
    clumps = np.exp(0.75 * _texture("clumps", 13, 27, 54, 108, 216)(east, north))
    fine = sample(_web(), (5 * north + bend) % _TEXTURE, (5 * east - bend) % _TEXTURE)
    return total * clumps * (0.4 + 0.4 * fine) * _SHINE


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


def _blast_wave(east: np.ndarray, north: np.ndarray, step: float) -> np.ndarray:
    """Thin synchrotron rims where the blast wave is seen edge-on, and the shell behind them."""
    radius, angle = np.hypot(east, north), _position_angle(east, north)
    edge = radius + 3 * _texture("edge", 5, 11, 23, 46)(east, north)
    inside = _shell(edge, 0.78 * BLAST_WAVE, 0.97 * BLAST_WAVE)
    mottle = 0.6 + 0.4 * _web_along_ring(radius + 40, angle)
    return 0.04 * inside * mottle + _RIM_LIGHT * _rims(step)


def _rims(step: float) -> np.ndarray:
    """Arcs that wiggle, cross and overlap; a few lie before the inside in the west."""
    rng = generator("cassiopeia rims")
    one = _RIMS + _INNER_RIMS, 1
    inner = np.arange(one[0])[:, None] >= _RIMS
    middle = np.where(inner, rng.normal(262, 32, one), rng.uniform(0, 360, one))
    inside = np.where(inner, rng.uniform(25, 105, one), rng.exponential(_RIM_INSIDE, one))
    size = BLAST_WAVE - inside
    reach = rng.uniform(6, 24, one)  # half the length, degrees
    along = np.linspace(-1, 1, 240)
    tilt, bend, wave, phase = (rng.normal(0, s, one) for s in (5.0, 4.0, 1.2, 3.0))
    line = size + tilt * along - np.abs(bend) * along**2 + wave * np.sin(6 * along + phase)
    light = size * reach * rng.lognormal(0, 0.65, one) * np.where(inner, 0.5, 1.0)
    light = light * (1 - 0.85 * np.exp(-((_apart(middle, JET_ANGLE) / 14) ** 2)))
    light = light * (1 - along**2) * [_knotty(rng, along, 0.15, 0.7) for _ in size]
    depth = (np.arange(20) + rng.random((*line.shape, 20))) / 5  # in units of the mean
    layer = light[..., None] * np.exp(-depth)
    radius = line[..., None] - _RIM_DEPTH * depth
    return _deposit_polar(radius, (middle + reach * along)[..., None], layer, step)


def _jet(name: str, jet: Jet, step: float) -> np.ndarray:
    """Straight streaks that leave the ring, knotty, and taper to points far outside."""
    rng = generator("cassiopeia", name, "streaks")
    one = jet.streaks, 1
    turn = rng.normal(0, jet.spread, one)
    start = rng.uniform(88, 125, one)
    length = (jet.end - start) * rng.uniform(0.45, 1, one) * np.exp(-((turn / 16) ** 2))
    away = (np.arange(400) + 0.5) / 400
    radius = start + length * away
    angle = jet.angle + turn + rng.normal(0, 1.2, one) * away  # no two are quite parallel
    width = rng.uniform(1.2, 3.2, one) * (1.1 - 0.6 * away)
    light = _smooth_step(away / 0.12) * (1 - away) * (rng.pareto(2, one) + 0.3)
    light *= np.array([_knotty(rng, along, 3.0, 0.6) for along in radius])
    across = (np.arange(25) - 12) / 4  # in widths
    area = width / 4 * length / 400  # of one point
    light = (light * area)[..., None] / (1 + across**2) ** 2
    sideways = np.degrees((width / radius)[..., None] * across)
    return _deposit_polar(radius[..., None], angle[..., None] + sideways, light, step)


def _knotty(rng: np.random.Generator, place: np.ndarray, size: float, sigma: float) -> np.ndarray:
    """Brightness at places along a line, with knots of a size: log-normal."""
    knots = np.arange(place.min(), place.max() + 2 * size, size)
    return np.interp(place, knots, rng.lognormal(0, sigma, knots.size))


def _draw(strands: tuple[Strand, ...], step: float) -> list[np.ndarray]:
    """Templates of strands, one for each number of their light."""
    drawn = [_fibres(generator("cassiopeia strand", i), s) for i, s in enumerate(strands)]
    east, north = (np.concatenate([fibres[axis] for fibres in drawn]) for axis in (0, 1))
    light = np.concatenate([fibres[2] for fibres in drawn], axis=1)
    return [_deposit(east, north, weight, step) for weight in light]


def _fibres(rng: np.random.Generator, strand: Strand) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Points along the short crooked fibres and the knots that make up a strand.

    Returns
    -------
    east, north : ndarray, shape (n,)
        Arcseconds.
    light : ndarray, shape (number of lights, n)
    """
    path = np.array(strand.path, float)
    place = np.append(0, np.hypot(*np.diff(path, axis=0).T).cumsum())
    # Wide strands have more fibres, so that those do not stand apart.
    count = round(_FIBRES * place[-1] * max(1, strand.spread / 3) ** 3) + 4
    middle, beside, light = _clumps(rng, count, place[-1], strand.spread)
    length = rng.exponential(_FIBRE, (count, 1)) + 0.5
    steps = np.linspace(-0.5, 0.5, _POINTS)
    # Fibres of thin strands are straight, as those at the ends of the crown.
    turn = rng.normal(0, 0.2, (count, 1)) * steps
    crooked = rng.normal(0, 0.14 / np.sqrt(_POINTS), (count, _POINTS)).cumsum(axis=1)
    across = beside + min(strand.spread, 2.5) * length * (turn + crooked)
    east, north = _beside(path, place, (middle + length * steps).ravel(), across.ravel())
    light = np.sqrt(length) * light * (1.05 - 4 * steps**2)
    return east, north, _by_gas(rng, light, strand.light) * place[-1]


def _by_gas(rng: np.random.Generator, light: np.ndarray, gases: tuple[float, ...]) -> np.ndarray:
    """Light of fibres, shape (fibres, points), times that of the gases: shape (gases, n)."""
    light = light * rng.lognormal(0, 0.8, light.shape)
    purity = np.reshape(_PURITY[: len(gases)], (-1, 1, 1))
    mixture = np.exp(purity * rng.normal(0, 1, (len(gases), len(light), 1)))
    mixture *= np.reshape(gases, (-1, 1, 1))
    return (mixture * light / light.sum()).reshape(len(gases), -1)


def _clumps(
    rng: np.random.Generator, count: int, length: float, spread: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Places along and across a strand, and light, of fibres that crowd in clumps."""
    clumps = round(length / (2 * spread)) + 2  # about as long as the strand is wide
    home = rng.integers(0, clumps, (count, 1))
    along = rng.uniform(0, length, clumps)[home] + rng.normal(0, 0.7 * spread, (count, 1))
    across = rng.normal(0, spread, clumps)[home] + rng.normal(0, 0.22 * spread, (count, 1))
    light = rng.lognormal(0, 0.9, clumps)[home] * rng.lognormal(0, 1.25, (count, 1))
    return along, across, light


def _beside(
    path: np.ndarray, place: np.ndarray, along: np.ndarray, across: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """East and north of points so far along a path, beyond its ends too, and beside it."""
    piece = np.clip(np.searchsorted(place, along) - 1, 0, place.size - 2)
    ahead = np.diff(path, axis=0)[piece] / np.diff(place)[piece, None]
    east, north = (path[piece] + ahead * (along - place[piece])[:, None]).T
    return east - across * ahead[:, 1], north + across * ahead[:, 0]


def _deposit(east: np.ndarray, north: np.ndarray, light: np.ndarray, step: float) -> np.ndarray:
    """Points of light as a template, per square arcsecond, each shared among four pixels."""
    size = round(2 * HALF_TEMPLATE / step)
    total = np.zeros(size * size)
    row, column = north / step + size / 2, east / step + size / 2
    i, j = np.floor(row).astype(int), np.floor(column).astype(int)
    for down in (0, 1):
        for right in (0, 1):
            share = (1 - np.abs(row - i - down)) * (1 - np.abs(column - j - right))
            pixel = (i + down) * size + j + right
            total += np.bincount(pixel, light * share, size * size)
    return total.reshape(size, size).astype(np.float32) / np.float32(step**2)


def _deposit_polar(
    radius: np.ndarray, angle: np.ndarray, light: np.ndarray, step: float
) -> np.ndarray:
    """Points of light at radii and position angles as a template."""
    east, north = radius * np.sin(np.radians(angle)), radius * np.cos(np.radians(angle))
    light = np.broadcast_to(light, east.shape)
    return _deposit(east.ravel(), north.ravel(), light.ravel(), step)


def _far_knots(step: float) -> np.ndarray:
    """Fast-moving knots far out in the jets."""
    knots = _points("jet", 90, step, lambda rng, count: _jet_places(rng, count, JET_ANGLE))
    counter = _points("counter-jet", 25, step, lambda r, n: _jet_places(r, n, COUNTER_JET_ANGLE))
    return knots + 0.23 * counter


Places = tuple[np.ndarray, np.ndarray]


def _jet_places(rng: np.random.Generator, count: int, axis: float) -> Places:
    stream = axis + np.array([-8, 0, 6])[rng.integers(0, 3, count)]
    return 110 + 120 * rng.random(count) ** 2, stream + rng.normal(0, 2, count)


def _points(name: str, count: int, step: float, places) -> np.ndarray:
    """Points of light of very different brightness, as a template that a blur makes round."""
    rng = generator("cassiopeia", name)
    radius, angle = places(rng, count)
    light = rng.pareto(1.6, radius.size) + 0.2
    return _deposit_polar(radius, angle, light.clip(max=12), step)


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
