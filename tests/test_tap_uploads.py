"""Tables that come with a query to TAP: inline, and from an address of the replica."""

from __future__ import annotations

import io
from collections.abc import Iterator

import numpy as np
import pytest
import pyvo
import requests
from astropy.io.votable import from_table, parse
from astropy.table import MaskedColumn, Table
from closing_session import ClosingSession

URL = "https://heasarc.gsfc.nasa.gov/xamin/vo/tap"
IRSA = "https://irsa.ipac.caltech.edu/TAP"
REGISTRY = "http://reg.g-vo.org/tap"
PLACES = Table({"label": ["crab", "cas"], "ra": [83.633, 350.866], "dec": [22.014, 58.811]})
NEAR = (
    "SELECT label, obsid FROM TAP_UPLOAD.places AS p JOIN chanmaster AS c ON 1 = CONTAINS("
    "POINT(c.ra, c.dec), CIRCLE(p.ra, p.dec, 0.1)) ORDER BY obsid"
)


pytestmark = pytest.mark.usefixtures("vocabularies_stay_here")


@pytest.fixture
def service() -> Iterator[pyvo.dal.TAPService]:
    with ClosingSession() as session:
        yield pyvo.dal.TAPService(URL, session=session)


def as_votable(table: Table) -> bytes:
    output = io.BytesIO()
    from_table(table).to_xml(output)
    return output.getvalue()


def ask(query: str, upload: str, url: str = URL, **files: bytes) -> requests.Response:
    asked = {"LANG": "ADQL", "QUERY": query, "UPLOAD": upload}
    return requests.post(f"{url}/sync", data=asked, files=files or None)


def first_table(answer: requests.Response) -> Table:
    assert answer.status_code == 200, answer.text
    return parse(io.BytesIO(answer.content)).get_first_table().to_table()


CASSIOPEIA = {"114", "214", "1952", "4634", "19606"}


@pytest.mark.parametrize("way", ["run_sync", "run_async"])
def test_pyvo_joins_a_table_of_its_own_with_one_of_the_archive(service, way: str) -> None:
    found = getattr(service, way)(NEAR, uploads={"places": PLACES})
    assert {row["obsid"] for row in found if row["label"] == "cas"} == CASSIOPEIA
    assert {row["obsid"] for row in found if row["label"] == "crab"} >= {"13751", "4607"}


def test_pyvo_sends_a_table_to_a_job_that_waits(service) -> None:
    job = service.submit_job("SELECT COUNT(*) FROM TAP_UPLOAD.places")
    job.upload(places=PLACES)
    job.run().wait()
    assert job.fetch_result()["count"][0] == 2
    job.delete()


def test_a_table_can_be_taken_from_an_address_of_the_replica() -> None:
    """A cone search of HEASARC is the table for a query of IRSA's service."""
    cone = "https://heasarc.gsfc.nasa.gov/xamin/vo/cone?table=chanmaster&RA=350.87&DEC=58.81&SR=1"
    answer = ask("SELECT obsid FROM TAP_UPLOAD.t ORDER BY obsid", f"t,{cone}", IRSA)
    assert list(first_table(answer)["obsid"]) == sorted(CASSIOPEIA)


def test_the_result_of_a_job_can_be_the_table_of_a_query(service) -> None:
    job = service.submit_job(NEAR)
    job.upload(places=PLACES)
    job.run().wait()
    answer = ask("SELECT COUNT(*) FROM TAP_UPLOAD.mine", f"mine,{job.result_uri}", REGISTRY)
    assert first_table(answer)["count"][0] == len(job.fetch_result())


def test_several_tables_can_be_sent() -> None:
    query = "SELECT a.ra, b.dec FROM TAP_UPLOAD.one AS a JOIN TAP_UPLOAD.two AS b USING (label)"
    table = as_votable(PLACES)
    answer = ask(query, "one,param:x;two,param:y", x=table, y=table)
    assert len(first_table(answer)) == 2


TYPES = Table(
    {
        "short": np.array([1, -2], "i2"),
        "int": np.array([1, -2], "i4"),
        "long": np.array([2**40, -2], "i8"),
        "float": np.array([0.5, np.nan], "f4"),
        "double": np.array([0.1, -2e300], "f8"),
        "text": ["a", "é″"],
        "flag": [True, False],
        "masked": MaskedColumn([1, 2], mask=[False, True]),
    }
)


def test_values_datatypes_and_metadata_come_back_as_they_were() -> None:
    document = from_table(TYPES)
    double = document.get_first_table().get_field_by_id_or_name("double")
    double.unit, double.ucd, double.utype, double.description = "mJy", "phot.flux", "a:b", "Flux"
    output = io.BytesIO()
    document.to_xml(output)
    answer = ask("SELECT * FROM TAP_UPLOAD.t", "t,param:f", f=output.getvalue())
    found = parse(io.BytesIO(answer.content)).get_first_table()
    again = found.get_field_by_id_or_name("double")
    facts = [(str(f.unit), f.ucd, f.utype, f.description) for f in (double, again)]
    assert facts[0] == facts[1]
    kinds = {field.name: field.datatype for field in found.fields}
    assert {name: kinds[name] for name in ("short", "int", "long", "float", "double")} == {
        name: name for name in ("short", "int", "long", "float", "double")
    }
    table = found.to_table()
    for name in ("short", "int", "long", "double", "text"):
        assert list(table[name]) == list(TYPES[name])
    assert table["float"][0] == 0.5
    assert np.ma.is_masked(table["float"][1]) or np.isnan(table["float"][1])
    assert list(table["flag"]) == [1, 0]
    assert [np.ma.is_masked(value) for value in table["masked"]] == [False, True]


@pytest.mark.parametrize(
    ("upload", "content", "sentence"),
    [
        ("t", b"", "write it like UPLOAD=mytable,param:myfile"),
        ("1t,param:f", b"", "write it like"),
        ("t,param:g", b"x", "the form has no file called g"),
        ("t,param:f", b"not a table", "t is not a VOTable"),
        ("t,param:f", b"<VOTABLE/>", "t is not a VOTable"),
        ("t,ftp://example.org/x", b"", "begins with param: or http"),
        ("t,https://archive.example.org/x", b"", "archive.example.org is not part of the replica"),
        (f"t,{URL}/nothing", b"", "status 404"),
        ("t,http://[", b"", "UPLOAD"),
        ("t,param:f;T,param:f", b"x", "two tables"),
    ],
)
def test_what_cannot_be_taken_is_told(upload: str, content: bytes, sentence: str) -> None:
    answer = ask("SELECT * FROM TAP_UPLOAD.t", upload, f=content or b"-")
    assert answer.status_code == 400
    assert sentence in parse(io.BytesIO(answer.content)).resources[0].infos[0].content


def test_columns_that_differ_in_case_only_are_refused() -> None:
    answer = ask("SELECT 1", "t,param:f", f=as_votable(Table({"a": [1], "A": [2]})))
    assert answer.status_code == 400
    assert "same name" in answer.text


def test_a_table_that_is_too_large_is_refused() -> None:
    answer = ask("SELECT 1", "t,param:f", f=b"x" * 17 * 2**20)
    assert answer.status_code == 413


def test_a_large_file_of_the_replica_is_refused() -> None:
    tile = "https://nasa-irsa-wise.s3.amazonaws.com/wise/allwise/images/p3am_cdd/08/0830/"
    tile += "0830p227_ac51/0830p227_ac51-w1-int-3.fits"
    answer = ask("SELECT 1", f"t,{tile}")
    assert answer.status_code == 400
    assert "has more than" in answer.text


def test_a_document_that_expands_without_end_is_refused() -> None:
    entities = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 10))
    bomb = f'<!DOCTYPE x [<!ENTITY e0 "{"a" * 100}">{entities}]><VOTABLE>&e9;</VOTABLE>'
    answer = ask("SELECT * FROM TAP_UPLOAD.t", "t,param:f", f=bomb.encode())
    assert answer.status_code == 400


def test_a_table_is_gone_with_its_query() -> None:
    ask("SELECT 1", "places,param:f", f=as_votable(PLACES))
    answer = requests.post(f"{URL}/sync", data={"QUERY": "SELECT * FROM TAP_UPLOAD.places"})
    assert answer.status_code == 400
    assert "no table TAP_UPLOAD.places" in answer.text
