"""ETags, checksums, parts and numbers of S3's answers, and what S3 refuses."""

from __future__ import annotations

import base64
import hashlib
import zlib
from xml.etree import ElementTree

import boto3
import pytest
import requests
from botocore import UNSIGNED
from botocore.client import BaseClient
from botocore.config import Config

from replica.holdings import select
from replica.storage import checksums
from replica.storage.cache import ensure

BUCKET = "nasa-heasarc"
KEY = "chandra/data/byobsid/1/13751/primary/acisf13751N004_cntr_img2.fits.gz"
URL = f"https://{BUCKET}.s3.amazonaws.com/{KEY}"
LARGE_BUCKET = "nasa-irsa-wise"
LARGE = "wise/allwise/images/p3am_cdd/08/0830/0830p227_ac51/0830p227_ac51-w1-int-3.fits"
PART = 8 * 1024 * 1024
CHECKED = {"x-amz-checksum-mode": "ENABLED"}


@pytest.fixture(scope="module")
def s3() -> BaseClient:
    return boto3.client("s3", config=Config(signature_version=UNSIGNED))


def content(key: str) -> bytes:
    return ensure(select(key=key)[0]).read_bytes()


def code(answer: requests.Response) -> str | None:
    return ElementTree.fromstring(answer.content).findtext("Code")


def test_the_etag_of_a_small_object_is_its_md5(s3: BaseClient) -> None:
    etag = s3.head_object(Bucket=BUCKET, Key=KEY)["ETag"]
    assert etag == f'"{hashlib.md5(content(KEY)).hexdigest()}"'


def test_the_etag_of_an_object_in_parts_ends_with_their_number(s3: BaseClient) -> None:
    answer = s3.head_object(Bucket=LARGE_BUCKET, Key=LARGE)
    assert answer["ETag"].endswith(f'-{-(-answer["ContentLength"] // PART)}"')


@pytest.mark.parametrize(("size", "parts"), [(0, 1), (PART, 1), (PART + 1, 2), (2 * PART, 2)])
def test_a_file_is_cut_into_parts_where_the_aws_cli_cuts_it(
    tmp_path, size: int, parts: int
) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x" * size)
    etag = checksums.s3_etag(path)
    assert (etag.partition("-")[2] or "1") == str(parts)
    assert len(etag.partition("-")[0]) == 32


def test_a_listing_tells_the_etag_of_the_object(s3: BaseClient) -> None:
    (item,) = s3.list_objects_v2(Bucket=BUCKET, Prefix=KEY)["Contents"]
    assert item["ETag"] == s3.head_object(Bucket=BUCKET, Key=KEY)["ETag"]
    assert item["ChecksumAlgorithm"] == ["CRC32"]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_checksum_comes_to_those_who_ask_for_it(method: str) -> None:
    expected = base64.b64encode(zlib.crc32(content(KEY)).to_bytes(4, "big")).decode()
    asked = requests.request(method, URL, headers=CHECKED)
    assert asked.headers["x-amz-checksum-crc32"] == expected
    assert "x-amz-checksum-crc32" not in requests.request(method, URL).headers


def test_a_range_has_no_checksum_of_the_whole() -> None:
    answer = requests.get(URL, headers=CHECKED | {"Range": "bytes=0-9"})
    assert answer.status_code == 206
    assert "x-amz-checksum-crc32" not in answer.headers


def test_boto3_checks_what_it_reads(s3: BaseClient) -> None:
    answer = s3.get_object(Bucket=BUCKET, Key=KEY, ChecksumMode="ENABLED")
    assert answer["Body"].read() == content(KEY)
    assert answer["ResponseMetadata"]["ChecksumAlgorithm"] == "crc32"  # boto3 has compared it


def test_the_parts_of_an_object_make_up_the_whole(s3: BaseClient) -> None:
    whole, count = content(LARGE), -(-len(content(LARGE)) // PART)
    for number in (1, count):
        answer = s3.get_object(Bucket=LARGE_BUCKET, Key=LARGE, PartNumber=number)
        assert answer["PartsCount"] == count
        assert answer["Body"].read() == whole[(number - 1) * PART : number * PART]


@pytest.mark.parametrize(
    ("part", "headers", "status", "expected"),
    [
        ("2", {}, 416, "InvalidPartNumber"),
        ("0", {}, 400, "InvalidArgument"),
        ("x", {}, 400, "InvalidArgument"),
        ("10001", {}, 400, "InvalidArgument"),
        ("1", {"Range": "bytes=0-1"}, 400, "InvalidRequest"),
    ],
)
def test_a_part_that_is_none_is_refused(
    part: str, headers: dict[str, str], status: int, expected: str
) -> None:
    answer = requests.get(f"{URL}?partNumber={part}", headers=headers)
    assert (answer.status_code, code(answer)) == (status, expected)


def test_the_last_bytes_of_a_short_object_are_all_of_it() -> None:
    answer = requests.get(URL, headers={"Range": "bytes=-999999999"})
    size = len(content(KEY))
    assert (answer.status_code, answer.headers["content-range"], len(answer.content)) == (
        206,
        f"bytes 0-{size - 1}/{size}",
        size,
    )


def test_every_answer_has_a_number_of_its_own() -> None:
    answers = [requests.get(url) for url in (URL, URL, f"{URL}/none")]
    numbers = [answer.headers["x-amz-request-id"] for answer in answers]
    assert len(set(numbers)) == 3
    assert ElementTree.fromstring(answers[2].content).findtext("RequestId") == numbers[2]


@pytest.mark.parametrize(
    ("part", "of"),
    [
        *((part, URL) for part in ("torrent", "versionId=a", "legal-hold", "retention")),
        *(
            (part, f"https://{BUCKET}.s3.amazonaws.com/")
            for part in ("cors", "policy", "versions", "uploads", "website", "lifecycle")
        ),
    ],
)
def test_every_part_with_a_right_of_its_own_is_denied(part: str, of: str) -> None:
    answer = requests.get(f"{of}?{part}")
    assert (answer.status_code, code(answer)) == (403, "AccessDenied")


@pytest.mark.parametrize(
    ("headers", "status", "expected"),
    [
        ({}, 400, "BadRequest"),
        ({"Origin": "https://example.org"}, 400, "BadRequest"),
        (
            {"Origin": "https://example.org", "Access-Control-Request-Method": "GET"},
            403,
            "AccessForbidden",
        ),
    ],
)
def test_a_preflight_is_answered_as_without_cors(
    headers: dict[str, str], status: int, expected: str
) -> None:
    answer = requests.options(URL, headers=headers)
    assert (answer.status_code, code(answer)) == (status, expected)
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize(
    "query", ["continuation-token=!", "continuation-token=", "encoding-type=x", "max-keys=-1"]
)
def test_a_listing_refuses_arguments_that_are_none(query: str) -> None:
    answer = requests.get(f"https://{BUCKET}.s3.amazonaws.com/?list-type=2&{query}")
    assert (answer.status_code, code(answer)) == (400, "InvalidArgument")


def test_only_a_listing_with_delimiter_names_the_next_marker(s3: BaseClient) -> None:
    first = s3.list_objects(Bucket=BUCKET, MaxKeys=1)
    assert first["IsTruncated"]
    assert "NextMarker" not in first
    assert "NextMarker" in s3.list_objects(Bucket=BUCKET, MaxKeys=1, Delimiter="/")


def test_visitors_cannot_change_the_headers_of_an_answer() -> None:
    answer = requests.get(f"{URL}?response-content-type=text/plain")
    assert (answer.status_code, code(answer)) == (400, "InvalidRequest")
