"""What did that cost? Seconds, requests and bytes of whatever ran inside a block.

Every HTTP client on the notebooks' path stands on one of two libraries: the standard
library's ``http.client`` (requests, so pyvo and astroquery; botocore, so boto3; urllib, so
astropy's downloads) or ``aiohttp`` (s3fs and fsspec).  While a block is open, both tell a
counter of each request sent and of each piece of a body received.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Self, cast

if TYPE_CHECKING:
    from http.client import HTTPResponse
    from io import BufferedReader


@dataclass(frozen=True)
class _Count:
    requests: int = 0
    bytes: int = 0


class _Counter:
    """Requests and bytes of this process since the first block was opened."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests = self._bytes = self._readers = 0
        self._originals: list[tuple[type, str, Callable[..., Any]]] = []

    def add_request(self) -> None:
        with self._lock:
            self._requests += 1

    def add_bytes(self, number: int) -> None:
        with self._lock:
            self._bytes += number

    def now(self) -> _Count:
        with self._lock:
            return _Count(self._requests, self._bytes)

    def open(self) -> None:
        with self._lock:
            self._readers += 1
            if self._readers == 1:
                self._listen()

    def close(self) -> None:
        with self._lock:
            self._readers -= 1
            if self._readers == 0:
                while self._originals:
                    setattr(*self._originals.pop())

    def _listen(self) -> None:
        # Imported here: it takes a third of the time of importing every name of helpers.
        import http.client

        self._wrap(http.client.HTTPConnection, "putrequest", _counting_request)
        self._wrap(http.client.HTTPResponse, "begin", _counting_body)
        if find_spec("aiohttp"):
            from aiohttp import ClientRequest, StreamReader

            self._wrap(ClientRequest, "send", _counting_async_request)
            self._wrap(StreamReader, "feed_data", _counting_block)

    def _wrap(self, owner: type, name: str, wrapper: Callable[..., Any]) -> None:
        original = getattr(owner, name)
        self._originals.append((owner, name, original))
        setattr(owner, name, wraps(original)(wrapper(original)))


_counter = _Counter()


def _counting_request(original: Callable[..., Any]) -> Callable[..., Any]:
    def putrequest(connection: Any, *arguments: Any, **keywords: Any) -> Any:
        _counter.add_request()
        return original(connection, *arguments, **keywords)

    return putrequest


def _counting_body(original: Callable[..., Any]) -> Callable[..., Any]:
    def begin(response: HTTPResponse) -> None:
        original(response)
        # The head has been read from it, so what is read from now on is the body.
        if response.fp is not None:
            response.fp = cast("BufferedReader", _CountedFile(response.fp))

    return begin


def _counting_async_request(original: Callable[..., Any]) -> Callable[..., Any]:
    async def send(request: Any, *arguments: Any, **keywords: Any) -> Any:
        # CONNECT opens a way through a proxy; it asks the archive for nothing.
        if request.method != "CONNECT":
            _counter.add_request()
        return await original(request, *arguments, **keywords)

    return send


def _counting_block(original: Callable[..., Any]) -> Callable[..., Any]:
    def feed_data(reader: Any, data: bytes, *arguments: Any, **keywords: Any) -> Any:
        _counter.add_bytes(len(data))
        return original(reader, data, *arguments, **keywords)

    return feed_data


class _CountedFile:
    """A response's file that counts what is read from it."""

    def __init__(self, file: Any) -> None:
        self._file = file

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def read(self, *size: int) -> bytes:
        return self._count(self._file.read(*size))

    def read1(self, *size: int) -> bytes:
        return self._count(self._file.read1(*size))

    def readline(self, *size: int) -> bytes:
        return self._count(self._file.readline(*size))

    def readinto(self, buffer: Any) -> int:
        number: int = self._file.readinto(buffer)
        _counter.add_bytes(number or 0)
        return number

    def _count(self, data: bytes) -> bytes:
        _counter.add_bytes(len(data))
        return data


class Transfer:
    """Count the seconds, requests and bytes of whatever runs inside the block.

    Requests of all threads count, through helpers, pyvo, astroquery, s3fs, boto3 and
    astropy alike.  Programs started as processes of their own do not count.

    Attributes
    ----------
    seconds : float
        Time on the clock.
    requests : int
        HTTP requests sent, repeated and redirected ones too.
    bytes : int
        Bytes of the bodies received; neither headers nor the encryption around them.

    Examples
    --------
    >>> with Transfer() as transfer:
    ...     pass
    >>> transfer.requests
    0
    """

    def __init__(self) -> None:
        self._began: tuple[float, _Count] | None = None
        self._ended: tuple[float, _Count] | None = None

    def start(self) -> Self:
        """Begin to count, for where a ``with`` block would be in the way."""
        _counter.open()
        self._began, self._ended = (time.perf_counter(), _counter.now()), None
        return self

    def stop(self) -> None:
        """Count no further."""
        if self._began is not None and self._ended is None:
            self._ended = (time.perf_counter(), _counter.now())
            _counter.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *exception: object) -> None:
        self.stop()

    @property
    def seconds(self) -> float:
        return self._span()[0]

    @property
    def requests(self) -> int:
        return self._span()[1].requests

    @property
    def bytes(self) -> int:
        return self._span()[1].bytes

    def _span(self) -> tuple[float, _Count]:
        if self._began is None:
            return 0.0, _Count()
        (began, before), (ended, after) = self._began, self._ended or self._now()
        count = _Count(after.requests - before.requests, after.bytes - before.bytes)
        return ended - began, count

    @staticmethod
    def _now() -> tuple[float, _Count]:
        return time.perf_counter(), _counter.now()

    def __str__(self) -> str:
        noun = "request" if self.requests == 1 else "requests"
        return f"{self.requests} {noun}, {self.bytes / 1e6:.2f} MB, {self.seconds:.2f} s"

    __repr__ = __str__
