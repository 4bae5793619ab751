"""Facts of FITS files: their HDUs, keywords and columns."""

from __future__ import annotations

import io
import math
import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from astropy.io import fits

from replica.check.answers import Answer, Facts, UnreadableError, kind

_BLOCK = 2880
_COLUMN_KEYWORD = re.compile(r"(T[A-Z]{3,4})(\d+)")
#: What decompression and astropy raise for content that is damaged or something else.
_DAMAGE = (OSError, EOFError, ValueError, TypeError, KeyError, zlib.error, fits.VerifyError)
_COMMENTARY = ("COMMENT", "HISTORY", "")
#: Keywords of columns that say where on the sky their values are.
_SKY = ("TCTYP", "TCRPX", "TCDLT", "TLMAX")


@dataclass(frozen=True)
class Headers:
    """Reads the headers of a FITS file, or of its beginning.

    Attributes
    ----------
    hdu : str
        Name of an HDU; without one it is called ``HDU`` and its number, from 0.
    values : tuple of str
        Keywords of that HDU whose values are compared, for the notebooks rely on them; of
        all others only the kind of value is.
    decompress : callable
        Undoes the compression of the file as a whole.
    """

    hdu: str
    values: tuple[str, ...]
    decompress: Callable[[bytes], bytes] = bytes

    def __call__(self, content: bytes) -> Answer:
        """Return the facts of all headers.

        Raises
        ------
        UnreadableError
            If the content cannot be decompressed, or does not begin with a FITS header.
        """
        try:
            return Answer(self._facts(self.decompress(content)))
        except _DAMAGE as error:
            raise UnreadableError(f"not a FITS file: {error}") from error

    def _facts(self, content: bytes) -> Facts:
        facts: Facts = {}
        for number, header in enumerate(_headers(content)):
            name = str(header.get("EXTNAME", f"HDU {number}"))
            form = f"{header.get('XTENSION', 'primary')}, number {number}"
            # Several HDUs may share a name; readers get the first.
            facts = {name: form} | self._keywords(name, header) | facts
        return facts

    def _keywords(self, name: str, header: fits.Header) -> Facts:
        facts: Facts = {}
        values = self.values if name == self.hdu else ()
        for keyword, value in _values(header):
            if keyword in _COMMENTARY or _COLUMN_KEYWORD.fullmatch(keyword):
                continue
            # Numbered lists, as INP_0003 of a stack's inputs, differ in length.
            generic = re.sub(r"_\d+$", "_#", keyword)
            facts[f"{name} {generic}"] = _text(value) if keyword in values else kind(value)
        return facts | _columns(name, header)


def _values(header: fits.Header) -> Iterator[tuple[str, object]]:
    """Yield keywords and values; None for a value that is missing or cannot be read."""
    for card in header.cards:
        try:
            value = card.value
        except fits.VerifyError:
            value = None
        yield card.keyword, None if isinstance(value, fits.card.Undefined) else value


def _columns(name: str, header: fits.Header) -> Facts:
    """Facts of a table's columns by their names, for their numbers may differ."""
    facts: Facts = {}
    for keyword, value in _values(header):
        match = _COLUMN_KEYWORD.fullmatch(keyword)
        if match is None or match[1] == "TTYPE":
            continue
        column = header.get(f"TTYPE{match[2]}")
        if column is None:
            continue
        # The longest array of a compressed image's table is its own: 1PB(11056).
        text = re.sub(r"\(\d+\)", "(#)", _text(value))
        compared = match[1] in ("TFORM", "TUNIT", *_SKY)
        facts[f"{name} column {column} {match[1]}"] = text if compared else kind(value)
    return facts


def _text(value: object) -> str:
    return f"{value:.12g}" if isinstance(value, float) else str(value)


def _headers(content: bytes) -> Iterator[fits.Header]:
    """Yield the headers, until the content ends amid or behind some data."""
    stream = io.BytesIO(content)
    while stream.tell() < len(content):
        header = fits.Header.fromfile(stream)
        yield header
        stream.seek(_data_size(header), io.SEEK_CUR)


def _data_size(header: fits.Header) -> int:
    """Bytes of the data behind a header, whole blocks (FITS 4.0, equation 2)."""
    axes = [header[f"NAXIS{number}"] for number in range(1, header["NAXIS"] + 1)]
    pixels = math.prod(axes) if axes else 0
    values = header.get("GCOUNT", 1) * (header.get("PCOUNT", 0) + pixels)
    size = abs(header["BITPIX"]) // 8 * values
    # A damaged header must not lead backwards.
    return max(0, math.ceil(size / _BLOCK)) * _BLOCK
