"""Read bytes over HTTP: complete, or an exception; transient failures are repeated."""

from __future__ import annotations

import os
import random
import re
import time
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from helpers.connection import replica_died
from helpers.errors import DownloadError

if TYPE_CHECKING:
    import requests

#: Seconds to wait for a connection, and for each next bytes of an answer.
TIMEOUT = (10.0, 20.0)
#: How often a read is tried, and the pause before the second try; it doubles each time.
MAX_ATTEMPTS = 5
FIRST_PAUSE = 0.1
#: No new try begins after this time, seconds.
DEADLINE = 60.0
#: Longest pause that a server's Retry-After is granted, seconds.
LONGEST_PAUSE = 10.0
#: Answers that may be different soon (RFC 9110, section 15; S3 says SlowDown with 503).
TRANSIENT = frozenset({429, 500, 502, 503, 504})
#: Connections kept for a host: more than any sensible number of threads.
POOL_SIZE = 64

_CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)")


@dataclass(frozen=True)
class Chunk:
    """Bytes of a remote file.

    Attributes
    ----------
    start : int
        Where they begin in the file.
    data : bytes
        The bytes.
    size : int
        Length of the whole file.
    """

    start: int
    data: bytes
    size: int

    @property
    def stop(self) -> int:
        """Where they end in the file."""
        return self.start + len(self.data)


class _TransientError(Exception):
    """A failure after which it is worth to try again."""

    def __init__(self, reason: str, pause: float = 0.0) -> None:
        super().__init__(reason)
        self.pause = pause


def read_chunk(url: str, start: int, stop: int | None = None) -> Chunk:
    """Read the bytes from `start` to before `stop` of a file; to its end without `stop`.

    Parameters
    ----------
    url : str
        An ``http`` or ``https`` address.
    start, stop : int
        The range in bytes; it may reach behind the end of the file.

    Returns
    -------
    Chunk
        All bytes of the range that the file has.

    Raises
    ------
    DownloadError
        If the server refuses, or still fails after `MAX_ATTEMPTS` tries or `DEADLINE` seconds.
    """
    began = time.monotonic()
    for number in range(MAX_ATTEMPTS):
        try:
            return _read_once(url, start, stop)
        except _TransientError as error:
            reason, pause = error, max(_pause(number), error.pause)
        if number == MAX_ATTEMPTS - 1 or time.monotonic() + pause - began > DEADLINE:
            break
        time.sleep(pause)
    tries = "once" if number == 0 else f"{number + 1} times"
    raise DownloadError(f"{url} could not be read: {reason}; tried {tries}", url)


def read_all(url: str) -> bytes:
    """Read a whole file.

    Raises
    ------
    DownloadError
        If the server refuses, or still fails after `MAX_ATTEMPTS` tries or `DEADLINE` seconds.
    """
    return read_chunk(url, 0).data


def _pause(number: int) -> float:
    """A pause that doubles each time, with some chance in it so that clients spread out."""
    return FIRST_PAUSE * 2**number * random.uniform(0.5, 1.5)


def _read_once(url: str, start: int, stop: int | None) -> Chunk:
    import requests

    headers = {
        "Range": f"bytes={start}-{'' if stop is None else stop - 1}",
        # The lengths are those of the file as it is stored.
        "Accept-Encoding": "identity",
    }
    try:
        answer = _session(os.getpid()).get(url, headers=headers, timeout=TIMEOUT)
    except requests.exceptions.ProxyError as error:
        _check_proxy(url, _innermost(error))
        raise _TransientError(f"no answer ({_reason(error)})") from error
    except (requests.ConnectionError, requests.Timeout) as error:
        raise _TransientError(f"no complete answer ({_reason(error)})") from error
    except requests.exceptions.ChunkedEncodingError as error:
        raise _TransientError(f"the answer broke off ({_reason(error)})") from error
    except OSError as error:  # requests raises a plain one where the certificates are gone
        _check_replica(url, error)
        raise DownloadError(f"{url} could not be read: {error}", url) from error
    _check_status(url, answer)
    return _chunk(url, answer, start, stop)


@lru_cache(maxsize=1)
def _session(process: int) -> requests.Session:
    """One session for a process: connections must not be shared across a fork."""
    import requests
    from requests.adapters import HTTPAdapter

    session = requests.Session()
    for scheme in ("http://", "https://"):
        session.mount(scheme, HTTPAdapter(pool_connections=16, pool_maxsize=POOL_SIZE))
    return session


def _check_proxy(url: str, cause: BaseException) -> None:
    """A proxy that refuses will not change its mind; a broken connection through it may mend."""
    _check_replica(url, cause)
    if not isinstance(cause, ConnectionError | TimeoutError):
        raise DownloadError(f"{url} could not be reached: {cause}", url) from cause


def _check_replica(url: str, cause: BaseException) -> None:
    """Do not blame the archive where the replica has died."""
    if replica_died():
        raise DownloadError(
            f"{url} could not be read: the replica has died; call connect() again", url
        ) from cause


def _check_status(url: str, answer: requests.Response) -> None:
    said = f"the server answers {answer.status_code} {answer.reason}"
    if answer.history:
        said = f"it leads to {answer.url}, where {said}"
    if answer.status_code in TRANSIENT:
        raise _TransientError(said, _retry_after(answer))
    if answer.status_code not in (200, 206):
        raise DownloadError(f"{url} could not be read: {said}{_advice(answer)}", url)


def _advice(answer: requests.Response) -> str:
    # S3 sends a client to another region without a Location that could be followed.
    if answer.status_code == 301 and "x-amz-bucket-region" in answer.headers:
        return f"; its bucket is in the region {answer.headers['x-amz-bucket-region']}"
    return {
        403: "; the product may need credentials, or may not exist",
        404: "; check bucket and key, or ask the archive's search service for it again",
    }.get(answer.status_code, "")


def _retry_after(answer: requests.Response) -> float:
    """Seconds that the server asks to wait; a date instead of seconds is not read."""
    with suppress(ValueError):
        return min(float(answer.headers.get("Retry-After", 0)), LONGEST_PAUSE)
    return 0.0


def _chunk(url: str, answer: requests.Response, start: int, stop: int | None) -> Chunk:
    """Make sure that the answer is the range that was asked for, all of it."""
    body = answer.content
    if answer.status_code != 206:
        return _slice_full_body(url, answer, start, stop)
    match = _CONTENT_RANGE.fullmatch(answer.headers.get("Content-Range", ""))
    if match is None:
        raise DownloadError(f"{url} answers without a Content-Range that can be read", url)
    first, last, size = map(int, match.groups())
    end = size if stop is None else min(stop, size)
    if (first, last + 1) != (start, end) or len(body) != end - start:
        raise _TransientError(f"{len(body)} bytes came where {end - start} were asked for")
    return Chunk(start, body, size)


def _slice_full_body(url: str, answer: requests.Response, start: int, stop: int | None) -> Chunk:
    """Take the range from the answer of a server that sends the whole file."""
    body = answer.content
    declared = answer.headers.get("Content-Length")
    if declared is not None and int(declared) != len(body):
        raise _TransientError(f"{len(body)} bytes came where {declared} were announced")
    return Chunk(start, body[start:stop], len(body))


def _reason(error: BaseException) -> str:
    cause = _innermost(error)
    return str(cause) or type(cause).__name__


def _innermost(error: BaseException) -> BaseException:
    """The first cause in a chain, which says what went wrong on the wire."""
    while error.__cause__ or error.__context__:
        error = error.__cause__ or error.__context__
    return error
