"""A request as it is shown: which part of which file it was, from where, for whom."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from helpers.cloud.url_rules import REGIONS, parse_s3_url
from helpers.remote.sparse_file import Range, merge
from helpers.transfer.callers import Line
from helpers.transfer.record import Record

#: Where AWS gives machines and containers their credentials (IMDS and ECS).
CREDENTIAL_HOSTS = ("169.254.169.254", "169.254.170.2", "169.254.170.23")
#: What S3's user guide calls the parameters of a listing.
_LISTING = {"list-type", "prefix", "delimiter", "marker", "versions", "location"}
_SERVICE_TYPES = ("xml", "json", "csv", "votable")


@dataclass(frozen=True)
class Request:
    """One HTTP request.

    Attributes
    ----------
    method, url : str
        As they were sent.
    file : str
        Name of the file or of the service.
    range : tuple of int or None
        First byte asked for and the byte behind the last, None for the file's end; None for
        a request without a range.
    status : int
        HTTP status; 0 if no answer came.
    bytes : int
        Of the body received.
    kind : str
        ``file``, ``listing``, ``metadata``, ``service query``, ``credentials``, ``redirect``
        or ``error``.
    parts : tuple of (str, int)
        The parts of a FITS file that came, and the bytes of each.
    span : tuple of int or None
        The bytes of the file that came: the first, and the one behind the last.
    size : int
        Of the whole file in bytes; 0 if nothing said it.
    wanted : int or None
        How many of the bytes the reader wanted; None where that cannot be known.
    began, waited, ended : float
        Seconds: from the block's beginning to the request; from there to the first byte; from
        the block's beginning to the last byte.
    source : {"cloud", "archive"}
        S3, or the archive's own server.
    region : str
        Of the bucket, where known.
    line : str
        File and line of your code that caused it, as ``script.py:12``; empty if unknown.
    """

    method: str
    url: str
    file: str
    range: tuple[int, int | None] | None
    status: int
    bytes: int
    kind: str
    parts: tuple[tuple[str, int], ...]
    span: Range | None
    size: int
    wanted: int | None
    began: float
    waited: float
    ended: float
    source: str
    region: str
    line: str

    @property
    def seconds(self) -> float:
        """From sending the request to the last byte."""
        return self.ended - self.began

    @property
    def part(self) -> str:
        """Which part of the file it was, in words; its kind for what is no file."""
        if self.kind != "file" or not self.parts:
            return self.kind
        names = [name for name, _ in self.parts]
        shown = names if len(names) <= 3 else [*names[:2], f"{len(names) - 2} more"]
        return " + ".join(shown)


def requests_of(records: Sequence[Record], began: float) -> tuple[Request, ...]:
    """Return what is known of some requests by now.

    Parameters
    ----------
    records : sequence of Record
        What was seen of them.
    began : float
        When the block began, by the same clock.
    """
    opened = {record.opening for record in records if record.opening}
    spans = {opening: merge(list(opening.spans), gap=0) for opening in opened}
    return tuple(
        _request_of(record, began, spans[record.opening] if record.opening else None)
        for record in records
    )


def _request_of(record: Record, began: float, spans: list[Range] | None) -> Request:
    kind = kind_of(record)
    file = record.file
    span = record.span if kind == "file" else None
    last = record.ended or record.began
    return Request(
        method=record.method,
        url=record.url,
        file=file.name if kind == "file" else record.host or file.name,
        range=None if record.start is None else (record.start, record.stop),
        status=record.status,
        bytes=record.received,
        kind=kind,
        parts=tuple(parts_of(record)) if kind == "file" else (),
        span=span,
        size=file.size,
        wanted=None if spans is None or span is None else overlap(spans, span),
        began=record.began - began,
        waited=max(0.0, (record.first or last) - record.began),
        ended=last - began,
        source="cloud" if bucket_of(record) else "archive",
        region=region_of(record),
        line=shown_line(record.caller.line),
    )


def kind_of(record: Record) -> str:
    """Say what was asked for."""
    if record.host in CREDENTIAL_HOSTS or record.host.startswith("sts."):
        return "credentials"
    if record.status in range(300, 400):
        return "redirect"
    if record.status >= 400:
        return "error"
    if record.method == "HEAD":
        return "metadata"
    parts = urlsplit(record.url)
    if bucket_of(record):
        is_listing = not _key_of(record) or not _LISTING.isdisjoint(parse_qs(parts.query, True))
        return "listing" if is_listing else "file"
    layout = record.file.layout
    if record.method == "GET" and (layout.is_fits or layout.is_compressed):
        return "file"
    if parts.path.endswith("/") and "html" in record.content_type:
        return "listing"
    by_type = any(name in record.content_type for name in _SERVICE_TYPES)
    return "service query" if record.method != "GET" or parts.query or by_type else "file"


def bucket_of(record: Record) -> str:
    """Name of the bucket, or an empty text."""
    address = record.file.address
    return address.removeprefix("s3://").partition("/")[0] if address.startswith("s3://") else ""


def _key_of(record: Record) -> str:
    return record.file.address.removeprefix("s3://").partition("/")[2]


def region_of(record: Record) -> str:
    """Region of the bucket: as the answer said it, as it is known, as the address has it."""
    bucket = bucket_of(record)
    found = parse_s3_url(record.url) if bucket else None
    return record.region or REGIONS.get(bucket, "") or (found[2] if found else "")


def parts_of(record: Record) -> list[tuple[str, int]]:
    """Name the parts of the file that came."""
    layout, span = record.file.layout, record.span
    if span is None:
        return []
    if layout.is_compressed:
        return [("file compressed as a whole", record.received)]
    return layout.parts(*span) if layout.is_fits else []


def overlap(spans: list[Range], range_: Range) -> int:
    """How many bytes of a range lie in any of the spans."""
    covered, known = 0, range_[0]
    for start, stop in sorted(spans):
        begin, end = max(start, known), min(stop, range_[1])
        if begin < end:
            covered += end - begin
            known = end
    return covered


def shown_line(line: Line) -> str:
    """Return a line of code as text, its file as short as it can be named from here."""
    filename, number = line
    if not filename:
        return ""
    if cell := _cell(filename):
        return f"{cell}:{number}"
    path = Path(filename)
    here = Path.cwd()
    return f"{path.relative_to(here) if path.is_relative_to(here) else path}:{number}"


def _cell(filename: str) -> str:
    """Name of a notebook's cell, as ``In[5]``; an empty text for any other file."""
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    named = shell.compile.format_code_name(filename) if shell else None
    return str(named[1]) if named else ""
