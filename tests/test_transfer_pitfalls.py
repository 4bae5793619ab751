"""Pitfalls planted in small scripts without helpers are named at their line; good ways are not."""

from __future__ import annotations

import re
import runpy
import textwrap
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from threading import Barrier

import numpy as np
import pytest
from astropy.io import fits
from replicas import ROOT, file_server

from helpers import Transfer
from helpers.transfer.advice import Advice, one_by_one
from helpers.transfer.callers import Caller
from helpers.transfer.record import Record, RemoteFile
from replica.holdings import select
from replica.storage.cache import ensure

ALLWISE = select(obs_id="0830p227_ac51", band="W1", kind="int")[0]
PANSTARRS = select(obs_id="rings.v3.skycell.1784.059.stk.r", kind="unconv")[0]
CHANDRA = select(obs_id="13751", kind="cntr_img2")[0]
ROSAT = select(obs_id="rs931315n00", kind="bas")[0]
OBSERVATIONS = ("13751", "1994", "1995", "1996", "1998", "1999")
IMAGES = [select(obs_id=number, kind="cntr_img2")[0] for number in OBSERVATIONS]

#: What each script begins with: names of files of the replica.
NAMES = {
    "WISE": f"s3://{ALLWISE.bucket}/{ALLWISE.key}",
    "STACK": f"s3://{PANSTARRS.bucket}/{PANSTARRS.key}",
    "CHANDRA": f"s3://{CHANDRA.bucket}/{CHANDRA.key}",
    "ROSAT": f"https://heasarc.gsfc.nasa.gov/FTP/{ROSAT.key}",
    "KEYS": [image.key for image in IMAGES],
}


@pytest.fixture(scope="module", autouse=True)
def made() -> None:
    for product in (ALLWISE, PANSTARRS, ROSAT, *IMAGES):
        ensure(product)


@pytest.fixture(scope="module")
def long_file(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Serve a file of ten images of 1.4 MB, each behind its header."""
    folder = tmp_path_factory.mktemp("files")
    images = [fits.ImageHDU(np.zeros((600, 600), "f4"), name=f"CCD{n}") for n in range(10)]
    fits.HDUList([fits.PrimaryHDU(), *images]).writeto(folder / "long.fits")
    with file_server(folder) as base:
        yield f"{base}/long.fits"


@dataclass(frozen=True)
class Ran:
    """What was found in a script, and the line of it that is marked."""

    transfer: Transfer
    marked: str

    def found(self, pitfall: str) -> list[Advice]:
        return [advice for advice in self.transfer.advice() if advice.pitfall == pitfall]


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., Ran]:
    def run(script: str, **names: str) -> Ran:
        path = tmp_path / "planted.py"
        path.write_text(textwrap.dedent(script))
        lines = path.read_text().splitlines()
        numbers = [n for n, line in enumerate(lines, 1) if line.endswith("# here")]
        with Transfer() as transfer:
            runpy.run_path(str(path), {**NAMES, **names, "FOLDER": str(tmp_path)}, "__main__")
        return Ran(transfer, f"{path}:{numbers[0]}" if numbers else "")

    return run


PLANTED = {
    "read-ahead": """
        from astropy.io import fits

        with fits.open(WISE, fsspec_kwargs={"anon": True}) as hdus:  # here
            print(hdus[0].header["BAND"])
    """,
    "whole image read by .data": """
        from astropy.io import fits

        with fits.open(STACK, fsspec_kwargs={"anon": True, "default_block_size": 2**20}) as hdus:
            image = hdus[1].data  # here
        stamp = image[3000:3100, 3000:3100]
    """,
    "small blocks on a compressed file": """
        from astropy.io import fits

        small = {"anon": True, "default_block_size": 2**15}
        with fits.open(CHANDRA, fsspec_kwargs=small) as hdus:  # here
            print(hdus[0].data.sum())
    """,
    "same file opened again and again": """
        from astropy.io import fits
        from astropy.nddata import Cutout2D

        def stamp(position):
            options = {"anon": True, "default_block_size": 2**20}
            with fits.open(WISE, fsspec_kwargs=options) as hdus:  # here
                return Cutout2D(hdus[0].section, position, 64).data

        stamps = [stamp((2000, 1000 + 500 * number)) for number in range(4)]
    """,
    "HDU touched twice": """
        from astropy.io import fits

        options = {"anon": True, "default_block_size": 2**20}
        with fits.open(STACK, fsspec_kwargs=options) as hdus:
            pixels = hdus[1].section[3000:3010]
        unit = fits.getheader(STACK, 1, fsspec_kwargs=options).get("BUNIT")  # here
    """,
    "all headers read": """
        from astropy.io import fits

        options = {"block_size": 2**18}
        with fits.open(LONG, use_fsspec=True, fsspec_kwargs=options) as hdus:
            print(len(hdus), "HDUs")  # here
            middle = hdus[1].section[300:310]
    """,
    "metadata asked for before each read": """
        import boto3
        from botocore import UNSIGNED
        from botocore.config import Config

        client = boto3.client("s3", config=Config(signature_version=UNSIGNED))
        sizes = {}
        for key in KEYS[:4]:
            where = {"Bucket": "nasa-heasarc", "Key": key}
            sizes[key] = client.head_object(**where)["ContentLength"]  # here
            data = client.get_object(**where)["Body"].read()
            assert len(data) == sizes[key]
    """,
    "credentials for an open bucket": """
        import s3fs

        bucket = s3fs.S3FileSystem(key="mine", secret="hidden")
        data = bucket.cat_file(CHANDRA)  # here
    """,
    "new session for each request": """
        import requests

        for key in KEYS:
            answer = requests.get(f"https://nasa-heasarc.s3.amazonaws.com/{key}")  # here
    """,
    "one request after the other": """
        import s3fs

        bucket = s3fs.S3FileSystem(anon=True)
        images = []
        for key in KEYS:
            images.append(bucket.cat_file(f"nasa-heasarc/{key}", start=0))  # here
    """,
    "archive's own server instead of the cloud": """
        import requests

        events = requests.get(ROSAT).content  # here
    """,
    "whole file downloaded for a part": """
        from pathlib import Path
        import boto3
        from astropy.io import fits
        from astropy.nddata import Cutout2D
        from botocore import UNSIGNED
        from botocore.config import Config

        client = boto3.client("s3", config=Config(signature_version=UNSIGNED))
        bucket, key = WISE.removeprefix("s3://").split("/", 1)
        client.download_file(bucket, key, f"{FOLDER}/whole.fits")  # here
        with fits.open(f"{FOLDER}/whole.fits") as hdus:
            stamp = Cutout2D(hdus[0].data, (2000, 2000), 64).data
    """,
    "many small reads": """
        from astropy.io import fits

        options = {"anon": True, "default_cache_type": "none"}
        with fits.open(WISE, fsspec_kwargs=options) as hdus:
            stamp = hdus[0].section[2000:2040, 2000:2040]  # here
    """,
}


@pytest.mark.parametrize("pitfall", PLANTED)
def test_a_planted_pitfall_is_named_at_its_line(
    pitfall: str, run: Callable[..., Ran], long_file: str
) -> None:
    ran = run(PLANTED[pitfall], LONG=long_file)
    assert ran.marked in [advice.line for advice in ran.found(pitfall)]
    for advice in ran.found(pitfall):
        assert advice.evidence
        assert len(advice.remedy.splitlines()) == 1
        assert advice.code.endswith("# here")


def test_no_other_pitfall_is_named_beside_the_planted_one(
    run: Callable[..., Ran], long_file: str
) -> None:
    found = {
        pitfall: {advice.pitfall for advice in run(script, LONG=long_file).transfer.advice()}
        for pitfall, script in PLANTED.items()
    }
    # Who makes a session for each request also waits for each.
    found["new session for each request"].discard("one request after the other")
    assert {key: names for key, names in found.items() if names != {key}} == {}


def test_the_line_is_read_anew_after_an_edit(run: Callable[..., Ran]) -> None:
    """The same file name, with another script in it."""
    for comment in ("first", "second"):
        ran = run(f"import requests  # {comment}\nrequests.get(ROSAT)  # {comment} # here")
        assert [comment in advice.code for advice in ran.transfer.advice()] == [True]


TOUCHES_OF_HEADERS = (
    """
    from astropy.io import fits

    options = {"anon": True, "default_block_size": 2**20}
    if fits.getval(STACK, "NAXIS", 1, fsspec_kwargs=options) != 2:
        raise SystemExit("no image")
    first = fits.getheader(STACK, 0, fsspec_kwargs=options)  # here
    width = fits.getval(STACK, "NAXIS1", 1, fsspec_kwargs=options)
    height = fits.getval(STACK, "NAXIS2", 1, fsspec_kwargs=options)
    offset = fits.getval(STACK, "BOFFSET", 1, fsspec_kwargs=options)
    soften = fits.getval(STACK, "BSOFTEN", 1, fsspec_kwargs=options)
    exposure = fits.getval(STACK, "EXPTIME", 1, fsspec_kwargs=options)
    with fits.open(STACK, fsspec_kwargs=options) as hdus:
        rows = hdus[1].section[100:110]
    """,
    """
    from astropy.io import fits

    options = {"anon": True, "default_block_size": 2**20}
    with fits.open(STACK, fsspec_kwargs=options) as hdus:
        first, header = hdus[0].header, hdus[1].header
        width, height = header["NAXIS1"], header["NAXIS2"]
        offset, soften, exposure = header["BOFFSET"], header["BSOFTEN"], header["EXPTIME"]
        rows = hdus[1].section[100:110]
    """,
)
TOUCHES_IN_TURN = (
    """
    from astropy.io import fits

    options = {"block_size": 2**20}
    with fits.open(LONG, use_fsspec=True, fsspec_kwargs=options) as hdus:
        for row in range(100, 200, 10):
            image = hdus[1].section[row]  # here
            noise = hdus[3].section[row]
    """,
    """
    from astropy.io import fits

    options = {"block_size": 2**20}
    with fits.open(LONG, use_fsspec=True, fsspec_kwargs=options) as hdus:
        image, noise = hdus[1].section[100:200], hdus[3].section[100:200]
    """,
)


@pytest.mark.parametrize(
    "scripts", [TOUCHES_OF_HEADERS, TOUCHES_IN_TURN], ids=["of headers", "in turn"]
)
def test_following_the_advice_on_double_touches_makes_a_script_five_times_cheaper(
    scripts: tuple[str, str], run: Callable[..., Ran], long_file: str
) -> None:
    before, after = (run(script, LONG=long_file) for script in scripts)
    assert before.marked in [advice.line for advice in before.found("HDU touched twice")]
    assert after.found("HDU touched twice") == []
    assert before.transfer.requests >= 5 * after.transfer.requests
    assert before.transfer.bytes >= 4 * after.transfer.bytes


def test_a_range_spares_the_question_before_each_read(run: Callable[..., Ran]) -> None:
    """What the remedy against metadata says is true of the s3fs that is installed."""
    script = """
        import s3fs

        bucket = s3fs.S3FileSystem(anon=True)
        images = [bucket.cat_file(f"nasa-heasarc/{key}"START) for key in KEYS[:3]]  # here
    """
    pitfall = "metadata asked for before each read"
    before, after = (run(script.replace("START", start)) for start in ("", ", start=0"))
    # Older s3fs did not ask, whatever it was told.
    asked = before.transfer.requests > 3
    assert [advice.line for advice in before.found(pitfall)] == [before.marked] * asked
    assert after.transfer.requests == len(after.transfer.log) == 3
    assert after.transfer.advice() == []


#: The ways of reading that the notebooks recommend, and what they ask besides.
GOOD = {
    "IRSA, search and listing": """
        import pyvo, s3fs
        import astropy.units as u
        from astropy.coordinates import SkyCoord

        allwise = pyvo.dal.SIAService("https://irsa.ipac.caltech.edu/ibe/sia/wise/allwise/p3am_cdd?")
        crab = SkyCoord(83.63321, 22.01446, unit="deg")
        images = allwise.search(pos=crab, size=0.0889 * u.deg, intersect="covers")
        bucket = s3fs.S3FileSystem(anon=True)
        for item in bucket.ls(WISE.rsplit("/", 1)[0], detail=True):
            print(item["size"])
        print(bucket.info(WISE)["size"])
    """,
    "IRSA, blocks of 1 MiB": """
        import astropy.units as u
        from astropy.coordinates import SkyCoord
        from astropy.io import fits
        from astropy.nddata import Cutout2D
        from astropy.wcs import WCS

        crab = SkyCoord(83.63321, 22.01446, unit="deg")
        with fits.open(WISE, fsspec_kwargs={"anon": True, "default_block_size": 2**20}) as hdus:
            Cutout2D(hdus[0].section, crab, 0.111 * u.deg, wcs=WCS(hdus[0].header))
    """,
    "IRSA, helpers": """
        import astropy.units as u
        from astropy.coordinates import SkyCoord
        from helpers import cloud_location, cutout

        crab = SkyCoord(83.63321, 22.01446, unit="deg")
        first = cutout(cloud_location(WISE), crab, 0.111 * u.deg)
        second = cutout(cloud_location(WISE), crab, 0.05 * u.deg)
    """,
    "MAST, search and cloud addresses": """
        import astropy.units as u
        from astropy.coordinates import SkyCoord
        from astroquery.mast import Observations

        found = Observations.query_criteria(
            coordinates=SkyCoord(83.63321, 22.01446, unit="deg"), radius=0.01 * u.deg,
            obs_collection="PS1", instrument_name="GPC1",
        )
        products = Observations.get_product_list(found[found["filters"] == "r"])
        Observations.enable_cloud_dataset(provider="AWS", verbose=False)
        Observations.get_cloud_uris(products, return_uri_map=True, verbose=False)
    """,
    "MAST, sections": """
        from astropy.io import fits

        with fits.open(STACK, fsspec_kwargs={"anon": True, "default_block_size": 2**20}) as hdus:
            hdus.info()
            header, rows = hdus[1].header, hdus[1].section[2500:3500, 2500:3500]
    """,
    "MAST, helpers": """
        import astropy.units as u
        from astropy.coordinates import SkyCoord
        from helpers import cutout

        stamp = cutout(STACK, SkyCoord(83.63321, 22.01446, unit="deg"), 0.111 * u.deg)
    """,
    "HEASARC, registry, search and DataLink": """
        import astropy.units as u
        import pyvo
        from astropy.coordinates import SkyCoord

        services = pyvo.registry.search(servicetype="sia", keywords="chandra")
        crab = SkyCoord(83.63321, 22.01446, unit="deg")
        found = services["ivo://nasa.heasarc/chanmaster"].search(
            pos=crab, size=0.0889 * u.deg, format="image/fits"
        )
        links = pyvo.dal.adhoc.DatalinkResults.from_result_url(found[0]["access_url"])
    """,
    "HEASARC, a compressed file with the defaults": """
        from astropy.io import fits

        with fits.open(CHANDRA, fsspec_kwargs={"anon": True}) as hdus:
            print(hdus[0].data.sum())
    """,
    "HEASARC, helpers": """
        from astropy.nddata import Cutout2D
        from helpers import open_fits

        with open_fits(CHANDRA) as hdus:
            torus = Cutout2D(hdus[0].data, (512, 512), 100, copy=True)
    """,
    "ROSAT, listing and one file": """
        import s3fs

        key = ROSAT.split("/FTP/", 1)[1]
        bucket = s3fs.S3FileSystem(anon=True)
        for item in bucket.ls(f"nasa-heasarc/{key.rsplit('/', 1)[0]}", detail=True):
            print(item["name"])
        compressed = bucket.cat_file(f"s3://nasa-heasarc/{key}")
        assert len(compressed) == bucket.info(f"s3://nasa-heasarc/{key}")["size"]
    """,
    "all pixels are used": """
        from astropy.io import fits

        with fits.open(WISE, fsspec_kwargs={"anon": True}) as hdus:
            image = hdus[0].data
        print(image.mean(), image[:20, :20].mean())
    """,
    "many at once": """
        from concurrent.futures import ThreadPoolExecutor
        import requests

        session = requests.Session()
        urls = [f"https://nasa-heasarc.s3.amazonaws.com/{key}" for key in KEYS]
        with session, ThreadPoolExecutor(6) as pool:
            images = list(pool.map(session.get, urls))
    """,
    "all HDUs are used": """
        from astropy.io import fits

        options = {"block_size": 2**18}
        with fits.open(LONG, use_fsspec=True, fsspec_kwargs=options) as hdus:
            print([hdu.data.mean() for hdu in hdus if hdu.data is not None])
    """,
    "each step follows from the last one": """
        import requests

        page, session = 0, requests.Session()
        while page < 6:
            url = f"https://irsa.ipac.caltech.edu/ibe/sia/wise/allwise/p3am_cdd?POS=83.6,22&SIZE=0.{page}"
            page += session.get(url).ok
    """,
    "many cutouts of a whole file": """
        from pathlib import Path
        import s3fs
        from astropy.io import fits
        from astropy.nddata import Cutout2D

        s3fs.S3FileSystem(anon=True).get_file(WISE, f"{FOLDER}/whole.fits")
        with fits.open(f"{FOLDER}/whole.fits") as hdus:
            for row in range(100, 4000, 100):
                stamp = Cutout2D(hdus[0].data, (row, 2000), 64).data
    """,
}


@pytest.mark.parametrize("way", GOOD)
def test_a_good_way_is_left_in_peace(way: str, run: Callable[..., Ran], long_file: str) -> None:
    ran = run(GOOD[way], LONG=long_file)
    assert ran.transfer.requests > 0
    assert list(map(str, ran.transfer.advice())) == []


@pytest.mark.parametrize(("threads", "in_turn"), [(1, True), (6, False)])
def test_requests_in_turn_are_those_of_one_thread(threads: int, in_turn: bool) -> None:
    def request(_number: int) -> Record:
        meeting.wait()  # each thread has its own, however quick another one is
        record = Record("GET", "https://a.org/b", Caller(), RemoteFile("https://a.org/b"))
        record.answer(200, {})
        return record

    meeting = Barrier(threads)
    with ThreadPoolExecutor(threads) as pool:
        records = sorted(pool.map(request, range(6)), key=lambda record: record.began)
    for earlier, later in pairwise(records):
        earlier.ended = later.began
    assert one_by_one(records) == in_turn


def test_a_read_from_another_region_is_named(
    run: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    script = """
        import s3fs

        rows = s3fs.S3FileSystem(anon=True).cat_file(WISE, start=0, end=2_000_000)  # here
    """
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    for region, expected in (("us-east-1", 1), ("us-west-2", 0), ("", 0)):
        monkeypatch.setenv("AWS_REGION", region)
        ran = run(script)
        assert [advice.line for advice in ran.transfer.advice()] == [ran.marked] * expected
        assert len(ran.found("read across regions")) == expected


def test_a_fall_back_after_the_cloud_refused_is_named(run: Callable[..., Ran]) -> None:
    script = """
        import requests

        url = "https://heasarc.gsfc.nasa.gov/FTP/rosat/data/pspc/processed_data/900000/rs931315n00/"
        name = "rs931315n00_bas.fits.Z"
        answer = requests.get(f"https://stpubdata.s3.amazonaws.com/hst/public/u2u6/{name}")
        if answer.status_code != 200:
            answer = requests.get(url + name)  # here
    """
    ran = run(script)
    (advice,) = ran.found("archive's own server instead of the cloud")
    assert advice.line == ran.marked


@pytest.mark.parametrize("client", ["boto3", "s3fs"])
def test_a_look_for_credentials_in_vain_is_named(
    client: str, run: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Without any: botocore finds none, and the request is never sent."""
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    scripts = {
        "boto3": """
            import boto3
            from botocore.exceptions import NoCredentialsError

            client = boto3.Session().client("s3")  # here
            try:
                client.get_object(Bucket="nasa-heasarc", Key=KEYS[0])
            except NoCredentialsError:
                pass
        """,
        "s3fs": """
            import s3fs
            from botocore.exceptions import NoCredentialsError

            try:
                s3fs.S3FileSystem(skip_instance_cache=True).ls("nasa-heasarc/rosat")  # here
            except NoCredentialsError:
                pass
        """,
    }
    ran = run(scripts[client])
    assert [advice.line for advice in ran.found("credentials for an open bucket")] == [ran.marked]


def test_credentials_for_a_bucket_that_needs_them_are_no_pitfall(run: Callable[..., Ran]) -> None:
    script = """
        import s3fs
        from botocore.exceptions import ClientError

        try:
            s3fs.S3FileSystem(key="mine", secret="hidden").ls("my-own-bucket/folder")
        except (OSError, ClientError):
            pass
    """
    assert run(script).found("credentials for an open bucket") == []


def test_services_asked_through_new_sessions_are_named(run: Callable[..., Ran]) -> None:
    """pyvo makes a session for each DataLink table that it is not given one for."""
    script = """
        import astropy.units as u
        import pyvo
        from astropy.coordinates import SkyCoord

        crab = SkyCoord(83.63321, 22.01446, unit="deg")
        service = pyvo.dal.SIAService("https://heasarc.gsfc.nasa.gov/xamin/vo/sia?table=chanmaster&")
        for record in list(service.search(pos=crab, size=0.0889 * u.deg, format="image/fits"))[:6]:
            pyvo.dal.adhoc.DatalinkResults.from_result_url(record["access_url"])  # here
    """
    ran = run(script)
    lines = {advice.line for advice in ran.found("new session for each request")}
    assert lines == {ran.marked}


def test_a_download_of_astroquery_from_its_own_server_is_named(run: Callable[..., Ran]) -> None:
    script = """
        from astroquery.mast import Observations

        Observations.disable_cloud_dataset()
        uri = "mast:PS1/product/" + STACK.rsplit("/", 1)[1]
        Observations.download_file(uri, local_path=f"{FOLDER}/stack.fits", verbose=False)  # here
    """
    ran = run(script)
    (advice,) = ran.found("archive's own server instead of the cloud")
    assert advice.line == ran.marked
    assert NAMES["STACK"] in advice.remedy


@pytest.mark.parametrize("pitfall", [*PLANTED, "read across regions"])
def test_a_pitfall_is_on_its_page(pitfall: str) -> None:
    page = (ROOT / "docs" / "transfer.md").read_text(encoding="utf-8")
    assert f"\n| {pitfall} | " in page


def test_the_script_of_the_page_falls_into_what_the_page_says(run: Callable[..., Ran]) -> None:
    page = (ROOT / "docs" / "transfer.md").read_text(encoding="utf-8")
    script = page.partition("```python\n")[2].partition("```")[0]
    said = re.findall(r"^my_script\.py:(\d+): (.*)$", page, re.MULTILINE)
    advice = run(script).transfer.advice()
    assert [(found.line.rpartition(":")[2], found.pitfall) for found in advice] == said
    assert all(found.evidence.partition(" of rings")[0] in page for found in advice)
    assert all(found.remedy in page and found.code in page for found in advice)
