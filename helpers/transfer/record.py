"""One request as it is seen from outside: what was asked, what came, and when."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Mapping
from contextvars import ContextVar
from functools import lru_cache
from urllib.parse import urlsplit

from helpers.cloud.url_rules import parse_s3_url
from helpers.remote.sparse_file import Range
from helpers.transfer.callers import Caller, Line
from helpers.transfer.fits_layout import FitsLayout

_RANGE = re.compile(r"bytes=(\d{1,19})-(\d{0,19})")
_CONTENT_RANGE = re.compile(r"bytes (\d{1,19})-\d{1,19}/(\d{1,19})")
#: How a user's call reads a FITS file, by the astropy function that it goes through.
_HOW = {
    "HDUList.info": "info",
    "HDUList.__len__": "len",
    "HDUList.__contains__": "in",
    "HDUList.__iter__": "loop",
    "HDUList.readall": "readall",
    "HDUList.index_of": "name",
    # Images only: a table has no ``.section``.
    "_ImageBaseHDU.data": "data",
    "CompImageHDU.data": "data",
}


class RemoteFile:
    """What is learnt of one file while its bytes pass.

    Attributes
    ----------
    address : str
        ``s3://bucket/key``, or the URL.
    size : int
        Of the whole file in bytes; 0 if nothing said it.
    layout : FitsLayout
        Its HDUs.
    """

    def __init__(self, address: str) -> None:
        self.address = address
        self.size = 0
        self.layout = FitsLayout()

    @property
    def name(self) -> str:
        """The last part of its address; of a MAST download, that of the product it names."""
        path, _, query = self.address.partition("?")
        path = query if query.startswith("uri=") else path
        return path.rstrip("/").rpartition("/")[2] or self.address


class Opening:
    """What was read through one open file of fsspec, whose cache fetches more than that.

    Attributes
    ----------
    spans : list of (int, int)
        The bytes that were wanted, in the order of the reads.
    wanted : int
        How many they are, those read again included.
    reads : dict
        Bytes by the lines of the user's code and by how astropy came to read them: ``data``,
        ``section``, ``info``, ``len``, ``in``, ``loop``, ``readall``, ``name``, or an empty text.
    """

    def __init__(self, address: str) -> None:
        self.address = address
        self.spans: list[Range] = []
        self.wanted = 0
        self.reads: dict[tuple[tuple[Line, ...], str], int] = {}

    def want(self, start: int, stop: int, caller: Caller) -> None:
        """Note that a range was wanted."""
        self.wanted += stop - start
        if self.spans and self.spans[-1][1] == start:
            self.spans[-1] = (self.spans[-1][0], stop)
        else:
            self.spans.append((start, stop))
        key = caller.lines, how_of(caller.via)
        self.reads[key] = self.reads.get(key, 0) + stop - start


#: The open file that a request is for, carried into the thread that sends it.
opening: ContextVar[Opening | None] = ContextVar("opening", default=None)


@lru_cache(maxsize=1024)
def how_of(via: tuple[str, ...]) -> str:
    """Say how astropy came to read: the outermost of its doors that a read went through."""
    for name in reversed(via):
        if name in _HOW:
            return _HOW[name]
        if name.endswith("Section.__getitem__"):
            return "section"
    return ""


@lru_cache(maxsize=4096)
def address_of(url: str) -> str:
    """Return the one address of a file: S3's by bucket and key, whatever the form of its URL."""
    if not url.startswith(("http://", "https://")):
        return url
    try:
        found = parse_s3_url(url)
    except ValueError:  # not UTF-8, or no URL at all: its sender will say so
        found = None
    return f"s3://{found[0]}/{found[1]}" if found else url.partition("#")[0]


def host_of(url: str) -> str:
    """Return the host of a URL; an empty text if it has none."""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


class Record:
    """A request under way; other threads may read it at any time.

    Attributes
    ----------
    start, stop : int or None
        The range that was asked for; None where the header has none.
    base : int or None
        Where in the file the body begins; None while that is not known.
    received : int
        Bytes of the body so far.
    began, first, ended : float
        Clock readings: sent, head of the answer, last piece of the body; 0 if it never came.
    thread : int
        Number of the thread that sent it.
    """

    def __init__(self, method: str, url: str, caller: Caller, file: RemoteFile) -> None:
        self.method, self.url, self.caller, self.file = method, url, caller, file
        self.host, self.thread = host_of(url), threading.get_ident()
        self.opening = opening.get()
        self.began, self.first, self.ended = time.perf_counter(), 0.0, 0.0
        self.start: int | None = None
        self.stop: int | None = None
        self.status = 0
        self.received = 0
        self.base: int | None = None
        self.new_connection = False
        self.signed = False
        self.asks_to_close = self.server_closes = False
        self.content_type = self.region = ""
        self._early: list[bytes] = []

    def ask(self, name: str, value: str) -> None:
        """Note a header of the request."""
        name = name.lower()
        if name == "range" and (match := _RANGE.fullmatch(value)):
            self.start = int(match[1])
            self.stop = int(match[2]) + 1 if match[2] else None
        elif name == "authorization":
            self.signed = True
        elif name == "connection":
            self.asks_to_close = value.lower() == "close"

    def answer(self, status: int, headers: Mapping[str, str]) -> None:
        """Note the head of the answer."""
        self.first = self.ended = time.perf_counter()
        self.status = status
        self.content_type = headers.get("Content-Type") or ""
        self.region = headers.get("x-amz-bucket-region") or ""
        closes = (headers.get("Connection") or "").lower() == "close"
        self.server_closes = closes and not self.asks_to_close
        plain = not headers.get("Transfer-Encoding") and not headers.get("Content-Encoding")
        if self.method == "GET" and plain and status in (200, 206):
            self._place(status, headers)
        if self.base is not None:
            self.file.layout.feed(self.base, b"".join(self._early))
        self._early = []

    def _place(self, status: int, headers: Mapping[str, str]) -> None:
        match = _CONTENT_RANGE.fullmatch(headers.get("Content-Range") or "")
        if status == 206 and match:
            self.base, self.file.size = int(match[1]), int(match[2])
        elif status == 200:
            length = headers.get("Content-Length") or ""
            self.base = 0
            self.file.size = int(length) if length.isdecimal() else self.file.size

    def receive(self, data: bytes | memoryview) -> None:
        """Note a piece of the body; the parser of aiohttp may bring one before the head."""
        self.ended = time.perf_counter()
        if not self.status:
            self._early.append(bytes(data))
        elif self.base is not None:
            self.file.layout.feed(self.base + self.received, data)
        self.received += len(data)

    @property
    def span(self) -> Range | None:
        """The bytes of the file that came; None where that has no meaning."""
        if self.base is None or not self.received:
            return None
        return self.base, self.base + self.received
