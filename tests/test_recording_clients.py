"""Each client of the field is recorded, and replayed byte for byte with no network."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import boto3
import pytest
from botocore.client import BaseClient
from botocore.config import Config
from moto.server import ThreadedMotoServer
from recording_tools import command, index, nowhere
from replicas import RunningReplica, fresh_environment

BUCKET = "nasa-heasarc"
FOLDER = "chandra/data/byobsid/1/13751/primary"
KEY = f"{FOLDER}/acisf13751N004_cntr_img2.fits.gz"
OBJECT = f"https://{BUCKET}.s3.amazonaws.com/{KEY}"
SIA = "https://irsa.ipac.caltech.edu/SIA?POS=circle+83.6+22.0+0.1&COLLECTION=wise_allwise"
TAP = "http://reg.g-vo.org/tap"
QUERY = "SELECT TOP 5 ivoid FROM rr.resource"

#: Ends each script: what came, as one number.
SHOW = "import hashlib; print(len(data), hashlib.sha256(data).hexdigest())\n"
PYTHON = {
    "requests": f"""
import requests
session = requests.Session()
data = session.get({OBJECT!r}).content + session.get({SIA!r}).content
data += session.get({OBJECT!r}, headers={{"Range": "bytes=-100"}}).content
data += session.post({TAP + "/sync"!r}, data={{"REQUEST": "doQuery", "LANG": "ADQL",
    "QUERY": {QUERY!r}}}).content
data += str(sorted(session.head({OBJECT!r}).headers.items())).encode()
""",
    "urllib": f"""
from urllib.request import Request, urlopen
data = urlopen({SIA!r}).read() + urlopen({OBJECT!r}).read()
data += urlopen(Request({OBJECT!r}, headers={{"Range": "bytes=5-500"}})).read()
""",
    "httpx": f"""
import httpx
with httpx.Client() as client:
    data = client.get({SIA!r}).content
    with client.stream("GET", {OBJECT!r}) as answer:
        data += b"".join(answer.iter_raw())
""",
    "aiohttp": f"""
import aiohttp, asyncio
async def main():
    async with aiohttp.ClientSession(trust_env=True) as session:
        found = []
        for url in ({SIA!r}, {OBJECT!r}):
            async with session.get(url) as answer:
                found.append(await answer.read())
        return b"".join(found)
data = asyncio.run(main())
""",
    "boto3": f"""
import boto3
from botocore import UNSIGNED
from botocore.config import Config
client = boto3.client("s3", config=Config(signature_version=UNSIGNED))
where = {{"Bucket": {BUCKET!r}, "Key": {KEY!r}}}
data = client.get_object(**where)["Body"].read()
data += client.get_object(**where, Range="bytes=1000-1999")["Body"].read()
data += client.head_object(**where)["ETag"].encode()
pages = client.get_paginator("list_objects_v2").paginate(Bucket={BUCKET!r}, Prefix={FOLDER!r})
data += str([item for page in pages for item in page["Contents"]]).encode()
""",
    "s3fs": f"""
import s3fs
cloud = s3fs.S3FileSystem(anon=True)
data = cloud.cat_file({BUCKET + "/" + KEY!r}, start=10, end=5000)
with cloud.open({BUCKET + "/" + KEY!r}, block_size=20_000) as file:
    file.seek(100_000)
    data += file.read(5)
    file.seek(0)
    data += file.read()
data += str(cloud.ls({BUCKET + "/" + FOLDER!r})).encode()
""",
    "pyvo": f"""
import pyvo
service = pyvo.dal.TAPService({TAP!r})
data = repr(service.search({QUERY!r}).to_table()).encode()
data += repr(service.run_async({QUERY!r}).to_table()).encode()  # a job, asked for its phase
images = pyvo.dal.SIAService("https://irsa.ipac.caltech.edu/ibe/sia/wise/allwise/p3am_cdd?")
data += repr(images.search(pos=(83.63, 22.01), size=0.05).to_table()).encode()
""",
    "astroquery": """
from astroquery.mast import Observations
rows = Observations.query_criteria(coordinates="83.63 22.01", radius="0.01 deg",
    obs_collection="PS1")
data = repr(sorted(rows["obsid"])).encode()
products = Observations.get_product_list(rows[0])
data += repr(list(products["productFilename"])).encode()
""",
}
CURL = f"curl -sS '{SIA}' {OBJECT} | sha256sum; curl -sS -r 100-299 {OBJECT} | sha256sum; "
CURL += f"curl -sS --compressed -d 'REQUEST=doQuery&LANG=ADQL&QUERY={QUERY}' {TAP}/sync | sha256sum"
# Built with GnuTLS it knows no variable for certificates.
WGET = f"wget -q --ca-certificate=$SSL_CERT_FILE -O - '{SIA}' {OBJECT} | sha256sum"
AWSCLI = f"aws s3 cp --no-sign-request s3://{BUCKET}/{KEY} - | sha256sum; "
AWSCLI += f"aws s3 ls --no-sign-request s3://{BUCKET}/{FOLDER}/"
# Java takes proxies and certificates as properties.
STILTS = f"""
rm -f "$TRUST"
keytool -importcert -noprompt -alias r -file "$SSL_CERT_FILE" -keystore "$TRUST" \\
    -storetype PKCS12 -storepass changeit 2> /dev/null
address=${{HTTPS_PROXY#http://}}
host=${{address%:*}} port=${{address#*:}}
java="-Dhttp.proxyHost=$host -Dhttp.proxyPort=$port -Dhttps.proxyHost=$host"
java="$java -Dhttps.proxyPort=$port -Djavax.net.ssl.trustStore=$TRUST"
java="$java -Djavax.net.ssl.trustStorePassword=changeit"
stilts $java tpipe in='{SIA}' ifmt=votable omode=out ofmt=csv out=- | sha256sum
stilts $java tapquery tapurl={TAP} adql='{QUERY}' sync=true ofmt=csv out=- | sha256sum
"""
#: Those that take longest; the others show the same on each run of the tests.
SLOW = ("aiohttp", "httpx", "pyvo", "astroquery", "aws", "stilts")
SHELL = {"curl": CURL, "wget": WGET, "aws": AWSCLI, "stilts": STILTS}
EMPTY = "e3b0c44298fc1c14"  # how the SHA-256 of nothing begins


def slow_ones_marked(clients: Iterable[str]) -> list[object]:
    return [
        pytest.param(client, marks=pytest.mark.slow if client in SLOW else ()) for client in clients
    ]


def through(replica: RunningReplica) -> dict[str, str]:
    """The variables of a machine whose own proxy is a replica."""
    return {k: v for k, v in replica.environment.items() if "ARCHIVES" not in k}


def recorded_and_replayed(
    path: Path, program: list[str], upstream: dict[str, str], **variables: str
) -> tuple[str, str]:
    """Return what a program printed when recorded, and when replayed without a network."""
    live = command("record", str(path), "--", *program, **(upstream | variables))
    assert live.returncode == 0, live.stderr
    again = command("run", "--recording", str(path), "--", *program, **(nowhere() | variables))
    assert again.returncode == 0, again.stderr
    assert "refused" not in again.stderr, again.stderr
    return live.stdout, again.stdout


@pytest.mark.parametrize("client", slow_ones_marked(PYTHON))
def test_a_python_client_gets_the_same_bytes(
    tmp_path: Path, shared_replica: RunningReplica, client: str
) -> None:
    program = ["python", "-c", PYTHON[client] + SHOW]
    upstream = through(shared_replica)
    live, again = recorded_and_replayed(tmp_path / "r", program, upstream)
    assert live == again
    assert int(live.split()[0]) > 50


@pytest.mark.parametrize("client", slow_ones_marked(SHELL))
def test_a_program_gets_the_same_bytes(
    tmp_path: Path, shared_replica: RunningReplica, client: str
) -> None:
    needed = [client, *(["java", "keytool"] if client == "stilts" else [])]
    if missing := [name for name in needed if shutil.which(name) is None]:
        pytest.skip(f"{', '.join(missing)} not installed")
    program = ["bash", "-o", "pipefail", "-ec", SHELL[client]]
    variables = {"TRUST": str(tmp_path / "trust.p12"), "AWS_DEFAULT_REGION": "us-east-1"}
    upstream = through(shared_replica)
    live, again = recorded_and_replayed(tmp_path / "r", program, upstream, **variables)
    assert live == again
    assert live
    assert EMPTY not in live


@pytest.fixture
def moto() -> Iterator[BaseClient]:
    """An S3 that nobody here wrote, at an address that NO_PROXY does not name."""
    server = ThreadedMotoServer(ip_address="0.0.0.0", port=0, verbose=False)
    server.start()
    url = f"http://0.0.0.0:{server.get_host_and_port()[1]}"
    client = boto3.client(
        "s3",
        endpoint_url=url,
        aws_access_key_id="AKIAIOSFODNN7EXAMPLE",
        aws_secret_access_key="wJalrXUtnFEMI/K7MDENG",
        region_name="us-east-1",
        config=Config(proxies={}, s3={"addressing_style": "path"}),
    )
    client.create_bucket(Bucket="images")
    client.put_object(Bucket="images", Key="tile/a.fits", Body=bytes(range(256)) * 4000)
    client.put_object(Bucket="images", Key="tile/b c.txt", Body=b"text")
    yield client
    server.stop()


MOTO = """
import boto3, s3fs, sys
from botocore.config import Config
from botocore.exceptions import ClientError
url = sys.argv[1]
keys = {"aws_access_key_id": "AKIAIOSFODNN7EXAMPLE", "aws_secret_access_key": "wJalrXUtnFEMI"}
client = boto3.client("s3", endpoint_url=url, region_name="us-east-1", **keys)
def get(**more):
    answer = client.get_object(Bucket="images", Key="tile/a.fits", **more)
    facts = answer["ResponseMetadata"]["HTTPStatusCode"], answer["ETag"], answer.get("ContentRange")
    return repr(facts).encode() + answer["Body"].read()
data = get() + get(Range="bytes=5-99") + get(Range="bytes=-7")
etag = client.head_object(Bucket="images", Key="tile/a.fits")["ETag"]
data += get(IfMatch=etag, Range="bytes=1-2")
for more in ({"IfNoneMatch": etag}, {"IfMatch": '"x"'}, {"Range": "bytes=9999999-"}):
    try:
        data += get(**more)
    except ClientError as error:
        data += str(error).encode()
for prefix in ("", "tile/", "none/"):
    data += repr(client.list_objects_v2(Bucket="images", Prefix=prefix).get("Contents")).encode()
try:
    client.head_object(Bucket="images", Key="none")
except ClientError as error:
    data += str(error).encode()
cloud = s3fs.S3FileSystem(key=keys["aws_access_key_id"], secret=keys["aws_secret_access_key"],
    client_kwargs={"endpoint_url": url})
data += cloud.cat("images/tile/b c.txt")
with cloud.open("images/tile/a.fits", block_size=100_000) as file:
    data += file.read(300_000)
"""


def test_an_s3_that_nobody_here_wrote_is_recorded_and_replayed(
    tmp_path: Path, moto: BaseClient
) -> None:
    program = ["python", "-c", MOTO + SHOW, moto.meta.endpoint_url]
    live, again = recorded_and_replayed(tmp_path / "r", program, {})
    assert live == again
    assert int(live.split()[0]) > 1_300_000
    objects = [line for line in index(tmp_path / "r") if line["type"] == "version"]
    assert {line["url"].rpartition("/")[2] for line in objects} == {"a.fits", "b%20c.txt"}
    text = (tmp_path / "r" / "index.jsonl").read_text()
    assert "AKIA" not in text


@pytest.mark.slow
def test_what_pip_downloads_is_recorded_and_replayed(tmp_path: Path) -> None:
    """The package index of this machine, whatever it is: it made this environment."""
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-cache-dir"]
    packages = ["idna==3.10", "sortedcontainers==2.4.0", "pyvo==1.6"]

    def download(folder: str) -> list[str]:
        target = ["--no-deps", "--dest", str(tmp_path / folder), *packages]
        return [*pip, "download", "--quiet", *target]

    if subprocess.run(download("plain"), env=fresh_environment(), capture_output=True).returncode:
        pytest.skip("no package index is within reach")
    path = str(tmp_path / "r")
    live = command("record", path, "--", *download("live"))
    assert live.returncode == 0, live.stderr
    again = command("run", "--recording", path, "--", *download("again"), **nowhere())
    assert again.returncode == 0, again.stderr
    assert len(list((tmp_path / "live").iterdir())) == 3
    for file in (tmp_path / "live").iterdir():
        assert (tmp_path / "again" / file.name).read_bytes() == file.read_bytes()
