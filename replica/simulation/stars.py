"""The stars around the Crab Nebula: one simulated catalogue for all surveys."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from replica.simulation.noise import generator
from replica.simulation.sky import PULSAR

#: Corners of the sky that the holdings show, degrees: ra, ra, dec, dec.
FIELD = (82.15, 85.65, 21.85, 23.55)
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


@lru_cache(maxsize=1)
def catalogue() -> dict[str, np.ndarray]:
    """Return all stars: columns ``ra`` and ``dec`` in degrees and one per band in magnitudes.

    PS1 bands are AB magnitudes, WISE bands Vega magnitudes.  The pulsar comes first.
    """
    rng = generator("stars")
    r = _magnitudes(rng)
    ra, dec = _positions(rng, r.size)
    hue = np.clip(rng.beta(2.0, 2.6, r.size) + 0.02 * (r - 16), 0, 1)
    keep = ~_spoils_the_nebula(ra, dec, r)
    stars = {"ra": ra[keep], "dec": dec[keep]}
    for band, (blue, change) in _COLOURS.items():
        scatter = rng.normal(0, 0.05, r.size)
        stars[band] = (r + blue + change * hue + scatter)[keep]
    return _with_central_stars(stars)


def _magnitudes(rng: np.random.Generator) -> np.ndarray:
    """Draw r magnitudes by inverting the cumulative counts."""
    edges = np.linspace(_BRIGHTEST, _FAINTEST, 400)
    slope = np.where(edges < _KNEE, _BRIGHT_SLOPE, _FAINT_SLOPE)
    counts = _DENSITY * 10 ** (slope * (edges - _KNEE))
    width = (FIELD[1] - FIELD[0]) * np.cos(np.radians(PULSAR[1]))
    total = int(counts[-1] * width * (FIELD[3] - FIELD[2]))
    return np.interp(rng.uniform(counts[0], counts[-1], total), counts, edges)


def _positions(rng: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray]:
    south, north = (float(sine) for sine in np.sin(np.radians(FIELD[2:])))
    right_ascensions = rng.uniform(FIELD[0], FIELD[1], count)
    return right_ascensions, np.degrees(np.arcsin(rng.uniform(south, north, count)))


def _spoils_the_nebula(ra: np.ndarray, dec: np.ndarray, r: np.ndarray) -> np.ndarray:
    """Random stars that the real sky does not have: close to the pulsar, or bright there."""
    distance = 3600 * np.hypot((ra - PULSAR[0]) * np.cos(np.radians(dec)), dec - PULSAR[1])
    return (distance < 20) | ((distance < 260) & (r < 13.0))


def _with_central_stars(stars: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    central = []
    for (east, north), magnitudes in _CENTRAL.items():
        ra = PULSAR[0] + east / 3600 / np.cos(np.radians(PULSAR[1]))
        central.append({"ra": ra, "dec": PULSAR[1] + north / 3600, **magnitudes})
    return {
        name: np.concatenate([[star[name] for star in central], column])
        for name, column in stars.items()
    }
