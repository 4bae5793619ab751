"""One ASGI application for all archives, routed by the Host header."""

from __future__ import annotations

import logging
import re

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import BaseRoute, Host, Route, Router

from replica.archive_folders import modules
from replica.middleware.body_limit import BodySizeLimitMiddleware
from replica.middleware.last_resort import LastResortMiddleware
from replica.storage.cache import CacheError

log = logging.getLogger(__name__)

#: Host names, or patterns of them, to routes: every service of every archive.
ROUTES: dict[str, list[BaseRoute]] = {
    host: routes for module in modules("routes") for host, routes in module.ROUTES.items()
}
#: Hosts with a name of their own; the others are those of S3.
ARCHIVE_HOSTS = sorted(host for host in ROUTES if "{" not in host and "amazonaws" not in host)
_S3_HOST = re.compile(r"(.+\.)?s3([.-][a-z0-9-]+)?\.amazonaws\.com")


def refusal(host: str) -> str | None:
    """The sentence with which a host is refused; None for a host that the replica serves."""
    if host in ARCHIVE_HOSTS or _S3_HOST.fullmatch(host):
        return None
    return (
        f"{host or 'This address'} is not part of the replica, and the replica does not go out to "
        f"the network: it answers for {', '.join(ARCHIVE_HOSTS)} and S3. "
        "To reach the real host, do not run under the replica: in a notebook, set ARCHIVES=live"
    )


async def _refuse(request: Request) -> PlainTextResponse:
    message = refusal(request.headers.get("host", "").partition(":")[0]) or "Not found"
    return PlainTextResponse(f"{message}\n", status_code=403)


async def _no_file(request: Request, error: Exception) -> PlainTextResponse:
    """Answer that a file could not be made: the error is a CacheError."""
    log.error("%s", error)
    return PlainTextResponse(f"{error}\n", status_code=507)


def application() -> Starlette:
    """Build the application of all services."""
    hosts = [Host(pattern, Router(routes)) for pattern, routes in ROUTES.items()]
    methods = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"]
    return Starlette(
        routes=[*hosts, Route("/{path:path}", _refuse, methods=methods)],
        middleware=[Middleware(LastResortMiddleware), Middleware(BodySizeLimitMiddleware)],
        exception_handlers={CacheError: _no_file},
    )
