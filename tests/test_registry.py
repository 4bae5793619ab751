"""The registry in the replica, through pyvo at the real URL."""

from __future__ import annotations

import io
import json
from importlib.resources import files

import pytest
import pyvo
import requests
from astropy import units as u
from astropy.io.votable import parse
from pyvo import registry
from pyvo.io.vosi import parse_capabilities
from pyvo.io.vosi.tapregext import Language

from replica.archives.registry.tables import tables

TAP = "http://reg.g-vo.org/tap"
CHANMASTER = "ivo://nasa.heasarc/chanmaster"
ALLWISE = "ivo://irsa.ipac/wise/images/allwise/l3a"
TWOMASS = "ivo://irsa.ipac/2mass/images/asky"
RECORDED = files("pyvo").joinpath("registry/tests/data")


pytestmark = pytest.mark.usefixtures("vocabularies_stay_here")


@pytest.fixture(params=["with UNION", "without UNION"])
def language(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the client takes the service for: pyvo writes two forms of keyword search."""
    if request.param == "without UNION":
        monkeypatch.setattr(Language, "get_feature", lambda self, kind, form: None)


def found(**constraints) -> set[str]:
    """Identifiers of the resources that satisfy the constraints."""
    return {resource.ivoid for resource in registry.search(**constraints)}


@pytest.mark.usefixtures("language")
@pytest.mark.parametrize("keywords", ["chandra heasarc", ["chandra", "heasarc"], "HEASARC Chandra"])
def test_keywords_find_the_chandra_images_of_heasarc(keywords) -> None:
    resources = registry.search(servicetype="sia", keywords=keywords)
    assert [resource.ivoid for resource in resources] == [CHANMASTER]
    service = resources[0].service
    assert isinstance(service, pyvo.dal.SIAService)
    assert service.baseurl == "https://heasarc.gsfc.nasa.gov/xamin/vo/sia?table=chanmaster&"


@pytest.mark.usefixtures("language")
@pytest.mark.parametrize(
    ("keywords", "included", "left_out"),
    [
        ("rosat", {"ivo://nasa.heasarc/rosmaster"}, {CHANMASTER}),
        ("mid-infrared", {ALLWISE}, {TWOMASS}),
        ("gamma-ray-bursts", {"ivo://nasa.heasarc/swiftmastr"}, {CHANMASTER}),  # a subject only
        ("chand", set(), {CHANMASTER}),
        ("no'such%word", set(), {CHANMASTER}),
    ],
)
def test_keywords_are_whole_words_of_titles_descriptions_and_subjects(
    keywords, included, left_out
) -> None:
    ivoids = found(keywords=keywords)
    assert included <= ivoids
    assert not left_out & ivoids


@pytest.mark.parametrize(
    ("constraints", "included", "left_out"),
    [
        ({"ivoid": CHANMASTER}, {CHANMASTER}, {ALLWISE}),
        ({"ivoid": (CHANMASTER, ALLWISE)}, {CHANMASTER, ALLWISE}, {TWOMASS}),
        ({"servicetype": "sia1"}, {CHANMASTER, ALLWISE}, {"ivo://irsa.ipac/sia"}),
        ({"servicetype": "sia2"}, {"ivo://irsa.ipac/sia"}, {ALLWISE}),
        ({"servicetype": "tap"}, {"ivo://irsa.ipac/tap"}, {CHANMASTER}),
        ({"servicetype": "tap", "includeaux": True}, {CHANMASTER}, {ALLWISE}),
        ({"servicetype": "scs"}, {CHANMASTER, "ivo://nasa.heasarc/csc"}, {ALLWISE}),
        ({"servicetype": ("scs", "tap")}, {CHANMASTER, "ivo://irsa.ipac/tap"}, {ALLWISE}),
        ({"servicetype": "ssa"}, set(), {CHANMASTER, ALLWISE}),
        ({"waveband": "infrared"}, {ALLWISE, TWOMASS}, {CHANMASTER}),
        ({"waveband": ("X-ray", "infrared")}, {ALLWISE, CHANMASTER}, {"ivo://org.gavo.dc/tap"}),
        ({"author": "%Cutri%"}, {TWOMASS}, {ALLWISE}),
        ({"author": "%cutri%"}, set(), {TWOMASS}),
        ({"datamodel": "obscore"}, {"ivo://irsa.ipac/tap"}, {"ivo://org.gavo.dc/tap"}),
        ({"datamodel": "regtap"}, {"ivo://org.gavo.dc/tap"}, {"ivo://irsa.ipac/tap"}),
        ({"datamodel": "epntap"}, set(), {CHANMASTER}),
        ({"ucd": "phot.count%"}, {"ivo://nasa.heasarc/rass2rxs"}, {CHANMASTER}),
        ({"uat": "x-ray-astronomy"}, {CHANMASTER}, {ALLWISE}),
        ({"spatial": (83.63, 22.01)}, {"ivo://mast.stsci/siap/ps1"}, set()),
        ({"spatial": (83.63, -70.0, 1.0)}, {CHANMASTER}, {"ivo://mast.stsci/siap/ps1"}),
        ({"temporal": 48100}, {"ivo://nasa.heasarc/rosmaster"}, {CHANMASTER}),
        ({"temporal": (55200, 55600)}, {ALLWISE}, {TWOMASS}),
        ({"spectral": 1 * u.keV}, {CHANMASTER}, {ALLWISE}),
        ({"spectral": 2 * u.um}, {TWOMASS}, {ALLWISE}),
    ],
)
def test_constraints_select_resources(constraints, included, left_out) -> None:
    ivoids = found(**constraints)
    assert included <= ivoids
    assert not left_out & ivoids


def test_a_coverage_map_as_text_is_refused_with_a_sentence() -> None:
    with pytest.raises(pyvo.dal.DALQueryError, match="MOC"):
        registry.search(spatial="0/1-3")


def test_a_resource_offers_its_services_columns_and_contact() -> None:
    resource = registry.search(ivoid=CHANMASTER)[0]
    assert resource.access_modes() == {"sia", "conesearch", "tap#aux", "web"}
    assert "exposure" in [column.name for column in resource.get_tables()["chanmaster"].columns]
    assert resource.get_contact() == "NASA/GSFC HEASARC"
    assert isinstance(resource.get_service("conesearch"), pyvo.dal.SCSService)


def test_the_registry_finds_itself() -> None:
    resource = registry.search(datamodel="regtap")[0]
    assert resource.get_service("tap").baseurl == TAP


def test_every_resource_can_be_found_and_every_row_belongs_to_one() -> None:
    ivoids = {row[0] for row in next(t for t in tables() if t.name == "rr.resource").rows}
    assert {resource.ivoid for resource in registry.search(ivoid=tuple(ivoids))} == ivoids
    for table in tables():
        assert {row[0] for row in table.rows} <= ivoids


def described(field) -> tuple:
    return (field.name, field.datatype, field.arraysize, field.unit, field.xtype, field.utype)


def test_the_answer_to_a_recorded_query_has_the_recorded_columns() -> None:
    recorded = parse(io.BytesIO(RECORDED.joinpath("regtap.xml").read_bytes())).resources[0]
    adql = next(info.value for info in recorded.infos if info.name == "query")
    ours = pyvo.dal.TAPService(TAP).search(adql).votable.get_first_table()
    theirs = recorded.tables[0]
    assert [described(field) for field in ours.fields] == [described(f) for f in theirs.fields]


def test_the_registry_claims_features_that_the_recorded_one_has() -> None:
    theirs = parse_capabilities(io.BytesIO(RECORDED.joinpath("capabilities.xml").read_bytes()).read)
    ours = parse_capabilities(requests.get(f"{TAP}/capabilities", stream=True).raw.read)
    features = [features_of(capabilities) for capabilities in (ours, theirs)]
    for kind, forms in features[0].items():
        names = [{form.split("(")[0] for form in each} for each in (forms, features[1][kind])]
        assert names[0] - {"UPPER"} <= names[1]


def features_of(capabilities) -> dict[str, set[str]]:
    tap = next(c for c in capabilities if c.standardid == "ivo://ivoa.net/std/TAP")
    return {
        features.type: {feature.form for feature in features}
        for features in tap.get_adql().languagefeaturelists
    }


@pytest.mark.parametrize("method", ["get", "post"])
def test_queries_are_taken_by_get_and_post_and_need_no_request_parameter(method: str) -> None:
    asked = {"LANG": "ADQL", "query": "SELECT ivoid FROM rr.resource WHERE short_name = 'CSC'"}
    keyword = {"get": "params", "post": "data"}[method]
    answer = requests.request(method, f"{TAP}/sync", **{keyword: asked})
    assert answer.headers["content-type"].startswith("application/x-votable+xml")
    assert "<TD>ivo://nasa.heasarc/csc</TD>" in answer.text


@pytest.mark.parametrize(
    ("parameters", "word"),
    [
        ({"QUERY": "SELECT ivoid FROM rr.resources"}, "rr.resources"),
        ({"QUERY": "SELECT FROM"}, "FROM"),
        ({"QUERY": "DROP TABLE rr.resource"}, "read"),
        ({"QUERY": ""}, "QUERY"),
        ({"QUERY": "SELECT 1", "LANG": "PQL"}, "LANG"),
        ({"QUERY": "SELECT 1", "REQUEST": "getCapabilities"}, "REQUEST"),
        ({"QUERY": "SELECT 1", "FORMAT": "docx"}, "FORMAT"),
        ({"QUERY": "SELECT 1", "MAXREC": "-1"}, "MAXREC"),
        ({"QUERY": "SELECT 1", "UPLOAD": "a,http://b"}, "UPLOAD"),
    ],
)
def test_a_bad_request_gets_status_400_and_a_votable_that_says_why(parameters, word) -> None:
    answer = requests.post(f"{TAP}/sync", data=parameters)
    assert answer.status_code == 400
    assert 'name="QUERY_STATUS" value="ERROR"' in answer.text
    assert word in answer.text


@pytest.mark.parametrize(("maxrec", "rows", "word"), [(3, 3, "OVERFLOW"), (0, 0, "OVERFLOW")])
def test_maxrec_limits_rows(maxrec: int, rows: int, word: str) -> None:
    asked = {"QUERY": "SELECT ivoid FROM rr.resource", "MAXREC": maxrec}
    text = requests.get(f"{TAP}/sync", params=asked).text
    assert (text.count("<TR>"), f'value="{word}"' in text) == (rows, True)


def test_the_service_is_available_and_lists_its_tables() -> None:
    assert ">true<" in requests.get(f"{TAP}/availability").text
    names = pyvo.dal.TAPService(TAP).tables.keys()
    assert {"rr.resource", "rr.interface", "rr.stc_spatial"} <= set(names)


@pytest.mark.parametrize(
    ("name", "recorded"),
    [
        ("messenger", "registry/tests/data/messenger.desise"),
        ("datalink/core", "dal/tests/data/datalink/datalink.desise"),
    ],
)
def test_vocabularies_have_the_recorded_terms(name: str, recorded: str) -> None:
    ours = requests.get(f"http://www.ivoa.net/rdf/{name}").json()["terms"]
    theirs = json.loads(files("pyvo").joinpath(recorded).read_text(encoding="utf-8"))["terms"]
    assert {term: set(facts["wider"]) for term, facts in ours.items()} == {
        term: set(facts["wider"]) for term, facts in theirs.items()
    }


def test_a_vocabulary_that_is_not_held_is_not_found() -> None:
    assert requests.get("http://www.ivoa.net/rdf/refframe").status_code == 404
