"""Chandra's event files: their photons are those of the images, on the sky and on the chips."""

from __future__ import annotations

import gzip
import io
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import pyvo
import requests
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.wcs import WCS
from products import find

from replica.archives.heasarc import chandra_events, chandra_images
from replica.archives.heasarc.chandra_images import FULL_BINNING, MIDDLE, SIZE
from replica.holdings import Product, select
from replica.simulation.sky import PULSAR

HOST = "https://heasarc.gsfc.nasa.gov"
#: Observations of both objects, with each detector, and its chips.
DETECTORS = {
    "acisf13751N004_evt2.fits.gz": {7},
    "acisf00214N003_evt2.fits.gz": {7},
    "acisf17503N002_evt2.fits.gz": {0, 1, 2, 3},
    "hrcf14684N002_evt2.fits.gz": {0},
    "hrcf00500N003_evt2.fits.gz": {1, 2, 3},
}


def short(ending: str) -> Product:
    """The first minute of an observation."""
    return replace(find(ending), exposure=60.0)


@cache
def events_of(ending: str) -> fits.HDUList:
    """The events of that minute."""
    return chandra_events.event_list(short(ending))


def histogram(table: fits.BinTableHDU, binning: int) -> np.ndarray:
    """Image of the events around the middle, in pixels of so many sky pixels."""
    edges = 4096.5 + binning * (np.arange(SIZE + 1) - SIZE / 2)
    return np.histogram2d(table.data["y"], table.data["x"], (edges, edges))[0]


@pytest.mark.parametrize("ending", DETECTORS)
def test_binned_events_are_the_images(ending: str) -> None:
    product = short(ending)
    events = events_of(ending)["EVENTS"]
    full = chandra_images.counts(product, FULL_BINNING)
    assert len(events.data) == full.sum(dtype=int) > 5000
    np.testing.assert_array_equal(histogram(events, FULL_BINNING), full)
    np.testing.assert_array_equal(histogram(events, 1), chandra_images.counts(product, 1))


@pytest.mark.parametrize(("ending", "chips"), DETECTORS.items())
def test_events_are_in_order_within_the_good_times_on_the_chips(ending: str, chips) -> None:
    hdus = events_of(ending)
    events, good = hdus["EVENTS"].data, hdus["GTI"].data
    assert np.all(np.diff(events["time"]) >= 0)
    assert good["START"][0] <= events["time"][0] < events["time"][-1] <= good["STOP"][-1]
    assert set(events[events.names[1]]) == chips
    for axis in ("x", "y"):  # times do not tell places
        assert abs(np.corrcoef(events["time"], events[axis])[0, 1]) < 0.03


@pytest.mark.filterwarnings("ignore::astropy.wcs.FITSFixedWarning")  # dates, as in real files
def test_the_columns_have_the_celestial_coordinates_of_the_image() -> None:
    product = short("acisf13751N004_evt2.fits.gz")
    events = chandra_events.event_list(product)["EVENTS"]
    numbers = [events.columns.names.index(axis) + 1 for axis in ("x", "y")]
    table = WCS(events.header, keysel=["pixel"], colsel=numbers)
    x, y = table.all_world2pix(*PULSAR, 1)
    centre = chandra_images.image(replace(product, kind="cntr_img2"))[0]
    column, row = WCS(centre.header).all_world2pix(*PULSAR, 1)
    assert (x - 4096.5, y - 4096.5) == pytest.approx((column - 512.5, row - 512.5), abs=1e-6)
    near = np.hypot(events.data["x"] - x, events.data["y"] - y) * 0.492 < 60
    assert near.mean() > 0.7


def test_energies_lie_in_their_channels() -> None:
    events = chandra_events.event_list(short("acisf13751N004_evt2.fits.gz"))["EVENTS"].data
    assert np.abs(events["energy"] / 14.6 - (events["pi"] - 0.5)).max() < 0.5 + 1e-6
    assert 300 <= events["energy"].min() < events["energy"].max() <= 10_000
    assert 1000 < np.median(events["energy"]) < 2500  # eV, where the mirrors collect most


def test_cassiopeia_a_shines_in_lines_and_the_crab_does_not() -> None:
    """Silicon at 1.86 keV and sulphur at 2.45, over the continuum between and beside them."""
    contrast = {}
    for name in ("acisf00214N003", "acisf13751N004"):
        energy = events_of(f"{name}_evt2.fits.gz")["EVENTS"].data["energy"] / 1000
        line, beside = (
            sum(np.sum(np.abs(energy - at) < 0.07) for at in places)
            for places in ((1.86, 2.45), (1.62, 2.12, 2.12, 2.75))
        )
        contrast[name] = 2 * line / beside
    assert contrast["acisf00214N003"] > 2.2
    assert contrast["acisf13751N004"] == pytest.approx(1.0, abs=0.15)


def test_the_centre_image_is_the_middle_of_the_full_one() -> None:
    product = short("acisf13751N004_evt2.fits.gz")
    centre = chandra_images.counts(product, 1).reshape(256, 4, 256, 4).sum(axis=(1, 3))
    full = chandra_images.counts(product, FULL_BINNING)
    np.testing.assert_array_equal(full[MIDDLE, MIDDLE], centre)


@pytest.mark.parametrize(("obs_id", "rows", "frame"), [("13751", 300, 0.2), ("4607", 1024, 3.2)])
def test_a_subarray_reads_only_rows_around_the_target(obs_id: str, rows, frame) -> None:
    (product,) = select(archive="heasarc", obs_id=obs_id, kind="full_img2")
    with chandra_images.image(replace(product, exposure=1e5)) as hdus:
        header, counts = hdus[0].header, hdus[0].data
    assert (header["NROWS"], header["EXPTIME"]) == (rows, frame)
    assert 1 <= header["FIRSTROW"] <= 1025 - rows
    row, column = np.nonzero(counts)
    roll = np.radians(header["ROLL_NOM"])
    along = 4 * ((row - 511.5) * np.cos(roll) - (column - 511.5) * np.sin(roll))
    assert np.ptp(along) == pytest.approx(rows, abs=12)


def test_times_of_events_are_those_of_frames() -> None:
    times = chandra_events.event_list(short("acisf13751N004_evt2.fits.gz"))["EVENTS"].data["time"]
    frames = (times - times[0]) / 0.24104
    assert np.abs(frames - np.rint(frames)).max() < 1e-3


# At HEASARC


def test_links_lead_to_the_events_and_image_searches_do_not() -> None:
    address = (
        f"{HOST}/xamin/vo/datalink?id=ivo://nasa.heasarc/chanmaster?14684/chandra.obs.evt2.fits"
    )
    (link,) = pyvo.dal.adhoc.DatalinkResults.from_result_url(address)
    assert link.access_url.endswith("/primary/hrcf14684N002_evt2.fits.gz")
    assert (link.content_type, link["content_qualifier"]) == ("application/fits", "event")
    assert '"key": "chandra/data/byobsid/4/14684/primary/hrcf1468' in link["cloud_access"]
    service = pyvo.dal.SIAService(f"{HOST}/xamin/vo/sia?table=chanmaster&")
    found = service.search(SkyCoord(*PULSAR, unit="deg"), size=0.01).to_table()
    assert set(found["obs_title"]) == {"Center Image", "Full Image"}


@pytest.mark.slow
def test_the_file_has_the_counts_of_the_image_s_file() -> None:
    folder = f"{HOST}/FTP/chandra/data/byobsid/1/13751/primary/acisf13751N004"
    packed = {k: requests.get(f"{folder}_{k}.fits.gz").content for k in ("evt2", "full_img2")}
    assert len(packed["evt2"]) < 30e6
    plain = {kind: io.BytesIO(gzip.decompress(content)) for kind, content in packed.items()}
    with fits.open(plain["evt2"]) as events, fits.open(plain["full_img2"]) as image:
        np.testing.assert_array_equal(histogram(events["EVENTS"], FULL_BINNING), image[0].data)


def test_event_files_are_held_of_all_observations_below_two_million_photons() -> None:
    for product in select(archive="heasarc", kind="cntr_img2"):
        photons = chandra_images.rate(product) * product.exposure
        held = select(archive="heasarc", obs_id=product.obs_id, kind="evt2")
        assert len(held) == (photons < 2e6)
