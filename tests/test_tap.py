"""TAP 1.1 at each service of the replica: queries, formats, limits and descriptions."""

from __future__ import annotations

import csv
import gc
import io
import json
import warnings
from collections.abc import Iterator

import pytest
import pyvo
import requests
from astropy.io import fits
from astropy.io.votable import parse
from astroquery.heasarc import Heasarc
from astroquery.ipac.irsa import Irsa
from closing_session import ClosingSession
from replicas import RunningReplica

SERVICES = {
    "IRSA": "https://irsa.ipac.caltech.edu/TAP",
    "HEASARC": "https://heasarc.gsfc.nasa.gov/xamin/vo/tap",
    "MAST": "https://mast.stsci.edu/vo-tap/api/v0.1/caom",
    "Pan-STARRS": "https://mast.stsci.edu/vo-tap/api/v0.1/ps1dr2",
    "registry": "http://reg.g-vo.org/tap",
}
HEASARC = SERVICES["HEASARC"]
TABLES = {
    "IRSA": "caom.observation",
    "HEASARC": "chanmaster",
    "MAST": "dbo.obspointing",
    "Pan-STARRS": "dbo.meanobjectview",
    "registry": "rr.resource",
}
each_service = pytest.mark.parametrize("url", SERVICES.values(), ids=SERVICES)
each_table = pytest.mark.parametrize(
    ("url", "table"), [(SERVICES[name], TABLES[name]) for name in SERVICES], ids=SERVICES
)


pytestmark = pytest.mark.usefixtures("vocabularies_stay_here")


@pytest.fixture
def tap(url: str) -> Iterator[pyvo.dal.TAPService]:
    """pyvo's view of a service."""
    with ClosingSession() as session:
        yield pyvo.dal.TAPService(url, session=session)


def ask(url: str, query: str, **parameters: object) -> requests.Response:
    asked = {"REQUEST": "doQuery", "LANG": "ADQL", "QUERY": query, **parameters}
    return requests.post(f"{url}/sync", data=asked)


def status_of(answer: requests.Response) -> tuple[str, str]:
    """QUERY_STATUS of a VOTable and what it says."""
    info = parse(io.BytesIO(answer.content)).resources[0].infos[0]
    assert info.name == "QUERY_STATUS"
    return info.value, info.content


# Requests


@each_service
@pytest.mark.parametrize("way", ["GET", "form", "multipart"])
def test_a_query_is_taken_in_every_way(url: str, way: str) -> None:
    asked = {"LANG": "ADQL", "query": "SELECT 1 + 1 AS two"}
    if way == "GET":
        answer = requests.get(f"{url}/sync", params=asked)
    elif way == "form":
        answer = requests.post(f"{url}/sync", data=asked)
    else:
        parts = {name: (None, text) for name, text in asked.items()}
        answer = requests.post(f"{url}/sync", files=parts)
    assert answer.status_code == 200
    assert parse(io.BytesIO(answer.content)).get_first_table().array["two"].tolist() == [2]


@pytest.mark.parametrize(
    ("parameters", "status", "reason"),
    [
        ({"MAXREC": "99999999999999999999"}, 200, ""),
        ({"MAXREC": "9" * 5000}, 400, "whole number"),
        ({"MAXREC": "²"}, 400, "whole number"),
        ({"QUERY": "SELECT x'ff00'"}, 400, "not understood"),
        ({"QUERY": "SELECT fts3_tokenizer('simple')"}, 400, "no function FTS3_TOKENIZER"),
        ({"QUERY": "SELECT -9223372036854775808 AS x, NULL AS y"}, 200, ""),
        ({"QUERY": "SELECT 1e308 * 10 AS x"}, 200, ""),
        ({"QUERY": "SELECT '\x01\ufffe' AS x"}, 200, ""),
        ({"QUERY": "SELECT '\x00' AS x"}, 400, "not understood"),
        ({"QUERY": "SELECT \ud83d AS x".encode("utf-8", "surrogatepass")}, 400, "not understood"),
        ({"QUERY": "\x00"}, 400, ""),
        ({"QUERY": "SELECT " + "1+" * 20_000 + "1"}, 400, ""),
        ({"QUERY": "SELECT name FROM chanmaster WHERE name LIKE '" + "%a" * 2000 + "'"}, 200, ""),
        ({"LANG": "ADQL-3.0"}, 400, "LANG"),
        ({"FORMAT": "nonsense"}, 400, "FORMAT=nonsense is not offered"),
    ],
)
def test_odd_requests_get_an_answer_of_tap_and_the_connection_stays(
    parameters: dict, status: int, reason: str
) -> None:
    with requests.Session() as session:
        asked = {"LANG": "ADQL", "QUERY": "SELECT 1 AS x", **parameters}
        answer = session.post(f"{HEASARC}/sync", data=asked)
        assert (answer.status_code, answer.headers["content-type"]) == (
            status,
            "application/x-votable+xml",
        )
        word, sentence = status_of(answer)
        assert word == ("OK" if status == 200 else "ERROR")
        assert reason in sentence
        assert session.get(f"{HEASARC}/sync", params={"QUERY": "SELECT 1 AS x"}).ok


def test_an_answer_that_is_too_large_is_refused_and_takes_little_memory(
    shared_replica: RunningReplica,
) -> None:
    import psutil

    crossed = ", ".join(f"rr.interface AS t{n}" for n in range(6))
    process = psutil.Process(shared_replica.process.pid)
    before = process.memory_info().rss
    text = "x" * 150_000
    answer = ask(SERVICES["registry"], f"SELECT '{text}' AS x FROM {crossed}", MAXREC=10**12)
    assert answer.status_code == 400
    assert "larger than" in status_of(answer)[1]
    assert process.memory_info().rss - before < 500e6


# Formats

FORMATS = {
    "votable": "application/x-votable+xml",
    "votable/td": "application/x-votable+xml;serialization=TABLEDATA",
    "votable/b2": "application/x-votable+xml;serialization=BINARY2",
    "csv": "text/csv;header=present",
    "tsv": "text/tab-separated-values",
    "json": "application/json",
    "fits": "application/fits",
}
TYPED = "SELECT TOP 3 public_date, name, ra, NULL AS nothing FROM chanmaster ORDER BY public_date"


def read_votable(content: bytes) -> list[tuple]:
    table = parse(io.BytesIO(content)).get_first_table().to_table()
    return [tuple(row) for row in table]


def read_separated(content: bytes, separator: str) -> list[tuple]:
    rows = csv.DictReader(io.StringIO(content.decode(), newline=""), delimiter=separator)
    return [(int(r["public_date"]), r["name"], float(r["ra"]), r["nothing"]) for r in rows]


def read_fits(content: bytes) -> list[tuple]:
    with fits.open(io.BytesIO(content)) as hdus:
        hdus.verify("exception")
        return [tuple(row) for row in hdus[1].data]


READERS = {
    "votable": read_votable,
    "votable/td": read_votable,
    "votable/b2": read_votable,
    "csv": lambda content: read_separated(content, ","),
    "tsv": lambda content: read_separated(content, "\t"),
    "json": lambda content: [tuple(row) for row in json.loads(content)["data"]],
    "fits": read_fits,
}


@pytest.mark.parametrize("parameter", ["FORMAT", "RESPONSEFORMAT"])
@pytest.mark.parametrize("name", FORMATS)
def test_every_format_holds_the_same_rows(name: str, parameter: str) -> None:
    answer = ask(HEASARC, TYPED, **{parameter: name})
    assert answer.headers["content-type"].split("; charset")[0] == FORMATS[name]
    found = READERS[name](answer.content)
    expected = READERS["json"](ask(HEASARC, TYPED, FORMAT="json").content)
    assert [row[:3] for row in found] == [row[:3] for row in expected]
    assert {str(row[3]) for row in found} <= {"", "None", "--"}


@pytest.mark.parametrize("name", FORMATS)
def test_a_format_can_be_asked_for_by_its_content_type(name: str) -> None:
    answer = ask(HEASARC, "SELECT 1 AS x", FORMAT=FORMATS[name])
    assert answer.headers["content-type"].split("; charset")[0] == FORMATS[name]


def test_the_columns_of_a_fits_table_have_units_and_ucds() -> None:
    content = ask(HEASARC, "SELECT ra, obsid FROM chanmaster", FORMAT="fits").content
    header = fits.open(io.BytesIO(content))[1].header
    assert (header["TUNIT1"], header["TUCD1"]) == ("deg", "pos.eq.ra;meta.main")
    assert header["TTYPE2"] == "obsid"


@pytest.mark.parametrize("name", FORMATS)
def test_texts_of_other_languages_and_signs_survive(name: str) -> None:
    text = """a,b\t"c"\n'é' <&> 1″"""
    answer = ask(HEASARC, "SELECT '{}' AS x".format(text.replace("'", "''")), FORMAT=name)
    if name == "json":
        found = json.loads(answer.content)["data"][0][0]
    elif name in ("csv", "tsv"):
        lines = io.StringIO(answer.content.decode(), newline="")
        found = list(csv.reader(lines, delimiter="," if name == "csv" else "\t"))[1][0]
    elif name == "fits":
        found = fits.open(io.BytesIO(answer.content))[1].data["x"][0]
        text = """a,b?"c"?'?' <&> 1?"""  # FITS has no other characters
    else:
        found = parse(io.BytesIO(answer.content)).get_first_table().array["x"][0]
    assert found == text


# Limits


@each_table
@pytest.mark.parametrize("maxrec", [0, 1])
def test_maxrec_cuts_and_tells_that_there_is_more(url: str, table: str, maxrec: int) -> None:
    answer = ask(url, f"SELECT * FROM {table}", MAXREC=maxrec)
    document = parse(io.BytesIO(answer.content))
    infos = [(info.name, info.value) for info in document.resources[0].infos]
    assert ("QUERY_STATUS", "OVERFLOW") in infos
    assert len(document.get_first_table().array) == maxrec


@each_table
def test_top_is_no_overflow(url: str, table: str) -> None:
    assert status_of(ask(url, f"SELECT TOP 1 * FROM {table}"))[0] == "OK"


# Descriptions


@each_table
def test_the_schema_describes_every_table_and_itself(tap, table: str) -> None:
    listed = set(tap.search("SELECT table_name FROM tap_schema.tables")["table_name"])
    assert listed == set(tap.tables.keys())
    own = {f"TAP_SCHEMA.{n}" for n in ("schemas", "tables", "columns", "keys", "key_columns")}
    assert {table, *own} <= listed
    for name in listed:
        asked = f"SELECT column_name FROM TAP_SCHEMA.columns WHERE table_name = '{name}'"
        columns = [column.name for column in tap.tables[name].columns]
        assert list(tap.search(asked)["column_name"]) == columns
        found = tap.search(f"SELECT TOP 1 {', '.join(columns)} FROM {name}").fieldnames
        assert [column.strip('"') for column in columns] == list(found)


@each_service
def test_keys_join_tables_that_are_there(tap) -> None:
    keys = tap.search(
        "SELECT from_table, from_column, target_table, target_column "
        "FROM TAP_SCHEMA.keys NATURAL JOIN TAP_SCHEMA.key_columns"
    )
    assert len(keys) >= 5
    for key in keys:
        joined = (
            f"SELECT COUNT(*) AS n FROM {key['from_table']} AS a JOIN {key['target_table']} AS b "
            f"ON a.{key['from_column']} = b.{key['target_column']}"
        )
        assert tap.search(joined)["n"][0] >= 0


@each_table
def test_one_table_can_be_described_alone(url: str, table: str) -> None:
    answer = requests.get(f"{url}/tables/{table}")
    assert f"<name>{table}</name>" in answer.text
    assert requests.get(f"{url}/tables/no_such_table").status_code == 404


@each_service
def test_the_service_tells_its_limits_formats_and_uploads(tap) -> None:
    assert tap.maxrec == 20_000
    assert tap.hardlimit == 50_000_000
    methods = {method.ivo_id.rpartition("#")[2] for method in tap.upload_methods}
    assert methods == {"upload-inline", "upload-http", "upload-https"}
    formats = tap.get_tap_capability().outputformats
    assert {each.mime for each in formats} == set(FORMATS.values())
    tap.describe()


@each_service
def test_the_examples_run(tap) -> None:
    assert tap.examples
    for example in tap.examples:
        assert len(tap.search(example["QUERY"])) > 0


# Names as the real services have them


@pytest.fixture
def collected() -> Iterator[None]:
    """Let go here, not amid a later test, of connections that astroquery's sessions keep."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        yield
        gc.collect()


through_astroquery = pytest.mark.usefixtures("collected")


@through_astroquery
def test_a_count_is_called_count_and_tables_are_in_the_schema_public() -> None:
    found = Heasarc.query_tap("SELECT COUNT(*) FROM public.chanmaster").to_table()
    assert found.colnames == ["count"]
    whole = Heasarc.query_tap("SELECT obsid FROM chanmaster")
    assert found["count"][0] == len(whole)


@through_astroquery
def test_astroquery_lists_the_tables_and_columns_of_heasarc() -> None:
    catalogs = Heasarc.list_catalogs()
    assert "chanmaster" in list(catalogs["name"])
    assert not [name for name in catalogs["name"] if name.startswith("TAP_SCHEMA")]
    columns = Heasarc.list_columns("chanmaster", full=True)
    assert {"obsid", "ra", "dec"} <= set(columns["name"])
    assert {"obsid", "ra", "dec"} <= set(Heasarc.list_columns("chanmaster")["name"])


@through_astroquery
def test_astroquery_lists_what_irsa_has() -> None:
    assert "caom.observation" in Irsa.list_catalogs(include_metadata_tables=True)
    assert Irsa.list_catalogs() == {"allwise_p3as_psd": "AllWISE Source Catalog"}
    assert set(Irsa.list_columns("caom.observation")) == {"obsid", "collection", "observationid"}
    assert list(Irsa.list_collections()["collection"]) == ["wise_allwise"]


@through_astroquery
@pytest.mark.parametrize("async_job", [False, True])
def test_astroquery_queries_irsa_at_once_and_as_a_job(async_job: bool) -> None:
    asked = "SELECT DISTINCT collection FROM caom.observation"
    found = Irsa.query_tap(asked, async_job=async_job).to_table()
    assert list(found["collection"]) == ["wise_allwise"]
