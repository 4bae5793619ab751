"""MAST's TAP service and its image search: rows of the portal, in the forms that are on record."""

from __future__ import annotations

import json

import numpy as np
import pytest
import pyvo
import requests
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import Table
from astropy.wcs import WCS
from astroquery.mast import Observations
from closing_session import ClosingSession
from pyvo import registry

from helpers import cloud_location
from replica.archives.mast.caom import observations
from replica.holdings import select

pytestmark = pytest.mark.usefixtures("shared_replica", "vocabularies_stay_here")

TAP = "https://mast.stsci.edu/vo-tap/api/v0.1/caom"
SIA = "https://mast.stsci.edu/portal/Mashup/VoQuery.asmx/SiaV1"
CRAB = SkyCoord(83.63308, 22.01450, unit="deg")
#: Columns and kinds of values of an answer of the real image search, 2025: text, whole numbers,
#: other numbers, and arrays.
RECORDED = {
    **dict.fromkeys(("productType", "imageFormat"), "O"),
    "contentLength": "i",
    **dict.fromkeys(("name", "collection", "insname", "metaRelease", "dataRelease"), "O"),
    **dict.fromkeys(("trgposRA", "trgPosDec"), "f"),
    "s_region": "O",
    "position_naxes": "i",
    **dict.fromkeys(("position_naxis", "position_scale", "crpix", "crval", "cdmatrix"), "O"),
    "coordFrame": "O",
    "projection": "U",
    **dict.fromkeys((f"position_{name}" for name in ("ctype1", "ctype2", "cunit1", "cunit2")), "O"),
    "timBoundsSTCS": "O",
    **dict.fromkeys((f"time_bounds_{name}" for name in ("cval1", "cval2", "center")), "f"),
    "timExposure": "f",
    "energy_bandpassName": "O",
    **dict.fromkeys((f"energy_bounds_{name}" for name in ("cval1", "cval2", "center")), "f"),
    **dict.fromkeys(("energy_units", "publisherDID", "accessURL", "cloud_access"), "O"),
}


def images(session: ClosingSession, **asked: object) -> Table:
    service = pyvo.dal.SIAService(f"{SIA}?MISSION=PS1&", session=session)
    return service.search(**{"pos": CRAB, "size": 0.02, **asked}).to_table()


def query(session: ClosingSession, adql: str) -> Table:
    return pyvo.dal.TAPService(TAP, session=session).run_sync(adql).to_table()


def test_images_have_the_recorded_columns(session: ClosingSession) -> None:
    table = images(session)
    assert {name: table[name].dtype.kind for name in table.colnames} == RECORDED


def test_the_image_search_finds_what_the_portal_finds(session: ClosingSession) -> None:
    near = Observations.query_criteria(obs_collection="PS1", coordinates=CRAB, radius=0.001)
    products = Observations.get_product_list(near)
    found = images(session, size=0)
    assert set(found["name"]) == set(products["productFilename"])
    sizes = {row["productFilename"]: row["size"] for row in products}
    assert {row["name"]: row["contentLength"] for row in found} == sizes


@pytest.mark.parametrize("portal", ["portal", "portal_vo"])
def test_without_a_mission_all_are_searched(session: ClosingSession, portal: str) -> None:
    service = pyvo.dal.SIAService(f"{SIA.replace('portal', portal)}?", session=session)
    found = service.search(pos=CRAB, size=0.02).to_table()
    assert set(found["collection"]) == {"PS1", "HST"}


def test_an_image_row_leads_to_the_file_and_to_its_copy(session: ClosingSession) -> None:
    by_name = {row["name"]: row for row in images(session)}
    product = next(p for p in select(collection="PS1", kind="unconv", band="r"))
    row = by_name[product.filename]
    assert row["cloud_access"] == (
        '{"aws": {"bucket_name":"stpubdata","region":"us-east-1","access":"open",'
        f'"key":"{product.key}"}}}}'
    )
    location = cloud_location(row)
    assert (location.bucket, location.key) == (product.bucket, product.key)
    only_at_mast = next(p for p in select(collection="PS1", kind="unconv.wt"))
    assert by_name[only_at_mast.filename]["cloud_access"] == ""
    answer = requests.get(by_name[only_at_mast.filename]["accessURL"], stream=True)
    assert int(answer.headers["content-length"]) > 1e6
    answer.close()


def test_the_reference_pixel_is_in_the_middle(session: ClosingSession) -> None:
    for row in images(session):
        wcs = WCS(naxis=2)
        wcs.wcs.ctype = row["position_ctype1"], row["position_ctype2"]
        wcs.wcs.crpix, wcs.wcs.crval = row["crpix"], row["crval"]
        wcs.wcs.cd = np.reshape(row["cdmatrix"], (2, 2))
        corners = SkyCoord(wcs.calc_footprint(axes=row["position_naxis"]), unit="deg")
        outline = np.array(row["s_region"].split()[2:], float).reshape(-1, 2)[:4]
        distances = SkyCoord(outline, unit="deg")[:, None].separation(corners[None, :])
        assert np.all(distances.min(axis=1) < 1 * u.arcsec)


def test_a_wrong_position_is_refused_in_a_sentence() -> None:
    answer = requests.get(SIA, {"POS": "Crab", "SIZE": "0.1"})
    assert 'value="ERROR"' in answer.text
    assert "POS=Crab" in answer.text


def test_an_unknown_mission_has_no_images(session: ClosingSession) -> None:
    service = pyvo.dal.SIAService(f"{SIA}?MISSION=GALEX&", session=session)
    assert len(service.search(pos=CRAB, size=1)) == 0


def test_the_registry_leads_to_both_services(session: ClosingSession) -> None:
    tap = registry.search(ivoid="ivo://archive.stsci.edu/caomtap")[0]
    assert tap.get_service("tap", session=session).baseurl == TAP
    sia = registry.search(ivoid="ivo://mast.stsci/siap/ps1")[0]
    found = sia.get_service("sia", session=session).search(pos=CRAB, size=0.02)
    assert {row.getdataurl() for row in found} == set(images(session)["accessURL"])


def test_obscore_has_a_row_for_each_file(session: ClosingSession) -> None:
    rows = query(session, "SELECT * FROM ivoa.obscore")
    assert len(rows) == len(select(archive="mast"))
    assert len(set(rows["obs_publisher_did"])) == len(rows)
    near = query(
        session,
        "SELECT access_url FROM ivoa.obscore WHERE obs_collection = 'PS1' "
        "AND 1 = CONTAINS(POINT('ICRS', 83.63308, 22.0145), s_region)",
    )
    assert set(near["access_url"]) == set(images(session, size=0)["accessURL"])


def test_wavelengths_are_metres_in_obscore_and_nanometres_in_the_portals_view(
    session: ClosingSession,
) -> None:
    joined = query(
        session,
        "SELECT DISTINCT o.em_min AS metres, p.em_min AS nanometres FROM ivoa.obscore AS o "
        "JOIN dbo.obspointing AS p ON o.obs_id = p.obs_id",
    )
    assert len(joined) > 5
    assert np.allclose(joined["metres"], joined["nanometres"] * 1e-9)


def test_observations_planes_and_files_can_be_joined(session: ClosingSession) -> None:
    """The join that public code writes: ``o.objid = p.planeid``, and files by plane."""
    rows = query(
        session,
        "SELECT o.obs_id, p.posdimension1, p.possamplesize, a.datauri, a.contentlength "
        "FROM dbo.obspointing AS o JOIN dbo.caomplane AS p ON p.planeid = o.objid "
        "JOIN dbo.caomartifact AS a ON a.planeid = p.planeid "
        "WHERE o.datarights = 'PUBLIC' AND a.producttype = 'SCIENCE' AND o.filters = 'r'",
    )
    stacks = select(collection="PS1", kind="unconv", band="r")
    assert set(rows["posdimension1"]) == {round(each.width * 3600 / 0.25) for each in stacks}
    assert np.allclose(rows["possamplesize"], 0.25)
    assert all("stk.r.unconv.fits" in uri for uri in rows["datauri"])


def test_the_portals_view_has_a_row_for_each_observation(session: ClosingSession) -> None:
    rows = query(session, "SELECT * FROM dbo.obspointing ORDER BY obsid")
    assert list(map(int, rows["obsid"])) == sorted(each.obsid for each in observations())
    counted = query(session, "SELECT COUNT(*) AS n FROM dbo.caomobservation")
    assert counted["n"][0] == len(rows)


def test_json_is_written_as_masts_services_do() -> None:
    asked = {"REQUEST": "doQuery", "LANG": "ADQL", "responseformat": "json"}
    adql = "SELECT TOP 2 obs_id, s_ra FROM dbo.obspointing"
    found = json.loads(requests.post(f"{TAP}/sync", data={**asked, "QUERY": adql}).text)
    assert [column["name"] for column in found["info"]] == ["obs_id", "s_ra"]
    assert [len(row) for row in found["data"]] == [2, 2]
