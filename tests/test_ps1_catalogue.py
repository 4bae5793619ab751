"""Pan-STARRS' catalogue at MAST: astroquery's calls, recorded forms, and the images behind it."""

from __future__ import annotations

import csv
import io
import json
from importlib.resources import files

import numpy as np
import pytest
import pyvo
import requests
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.io.votable import parse_single_table
from astropy.table import Table
from astroquery.mast import Catalogs
from closing_session import ClosingSession

from replica.archives.mast.ps1_files import web_path
from replica.archives.mast.ps1_objects import object_id
from replica.holdings import select

pytestmark = pytest.mark.usefixtures("shared_replica", "vocabularies_stay_here")

SERVICE = "https://catalogs.mast.stsci.edu/api/v0.1/panstarrs/dr2/mean"
CRAB = SkyCoord(83.63321, 22.01446, unit="deg")
NEAR = {"ra": 83.63321, "dec": 22.01446, "radius": 0.02}
BANDS = "grizy"


def recorded(name: str) -> dict | list:
    """What astroquery's test data hold of the real service."""
    folder = files("astroquery.mast.tests").joinpath("data")
    return json.loads(folder.joinpath(name).read_text(encoding="utf-8"))


def ask(form: str = "json", **params: object) -> requests.Response:
    answer = requests.get(f"{SERVICE}.{form}", {**NEAR, **params})
    assert answer.status_code == 200, answer.text
    return answer


@pytest.fixture(scope="module")
def around() -> Table:
    """The objects within a tenth of a degree of the pulsar."""
    return Catalogs.query_region(CRAB, radius=0.1, catalog="Panstarrs", pagesize=50_000)


# Forms


def test_the_columns_are_the_recorded_ones() -> None:
    real, ours = recorded("panstarrs_columns.json"), requests.get(f"{SERVICE}/metadata.json").json()
    facts = ("column_name", "db_type", "type", "unit", "default_value", "column_index")
    assert [[row[fact] for fact in facts] for row in ours] == [
        [row[fact] for fact in facts] for row in real
    ]


def test_rows_have_the_recorded_form() -> None:
    real = recorded("panstarrs.json")
    names = [column["name"] for column in real["info"] if column["name"] != "objname"]
    ours = ask(columns=f"[{','.join(names)}]").json()
    assert set(ours) == set(real)
    kinds = {column["name"]: (column["type"], column["db_type"]) for column in real["info"]}
    found = {column["name"]: (column["type"], column["db_type"]) for column in ours["info"]}
    assert found == {name: kinds[name] for name in names}
    cells = dict(zip((column["name"] for column in real["info"]), real["data"][0], strict=True))
    for name, cell in zip(names, ours["data"][0], strict=True):
        assert type(cell) is type(cells[name]) or name == "iMeanApMag"


def test_the_identifier_follows_from_the_position_as_in_recorded_rows() -> None:
    """The recorded positions are newer than the identifiers, by some hundredths of an arcsecond."""
    rows = recorded("panstarrs.json")["data"]
    places = SkyCoord([_spaced(row[0].removeprefix("PSO J")) for row in rows], unit=("h", "deg"))
    ids = object_id(places.ra.deg, places.dec.deg)
    real = np.array([int(row[1]) for row in rows])
    assert np.all(np.abs(ids // 10**13 - real // 10**13) <= 1)  # zones of half an arcminute
    right_ascension = (ids % 10**13 - real % 10**13) / 1e10
    assert np.abs(right_ascension).max() < 1e-4  # degrees


def _spaced(text: str) -> str:
    """``002353.230-323148.612`` with spaces between hours, minutes and seconds."""
    ra, dec = text[:10], text[10:]
    return f"{ra[:2]} {ra[2:4]} {ra[4:]} {dec[:3]} {dec[3:5]} {dec[5:]}"


def test_csv_and_votable_say_the_same_as_json() -> None:
    asked = {"columns": "[objID,raMean,gMeanPSFMag,nDetections,distance]", "sort_by": "objID"}
    rows = ask(**asked).json()["data"]
    lines = list(csv.reader(io.StringIO(ask("csv", **asked).text, newline="")))
    assert lines[0] == ["objID", "raMean", "gMeanPSFMag", "nDetections", "distance"]
    assert [[float(cell) for cell in line] for line in lines[1:]] == [
        [float(cell) for cell in row] for row in rows
    ]
    table = parse_single_table(io.BytesIO(ask("votable", **asked).content)).to_table()
    assert list(table["objID"]) == [int(row[0]) for row in rows]
    assert np.allclose(table["distance"], [row[4] for row in rows])


# Searches


def test_a_region_holds_the_objects_within_its_radius(around: Table) -> None:
    found = Catalogs.query_region(CRAB, radius="1 arcmin", catalog="Panstarrs", table="mean")
    places = SkyCoord(around["raMean"], around["decMean"], unit="deg")
    inside = places.separation(CRAB).arcmin <= 1
    assert len(found) > 30
    assert set(found["objID"]) == set(around["objID"][inside])
    distances = SkyCoord(found["raMean"], found["decMean"], unit="deg").separation(CRAB).deg
    assert np.allclose(found["distance"], distances, atol=1e-9)


def test_an_object_is_found_by_name() -> None:
    (row,) = Catalogs.query_object("Crab Pulsar", radius=0.0005, catalog="Panstarrs")
    assert row["distance"] < 1 / 3600
    assert row["objName"] == "PSO J083.6332+22.0145"
    assert row["objID"] == object_id(np.array([row["raMean"]]), np.array([row["decMean"]]))[0]
    place = SkyCoord(row["l"], row["b"], unit="deg", frame="galactic")
    assert place.separation(CRAB).arcsec < 1
    ecliptic = SkyCoord(row["lambda"], row["beta"], unit="deg", frame="barycentrictrueecliptic")
    assert ecliptic.transform_to("icrs").separation(CRAB).arcsec < 60


def test_criteria_select_sort_and_choose_columns(around: Table) -> None:
    """The call of astroquery's own remote tests, at the Crab Nebula."""
    found = Catalogs.query_criteria(
        coordinates=CRAB,
        radius=0.1,
        catalog="PANSTARRS",
        table="mean",
        data_release="dr2",
        nStackDetections=[("gte", "4")],
        rMeanPSFMag=[("gt", 0), ("lt", 19)],
        columns=["objID", "rMeanPSFMag", "distance"],
        sort_by=[("desc", "rMeanPSFMag")],
    )
    assert found.colnames == ["objID", "rMeanPSFMag", "distance"]
    magnitude = around["rMeanPSFMag"].filled(-999)
    chosen = (around["nStackDetections"] >= 4) & (magnitude > 0) & (magnitude < 19)
    assert set(found["objID"]) == set(around["objID"][chosen])
    assert np.all(np.diff(found["rMeanPSFMag"]) <= 0)


def test_equal_values_are_alternatives_and_names_count_in_any_case(around: Table) -> None:
    wanted = list(map(int, around["objID"][:3]))
    found = ask(columns=["OBJID"], objid=wanted, radius=0.2).json()["data"]
    assert {int(row[0]) for row in found} == set(wanted)
    name = around["objName"][5]
    (row,) = ask(objName=name, columns="objID", radius=0.2).json()["data"]
    assert int(row[0]) == around["objID"][5]
    others = ask(**{"objID.ne": wanted[0]}, columns="objID", radius=0.1, pagesize=50_000).json()
    assert len(others["data"]) == len(around) - 1


def test_without_a_position_all_objects_are_searched() -> None:
    answer = requests.get(f"{SERVICE}.json", {"qualityFlag.lt": 60, "columns": "objID,distance"})
    assert [column["name"] for column in answer.json()["info"]] == ["objID"]
    assert len(answer.json()["data"]) == 5000


def test_pages_part_the_rows() -> None:
    whole = ask(columns="objID").json()["data"]
    pages = [ask(columns="objID", pagesize=40, page=page).json()["data"] for page in (1, 2, 3, 4)]
    assert [len(page) for page in pages[:2]] == [40, 40]
    assert [row for page in pages for row in page] == whole[:160]


def test_a_request_may_be_a_form_or_an_object_of_json() -> None:
    asked = {**NEAR, "columns": ["objID"], "sort_by": ["distance"], "nDetections.gt": 3}
    by_get = ask(**asked).json()
    assert requests.post(f"{SERVICE}.json", json=asked).json() == by_get
    assert requests.post(f"{SERVICE}.json", data=asked).json() == by_get


def test_far_from_the_images_there_is_nothing() -> None:
    assert ask(ra=10, dec=-20).json()["data"] == []


@pytest.mark.parametrize(
    ("asked", "word"),
    [
        ({"ra": "x"}, "ra=x"),
        ({"radius": ""}, "radius is needed"),
        ({"radius": 2}, "at most 0.5 degrees"),
        ({"dec": 99}, "dec is within 90"),
        ({"columns": "nonsense"}, "no column nonsense"),
        ({"nonsense.gt": 1}, "no column nonsense"),
        ({"nDetections.above": 1}, "above is not one of"),
        ({"nDetections": "many"}, "nDetections=many"),
        ({"sort_by": "asc"}, "sort_by=asc"),
        ({"pagesize": 0}, "pagesize=0"),
        ({"pagesize": 60_000}, "at most 50000"),
        ({"page": -1}, "page=-1"),
    ],
)
def test_what_cannot_be_understood_is_said(asked: dict, word: str) -> None:
    answer = requests.get(f"{SERVICE}.json", {**NEAR, **asked})
    assert (answer.status_code, word in answer.text) == (400, True), answer.text


@pytest.mark.parametrize("body", ["[1]", "{", "1"])
def test_another_body_than_an_object_is_refused(body: str) -> None:
    headers = {"content-type": "application/json"}
    answer = requests.post(f"{SERVICE}.json", data=body, headers=headers)
    assert (answer.status_code, "JSON object" in answer.text) == (400, True)


def test_other_tables_and_formats_are_named() -> None:
    answer = requests.get(SERVICE.replace("mean", "detection") + ".json", NEAR)
    assert (answer.status_code, "dr2/mean" in answer.text) == (404, True)
    answer = requests.get(f"{SERVICE}.fits", NEAR)
    assert (answer.status_code, "choose of" in answer.text) == (400, True)


@pytest.mark.parametrize("path", ["tesscut/api/v0.1/sector", "zcut/api/v0.1/survey"])
def test_services_that_are_not_held_are_named(path: str) -> None:
    answer = requests.post(f"https://mast.stsci.edu/{path}", {"ra": 83.6, "dec": 22})
    assert answer.status_code == 404
    assert f"does not hold MAST's service {path.split('/')[0]}" in answer.text


# ADQL


def test_a_query_finds_what_the_search_finds(session: ClosingSession, around: Table) -> None:
    """The cone that public code writes for the table of mean objects."""
    tap = pyvo.dal.TAPService("https://mast.stsci.edu/vo-tap/api/v0.1/ps1dr2", session=session)
    rows = tap.run_sync(
        "SELECT objid, ramean, rmeanpsfmag FROM dbo.MeanObjectView "
        "WHERE CONTAINS(POINT('ICRS', ramean, decmean), CIRCLE('ICRS', 83.63321, 22.01446, 0.1)) "
        "= 1 ORDER BY objid"
    ).to_table()
    assert list(rows["objid"]) == sorted(around["objID"])
    magnitudes = around[np.argsort(around["objID"])]["rMeanPSFMag"]
    assert np.allclose(rows["rmeanpsfmag"], magnitudes.filled(-999), atol=1e-3)


def test_the_table_of_queries_has_the_columns_of_the_search(session: ClosingSession) -> None:
    tap = pyvo.dal.TAPService("https://mast.stsci.edu/vo-tap/api/v0.1/ps1dr2", session=session)
    found = tap.run_sync(
        "SELECT column_name FROM TAP_SCHEMA.columns WHERE table_name = 'dbo.meanobjectview' "
        "ORDER BY column_index"
    ).to_table()
    names = [row["name"].lower() for row in recorded("panstarrs_columns.json")]
    assert [name.strip('"') for name in found["column_name"]] == names


# Measurements


@pytest.mark.parametrize("band", BANDS)
def test_without_a_detection_there_is_no_magnitude(around: Table, band: str) -> None:
    magnitude = around[f"{band}MeanPSFMag"]
    assert np.array_equal(magnitude.mask, around[f"n{band}"] == 0)
    assert 0 < magnitude.mask.sum() < len(around)
    assert np.array_equal(around[f"{band}MeanPSFMagNpt"], around[f"n{band}"])


def test_counts_and_flags_agree(around: Table) -> None:
    assert np.array_equal(around["nDetections"], sum(around[f"n{band}"] for band in BANDS))
    flags = around["qualityFlag"]
    assert np.array_equal((flags & 4) > 0, around["nDetections"] > 1)
    assert np.array_equal((flags & 16) > 0, around["nStackDetections"] > 1)
    assert np.array_equal((flags & 128) > 0, around["nStackDetections"] <= 1)
    assert len(set(around["objID"])) == len(around)


def test_errors_grow_towards_the_depth_of_a_single_exposure(around: Table) -> None:
    """Published depths of a single exposure: 22.0, 21.8, 21.5, 20.9, 19.7 (arXiv:1612.05560)."""
    for band, depth in zip(BANDS, (22.0, 21.8, 21.5, 20.9, 19.7), strict=True):
        magnitude, error = around[f"{band}MeanPSFMag"], around[f"{band}MeanPSFMagErr"]
        known = ~magnitude.mask
        assert 0.01 <= error[known].min() < 0.02
        often = known & (around[f"n{band}"] >= 7)
        assert abs(np.percentile(magnitude[often].compressed(), 98) - depth) < 1.0, band


def test_bright_objects_are_where_and_as_bright_as_the_image_shows() -> None:
    """An aperture of 3 arcseconds on isolated stars in the stack: 30 and more of them."""
    place = SkyCoord(83.70, 22.20, unit="deg")  # beside the nebula
    found = Catalogs.query_region(place, radius=0.1, catalog="Panstarrs", pagesize=50_000)
    stars = _isolated(found[(found["rMeanPSFMag"] > 16) & (found["rMeanPSFMag"] < 19)], found)
    assert len(stars) > 30
    measured = [_measure(star) for star in stars]
    offset = np.array([magnitude for magnitude, _ in measured]) - stars["rMeanPSFMag"]
    assert abs(np.median(offset)) < 0.03
    assert 1.48 * np.median(np.abs(offset - np.median(offset))) < 0.04
    assert np.median([distance for _, distance in measured]) < 0.1  # pixels


def _isolated(stars: Table, every: Table) -> Table:
    """The first stars without a neighbour of a hundredth of their light within 8 arcseconds."""
    places = SkyCoord(every["raMean"], every["decMean"], unit="deg")
    alone = []
    for star in stars:
        near = SkyCoord(star["raMean"], star["decMean"], unit="deg").separation(places).arcsec < 8
        bright = every["rMeanPSFMag"].filled(99) < star["rMeanPSFMag"] + 5
        if np.sum(near & bright) == 1 and not star["qualityFlag"] & 1:
            alone.append(star)
    return Table(rows=alone[:40], names=stars.colnames)


def _measure(star: Table.Row) -> tuple[float, float]:
    """Magnitude within 3 arcseconds, and pixels from the star's place to the centre of light."""
    stack = select(collection="PS1", kind="unconv", band="r", target="1784.059")[0]
    asked = {"ra": star["raMean"], "dec": star["decMean"], "size": 61, "format": "fits"}
    url = "https://ps1images.stsci.edu/cgi-bin/fitscut.cgi"
    answer = requests.get(url, {**asked, "red": web_path(stack)})
    hdu = fits.open(io.BytesIO(answer.content))[0]
    row, column = np.mgrid[:61, :61] - 30.0
    radius = np.hypot(row, column)
    light = hdu.data - np.nanmedian(hdu.data[(radius > 24) & (radius < 30)])
    inside = radius < 12
    flux = np.sum(light[inside])
    centre = [np.sum((light * axis)[inside]) / flux for axis in (column, row)]
    place = _place_in_cutout(hdu.header, star)
    # A Moffat profile of index 3.5 and 1.19" has 98.9 % of its light within 3".
    core = (1.19 / 2) ** 2 / (2 ** (1 / 3.5) - 1)
    share = 1 - (1 + 9 / core) ** -2.5
    magnitude = 25 - 2.5 * np.log10(flux / share / hdu.header["EXPTIME"])
    return magnitude, float(np.hypot(centre[0] - place[0], centre[1] - place[1]))


def _place_in_cutout(header: fits.Header, star: Table.Row) -> tuple[float, float]:
    """Pixels from the middle of a cutout of 61 pixels to the star, in the header's coordinates."""
    from replica.archives.mast.ps1_cutouts import pixel

    x, y = pixel(header, star["raMean"], star["decMean"])
    return x - 31, y - 31
