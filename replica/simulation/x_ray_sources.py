"""X-ray sources of the sky: those few of the list of sources that shine in X-rays.

Count rates are those of ROSAT's PSPC between 0.1 and 2.4 keV.  Soft sources are stars with a
corona, the others active galaxies; `stars.catalogue` has them too, with their magnitudes.
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
_SOFT = 75.0
#: Flux of a count rate of 1, erg a second and square centimetre, rounded: HEASARC's page on the
#: catalogue has 5.6e-12 to 10.4e-12, depending on the spectrum.
_FLUX = 8e-12
#: Logarithms of the ratio of X-ray to visual flux, mean and scatter: Stocke et al. 1991, ApJS 76,
#: 813, rounded.
_STAR_RATIO, _GALAXY_RATIO = (-2.2, 0.6), (0.1, 0.4)
_BRIGHTEST_V = 7.5  # none of the tiles that are held has a brighter one
#: Magnitudes of a star and of a galaxy less V: of a K dwarf and of a quasar, rounded.
_STAR = dict(g=0.5, r=-0.3, i=-0.6, z=-0.75, y=-0.8, W1=-2.6, W2=-2.6, W3=-2.65, W4=-2.7)
_GALAXY = dict(g=0.3, r=-0.2, i=-0.5, z=-0.6, y=-0.7, W1=-3.4, W2=-4.3, W3=-7.1, W4=-9.4)
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
        pulse-height channel; a magnitude for each band, as in `stars.catalogue`.
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
    found |= _magnitudes(rng, found["rate"], found["channel"])
    keep = (found["rate"] < BRIGHTEST) & _is_alone(found["ra"], found["dec"])
    return {name: values[keep] for name, values in found.items()}


def _is_alone(ra: np.ndarray, dec: np.ndarray) -> np.ndarray:
    """Whether sources lie far enough from the bright remnants."""
    far = np.ones(ra.size, bool)
    for centre in (PULSAR, cassiopeia.CENTRE):
        east = (ra - centre[0]) * np.cos(np.radians(centre[1]))
        far &= np.hypot(east, dec - centre[1]) > _ALONE
    return far


def _magnitudes(
    rng: np.random.Generator, rate: np.ndarray, channel: np.ndarray
) -> dict[str, np.ndarray]:
    """Magnitudes that fit the X-ray flux: log(fx / fV) = log fx + 0.4 V + 5.37.

    The formula is that of Maccacaro et al. 1988, ApJ 326, 680.
    """
    is_star, scatter = channel < _SOFT, rng.standard_normal(rate.size)
    ratio = np.where(
        is_star,
        _STAR_RATIO[0] + _STAR_RATIO[1] * scatter,
        _GALAXY_RATIO[0] + _GALAXY_RATIO[1] * scatter,
    )
    visual = (ratio - np.log10(_FLUX * rate) - 5.37) / 0.4
    visual = np.maximum(visual, _BRIGHTEST_V)
    return {band: visual + np.where(is_star, _STAR[band], _GALAXY[band]) for band in _STAR}
