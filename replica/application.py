"""One ASGI application for all archives, routed by the Host header."""

from __future__ import annotations

import re

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import BaseRoute, Host, Route, Router

from replica.services import heasarc, irsa, mast, registry, s3

#: Host name to routes, of every archive service.
ARCHIVES: dict[str, list[BaseRoute]] = {
    **irsa.ROUTES,
    **heasarc.ROUTES,
    **mast.ROUTES,
    **registry.ROUTES,
}
_S3_HOST = re.compile(r"(.+\.)?s3([.-][a-z0-9-]+)?\.amazonaws\.com")


def refusal(host: str) -> str | None:
    """The sentence with which a host is refused; None for a host that the replica serves."""
    if host in ARCHIVES or _S3_HOST.fullmatch(host):
        return None
    return (
        f"{host or 'This address'} is not part of the replica, and the replica does not go out to "
        f"the network: it answers for {', '.join(sorted(ARCHIVES))} and S3. "
        "Set ARCHIVES=live to reach the real host"
    )


async def _refuse(request: Request) -> PlainTextResponse:
    sentence = refusal(request.url.hostname or "") or "Not found"
    return PlainTextResponse(f"{sentence}\n", status_code=403)


def application() -> Starlette:
    """Build the application of all services."""
    hosts = [Host(name, Router(routes)) for name, routes in ARCHIVES.items()]
    stores = [Host(pattern, Router(routes)) for pattern, routes in s3.ROUTES.items()]
    methods = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"]
    return Starlette(routes=[*hosts, *stores, Route("/{path:path}", _refuse, methods=methods)])
