"""Pitfalls planted in small scripts without helpers are named at their line; good ways are not."""

from __future__ import annotations

import runpy
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from replicas import file_server

from helpers import Transfer
from helpers.transfer.advice import Advice
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
    assert [advice.line for advice in before.found(pitfall)] == [before.marked]
    assert after.transfer.requests == len(after.transfer.log) == 3
    assert after.transfer.advice() == []
