"""From ranges of bytes to the pieces in which they are read: each byte once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from helpers.remote.sparse_file import Range

if TYPE_CHECKING:
    import numpy as np

#: The most bytes of a piece: with 32 at once 32 MiB are under way, enough for 1 GB/s at 30 ms.
PIECE = 2**20
#: A file is read from the first byte wanted to the last where so little of that is not wanted.
STREAM_ALL = 0.05


def pieces(ranges: np.ndarray, gap: Callable[[], int]) -> Iterator[Range]:
    """Yield ranges of at most `PIECE` bytes that cover the given ones, in rising order.

    Parameters
    ----------
    ranges : numpy.ndarray
        Starts and stops, shape (n, 2), sorted by start; they may overlap.
    gap : callable
        Returns the number of bytes below which those between two ranges are read too; asked
        again for each piece, since what is known of the link changes.
    """
    if not len(ranges):
        return
    limit = gap()
    stream = _nearly_all(ranges, limit)
    ranges = _joined(ranges)
    start = stop = int(ranges[0, 0])
    # Few at a time as Python's numbers, which are large.
    for first in range(0, len(ranges), 1024):
        for begin, end in ranges[first : first + 1024].tolist():
            if begin - stop > limit and not stream:
                yield from _cut(start, stop)
                start, limit = begin, gap()
            stop = max(stop, end)
            while stop - start > PIECE:
                yield start, start + PIECE
                start, limit = start + PIECE, gap()
    yield from _cut(start, stop)


def _cut(start: int, stop: int) -> Iterator[Range]:
    if start < stop:
        yield start, stop


def _nearly_all(ranges: np.ndarray, gap: int) -> bool:
    """Whether little lies between the ranges that would not be read anyway."""
    total = int(ranges[:, 1].max()) - int(ranges[0, 0])
    unread = gaps(ranges)
    return bool(unread[unread > gap].sum() <= STREAM_ALL * (total - unread.sum()))


def _joined(ranges: np.ndarray) -> np.ndarray:
    """Join ranges that overlap or touch: of many stamps of an image there remain few."""
    import numpy as np

    first = np.concatenate([[True], gaps(ranges) > 0])
    last = np.concatenate([first[1:], [True]])
    reached = np.maximum.accumulate(ranges[:, 1])
    return np.stack([ranges[first, 0], reached[last]], axis=1)


def gaps(ranges: np.ndarray) -> np.ndarray:
    """Return the bytes between sorted ranges that none of them has; 0 where they touch."""
    import numpy as np

    reached = np.maximum.accumulate(ranges[:, 1])
    between: np.ndarray = np.maximum(ranges[1:, 0] - reached[:-1], 0)
    return between
