"""The list of sources behind all surveys: counts, colours, motions, and how it is drawn."""

from __future__ import annotations

import numpy as np
import pytest

from replica.simulation import milky_way, render
from replica.simulation.stars import BANDS, FAINTEST, catalogue

#: Directions: right ascension, declination, galactic longitude and latitude (SIMBAD).
CRAB = (83.63321, 22.01446, 184.5574, -5.7843)
CASSIOPEIA = (350.850, 58.815, 111.7347, -2.1296)
POLE = (192.85948, 27.12825, 0.0, 90.0)


def cell(direction: tuple[float, ...]) -> tuple[dict[str, np.ndarray], float]:
    """The sources of the cell that holds a direction, and its area in square degrees."""
    ra, dec = (float(np.floor(value)) for value in direction[:2])
    area = np.degrees(np.sin(np.radians(dec + 1)) - np.sin(np.radians(dec)))
    return catalogue((ra, ra + 0.5), (dec, dec + 0.5)), area


@pytest.mark.parametrize("place", [CRAB, CASSIOPEIA])
def test_galactic_coordinates(place):
    longitude, latitude = milky_way.galactic(*place[:2])
    assert (longitude, latitude) == pytest.approx(place[2:], abs=0.01)


@pytest.mark.parametrize(
    ("place", "fewest", "most"),
    [
        # The 2MASS Extended Source Catalog's metric of density, stars brighter than Ks = 14:
        # 10**3.6 to 10**4 at latitudes of 5 to 10 degrees, 10**4 to 10**4.5 nearer to the plane,
        # less than 10**3.2 beyond 25 degrees.
        (CRAB, 10**3.55, 10**4.0),
        (CASSIOPEIA, 10**3.9, 10**4.5),
        (POLE, 10**2.3, 10**3.2),
    ],
)
def test_bright_stars_are_as_many_as_two_micron_counts_say(place, fewest, most):
    sources, area = cell(place)
    stars = sources["fwhm"] == 0
    assert fewest < np.sum(stars & (sources["W1"] < 13.95)) / area < most


def test_galaxies_are_as_many_as_published_wherever_the_dust_is_thin():
    sources, area = cell(POLE)
    galaxies = sources["fwhm"] > 0
    assert np.sum(galaxies & (sources["W1"] < 17)) / area == pytest.approx(6500, rel=0.1)


def test_every_source_is_brighter_than_one_of_the_limits():
    sources, _ = cell(CRAB)
    assert np.any([sources[band] < limit for band, limit in FAINTEST.items()], axis=0).all()
    assert len(np.unique(sources["id"])) == sources["id"].size


def test_the_colours_are_those_of_stars_behind_dust():
    sources, _ = cell(CRAB)
    stars = (sources["fwhm"] == 0) & (sources["r"] < 19)
    colour = sources["g"][stars] - sources["r"][stars]
    assert 0.9 < np.median(colour) < 1.4  # 0.6 where no dust is
    assert np.percentile(np.abs(sources["W1"] - sources["W2"])[stars], 95) < 0.3


def test_near_stars_move():
    sources, _ = cell(CRAB)
    motion = np.hypot(sources["pmra"], sources["pmdec"])
    assert (motion[sources["fwhm"] > 0] == 0).all()
    assert 1 < np.median(motion[(sources["fwhm"] == 0) & (sources["r"] < 20)]) < 10
    assert motion.max() > 200


def test_cells_do_not_depend_on_what_else_is_asked():
    alone, _ = cell(CRAB)
    four = catalogue((83.5, 84.5), (22.5, 23.5))
    same = np.isin(four["id"], alone["id"])
    for name in ("ra", "dec", "pmra", *BANDS):
        assert np.array_equal(four[name][same], alone[name])


def test_a_crowd_drawn_at_once_is_the_sum_of_its_stars():
    x, y = np.random.default_rng(2).uniform(-20, 220, (2, 300))
    flux = 10 ** np.random.default_rng(3).uniform(0, 4, 300)
    stamps = np.zeros((200, 210), np.float32)
    render._add_stamps(stamps, x, y, flux, np.full(300, 6.0, np.float32), 230)
    crowd = render._convolved(stamps.shape, x, y, flux, 6.0)
    assert np.abs(crowd - stamps).max() < 0.001 * stamps.max()
    assert crowd.sum() == pytest.approx(stamps.sum(), rel=1e-4)
