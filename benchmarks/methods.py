"""How people make a cutout today, each way with public libraries only; and helpers.

Each way takes a `Case` and returns the pixels.  Before the clock starts, `Method.warm` makes
what a session has anyway: imported modules, and the client object of S3 without a
connection.  Connections, and TLS in them, are on the clock.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import astropy.units as u
import numpy as np
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.nddata import Cutout2D
from astropy.wcs import WCS

from benchmarks.cases import Case

#: The Crab pulsar, and the width that the original tutorial cuts.
POSITION = SkyCoord(83.633210, 22.014460, unit="deg")
SIZE = 0.0889 * u.deg

DEFAULTS = {"anon": True}
SMALL_BLOCKS = {"anon": True, "default_block_size": 2**20}


@dataclass(frozen=True)
class Method:
    """A way of working.

    Attributes
    ----------
    cut : callable
        Makes the cutout of a `Case`.
    warm : callable
        Makes what is there before, such as a client object; sends nothing.
    package : str
        What must be installed.
    """

    cut: Callable[[Case], np.ndarray]
    warm: Callable[[], object]
    package: str

    @property
    def installed(self) -> bool:
        """Whether its package is there."""
        return find_spec(self.package) is not None


def pixels(hdus: fits.HDUList, case: Case, *, section: bool) -> np.ndarray:
    """Cut the case's part out of an open file by ``.section`` or ``.data``."""
    image = hdus[case.hdu]
    array = image.section if section else image.data
    return np.array(Cutout2D(array, POSITION, SIZE, wcs=WCS(image.header)).data)


def _original(case: Case) -> np.ndarray:
    with fits.open(case.uri, use_fsspec=True, fsspec_kwargs=DEFAULTS) as hdus:
        return pixels(hdus, case, section=case.original == ".section")


def _section(case: Case) -> np.ndarray:
    with fits.open(case.uri, use_fsspec=True, fsspec_kwargs=SMALL_BLOCKS) as hdus:
        return pixels(hdus, case, section=True)


def _astrocut(case: Case) -> np.ndarray:
    from astrocut import FITSCutout

    made = FITSCutout(case.uri, POSITION, SIZE, extension=case.hdu).fits_cutouts
    return np.array(made[0][-1].data)


def download(case: Case, folder: Path) -> Path:
    """Download a case's file as boto3 does it."""
    bucket, _, key = case.uri.removeprefix("s3://").partition("/")
    path = folder / "image.fits"
    _boto3_client().download_file(bucket, key, str(path))
    return path


def _download_and_cut(case: Case) -> np.ndarray:
    with TemporaryDirectory() as folder, fits.open(download(case, Path(folder))) as hdus:
        return pixels(hdus, case, section=True)


def _helpers(case: Case) -> np.ndarray:
    import helpers

    return helpers.cutout(case.uri, POSITION, SIZE).data


def warm_s3fs(options: dict[str, Any]) -> None:
    """Make the file system that ``fits.open`` will find, with its client."""
    import s3fs

    s3fs.S3FileSystem(**options).connect()


@lru_cache(maxsize=1)
def _boto3_client() -> Any:
    import boto3
    from botocore import UNSIGNED
    from botocore.config import Config

    return boto3.client("s3", config=Config(signature_version=UNSIGNED))


def _warm_astrocut() -> None:
    import astrocut  # noqa: F401

    warm_s3fs(DEFAULTS)


def warm_helpers() -> None:
    """Import what helpers imports when it is first used."""
    import requests  # noqa: F401
    from tqdm import tqdm  # noqa: F401

    import helpers.image_cutouts  # noqa: F401


def warm_astropy() -> None:
    """Cut a small image in memory, plain and compressed, so that astropy has its tables."""
    cards = {"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRPIX1": 32.0, "CRPIX2": 32.0}
    cards |= {"CRVAL1": POSITION.ra.deg, "CRVAL2": POSITION.dec.deg, "CDELT1": -0.1, "CDELT2": 0.1}
    image = np.zeros((64, 64), np.float32)
    compressed = fits.CompImageHDU(image, fits.Header(cards))
    stored = io.BytesIO()
    fits.HDUList([fits.PrimaryHDU(image, fits.Header(cards)), compressed]).writeto(stored)
    stored.seek(0)
    with fits.open(stored) as hdus:
        for hdu in hdus:
            Cutout2D(hdu.section, POSITION, 8, wcs=WCS(hdu.header))


#: Names as the tables say them.
HELPERS = "helpers"
ORIGINAL = "the original tutorial's way"
METHODS = {
    ORIGINAL: Method(_original, lambda: warm_s3fs(DEFAULTS), "s3fs"),
    "`.section`, blocks of 1 MiB": Method(_section, lambda: warm_s3fs(SMALL_BLOCKS), "s3fs"),
    "astrocut": Method(_astrocut, _warm_astrocut, "astrocut"),
    "boto3 download": Method(_download_and_cut, _boto3_client, "boto3"),
    HELPERS: Method(_helpers, warm_helpers, "helpers"),
}
