"""Which part of a FITS file is where, learnt from the headers that pass by.

Nothing is asked of the archive: a header that nobody reads stays unknown.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import prod
from threading import Lock

from helpers.remote.fits_cache import COMPRESSED_MAGIC, FITS_MAGIC
from helpers.remote.sparse_file import Range

#: Blocks and cards of FITS (FITS standard 4.0, sections 3.1 and 4.1).
BLOCK, CARD = 2880, 80
#: Headers longer than this are not followed, nor more HDUs than this.
MAX_HEADER, MAX_HDUS = 2**20, 10_000

_NUMBER = re.compile(rb"(BITPIX|NAXIS\d{0,3}|PCOUNT|GCOUNT|THEAP) *= +(-?\d{1,19})")
_NAME = re.compile(rb"EXTNAME *= +'([^']*)'")
_END = re.compile(rb"END *")
_LONGEST_MAGIC = len(FITS_MAGIC)


@dataclass(frozen=True)
class HduLayout:
    """Where one HDU is.

    Attributes
    ----------
    number : int
        From 0.
    name : str
        Its EXTNAME, or an empty text.
    header, data : (int, int)
        First byte and the byte behind the last, the filling of the last block included.
    heap : int
        Where a table's heap begins; the end of the data if there is none.
    kind : {"pixels", "rows", "tiles"}
        What the data are: an image, a table, or a table that is a compressed image.
    """

    number: int
    name: str
    header: Range
    data: Range
    heap: int
    kind: str

    @property
    def label(self) -> str:
        """Number and name, for instance ``HDU 1 (SCI)``."""
        return f"HDU {self.number}" + (f" ({self.name})" if self.name else "")

    def parts(self) -> list[tuple[str, Range]]:
        """Return the parts with their names, in the file's order."""
        start, stop = self.data
        heap = "compressed pixels" if self.kind == "tiles" else "heap"
        rows = "tile table" if self.kind == "tiles" else self.kind
        found = [(f"header of {self.label}", self.header)]
        found += [(f"{rows} of {self.label}", (start, min(self.heap, stop)))]
        found += [(f"{heap} of {self.label}", (self.heap, stop))]
        return [(name, range_) for name, range_ in found if range_[0] < range_[1]]


class FitsLayout:
    """Follow the headers of one file through whatever pieces of it arrive."""

    def __init__(self) -> None:
        self.hdus: list[HduLayout] = []
        self.magic = b""
        self._header = bytearray()
        self._start = 0
        self._followed = True
        self._lock = Lock()

    @property
    def is_fits(self) -> bool:
        """Whether the file began as FITS files do."""
        return self.magic.startswith(FITS_MAGIC)

    @property
    def is_compressed(self) -> bool:
        """Whether the file is compressed as a whole."""
        return self.magic.startswith(COMPRESSED_MAGIC)

    def feed(self, offset: int, data: bytes | memoryview) -> None:
        """Take from a piece of the file what belongs to the header that is looked for."""
        if self._followed and offset <= self._start + len(self._header) < offset + len(data):
            with self._lock:
                self._take(offset, data)

    def _take(self, offset: int, data: bytes | memoryview) -> None:
        while self._followed:
            begin = self._start + len(self._header) - offset
            if not 0 <= begin < len(data):
                return
            room = BLOCK - len(self._header) % BLOCK
            self._header += data[begin : begin + room]
            if not self.magic and len(self._header) >= _LONGEST_MAGIC:
                self.magic = bytes(self._header[:_LONGEST_MAGIC])
                self._followed = self.is_fits
            if len(self._header) % BLOCK == 0:
                self._end_block()

    def _end_block(self) -> None:
        last = self._header[-BLOCK:]
        cards = (last[n : n + CARD] for n in range(0, BLOCK, CARD))
        if any(_END.fullmatch(card) for card in cards):
            hdu = read_header(len(self.hdus), self._start, bytes(self._header))
            self.hdus.append(hdu)
            self._start, self._header = hdu.data[1], bytearray()
        elif len(self._header) >= MAX_HEADER:
            self._followed = False
        self._followed = self._followed and len(self.hdus) < MAX_HDUS

    def parts(self, start: int, stop: int) -> list[tuple[str, int]]:
        """Name the parts that a range of bytes touches, and how many bytes of each."""
        found = []
        for hdu in self.hdus:
            for name, (first, end) in hdu.parts():
                if (common := min(stop, end) - max(start, first)) > 0:
                    found.append((name, common))
        behind = self.hdus[-1].data[1] if self.hdus else 0
        if stop > max(start, behind):
            name = f"behind {self.hdus[-1].label}" if self.hdus else "unknown part"
            found.append((name, stop - max(start, behind)))
        return found


def read_header(number: int, start: int, header: bytes) -> HduLayout:
    """Work out where an HDU's data are (FITS standard 4.0, sections 4.4.1, 7.3.1 and 10).

    Parameters
    ----------
    number : int
        Of the HDU, from 0.
    start : int
        Where the header begins in the file.
    header : bytes
        All its blocks.
    """
    numbers: dict[bytes, int] = {}
    name, is_table, is_compressed = "", False, False
    for card in (header[n : n + CARD] for n in range(0, len(header), CARD)):
        if match := _NUMBER.match(card):
            numbers.setdefault(match[1], int(match[2]))
        elif match := _NAME.match(card):
            name = match[1].decode("ascii", "replace").strip()
        elif card.startswith(b"XTENSION"):
            is_table = b"TABLE" in card
        elif card.startswith(b"ZIMAGE  ="):
            is_compressed = True
    axes = [numbers.get(b"NAXIS%d" % axis, 0) for axis in range(1, numbers.get(b"NAXIS", 0) + 1)]
    item = abs(numbers.get(b"BITPIX", 8)) // 8
    main = item * prod(axes) if axes else 0
    size = numbers.get(b"GCOUNT", 1) * (main + item * numbers.get(b"PCOUNT", 0))
    first = start + len(header)
    stop = first + -(-size // BLOCK) * BLOCK
    heap = first + numbers.get(b"THEAP", main) if is_table and size > main else stop
    kind = "tiles" if is_compressed else "rows" if is_table else "pixels"
    return HduLayout(number, name, (start, first), (first, stop), heap, kind)
