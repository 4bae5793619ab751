"""The replica's S3, through real clients and against moto as an independent S3."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import boto3
import pytest
import requests
import s3fs
from botocore import UNSIGNED
from botocore.client import BaseClient
from botocore.config import Config
from botocore.exceptions import ClientError
from moto.server import ThreadedMotoServer

from replica.holdings import select
from replica.storage.cache import ensure

BUCKET = "nasa-heasarc"
PREFIX = "rosat/data/pspc/processed_data/900000/rs931315n00/"
EVENTS = f"{PREFIX}rs931315n00_bas.fits.Z"
CHANDRA = "chandra/data/byobsid/1/13751/primary/acisf13751N004_cntr_img2.fits.gz"


@pytest.fixture(scope="module")
def ours() -> BaseClient:
    return boto3.client("s3", config=Config(signature_version=UNSIGNED))


@pytest.fixture(scope="module")
def theirs() -> Iterator[BaseClient]:
    """Moto's S3 with copies of the objects of two folders."""
    server = ThreadedMotoServer(port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    client = boto3.client(
        "s3",
        endpoint_url=f"http://{host}:{port}",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        region_name="us-east-1",
        config=Config(proxies={}),
    )
    client.create_bucket(Bucket=BUCKET)
    for product in select(bucket=BUCKET):
        if product.key in (EVENTS, CHANDRA) or product.key.startswith(PREFIX):
            client.put_object(Bucket=BUCKET, Key=product.key, Body=ensure(product).read_bytes())
    yield client
    server.stop()


def body(range_: str | None) -> Callable[[BaseClient], object]:
    asked = {"Range": range_} if range_ else {}

    def ask(client: BaseClient) -> object:
        answer = client.get_object(Bucket=BUCKET, Key=EVENTS, **asked)
        return (
            answer["ResponseMetadata"]["HTTPStatusCode"],
            answer["ContentLength"],
            answer.get("ContentRange"),
            answer["Body"].read(),
        )

    return ask


def listing(**arguments: object) -> Callable[[BaseClient], object]:
    def ask(client: BaseClient) -> object:
        answer = client.list_objects_v2(Bucket=BUCKET, Prefix=PREFIX, **arguments)
        return (
            [(item["Key"], item["Size"]) for item in answer.get("Contents", [])],
            [item["Prefix"] for item in answer.get("CommonPrefixes", [])],
            answer["KeyCount"],
            answer["IsTruncated"],
            "NextContinuationToken" in answer,
        )

    return ask


def failure(operation: str, **arguments: object) -> Callable[[BaseClient], object]:
    def ask(client: BaseClient) -> object:
        with pytest.raises(ClientError) as caught:
            getattr(client, operation)(**arguments)
        response = caught.value.response
        return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]

    return ask


@pytest.mark.parametrize(
    "ask",
    [
        pytest.param(body(None), id="whole object"),
        pytest.param(body("bytes=0-99"), id="first bytes"),
        pytest.param(body("bytes=2880-5759"), id="middle"),
        pytest.param(body("bytes=-100"), id="last bytes"),
        pytest.param(body("bytes=1000-"), id="open end"),
        pytest.param(body("bytes=100-99999999999"), id="end behind the object"),
        pytest.param(listing(), id="list"),
        pytest.param(listing(Delimiter="_"), id="list with delimiter"),
        pytest.param(listing(MaxKeys=2), id="list a page"),
        pytest.param(listing(MaxKeys=1, Delimiter="_"), id="list a page with delimiter"),
        pytest.param(listing(StartAfter=EVENTS), id="list behind a key"),
        pytest.param(
            failure("get_object", Bucket=BUCKET, Key=EVENTS, Range="bytes=99999999999-"),
            id="range behind the object",
        ),
        pytest.param(failure("get_object", Bucket=BUCKET, Key="no/such"), id="missing key"),
        pytest.param(failure("head_object", Bucket=BUCKET, Key="no/such"), id="head missing key"),
        pytest.param(failure("list_objects_v2", Bucket="no-such-bucket"), id="missing bucket"),
        pytest.param(failure("get_object", Bucket="no-such-bucket", Key="x"), id="key there"),
    ],
)
def test_answers_as_an_independent_s3_does(ours, theirs, ask) -> None:
    assert ask(ours) == ask(theirs)


def test_pages_go_on_where_the_last_one_ended(ours) -> None:
    pages = ours.get_paginator("list_objects_v2").paginate(
        Bucket="nasa-irsa-wise", Delimiter="/", PaginationConfig={"PageSize": 1}, Prefix="wise/"
    )
    assert [item["Prefix"] for page in pages for item in page["CommonPrefixes"]] == [
        "wise/allwise/"
    ]


def test_every_folder_of_the_wide_listing_comes_once(ours) -> None:
    pages = ours.get_paginator("list_objects_v2").paginate(
        Bucket=BUCKET,
        Delimiter="/",
        Prefix="chandra/data/byobsid/",
        PaginationConfig={"PageSize": 3},
    )
    found = [item["Prefix"] for page in pages for item in page["CommonPrefixes"]]
    assert found == [f"chandra/data/byobsid/{digit}/" for digit in range(10)]


@pytest.mark.parametrize(
    "address",
    [
        f"https://{BUCKET}.s3.amazonaws.com/{EVENTS}",
        f"https://{BUCKET}.s3.us-east-1.amazonaws.com/{EVENTS}",
        f"https://s3.amazonaws.com/{BUCKET}/{EVENTS}",
        f"https://s3.us-east-1.amazonaws.com/{BUCKET}/{EVENTS}",
        f"http://{BUCKET}.s3.amazonaws.com/{EVENTS}",
    ],
)
def test_every_form_of_address_reaches_the_same_object(address: str) -> None:
    answer = requests.get(address, headers={"Range": "bytes=0-1"}, timeout=60)
    assert (answer.status_code, answer.content) == (206, b"\x1f\x9d")


def test_the_region_of_a_bucket_is_told(ours) -> None:
    assert ours.head_bucket(Bucket="nasa-irsa-wise")["BucketRegion"] == "us-west-2"
    assert ours.get_bucket_location(Bucket="nasa-irsa-wise")["LocationConstraint"] == "us-west-2"


def test_nothing_can_be_written(ours) -> None:
    with pytest.raises(ClientError, match="AccessDenied"):
        ours.put_object(Bucket=BUCKET, Key="mine", Body=b"x")


def test_s3fs_lists_globs_and_reads() -> None:
    fs = s3fs.S3FileSystem(anon=True)
    assert fs.glob(f"{BUCKET}/{PREFIX}*bas*") == [f"{BUCKET}/{EVENTS}"]
    with fs.open(f"{BUCKET}/{EVENTS}") as file:
        assert file.read(2) == b"\x1f\x9d"
        assert file.size == ensure(select(key=EVENTS)[0]).stat().st_size
