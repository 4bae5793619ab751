"""What the forwarding and the replaying application share: requests, headers, refusals."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Coroutine, Iterable
from dataclasses import dataclass
from typing import TypeVar
from xml.sax.saxutils import escape

from starlette.types import Receive, Scope, Send

from replica.proxy.client_connection import EXTENSION
from replica.recordings.questions import UPLOAD_LIMIT

T = TypeVar("T")
RawHeaders = list[tuple[bytes, bytes]]
#: Headers that concern one connection only (RFC 9110, 7.6.1), and what `uvicorn` answers itself.
_HOP_BY_HOP = frozenset(
    b"connection keep-alive proxy-authenticate proxy-authorization proxy-connection te trailer "
    b"transfer-encoding upgrade expect".split()
)
_S3_HOST = re.compile(r"(.+\.)?s3([.-][a-z0-9-]+)*\.amazonaws\.com")


# An application that returns amid a body makes uvicorn send what there is, and then close: just
# what is wanted here, though uvicorn takes it for a mistake.
logging.getLogger("uvicorn.error").addFilter(
    lambda record: "returned without completing response" not in record.getMessage()
)


class RefusedError(Exception):
    """A request that is answered with a status and a sentence."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class Request:
    """A request as it came from the client.

    Attributes
    ----------
    method, url : str
        As sent; the URL is absolute.
    host : str
        Host without port.
    headers : list of tuple
        Names in small letters, and values.
    body : bytes
        What was sent with it.
    """

    method: str
    url: str
    host: str
    headers: RawHeaders
    body: bytes

    def header(self, name: bytes) -> str:
        """Return the value of a header, or an empty text."""
        return next((value for key, value in self.headers if key == name), b"").decode("latin-1")


async def read_request(scope: Scope, receive: Receive) -> Request:
    """Read a request with its body.

    Raises
    ------
    RefusedError
        For WebSockets, and for bodies longer than `UPLOAD_LIMIT`.
    """
    given = dict(scope["headers"])
    if given.get(b"upgrade", b"").lower() == b"websocket":
        raise RefusedError(501, "WebSockets are neither recorded nor replayed")
    authority = given.get(b"host", b"").decode("latin-1")
    if not authority:
        raise RefusedError(400, "The request has no Host header")
    path = scope["raw_path"].decode("latin-1")
    query = scope["query_string"].decode("latin-1")
    connection = scope.get("extensions", {}).get(EXTENSION)
    scheme = connection.scheme if connection else "http"
    url = f"{scheme}://{authority}{path}{'?' if query else ''}{query}"
    body = await _body(receive, int(given.get(b"content-length", b"0")))
    host = re.sub(r":\d+$", "", authority).lower()
    return Request(scope["method"], url, host, list(scope["headers"]), body)


async def until_gone(work: Coroutine[None, None, T], receive: Receive) -> T | None:
    """Do some work; stop it, and return None, as soon as the client has gone."""
    task = asyncio.ensure_future(work)
    gone = asyncio.ensure_future(_disconnected(receive))
    await asyncio.wait({task, gone}, return_when=asyncio.FIRST_COMPLETED)
    gone.cancel()
    if not task.done():
        task.cancel()
    try:
        return await task
    except asyncio.CancelledError:
        return None


async def _disconnected(receive: Receive) -> None:
    """Wait until the client has closed its connection, or has its whole answer."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def _body(receive: Receive, announced: int) -> bytes:
    blocks: list[bytes] = []
    size, more = announced, True
    while more and size <= UPLOAD_LIMIT:
        message = await receive()
        blocks.append(message.get("body", b""))
        more = message.get("more_body", False)
        size = max(announced, sum(map(len, blocks)))
    if size > UPLOAD_LIMIT:
        raise RefusedError(
            413,
            f"Uploads of more than {UPLOAD_LIMIT // 2**20} MiB are neither recorded nor replayed; "
            "run this command without the recording",
        )
    return b"".join(blocks)


def end_to_end(headers: Iterable[tuple[bytes, bytes]]) -> RawHeaders:
    """Return the headers that are not about one connection only."""
    given = list(headers)
    named = b",".join(value for name, value in given if name.lower() == b"connection").lower()
    dropped = _HOP_BY_HOP | {name.strip() for name in named.split(b",")}
    return [(name, value) for name, value in given if name.lower() not in dropped]


def texts(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[str, str]]:
    """Return headers as text."""
    return [(name.decode("latin-1"), value.decode("latin-1")) for name, value in headers]


async def send_refusal(send: Send, refused: RefusedError, host: str = "") -> None:
    """Answer with a sentence; in the form of S3's errors where the client expects that."""
    message, kind = f"{refused}\n", b"text/plain; charset=utf-8"
    if _S3_HOST.fullmatch(host):
        message = s3_error("AccessDenied" if refused.status == 403 else "Refused", str(refused))
        kind = b"application/xml"
    body = message.encode()
    headers = [
        (b"content-type", kind),
        (b"content-length", b"%d" % len(body)),
        (b"x-refused", str(refused).encode("ascii", "backslashreplace")),
        # Whatever is still on its way from the client is not read.
        *([(b"connection", b"close")] * (refused.status in (413, 501))),
    ]
    await send({"type": "http.response.start", "status": refused.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def s3_error(code: str, message: str, **more: str) -> str:
    """Return an error document (Amazon S3 API reference, "Error responses")."""
    parts = {"Code": code, "Message": message} | more
    inner = "".join(f"<{name}>{escape(text)}</{name}>" for name, text in parts.items())
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<Error>{inner}</Error>'


def is_s3(host: str) -> bool:
    """Whether a host is one of S3's."""
    return bool(_S3_HOST.fullmatch(host))
