"""ROSAT's survey: scans along ecliptic meridians, exposure, point-spread function, halos."""

from __future__ import annotations

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord

from replica.archives.heasarc import rosat_events, rosat_maps
from replica.archives.heasarc.rosat_events import FIELD, PIXEL, RADIUS, SKY_PIXELS
from replica.holdings import Product, select
from replica.protocols.geometry import offsets
from replica.simulation import cassiopeia
from replica.simulation.noise import generator
from replica.simulation.sky import PULSAR

FIELDS = ["rs931315n00", "rs930739n00"]


def field(obs_id: str) -> Product:
    (product,) = select(archive="heasarc", obs_id=obs_id, kind="bas")
    return product


def places(events: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Degrees east and north of the field's centre."""
    middle, scale = (SKY_PIXELS + 1) / 2, PIXEL / 3600
    return -(events["X"] - middle) * scale, (events["Y"] - middle) * scale


@pytest.mark.parametrize("obs_id", FIELDS)
def test_the_exposure_map_has_the_exposure_of_the_header(obs_id: str) -> None:
    seconds = rosat_maps._seconds(field(obs_id))
    assert seconds.mean() == pytest.approx(field(obs_id).exposure, rel=0.03)


@pytest.mark.parametrize("obs_id", FIELDS)
def test_the_good_times_add_up_to_the_exposure(obs_id: str) -> None:
    """The telescope looks at a circle, and loses photons towards its edge; scans overshoot."""
    product = field(obs_id)
    scans = rosat_events.scans_of(product)
    circle = np.pi * RADIUS**2 * (1 - rosat_events.EDGE_LOSS / 2)
    swept = (2 * rosat_events.scan_reach(scans.angle)) ** 2  # square degrees
    mean = (scans.stop - scans.start).sum() * circle / swept
    assert 0.75 * product.exposure < mean < product.exposure


@pytest.mark.parametrize("obs_id", FIELDS)
def test_the_background_follows_the_exposure_map_in_both_directions(obs_id: str) -> None:
    product = field(obs_id)
    east, north = places(rosat_events.events_of(product))
    counts, _, _ = np.histogram2d(north, -east, bins=64, range=[(-FIELD / 2, FIELD / 2)] * 2)
    seconds = rosat_maps._seconds(product).reshape(64, 8, 64, 8).mean(axis=(1, 3))
    quiet = counts < 2 * np.median(counts)  # no source
    level, exposure = (
        np.where(quiet, image, 0).reshape(8, 8, 8, 8).sum(axis=(1, 3))
        for image in (counts, seconds)
    )
    bins = quiet.reshape(8, 8, 8, 8).sum(axis=(1, 3))
    assert np.corrcoef((level / bins).ravel(), (exposure / bins).ravel())[0, 1] > 0.7


@pytest.mark.parametrize("obs_id", FIELDS)
def test_scans_run_along_the_ecliptic_meridian(obs_id: str) -> None:
    product = field(obs_id)
    centre = SkyCoord(product.ra, product.dec, unit="deg")
    angle = rosat_events.scans_of(product).angle * u.rad
    ahead = centre.directional_offset_by(angle, 1 * u.deg)
    turned = ahead.barycentricmeanecliptic.lon - centre.barycentricmeanecliptic.lon
    assert abs(turned.wrap_at("180d").arcsec) < 10


def test_a_point_is_as_wide_as_the_documentation_says() -> None:
    """Half of the photons of 1 keV fall within the half-power radius of a survey source."""
    scans = rosat_events.scans_of(field("rs931315n00"))
    photons = np.zeros(60_000)
    events = rosat_events._detected(
        generator("test"), scans, photons, photons, np.full(60_000, 100.0)
    )
    assert np.median(np.hypot(*places(events))) * 3600 == pytest.approx(68, rel=0.05)


@pytest.mark.parametrize(
    ("obs_id", "place", "share"),
    [("rs931315n00", PULSAR, (0.01, 0.06)), ("rs930739n00", cassiopeia.CENTRE, (0.03, 0.15))],
)
def test_dust_scatters_soft_photons_into_a_halo(obs_id: str, place, share) -> None:
    product = field(obs_id)
    events = rosat_events.events_of(product)
    x, y = offsets(*place, product.ra, product.dec)
    east, north = places(events)
    distance = np.hypot(east - x, north - y) * 60  # arcmin
    around = (distance > 30) & (distance < 40)
    halo, core = (distance > 10) & (distance < 20), distance < 5
    background = around.sum() * (20**2 - 10**2) / (40**2 - 30**2)
    assert share[0] < (halo.sum() - background) / core.sum() < share[1]
    soft = (events["PI"][halo].sum() - events["PI"][around].sum() * 300 / 700) / (
        halo.sum() - background
    )
    assert soft < 0.9 * events["PI"][core].mean()
