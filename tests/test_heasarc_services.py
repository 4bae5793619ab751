"""HEASARC's services in the replica, through the real clients at the real URLs."""

from __future__ import annotations

import ast
import gzip
import io
import json
from importlib.resources import files
from urllib.parse import quote

import pytest
import pyvo
import requests
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.io.votable import parse
from astroquery.heasarc import Heasarc
from pyvo.dal.adhoc import DatalinkResults

from replica.holdings import select
from replica.storage.cache import ensure

HOST = "https://heasarc.gsfc.nasa.gov"
SIA = f"{HOST}/xamin/vo/sia?table=chanmaster&"
DATALINK = f"{HOST}/xamin/vo/datalink"
CENTRE_ID = "ivo://nasa.heasarc/chanmaster?13751/chandra.obs.img.cntr.fits"
CENTRE_KEY = "chandra/data/byobsid/1/13751/primary/acisf13751N004_cntr_img2.fits.gz"
#: The key in an address as links give it: two slashes before the observation's folder.
CENTRE_PATH = CENTRE_KEY.replace("/13751/", "//13751/")
CRAB = SkyCoord(83.63321, 22.01446, unit="deg")
CAS_A = SkyCoord(350.8664, 58.8117, unit="deg")


pytestmark = pytest.mark.usefixtures("vocabularies_stay_here")


@pytest.fixture(scope="module")
def sia() -> pyvo.dal.SIAService:
    return pyvo.dal.SIAService(SIA)


@pytest.fixture(scope="module")
def tap() -> pyvo.dal.TAPService:
    return pyvo.dal.TAPService(f"{HOST}/xamin/vo/tap")


def answer_to(url: str, **parameters: str):
    """The VOTable at a URL."""
    return parse(io.BytesIO(requests.get(url, params=parameters).content))


def test_the_registry_leads_to_nine_acis_s_centre_images_and_more(shared_replica) -> None:
    service = pyvo.registry.search(servicetype="sia", keywords="chandra heasarc")[0]
    with shared_replica.requests_inside() as requests_made:
        found = service.search(CRAB, size=0.04445, FORMAT="image/fits").to_table()
    chosen = found[
        (found["obs_title"] == "Center Image")
        & (found["detector"] == "ACIS-S")
        & (found["name"] == "Crab Nebula")
    ]
    assert len(chosen) >= 9
    assert len(set(chosen["access_url"])) == len(chosen)
    assert len(requests_made) == 1


#: Column groups of the service as recorded, with today's obs_title and without cloud_access.
COLUMNS = """
    obsid status name ra dec time detector grating exposure type pi public_date datalink
    t_min t_resolution t_max t_exptime em_res_power s_region s_ra s_dec s_resolution
    access_estsize s_fov o_ucd access_url obs_publisher_did obs_id obs_collection obs_title
    target_name instrument_name facility_name pol_states calib_level access_format
    dataproduct_type em_min em_max
    SIA_title SIA_scale SIA_naxis SIA_naxes SIA_format SIA_reference SIA_ra SIA_dec
    SIA_instrument
"""
DATATYPES = {
    "double": "ra dec time exposure t_min t_resolution t_max t_exptime em_res_power s_ra s_dec "
    "s_fov em_min em_max SIA_ra SIA_dec",
    "int": "public_date access_estsize calib_level SIA_naxes",
    "float": "s_resolution",
}


def test_sia_columns_are_those_recorded_of_heasarc(sia) -> None:
    fields = sia.search(CRAB, size=0.01).votable.get_first_table().fields
    assert [field.name for field in fields] == COLUMNS.split()
    expected = {name: kind for kind, names in DATATYPES.items() for name in names.split()}
    for field in fields:
        assert field.datatype == expected.get(field.name, "char")


def test_fits_and_jpeg_rows_interleave(sia) -> None:
    formats = list(sia.search(CRAB, size=0.01)["SIA_format"])
    assert formats[:4] == ["image/fits", "image/jpeg"] * 2


@pytest.mark.parametrize(
    ("wanted", "given"),
    [
        ("image/fits", {"image/fits"}),
        ("image/jpeg", {"image/jpeg"}),
        ("graphic", {"image/jpeg"}),
        ("all", {"image/fits", "image/jpeg"}),
    ],
)
def test_format_selects_rows(sia, wanted: str, given: set[str]) -> None:
    assert set(sia.search(CRAB, size=0.01, format=wanted)["SIA_format"]) == given


@pytest.mark.parametrize(
    ("position", "size", "targets"),
    [
        (CRAB, 0.01, {"Crab Nebula", "Crab Pulsar", "PSR B0531+21"}),
        (CAS_A, 0.01, {"Cas A"}),
        (SkyCoord(10, 10, unit="deg"), 1, set()),
    ],
)
def test_the_position_selects_rows(sia, position, size, targets) -> None:
    assert set(sia.search(position, size=size)["name"]) == targets


def test_a_wide_field_finds_full_images_only_where_the_centre_images_do_not_reach(sia) -> None:
    beside = SkyCoord(CRAB.ra + 0.2 * u.deg, CRAB.dec)
    assert set(sia.search(beside, size=0)["obs_title"]) == {"Full Image"}


def test_scale_and_naxis_are_texts_with_brackets(sia) -> None:
    row = sia.search(CRAB, size=0.01)[0]
    assert ast.literal_eval(row["SIA_naxis"].replace(" ", ",")) == [1024, 1024]
    assert row["SIA_scale"].startswith("[-0.00136")


@pytest.mark.parametrize(
    ("url", "word"),
    [
        (f"{HOST}/xamin/vo/sia?table=xmmmaster&POS=1,1&SIZE=1", "chanmaster"),
        (f"{HOST}/xamin/vo/sia?POS=1,1&SIZE=1", "chanmaster"),
        (f"{SIA}POS=1,1&SIZE=x", "SIZE"),
        (f"{HOST}/xamin/vo/cone?table=chanmaster&RA=1&DEC=1", "SR"),
        (f"{HOST}/xamin/vo/cone?table=chanmaster&RA=1&DEC=91&SR=1", "declination"),
    ],
)
def test_a_bad_request_gets_an_error_that_says_why(url: str, word: str) -> None:
    document = parse(io.BytesIO(requests.get(url).content))
    info = document.resources[0].infos[0]
    assert (info.name, info.value) == ("QUERY_STATUS", "ERROR")
    assert word in info.content


@pytest.mark.parametrize(
    "url",
    [
        f"{DATALINK}?datalink_key&id={CENTRE_ID}",
        f"{DATALINK}?datalink_key&id={quote(CENTRE_ID, safe='')}",
        f"{DATALINK}?ID={CENTRE_ID}",
        f"{DATALINK}/chanmaster?id=1:chandra.obs.img.cntr.fits",
    ],
)
def test_datalink_tells_where_the_file_is(url: str) -> None:
    this = next(DatalinkResults.from_result_url(url).bysemantics("#this"))
    assert this.access_url == f"{HOST}/FTP/{CENTRE_PATH}"
    assert this.content_type == "image/fits"
    place = {"bucket_name": "nasa-heasarc", "key": CENTRE_KEY, "region": "us-east-1"}
    assert json.loads(this["cloud_access"]) == {"aws": place}
    assert ast.literal_eval(this["cloud_access"]) == {"aws": place}
    product = select(key=CENTRE_KEY)[0]
    assert this.content_length == ensure(product).stat().st_size


def test_a_record_leads_to_its_links_and_its_data(sia) -> None:
    record = sia.search(CRAB, size=0.01)[0]
    this = next(record.getdatalink().bysemantics("#this"))
    assert this["ID"] == record["obs_publisher_did"]
    hdus = fits.open(io.BytesIO(gzip.decompress(record.getdataset().read())))
    assert hdus[0].header["TELESCOP"] == "CHANDRA"


def test_each_row_has_links_of_its_own_file(sia) -> None:
    rows = sia.search(CAS_A, size=0.01)
    links = [next(row.getdatalink().bysemantics("#this")).access_url for row in rows]
    names = [link.rpartition("/")[2].removesuffix(".gz") for link in links]
    assert names == [row["SIA_title"] for row in rows]
    assert [row["SIA_reference"] for row in rows] == [row["access_url"] for row in rows]
    assert len(set(links)) == len(links) == 20


def test_a_fits_image_has_its_jpeg_as_preview_and_a_jpeg_has_none() -> None:
    image = DatalinkResults.from_result_url(f"{DATALINK}?id={CENTRE_ID}")
    assert [row.content_type for row in image.bysemantics("#preview")] == ["image/jpeg"]
    jpeg = DatalinkResults.from_result_url(f"{DATALINK}?id={CENTRE_ID.replace('fits', 'jpg')}")
    assert [row.semantics for row in jpeg] == ["#this"]


def test_the_older_identifier_names_all_images_of_an_observation() -> None:
    links = DatalinkResults.from_result_url(f"{DATALINK}/chanmaster?id=1:chandra.obs.img")
    names = [row.access_url.rsplit("_", 2)[-2:] for row in links.bysemantics("#this")]
    assert names == [["cntr", "img2.fits.gz"], ["full", "img2.fits.gz"]]


def test_several_identifiers_can_be_posted_and_an_unknown_one_has_an_error_row() -> None:
    identifiers = [CENTRE_ID, "ivo://nasa.heasarc/chanmaster?9999/x", "nonsense", "9" * 5000]
    answer = requests.post(DATALINK, data={"ID": identifiers})
    links = DatalinkResults(parse(io.BytesIO(answer.content)))
    errors = {row.id: row.error_message for row in links if row.error_message}
    assert {row.id for row in links} == set(identifiers)
    assert set(errors) == set(identifiers[1:])
    assert all(text.startswith("NotFoundFault: ") for text in errors.values())


def test_the_datalink_table_is_as_recorded_from_another_service_with_cloud_access() -> None:
    recorded = parse(
        io.BytesIO(files("pyvo").joinpath("dal/tests/data/datalink/datalink.xml").read_bytes())
    )
    document = answer_to(DATALINK, id=CENTRE_ID)
    ours = {f.name: f for f in document.get_first_table().fields}
    for theirs in recorded.get_first_table().fields:
        field = ours[theirs.name]
        assert (field.datatype, field.arraysize, field.unit) == (
            theirs.datatype,
            theirs.arraysize,
            theirs.unit,
        )
        if theirs.name != "service_def":  # the standard says meta.ref, the recorded meta.code
            assert field.ucd == theirs.ucd
    assert "cloud_access" in ours
    infos = {info.name: info.value for info in document.resources[0].infos}
    assert infos["standardID"].startswith("ivo://ivoa.net/std/DataLink#links-1")


@pytest.mark.parametrize(
    ("adql", "obsids"),
    [
        (
            "SELECT obsid FROM chanmaster WHERE name = 'Cas A'",
            ["4634", "1952", "114", "19606", "214"],
        ),
        ("SELECT TOP 1 obsid FROM chanmaster ORDER BY exposure DESC", ["4634"]),
        (
            "SELECT obsid FROM chanmaster WHERE 1=CONTAINS(POINT('ICRS', ra, dec), "
            "CIRCLE('ICRS', 350.85, 58.81, 0.1)) AND exposure < 50000",
            ["1952", "114", "19606", "214"],
        ),
        ("SELECT obsid FROM public_table_that_is_not_there", None),
        ("DELETE FROM chanmaster", None),
    ],
)
def test_tap_runs_queries(tap, adql: str, obsids: list[str] | None) -> None:
    if obsids is None:
        with pytest.raises(pyvo.dal.DALQueryError):
            tap.search(adql)
    else:
        assert list(tap.search(adql)["obsid"]) == obsids


def test_tap_describes_its_tables(tap) -> None:
    columns = {column.name: column for column in tap.tables["chanmaster"].columns}
    assert columns["ra"].unit == "deg"
    listed = tap.search("SELECT column_name FROM tap_schema.columns WHERE table_name='chanmaster'")
    assert list(listed["column_name"]) == list(columns)


def test_tap_cuts_at_maxrec_and_says_so(tap) -> None:
    found = tap.search("SELECT * FROM chanmaster", maxrec=2)
    assert (len(found), found.status[0]) == (2, "OVERFLOW")


def test_cone_search_finds_the_observations_within_the_radius() -> None:
    service = pyvo.dal.SCSService(f"{HOST}/xamin/vo/cone?showoffsets&table=chanmaster&")
    found = service.search(pos=CAS_A, radius=0.1)
    assert list(found["obsid"]) == ["4634", "1952", "114", "19606", "214"]
    places = SkyCoord(found["ra"], found["dec"], unit="deg")
    assert list(found["Search_Offset"]) == pytest.approx(CAS_A.separation(places).arcmin, abs=6e-5)
    nothing = service.search(pos=(10, 10), radius=1)
    assert len(nothing) == 0
    assert nothing.fielddescs[-1].datatype == "double"


def test_astroquery_finds_observations_and_their_folders_in_the_cloud() -> None:
    found = Heasarc.query_region(CAS_A, catalog="chanmaster", radius=5 * u.arcmin)
    assert list(found["obsid"]) == ["4634", "1952", "114", "19606", "214"]
    links = Heasarc.locate_data(found[:1])
    assert list(links["aws"]) == ["s3://nasa-heasarc/chandra/data/byobsid/4/4634/"]


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("path", [CENTRE_KEY, CENTRE_KEY.replace("/1/", "/1//", 1)])
def test_ftp_sends_the_object_of_the_bucket(scheme: str, path: str) -> None:
    url = f"{scheme}://heasarc.gsfc.nasa.gov/FTP/{path}"
    stored = requests.get(f"https://nasa-heasarc.s3.amazonaws.com/{CENTRE_KEY}").content
    assert requests.get(url).content == stored
    part = requests.get(url, headers={"Range": "bytes=10-19"})
    assert (part.status_code, part.content) == (206, stored[10:20])


@pytest.mark.parametrize(
    ("folder", "names"),
    [
        ("", ["chandra/", "rosat/"]),
        ("chandra/data/byobsid/1//13751/", ["primary/"]),
        (
            "rosat/data/pspc/processed_data/900000/rs931315n00",
            ["rs931315n00_bas.fits.Z", "rs931315n00_im1.fits.Z", "rs931315n00_mex.fits"],
        ),
    ],
)
def test_ftp_lists_folders(folder: str, names: list[str]) -> None:
    page = requests.get(f"{HOST}/FTP/{folder}")
    assert page.url.endswith("/")
    assert [name for name in names if f'href="{name}"' not in page.text] == []


def test_ftp_has_a_page_for_what_is_not_there() -> None:
    answer = requests.get(f"{HOST}/FTP/chandra/<b>")
    assert answer.status_code == 404
    assert "text/html" in answer.headers["content-type"]
    assert "<b>" not in answer.text


def test_a_refused_cone_search_tells_pyvo_why() -> None:
    service = pyvo.dal.SCSService(f"{HOST}/xamin/vo/cone?table=nothing&")
    with pytest.raises(pyvo.dal.DALQueryError, match="no table 'nothing'"):
        service.search(pos=(83.63, 22.01), radius=0.1)
