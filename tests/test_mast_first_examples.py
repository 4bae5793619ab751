"""The first examples of astroquery's and MAST's own pages on the portal run on the replica."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
import requests
from astropy.coordinates import SkyCoord
from astropy.io.votable import parse_single_table
from astroquery.mast import Mast, Observations

from replica.archives.mast.caom import observations
from replica.holdings import select
from replica.storage.cache import ensure

INVOKE = "https://mast.stsci.edu/api/v0/invoke"
HUBBLE = "mast:HST/product/u2u60201t_drz.fits"
CRAB = SkyCoord(83.63308, 22.01450, unit="deg")


def invoke(service: str, params: dict, **more: object) -> requests.Response:
    request = {"service": service, "params": params, **more}
    return requests.post(INVOKE, data={"request": json.dumps(request)})


def test_missions_are_those_that_are_held() -> None:
    assert Observations.list_missions() == sorted({o.main.collection for o in observations()})


def test_the_overview_counts_every_observation() -> None:
    document = invoke("Mast.Caom.All", {}, format="extjs").json()
    columns = {c["text"]: c for c in document["data"]["Tables"][0]["Columns"]}
    found = columns["obs_collection"]["ExtendedProperties"]["histObj"]
    assert sum(entry["count"] for entry in found["hist"]) == len(observations())
    assert {entry["key"]: entry["count"] for entry in found["hist"]} == {
        name: count for name, count in found.items() if name != "hist"
    }


@pytest.mark.parametrize("name", ["Crab Nebula", "m1", "M31"])
def test_a_name_is_looked_up_as_on_mast_s_own_page(name: str) -> None:
    answer = invoke("Mast.Name.Lookup", {"input": name, "format": "json"}).json()
    (first, *_) = answer["resolvedCoordinate"]
    place = SkyCoord(first["ra"], first["decl"], unit="deg")
    assert place.separation(Mast.resolve_object(name)).arcsec < 0.01
    assert answer["status"] == ""


def test_an_unknown_name_has_no_position() -> None:
    answer = invoke("Mast.Name.Lookup", {"input": "xyzzy", "format": "json"}).json()
    assert answer["resolvedCoordinate"] == []
    refused = invoke("Mast.Name.Lookup", {"input": "M31", "format": "xml"}).json()
    assert (refused["status"], "format=xml" in refused["msg"]) == ("ERROR", True)


def test_columns_without_a_value_are_removed_on_request() -> None:
    cone = {"ra": 83.63308, "dec": 22.0145, "radius": 0.02}
    whole = invoke("Mast.Caom.Cone", cone, format="json").json()
    part = invoke("Mast.Caom.Cone", cone, format="json", removenullcolumns=True).json()
    empty = {name for name in whole["data"][0] if all(row[name] is None for row in whole["data"])}
    assert empty
    assert {f["name"] for f in part["fields"]} == {f["name"] for f in whole["fields"]} - empty
    assert [set(row) for row in part["data"]] == [set(whole["data"][0]) - empty] * len(
        whole["data"]
    )


def test_rows_come_as_csv() -> None:
    cone = {"ra": 83.63308, "dec": 22.0145, "radius": 0.02}
    rows = invoke("Mast.Caom.Cone", cone, format="json").json()["data"]
    answer = invoke("Mast.Caom.Cone", cone, format="csv")
    assert answer.headers["content-type"].startswith("text/csv")
    found = list(csv.DictReader(io.StringIO(answer.text, newline="")))
    assert [row["obs_id"] for row in found] == [row["obs_id"] for row in rows]
    assert [float(row["s_ra"]) for row in found] == [row["s_ra"] for row in rows]
    assert {row["mtFlag"] for row in found} == {"false"}
    assert {row["t_obs_release"] for row in found} == {str(r["t_obs_release"]) for r in rows}


def test_rows_come_as_votable_and_no_other_format() -> None:
    cone = {"ra": 83.63308, "dec": 22.0145, "radius": 0.02}
    rows = invoke("Mast.Caom.Cone", cone, format="json").json()["data"]
    table = parse_single_table(
        io.BytesIO(invoke("Mast.Caom.Cone", cone, format="votable").content)
    ).to_table()
    assert list(table["obsid"]) == [str(row["obsid"]) for row in rows]
    assert list(table["obs_id"]) == [row["obs_id"] for row in rows]
    refused = invoke("Mast.Caom.Cone", cone, format="latex").json()
    assert (refused["status"], "latex" in refused["msg"]) == ("ERROR", True)


def test_a_name_a_region_and_a_cone_find_the_same_observations() -> None:
    by_name = Observations.query_object("Crab Pulsar", radius="0.02 deg")
    by_place = Observations.query_region(CRAB, radius="0.02 deg")
    cone = Mast.service_request(
        "Mast.Caom.Cone", {"ra": CRAB.ra.deg, "dec": CRAB.dec.deg, "radius": 0.02}
    )
    assert len(by_name) > 0
    assert set(by_name["obs_id"]) == set(by_place["obs_id"]) == set(cone["obs_id"])
    assert Observations.query_object_count("Crab Pulsar", radius="0.02 deg") == len(by_name)


@pytest.fixture
def script(tmp_path: Path) -> Path:
    """The script that astroquery gets in place of the files."""
    observation = Observations.query_criteria(obs_collection="HST", obs_id="u2u60201t")
    products = Observations.get_product_list(observation)
    chosen = products[products["dataURI"] == HUBBLE]
    manifest = Observations.download_products(chosen, curl_flag=True, download_dir=str(tmp_path))
    assert list(manifest["Status"]) == ["COMPLETE"]
    return Path(manifest["Local Path"][0])


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_the_script_of_curl_flag_downloads_the_file(script: Path, tmp_path: Path) -> None:
    subprocess.run(["bash", str(script)], cwd=tmp_path, env=dict(os.environ), check=True)
    (found,) = (tmp_path / "MAST").rglob("*.fits")
    assert found.relative_to(tmp_path) == Path("MAST/HST/U2U60201T/u2u60201t_drz.fits")
    assert found.read_bytes() == ensure(select(key=_key())[0]).read_bytes()


def _key() -> str:
    return next(p.key for p in select(archive="mast") if p.filename == "u2u60201t_drz.fits")


def test_a_script_of_nothing_says_so() -> None:
    url = "https://mast.stsci.edu/api/v0.1/Download/bundle.sh"
    assert requests.post(url).status_code == 400
    unknown = requests.post(url, data={"uri": "mast:HST/product/x'; rm -rf $HOME"}).text
    assert "# There is no product mast:HST/product/x%27" in unknown
    assert "curl" not in unknown.replace("with curl", "")
