"""HEASARC's chain, link by link: rows, links, folders, files; and what its answers look like."""

from __future__ import annotations

import io
import re
from pathlib import Path

import numpy as np
import pytest
import pyvo
import requests
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.table import Table
from astroquery.heasarc import Heasarc
from PIL import Image

from replica.holdings import Product, select
from replica.storage.cache import ensure

HOST = "https://heasarc.gsfc.nasa.gov"
CONE = f"{HOST}/xamin/vo/cone?showoffsets&table="
CRAB = SkyCoord(83.63321, 22.01446, unit="deg")
RASS = "rosat/data/pspc/processed_data/900000/rs931315n00"


pytestmark = pytest.mark.usefixtures("vocabularies_stay_here")


@pytest.fixture(scope="module")
def tap() -> pyvo.dal.TAPService:
    return pyvo.dal.TAPService(f"{HOST}/xamin/vo/tap")


def cone(table: str, radius: float = 0.1, position: SkyCoord = CRAB) -> pyvo.dal.SCSResults:
    return pyvo.dal.SCSService(f"{CONE}{table}&").search(pos=position, radius=radius)


def product_digests(products: list[Product]) -> dict[str, bytes]:
    return {product.filename: ensure(product).read_bytes() for product in products}


#: Columns of a cone search in HEASARC's order; the type is astropy's, ``object`` for text.
COLUMNS = {
    "numaster": """
__row - object | name - object | ra deg float64 | dec deg float64 | time d float64
obsid - object | status - object | exposure_a s float64 | observation_mode - object
obs_type - object | processing_date d float64 | public_date d int32 | issue_flag - int16
Search_Offset - float64
""",
    "rassmaster": """
__row - object | seq_id - object | instrument - object | filter - object | site - object
exposure s int32 | fits_type - object | ra deg float64 | dec deg float64 | lii deg float64
bii deg float64 | start_date d int32 | end_date d int32 | dist_date d int32
public_date d int32 | ror - int32 | index_id - object | proc_rev - int16 | title - object
qa_number - int32 | __x_ra_dec - float64 | __y_ra_dec - float64 | __z_ra_dec - float64
Search_Offset - float64
""",
    "rosmaster": """
__row - object | seq_id - object | ra deg float64 | dec deg float64 | lii deg float64
bii deg float64 | instrument - object | filter - object | site - object | exposure s int32
requested_exposure s int32 | fits_type - object | start_time d float64 | end_time d float64
name - object | pi_lname - object | pi_fname - object | ror - int32 | index_id - object
subj_cat - int16 | proc_rev - int16 | title - object | qa_number - int32 | ao - int16
proposal_number - int32 | roll deg int16 | rday_begin d int32 | rday_end d int32
class - int16 | __x_ra_dec - float64 | __y_ra_dec - float64 | __z_ra_dec - float64
Search_Offset - float64
""",
    "chanmaster": """
__row - object | obsid - object | status - object | name - object | ra deg float64
dec deg float64 | time d float64 | detector - object | grating - object | exposure s float64
type - object | pi - object | public_date d int32 | Search_Offset - float64
""",
}


@pytest.mark.parametrize("table", COLUMNS)
def test_a_cone_search_has_heasarc_s_columns_in_their_order(table: str) -> None:
    words = COLUMNS[table].strip().replace("\n", " | ").split(" | ")
    columns = cone(table, 4).to_table().itercols()
    found = [(c.name, str(c.unit or "-"), str(c.dtype)) for c in columns]
    assert found == [tuple(word.split()) for word in words]


#: Rows of rassmaster that HEASARC is recorded to have: number, name, title, RA, Dec, l, b.
FIELDS = [
    ("1371", "RS930204N00", "RASS 3/02/04", 126.0, 84.375, 128.85919252, 29.21380802),
    ("1340", "RS930411N00", "RASS 3/04/11", 171.81679, 73.125, 131.07840019, 42.64630545),
    ("623", "RS931830N00", "RASS 3/18/30", 165.9375, -5.625, 260.43786899, 48.16075834),
    ("419", "RS932114N00", "RASS 3/21/14", 79.67096, -22.5, None, None),
    ("434", "RS932129N00", "RASS 3/21/29", 168.19592, -22.5, None, None),
]


@pytest.mark.parametrize(("row", "name", "title", "ra", "dec", "lii", "bii"), FIELDS)
def test_fields_of_the_survey_have_their_rows_and_places(
    tap, row, name, title, ra, dec, lii, bii
) -> None:
    (found,) = tap.search(f"SELECT * FROM rassmaster WHERE seq_id = '{name}'")
    assert (found["__row"], found["title"]) == (row, title)
    assert (found["ra"], found["dec"]) == pytest.approx((ra, dec), abs=0.004)
    if lii:
        assert (found["lii"], found["bii"]) == pytest.approx((lii, bii), abs=0.001)


def test_the_survey_has_1378_fields_and_one_covers_the_crab(tap) -> None:
    assert tap.search("SELECT COUNT(*) AS n FROM rassmaster")[0]["n"] == 1378
    (field,) = cone("rassmaster", 2)
    assert field["seq_id"] == "RS931315N00"
    assert (field["ra"], field["dec"]) == (85.57377, 22.5)
    header = fits.getheader(ensure(select(obs_id="rs931315n00", kind="mex")[0]))
    assert (header["CRVAL1"], header["CRVAL2"]) == (85.57377, 22.5)
    assert header["EXPOSURE"] == field["exposure"]
    vector = [field[f"__{axis}_ra_dec"] for axis in "xyz"]
    cos = np.cos(np.radians(22.5))
    turn = np.radians(85.57377)
    np.testing.assert_allclose(vector, [cos * np.sin(turn), cos * np.cos(turn), np.sin(np.pi / 8)])


def test_a_cone_row_leads_to_publications_products_and_folder() -> None:
    row = next(row for row in cone("chanmaster", 0.01) if row["obsid"] == "13751")
    links = row.getdatalink().to_table()
    assert list(links["content_type"]) == [
        "text/html",
        "application/x-votable+xml;content=datalink",
        "directory",
    ]
    assert set(links["ID"]) == {"ivo://nasa.heasarc/chanmaster?13751"}
    folder = links["access_url"][2]
    assert folder == f"{HOST}/FTP/chandra/data/byobsid/1//13751/"
    assert "primary/" in requests.get(folder).text
    assert "no publications" in requests.get(links["access_url"][0]).text
    products = pyvo.dal.adhoc.DatalinkResults.from_result_url(links["access_url"][1])
    names = [link.access_url.rpartition("/")[2] for link in products.bysemantics("#this")]
    kinds = ("cntr_img2", "full_img2", "evt2")
    assert names == [f"acisf13751N004_{kind}.fits.gz" for kind in kinds]


def test_a_tap_row_with_its_number_leads_to_its_links(tap) -> None:
    found = tap.search("SELECT __row, seq_id FROM rassmaster WHERE seq_id = 'RS931315N00'")
    links = found[0].getdatalink().to_table()
    assert set(links["ID"]) == {"ivo://nasa.heasarc/rassmaster?927"}
    assert links["access_url"][-1] == f"{HOST}/FTP/{RASS.replace('/rs93', '//rs93')}/"


def test_the_data_url_of_an_image_is_its_datalink() -> None:
    service = pyvo.dal.SIAService(f"{HOST}/xamin/vo/sia?table=chanmaster&")
    row = service.search(CRAB, size=0.01)[0]
    assert row.getdataurl() == row["access_url"]
    assert row["access_url"] == (
        f"{HOST}/xamin/vo/datalink?datalink_key&id="
        f"ivo://nasa.heasarc/chanmaster?{row['obsid']}/chandra.obs.img.cntr.fits"
    )
    this = pyvo.dal.adhoc.DatalinkResults.from_result_url(row.getdataurl())[0]
    assert this.semantics == "#this"


def test_an_image_row_says_what_heasarc_says() -> None:
    service = pyvo.dal.SIAService(f"{HOST}/xamin/vo/sia?table=chanmaster&")
    table = service.search(CRAB, size=0.01).to_table()
    row = table[table["obsid"] == "13751"][0]
    expected = {
        "obs_collection": "CHANDRA ACIS-S",
        "SIA_instrument": "CHANDRA ACIS-S",
        "instrument_name": "ACIS-S",
        "facility_name": "Chandra",
        "calib_level": 3,
        "dataproduct_type": "Image",
        "o_ucd": "",
        "s_region": "",
        "SIA_title": "acisf13751N004_cntr_img2.fits",
    }
    assert {name: row[name] for name in expected} == expected
    assert row["datalink"].endswith(":chandra.obs.img")
    assert table["s_resolution"].mask.all()
    assert table["s_fov"].mask.all()
    # The seconds of the exposure are added to the days, as in HEASARC's answers.
    assert row["t_max"] == pytest.approx(row["t_min"] + row["t_exptime"])
    assert (str(table["time"].unit), str(table["public_date"].unit)) == ("d", "d")


def links_of(table: str, radius: u.Quantity) -> Table:
    Heasarc.query_region(CRAB, catalog=table, radius=radius)
    return Heasarc.locate_data(catalog_name=table, query_result=Heasarc._last_result.to_table())


def test_locate_data_has_heasarc_s_columns_and_addresses() -> None:
    links = links_of("rassmaster", 2 * u.deg)
    assert [(c.name, str(c.unit or "")) for c in links.itercols()] == [
        ("ID", ""),
        ("access_url", ""),
        ("sciserver", ""),
        ("aws", ""),
        ("content_length", "byte"),
        ("error_message", ""),
    ]
    (link,) = links
    assert link["ID"] == "ivo://nasa.heasarc/rassmaster?927"
    assert link["access_url"] == f"{HOST}/FTP/{RASS.replace('/rs93', '//rs93')}/"
    assert link["sciserver"] == f"/FTP/{RASS}/"
    assert link["aws"] == f"s3://nasa-heasarc/{RASS}/"
    assert links["content_length"].mask.all()


@pytest.mark.parametrize("table", ["rosmaster", "numaster", "xmmmaster"])
def test_a_table_without_products_says_so_in_its_links(table: str) -> None:
    links = links_of(table, 6 * u.arcmin)
    assert len(links) == 2
    for link in links:
        assert link["error_message"].startswith("NotFoundFault: the replica holds no product of ")
        assert link["access_url"] == ""
    (row, _) = cone(table)
    assert "no product" in row.getdatalink().to_table()["error_message"][0]


def test_a_field_that_is_not_held_has_a_row_and_no_product() -> None:
    (row,) = cone("rassmaster", 2, SkyCoord(126, 84.375, unit="deg"))
    assert row["seq_id"] == "RS930204N00"
    assert "no product" in row.getdatalink().to_table()["error_message"][0]


@pytest.mark.parametrize("host", ["heasarc", "aws"])
def test_download_data_brings_the_whole_folder(tmp_path: Path, host: str) -> None:
    links = links_of("rassmaster", 2 * u.deg)
    Heasarc.download_data(links, host=host, location=str(tmp_path))
    folder = tmp_path / "rs931315n00"
    found = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert found == product_digests(select(archive="heasarc", obs_id="rs931315n00"))
    assert [path.name for path in tmp_path.iterdir()] == ["rs931315n00"]


def test_download_data_from_sciserver_needs_its_data_drive(tmp_path: Path) -> None:
    links = links_of("rassmaster", 2 * u.deg)
    with pytest.raises(FileNotFoundError, match="Sciserver"):
        Heasarc.download_data(links, host="sciserver", location=str(tmp_path))


def test_several_folders_come_in_one_tar_file(tmp_path: Path) -> None:
    found = Heasarc.query_region(CRAB, catalog="chanmaster", radius=1 * u.arcmin)
    chosen = found[np.isin(found["obsid"], ["13751", "14684"])]
    Heasarc.download_data(Heasarc.locate_data(chosen, "chanmaster"), location=str(tmp_path))
    for obsid in ("13751", "14684"):
        files = {path.name: path.read_bytes() for path in (tmp_path / obsid).rglob("*.*")}
        assert files == product_digests(select(archive="heasarc", obs_id=obsid))


@pytest.mark.parametrize("files", ["", ">/FTP/nothing/here/&&", ">/FTP/&&"])
def test_a_tar_file_of_nothing_is_refused_with_a_sentence(files: str) -> None:
    answer = requests.post(f"{HOST}/xamin/TarServlet", {"files": files, "filter": ""})
    assert answer.status_code == 404
    assert len(answer.text.split()) > 4


def test_the_folder_of_a_field_holds_what_heasarc_s_folders_hold() -> None:
    page = requests.get(f"{HOST}/FTP/{RASS}/").text
    names = re.findall(r'href="rs931315n00([^"]+)"', page)
    packed = [
        f"_{kind}.fits.Z"
        for kind in ["anc", "bas", "bk1", "bk2", "bk3", "im1", "im2", "im3", "ime"]
    ]
    pictures = [f"_{kind}.gif" for kind in ["im1", "im2", "im3", "ime"]]
    others = [".public_contents", ".public_contents_mpe", "_mex.fits"]
    assert sorted(names) == sorted(packed + pictures + others)


def test_pictures_and_lists_of_a_field_say_that_they_are_simulated() -> None:
    picture = Image.open(io.BytesIO(requests.get(f"{HOST}/FTP/{RASS}/rs931315n00_im1.gif").content))
    assert picture.size == (512, 512)
    assert b"Simulated" in picture.info["comment"]
    listing = requests.get(f"{HOST}/FTP/{RASS}/rs931315n00.public_contents").text
    assert "Simulated" in listing
    assert "rs931315n00_bas.fits.Z" in listing


def test_an_unknown_table_is_refused_with_those_that_there_are() -> None:
    answer = requests.get(f"{CONE}swiftmastr&RA=1&DEC=1&SR=1")
    assert 'value="ERROR"' in answer.text
    assert "rassmaster" in answer.text


def test_list_catalogs_names_the_tables_of_observations() -> None:
    names = set(Heasarc.list_catalogs(master=True)["name"])
    assert {"chanmaster", "numaster", "rassmaster", "rosmaster", "xmmmaster"} <= names
    assert "RS931315N00" in Heasarc.query_region(CRAB, catalog="rassmaster")["seq_id"]


def test_the_registry_leads_to_the_fields_of_the_survey() -> None:
    (found,) = pyvo.registry.search(ivoid="ivo://nasa.heasarc/rassmaster")
    service = found.get_service("conesearch")
    assert [row["seq_id"] for row in service.search(pos=CRAB, radius=2)] == ["RS931315N00"]


def test_columns_shown_by_default_are_a_part_of_the_table() -> None:
    shown, every = (Heasarc.list_columns("rassmaster", full=full) for full in (False, True))
    assert len(every) == 23
    assert set(shown["name"]) < set(every["name"])
    assert Heasarc.get_default_radius("rassmaster") == 180 * u.arcmin
