"""What advice is, and what it is given on: the requests of a block, sorted."""

from __future__ import annotations

import linecache
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import TypeVar

from helpers.transfer.callers import Caller, Line
from helpers.transfer.counter import Log
from helpers.transfer.record import Opening, Record, RemoteFile
from helpers.transfer.request import kind_of, shown_line

T = TypeVar("T")
K = TypeVar("K", bound=Hashable)

#: What a saved request and a saved byte are worth, seconds: a bucket at 30 ms and 50 MB/s.
ROUND_TRIP, BYTE = 0.030, 1 / 50e6
#: What s3fs is to be told for reading parts of an open file.
FOR_S3 = '{"anon": True, "default_block_size": 2**20}'


@dataclass(frozen=True)
class Advice:
    """A pitfall that was found, and the way round it.

    Attributes
    ----------
    pitfall : str
        Its name.
    line : str
        File and line of your code, as ``script.py:12``; empty if unknown.
    evidence : str
        What was seen.
    remedy : str
        What to write instead: one line of code.
    requests, bytes : int
        How many of them the remedy would have saved, as far as it can be told.
    code : str
        The line as it is now.
    """

    pitfall: str
    line: str
    evidence: str
    remedy: str
    requests: int = 0
    bytes: int = 0
    code: str = ""

    @property
    def seconds(self) -> float:
        """What that would save at a distant bucket of 30 ms and 50 MB/s."""
        return self.requests * ROUND_TRIP + self.bytes * BYTE

    def __str__(self) -> str:
        lines = [f"{self.line or 'unknown line'}: {self.pitfall}"]
        lines += [f"    {self.code}"] * bool(self.code)
        return "\n".join([*lines, f"  Seen:    {self.evidence}", f"  Instead: {self.remedy}"])


def advise(
    pitfall: str, line: Line, evidence: str, remedy: str, *, requests: int = 0, bytes: int = 0
) -> Advice:
    """Return advice on a line of code."""
    linecache.checkcache(line[0])
    code = linecache.getline(*line).strip()
    return Advice(pitfall, shown_line(line), evidence, remedy, requests, bytes, code)


class Facts:
    """The requests of a block, sorted in the ways that the detectors ask for.

    Attributes
    ----------
    records : list of Record
        All of them, in the order in which they were sent.
    lookups : list of Caller
        Who had botocore look for credentials.
    """

    def __init__(self, log: Log) -> None:
        self.records = sorted(log.records, key=lambda record: record.began)
        self.lookups: list[Caller] = list(log.lookups)
        self._kinds = {id(record): kind_of(record) for record in self.records}

    def kind(self, record: Record) -> str:
        """Say what a request asked for."""
        return self._kinds[id(record)]

    @property
    def seconds(self) -> float:
        """What the block would take at a distant bucket, one request after the other."""
        return len(self.records) * ROUND_TRIP + received(self.records) * BYTE

    @cached_property
    def content(self) -> list[Record]:
        """The requests that brought bytes of a file."""
        return [record for record in self.records if self.kind(record) == "file" and record.span]

    @cached_property
    def files(self) -> dict[RemoteFile, list[Record]]:
        """The same by file."""
        return grouped(self.content, lambda record: record.file)

    @cached_property
    def openings(self) -> dict[Opening, list[Record]]:
        """The same by open file of fsspec."""
        opened = [(record.opening, record) for record in self.content]
        groups = grouped(opened, lambda pair: pair[0])
        return {
            key: [record for _, record in pairs] for key, pairs in groups.items() if key is not None
        }


def grouped(items: Iterable[T], key: Callable[[T], K]) -> dict[K, list[T]]:
    """Put items into lists by a key, in their order."""
    groups: defaultdict[K, list[T]] = defaultdict(list)
    for item in items:
        groups[key(item)].append(item)
    return dict(groups)


def by_line(records: Iterable[Record]) -> dict[Line, list[Record]]:
    """Put requests into lists by the line that caused them."""
    return grouped(records, lambda record: record.caller.line)


def main_line(records: Sequence[Record]) -> Line:
    """Return the line that caused most of the requests."""
    return max(by_line(records).items(), key=lambda item: len(item[1]))[0]


def received(records: Iterable[Record]) -> int:
    """Bytes of the bodies together."""
    return sum(record.received for record in records)


def one_by_one(records: Sequence[Record]) -> bool:
    """Whether nearly each request was sent after the one before had ended, by the same thread."""
    pairs = list(pairwise(records))
    waits = sum(
        later.began >= earlier.ended and later.thread == earlier.thread for earlier, later in pairs
    )
    return bool(pairs) and waits >= 0.8 * len(pairs)


def megabytes(number: float) -> str:
    """Return a number of bytes as text."""
    return f"{number / 1e6:.2f} MB"
