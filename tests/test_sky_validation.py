"""photutils, which knows nothing of the list of sources, measures the simulated images."""

from __future__ import annotations

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astroquery.ipac.irsa import Irsa

from helpers import cutout
from replica.archives.irsa import allwise, facts
from replica.archives.irsa.allwise import BANDS
from replica.archives.irsa.source_photometry import measure
from replica.storage.cache import ensure
from validation import sky

CATALOGUE = "allwise_p3as_psd"


@pytest.fixture(scope="module")
def seen() -> sky.Comparison:
    """The catalogue and photutils on a small part of a W1 image."""
    tile = sky.tiles()[0]
    with fits.open(ensure(tile)) as hdus:
        pixels = hdus[0].section[1800:2000, 1500:1720]
    return sky.compare({"W1": pixels}, measure(tile, sky.tiles()), "W1", (1500, 1800))


def bright(seen: sky.Comparison, low: float, high: float) -> np.ndarray:
    return (seen.magnitude > low) & (seen.magnitude < high)


def test_photutils_finds_the_bright_sources_of_the_catalogue(seen):
    assert bright(seen, 8, 14).sum() > 15
    assert seen.found[bright(seen, 8, 14)].mean() > 0.9
    assert seen.found[bright(seen, 14, 15)].mean() > 0.75


def test_the_magnitudes_agree_within_their_errors(seen):
    chosen = bright(seen, 9, 14) & seen.found
    assert abs(np.median(seen.difference[chosen])) < 0.02
    middle, scatter, error, _ = sky.statistic(seen, 14, 16)
    assert abs(middle) < 0.05
    assert 0.5 < error / scatter < 1.5  # few sources


def test_the_places_agree_to_a_tenth_of_a_pixel(seen):
    chosen = bright(seen, 9, 14.5) & seen.found
    assert abs(np.median(seen.east[chosen])) < 0.1
    assert abs(np.median(seen.north[chosen])) < 0.1
    assert np.median(np.hypot(seen.east, seen.north)[bright(seen, 9, 13) & seen.found]) < 0.15


@pytest.mark.parametrize("band", ["W2", "W3"])
def test_the_sky_of_every_tile_lies_at_the_level_of_its_band(band):
    (image,) = facts.products(kind="int", band=band, obs_id=sky.tiles()[0].obs_id)
    level = allwise._background(image, BANDS[band])[::7, ::7].mean()
    assert level == pytest.approx(BANDS[band].background, abs=0.05 * BANDS[band].noise)


@pytest.mark.slow
@pytest.mark.parametrize("number", [0, 1, 2, 3])
def test_the_whole_middle_of_a_tile_agrees(number):
    tile = sky.tiles()[number]
    seen = sky.measured(tile, "W1", 400)
    assert seen.found[bright(seen, 9, 14)].mean() > 0.95
    assert abs(np.median(seen.difference[bright(seen, 9, 14) & seen.found])) < 0.02
    assert abs(np.nanmedian(seen.east)) < 0.1
    assert abs(np.nanmedian(seen.north)) < 0.1


@pytest.mark.slow
@pytest.mark.parametrize("band", ["W1", "W2"])
def test_errors_tell_the_scatter_and_medians_are_right_down_to_the_faint(band):
    seen = sky.measured(sky.tiles()[0], band)
    for low, high in ((10, 12), (12, 13), (13, 14), (14, 15), (15, 16)):
        middle, scatter, error, share = sky.statistic(seen, low, high)
        assert abs(middle) < 0.05
        assert 0.65 < error / scatter < 1.3  # 0.7 would be that of two measurements as good
        assert share > 0.75
    middle, scatter, _, _ = sky.statistic(seen, 16, 17)
    assert abs(middle) < scatter / 2


@pytest.mark.parametrize(
    "band",
    [
        "W1",
        "W3",
        # Their images are made for this alone.
        pytest.param("W2", marks=pytest.mark.slow),
        pytest.param("W4", marks=pytest.mark.slow),
    ],
)
def test_a_mosaic_of_two_tiles_has_no_step_at_the_seam(band):
    step, scatter = sky.step(band)
    assert abs(step) < 0.05
    assert scatter < 0.15  # the noise of medians of 1600 pixels, of which neighbours share some


@pytest.mark.slow
def test_neighbouring_tiles_agree_where_they_overlap():
    """A mosaic has no seam: what differs is each tile's own noise."""
    one, other = sky.overlap(*sky.tiles()[:2])
    noise = BANDS["W1"].noise
    difference = (one - other)[np.maximum(one, other) < BANDS["W1"].background + 1]
    assert abs(np.nanmedian(difference)) < noise
    assert 1.4826 * np.nanmedian(np.abs(difference)) < 3 * noise
    both = np.isfinite(one) & np.isfinite(other)
    assert np.corrcoef(one[both], other[both])[0, 1] > 0.9


@pytest.mark.slow
def test_a_hundred_sources_are_in_the_middle_of_their_stamps():
    """From a row of the catalogue to its stamp, as a user goes."""
    (image,) = facts.products(kind="int", band="W1", obs_id=sky.tiles()[0].obs_id)
    sources = Irsa.query_tap(
        f"SELECT ra, dec, wx, wy, cntr FROM {CATALOGUE} WHERE w1mpro > 9 AND w1mpro < 13 "
        "AND nb = 1 AND CONTAINS(POINT(ra, dec), CIRCLE(83.1, 22.7, 0.4)) = 1"
    ).to_table()
    chosen = np.random.default_rng(1).choice(len(sources), 100, replace=False)
    for row in sources[chosen]:
        place = SkyCoord(row["ra"], row["dec"], unit="deg")
        stamp = cutout(facts.access_url(image), place, 8 * u.arcsec)
        middle = np.array(stamp.data.shape) / 2
        peak = np.unravel_index(np.nanargmax(stamp.data), stamp.data.shape)
        assert np.abs(np.array(peak) + 0.5 - middle).max() <= 1.5
        near = Irsa.query_region(place, catalog=CATALOGUE, radius=1 * u.arcsec)
        assert list(near["cntr"]) == [row["cntr"]]
