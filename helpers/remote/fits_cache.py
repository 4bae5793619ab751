"""What is remembered of remote FITS files: headers, table rows and WCS, never the pixels."""

from __future__ import annotations

from functools import lru_cache
from threading import Lock
from typing import TYPE_CHECKING

from helpers.errors import FitsError
from helpers.remote.http import Chunk, read_chunk
from helpers.remote.sparse_file import SparseFile
from helpers.wcs import celestial_wcs

if TYPE_CHECKING:
    from astropy.io import fits
    from astropy.wcs import WCS

#: First read of a file: most headers fit, and it takes no more time than a smaller one.
FIRST_READ = 2**16
#: Files that are remembered, and the bytes remembered of each at the most.
CACHED_FILES = 64
CACHED_BYTES = 2**20
#: How a FITS file begins (FITS standard 4.0, section 4.4.1.1).
FITS_MAGIC = b"SIMPLE  ="
#: How files begin that are compressed as a whole: gzip, LZW, bzip2, xz, zstd.
COMPRESSED_MAGIC = (b"\x1f\x8b", b"\x1f\x9d", b"BZh", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd")


class RemoteFits:
    """One remote file: its address, and what was read of it besides pixels."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._lock = Lock()
        self._chunks: list[Chunk] = []
        self._wcs: dict[int, WCS] = {}

    def open(self) -> SparseFile:
        """Return a file that knows what is remembered; threads wait for the first read.

        Raises
        ------
        FitsError
            If the server sends something else, such as a page; that is not remembered.
        """
        with self._lock:
            if not self._chunks:
                self._chunks.append(self._first_chunk())
            return SparseFile(self.url, self._chunks, self.invalidate)

    def _first_chunk(self) -> Chunk:
        chunk = read_chunk(self.url, 0, FIRST_READ)
        if not chunk.data.startswith((FITS_MAGIC, *COMPRESSED_MAGIC)):
            start = chunk.data[:20]
            raise FitsError(f"{self.url} cannot be read as FITS: it begins {start!r}", self.url)
        return chunk

    def invalidate(self) -> None:
        """Start afresh with the next reading: the file is another one now."""
        with self._lock:
            self._chunks.clear()
            self._wcs.clear()

    def store(self, file: SparseFile) -> None:
        """Keep what `file` knows by now, if it is not too much."""
        known = sum(len(chunk.data) for chunk in file.chunks)
        with self._lock:
            if known <= CACHED_BYTES and len(file.chunks) > len(self._chunks):
                self._chunks = list(file.chunks)

    def wcs(self, number: int, header: fits.Header) -> WCS:
        """Return the celestial WCS of the HDU with this number."""
        with self._lock:
            if number not in self._wcs:
                self._wcs[number] = celestial_wcs(header)
            return self._wcs[number]


@lru_cache(maxsize=CACHED_FILES)
def remote_fits(url: str) -> RemoteFits:
    """Return the one `RemoteFits` of an address; the least recently used are forgotten."""
    return RemoteFits(url)
