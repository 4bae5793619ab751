"""The stars of the sky around the Crab Nebula: one simulated catalogue for all surveys."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from replica.simulation.noise import generator
from replica.simulation.sky import PULSAR

#: Stars per square degree brighter than r = 15; the counts rise by 0.38 dex per
#: magnitude up to there and by 0.25 beyond (galactic latitude -6 degrees).
_DENSITY, _KNEE, _BRIGHT_SLOPE, _FAINT_SLOPE = 800.0, 15.0, 0.38, 0.25
_BRIGHTEST, _FAINTEST = 7.5, 23.5
#: Colours: magnitude minus r, for the bluest star and its change to the reddest.
_COLOURS = {
    "g": (0.25, 1.35),
    "r": (0.0, 0.0),
    "i": (-0.10, -0.80),
    "z": (-0.15, -1.25),
    "y": (-0.18, -1.55),
    "W1": (-1.0, -2.9),
    "W2": (-1.0, -2.9),
    "W3": (-1.0, -3.0),
    "W4": (-1.05, -3.1),
}
#: The pulsar and the field star beside it: offsets east and north in arcseconds, and
#: magnitudes.  The pulsar's infrared ones include the knot beside it.
_CENTRAL = {
    (0.0, 0.0): dict(g=16.8, r=16.3, i=16.0, z=15.8, y=15.6, W1=12.2, W2=11.8, W3=9.5, W4=7.0),
    (3.2, 3.7): dict(g=16.2, r=15.7, i=15.5, z=15.4, y=15.3, W1=15.0, W2=15.0, W3=15.0, W4=15.0),
}


Stars = dict[str, np.ndarray]


def catalogue(ra: tuple[float, float], dec: tuple[float, float]) -> Stars:
    """Return the stars of a part of the sky: columns ``ra``, ``dec`` and one for each band.

    The sky is made in cells of a degree, each from its own random numbers, so that images
    that overlap show the same stars.

    Parameters
    ----------
    ra, dec : tuple of float
        West and east, south and north, degrees; the cells that these touch are returned whole.

    Returns
    -------
    dict of str to ndarray
        Positions in degrees; PS1 bands are AB magnitudes, WISE bands Vega magnitudes.
    """
    zones = range(int(np.floor(dec[0])), int(np.floor(dec[1])) + 1)
    segments = range(int(np.floor(ra[0])), int(np.floor(ra[1])) + 1)
    cells = [_cell(segment % 360, zone) for zone in zones for segment in segments]
    return {name: np.concatenate([cell[name] for cell in cells]) for name in cells[0]}


@lru_cache(maxsize=64)
def _cell(segment: int, zone: int) -> Stars:
    """The stars between two whole degrees of right ascension, and two of declination."""
    rng = generator("stars", segment, zone)
    south, north = (float(sine) for sine in np.sin(np.radians([zone, zone + 1])))
    r = _magnitudes(rng, area=float(np.degrees(north - south)))
    ra = segment + rng.uniform(0, 1, r.size)
    dec = np.degrees(np.arcsin(rng.uniform(south, north, r.size)))
    hue = np.clip(rng.beta(2.0, 2.6, r.size) + 0.02 * (r - 16), 0, 1)
    keep = ~_spoils_the_nebula(ra, dec, r)
    stars = {"ra": ra[keep], "dec": dec[keep]}
    for band, (blue, change) in _COLOURS.items():
        scatter = rng.normal(0, 0.05, r.size)
        stars[band] = (r + blue + change * hue + scatter)[keep]
    has_pulsar = (segment, zone) == (int(PULSAR[0]), int(PULSAR[1]))
    return _with_central_stars(stars) if has_pulsar else stars


def _magnitudes(rng: np.random.Generator, area: float) -> np.ndarray:
    """Draw the r magnitudes of some square degrees, by inverting the cumulative counts."""
    edges = np.linspace(_BRIGHTEST, _FAINTEST, 400)
    slope = np.where(edges < _KNEE, _BRIGHT_SLOPE, _FAINT_SLOPE)
    counts = _DENSITY * 10 ** (slope * (edges - _KNEE))
    total = rng.poisson(counts[-1] * area)
    return np.interp(rng.uniform(counts[0], counts[-1], total), counts, edges)


def _spoils_the_nebula(ra: np.ndarray, dec: np.ndarray, r: np.ndarray) -> np.ndarray:
    """Random stars that the real sky does not have: close to the pulsar, or bright there."""
    distance = 3600 * np.hypot((ra - PULSAR[0]) * np.cos(np.radians(dec)), dec - PULSAR[1])
    return (distance < 20) | ((distance < 260) & (r < 13.0))


def _with_central_stars(stars: Stars) -> Stars:
    central = []
    for (east, north), magnitudes in _CENTRAL.items():
        ra = PULSAR[0] + east / 3600 / np.cos(np.radians(PULSAR[1]))
        central.append({"ra": ra, "dec": PULSAR[1] + north / 3600, **magnitudes})
    return {
        name: np.concatenate([[star[name] for star in central], column])
        for name, column in stars.items()
    }
