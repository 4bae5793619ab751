"""``python -m validation.sky_match``: which AllWISE sources have an object of Pan-STARRS.

A program that matches the two catalogues must find what the list behind both says.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord

from replica.archives.irsa.source_photometry import measure
from replica.archives.mast.panstarrs import BANDS
from replica.archives.mast.ps1_objects import objects, skycells
from replica.simulation.stars import Stars, catalogue
from validation.sky import tiles

#: How far apart the two places of a source may be, arcseconds.
RADIUS = 1.5
#: Where the light of an AllWISE source comes from: half of its resolution, arcseconds.
_BLEND = 3.7
#: Depth of the stacks at 5 sigma for a star, AB magnitudes (Chambers et al. 2016,
#: arXiv:1612.05560).
_DEPTHS = {"g": 23.3, "r": 23.2, "i": 23.1, "z": 22.3, "y": 21.4}
#: Shifts in arcseconds, for matches that are chance.
_SHIFTS = (-60.0, -40.0, 40.0, 60.0)


@dataclass(frozen=True)
class Match:
    """Share of the sources of one catalogue that the other one has.

    Attributes
    ----------
    sources : int
        How many there are in the field.
    expected : float
        Share that must have a counterpart, by the list of sources, chance matches included.
    found : float
        Share with an object within `RADIUS`.
    chance : float
        The same for sources shifted by a minute of arc or so.
    """

    sources: int
    expected: float
    found: float
    chance: float

    @property
    def error(self) -> float:
        """Counting error of `found`."""
        return float(np.sqrt(self.found * (1 - self.found) / self.sources))


def match(sources: SkyCoord, objects: SkyCoord) -> Match:
    """Match AllWISE sources with Pan-STARRS objects around them.

    Parameters
    ----------
    sources : SkyCoord
        Places of the AllWISE catalogue.
    objects : SkyCoord
        All places of Pan-STARRS in the field and two arcminutes around it.
    """
    chance = np.mean([_share(_shifted(sources, shift), objects) for shift in _SHIFTS])
    sure = _expected(sources)
    return Match(
        len(sources),
        float(sure + (1 - sure) * chance),
        _share(sources, objects),
        float(chance),
    )


def main(field: float = 0.15) -> None:
    """Print a row for each skycell: the sources within `field` degrees of its centre."""
    columns = [measure(tile, tiles()) for tile in tiles()]
    ra, dec = (np.concatenate([each[axis] for each in columns]) for axis in ("ra", "dec"))
    every = SkyCoord(ra, dec, unit="deg")
    for name, skycell in skycells().items():
        centre = SkyCoord(skycell.ra, skycell.dec, unit="deg")
        found = objects((name,))
        near = every[every.separation(centre).deg < field]
        row = match(near, SkyCoord(found["ra"], found["dec"], unit="deg"))
        shares = f"{row.expected:.3f} {row.found:.3f} +- {row.error:.3f} {row.chance:.3f}"
        sys.stdout.write(f"{name} {row.sources} {shares}\n")


def _share(sources: SkyCoord, objects: SkyCoord) -> float:
    _, distance, _ = sources.match_to_catalog_sky(objects)
    return float(np.mean(distance.arcsec < RADIUS))


def _shifted(sources: SkyCoord, arcseconds: float) -> SkyCoord:
    return SkyCoord(sources.ra, sources.dec + arcseconds * u.arcsec)


def _expected(sources: SkyCoord) -> float:
    """Mean chance that what shines most in W1 at a place is near enough and in Pan-STARRS."""
    margin = 0.01
    listed = catalogue(
        *((axis.deg.min() - margin, axis.deg.max() + margin) for axis in (sources.ra, sources.dec))
    )
    bright = listed["W1"] < 18.5
    listed = {name: column[bright] for name, column in listed.items()}
    places = SkyCoord(listed["ra"], listed["dec"], unit="deg")
    source, candidate, distance, _ = places.search_around_sky(sources, _BLEND * u.arcsec)
    # The brightest candidate of each source is written last.
    order = np.argsort(-listed["W1"][candidate], kind="stable")
    likely = np.zeros(len(sources))
    near = distance.arcsec[order] < RADIUS
    likely[source[order]] = near * detected(listed)[candidate[order]]
    return float(likely.mean())


def detected(listed: Stars) -> np.ndarray:
    """Chance that Pan-STARRS detects each source in at least one stack.

    Parameters
    ----------
    listed : dict of str to ndarray
        As of `replica.simulation.stars.catalogue`.
    """
    missed = np.ones(listed["r"].size)
    for band, depth in _DEPTHS.items():
        # The light of a galaxy lies on more pixels, and so on more noise.
        wider = np.hypot(1, listed["fwhm"] / BANDS[band].seeing)
        signal = 5 * 10 ** (-0.4 * (listed[band] - depth)) / wider
        missed *= _normal(5 - signal)
    return 1 - missed


def _normal(value: np.ndarray) -> np.ndarray:
    """Chance that a normal number is smaller."""
    steps = np.linspace(-8, 8, 641)
    return np.interp(value, steps, [NormalDist().cdf(step) for step in steps])


if __name__ == "__main__":
    main()
