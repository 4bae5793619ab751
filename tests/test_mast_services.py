"""The replica's MAST answers like the real one: recorded answers, and astroquery's own calls."""

from __future__ import annotations

import json
from importlib.resources import files

import numpy as np
import pytest
import requests
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astroquery.exceptions import NoResultsWarning, RemoteServiceError, ResolverError
from astroquery.mast import Mast, ObservationsClass
from astroquery.mast.utils import mast_relative_path, resolve_object

from replica.archives.mast.caom import data_uri, observation_row, observations, product_rows
from replica.holdings import select

pytestmark = pytest.mark.usefixtures("shared_replica")

PORTAL = "https://mast.stsci.edu"
RESOLVER = "http://mastresolver.stsci.edu/Santa-war/query"
CRAB = SkyCoord(83.63308, 22.01450, unit="deg")
RED = "mast:PS1/product/rings.v3.skycell.1784.059.stk.r.unconv.fits"
RED_KEY = (
    "panstarrs/ps1/public/rings.v3.skycell/1784/059/rings.v3.skycell.1784.059.stk.r.unconv.fits"
)
NOT_IN_CLOUD = "mast:PS1/product/rings.v3.skycell.1784.059.stk.r.unconv.wt.fits"
HUBBLE = "mast:HST/product/u2u60201t_drz.fits"


def recorded(name: str) -> dict:
    """An answer of the real service, as astroquery's test data hold it."""
    folder = files("astroquery.mast.tests").joinpath("data")
    return json.loads(folder.joinpath(name).read_text(encoding="utf-8"))


def invoke(service: str, **params: object) -> dict:
    request = {"service": service, "params": params, "format": "json"}
    answer = requests.post(f"{PORTAL}/api/v0/invoke", data={"request": json.dumps(request)})
    return answer.json()


def filtered(*filters: dict, **params: object) -> list[dict]:
    answer = invoke("Mast.Caom.Filtered", columns="*", filters=list(filters), **params)
    assert answer["status"] == "COMPLETE", answer
    return answer["data"]


@pytest.fixture
def cloud() -> ObservationsClass:
    """Astroquery's MAST client, cloud access enabled."""
    client = ObservationsClass()
    client.enable_cloud_dataset(provider="AWS", verbose=False)
    return client


def json_types(rows: list[dict]) -> dict[str, set[str]]:
    """JSON types that each column takes in the rows, null aside."""
    names = {str: "string", int: "number", float: "number", bool: "boolean"}
    found: dict[str, set[str]] = {}
    for row in rows:
        for column, cell in row.items():
            found.setdefault(column, set()).update({names[type(cell)]} if cell is not None else ())
    return found


# The recorded answers


@pytest.mark.parametrize(
    ("name", "request_"),
    [
        ("caom.json", ("Mast.Caom.Cone", {"ra": 83.63, "dec": 22.01, "radius": 0.2})),
        (
            "advSearchPos.json",
            ("Mast.Caom.Filtered.Position", {"position": "83.63, 22.01, 0.2", "filters": []}),
        ),
        ("advSearch.json", ("Mast.Caom.Filtered", {"filters": []})),
        ("products.json", ("Mast.Caom.Products", {"obsid": "16000864847"})),
    ],
)
def test_answer_has_the_recorded_keys_fields_and_types(name, request_):
    service, params = request_
    ours, real = invoke(service, **params), recorded(name)
    fields = {field["name"]: field["type"] for field in ours["fields"]}
    # The portal no longer shows objID1.
    real_fields = {
        field["name"]: field["type"] for field in real["fields"] if field["name"] != "objID1"
    }
    assert set(real) == set(ours)
    assert real["paging"].keys() == ours["paging"].keys()
    assert real_fields.items() <= fields.items()
    assert set(ours["data"][0]) == set(fields)


@pytest.mark.parametrize(
    ("name", "request_"),
    [
        ("caom.json", ("Mast.Caom.Cone", {"ra": 83.63, "dec": 22.01, "radius": 0.2})),
        ("products.json", ("Mast.Caom.Products", {"obsid": "16000864847"})),
    ],
)
def test_cells_have_the_recorded_json_types(name, request_):
    service, params = request_
    ours = json_types(invoke(service, **params)["data"])
    for column, types in json_types(recorded(name)["data"]).items():
        if types and column in ours:
            assert ours[column] <= types, column


def test_count_has_the_recorded_form():
    ours, real = invoke("Mast.Caom.Filtered", columns="COUNT_BIG(*)"), recorded("countsResp.json")
    assert set(ours) == set(real)
    assert ours["fields"] == real["fields"]
    assert ours["data"] == [{"Column1": len(observations())}]


def test_columnsconfig_agrees_with_the_recorded_one():
    url = f"{PORTAL}/portal/Mashup/Mashup.asmx/columnsconfig"
    ours = requests.post(url, data={"colConfigId": "Mast.Caom.Cone"}).json()
    compared = ("text", "type", "remove", "separator", "separatorType")
    votable = ("vot.datatype", "vot.ucd", "vot.unit")
    for column, properties in recorded("columnsconfig.json").items():
        for key in compared + votable:
            assert ours[column].get(key) == properties.get(key), (column, key)


def test_columnsconfig_of_products_names_every_product_column():
    url = f"{PORTAL}/portal/Mashup/Mashup.asmx/columnsconfig"
    ours = requests.post(url, data={"colConfigId": "Mast.Caom.Products"}).json()
    assert set(product_rows(observations()[0])[0]) <= set(ours)


def test_columnsconfig_of_an_unknown_set_is_empty():
    url = f"{PORTAL}/portal/Mashup/Mashup.asmx/columnsconfig"
    answer = requests.post(url, data={"colConfigId": "Mast.Nothing"})
    assert (answer.status_code, answer.json()) == (200, {})


def test_path_lookup_has_the_recorded_form():
    missing = "mast:HST/product/does_not_exist.fits"
    answer = requests.get(
        f"{PORTAL}/api/v0.1/path_lookup/", params={"uri": [HUBBLE, missing]}
    ).json()
    real = recorded("mast_relative_path.json")
    assert answer[missing] == real[missing]
    assert answer[HUBBLE] == {
        "status_code": 200,
        "path": "/hst/public/u2u6/u2u60201t/u2u60201t_drz.fits",
    }


def test_resolver_has_the_recorded_form_and_values():
    answer = requests.get(
        RESOLVER, params={"outputFormat": "json", "resolveAll": True, "name": "m1"}
    ).json()
    real = recorded("resolver.json")
    volatile = {"cached", "cacheDate", "resolverTime"}
    for entry in real["resolvedCoordinate"]:
        if entry["searchString"] == "m1":
            mine = next(
                item
                for item in answer["resolvedCoordinate"]
                if item["resolver"] == entry["resolver"]
            )
            assert mine.items() >= {k: v for k, v in entry.items() if k not in volatile}.items()
    assert set(answer) == set(real)


# Evaluation of queries


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ([{"paramName": "filters", "values": ["g"], "separator": ";"}], {"g"}),
        ([{"paramName": "filters", "values": ["G", "y"], "separator": ";"}], {"g", "y"}),
        ([{"paramName": "Filters", "values": ["i"]}], {"i"}),
        ([{"paramName": "filters", "values": [], "freeText": "F5%"}], {"F502N"}),
        ([{"paramName": "filters", "values": ["g"], "freeText": "%673%"}], {"g", "F673N"}),
        ([{"paramName": "t_exptime", "values": [{"min": 800, "max": 1200}]}], {"y", "F502N"}),
        ([{"paramName": "t_exptime", "values": [{"min": 1260}]}], {"i", "F673N"}),
        ([{"paramName": "em_min", "values": [{"max": 500}]}], {"g", "F502N"}),
        ([{"paramName": "proposal_pi", "values": ["Hubble"]}], set()),
        (
            [
                {"paramName": "obs_collection", "values": ["PS1"], "separator": ";"},
                {"paramName": "em_max", "values": [{"min": 900, "max": 1100}]},
            ],
            {"z", "y"},
        ),
        ([{"paramName": "wavelength_region", "values": ["UV"], "separator": ";"}], set()),
        ([{"paramName": "calib_level", "values": ["3"]}], {*"grizy", "F502N", "F673N"}),
    ],
)
def test_filters_are_evaluated(filters, expected):
    assert {row["filters"] for row in filtered(*filters)} == expected


def test_one_of_several_values_in_a_cell_matches_where_the_column_has_a_separator():
    from replica.archives.mast.portal import _passes

    cell = {"paramName": "filters", "values": ["FUV"]}
    assert not _passes("NUV;FUV", cell)
    assert _passes("NUV;FUV", cell | {"separator": ";"})


def test_distance_is_zero_inside_and_arcseconds_to_the_footprint_outside():
    rows = invoke(
        "Mast.Caom.Filtered.Position",
        columns="obs_id,distance",
        filters=[{"paramName": "obs_collection", "values": ["PS1"]}],
        position="83.63308, 22.01450, 0.5",
    )["data"]
    inside = [row["distance"] for row in rows if ".1784.059." in row["obs_id"]]
    outside = [row["distance"] for row in rows if ".1784.058." in row["obs_id"]]
    assert inside == [0.0] * 5
    assert len(outside) == 5
    assert 0 < min(outside) == max(outside) <= 0.5 * 3600


def test_radius_decides_what_is_found():
    near = invoke("Mast.Caom.Cone", ra=83.4, dec=22.18, radius=0.05)["data"]
    far = invoke("Mast.Caom.Cone", ra=83.4, dec=22.18, radius=0.15)["data"]
    opposite = invoke("Mast.Caom.Cone", ra=263.6, dec=-22.0, radius=1)["data"]
    assert (near, opposite) == ([], [])
    assert {row["filters"] for row in far} == set("grizy")


def test_crab_skycell_has_five_consecutive_observations():
    rows = filtered({"paramName": "target_name", "values": ["1784.059"]})
    assert [row["filters"] for row in rows] == list("grizy")
    assert [row["obsid"] for row in rows] == list(range(16000864847, 16000864852))
    assert {(row["provenance_name"], row["intentType"]) for row in rows} == {("3PI", "science")}


def test_get_answers_like_post():
    request = json.dumps({"service": "Mast.Caom.Products", "params": {"obsid": "16000864847"}})
    url = f"{PORTAL}/api/v0/invoke"
    got = requests.get(url, params={"request": request}).json()
    posted = requests.post(url, data={"request": request}).json()
    assert got == posted
    assert len(got["data"]) == 4


def test_pages_together_hold_every_row_once():
    request = {"service": "Mast.Caom.Filtered", "params": {"filters": []}, "pagesize": 9}
    url = f"{PORTAL}/api/v0/invoke"
    found, sizes = [], []
    for page in (1, 2, 3, 4, 5):
        answer = requests.post(url, data={"request": json.dumps(request | {"page": page})}).json()
        sizes.append(len(answer["data"]))
        found += [row["obsid"] for row in answer["data"]]
        assert answer["paging"]["pagesFiltered"] == 4
    assert sizes == [9, 9, 9, 5, 0]
    assert found == [item.obsid for item in observations()]


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        ('{"service": "Mast.Nothing"}', "Mast.Nothing"),
        ("no json", "JSON"),
        ("[1]", "JSON object"),
        ("", "JSON"),
        ('{"service": ["Mast.Caom.Cone"]}', "Unknown service"),
        ('{"service": "Mast.Caom.Cone", "params": "x"}', "params"),
        ('{"service": "Mast.Caom.Cone", "params": {"ra": "x", "dec": 1}}', "ra"),
        ('{"service": "Mast.Caom.Cone", "params": {"ra": "nan", "dec": 1}}', "finite"),
        ('{"service": "Mast.Caom.Filtered.Position", "params": {"position": "1, 2"}}', "position"),
        ('{"service": "Mast.Caom.Products", "params": {"obsid": "rings.v3"}}', "obsid"),
        ('{"service": "Mast.Caom.Filtered", "params": {"columns": "obsid,nope"}}', "nope"),
        (
            '{"service": "Mast.Caom.Filtered", "params": {"filters": [{"paramName": "nope"}]}}',
            "nope",
        ),
        ('{"service": "Mast.Caom.Filtered", "params": {"filters": {"a": 1}}}', "filters"),
        ('{"service": "Mast.Caom.Filtered", "page": -1}', "page"),
    ],
)
def test_what_cannot_be_answered_is_an_error_with_a_message(request_, said):
    answer = requests.post(f"{PORTAL}/api/v0/invoke", data={"request": request_})
    assert answer.status_code == 200
    assert answer.json()["status"] == "ERROR"
    assert said in answer.json()["msg"]


def test_every_holding_of_mast_has_an_observation_and_a_product_row():
    rows = [row for item in observations() for row in product_rows(item)]
    assert {row["dataURI"] for row in rows} == {data_uri(item) for item in select(archive="mast")}
    assert all(observation_row(item)["s_region"] for item in observations())
    science = {row["productFilename"] for row in rows if row["productType"] == "SCIENCE"}
    assert science == {
        row["productFilename"]
        for row in rows
        if row["productFilename"].endswith((".unconv.fits", "_drz.fits"))
    }


# Astroquery at the real addresses


def test_objectname_query_goes_through_the_resolver(cloud):
    table = cloud.query_criteria(
        objectname="Crab", radius=0.004445 * u.deg, instrument_name="GPC1", obs_collection="PS1"
    )
    table.sort("distance")
    assert list(table["filters"]) == list("grizy")
    assert set(table["distance"]) == {0.0}


def test_coordinates_query_with_filters(cloud):
    table = cloud.query_criteria(coordinates=CRAB, instrument_name="GPC1", filters=["r", "z"])
    assert set(table["filters"]) == {"r", "z"}
    assert table["s_ra"].dtype == np.float64


@pytest.mark.parametrize(
    ("criteria", "expected"),
    [
        ({"instrument_name": "*WFPC2*"}, 2),
        ({"Instrument_Name": "GPC1"}, 30),
        ({"obs_id": "rings.v3.skycell.1784.059.*"}, 5),
        ({"proposal_id": 8880}, 0),
        ({"t_exptime": [600, 700], "provenance_name": "3PI"}, 6),
        ({}, 32),
    ],
)
def test_criteria_count(cloud, criteria, expected):
    assert cloud.query_criteria_count(**criteria) == expected


def test_region_query_and_its_count(cloud):
    table = cloud.query_region(CRAB, radius="30 arcsec")
    assert len(table) == cloud.query_region_count(CRAB, radius="30 arcsec") == 7
    assert set(table["obs_collection"]) == {"PS1", "HST"}


def test_a_query_without_result_warns(cloud):
    with pytest.warns(NoResultsWarning):
        assert len(cloud.query_region(SkyCoord(10, -70, unit="deg"), radius="1 deg")) == 0


def test_pagination_of_the_client(cloud):
    assert len(cloud.query_criteria(obs_collection="PS1", pagesize=7)) == 30
    assert len(cloud.query_criteria(obs_collection="PS1", pagesize=7, page=5)) == 2


def test_portal_error_reaches_the_client():
    with pytest.raises(RemoteServiceError, match=r"Unknown service.*Mast\.Nothing"):
        Mast.service_request("Mast.Nothing", {})


def test_metadata_lists_the_columns(cloud):
    for kind, column in (("observations", "filters"), ("products", "productType")):
        table = cloud.get_metadata(kind)
        assert column in table["Column Name"]
        assert all(table["Description"])


def test_products_can_be_filtered_and_found_in_the_cloud(cloud):
    table = cloud.query_criteria(target_name="1784.059", filters="r")
    products = cloud.get_product_list(table)
    science = cloud.filter_products(products, extension="fits", productType="SCIENCE")
    assert len(products) == 4
    assert list(science["dataURI"]) == [RED]
    assert 66e6 < int(science["size"][0]) < 69e6
    assert cloud.get_cloud_uris(science) == [f"s3://stpubdata/{RED_KEY}"]
    assert cloud.get_cloud_uri(science[0]["dataURI"]) == f"s3://stpubdata/{RED_KEY}"


def test_product_without_cloud_copy_is_none_or_left_out(cloud):
    with pytest.warns(NoResultsWarning, match="wt"):
        assert cloud.get_cloud_uris([HUBBLE, NOT_IN_CLOUD], return_uri_map=True) == {
            HUBBLE: "s3://stpubdata/hst/public/u2u6/u2u60201t/u2u60201t_drz.fits",
            NOT_IN_CLOUD: None,
        }
    with pytest.warns(NoResultsWarning):
        assert len(cloud.get_cloud_uris([HUBBLE, NOT_IN_CLOUD])) == 1


def test_client_derives_the_key_of_every_product_in_the_cloud():
    products = [item for item in select(archive="mast") if item.bucket]
    paths = mast_relative_path([data_uri(item) for item in products])
    assert paths == [item.key for item in products]


def test_newer_clients_are_given_the_cloud_key_itself():
    """From astroquery 0.4.12 on the client asks with ``use_cloud_path``."""
    uris = {"uri": [RED, NOT_IN_CLOUD], "use_cloud_path": True}
    answer = requests.get(f"{PORTAL}/api/v0.1/path_lookup/", params=uris).json()
    assert answer[RED] == {"status_code": 200, "path": RED_KEY}
    assert answer[NOT_IN_CLOUD] == {"status_code": 404, "path": None}


@pytest.mark.parametrize("from_cloud", [False, True])
def test_downloaded_product_is_the_file_with_the_size_the_portal_says(tmp_path, from_cloud):
    client = ObservationsClass()
    if from_cloud:
        client.enable_cloud_dataset(verbose=False)
    obsid = client.query_criteria(obs_id="U2U60201T")["obsid"][0]
    manifest = client.download_products(obsid, download_dir=str(tmp_path), verbose=False)
    assert list(manifest["Status"]) == ["COMPLETE"]
    size = client.get_product_list(obsid)["size"][0]
    path = tmp_path / "mastDownload/HST/U2U60201T/u2u60201t_drz.fits"
    assert path.stat().st_size == size
    with fits.open(path) as hdus:
        hdus.verify("exception")


def test_download_honours_a_range():
    url = f"{PORTAL}/api/v0.1/Download/file"
    answer = requests.get(url, params={"uri": HUBBLE}, headers={"Range": "bytes=0-8"})
    assert (answer.status_code, answer.content) == (206, b"SIMPLE  =")


def test_download_of_an_unknown_product_is_not_found():
    url = f"{PORTAL}/api/v0.1/Download/file"
    assert requests.get(url, params={"uri": "mast:PS1/product/no.fits"}).status_code == 404
    assert requests.get(url).status_code == 404


@pytest.mark.parametrize(
    ("name", "ra"),
    [
        ("Crab", 83.6324),
        ("crab nebula", 83.6324),
        ("M 1", 83.6324),
        ("m1", 83.6324),
        ("NGC 1952", 83.6324),
        ("Taurus A", 83.6324),
        ("PSR B0531+21", 83.63308),
        ("Cas A", 350.8664),
    ],
)
def test_names_are_resolved(name, ra):
    assert resolve_object(name).ra.deg == pytest.approx(ra)


def test_resolver_can_be_chosen_and_all_be_asked():
    assert resolve_object("Crab", resolver="NED").ra.deg == pytest.approx(83.63311)
    assert set(resolve_object("Crab", resolve_all=True)) == {"SIMBAD", "NED"}
    assert set(resolve_object(["Crab", "Cas A"])) == {"Crab", "Cas A"}


def test_unknown_name_is_not_resolved():
    with pytest.raises(ResolverError, match="Could not resolve"):
        resolve_object("Nowhere 17")
