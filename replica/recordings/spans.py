"""Which bytes of an object are there, and in which body."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Span:
    """Bytes of an object that lie in one body.

    Attributes
    ----------
    start, stop : int
        Positions in the object; `stop` is one behind the last.
    body : str
        Checksum that names the body.
    origin : int
        Position in the object of the body's first byte.
    """

    start: int
    stop: int
    body: str
    origin: int


class SpanMap:
    """Spans that never overlap, in the order of their bytes."""

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._spans: list[Span] = []

    def __iter__(self) -> Iterator[Span]:
        return iter(self._spans)

    def __len__(self) -> int:
        """Return the number of bytes that are there."""
        return sum(span.stop - span.start for span in self._spans)

    def add(self, span: Span) -> None:
        """Add the part of a span that is not there yet."""
        for start, stop in self.holes(span.start, span.stop):
            at = bisect_left(self._starts, start)
            self._starts.insert(at, start)
            self._spans.insert(at, replace(span, start=start, stop=stop))

    def holes(self, start: int, stop: int) -> list[tuple[int, int]]:
        """Return the ranges between `start` and `stop` that are missing."""
        missing, position = [], start
        for span in self.cover(start, stop):
            if span.start > position:
                missing.append((position, span.start))
            position = span.stop
        return [*missing, (position, stop)] if position < stop else missing

    def cover(self, start: int, stop: int) -> list[Span]:
        """Return what is there between `start` and `stop`, cut to these."""
        first = max(0, bisect_right(self._starts, start) - 1)
        last = bisect_left(self._starts, stop)
        return [
            replace(span, start=max(span.start, start), stop=min(span.stop, stop))
            for span in self._spans[first:last]
            if span.stop > start
        ]
