"""Ask the replica itself: what is at an address of one of its hosts."""

from __future__ import annotations

from urllib.parse import unquote, urlsplit

from starlette.types import ASGIApp, Message

from replica.protocols.dali import RequestError


async def fetch(app: ASGIApp, url: str, limit: int) -> bytes:
    """Return what the application answers to a GET.

    Parameters
    ----------
    app : ASGIApp
        The application of all archives.
    url : str
        An http or https address of a host that the replica serves.
    limit : int
        The number of bytes that are taken at most.

    Raises
    ------
    RequestError
        If it is no address, the answer is not a success, or it is longer than the limit.
    """
    status, received = 0, bytearray()

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        nonlocal status
        status = message.get("status", status)
        if len(received) <= limit:
            received.extend(message.get("body", b""))

    await app(_scope(url), receive, send)
    if len(received) > limit:
        raise RequestError(f"{url} has more than {limit} bytes")
    if status != 200:
        text = bytes(received[:300]).decode("utf-8", "replace").strip()
        raise RequestError(f"{url} cannot be had: status {status}: {text}")
    return bytes(received)


def _scope(url: str) -> dict[str, object]:
    try:
        parts = urlsplit(url)
        server = (parts.hostname, parts.port)
    except ValueError as problem:
        raise RequestError(f"{url} is not an address: {problem}") from problem
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": parts.scheme,
        "path": unquote(parts.path) or "/",
        "raw_path": parts.path.encode(),
        "query_string": parts.query.encode(),
        "root_path": "",
        "headers": [(b"host", parts.netloc.encode())],
        "client": None,
        "server": server,
    }
