"""Read bytes over HTTP: complete, or an exception; transient failures are repeated."""

from __future__ import annotations

import os
import random
import re
import time
from contextlib import suppress
from functools import lru_cache
from typing import TYPE_CHECKING

from helpers.connection import replica_died
from helpers.errors import DownloadError
from helpers.remote.cancellation import cancelled
from helpers.remote.chunks import Chunk, Version
from helpers.remote.link import Answer, link_to

if TYPE_CHECKING:
    from collections.abc import Iterator

    import requests

#: Seconds to wait for a connection, and for each next bytes of an answer.
TIMEOUT = (10.0, 20.0)
#: How often a read is tried, and the pause before the second try; it doubles each time.
MAX_ATTEMPTS = 5
FIRST_PAUSE = 0.1
#: No new try begins after this time, seconds; nor does an answer go on that is slower than
#: `SLOWEST_RATE` by then.
DEADLINE = 60.0
#: Bytes a second that an answer must bring in the long run: a modem's rate, 80 kbit/s.
SLOWEST_RATE = 10_000
#: Longest pause that a server's Retry-After is granted, seconds.
LONGEST_PAUSE = 10.0
#: Answers that may be different soon (RFC 9110, section 15; S3 says SlowDown with 503).
TRANSIENT = frozenset({429, 500, 502, 503, 504})
#: Connections kept for a host: more than any sensible number of threads.
POOL_SIZE = 64

# Characters of a reason that are shown.
_REASON_LENGTH = 200
# Bytes of a body that are taken at once.
_BLOCK = 2**20
# Nineteen digits are enough for 2**63; Python refuses to read some thousands of them.
_CONTENT_RANGE = re.compile(r"bytes (\d{1,19})-(\d{1,19})/(\d{1,19})")
_LENGTH = re.compile(r"(\d{1,19})(?:\s*,\s*\1)*")


class FileChangedError(DownloadError):
    """A file is not the one any more of which some bytes are known."""


class _TransientError(Exception):
    """A failure after which it is worth to try again."""

    def __init__(self, reason: str, pause: float = 0.0) -> None:
        super().__init__(reason)
        self.pause = pause


def read_chunk(
    url: str, start: int, stop: int | None = None, version: Version | None = None
) -> Chunk:
    """Read the bytes from `start` to before `stop` of a file; to its end without `stop`.

    Parameters
    ----------
    url : str
        An ``http`` or ``https`` address.
    start, stop : int
        The range in bytes; it may reach behind the end of the file.
    version : Version, optional
        The version that the bytes must be of.

    Returns
    -------
    Chunk
        All bytes of the range that the file has.

    Raises
    ------
    FileChangedError
        If the file is another one than `version` by now.
    DownloadError
        If the server refuses, or still fails after `MAX_ATTEMPTS` tries or `DEADLINE` seconds,
        or if nobody waits any more.
    """
    began = time.monotonic()
    for number in range(MAX_ATTEMPTS):
        if cancelled():
            raise DownloadError(f"{url} was not read: nobody waits for it any more", url)
        try:
            return _read_once(url, start, stop, version)
        except _TransientError as error:
            reason, pause = error, max(_pause(number), error.pause)
        if number == MAX_ATTEMPTS - 1 or time.monotonic() + pause - began > DEADLINE:
            break
        time.sleep(pause)
    tries = "once" if number == 0 else f"{number + 1} times"
    raise DownloadError(f"{url} could not be read: {reason}; tried {tries}", url)


def check_pace(seconds: float, received: int) -> None:
    """Give up an answer that comes too slowly, or that nobody waits for any more.

    Parameters
    ----------
    seconds : float
        Time since the answer was waited for.
    received : int
        Its bytes so far.

    Raises
    ------
    TimeoutError, ConnectionAbortedError
        For requests to turn into its own errors.
    """
    if cancelled():
        raise ConnectionAbortedError("nobody waits for it any more")
    if seconds > DEADLINE + received / SLOWEST_RATE:
        raise TimeoutError(f"only {received} bytes came in {seconds:.0f} s")


def _pause(number: int) -> float:
    """A pause that doubles each time, with some chance in it so that clients spread out."""
    return FIRST_PAUSE * 2.0**number * random.uniform(0.5, 1.5)


def _read_once(url: str, start: int, stop: int | None, version: Version | None) -> Chunk:
    answer, body = _ask(url, _headers(start, stop, version))
    # We never ask beyond the end of a version that we know (416).
    if version is not None and answer.status_code in (412, 416):
        raise FileChangedError(f"{url} is another file now; open it again", url)
    _check_status(url, answer)
    chunk = _chunk(url, answer, body, start, stop)
    if version is not None and not version.agrees(chunk.version):
        raise FileChangedError(f"{url} is another file now; open it again", url)
    return chunk


def _headers(start: int, stop: int | None, version: Version | None) -> dict[str, str]:
    headers = {
        "Range": f"bytes={start}-{'' if stop is None else stop - 1}",
        # The lengths are those of the file as it is stored.
        "Accept-Encoding": "identity",
    }
    if version is not None and version.strong_tag:
        headers["If-Match"] = version.strong_tag
    return headers


def _ask(url: str, headers: dict[str, str]) -> tuple[requests.Response, bytes]:
    """Send one request; return the answer and its body, as it is stored, with failures sorted."""
    import requests
    from urllib3.exceptions import HTTPError, ProtocolError, SSLError, TimeoutError

    session, began = _session(os.getpid()), time.monotonic()
    try:
        with session.get(url, headers=headers, timeout=TIMEOUT, stream=True) as answer:
            answered = time.monotonic()
            body = b"".join(_stored_body(answer))
            link_to(url).record(Answer(began, answered, time.monotonic(), len(body)))
            return answer, body
    except requests.exceptions.ProxyError as error:
        _check_proxy(url, _innermost(error))
        raise _TransientError(f"no answer ({_reason(error)})") from error
    except ProtocolError as error:
        raise _TransientError(f"the answer broke off ({_reason(error)})") from error
    except (requests.ConnectionError, requests.Timeout, SSLError, TimeoutError) as error:
        raise _TransientError(f"no complete answer ({_reason(error)})") from error
    # Also what requests lets through: a host or a redirect that is none, no file of certificates.
    except (OSError, ValueError, HTTPError) as error:
        _check_replica(url, error)
        raise DownloadError(f"{url} could not be read: {_reason(error)}", url) from error


def _stored_body(answer: requests.Response) -> Iterator[bytes]:
    """A body as it is stored: some servers call a file that is gzip by itself encoded by gzip."""
    return answer.raw.stream(_BLOCK, decode_content=False)


@lru_cache(maxsize=1)
def _session(process: int) -> requests.Session:
    """One session for a process: connections must not be shared across a fork."""
    import requests

    from helpers.remote.timed_answers import TimedAdapter

    session = requests.Session()
    for scheme in ("http://", "https://"):
        session.mount(scheme, TimedAdapter(check_pace, pool_connections=16, pool_maxsize=POOL_SIZE))
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
    said = f"the server answers {answer.status_code} {answer.reason[:_REASON_LENGTH]}"
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


def _chunk(url: str, answer: requests.Response, body: bytes, start: int, stop: int | None) -> Chunk:
    """Return the body of an HTTP answer, which must be the range that was asked for."""
    if answer.status_code != 206:
        return _slice_full_body(url, answer, body, start, stop)
    match = _CONTENT_RANGE.fullmatch(answer.headers.get("Content-Range", ""))
    if match is None:
        raise DownloadError(f"{url} answers without a Content-Range that can be read", url)
    first, last, size = map(int, match.groups())
    end = size if stop is None else min(stop, size)
    if (first, last + 1) != (start, end) or len(body) != end - start:
        raise _TransientError(f"{len(body)} bytes came where {end - start} were asked for")
    return Chunk(start, body, _version(answer, size))


def _slice_full_body(
    url: str, answer: requests.Response, body: bytes, start: int, stop: int | None
) -> Chunk:
    """Take the range from the answer of a server that sends the whole file."""
    announced = answer.headers.get("Content-Length")
    length = _LENGTH.fullmatch(announced) if announced is not None else None
    if announced is not None and length is None:
        raise DownloadError(f"{url} answers with a Content-Length that cannot be read", url)
    if length is not None and int(length[1]) != len(body):
        raise _TransientError(f"{len(body)} bytes came where {length[1]} were announced")
    return Chunk(start, body[start:stop], _version(answer, len(body)))


def _version(answer: requests.Response, size: int) -> Version:
    return Version(size, answer.headers.get("ETag", ""), answer.headers.get("Last-Modified", ""))


def _reason(error: BaseException) -> str:
    """What went wrong on the wire, in one line: servers can put anything into their answers."""
    from urllib3.exceptions import IncompleteRead

    cause = _innermost(error)
    # Which of these it is, and in which words, depends on the version of Python.
    if isinstance(cause, (ConnectionResetError, IncompleteRead)):
        return "the connection was closed"
    return " ".join(str(cause).split())[:_REASON_LENGTH] or type(cause).__name__


def _innermost(error: BaseException) -> BaseException:
    """The first cause in a chain, which says what went wrong on the wire."""
    while inner := error.__cause__ or error.__context__:
        error = inner
    return error
