"""A match of the AllWISE and Pan-STARRS catalogues finds what the list of sources says."""

from __future__ import annotations

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astroquery.ipac.irsa import Irsa
from astroquery.mast import Catalogs

from validation import sky_match

pytestmark = pytest.mark.usefixtures("shared_replica", "vocabularies_stay_here")

#: In the middle of skycell 1784.059, beside the nebula.
FIELD = SkyCoord(83.757801, 22.188938, unit="deg")
BANDS = "grizy"


@pytest.fixture(scope="module")
def sources() -> SkyCoord:
    found = Irsa.query_region(FIELD, catalog="allwise_p3as_psd", radius=4 * u.arcmin)
    return SkyCoord(found["ra"], found["dec"], unit="deg")


@pytest.fixture(scope="module")
def objects() -> SkyCoord:
    found = Catalogs.query_region(FIELD, radius=0.11, catalog="Panstarrs", pagesize=50_000)
    return SkyCoord(found["raMean"], found["decMean"], unit="deg")


def test_as_many_have_a_counterpart_as_the_list_says(sources, objects):
    match = sky_match.match(sources, objects)
    assert match.sources > 200
    assert match.found == pytest.approx(match.expected, abs=3 * match.error)
    assert 0.01 < match.chance < 0.15


def test_places_that_do_not_fit_are_noticed(sources, objects):
    aside = SkyCoord(objects.ra, objects.dec + 1.2 * u.arcsec)
    match = sky_match.match(sources, aside)
    assert match.found < match.expected - 5 * match.error


def test_pan_starrs_detects_what_is_brighter_than_its_depth_in_a_band():
    magnitudes = {"g": [23.3, 26.0, 26.0], "r": [26.0, 26.0, 22.0]}
    listed = {band: np.array(magnitudes.get(band, [30.0] * 3)) for band in BANDS}
    listed["fwhm"] = np.zeros(3)
    assert sky_match.detected(listed) == pytest.approx([0.5, 0, 1], abs=0.01)
