"""Conditional requests: to S3 beside moto as an independent S3, and to the archives' own files."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import format_datetime
from xml.etree import ElementTree

import pytest
import requests
from moto.server import ThreadedMotoServer

from replica.holdings import select
from replica.storage.cache import ensure
from replica.storage.conditions import Version, unmet
from validation.s3 import client_of

BUCKET = "nasa-heasarc"
KEY = "chandra/data/byobsid/1/13751/primary/acisf13751N004_cntr_img2.fits.gz"
OURS = f"https://{BUCKET}.s3.amazonaws.com/{KEY}"
HEASARC = f"https://heasarc.gsfc.nasa.gov/FTP/{KEY}"
LONG_AGO = format_datetime(datetime(2000, 1, 1, tzinfo=UTC), usegmt=True)
LATER = format_datetime(datetime(2100, 1, 1, tzinfo=UTC), usegmt=True)


@pytest.fixture(scope="module")
def theirs() -> Iterator[str]:
    """Address of a copy of the object at moto."""
    server = ThreadedMotoServer(port=0, verbose=False)
    server.start()
    address = f"http://127.0.0.1:{server.get_host_and_port()[1]}"
    s3 = client_of(address)
    s3.create_bucket(Bucket=BUCKET, ACL="public-read")
    body = ensure(select(key=KEY)[0]).read_bytes()
    s3.put_object(Bucket=BUCKET, Key=KEY, Body=body, ACL="public-read")
    yield f"{address}/{BUCKET}/{KEY}"
    server.stop()


def answer(url: str, method: str, conditions: dict[str, str]) -> tuple[int, int]:
    """Status and length of the body; ``{etag}`` in a condition stands for the object's own."""
    etag = requests.head(url).headers["etag"]
    headers = {name: value.replace("{etag}", etag) for name, value in conditions.items()}
    found = requests.request(method, url, headers=headers)
    return found.status_code, len(found.content) if found.ok else -1


#: S3's own documentation of GetObject tells the four alone, and two of them together.
CONDITIONS = {
    "the same by If-Match": ({"If-Match": "{etag}"}, 200),
    "another by If-Match": ({"If-Match": '"other"'}, 412),
    "the same by If-None-Match": ({"If-None-Match": "{etag}"}, 304),
    "another by If-None-Match": ({"If-None-Match": '"other"'}, 200),
    "newer by If-Modified-Since": ({"If-Modified-Since": LONG_AGO}, 200),
    "older by If-Modified-Since": ({"If-Modified-Since": LATER}, 304),
    "newer by If-Unmodified-Since": ({"If-Unmodified-Since": LONG_AGO}, 412),
    "older by If-Unmodified-Since": ({"If-Unmodified-Since": LATER}, 200),
    "If-Match before the date": ({"If-Match": "{etag}", "If-Unmodified-Since": LONG_AGO}, 200),
    "If-None-Match before the date": (
        {"If-None-Match": "{etag}", "If-Modified-Since": LONG_AGO},
        304,
    ),
}


@pytest.mark.parametrize(("conditions", "status"), CONDITIONS.values(), ids=CONDITIONS)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("url", [OURS, HEASARC], ids=["S3", "HEASARC"])
def test_a_condition_decides_what_is_sent(
    url: str, method: str, conditions: dict[str, str], status: int
) -> None:
    assert answer(url, method, conditions)[0] == status


#: moto lets the date count beside the ETag, against the documentation.
ALONE = {name: case for name, case in CONDITIONS.items() if len(case[0]) == 1}


@pytest.mark.parametrize("conditions", [case[0] for case in ALONE.values()], ids=ALONE)
def test_conditions_are_taken_as_an_independent_s3_takes_them(theirs: str, conditions) -> None:
    assert answer(OURS, "GET", conditions) == answer(theirs, "GET", conditions)


@pytest.mark.parametrize("condition", ["If-Match", "If-Unmodified-Since"])
def test_s3_names_the_condition_that_failed(condition: str) -> None:
    value = {"If-Match": '"other"', "If-Unmodified-Since": LONG_AGO}[condition]
    found = requests.get(OURS, headers={condition: value, "Range": "bytes=0-9"})
    document = ElementTree.fromstring(found.content)
    assert document.findtext("Code") == "PreconditionFailed"
    assert document.findtext("Condition") == condition


def test_what_was_not_modified_has_its_etag_and_no_body() -> None:
    etag = requests.head(OURS).headers["etag"]
    found = requests.get(OURS, headers={"If-None-Match": etag})
    assert (found.status_code, found.headers["etag"], found.content) == (304, etag, b"")


def test_a_range_of_this_very_version_can_be_asked_for() -> None:
    etag = requests.head(OURS).headers["etag"]
    found = requests.get(OURS, headers={"If-Match": etag, "Range": "bytes=0-1"})
    assert (found.status_code, found.content) == (206, b"\x1f\x8b")


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"if-match": 'W/"a", "b"'}, None),
        ({"if-match": "b"}, None),
        ({"if-match": "*"}, None),
        ({"if-none-match": "*"}, (304, "If-None-Match")),
        ({"if-modified-since": "yesterday"}, None),
        ({"if-modified-since": ""}, None),
        ({"if-unmodified-since": "Sat, 01 Jan 2000 00:00:00 GMT"}, (412, "If-Unmodified-Since")),
    ],
)
def test_odd_conditions_are_read(headers: dict[str, str], expected: tuple | None) -> None:
    assert unmet(headers, Version("b", datetime(2020, 1, 1, tzinfo=UTC))) == expected


# What else S3 says


@pytest.mark.parametrize("range_", ["bytes=10-5", "bytes=" + "9" * 5000 + "-", "lines=1-2"])
def test_a_range_that_is_none_is_ignored(range_: str) -> None:
    size = int(requests.head(OURS).headers["content-length"])
    found = requests.get(OURS, headers={"Range": range_})
    assert (found.status_code, len(found.content)) == (200, size)


@pytest.mark.parametrize("part", ["?acl", "?attributes", "?tagging"])
@pytest.mark.parametrize("url", [OURS, f"https://{BUCKET}.s3.amazonaws.com/"])
def test_what_visitors_may_not_see_is_denied(url: str, part: str) -> None:
    found = requests.get(url + part)
    assert found.status_code == 403
    assert ElementTree.fromstring(found.content).findtext("Code") == "AccessDenied"


def test_a_browser_is_told_that_there_is_no_cors() -> None:
    asked = {"Origin": "https://example.org", "Access-Control-Request-Method": "GET"}
    found = requests.options(OURS, headers=asked)
    assert found.status_code == 403
    assert ElementTree.fromstring(found.content).findtext("Code") == "AccessForbidden"
