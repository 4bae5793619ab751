"""What is remembered of remote FITS files: headers, table rows and WCS, never the pixels."""

from __future__ import annotations

import os
from collections.abc import Callable
from copy import deepcopy
from functools import lru_cache
from threading import Lock
from typing import TYPE_CHECKING

from helpers.errors import FitsError
from helpers.remote.chunks import Chunk
from helpers.remote.http import read_chunk

if TYPE_CHECKING:
    from collections.abc import Sequence

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


class RememberedVersion:
    """What was read, besides pixels, of one version of a file.

    Who has begun to read a version keeps it to the end: nothing of it can get into what is
    remembered of the next one.

    Attributes
    ----------
    chunks : tuple of Chunk
        The bytes; the file's beginning comes first.
    """

    def __init__(self, first: Chunk) -> None:
        self.chunks: tuple[Chunk, ...] = (first,)
        self._wcs: dict[int, WCS] = {}
        self._lock = Lock()

    def store(self, chunks: Sequence[Chunk]) -> None:
        """Keep the chunks, if they are more than before and not too much."""
        with self._lock:
            known = sum(len(chunk.data) for chunk in chunks)
            if known <= CACHED_BYTES and len(chunks) > len(self.chunks):
                self.chunks = tuple(chunks)

    def wcs(self, number: int, make: Callable[[], WCS]) -> WCS:
        """Return the WCS of the HDU with this number, made if need be: a copy for one thread."""
        with self._lock:
            if number not in self._wcs:
                self._wcs[number] = make()
            return deepcopy(self._wcs[number])


class RemoteFits:
    """One address, and what is remembered of the file that is there."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._lock = Lock()
        self._remembered: RememberedVersion | None = None

    def remembered(self) -> RememberedVersion:
        """Return what is remembered; threads wait for the first read.

        Raises
        ------
        FitsError
            If the server sends something else, such as a page; that is not remembered.
        """
        with self._lock:
            if self._remembered is None:
                self._remembered = RememberedVersion(self._first_chunk())
            return self._remembered

    def _first_chunk(self) -> Chunk:
        chunk = read_chunk(self.url, 0, FIRST_READ)
        if not chunk.data.startswith((FITS_MAGIC, *COMPRESSED_MAGIC)):
            start = chunk.data[:20]
            raise FitsError(f"{self.url} cannot be read as FITS: it begins {start!r}", self.url)
        return chunk

    def invalidate(self, stale: RememberedVersion) -> None:
        """Start afresh with the next reading, if `stale` is what is still remembered."""
        with self._lock:
            if self._remembered is stale:
                self._remembered = None


@lru_cache(maxsize=CACHED_FILES)
def remote_fits(url: str) -> RemoteFits:
    """Return the one `RemoteFits` of an address; the least recently used are forgotten."""
    return RemoteFits(url)


# A lock that a thread held during a fork would never be released in the child.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=remote_fits.cache_clear)
