"""IRSA's answers, column by column: names, units, types, orders and values of the real ones."""

from __future__ import annotations

import io
import json
from importlib.resources import files

import numpy as np
import pytest
import requests
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.io.votable import parse_single_table
from astropy.table import Table
from astropy.wcs import WCS
from astroquery.ipac.irsa import Irsa

SIA = "https://irsa.ipac.caltech.edu/ibe/sia/wise/allwise/p3am_cdd"
SIA2 = "https://irsa.ipac.caltech.edu/SIA"
SEARCH = "https://irsa.ipac.caltech.edu/ibe/search/wise/allwise/p3am_cdd"
CRAB = (83.63321, 22.01446, 0.001)
#: Columns of `/SIA` in IRSA's order; the type is astropy's, ``object`` for text.
SIA2_COLUMNS = """
s_ra deg float64 | s_dec deg float64 | facility_name - object | instrument_name - object
dataproduct_subtype - object | calib_level - int16 | dataproduct_type - object
energy_bandpassname - object | energy_emband - object | obs_id - object
s_resolution arcsec float64 | em_min m float64 | em_max m float64 | em_res_power - float64
proposal_title - object | access_url - object | access_format - object
access_estsize kbyte int64 | t_exptime s float64 | s_region deg object
obs_collection - object | obs_intent - object | algorithm_name - object
facility_keywords - object | instrument_keywords - object | environment_photometric - bool
proposal_id - object | proposal_pi - object | proposal_project - object | target_name - object
target_type - object | target_standard - bool | target_moving - bool | target_keywords - object
obs_release_date - object | s_xel1 - int64 | s_xel2 - int64 | s_pixel_scale arcsec float64
position_timedependent - bool | t_min d float64 | t_max d float64 | t_resolution s float64
t_xel - int64 | obs_publisher_did - object | s_fov deg float64 | em_xel - int64
pol_states - object | pol_xel - int64 | cloud_access - object | o_ucd - object
upload_row_id - int64
"""
#: Columns without a value in IRSA's rows.
MASKED = (
    *("em_res_power", "access_estsize", "environment_photometric", "t_resolution", "t_xel"),
    *("em_xel", "pol_xel"),
)
EMPTY = (
    *("facility_keywords", "instrument_keywords", "proposal_id", "target_name"),
    *("target_keywords", "pol_states", "o_ucd"),
)
#: What every row says.
CONSTANT = {
    "facility_name": "Wide-field Infrared Survey Explorer",
    "instrument_name": "WISE",
    "calib_level": 3,
    "dataproduct_type": "image",
    "energy_emband": "Infrared",
    "proposal_title": "Wide-field Infrared Survey Explorer - AllWISE Atlas Images",
    "obs_collection": "wise_allwise",
    "obs_intent": "science",
    "algorithm_name": "mosaic",
    "proposal_pi": "Edward L. Wright",
    "proposal_project": "WISE",
    "target_type": "field",
    "target_standard": False,
    "target_moving": False,
    "obs_release_date": "2013-11-13 00:00:00",
    "s_xel1": 4095,
    "s_xel2": 4095,
    "s_pixel_scale": 1.375,
    "position_timedependent": False,
    "upload_row_id": 1,
}


@pytest.fixture(scope="module")
def found() -> Table:
    return Irsa.query_sia(pos=CRAB, collection="wise_allwise")


def test_image_search_2_has_the_columns_of_irsa_in_their_order(found) -> None:
    words = SIA2_COLUMNS.strip().replace("\n", " | ").split(" | ")
    columns = [(c.name, str(c.unit or "-"), str(c.dtype)) for c in found.itercols()]
    assert columns == [tuple(word.split()) for word in words]
    assert len(columns) == 51


def test_constant_columns_say_what_irsa_says(found) -> None:
    for name, value in CONSTANT.items():
        assert set(found[name]) == {value}, name
    for name in EMPTY:
        assert set(found[name]) == {""}, name
    for name in MASKED:
        assert found[name].mask.all(), name


@pytest.mark.parametrize(
    ("band", "limits", "resolution"),
    [
        ("W1", (3e-6, 4e-6), 6.1),
        ("W2", (4e-6, 5e-6), 6.4),
        ("W3", (8e-6, 1.6e-5), 6.5),
        ("W4", (2e-5, 2.4e-5), 12.0),
    ],
)
def test_a_band_has_irsa_s_wavelengths_and_resolution(found, band, limits, resolution) -> None:
    rows = found[found["energy_bandpassname"] == band]
    assert set(zip(rows["em_min"], rows["em_max"], strict=True)) == {limits}
    assert set(rows["s_resolution"]) == {resolution}
    did = f"ivo://irsa.ipac/wise_allwise?0830p227_ac51/0830p227_ac51_{band}"
    assert set(rows["obs_publisher_did"]) == {did}


def test_a_tile_has_thirty_rows_of_four_subtypes_not_in_the_order_of_bands(found) -> None:
    assert len(found) == 30
    kinds = list(found["dataproduct_subtype"])
    assert {kind: kinds.count(kind) for kind in kinds} == {
        "science": 4,
        "noise": 4,
        "weight": 4,
        "auxiliary": 18,
    }
    names = [url.rpartition("/")[2].removeprefix("0830p227_ac51-") for url in found["access_url"]]
    assert names[:4] == ["w3-int-3.fits", "art-w3-H.tbl", "w3-cov-3.fits.gz", "art-w3-P.tbl"]
    assert names[28] == "w1-int-3.fits"
    assert names.count("mfflag-3.tbl") == 4
    assert "art-w1-O.tbl" not in names


def test_the_content_type_follows_from_the_name(found) -> None:
    types = {"fits": "image/fits", "gz": "application/x-gzip", "tbl": "text/plain"}
    for row in found:
        assert row["access_format"] == types[row["access_url"].rpartition(".")[2]]


def test_the_first_bands_were_observed_longer_than_the_last(found) -> None:
    span = {b: set() for b in ("W1", "W2", "W3", "W4")}
    for row in found:
        span[row["energy_bandpassname"]].add(row["t_max"] - row["t_min"])
    assert span["W1"] == span["W2"]
    assert min(span["W1"]) > 150
    assert span["W3"] == span["W4"]
    assert max(span["W3"]) < 10
    exposures = {row["energy_bandpassname"]: row["t_exptime"] for row in found}
    assert exposures["W1"] > exposures["W3"] > 50


def test_the_region_is_closed_and_lies_about_the_image(found) -> None:
    row = found[28]
    words = row["s_region"].split()
    assert words[:2] == ["POLYGON", "ICRS"]
    assert all(len(word.partition(".")[2]) == 12 for word in words[2:])
    corners = np.array(words[2:], float).reshape(5, 2)
    assert (corners[0] == corners[4]).all()
    head = requests.get(row["access_url"], headers={"Range": "bytes=0-5759"}).content
    wcs = WCS(fits.Header.fromstring(head.split(b"END ")[0].decode("ascii")))
    # South-east, south-west, north-west, north-east; one pixel too far south and east.
    pixels = [(-0.5, -0.5), (4095.5, -0.5), (4095.5, 4095.5), (-0.5, 4095.5)]
    np.testing.assert_allclose(wcs.all_world2pix(corners[:4], 1), pixels, atol=1e-5)
    assert row["s_fov"] == pytest.approx(4095 * 0.0003819444391411, rel=1e-9)


def test_the_tile_lies_where_the_list_of_tiles_has_it(found) -> None:
    assert set(zip(found["s_ra"], found["s_dec"], strict=True)) == {(83.077348, 22.716667)}
    other = Irsa.query_sia(pos=(85.4, 22.7, 0.001))
    assert set(zip(other["s_ra"], other["s_dec"], strict=True)) == {(84.706316, 22.716667)}


def test_every_file_of_a_tile_is_served_at_its_address_and_in_the_cloud(found) -> None:
    tables = found[found["access_format"] == "text/plain"]
    for url, place in sorted(set(zip(tables["access_url"], tables["cloud_access"], strict=True))):
        answer = requests.get(url)
        assert answer.headers["content-type"].startswith("text/plain")
        table = Table.read(answer.text, format="ascii.ipac")
        assert len(table) > 0
        assert any("Simulated" in line for line in table.meta["comments"])
        aws = json.loads(place)["aws"]
        copy = requests.get(f"https://{aws['bucket_name']}.s3.amazonaws.com/{aws['key']}")
        assert copy.content == answer.content


def test_a_table_is_not_cut_out(found) -> None:
    url = next(url for url in found["access_url"] if url.endswith(".tbl"))
    answer = requests.get(url, {"center": "83.63,22.01", "size": "1arcmin"})
    assert answer.status_code == 400
    assert "is a table" in answer.text


def test_cloud_access_is_spaced_as_irsa_spaces_it(found) -> None:
    row = found[0]
    key = row["access_url"].replace(
        "https://irsa.ipac.caltech.edu/ibe/data/wise/allwise/", "wise/allwise/images/"
    )
    assert row["cloud_access"] == (
        '{"aws": {"bucket_name": "nasa-irsa-wise", "key":"' + key + '", "region": "us-west-2"}}'
    )


def test_upload_row_id_counts_the_positions() -> None:
    asked = [("POS", "CIRCLE 10 20 1"), ("POS", "CIRCLE 83.6 22 0.01")]
    table = parse_single_table(io.BytesIO(requests.get(SIA2, asked).content)).to_table()
    assert set(table["upload_row_id"]) == {2}
    everything = parse_single_table(io.BytesIO(requests.get(SIA2).content)).to_table()
    assert everything["upload_row_id"].mask.all()


def _read_json(content: bytes) -> Table:
    document = json.loads(content)
    rows, fields = document["data"], document["metadata"]
    return Table(rows=rows, names=[field["name"] for field in fields])


READERS = {
    "votable": lambda content: parse_single_table(io.BytesIO(content)).to_table(),
    "fits": lambda content: Table.read(io.BytesIO(content), format="fits"),
    "csv": lambda content: Table.read(content.decode(), format="ascii.csv"),
    "tsv": lambda content: Table.read(content.decode(), format="ascii.tab"),
    "json": _read_json,
    "ipac_table": lambda content: Table.read(content.decode(), format="ascii.ipac"),
}


@pytest.mark.parametrize("name", READERS)
def test_image_search_2_says_the_same_in_every_format(found, name) -> None:
    query = {"POS": "CIRCLE 83.63321 22.01446 0.001", "RESPONSEFORMAT": name.upper()}
    answer = requests.get(SIA2, query)
    answer.raise_for_status()
    table = READERS[name](answer.content)
    assert table.colnames == found.colnames
    urls = [url.decode() if isinstance(url, bytes) else url for url in table["access_url"]]
    assert urls == list(found["access_url"])
    np.testing.assert_allclose(np.asarray(table["t_min"], float), found["t_min"], rtol=1e-12)
    truth = {str(value).strip().lower() for value in table["target_moving"]}
    assert truth == {"false"}


# Image search 1


def test_image_search_1_has_irsa_s_last_columns_and_zero_points() -> None:
    answer = requests.get(SIA, {"POS": "83.63321,22.01446", "SIZE": "0"})
    table = parse_single_table(io.BytesIO(answer.content)).to_table()
    assert len(table.colnames) == 23
    assert table.colnames[:3] == ["sia_title", "sia_url", "cloud_access"]
    assert set(table["sia_bp_unit"]) == {"m"}
    errors = dict(zip(table["sia_bp_id"], table["magzpunc"], strict=True))
    assert errors == {"W1": 0.006, "W2": 0.007, "W3": 0.012, "W4": 0.012}
    for row in table:
        assert '", "key":"wise/' in row["cloud_access"]
        head = requests.get(row["sia_url"], headers={"Range": "bytes=0-5759"}).content
        header = fits.Header.fromstring(head.split(b"END ")[0].decode("ascii"))
        assert header["MAGZPUNC"] == row["magzpunc"]
        assert header["DATEOBS1"] < header["MIDOBS"] < header["DATEOBS2"]


# The table of images


def test_table_search_finds_the_images_of_a_position_as_an_ipac_table() -> None:
    answer = requests.get(SEARCH, {"POS": "83.63321,22.01446"})
    table = Table.read(answer.text, format="ascii.ipac")
    assert list(table["coadd_id"]) == ["0830p227_ac51"] * 4
    assert sorted(table["band"]) == [1, 2, 3, 4]
    assert set(table["crval1"]) == {83.077348}
    corners = [(table[f"ra{n}"][0], table[f"dec{n}"][0]) for n in range(1, 5)]
    distance = SkyCoord(corners, unit="deg").separation(SkyCoord(83.077348, 22.716667, unit="deg"))
    np.testing.assert_allclose(distance.deg, 1.5640625 / 2**0.5, rtol=1e-3)


@pytest.mark.parametrize(
    ("query", "rows"),
    [
        ({"POS": "83.63321,22.01446", "WHERE": "band=3"}, 1),
        ({"where": "band in (1,2)", "POS": "83.89,22.7"}, 4),
        ({"POS": "83.89,22.7"}, 8),
        ({"POS": "83.89,22.7", "mcen": ""}, 4),
        ({"POS": "10,10"}, 0),
        ({"POS": "83.05,22.7", "SIZE": "3", "INTERSECT": "ENCLOSED"}, 4),
    ],
)
def test_table_search_evaluates_its_parameters(query, rows) -> None:
    answer = requests.get(SEARCH, query | {"ct": "csv", "columns": "coadd_id,band"})
    lines = answer.text.splitlines()
    assert lines[0] == "coadd_id,band"
    assert len(lines) - 1 == rows


@pytest.mark.parametrize(
    "query",
    [{"POS": "north"}, {"where": "band = "}, {"columns": "a;b"}, {"ct": "latex"}, {"where": "x=1"}],
)
def test_a_bad_table_search_is_refused_with_a_sentence(query) -> None:
    answer = requests.get(SEARCH, query)
    assert answer.status_code == 400
    assert len(answer.text.split()) > 3


def test_a_table_that_is_not_held_is_not_found() -> None:
    assert requests.get(SEARCH.replace("allwise", "allsky")).status_code == 404


# Lists


def test_catalogs_are_listed_apart_from_tables_of_images() -> None:
    assert Irsa.list_catalogs(filter="no such catalogue") == {}
    every = Irsa.list_catalogs(include_metadata_tables=True)
    assert every["wise_allwise_p3am_cdd"] == "AllWISE Atlas images"
    assert set(Irsa.list_catalogs()) <= set(every)
    assert list(Irsa.list_collections(filter="wise")["collection"]) == ["wise_allwise"]
    assert len(Irsa.list_collections(servicetype="SSA")) == 0


def test_the_registry_calls_the_images_what_irsa_calls_them() -> None:
    rows = files("replica").joinpath("archives/irsa/registry_resources.csv").read_text()
    assert "ivo://irsa.ipac/wise/images/allwise/l3a,vs:catalogservice,AllWISE L3a," in rows
