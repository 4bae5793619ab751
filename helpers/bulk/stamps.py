"""A stamp on its way: which bytes it needs, and those that have come."""

from __future__ import annotations

from typing import TYPE_CHECKING

from helpers.bulk.targets import Target
from helpers.cutout_plan import Part
from helpers.remote.byte_ranges import Slices
from helpers.remote.chunks import Chunk
from helpers.remote.sparse_file import merge

if TYPE_CHECKING:
    import numpy as np


class Stamp:
    """A part of an image, and the bytes of it that have come so far.

    Parameters
    ----------
    target : Target
        What it is cut out for.
    part : Part
        Which part of the image it is.
    slices : tuple of slice
        The same for all axes, in numpy's order.
    ranges : numpy.ndarray
        Where its bytes are in the file, shape (n, 2).

    Attributes
    ----------
    ranges : numpy.ndarray
        Starts and stops of its bytes, shape (n, 2), in rising order, apart from each other.
    chunks : list of Chunk
        What it was given to keep: stamps that share compressed tiles share these.
    """

    def __init__(self, target: Target, part: Part, slices: Slices, ranges: np.ndarray) -> None:
        import numpy as np

        self.target = target
        self.part = part
        self.slices = slices
        if (ranges[1:, 0] <= ranges[:-1, 1]).any():
            ranges = np.array(merge(ranges.tolist(), gap=0), np.int64)
        self.ranges = ranges
        self._missing = int((self.ranges[:, 1] - self.ranges[:, 0]).sum())
        self.chunks: list[Chunk] = []
        # Made when the first of them come: many stamps wait for theirs.
        self._bytes: np.ndarray | None = None

    @property
    def first(self) -> int:
        """Where its bytes begin in the file."""
        return int(self.ranges[0, 0])

    @property
    def last(self) -> int:
        """Where its bytes end in the file."""
        return int(self.ranges[-1, 1])

    @property
    def complete(self) -> bool:
        """Whether all of its bytes have come."""
        return self._missing == 0

    def needs(self, start: int, stop: int) -> bool:
        """Whether any of its bytes lie in a range."""
        return len(self._inside(start, stop)) > 0

    def copy(self, chunk: Chunk) -> None:
        """Copy what belongs to it out of a chunk; nothing comes twice."""
        import numpy as np

        if self._bytes is None:
            self._bytes = np.empty(self._missing, np.uint8)
        inside = self._inside(chunk.start, chunk.stop)
        # Only the first and the last of them may reach out of the chunk.
        first, rows, last = inside[:1], inside[1:-1], inside[1:][-1:]
        if _evenly_spaced(self.ranges[rows.start : rows.stop]):
            self._copy_rows(chunk, rows)
            rows = rows[:0]
        for number in (*first, *rows, *last):
            self._copy_range(chunk, number)

    def _copy_range(self, chunk: Chunk, number: int) -> None:
        begin, end = self.ranges[number].clip(chunk.start, chunk.stop).tolist()
        given = memoryview(chunk.data)[begin - chunk.start : end - chunk.start]
        self._put(given, self._place(number) + begin - int(self.ranges[number, 0]))

    def _copy_rows(self, chunk: Chunk, rows: range) -> None:
        """Copy ranges that are in a chunk as a whole, and evenly spaced, at once."""
        import numpy as np

        (start, stop), (second, _) = self.ranges[rows.start : rows.start + 2].tolist()
        given = np.frombuffer(chunk.data, np.uint8)[start - chunk.start :]
        shape, strides = (len(rows), stop - start), (second - start, 1)
        pixels = np.lib.stride_tricks.as_strided(given, shape, strides)
        self._put(pixels.ravel(), self._place(rows.start))

    def _place(self, number: int) -> int:
        """How many of its bytes come before a range."""
        before = self.ranges[:number]
        return int((before[:, 1] - before[:, 0]).sum())

    def _put(self, given: memoryview | np.ndarray, place: int) -> None:
        assert self._bytes is not None
        self._bytes[place : place + len(given)] = given
        self._missing -= len(given)

    def keep(self, chunk: Chunk) -> None:
        """Keep a chunk, if anything in it belongs to it; nothing comes twice."""
        inside = self._inside(chunk.start, chunk.stop)
        if inside:
            parts = self.ranges[inside.start : inside.stop].clip(chunk.start, chunk.stop)
            self.chunks.append(chunk)
            self._missing -= int((parts[:, 1] - parts[:, 0]).sum())

    def content(self) -> np.ndarray:
        """Return what was copied: all of its bytes, in the order of the file."""
        import numpy as np

        return np.empty(0, np.uint8) if self._bytes is None else self._bytes

    def _inside(self, start: int, stop: int) -> range:
        """Numbers of its ranges that have bytes between two places of the file."""
        import numpy as np

        return range(
            int(np.searchsorted(self.ranges[:, 1], start, side="right")),
            int(np.searchsorted(self.ranges[:, 0], stop, side="left")),
        )


def _evenly_spaced(ranges: np.ndarray) -> bool:
    """Whether there are several ranges, of the same length and distance from each other."""
    import numpy as np

    steps = np.diff(ranges, axis=0)
    return len(steps) > 0 and bool((steps == steps[0, 0]).all())
