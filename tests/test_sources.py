"""The list of sources behind all surveys: counts, colours, motions, and how it is drawn."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.wcs import WCS

from replica.archives.irsa import allwise_glare
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
    crowd = np.zeros_like(stamps)
    render._add_crowd(crowd, x, y, flux, 6.0)
    assert np.abs(crowd - stamps).max() < 0.001 * stamps.max()
    assert crowd.sum() == pytest.approx(stamps.sum(), rel=1e-4)


@pytest.mark.parametrize("place", [(0.5, 0.5), (0.25, 0.0), (-0.1, 0.4)])
def test_a_star_drawn_at_once_has_its_form_and_place(place):
    at, flux, middle = np.add(60, place)[:, None], np.array([1e4]), slice(30, 91)
    alone, at_once = np.zeros((2, 120, 121), np.float32)
    render._add_stamps(alone, *at, flux, np.full(1, 6.0, np.float32), 60)
    render._add_crowd(at_once, *at, flux, 6.0)
    assert np.abs(at_once - alone).max() < 0.001 * alone.max()
    y, x = np.mgrid[middle, middle]
    for axis in (x, y):
        centre, expected = (
            np.average(axis, weights=image[middle, middle]) for image in (at_once, alone)
        )
        assert centre == pytest.approx(expected, abs=0.001)


def test_stars_across_the_edge_show_the_part_that_is_on_the_image():
    x, y = np.random.default_rng(6).uniform(-10, 90, (2, 400))
    flux, width = np.full(400, 100.0), np.full(400, 4.0, np.float32)
    large, image = np.zeros((120, 120), np.float32), np.zeros((80, 80), np.float32)
    render._add_stamps(large, x + 20, y + 20, flux, width, 7)
    render._add_stamps(image, x, y, flux, width, 7)
    assert image == pytest.approx(large[20:100, 20:100], abs=1e-4)


def test_sources_of_an_image_are_those_of_the_catalogue_that_lie_on_it():
    wcs = WCS(naxis=2)
    wcs.wcs.ctype, wcs.wcs.crval, wcs.wcs.cdelt = (
        ["RA---TAN", "DEC--TAN"],
        CRAB[:2],
        [-0.001, 0.001],
    )
    wcs.wcs.crpix = 50, 60
    drawn = render.sources_on((120, 100), wcs, brighter=("W1", 14.0), bands=("W1", "r"))
    every = catalogue((83, 83.9), (21, 22.9))
    x, y = wcs.all_world2pix(every["ra"], every["dec"], 0)
    on_image = (abs(x - 49.5) < 50) & (abs(y - 59.5) < 60) & (every["W1"] < 14)
    seen = (abs(drawn.x - 49.5) < 50) & (abs(drawn.y - 59.5) < 60)
    assert seen.sum() > 20
    assert np.array_equal(drawn.x[seen], x[on_image])
    assert np.array_equal(drawn.magnitude["r"][seen], every["r"][on_image])
    assert set(drawn.magnitude) == {"W1", "r"}


def test_glare_across_the_edge_is_the_part_that_is_on_the_image(monkeypatch):
    wcs, none = WCS(naxis=2), np.zeros(3)
    wcs.wcs.ctype, wcs.wcs.crval = ["RA---SIN", "DEC--SIN"], CRAB[:2]
    places = np.array([[40.3, 70.0, 500.0], [3.2, 95.0, 40.0]])  # the last is beside it
    images = np.zeros((200, 190), np.float32), np.zeros((100, 90), np.float32)
    for image, shift in zip(images, (50, 0), strict=True):
        drawn = render.Drawn(*places + shift, {"W1": np.full(3, 4.0)}, none, none, none)
        monkeypatch.setattr(allwise_glare, "sources_on", lambda *_, found=drawn, **__: found)
        allwise_glare.add_glare(image, wcs, "W1", 1e8)
    whole, part = images
    assert np.allclose(part, whole[50:150, 50:140], rtol=1e-3)
    assert part[3, 40] > 10 * part.min() > 0
