"""The counter of seconds, requests and bytes against the replica's own log."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import astropy.units as u
import boto3
import fsspec
import pytest
import pyvo
import requests
import s3fs
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astroquery.mast import Observations
from botocore import UNSIGNED
from botocore.config import Config
from replicas import RunningReplica

from helpers import Transfer, cutout, open_fits
from replica.holdings import select
from replica.storage.cache import ensure

CRAB = SkyCoord(83.633210, 22.014460, unit="deg")
ALLWISE = select(obs_id="0830p227_ac51", band="W1", kind="int")[0]
CHANDRA = select(obs_id="13751", kind="cntr_img2")[0]
ROSAT = select(obs_id="rs931315n00", kind="bas")[0]


@pytest.fixture(scope="module", autouse=True)
def made() -> None:
    for product in (ALLWISE, CHANDRA, ROSAT):
        ensure(product)


def address(product) -> str:
    return f"s3://{product.bucket}/{product.key}"


def ask_s3fs() -> None:
    fs = s3fs.S3FileSystem(anon=True, skip_instance_cache=True)
    fs.ls("nasa-heasarc/rosat/data/pspc/processed_data/900000/rs931315n00")
    with fs.open(address(ROSAT), block_size=2**20) as file:
        file.read()


def ask_fsspec() -> None:
    with fsspec.open(f"http://heasarc.gsfc.nasa.gov/FTP/{ROSAT.key}", "rb") as file:
        file.read()


def ask_boto3() -> None:
    client = boto3.client("s3", config=Config(signature_version=UNSIGNED))
    client.head_object(Bucket=ROSAT.bucket, Key=ROSAT.key)
    client.get_object(Bucket=ROSAT.bucket, Key=ROSAT.key)["Body"].read()


def ask_requests() -> None:
    url = f"https://heasarc.gsfc.nasa.gov/FTP/{CHANDRA.key}"
    requests.get(url, timeout=60)
    with requests.get(url, timeout=60, stream=True) as answer:
        for _ in answer.iter_content(10_000):
            pass
    requests.get(f"{url}.missing", timeout=60)


def ask_pyvo() -> None:
    service = pyvo.dal.SIAService("https://irsa.ipac.caltech.edu/ibe/sia/wise/allwise/p3am_cdd?")
    service.search(pos=CRAB, size=0.1)
    pyvo.registry.search(servicetype="sia", keywords="chandra")


def ask_astroquery() -> None:
    found = Observations.query_criteria(
        coordinates=CRAB, radius=0.01 * u.deg, obs_collection="PS1", instrument_name="GPC1"
    )
    Observations.enable_cloud_dataset(verbose=False)
    Observations.get_cloud_uris(Observations.get_product_list(found[:1]), verbose=False)


def ask_astropy() -> None:
    with fits.open(address(ALLWISE), fsspec_kwargs={"anon": True}) as hdus:
        hdus[0].section[:100, :100]


def ask_helpers() -> None:
    cutout(address(ALLWISE), CRAB, 0.05 * u.deg)
    open_fits(address(CHANDRA)).close()


def ask_threads() -> None:
    with ThreadPoolExecutor(8) as pool:
        for done in [pool.submit(ask_requests) for _ in range(8)]:
            done.result()


@pytest.mark.parametrize(
    "ask",
    [
        ask_s3fs,
        ask_fsspec,
        ask_boto3,
        ask_requests,
        ask_pyvo,
        ask_astroquery,
        ask_astropy,
        ask_helpers,
        ask_threads,
    ],
    ids=lambda ask: ask.__name__.removeprefix("ask_"),
)
def test_figures_equal_the_log(shared_replica: RunningReplica, ask: Callable[[], None]) -> None:
    with shared_replica.requests_inside() as log, Transfer() as transfer:
        ask()
    sent = sum(entry["bytes"] for entry in log)
    assert transfer.requests == len(log) > 0
    assert transfer.bytes == pytest.approx(sent, rel=0.01)


def test_nothing_counts_outside_of_the_block() -> None:
    ask_requests()
    with Transfer() as transfer:
        pass
    ask_requests()
    assert (transfer.requests, transfer.bytes) == (0, 0)


def test_blocks_may_overlap() -> None:
    with Transfer() as outer:
        ask_requests()
        with Transfer() as inner:
            ask_requests()
    assert outer.requests == 2 * inner.requests
    assert outer.bytes == 2 * inner.bytes


def test_figures_can_be_read_while_it_counts() -> None:
    run = Transfer().start()
    ask_requests()
    before = run.requests
    ask_requests()
    assert run.requests == 2 * before
    run.stop()
    ask_requests()
    assert run.requests == 2 * before
    assert run.seconds > 0


def test_libraries_are_left_as_they_were() -> None:
    import http.client

    from aiohttp import ClientRequest, StreamReader

    def parts() -> list[object]:
        return [
            http.client.HTTPConnection.putrequest,
            http.client.HTTPResponse.begin,
            ClientRequest.send,
            StreamReader.feed_data,
        ]

    before = parts()
    with Transfer(), Transfer():
        assert parts() != before
    assert parts() == before


def test_it_reads_as_a_sentence() -> None:
    with Transfer() as transfer:
        ask_boto3()
    assert str(transfer).startswith("2 requests, 3.")
    assert " MB, " in str(transfer)
