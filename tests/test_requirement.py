"""``require=``: a product is in the cloud, or in the region, or there is an error."""

from __future__ import annotations

import json
import logging

import pytest
from replicas import RunningReplica

from helpers import (
    ArchiveAccessError,
    CloudLocationError,
    RequirementError,
    cloud_location,
    open_fits,
)
from helpers.cloud import requirement
from replica.holdings import select
from replica.storage.cache import ensure

CHANDRA = select(obs_id="13751", kind="cntr_img2")[0]
URI = f"s3://{CHANDRA.bucket}/{CHANDRA.key}"
WEB = f"https://heasarc.gsfc.nasa.gov/FTP/{CHANDRA.key}"
ELSEWHERE = "https://archive.example.org/image.fits"


def mirrors(*regions: str) -> str:
    copies = [
        {"bucket_name": f"b-{region}", "key": "a.fits", "region": region} for region in regions
    ]
    return json.dumps({"aws": copies})


@pytest.fixture(autouse=True)
def nothing_said() -> None:
    requirement._say_once.cache_clear()


@pytest.mark.parametrize(
    ("product", "require", "uri"),
    [
        (URI, "cloud", URI),
        (WEB, "cloud", URI),
        (WEB, "us-east-1", URI),
        (cloud_location(URI), "us-east-1", URI),
        ({"access_url": WEB, "cloud_access": ""}, "cloud", URI),
        # The first column names the archive's own server, the second one the cloud.
        ({"access_url": ELSEWHERE, "sia_url": WEB}, "cloud", URI),
        (mirrors("us-east-1", "us-west-2"), "us-west-2", "s3://b-us-west-2/a.fits"),
        (mirrors("us-east-1", "us-west-2"), "cloud", "s3://b-us-east-1/a.fits"),
        ({"cloud_access": mirrors("us-west-2"), "access_url": WEB}, "us-east-1", URI),
    ],
)
def test_the_best_place_is_found(product: object, require: str, uri: str) -> None:
    assert cloud_location(product, require=require).uri == uri


@pytest.mark.parametrize(
    ("product", "require", "words", "url"),
    [
        (ELSEWHERE, "cloud", "archive.example.org, the archive's own server", ELSEWHERE),
        ({"access_url": ELSEWHERE}, "cloud", "not in the cloud", ELSEWHERE),
        (URI, "us-west-2", "not in the region us-west-2 but in us-east-1", URI),
        ("s3://unknown-bucket/a.fits", "us-west-2", "a region that is not known", "s3://unknown-bucket/a.fits"),
        (mirrors("us-east-1", "us-east-2"), "eu-west-1", "us-east-1, in us-east-2", "s3://b-us-east-1/a.fits"),
    ],
)  # fmt: skip
def test_a_product_that_is_elsewhere_is_an_error(
    product: object, require: str, words: str, url: str
) -> None:
    with pytest.raises(RequirementError, match=words) as caught:
        cloud_location(product, require=require)
    assert isinstance(caught.value, ArchiveAccessError)
    assert caught.value.url == url


@pytest.mark.parametrize("require", ["", "Cloud", "virginia", "us-east"])
def test_what_is_no_requirement_is_refused(require: str) -> None:
    with pytest.raises(CloudLocationError, match="require is 'cloud' or a region"):
        cloud_location(URI, require=require)


def test_without_it_everything_is_as_before() -> None:
    assert cloud_location({"access_url": ELSEWHERE, "sia_url": WEB}).uri == ELSEWHERE
    with pytest.raises(CloudLocationError, match="neither a cloud copy nor a URL"):
        cloud_location({"access_url": ""}, require="cloud")


def test_open_fits_reads_the_cloud_copy_or_nothing(shared_replica: RunningReplica) -> None:
    ensure(CHANDRA)
    with shared_replica.requests_inside() as log, open_fits(WEB, require="cloud") as hdus:
        assert hdus[0].header["OBS_ID"] == "13751"
    assert {entry["host"] for entry in log} == {"nasa-heasarc.s3.us-east-1.amazonaws.com"}
    with shared_replica.requests_inside() as log, pytest.raises(RequirementError):
        open_fits(ELSEWHERE, require="cloud")
    assert log == []


def test_a_fall_back_is_said_once_for_each_server(
    caplog: pytest.LogCaptureFixture, shared_replica: RunningReplica
) -> None:
    weight = next(product for product in select(kind="unconv.wt") if not product.bucket)
    place = cloud_location(
        {
            "access_url": f"https://mast.stsci.edu/api/v0.1/Download/file?uri=mast:HST/{weight.filename}"
        }
    )
    assert not place.in_cloud
    for _ in range(3):
        with caplog.at_level(logging.WARNING), pytest.raises(ArchiveAccessError):
            open_fits(place)
    assert [record.name for record in caplog.records] == ["helpers.cloud.requirement"]
    assert "mast.stsci.edu, the archive's own server" in caplog.text


def test_an_address_that_is_given_is_no_fall_back(caplog: pytest.LogCaptureFixture) -> None:
    ensure(CHANDRA)
    with caplog.at_level(logging.WARNING):
        open_fits(WEB).close()
        open_fits(URI).close()
    assert caplog.records == []
