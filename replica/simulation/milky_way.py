"""Stars of the Milky Way: how many of which kind lie in a direction, how far, how reddened.

A sketch with published numbers, rounded, in place of a table of counts: so it holds for every
direction.  Discs: Jurić et al. 2008, ApJ 673, 864.  Numbers of stars near the Sun: Wielen,
Jahreiß & Krüger 1983, IAU Colloquium 76.  Colours of dwarfs: Kraus & Hillenbrand 2007, AJ 134,
2340, and Pecaut & Mamajek 2013, ApJS 208, 9.  Extinction by band: Schlafly & Finkbeiner 2011, ApJ
737, 103, for Pan-STARRS; Yuan, Liu & Xiang 2013, MNRAS 430, 2188, for WISE.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

BANDS = ("g", "r", "i", "z", "y", "W1", "W2", "W3", "W4")
#: Extinction in each band over that in V.
EXTINCTION = dict(
    zip(BANDS, (1.16, 0.83, 0.61, 0.48, 0.40, 0.060, 0.050, 0.060, 0.050), strict=True)
)
#: Dwarfs from A0 to M6: absolute V magnitude; g - r, r - i, i - z, z - y (AB); V - Ks, Ks - W1,
#: W1 - W2 (Vega); stars in a million cubic parsecs and magnitude.
_DWARFS = (
    (0.0, -0.26, -0.27, -0.20, -0.09, -0.10, 0.00, 0.00, 40),
    (1.1, -0.24, -0.22, -0.16, -0.08, 0.05, 0.00, 0.00, 130),
    (2.0, -0.05, -0.10, -0.10, -0.05, 0.45, 0.02, 0.00, 450),
    (2.7, 0.12, -0.01, -0.05, -0.03, 0.75, 0.03, -0.01, 900),
    (3.5, 0.28, 0.07, -0.01, -0.01, 1.08, 0.04, -0.02, 1400),
    (4.4, 0.43, 0.13, 0.02, 0.01, 1.42, 0.04, -0.03, 2400),
    (5.1, 0.52, 0.16, 0.04, 0.02, 1.60, 0.05, -0.03, 2900),
    (5.9, 0.65, 0.21, 0.08, 0.04, 1.97, 0.06, -0.04, 3000),
    (6.7, 0.86, 0.31, 0.14, 0.07, 2.45, 0.07, -0.04, 2900),
    (7.4, 1.06, 0.42, 0.20, 0.11, 2.85, 0.08, -0.02, 3000),
    (8.1, 1.25, 0.56, 0.28, 0.15, 3.28, 0.09, 0.00, 3300),
    (8.8, 1.34, 0.72, 0.38, 0.20, 3.70, 0.11, 0.03, 4000),
    (9.6, 1.39, 0.88, 0.46, 0.23, 3.98, 0.12, 0.07, 5500),
    (10.3, 1.42, 1.04, 0.54, 0.27, 4.25, 0.13, 0.11, 7500),
    (11.3, 1.45, 1.27, 0.65, 0.32, 4.65, 0.15, 0.15, 10000),
    (12.8, 1.47, 1.57, 0.82, 0.40, 5.20, 0.17, 0.18, 11500),
    (14.3, 1.50, 1.95, 1.02, 0.50, 5.95, 0.19, 0.20, 9500),
    (16.6, 1.55, 2.35, 1.25, 0.65, 7.10, 0.22, 0.24, 6000),
)
#: The same of giants: on the subgiant branch, in the red clump, on the giant branch; each
#: pair is one kind, and the last column the stars in a million cubic parsecs.
_GIANTS = (
    (
        (2.6, 0.50, 0.16, 0.04, 0.02, 1.80, 0.05, -0.03),
        (3.4, 0.62, 0.20, 0.07, 0.04, 2.05, 0.06, -0.04),
        450,
    ),
    (
        (0.5, 0.72, 0.25, 0.11, 0.06, 2.25, 0.06, -0.06),
        (1.1, 0.85, 0.30, 0.14, 0.07, 2.50, 0.07, -0.07),
        220,
    ),
    (
        (-0.6, 1.15, 0.55, 0.30, 0.16, 3.60, 0.10, -0.12),
        (0.4, 1.00, 0.40, 0.20, 0.10, 2.90, 0.08, -0.08),
        40,
    ),
)
_SUN = (8000.0, 25.0)  # parsecs from the centre, and above the plane
#: Scale height and length in parsecs, share near the Sun, of the thin and the thick disc.
_THIN, _THICK = (300.0, 2600.0, 1.0), (900.0, 3600.0, 0.12)
#: Scale height of the stars brighter than an absolute magnitude, which are young.
_YOUNG = ((1.2, 110.0), (2.9, 170.0), (4.0, 240.0))
#: Dust: V magnitudes in a kiloparsec near the Sun, scale height and length in parsecs.  Towards
#: the Crab Nebula, at 2 kpc, this gives the 1.6 magnitudes that are observed.
_DUST = (1.7, 125.0, 2600.0)
_DISTANCES = np.geomspace(8, 25_000, 240)  # parsecs


@dataclass(frozen=True)
class Kind:
    """Stars of one kind along a line of sight.

    Attributes
    ----------
    ends : ndarray, shape (2, bands)
        Absolute magnitudes of its first and last star; the others lie between.
    density : ndarray
        Stars in a cubic parsec at each distance.
    spread : float
        Standard deviation of a velocity across the line of sight, km/s.
    """

    ends: np.ndarray
    density: np.ndarray
    spread: float


@dataclass(frozen=True)
class Direction:
    """What a line of sight crosses: dust and stars, at `_DISTANCES`."""

    extinction: np.ndarray
    kinds: tuple[Kind, ...]


def direction(ra: float, dec: float) -> Direction:
    """Return what lies in a direction, given in degrees."""
    longitude, latitude = galactic(ra, dec)
    along = _DISTANCES * np.cos(np.radians(latitude))
    radius = np.sqrt(_SUN[0] ** 2 + along**2 - 2 * _SUN[0] * along * np.cos(np.radians(longitude)))
    height = np.abs(_SUN[1] + _DISTANCES * np.sin(np.radians(latitude)))
    dust = _DUST[0] / 1000 * np.exp(-height / _DUST[1] + (_SUN[0] - radius) / _DUST[2])
    steps = np.diff(_DISTANCES, prepend=0)
    return Direction(np.cumsum(dust * steps), tuple(_kinds(radius, height)))


def galactic(ra: float, dec: float) -> tuple[float, float]:
    """Galactic longitude and latitude, degrees; the pole is at 192.85948, 27.12825 (J2000)."""
    hours, north, pole = np.radians([ra - 192.85948, dec, 27.12825])
    sine = np.sin(north) * np.sin(pole) + np.cos(north) * np.cos(pole) * np.cos(hours)
    across = np.cos(north) * np.sin(hours)
    up = np.sin(north) * np.cos(pole) - np.cos(north) * np.sin(pole) * np.cos(hours)
    longitude = (122.93192 - np.degrees(np.arctan2(across, up))) % 360
    return float(longitude), float(np.degrees(np.arcsin(sine)))


def _kinds(radius: np.ndarray, height: np.ndarray) -> Iterator[Kind]:
    for first, last in pairwise(_DWARFS):
        number = (first[-1] + last[-1]) / 2 * (last[0] - first[0])
        scale = next((scale for limit, scale in _YOUNG if last[0] < limit), _THIN[0])
        yield _kind(first[:-1], last[:-1], number, scale, radius, height)
    for one, other, number in _GIANTS:
        yield _kind(one, other, number, _YOUNG[-1][1], radius, height)


def _kind(
    first: tuple[float, ...],
    last: tuple[float, ...],
    number: float,
    scale: float,
    radius: np.ndarray,
    height: np.ndarray,
) -> Kind:
    shape = _disc((scale, *_THIN[1:]), radius, height)
    if scale >= _YOUNG[-1][1]:
        shape = shape + _disc(_THICK, radius, height)
    ends = np.array([_magnitudes(*first), _magnitudes(*last)])
    return Kind(ends, number * 1e-6 * shape, 12.0 if scale < 200 else 30.0)


def _disc(disc: tuple[float, float, float], radius: np.ndarray, height: np.ndarray) -> np.ndarray:
    scale, length, share = disc
    return share * np.exp((_SUN[1] - height) / scale + (_SUN[0] - radius) / length)


def _magnitudes(
    v: float, g_r: float, r_i: float, i_z: float, z_y: float, v_k: float, k_w1: float, w1_w2: float
) -> list[float]:
    """Absolute magnitudes in all bands; r as in Jester et al. 2005, AJ 130, 873."""
    r = v - 0.41 * g_r + 0.01
    i, w1 = r - r_i, v - v_k - k_w1
    z = i - i_z
    return [r + g_r, r, i, z, z - z_y, w1, w1 - w1_w2, w1 - 0.05 - w1_w2 / 2, w1 - 0.05 - w1_w2]


def stars(
    rng: np.random.Generator, sight: Direction, area: float, faintest: dict[str, float]
) -> dict[str, np.ndarray]:
    """Draw the stars of a small part of the sky.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of all random numbers.
    sight : Direction
        Where.
    area : float
        Square degrees.
    faintest : dict of str to float
        Magnitudes; a star stays if it is brighter than one of them.

    Returns
    -------
    dict of str to ndarray
        Magnitudes by band, ``distance`` in parsecs, ``speed`` in km/s: the spread of velocities.
    """
    drawn = [_draw(rng, kind, sight, area, faintest) for kind in sight.kinds]
    return {name: np.concatenate([each[name] for each in drawn]) for name in drawn[0]}


def _draw(
    rng: np.random.Generator,
    kind: Kind,
    sight: Direction,
    area: float,
    faintest: dict[str, float],
) -> dict[str, np.ndarray]:
    modulus = 5 * np.log10(_DISTANCES / 10)
    brightest = {band: kind.ends[:, n].min() - 0.3 for n, band in enumerate(BANDS)}
    seen = np.zeros(_DISTANCES.size, bool)
    for band, limit in faintest.items():
        seen |= brightest[band] + modulus + EXTINCTION[band] * sight.extinction < limit
    volume = area * np.radians(1) ** 2 * _DISTANCES**2 * np.gradient(_DISTANCES)
    expected = np.cumsum(kind.density * volume * seen)
    count = rng.poisson(expected[-1])
    distance = np.interp(rng.uniform(0, expected[-1], count), expected, _DISTANCES)
    between, scatter = rng.uniform(0, 1, count), rng.normal(0, 0.12, count)
    dust = np.interp(distance, _DISTANCES, sight.extinction)
    shared = 5 * np.log10(distance / 10) + scatter
    star = {"distance": distance, "speed": np.full(count, kind.spread)}
    for n, band in enumerate(BANDS):
        bright, faint = kind.ends[:, n]
        star[band] = bright + (faint - bright) * between + shared + EXTINCTION[band] * dust
        star[band] += rng.normal(0, 0.02, count)
    kept = np.any([star[band] < limit for band, limit in faintest.items()], axis=0)
    return {name: values[kept] for name, values in star.items()}
