"""The AllWISE catalogue at IRSA: its columns, its rows, and the ways to ask for them."""

from __future__ import annotations

import csv
import io

import numpy as np
import pytest
import pyvo
import requests
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import Table
from astroquery.ipac.irsa import Irsa
from pyvo.dal import DALQueryError

from replica.archives.irsa import source_catalogue
from replica.holdings import select as held
from replica.protocols.adql import query
from replica.protocols.tables import QueryError

CATALOGUE = "allwise_p3as_psd"
CONE = f"https://irsa.ipac.caltech.edu/SCS?table={CATALOGUE}"
#: In the middle of tile 0830p227, far from the nebula.
FIELD = SkyCoord(83.1, 22.7, unit="deg")
#: The first columns of the real table, and some of the others, in their order.
FIRST = ["designation", "ra", "dec", "sigra", "sigdec", "sigradec", "glon", "glat", "elon"]
SOME = ["w1mpro", "w4rchi2", "rchi2", "w1sat", "pmra", "cc_flags", "ph_qual", "det_bit", "w1nm"]

pytestmark = pytest.mark.usefixtures("vocabularies_stay_here")


@pytest.fixture(scope="module")
def field() -> Table:
    """Sources within five arcminutes."""
    return Irsa.query_region(FIELD, catalog=CATALOGUE, spatial="Cone", radius=5 * u.arcmin)


def test_the_columns_are_those_of_the_real_table_in_their_order(field):
    assert len(field.colnames) == 298
    assert field.colnames[: len(FIRST)] == FIRST
    places = [field.colnames.index(name) for name in SOME]
    assert places == sorted(places)
    assert field.colnames[-2:] == ["spt_ind", "htm20"]


def test_a_cone_is_round_and_as_crowded_as_the_survey_there(field):
    places = SkyCoord(field["ra"], field["dec"], unit="deg")
    assert places.separation(FIELD).max() < 5 * u.arcmin
    area = np.pi * (5 / 60) ** 2
    assert 15_000 < len(field) / area < 40_000


def test_box_and_polygon_hold_what_the_cone_holds_within_them(field):
    box = Irsa.query_region(FIELD, catalog=CATALOGUE, spatial="Box", width=4 * u.arcmin)
    half = 2 / 60
    offsets = SkyCoord(field["ra"], field["dec"], unit="deg").transform_to(FIELD.skyoffset_frame())
    lon, lat = offsets.lon.wrap_at(180 * u.deg).deg, offsets.lat.deg
    within = (np.abs(lon) < half) & (np.abs(lat) < half)
    assert set(box["cntr"]) == set(field["cntr"][within])
    corners = [(83.08, 22.68), (83.12, 22.68), (83.10, 22.72)]
    polygon = [SkyCoord(*corner, unit="deg") for corner in corners]
    inside = Irsa.query_region(catalog=CATALOGUE, spatial="Polygon", polygon=polygon)
    assert 0 < len(inside) < len(field)
    assert set(inside["cntr"]) < set(field["cntr"])


def test_the_cone_search_finds_the_same_rows(field):
    found = pyvo.conesearch(CONE, pos=(FIELD.ra.deg, FIELD.dec.deg), radius=5 / 60).to_table()
    assert sorted(found["cntr"]) == sorted(field["cntr"])
    asked = {"RA": "83.1", "DEC": "22.7", "SR": "0.01", "format": "csv"}
    rows = list(csv.DictReader(io.StringIO(requests.get(CONE, asked).text)))
    assert {row["designation"] for row in rows} <= set(field["designation"])
    assert rows


@pytest.mark.parametrize(
    ("parameters", "word"),
    [({"RA": "83", "DEC": "22"}, "SR"), ({"RA": "a", "DEC": "22", "SR": "0.1"}, "RA")],
)
def test_a_bad_cone_search_is_an_error_with_a_sentence(parameters, word):
    answer = requests.get(CONE, parameters).text
    assert 'value="ERROR"' in answer or "Error" in answer
    assert word in answer


def test_a_catalogue_that_is_not_held_is_refused():
    with pytest.raises(DALQueryError, match="fp_psc"):
        pyvo.conesearch(CONE.replace(CATALOGUE, "fp_psc"), pos=(83.1, 22.7), radius=0.01)


def test_it_is_listed_and_described():
    assert Irsa.list_catalogs()[CATALOGUE] == "AllWISE Source Catalog"
    columns = Irsa.list_columns(CATALOGUE)
    assert len(columns) == 298
    assert columns["w1mpro"].startswith("W1 magnitude")


def test_no_rows_where_no_tile_is():
    far = SkyCoord(150, 2, unit="deg")
    assert len(Irsa.query_region(far, catalog=CATALOGUE, radius=1 * u.arcmin)) == 0


def test_a_query_makes_the_tiles_that_its_region_touches_and_no_others(monkeypatch):
    made: list[str] = []

    def pretend(name, *_):
        made.append(name)
        return name

    monkeypatch.setattr(source_catalogue, "ensure_file", pretend)
    source_catalogue.table().databases((source_catalogue.Circle(83.1, 22.7, 0.1),))
    assert [name.split("-")[1].removesuffix(".sqlite") for name in made] == ["0830p227_ac51"]
    made.clear()
    source_catalogue.table().databases(None)
    assert len(made) == len({image.obs_id for image in held(archive="irsa", kind="int")})


def test_names_and_numbers_are_of_each_source_alone(field):
    assert len(set(field["cntr"])) == len(field)
    places = SkyCoord(field["ra"], field["dec"], unit="deg")
    for name, place in list(zip(field["designation"], places, strict=True))[:50]:
        text = f"{name[:2]}h{name[2:4]}m{name[4:9]}s {name[9:12]}d{name[12:14]}m{name[14:]}s"
        # Cut, not rounded: up to a hundredth of a second and a tenth of an arcsecond.
        assert SkyCoord(text).separation(place) < 0.19 * u.arcsec


def test_places_are_given_in_all_coordinates(field):
    places = SkyCoord(field["ra"], field["dec"], unit="deg")
    galactic, ecliptic = places.galactic, places.barycentricmeanecliptic
    assert np.abs(field["glon"] - galactic.l.deg).max() < 1e-5
    assert np.abs(field["elat"] - ecliptic.lat.deg).max() < 1e-5
    x, y, z = places.cartesian.xyz.value
    assert np.abs(np.array([field["x"] - x, field["y"] - y, field["z"] - z])).max() < 1e-9


def test_quality_says_what_signal_to_noise_is(field):
    for n, band in enumerate(("w1", "w2", "w3", "w4")):
        snr, error = field[f"{band}snr"], field[f"{band}sigmpro"]
        letters = np.array([word[n] for word in field["ph_qual"]])
        assert (snr[letters == "A"] >= 10).all()
        assert (snr[letters == "B"] >= 3).all()
        assert (snr[letters == "U"] <= 2).all()
        limits = np.ma.getmaskarray(error)
        assert (limits == (letters == "U")).all()
        shown = ~limits & (snr < 40)
        assert np.abs(error[shown] * snr[shown] / 1.0857 - 1).max() < 0.05
        assert ((field["det_bit"] >> n & 1) == (letters != "U")).all()


def test_every_source_is_detected_in_a_band_and_alone(field):
    best = np.max([field[f"w{band}snr"] for band in (1, 2, 3, 4)], axis=0)
    assert best.min() >= 5
    places = SkyCoord(field["ra"], field["dec"], unit="deg")
    _, nearest, _ = places.match_to_catalog_sky(places, nthneighbor=2)
    assert nearest.min() > 4 * u.arcsec


def test_bright_stars_are_saturated_and_flag_what_lies_around_them():
    bright = Irsa.query_tap(
        f"SELECT TOP 1 ra, dec, w1mpro, w1sat, satnum FROM {CATALOGUE} "
        "WHERE CONTAINS(POINT(ra, dec), CIRCLE(83.1, 22.7, 0.3)) = 1 ORDER BY w1mpro"
    ).to_table()[0]
    assert bright["w1mpro"] < 7.5
    assert bright["w1sat"] > 0
    assert bright["satnum"].startswith("1")
    place = SkyCoord(bright["ra"], bright["dec"], unit="deg")
    around = Irsa.query_region(place, catalog=CATALOGUE, radius=25 * u.arcsec)
    flags = [row["cc_flags"][0] for row in around if row["w1mpro"] > bright["w1mpro"] + 2]
    assert set(flags) <= {"h", "d"}


@pytest.mark.slow
def test_tiles_do_not_list_a_source_twice():
    """Between the middles of two tiles, where their images overlap."""
    answer = query(
        [source_catalogue.table()],
        f"SELECT ra, dec, coadd_id FROM {CATALOGUE} "
        "WHERE CONTAINS(POINT(ra, dec), BOX(83.8918, 22.7167, 0.1, 0.1)) = 1",
        10_000,
    )
    assert len({row[2] for row in answer.rows}) == 2
    places = SkyCoord([row[:2] for row in answer.rows], unit="deg")
    _, nearest, _ = places.match_to_catalog_sky(places, nthneighbor=2)
    assert np.sum(nearest < 3 * u.arcsec) <= 2  # one that both measured on their side


@pytest.mark.parametrize(
    "where",
    [
        "CONTAINS(POINT(ra, dec), CIRCLE(83.1, 22.7, 0.02)) = 1",
        "1 = CONTAINS(POINT('ICRS', ra, dec), CIRCLE('ICRS', 83.1, 22.7, 0.02))",
        "w1mpro > 0 AND (1 = CONTAINS(POINT(ra, dec), CIRCLE(83.1, 22.7, 0.02)) AND dec > 0)",
        # These two ask all tiles, since their regions are not seen.
        pytest.param(
            "NOT CONTAINS(POINT(ra, dec), CIRCLE(83.1, 22.7, 0.02)) = 0", marks=pytest.mark.slow
        ),
        pytest.param("DISTANCE(POINT(ra, dec), POINT(83.1, 22.7)) < 0.02", marks=pytest.mark.slow),
    ],
)
def test_a_region_selects_the_same_however_it_is_written(field, where):
    near = SkyCoord(field["ra"], field["dec"], unit="deg").separation(FIELD) < 0.02 * u.deg
    table = source_catalogue.table()
    answer = query([table], f"SELECT cntr FROM {CATALOGUE} WHERE {where}", 10_000)
    assert {row[0] for row in answer.rows} == set(field["cntr"][near])


@pytest.mark.parametrize(
    ("select", "is_all"),
    [
        (f"SELECT TOP 10 * FROM {CATALOGUE}", False),
        (f"SELECT TOP 10 ra AS x, w1mpro FROM {CATALOGUE}", False),
        (f"SELECT TOP 10 * FROM {CATALOGUE} ORDER BY ra", True),
        (f"SELECT TOP 10 COUNT(*) FROM {CATALOGUE}", True),
        (f"SELECT * FROM {CATALOGUE} WHERE w1mpro < 5", True),
        (
            f"SELECT * FROM {CATALOGUE} WHERE 1 = CONTAINS(POINT(ra, dec), CIRCLE(83, 22.7, 0.1))",
            False,
        ),
        (
            f"SELECT * FROM {CATALOGUE} WHERE 0 = CONTAINS(POINT(ra, dec), CIRCLE(83, 22.7, 0.1))",
            True,
        ),
        (
            f"SELECT a.ra FROM {CATALOGUE} AS a JOIN {CATALOGUE} AS b ON a.cntr = b.cntr "
            "WHERE 1 = CONTAINS(POINT(a.ra, a.dec), CIRCLE(83, 22.7, 0.1))",
            True,
        ),
    ],
)
def test_a_query_opens_the_files_that_it_needs(monkeypatch, select, is_all):
    asked = []
    tiles = {image.obs_id for image in held(archive="irsa", kind="int")}
    monkeypatch.setattr(source_catalogue, "ensure_file", lambda name, *_: asked.append(name))
    with pytest.raises((AttributeError, QueryError)):  # there are no files
        query([source_catalogue.table()], select, 10)
    assert len(asked) == (len(tiles) if is_all else 1)
