"""Open a FITS file wherever it is: in the cloud, at an archive, on this machine."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from helpers.cloud.location import CloudLocation, cloud_location
from helpers.compression.formats import decompress
from helpers.errors import ArchiveAccessError, CompressionError, FitsError
from helpers.remote.fits_cache import COMPRESSED_MAGIC, remote_fits
from helpers.remote.http import read_all
from helpers.remote.sparse_file import SparseFile

if TYPE_CHECKING:
    from astropy.io import fits

_COMPRESSED_NAMES = (".gz", ".z", ".bz2", ".xz", ".zst")

Location = CloudLocation | str | Path


def open_fits(location: Location) -> fits.HDUList:
    """Open a FITS file; close it, or use it in a ``with`` block.

    Of a remote file only what is looked at is fetched, without the read-ahead of 50 MiB
    that s3fs has by default.  A file compressed as a whole (``.gz``, ``.Z``) is fetched once,
    entire: such a file cannot be read in part.

    Parameters
    ----------
    location : CloudLocation, str or pathlib.Path
        A cloud location, an ``s3://``, ``https://`` or ``http://`` address of an open
        product, or the path of a local file.

    Returns
    -------
    astropy.io.fits.HDUList
        The file's HDUs.

    Raises
    ------
    DownloadError
        If the file cannot be read.
    CompressionError
        If it is compressed and damaged.
    FitsError
        If it is not a FITS file.
    """
    name, file = open_file(location)
    return open_hdus(name, file)


def open_file(location: Location) -> tuple[str, SparseFile | io.BytesIO | Path]:
    """Return a file's name for messages, and the file as astropy takes it."""
    if isinstance(location, Path) or (isinstance(location, str) and "://" not in location):
        path = Path(location)
        return str(path), _local_file(path)
    url = _https_url(location)
    if url.lower().endswith(_COMPRESSED_NAMES):
        return url, _unpacked(url, read_all(url))
    file = remote_fits(url).open()
    if file.chunks[0].data.startswith(COMPRESSED_MAGIC):
        return url, _unpacked(url, read_all(url))
    return url, file


def _unpacked(name: str, data: bytes) -> io.BytesIO:
    try:
        return io.BytesIO(decompress(data))
    except CompressionError as error:
        raise CompressionError(f"{name} cannot be decompressed: {error}", name) from error


def _https_url(location: CloudLocation | str) -> str:
    if isinstance(location, str) and location.startswith(("http://", "https://")):
        return location
    return cloud_location(location).https_url


def _local_file(path: Path) -> io.BytesIO | Path:
    try:
        with path.open("rb") as file:
            compressed = file.read(6).startswith(COMPRESSED_MAGIC)
    except OSError as error:
        raise FitsError(f"{path} cannot be opened: {error}", str(path)) from error
    return _unpacked(str(path), path.read_bytes()) if compressed else path


def open_hdus(name: str, file: SparseFile | io.BytesIO | Path) -> fits.HDUList:
    from astropy.io import fits

    with reading(name):
        return fits.open(file)


@contextmanager
def reading(name: str) -> Iterator[None]:
    """Turn what astropy raises for a damaged or foreign file into an error that names it."""
    from astropy.io.fits import VerifyError

    try:
        yield
    except ArchiveAccessError:
        raise
    except (OSError, ValueError, LookupError, TypeError, VerifyError) as error:
        raise FitsError(f"{name} cannot be read as FITS: {error}", name) from error
