"""The short table of what was read: a line for each line of code, file and part of the file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from helpers.transfer.advice import grouped
from helpers.transfer.request import Request

#: Rows that are shown; the others are summed up in one line.
SHOWN = 20
_TITLES = ("line", "file", "part", "from", "requests", "MB", "MB wanted", "waited s", "s")
#: Columns of text stand left, numbers right.
_TEXTS = 4


@dataclass(frozen=True)
class Row:
    """What one line of code read of one file.

    Attributes
    ----------
    line : str
        File and line of your code, as ``script.py:12``; empty if unknown.
    file, part : str
        The file, or the service's host, and which parts of it came.
    place : str
        ``cloud``, with its region where known, or ``archive``.
    requests, bytes : int
        What it took.
    wanted : int or None
        How many of the bytes the reader wanted; None where that cannot be known.
    waited, seconds : float
        For the first bytes, and in all; requests that run at once are added up.
    """

    line: str
    file: str
    part: str
    place: str
    requests: int
    bytes: int
    wanted: int | None
    waited: float
    seconds: float

    def cells(self) -> tuple[str, ...]:
        """Return the row as it is shown."""
        wanted = "" if self.wanted is None else f"{self.wanted / 1e6:.2f}"
        numbers = (str(self.requests), f"{self.bytes / 1e6:.2f}", wanted)
        times = (f"{self.waited:.2f}", f"{self.seconds:.2f}")
        return (self.line or "unknown", self.file, self.part, self.place, *numbers, *times)


@dataclass(frozen=True, repr=False)
class Report:
    """A short table of what was read; a notebook shows it as one.

    Attributes
    ----------
    total : str
        Requests, megabytes and seconds of the whole block.
    rows : tuple of Row
        The longest first.
    """

    total: str
    rows: tuple[Row, ...]

    def __repr__(self) -> str:
        lines = [_TITLES, *(row.cells() for row in self.rows[:SHOWN])]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        shown = [
            "  ".join(
                cell.ljust(width) if number < _TEXTS else cell.rjust(width)
                for number, (cell, width) in enumerate(zip(line, widths, strict=True))
            ).rstrip()
            for line in lines
        ]
        return "\n".join([self.total, *shown, *self._rest()])

    __str__ = __repr__

    def _rest(self) -> list[str]:
        rest = self.rows[SHOWN:]
        requests, moved = sum(row.requests for row in rest), sum(row.bytes for row in rest)
        text = f"and {len(rest)} more rows: {requests} requests, {moved / 1e6:.2f} MB"
        return [text] if rest else []

    def _repr_html_(self) -> str:
        head = "".join(f'<th scope="col">{title}</th>' for title in _TITLES)
        lines = [
            "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row.cells()) + "</tr>"
            for row in self.rows[:SHOWN]
        ]
        notes = "".join(f"<p>{text}</p>" for text in self._rest())
        return (
            f"<table><caption>{escape(self.total)}</caption><thead><tr>{head}</tr></thead>"
            f"<tbody>{''.join(lines)}</tbody></table>{notes}"
        )


def report(total: str, log: Sequence[Request]) -> Report:
    """Put the requests of a block together.

    Parameters
    ----------
    total : str
        The block in a sentence.
    log : sequence of Request
        Its requests.
    """
    groups = grouped(log, lambda request: (request.line, request.file, _place(request)))
    rows = [_row(requests) for requests in groups.values()]
    return Report(total, tuple(sorted(rows, key=lambda row: -row.seconds)))


def _place(request: Request) -> str:
    return f"{request.source} {request.region}".rstrip()


def _row(requests: list[Request]) -> Row:
    first = requests[0]
    wanted = [request.wanted for request in requests if request.wanted is not None]
    return Row(
        line=first.line,
        file=first.file,
        part=_parts(requests),
        place=_place(first),
        requests=len(requests),
        bytes=sum(request.bytes for request in requests),
        wanted=sum(wanted) if wanted else None,
        waited=sum(request.waited for request in requests),
        seconds=sum(request.seconds for request in requests),
    )


def _parts(requests: Sequence[Request]) -> str:
    """Name the parts that came, the largest first."""
    sizes: dict[str, int] = {}
    for request in requests:
        for name, size in request.parts or ((request.kind, request.bytes),):
            sizes[name] = sizes.get(name, 0) + size
    names = sorted(sizes, key=lambda name: -sizes[name])
    shown = names if len(names) <= 2 else [*names[:1], f"{len(names) - 1} more"]
    return " + ".join(shown)
