"""The structure of a compress(1) stream (``.Z``), checked without decoding it.

The format has neither a length nor a checksum, and decoders differ in what they let
pass.  So this module finds every code of the stream and checks it: what passes, every
correct decoder reads alike.  The rules are those of compress 4.2.4:

* a header of three bytes: ``1f 9d``, then the greatest width of a code (10 to 16 bits)
  and, as bit 0x80, whether block mode is on;
* codes of 9 bits, the least significant bit first; one bit more each time the table of
  strings holds all that the width can name, up to the greatest width;
* in block mode, code 256 empties the table, and the width goes back to 9 bits;
* each change of width begins on a boundary of eight codes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

MAGIC = b"\x1f\x9d"
_HEADER = 3
_CLEAR = 256
_LITERALS = 256
_FIRST_WIDTH = 9
#: Codes looked at in one step once the table is full; a multiple of eight.
_STEP = 1 << 14
#: Each emptying of the table costs a fixed time, and compress never empties one that is not
#: full.  So look at no more bytes than this many times the stream, and some for nothing.
_PATIENCE, _FREE = 64, 1 << 26


class StreamError(ValueError):
    """The stream breaks a rule of the format."""


@dataclass(frozen=True)
class Layout:
    """Where a run of codes lies, counted from the run's beginning.

    Attributes
    ----------
    start, end : numpy.ndarray
        First bit of each code, and the first bit behind it.
    byte, shift, mask : numpy.ndarray
        The same as a byte and a bit in it, and a mask of the code's width.
    boundary : numpy.ndarray
        Byte at which the next code lies if this one empties the table.
    limit : numpy.ndarray
        Greatest code that is allowed at each place while the table is not full.
    """

    start: np.ndarray
    end: np.ndarray
    byte: np.ndarray
    shift: np.ndarray
    mask: np.ndarray
    boundary: np.ndarray
    limit: np.ndarray

    @property
    def span(self) -> int:
        """Bytes from the run's beginning to that of the next run."""
        return int(self.boundary[-1])

    def count(self, available: int) -> int:
        """How many codes lie wholly in that many bytes."""
        if available >= self.span:
            return len(self.start)
        return int(np.searchsorted(self.end, available * 8, side="right"))


def read_header(data: bytes) -> tuple[int, int]:
    """Return the greatest width in bits, and the first code that the table can add.

    Raises
    ------
    StreamError
        If the header is cut short or is not one that compress writes.  Streams of at most
        9 bits are refused too: compress writes them wrongly itself.
    """
    if len(data) < _HEADER or not data.startswith(MAGIC):
        raise StreamError("the header is cut short")
    flags = data[2]
    width = flags & 0x1F
    if flags & 0x60 or not _FIRST_WIDTH < width <= 16:
        raise StreamError(f"the header's third byte is {flags:#04x}")
    return width, _CLEAR + 1 if flags & 0x80 else _LITERALS


def check(data: bytes) -> None:
    """Check the whole stream.

    Raises
    ------
    StreamError
        If the header is wrong, a code is impossible, or the stream ends inside a code.
        A stream that was cut between two codes passes: nothing in it tells.
    """
    for _ in _runs(data):
        pass


def output_size(data: bytes) -> int:
    """Number of bytes that the stream decodes to; raises like `check`."""
    _, first = read_header(data)
    size, lengths = 0, np.ones(0, np.int64)
    for codes, table_is_empty in _runs(data):
        if table_is_empty:
            lengths = _string_lengths(codes, first)
        size += int(lengths[codes].sum())
    return size


def _runs(data: bytes) -> Iterator[tuple[np.ndarray, bool]]:
    """Give the stream's codes run by run, and whether the table was empty before the run."""
    greatest, first = read_header(data)
    filling, full = _filling(greatest, first), _full(greatest)
    place, layout, seen = _HEADER, filling, 0
    while place < len(data):
        rest = len(data) - place
        seen += min(layout.span, rest)
        if seen > _PATIENCE * len(data) + _FREE:
            raise StreamError("it empties its table over and over")
        codes = _codes(data, place, layout)
        clear = _position_of_clear(codes) if first > _CLEAR else None
        if clear == 0 and place == _HEADER:
            raise StreamError("it begins with a code for an empty table")
        if clear is None:
            _check_end(layout, len(codes), rest)
        codes = codes[:clear]
        _check_codes(layout, codes)
        yield codes, layout is filling
        place += layout.span if clear is None else int(layout.boundary[clear])
        layout = full if clear is None else filling


def _codes(data: bytes, place: int, layout: Layout) -> np.ndarray:
    """Read the codes of a run, as many as the stream still has."""
    count = layout.count(len(data) - place)
    if layout.mask[0] == 0xFFFF:
        return np.frombuffer(data, "<u2", count, place)
    octets = np.zeros(layout.span + 2, np.uint32)
    some = np.frombuffer(data, np.uint8, min(layout.span, len(data) - place), place)
    octets[: len(some)] = some
    windows = octets[:-2] | octets[1:-1] << 8 | octets[2:] << 16
    codes: np.ndarray = windows[layout.byte[:count]] >> layout.shift[:count] & layout.mask[:count]
    return codes


def _position_of_clear(codes: np.ndarray) -> int | None:
    found = np.flatnonzero(codes == _CLEAR)
    return int(found[0]) if len(found) else None


def _check_end(layout: Layout, count: int, available: int) -> None:
    """A whole byte behind the stream's last code is the beginning of another code."""
    if count < len(layout.start) and available * 8 - int(layout.start[count]) >= 8:
        raise StreamError("it ends inside a code")


def _check_codes(layout: Layout, codes: np.ndarray) -> None:
    if (codes[: len(layout.limit)] > layout.limit[: len(codes)]).any():
        raise StreamError("it has a code that stands for nothing yet")


@lru_cache
def _filling(greatest: int, first: int) -> Layout:
    """Layout from an empty table to a full one."""
    # The first code of all adds nothing to the table.
    counts = {_FIRST_WIDTH: (1 << _FIRST_WIDTH) - first + 1}
    counts |= {width: 1 << width - 1 for width in range(_FIRST_WIDTH + 1, greatest + 1)}
    starts, boundaries, place = [], [], 0
    for width, count in counts.items():
        number = np.arange(count)
        starts.append(place * 8 + number * width)
        boundaries.append(place + (number // 8 + 1) * width)
        place = int(boundaries[-1][-1])
    limit = first - 1 + np.arange(sum(counts.values()))
    limit[0] = _LITERALS - 1
    widths = np.repeat(list(counts), list(counts.values()))
    return _layout(np.concatenate(starts), widths, np.concatenate(boundaries), limit)


@lru_cache
def _full(greatest: int) -> Layout:
    """Layout of the codes behind the full table."""
    number = np.arange(_STEP)
    width = np.full(_STEP, greatest)
    return _layout(number * width, width, (number // 8 + 1) * width, limit=number[:0])


def _layout(
    start: np.ndarray, width: np.ndarray, boundary: np.ndarray, limit: np.ndarray
) -> Layout:
    return Layout(
        start=start,
        end=start + width,
        byte=start >> 3,
        shift=(start & 7).astype(np.uint32),
        mask=((1 << width) - 1).astype(np.uint32),
        boundary=boundary,
        limit=limit.astype(np.uint32),
    )


def _string_lengths(codes: np.ndarray, first: int) -> np.ndarray:
    """Length of the string that each code stands for.

    A code of the table stands for the string of an earlier code and one byte more.  All
    chains of earlier codes are followed at once, each step twice as far as the one before.
    """
    count = len(codes)
    depth = np.append(np.ones(count, np.int64), 0)
    earlier = np.append(np.where(codes < _LITERALS, count, codes.astype(np.int64) - first), count)
    while (earlier < count).any():
        depth, earlier = depth + depth[earlier], earlier[earlier]
    lengths = np.ones(first + count, np.int64)
    lengths[first:] += depth[:-1]
    return lengths
