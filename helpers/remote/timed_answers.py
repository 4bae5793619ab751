"""HTTP connections whose answers must come at a rate that makes sense to wait for.

A socket's time-out is for the next bytes only: a server that sends one byte a second never
exceeds it.  So each read from the network also asks `helpers.remote.http.check_pace`.
"""

from __future__ import annotations

import io
import time
from functools import cache
from http.client import HTTPResponse
from typing import Any, cast

from requests.adapters import HTTPAdapter
from urllib3.connectionpool import HTTPConnectionPool

from helpers.remote import http


class TimedAdapter(HTTPAdapter):
    """What a session of requests sends through, directly or by a proxy."""

    def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> HTTPConnectionPool:
        pool: Any = super().get_connection_with_tls_context(*args, **kwargs)
        pool.ConnectionCls = _timed(pool.ConnectionCls)
        return cast("HTTPConnectionPool", pool)


@cache
def _timed(connection_class: type) -> Any:
    if getattr(connection_class, "response_class", None) is _TimedResponse:
        return connection_class
    return type(connection_class.__name__, (connection_class,), {"response_class": _TimedResponse})


class _TimedResponse(HTTPResponse):
    """An answer, head and body, that is read through a `_TimedStream`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fp = io.BufferedReader(_TimedStream(self.fp.detach()))


class _TimedStream(io.RawIOBase):
    """The bytes of one answer as they come from the socket."""

    def __init__(self, raw: io.RawIOBase) -> None:
        self._raw = raw
        self._began = time.monotonic()
        self._received = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        http.check_pace(time.monotonic() - self._began, self._received)
        number = self._raw.readinto(buffer)
        self._received += number or 0
        return number

    def close(self) -> None:
        self._raw.close()
        super().close()
