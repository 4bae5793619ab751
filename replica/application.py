"""One ASGI application for all archives, routed by the Host header."""

from __future__ import annotations

import logging
import re

from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import BaseRoute, Host, Route, Router
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from replica.cache import CacheError
from replica.services import heasarc, irsa, mast, registry, s3

log = logging.getLogger(__name__)

#: Host name to routes, of every archive service.
ARCHIVES: dict[str, list[BaseRoute]] = {
    **irsa.ROUTES,
    **heasarc.ROUTES,
    **mast.ROUTES,
    **registry.ROUTES,
}
#: Longest body of a request, bytes: the field's longest queries take a fraction of it.
BODY_LIMIT = 2**20
_S3_HOST = re.compile(r"(.+\.)?s3([.-][a-z0-9-]+)?\.amazonaws\.com")


def refusal(host: str) -> str | None:
    """The sentence with which a host is refused; None for a host that the replica serves."""
    if host in ARCHIVES or _S3_HOST.fullmatch(host):
        return None
    return (
        f"{host or 'This address'} is not part of the replica, and the replica does not go out to "
        f"the network: it answers for {', '.join(sorted(ARCHIVES))} and S3. "
        "To reach the real host, do not run under the replica: in a notebook, set ARCHIVES=live"
    )


async def _refuse(request: Request) -> PlainTextResponse:
    sentence = refusal(request.headers.get("host", "").partition(":")[0]) or "Not found"
    return PlainTextResponse(f"{sentence}\n", status_code=403)


async def _no_file(request: Request, error: CacheError) -> PlainTextResponse:
    log.error("%s", error)
    return PlainTextResponse(f"{error}\n", status_code=507)


class LimitBodies:
    """ASGI middleware: a service that reads a body beyond `BODY_LIMIT` answers 413 instead."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        announced = int(Headers(scope=scope).get("content-length", 0))
        received = 0

        async def limited() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if max(announced, received) > BODY_LIMIT:
                raise HTTPException(413, f"A request's body has at most {BODY_LIMIT} bytes\n")
            return message

        await self._app(scope, limited, send)


def application() -> Starlette:
    """Build the application of all services."""
    hosts = [Host(name, Router(routes)) for name, routes in ARCHIVES.items()]
    stores = [Host(pattern, Router(routes)) for pattern, routes in s3.ROUTES.items()]
    methods = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"]
    return Starlette(
        routes=[*hosts, *stores, Route("/{path:path}", _refuse, methods=methods)],
        middleware=[Middleware(LimitBodies)],
        exception_handlers={CacheError: _no_file},
    )
