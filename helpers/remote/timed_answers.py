"""HTTP connections whose answers must come at a rate that makes sense to wait for.

A socket's time-out is for the next bytes only: a server that sends one byte a second never
exceeds it.  So each read from the network also asks a check of the pace so far.
"""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from functools import cache
from http.client import HTTPResponse
from typing import Any, cast

from requests.adapters import HTTPAdapter
from urllib3.connectionpool import HTTPConnectionPool

#: Given the seconds and bytes so far, raises what ends the answer.
PaceCheck = Callable[[float, int], None]


class TimedAdapter(HTTPAdapter):
    """What a session of requests sends through, directly or by a proxy.

    Parameters
    ----------
    check_pace : callable
        Asked before each read from the network.
    """

    def __init__(self, check_pace: PaceCheck, **options: Any) -> None:
        super().__init__(**options)
        self._check_pace = check_pace

    def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> HTTPConnectionPool:
        pool: Any = super().get_connection_with_tls_context(*args, **kwargs)
        pool.ConnectionCls = _timed(pool.ConnectionCls, self._check_pace)
        return cast("HTTPConnectionPool", pool)


@cache
def _timed(connection_class: type, check_pace: PaceCheck) -> Any:
    """Return a class of connections whose answers, head and body, are read at a checked pace."""
    if hasattr(connection_class, "check_pace"):
        return connection_class

    class TimedResponse(HTTPResponse):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self.fp = io.BufferedReader(_TimedStream(self.fp.detach(), check_pace))

    members = {"response_class": TimedResponse, "check_pace": staticmethod(check_pace)}
    return type(connection_class.__name__, (connection_class,), members)


class _TimedStream(io.RawIOBase):
    """The bytes of one answer as they come from the socket."""

    def __init__(self, raw: io.RawIOBase, check_pace: PaceCheck) -> None:
        self._raw = raw
        self._check_pace = check_pace
        self._began = time.monotonic()
        self._received = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._check_pace(time.monotonic() - self._began, self._received)
        number = self._raw.readinto(buffer)
        self._received += number or 0
        return number

    def close(self) -> None:
        self._raw.close()
        super().close()
