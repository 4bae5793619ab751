"""A stamp on its way: which bytes it needs, and those that have come."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from helpers.bulk.targets import Target
from helpers.cutout_plan import Part
from helpers.remote.byte_ranges import Slices
from helpers.remote.chunks import Chunk
from helpers.remote.sparse_file import Range, merge

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
    ranges : sequence of tuple
        Where its bytes are in the file.

    Attributes
    ----------
    ranges : numpy.ndarray
        Starts and stops of its bytes, shape (n, 2), in rising order, apart from each other.
    chunks : list of Chunk
        What it was given to keep: stamps that share compressed tiles share these.
    """

    def __init__(self, target: Target, part: Part, slices: Slices, ranges: Sequence[Range]) -> None:
        import numpy as np

        self.target = target
        self.part = part
        self.slices = slices
        self.ranges = np.array(merge(ranges, gap=0), dtype=np.int64).reshape(-1, 2)
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
        return next(self._parts(start, stop), None) is not None

    def copy(self, chunk: Chunk) -> None:
        """Copy what belongs to it out of a chunk; nothing comes twice."""
        import numpy as np

        if self._bytes is None:
            self._bytes = np.empty(self._missing, np.uint8)
        given = np.frombuffer(chunk.data, np.uint8)
        for begin, end, place in self._parts(chunk.start, chunk.stop):
            part = given[begin - chunk.start : end - chunk.start]
            self._bytes[place : place + end - begin] = part
            self._missing -= end - begin

    def keep(self, chunk: Chunk) -> None:
        """Keep a chunk, if anything in it belongs to it; nothing comes twice."""
        here = sum(end - begin for begin, end, _ in self._parts(chunk.start, chunk.stop))
        if here:
            self.chunks.append(chunk)
            self._missing -= here

    def content(self) -> np.ndarray:
        """Return what was copied: all of its bytes, in the order of the file."""
        import numpy as np

        return np.empty(0, np.uint8) if self._bytes is None else self._bytes

    def _parts(self, start: int, stop: int) -> Iterator[tuple[int, int, int]]:
        """Yield begin and end of its bytes in a range, and how many of them come before."""
        import numpy as np

        inside = slice(
            int(np.searchsorted(self.ranges[:, 1], start, side="right")),
            int(np.searchsorted(self.ranges[:, 0], stop, side="left")),
        )
        lengths = self.ranges[:, 1] - self.ranges[:, 0]
        place = int(lengths[: inside.start].sum())
        for begin, end in self.ranges[inside].tolist():
            low, high = max(begin, start), min(end, stop)
            if low < high:
                yield low, high, place + low - begin
            place += end - begin
