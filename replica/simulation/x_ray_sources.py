"""X-ray sources of the sky: one simulated list behind ROSAT's images and its catalogues.

Count rates are those of ROSAT's PSPC between 0.1 and 2.4 keV.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from replica.simulation import cassiopeia
from replica.simulation.noise import generator
from replica.simulation.sky import PULSAR

#: Count rates of the list, counts per second: about half of what the survey detects, and more
#: than any source of the fields that are held would have.
FAINTEST, BRIGHTEST = 0.01, 10.0
#: Sources in a square degree above 0.1 counts per second: 8547 on 92 % of the sky (Voges et al.
#: 1999, A&A 349, 389).  The slope is assumed, between that of evenly spread sources, 1.5, and
#: what the catalogue has down to 0.05 counts per second, where it begins to lack some, 1.14.
_DENSITY, _SLOPE = 8547 / (0.92 * 41_253), 1.25
#: Mean pulse-height channels, from soft stars to galaxies behind the Milky Way's gas.
_CHANNELS = (40.0, 110.0)
_ALONE = 0.3  # degrees around a bright remnant in which no source would be seen


def x_ray_sources(ra: tuple[float, float], dec: tuple[float, float]) -> dict[str, np.ndarray]:
    """Return the point sources of a part of the sky.

    Parameters
    ----------
    ra, dec : tuple of float
        West and east, south and north, degrees; the cells of a degree that these touch are
        returned whole.

    Returns
    -------
    dict of str to ndarray
        ``ra`` and ``dec``, ICRS degrees; ``rate``, counts per second; ``channel``, the mean
        pulse-height channel.
    """
    zones = range(int(np.floor(dec[0])), int(np.floor(dec[1])) + 1)
    segments = range(int(np.floor(ra[0])), int(np.floor(ra[1])) + 1)
    cells = [_cell(segment % 360, zone) for zone in zones for segment in segments]
    return {name: np.concatenate([cell[name] for cell in cells]) for name in cells[0]}


@lru_cache(maxsize=256)
def _cell(segment: int, zone: int) -> dict[str, np.ndarray]:
    """The sources between two whole degrees of right ascension, and two of declination."""
    rng = generator("x-ray sources", segment, zone)
    south, north = (float(sine) for sine in np.sin(np.radians([zone, zone + 1])))
    expected = _DENSITY * (FAINTEST / 0.1) ** -_SLOPE * np.degrees(north - south)
    size = rng.poisson(expected)
    found = {
        "ra": segment + rng.uniform(0, 1, size),
        "dec": np.degrees(np.arcsin(rng.uniform(south, north, size))),
        "rate": FAINTEST * (1 + rng.pareto(_SLOPE, size)),
        "channel": rng.uniform(*_CHANNELS, size),
    }
    keep = (found["rate"] < BRIGHTEST) & _is_alone(found["ra"], found["dec"])
    return {name: values[keep] for name, values in found.items()}


def _is_alone(ra: np.ndarray, dec: np.ndarray) -> np.ndarray:
    """Whether sources lie far enough from the bright remnants."""
    far = np.ones(ra.size, bool)
    for centre in (PULSAR, cassiopeia.CENTRE):
        east = (ra - centre[0]) * np.cos(np.radians(centre[1]))
        far &= np.hypot(east, dec - centre[1]) > _ALONE
    return far
