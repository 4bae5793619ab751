"""ROSAT's catalogues list the sources that ROSAT's images show, with their count rates."""

from __future__ import annotations

import numpy as np
import pytest
import pyvo
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import Table, vstack
from astroquery.heasarc import Heasarc
from astroquery.ipac.irsa import Irsa
from scipy.ndimage import convolve, maximum_filter

from replica.archives.heasarc import rosat_events, rosat_maps
from replica.archives.heasarc.rosat_events import FIELD, PIXEL, SKY_PIXELS
from replica.holdings import Product, select
from replica.protocols.geometry import offsets, position
from replica.simulation import cassiopeia
from replica.simulation.sky import PULSAR
from replica.simulation.stars import catalogue
from replica.simulation.x_ray_sources import FAINTEST, x_ray_sources

HOST = "https://heasarc.gsfc.nasa.gov"
FIELDS = {"rs931315n00": PULSAR, "rs930739n00": cassiopeia.CENTRE}
TABLES = ("rassbsc", "rassfsc")

pytestmark = pytest.mark.usefixtures("vocabularies_stay_here")


@pytest.fixture(scope="module")
def sources() -> dict[str, Table]:
    """Both catalogues whole, by TAP."""
    tap = pyvo.dal.TAPService(f"{HOST}/xamin/vo/tap")
    return {name: tap.search(f"SELECT * FROM {name}").to_table() for name in TABLES}


def field_of(obs_id: str) -> Product:
    (product,) = select(archive="heasarc", obs_id=obs_id, kind="bas")
    return product


def places(table: Table, field: Product) -> np.ndarray:
    """Offsets of a table's rows from a field's centre, degrees; nan on the far side."""
    found = [offsets(row["ra"], row["dec"], field.ra, field.dec) for row in table]
    return np.array([place or (np.nan, np.nan) for place in found])


def photons(field: Product) -> tuple[np.ndarray, np.ndarray]:
    """Offsets of all events, degrees."""
    events, middle = rosat_events.events_of(field), (SKY_PIXELS + 1) / 2
    return -(events["X"] - middle) * PIXEL / 3600, (events["Y"] - middle) * PIXEL / 3600


@pytest.mark.parametrize("obs_id", FIELDS)
def test_what_stands_out_of_an_image_is_in_a_catalogue(sources, obs_id: str) -> None:
    field = field_of(obs_id)
    image = rosat_maps._histogram(field, "1")
    disc = np.hypot(*np.indices((7, 7)) - 3) < 3  # radius 2.2 arcmin
    seen = convolve(image, disc.astype(float))
    expected = np.maximum(np.median(seen), 4)
    peaks = (seen > expected + 8 * np.sqrt(expected)) & (seen == maximum_filter(seen, 15))
    rows, columns = np.nonzero(peaks)
    scale = FIELD / rosat_maps.SIZE
    at = [(-(x - 255.5) * scale, (y - 255.5) * scale) for y, x in zip(rows, columns, strict=True)]
    shown = SkyCoord([position(*each, field.ra, field.dec) for each in at], unit="deg")
    remnant = SkyCoord(*FIELDS[obs_id], unit="deg")
    inside = np.abs(at).max(axis=1) < FIELD / 2 - 0.1
    shown = shown[inside & (shown.separation(remnant) > 0.5 * u.deg)]
    assert len(shown) > 10
    listed = [SkyCoord(table["ra"], table["dec"]) for table in sources.values()]
    near = np.min([shown.match_to_catalog_sky(each)[1].arcmin for each in listed], axis=0)
    assert near.max() < 2


@pytest.mark.parametrize("obs_id", FIELDS)
def test_count_rates_are_those_of_the_events(sources, obs_id: str) -> None:
    field, table = field_of(obs_id), sources["rassbsc"]
    at = places(table, field)
    inside = np.nanmax(np.abs(at), axis=1) < FIELD / 2 - 0.2
    table, at = table[inside], at[inside]
    east, north = photons(field)
    misses = []
    for row, (x, y) in zip(table, at, strict=True):
        if row["extent"]:
            continue
        distance = np.hypot(east - x, north - y) * 60
        around = np.sum((distance > 6) & (distance < 10)) / (10**2 - 6**2)
        rate = (np.sum(distance < 5) - 25 * around) / row["exposure"]
        misses.append((rate - row["count_rate"]) / row["count_rate_error"])
    assert len(misses) > 10
    assert np.abs(np.median(misses)) < 0.6
    assert np.mean(np.abs(misses) < 3) > 0.85  # the others have a neighbour


def test_the_catalogues_divide_the_sources_as_published(sources) -> None:
    bright, faint = (sources[name] for name in TABLES)
    assert bright["count_rate"].min() >= 0.05
    assert bright["source_likelihood"].min() >= 15
    assert (bright["count_rate"] * bright["exposure"]).min() >= 15
    assert (faint["count_rate"] * faint["exposure"]).min() >= 6
    assert faint["source_likelihood"].min() >= 7
    assert not set(bright["name"]) & set(faint["name"])


def test_the_remnants_are_extended_sources_at_their_places(sources) -> None:
    bright = sources["rassbsc"]
    extended = bright[bright["extent"] > 0]
    found = SkyCoord(extended["ra"], extended["dec"])
    assert len(found) == len(FIELDS)
    for centre in FIELDS.values():
        place = SkyCoord(*centre, unit="deg")
        nearest = int(found.separation(place).argmin())
        error = extended["positional_error"][nearest]
        assert found[nearest].separation(place).arcsec < 3 * error < 30


def test_names_tell_places(sources) -> None:
    for row in vstack(list(sources.values()), metadata_conflicts="silent"):
        place = SkyCoord(row["ra"], row["dec"], unit="deg")
        right, north = row["name"].removeprefix("1RXS J").split("+")
        named = SkyCoord(
            f"{right[:2]}:{right[2:4]}:{right[4:]}",
            f"{north[:2]}:{north[2:4]}:{north[4:]}",
            unit=("hourangle", "deg"),
        )
        assert named.separation(place).arcsec < 1.9  # the digits are cut off


def test_places_and_rates_are_as_far_off_as_their_errors_say(sources) -> None:
    """Against the list behind the images, without the sources that have a neighbour."""
    rates, places = [], []
    every = vstack(list(sources.values()), metadata_conflicts="silent")
    points = every[every["extent"] == 0]
    for field in (field_of(obs_id) for obs_id in FIELDS):
        listed = [source for source, _ in rosat_events.sources_of(field)]
        known = SkyCoord([source.position for source in listed], unit="deg")
        for row in points:
            distance = known.separation(SkyCoord(row["ra"], row["dec"], unit="deg")).arcsec
            if np.sum(distance < 400) == 1 and distance.min() < 200:
                source = listed[int(distance.argmin())]
                places.append(distance.min() / row["positional_error"])
                if source.rate * row["exposure"] > 40:  # no fluctuation is what makes it a source
                    rates.append((row["count_rate"] - source.rate) / row["count_rate_error"])
    assert len(places) > 40
    assert np.mean(np.array(places) < 1) == pytest.approx(0.68, abs=0.17)
    assert len(rates) > 15
    assert np.mean(rates) == pytest.approx(0, abs=0.7)
    assert np.std(rates) == pytest.approx(1, abs=0.45)


def test_the_list_has_the_published_density() -> None:
    """8547 sources above 0.1 counts per second on 92 % of the sky: Voges et al. 1999."""
    found = x_ray_sources((100.0, 159.0), (-10.0, 9.0))
    rate, area = found["rate"], 60 * 20
    assert rate.min() >= FAINTEST
    assert np.sum(rate > 0.1) / area == pytest.approx(8547 / (0.92 * 41253), rel=0.2)


def test_fields_that_overlap_share_their_sources() -> None:
    whole, part = (
        x_ray_sources((80.0, 89.0), (20.0, 24.0)),
        x_ray_sources((84.0, 86.0), (22.0, 23.0)),
    )
    assert set(part["ra"]) <= set(whole["ra"])


def test_x_ray_sources_are_on_the_list_that_all_surveys_show() -> None:
    few, every = x_ray_sources((84, 84), (22, 22)), catalogue((84, 84), (22, 22))
    assert few["ra"].size > 1
    places = list(zip(every["ra"].tolist(), every["dec"].tolist(), strict=True))
    for number, place in enumerate(zip(few["ra"].tolist(), few["dec"].tolist(), strict=True)):
        row = places.index(place)
        for band in ("r", "W1"):
            assert every[band][row] == pytest.approx(few[band][number], abs=1e-5)


@pytest.mark.slow
def test_allwise_lists_the_x_ray_sources_of_its_tile() -> None:
    tile = SkyCoord(83.077348, 22.716667, unit="deg")
    few = x_ray_sources((82.0, 84.0), (21.0, 24.0))
    bright = few["rate"] > 0.03
    listed = SkyCoord(few["ra"][bright], few["dec"][bright], unit="deg")
    places = [place for place in listed if place.separation(tile) < 0.75 * u.deg]
    assert len(places) > 1
    for place in places:
        if place.separation(SkyCoord(*PULSAR, unit="deg")) > 0.2 * u.deg:
            assert len(Irsa.query_region(place, catalog="allwise_p3as_psd", radius=5 * u.arcsec))


@pytest.mark.parametrize("name", TABLES)
def test_astroquery_and_the_registry_lead_to_the_catalogues(name: str, sources) -> None:
    crab = SkyCoord(*PULSAR, unit="deg")
    near = Heasarc.query_region(crab, catalog=name, radius=2 * u.deg)
    table = sources[name]
    inside = SkyCoord(table["ra"], table["dec"]).separation(crab) < 2 * u.deg
    assert set(near["name"]) == set(table["name"][inside])
    assert len(near) > 2
    (found,) = pyvo.registry.search(ivoid=f"ivo://nasa.heasarc/{name}")
    cone = found.get_service("conesearch").search(pos=crab, radius=2)
    assert set(cone["name"]) == set(near["name"])
    assert name in Heasarc.list_catalogs()["name"]
