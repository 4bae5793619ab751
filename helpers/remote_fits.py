"""What is remembered of remote FITS files: headers, table rows and WCS, never the pixels."""

from __future__ import annotations

from functools import lru_cache
from threading import Lock
from typing import TYPE_CHECKING

from helpers.celestial import celestial_wcs
from helpers.errors import FitsError
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
#: How a FITS file begins (FITS standard 4.0, section 4.4.1.1).
FITS_MAGIC = b"SIMPLE  ="
#: How files begin that are compressed as a whole: gzip, LZW, bzip2, xz, zstd.
COMPRESSED_MAGIC = (b"\x1f\x8b", b"\x1f\x9d", b"BZh", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd")


class RemoteFits:
    """One remote file: its address, and what was read of it besides pixels."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._lock = Lock()
        self._pieces: list[Piece] = []
        self._wcs: dict[int, WCS] = {}

    def open(self) -> SparseFile:
        """Return a file that knows what is remembered; threads wait for the first read.

        Raises
        ------
        FitsError
            If the server sends something else, such as a page; that is not remembered.
        """
        with self._lock:
            if not self._pieces:
                self._pieces.append(self._first_piece())
            return SparseFile(self.url, self._pieces, self.forget)

    def _first_piece(self) -> Piece:
        piece = read_piece(self.url, 0, FIRST_READ)
        if not piece.data.startswith((FITS_MAGIC, *COMPRESSED_MAGIC)):
            start = piece.data[:20]
            raise FitsError(f"{self.url} cannot be read as FITS: it begins {start!r}", self.url)
        return piece

    def forget(self) -> None:
        """Start afresh with the next reading: the file is another one now."""
        with self._lock:
            self._pieces.clear()
            self._wcs.clear()

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
