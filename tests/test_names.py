"""Names instead of positions: Sesame through astropy and astroquery, in lines and in XML."""

from __future__ import annotations

import os
import subprocess
import sys
from xml.etree import ElementTree

import pytest
import requests
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.coordinates.name_resolve import (
    NameResolveError,
    _parse_response,
    sesame_database,
    sesame_url,
)
from astropy.utils import data
from astroquery.heasarc import Heasarc
from astroquery.ipac.irsa import Irsa
from astroquery.mast import Mast
from replicas import ROOT, fresh_environment

from replica.object_names import _table, find

SESAME = "https://cds.unistra.fr/cgi-bin/nph-sesame"
MIRROR = "http://vizier.cfa.harvard.edu/viz-bin/nph-sesame"
#: Positions that the catalogues of SIMBAD publish, ICRS degrees.
PLACES = {
    "Crab Nebula": (83.6324, 22.0174),
    "m 1": (83.6324, 22.0174),
    "Cas A": (350.8664, 58.8117),
    "M31": (10.684708, 41.26875),
    "ngc3642": (170.574588, 59.074521),
    "castor": (113.649472, 31.888282),
    "Sgr A*": (266.416837, -29.00781),
}


@pytest.fixture(autouse=True)
def astropy_trusts_the_replica(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lead astropy's own downloads to the certificate, as `connect` does in a notebook."""
    monkeypatch.setattr("certifi.where", lambda: os.environ["SSL_CERT_FILE"])
    data._build_urlopener.cache_clear()


@pytest.mark.parametrize("name", PLACES)
def test_astropy_turns_a_name_into_a_position(name: str) -> None:
    place = SkyCoord.from_name(name)
    assert (place.ra.deg, place.dec.deg) == pytest.approx(PLACES[name], abs=1e-6)


@pytest.mark.parametrize("server", [SESAME, MIRROR])
def test_both_of_astropy_s_servers_answer(server: str) -> None:
    with sesame_url.set([f"{server}/"]):
        assert SkyCoord.from_name("M42").dec.deg == pytest.approx(-5.391111)


def test_the_database_can_be_chosen() -> None:
    with sesame_database.set("ned"):
        assert SkyCoord.from_name("Crab Nebula").ra.deg == pytest.approx(83.63311)
        with pytest.raises(NameResolveError):
            SkyCoord.from_name("castor")  # a star: NED has none
    with sesame_database.set("vizier"), pytest.raises(NameResolveError):
        SkyCoord.from_name("Crab Nebula")


def test_an_unknown_name_is_not_found() -> None:
    with pytest.raises(NameResolveError, match="Unable to find coordinates for name 'xyzzy'"):
        SkyCoord.from_name("xyzzy")
    answer = requests.get(f"{SESAME}/SNV?xyzzy")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain")
    lines = answer.text.splitlines()
    assert lines[0].startswith("# xyzzy\t#Q")
    assert lines[1] == "#! *** Nothing found *** "
    assert lines[-1].startswith("#====Done (")


def test_lines_have_the_form_of_sesame() -> None:
    lines = requests.get(f"{SESAME}/-oI/SNV?ngc%203642").text.splitlines()
    assert lines[0].startswith("# ngc 3642\t#Q")
    assert lines[1].startswith("#=S=Simbad")
    assert "%I.0 NGC  3642" in lines
    assert "%C.0 LINER" in lines
    assert "%J 170.574588 +59.074521 = 11:22:17.90 +59:04:28.3" in lines


def test_several_names_are_answered_one_after_the_other() -> None:
    text = requests.get(f"{SESAME}/SNV?m31&xyzzy&sirius").text
    heads = [line for line in text.splitlines() if line.startswith("# ")]
    assert [head.split("\t")[0] for head in heads] == ["# m31", "# xyzzy", "# sirius"]
    assert text.count("%J ") == 2


@pytest.mark.parametrize(
    ("databases", "titles"),
    [("SNV", "S"), ("NSV", "N"), ("A", "SN"), ("~SNV", "SN"), ("V", ""), ("", "S")],
)
def test_databases_answer_in_the_order_of_the_address(databases: str, titles: str) -> None:
    text = requests.get(f"{SESAME}/{databases}?m1").text
    found = [line[2] for line in text.splitlines() if line.startswith("#=")]
    assert "".join(found) == f"{titles}="  # the last line is "#====Done"


@pytest.mark.parametrize("option", ["-ox", "-oxp", "-oxpI"])
def test_xml_has_the_form_of_sesame(option: str) -> None:
    answer = requests.get(f"{SESAME}/{option}/SNV?M%2051")
    assert answer.headers["content-type"].startswith("text/xml")
    root = ElementTree.fromstring(answer.content)
    assert root.tag == "Sesame"
    target = root.find("Target")
    assert target.get("option") == "SNV"
    assert target.findtext("name") == "M 51"
    resolver = target.find("Resolver")
    assert resolver.get("name").startswith("S=Simbad")
    assert float(resolver.findtext("jradeg")) == 202.469575
    assert float(resolver.findtext("jdedeg")) == 47.195258
    assert resolver.findtext("jpos") == "13:29:52.70 +47:11:42.9"
    assert resolver.findtext("oname") == "M  51"


def test_xml_says_that_nothing_is_found() -> None:
    root = ElementTree.fromstring(requests.get(f"{SESAME}/-oxp/SNV?<xyzzy>").content)
    assert root.findtext("Target/name") == "<xyzzy>"
    assert root.findtext("Target/INFO").strip() == "*** Nothing found ***"
    assert root.find("Target/Resolver") is None


def test_astroquery_s_services_take_names() -> None:
    table = Heasarc.query_region("Cas A", catalog="chanmaster", radius=5 * u.arcmin)
    assert set(table["obsid"]) == {"114", "214", "1952", "4634", "19606"}
    adql = Irsa.query_region("M1", catalog="wise", radius=1 * u.arcmin, get_query_payload=True)
    assert "83.6324,22.0174" in adql


def test_every_name_is_known_once_a_database_and_lies_on_the_sky() -> None:
    seen: set[tuple[str, str]] = set()
    for row in _table():
        text = f"%J {float(row['ra']):.6f} {float(row['decl']):+.6f}"
        assert _parse_response(text) != (None, None)
        assert 0 <= float(row["ra"]) < 360
        assert -90 <= float(row["decl"]) <= 90
        for name in row["name"].split("|"):
            assert (name, row["resolver"]) not in seen
            seen.add((name, row["resolver"]))
            assert row in find(name.upper())


def test_sesame_and_mast_say_the_same() -> None:
    for name in ("Crab", "M31", "Barnard's Star"):
        mast, sesame = Mast.resolve_object(name), SkyCoord.from_name(name)
        assert mast.separation(sesame).arcsec < 0.01


#: A session in which the replica ends between two names; astropy asks CDS alone.
SESSION = f"""
from astropy.coordinates import SkyCoord
from astropy.coordinates.name_resolve import sesame_url
from helpers import connect, connection
sesame_url.set(["{SESAME}/"])
connect()
print(SkyCoord.from_name("m1").ra.deg)
connection._started[-1].stop()
connect()
print(SkyCoord.from_name("m1").ra.deg)
"""


def test_names_are_found_after_a_replica_was_started_anew() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SESSION],
        env=fresh_environment(ARCHIVES="replica"),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.stdout.splitlines()[-1] == "83.6324", done.stderr
    assert done.stdout.count("83.6324") == 2
