"""Fail in named ways, so that clients can be tested against what real services do."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from fnmatch import fnmatch

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from replica.proxy.client_connection import EXTENSION, ClientConnection

#: How long a stalled answer keeps its client waiting, seconds.
STALL = 120.0


class FaultError(ValueError):
    """A fault that cannot be read."""


@dataclass(frozen=True)
class Fault:
    """One way to fail.

    Attributes
    ----------
    kind : str
        A key of `KINDS`.
    host, path : str
        Patterns (``*`` and ``?``) of the requests that fail; path includes the query.
    times : int
        How many requests fail before all is well; 0 never ends.
    """

    kind: str
    host: str = "*"
    path: str = "*"
    times: int = 0


def fault(text: str) -> Fault:
    """Read a fault such as ``503,host=*.s3.amazonaws.com,path=*.fits,times=1``.

    Raises
    ------
    FaultError
        If the kind is not known or a part is not of the form name=value.
    """
    kind, *parts = text.split(",")
    if kind not in KINDS:
        raise FaultError(f"no fault is called {kind!r}: choose of {', '.join(KINDS)}")
    options = dict(part.partition("=")[::2] for part in parts)
    if not set(options) <= {"host", "path", "times"} or not options.get("times", "0").isdigit():
        raise FaultError(f"cannot read {text!r}: write it like 503,host=*.amazonaws.com,times=1")
    return Fault(
        kind, options.get("host", "*"), options.get("path", "*"), int(options.get("times", "0"))
    )


class FaultInjectionMiddleware:
    """ASGI middleware: let the requests fail that a fault's patterns match.

    Connections are ended through the scope's extension `EXTENSION`.
    """

    def __init__(self, app: ASGIApp, faults: list[Fault]) -> None:
        self._app = app
        self._faults = faults
        self._left = [fault.times or -1 for fault in faults]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        kind = self._next(scope) if scope["type"] == "http" else None
        if kind is None:
            await self._app(scope, receive, send)
        elif isinstance(kind, Response):
            await kind(scope, receive, send)
        else:
            await kind(self._app, scope, receive, send)

    def _next(self, scope: Scope) -> Response | Spoil | None:
        host = Headers(scope=scope).get("host", "").partition(":")[0]
        query = scope["query_string"].decode("latin-1")
        path = scope["path"] + (f"?{query}" if query else "")
        for number, candidate in enumerate(self._faults):
            matches = fnmatch(host, candidate.host) and fnmatch(path, candidate.path)
            if matches and self._left[number]:
                self._left[number] -= 1
                return KINDS[candidate.kind]
        return None


Spoil = Callable[[ASGIApp, Scope, Receive, Send], Awaitable[None]]


async def _reset(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    _client(scope).reset()
    await _disconnected(receive)


async def _stall(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    """Say nothing until the client loses patience, or `STALL` is over."""
    with suppress(TimeoutError):
        await asyncio.wait_for(_disconnected(receive), STALL)
    _client(scope).reset()
    await _disconnected(receive)


def _client(scope: Scope) -> ClientConnection:
    connection: ClientConnection = scope["extensions"][EXTENSION]
    return connection


async def _disconnected(receive: Receive) -> None:
    """Wait until the server has seen the end of the connection: it then misses no answer."""
    while (await receive())["type"] != "http.disconnect":
        pass


def _ends_amid_body(*, reset: bool) -> Spoil:
    """Promise the whole body, send half of it, then end the connection."""

    async def spoil(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        start, body = await _collect(app, scope, receive)
        MutableHeaders(scope=start)["content-length"] = str(len(body))
        await send(start)
        await send(
            {"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True}
        )
        # Let the half arrive: a reset would discard what is still on its way.
        await asyncio.sleep(0.05)
        connection = _client(scope)
        connection.reset() if reset else connection.close()
        await _disconnected(receive)

    return spoil


def _half(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
    """Send half of the body with a Content-Length that agrees with it."""
    return _replace_body(app, scope, receive, send, lambda body: body[: len(body) // 2])


def _nothing(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
    return _replace_body(app, scope, receive, send, lambda body: b"")


async def _replace_body(
    app: ASGIApp, scope: Scope, receive: Receive, send: Send, change: Callable[[bytes], bytes]
) -> None:
    start, body = await _collect(app, scope, receive)
    changed = change(body)
    MutableHeaders(scope=start)["content-length"] = str(len(changed))
    await send(start)
    await send({"type": "http.response.body", "body": changed})


async def _collect(app: ASGIApp, scope: Scope, receive: Receive) -> tuple[Message, bytes]:
    messages: list[Message] = []

    async def keep(message: Message) -> None:
        messages.append(message)

    await app(scope, receive, keep)
    start = messages[0]
    # Starlette's header mutators want a list.
    start["headers"] = list(start["headers"])
    return start, b"".join(message.get("body", b"") for message in messages[1:])


_PAGE = "<!DOCTYPE html><html><head><title>Maintenance</title></head><body>We are back soon</body>"

# S3 tells another region by a header and a document, without a Location to follow
# (Amazon S3 API reference, "Error responses": PermanentRedirect).
_OTHER_REGION = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>PermanentRedirect</Code>'
    "<Message>The bucket must be addressed at the endpoint of its region.</Message>"
    "<Endpoint>s3.eu-north-1.amazonaws.com</Endpoint></Error>"
)

#: Every fault by name: a ready response, or a function that spoils the real one.
KINDS: dict[str, Response | Spoil] = {
    "503": PlainTextResponse("Service Unavailable: please reduce your request rate", 503),
    "429": PlainTextResponse("Too Many Requests", 429, {"Retry-After": "1"}),
    "404": PlainTextResponse("Not Found", 404),
    "403": PlainTextResponse("Forbidden", 403),
    "301": Response(_OTHER_REGION, 301, {"x-amz-bucket-region": "eu-north-1"}, "application/xml"),
    "reset": _reset,
    "reset-amid-body": _ends_amid_body(reset=True),
    "short-body": _ends_amid_body(reset=False),
    "short-length": _half,
    "stall": _stall,
    "html": HTMLResponse(_PAGE),
    "empty": _nothing,
}
