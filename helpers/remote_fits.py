"""What is remembered of remote FITS files: headers, table rows and WCS, never the pixels."""

from __future__ import annotations

from functools import lru_cache
from threading import Lock
from typing import TYPE_CHECKING

from helpers.celestial import celestial_wcs
from helpers.remote import Piece, read_piece
from helpers.sparse_file import SparseFile

if TYPE_CHECKING:
    from astropy.io import fits
    from astropy.wcs import WCS

#: First read of a file: most headers fit, and it takes no more time than a smaller one.
FIRST_READ = 2**16
#: Files that are remembered, and the bytes remembered of each at the most.
REMEMBERED_FILES = 64
REMEMBERED_BYTES = 2**20


class RemoteFits:
    """One remote file: its address, and what was read of it besides pixels."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._lock = Lock()
        self._pieces: list[Piece] = []
        self._wcs: dict[int, WCS] = {}

    def open(self) -> SparseFile:
        """Return a file that knows what is remembered; threads wait for the first read."""
        with self._lock:
            if not self._pieces:
                self._pieces.append(read_piece(self.url, 0, FIRST_READ))
            return SparseFile(self.url, self._pieces)

    def remember(self, file: SparseFile) -> None:
        """Keep what `file` knows by now, if it is not too much."""
        known = sum(len(piece.data) for piece in file.pieces)
        with self._lock:
            if known <= REMEMBERED_BYTES and len(file.pieces) > len(self._pieces):
                self._pieces = list(file.pieces)

    def wcs(self, number: int, header: fits.Header) -> WCS:
        """Return the celestial WCS of the HDU with this number."""
        with self._lock:
            if number not in self._wcs:
                self._wcs[number] = celestial_wcs(header)
            return self._wcs[number]


@lru_cache(maxsize=REMEMBERED_FILES)
def remote_fits(url: str) -> RemoteFits:
    """Return the one `RemoteFits` of an address; the least recently used are forgotten."""
    return RemoteFits(url)
