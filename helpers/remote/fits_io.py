"""Open a FITS file wherever it is: in the cloud, at an archive, on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from helpers.cloud.locating import cloud_location
from helpers.cloud.location import CloudLocation
from helpers.cloud.requirement import say_fall_back
from helpers.compression.formats import decompress
from helpers.errors import CompressionError, FitsError
from helpers.remote.fits_cache import COMPRESSED_MAGIC, remote_fits
from helpers.remote.fits_file import FitsFile, RemoteFitsFile
from helpers.remote.http import read_chunk

if TYPE_CHECKING:
    from astropy.io import fits

_COMPRESSED_NAMES = (".gz", ".z", ".bz2", ".xz", ".zst")

Location = CloudLocation | str | Path


def open_fits(location: Location, *, require: str | None = None) -> fits.HDUList:
    """Open a FITS file; close it, or use it in a ``with`` block.

    Of a remote file only what is looked at is fetched, without the read-ahead of 50 MiB
    that s3fs has by default.  A file compressed as a whole (``.gz``, ``.Z``) is fetched once,
    entire: such a file cannot be read in part.

    Parameters
    ----------
    location : CloudLocation, str or pathlib.Path
        A cloud location, an ``s3://``, ``https://`` or ``http://`` address of an open
        product, or the path of a local file.
    require : str, optional
        ``"cloud"``, or the name of a region such as ``us-east-1``: read it from there, or not
        at all; see `cloud_location`.

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
    RequirementError
        If it is not where `require` asks for it.
    """
    if require is not None:
        location = cloud_location(location, require=require)
    return open_file(location).open()


def open_file(location: Location) -> FitsFile:
    """Return the file at a location, wherever that is."""
    if is_local(location):
        return _local_file(Path(str(location)))
    url = https_url(location)
    if url.lower().endswith(_COMPRESSED_NAMES):
        return _fetched(url)
    remote = remote_fits(url)
    if remote.remembered().chunks[0].data.startswith(COMPRESSED_MAGIC):
        return _fetched(url)
    return RemoteFitsFile(remote)


def is_local(location: object) -> bool:
    """Whether a location is a path on this machine."""
    return isinstance(location, Path) or (isinstance(location, str) and "://" not in location)


def https_url(location: Location) -> str:
    """Return the address under which a location is read."""
    if isinstance(location, str) and location.startswith(("http://", "https://")):
        return location
    place = cloud_location(location)
    say_fall_back(place)
    return place.https_url


def _local_file(path: Path) -> FitsFile:
    try:
        with path.open("rb") as file:
            compressed = file.read(6).startswith(COMPRESSED_MAGIC)
        data = path.read_bytes() if compressed else b""
    # A ValueError is a name with a null character.
    except (OSError, ValueError) as error:
        raise FitsError(f"{path} cannot be opened: {error}", str(path)) from error
    return _unpacked(str(path), data) if compressed else FitsFile(str(path), path)


def _fetched(url: str) -> FitsFile:
    whole = read_chunk(url, 0)
    return _unpacked(url, whole.data, whole.version.etag)


def _unpacked(name: str, data: bytes, etag: str = "") -> FitsFile:
    try:
        return FitsFile(name, decompress(data), etag)
    except CompressionError as error:
        raise CompressionError(f"{name} cannot be decompressed: {error}", name) from error
