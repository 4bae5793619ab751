"""A remote file that knows some of its bytes, and fetches others when they are read."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from helpers.errors import DownloadError
from helpers.remote.cancellation import cancellable_threads
from helpers.remote.chunks import Chunk
from helpers.remote.http import FileChangedError, read_chunk

#: Bytes fetched at least for a read of bytes that are not known yet: enough for a header.
READ_AHEAD = 2**16
#: A read that goes on where the last one ended fetches twice as much, up to this.
LONGEST_READ_AHEAD = 2**21
#: Two ranges closer than this are fetched as one: about a round trip of 30 ms at 50 MB/s.
MERGE_GAP = 2**20
#: Ranges fetched at once.
PARALLEL = 8

Range = tuple[int, int]


class SparseFile(io.RawIOBase):
    """A file for reading over HTTP, as `astropy.io.fits` wants one.

    Parameters
    ----------
    url : str
        Address of the file.
    chunks : sequence of Chunk
        What is known of it; at least one chunk, which tells the version.
    changed : callable, optional
        Called when the file turns out to be another one than the chunks are of.

    Attributes
    ----------
    chunks : list of Chunk
        What is known of it by now.
    version : Version
        The version that all of it is of.
    size : int
        Length in bytes.
    """

    def __init__(
        self, url: str, chunks: Sequence[Chunk], changed: Callable[[], None] | None = None
    ) -> None:
        self.url = url
        self._changed = changed
        self.chunks = list(chunks)
        self._position = 0
        self._asked = False
        self._ahead, self._ahead_end = READ_AHEAD, -1
        self.version = chunks[0].version
        self.size = self.version.size
        self.mode = "rb"

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        origin = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self.size}[whence]
        self._position = max(0, origin + offset)
        return self._position

    def tell(self) -> int:
        return self._position

    def read(self, size: int | None = -1) -> bytes:
        stop = self.size if size is None or size < 0 else min(self._position + size, self.size)
        start, self._position = self._position, max(self._position, stop)
        return self._known(start, stop) if start < stop else b""

    def readinto(self, buffer: Any) -> int:
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def prefetch(self, ranges: Iterable[Range]) -> None:
        """Fetch what is not known yet of the ranges, near ones as one.

        Raises
        ------
        DownloadError
            If the file ends before a range does, or cannot be read.
        """
        merged = merge(ranges)
        self.check_end(max((stop for _, stop in merged), default=0))
        starts = [(self._known_until(start), stop) for start, stop in merged]
        missing = [range_ for range_ in starts if range_[0] < range_[1]]
        if not missing:
            return
        with cancellable_threads(min(PARALLEL, len(missing))) as pool:
            self.chunks += pool.map(lambda range_: self.fetch(*range_), missing)

    def check_end(self, needed: int) -> None:
        """Make sure that the file has so many bytes.

        Raises
        ------
        DownloadError
            If it is shorter.
        """
        if needed > self.size:
            raise DownloadError(
                f"{self.url} is cut short: it has {self.size} bytes of {needed} needed", self.url
            )

    def confirm(self) -> None:
        """Make sure that this is still the file that is known, if nothing was fetched to show it.

        Raises
        ------
        FileChangedError
            If it is another one.
        """
        if not self._asked:
            self.fetch(self.size - 1, self.size)

    def _known(self, start: int, stop: int) -> bytes:
        """The bytes of a range, fetched if need be."""
        parts = []
        while start < stop:
            chunk = self._chunk_at(start) or self._fetch_ahead(start, stop)
            end = min(stop, chunk.stop)
            parts.append(chunk.data[start - chunk.start : end - chunk.start])
            start = end
        return b"".join(parts)

    def _chunk_at(self, position: int) -> Chunk | None:
        for chunk in self.chunks:
            if chunk.start <= position < chunk.stop:
                return chunk
        return None

    def _known_until(self, position: int) -> int:
        """Where the known bytes from `position` on end; `position` if it is not known."""
        while chunk := self._chunk_at(position):
            position = chunk.stop
        return position

    def _fetch_ahead(self, start: int, stop: int) -> Chunk:
        goes_on = start == self._ahead_end
        self._ahead = min(2 * self._ahead, LONGEST_READ_AHEAD) if goes_on else READ_AHEAD
        chunk = self.fetch(start, max(stop, start + self._ahead))
        self._ahead_end = chunk.stop
        # A large read is the data itself: its reader keeps it, so this file need not.
        if len(chunk.data) <= LONGEST_READ_AHEAD:
            self.chunks.append(chunk)
        return chunk

    def fetch(self, start: int, stop: int) -> Chunk:
        """Fetch a range, as far as the file has it; it does not become known by that.

        Raises
        ------
        FileChangedError
            If the file is another one by now.
        DownloadError
            If it cannot be read.
        """
        self._asked = True
        try:
            return read_chunk(self.url, start, min(stop, self.size), self.version)
        except FileChangedError:
            if self._changed:
                self._changed()
            raise


def merge(ranges: Iterable[Range], gap: int = MERGE_GAP) -> list[Range]:
    """Join ranges that overlap or lie within `gap` bytes of each other.

    `fsspec.utils.merge_offset_ranges` does the same by now, but the older ones that are allowed
    lose bytes where one range lies within another.

    Examples
    --------
    >>> merge([(0, 10), (12, 20), (50, 60)], gap=5)
    [(0, 20), (50, 60)]
    """
    merged: list[Range] = []
    for start, stop in sorted(ranges):
        if merged and start - merged[-1][1] <= gap:
            merged[-1] = (merged[-1][0], max(merged[-1][1], stop))
        else:
            merged.append((start, stop))
    return merged
