"""The sources of the sky: one simulated list behind the images and catalogues of all surveys.

Stars of the Milky Way and galaxies behind it, in every direction; around the Crab Nebula and
Cassiopeia A these are the fields that the replica holds.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from replica.simulation import galaxies, milky_way
from replica.simulation.milky_way import BANDS
from replica.simulation.noise import generator
from replica.simulation.sky import PULSAR
from replica.simulation.x_ray_sources import x_ray_sources

#: A source is on the list if it is brighter than one of these magnitudes: about one fainter than
#: what the surveys detect.  The brightest stars are left out, as no tile that is held has one.
FAINTEST = {"r": 23.2, "i": 22.7, "W1": 18.0}
_BRIGHTEST = 3.0  # W1
#: Julian year of the positions: that of AllWISE (MJD 55400).
EPOCH = 2010.5589
#: The pulsar and the field star beside it: offsets east and north in arcseconds, and
#: magnitudes.  The pulsar's infrared ones include the knot beside it.
_CENTRAL = {
    (0.0, 0.0): dict(g=16.8, r=16.3, i=16.0, z=15.8, y=15.6, W1=12.2, W2=11.8, W3=9.5, W4=7.0),
    (3.2, 3.7): dict(g=16.2, r=15.7, i=15.5, z=15.4, y=15.3, W1=15.0, W2=15.0, W3=15.0, W4=15.0),
}


Stars = dict[str, np.ndarray]


def catalogue(ra: tuple[float, float], dec: tuple[float, float]) -> Stars:
    """Return the sources of a part of the sky.

    The sky is made in cells of a degree, each from its own random numbers, so that images
    that overlap show the same sources.

    Parameters
    ----------
    ra, dec : tuple of float
        West and east, south and north, degrees; the cells that these touch are returned whole.

    Returns
    -------
    dict of str to ndarray
        ``ra`` and ``dec`` in degrees at `EPOCH`; ``pmra`` (along the circle of declination) and
        ``pmdec`` in mas a year; a magnitude for each band, AB for PS1 and Vega for WISE; ``fwhm``
        in arcseconds, 0 for stars, more for galaxies; ``id``, a number.
    """
    touched = cells(ra, dec)
    return {name: np.concatenate([cell[name] for cell in touched]) for name in touched[0]}


def cells(ra: tuple[float, float], dec: tuple[float, float]) -> list[Stars]:
    """Return the sources of a part of the sky cell by cell, as `catalogue` returns them joined.

    The arrays are shared: never change them.
    """
    zones = range(int(np.floor(dec[0])), int(np.floor(dec[1])) + 1)
    segments = range(int(np.floor(ra[0])), int(np.floor(ra[1])) + 1)
    return [_cell(segment % 360, zone) for zone in zones for segment in segments]


@lru_cache(maxsize=64)
def _cell(segment: int, zone: int) -> Stars:
    """The sources between two whole degrees of right ascension, and two of declination."""
    rng = generator("sources", segment, zone)
    south, north = (float(sine) for sine in np.sin(np.radians([zone, zone + 1])))
    area = float(np.degrees(north - south))
    sight = milky_way.direction(segment + 0.5, zone + 0.5)
    stars = milky_way.stars(rng, sight, area, FAINTEST)
    far = galaxies.galaxies(rng, float(sight.extinction[-1]), area, FAINTEST)
    found = {band: np.concatenate([stars[band], far[band]]) for band in BANDS}
    size = found["r"].size
    found["ra"] = segment + rng.uniform(0, 1, size)
    found["dec"] = np.degrees(np.arcsin(rng.uniform(south, north, size)))
    found["fwhm"] = np.concatenate([np.zeros(stars["r"].size), far["fwhm"]])
    for axis in ("pmra", "pmdec"):
        speed = rng.normal(0, stars["speed"])
        # 1 AU a year is 4.74 km/s; a parsec is the distance at which it is an arcsecond.
        moving = 1000 * speed / 4.74 / stars["distance"]
        found[axis] = np.concatenate([moving, np.zeros(far["fwhm"].size)])
    keep = found["W1"] > _BRIGHTEST
    if max(abs(segment + 0.5 - PULSAR[0]), abs(zone + 0.5 - PULSAR[1])) < 1:
        keep &= ~_spoils_the_nebula(found)
    if not keep.all():
        found = {name: values[keep] for name, values in found.items()}
    if (segment, zone) == (int(PULSAR[0]), int(PULSAR[1])):
        found = _with_central_stars(found)
    found = _with_x_ray_sources(found, segment, zone)
    found["id"] = ((zone + 90) * 360 + segment) * 1_000_000 + np.arange(found["r"].size)
    return found


def _spoils_the_nebula(found: Stars) -> np.ndarray:
    """Random stars that the real sky does not have: close to the pulsar, or bright there."""
    east = (found["ra"] - PULSAR[0]) * np.cos(np.radians(found["dec"]))
    distance = 3600 * np.hypot(east, found["dec"] - PULSAR[1])
    bright = (found["r"] < 13.0) | (found["W1"] < 11.0)
    return (distance < 20) | ((distance < 260) & bright)


def _with_central_stars(found: Stars) -> Stars:
    central = []
    for (east, north), magnitudes in _CENTRAL.items():
        ra = PULSAR[0] + east / 3600 / np.cos(np.radians(PULSAR[1]))
        place = {"ra": ra, "dec": PULSAR[1] + north / 3600}
        central.append({"pmra": 0.0, "pmdec": 0.0, "fwhm": 0.0, **place, **magnitudes})
    return {
        name: np.concatenate([[star[name] for star in central], column])
        for name, column in found.items()
    }


def _with_x_ray_sources(found: Stars, segment: int, zone: int) -> Stars:
    """Add the few that shine in X-rays, at the end: they are points, and stay where they are."""
    few = x_ray_sources((segment, segment), (zone, zone))
    few |= dict.fromkeys(("fwhm", "pmra", "pmdec"), np.zeros(few["ra"].size))
    kinds = dict.fromkeys(("ra", "dec"), np.float64)
    return {
        name: np.concatenate([column, few[name]], dtype=kinds.get(name, np.float32))
        for name, column in found.items()
    }
