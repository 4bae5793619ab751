"""Refuse requests with bodies larger than any service of the archives needs."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

#: Longest body of a request, bytes: the field's longest queries take a fraction of it.
BODY_LIMIT = 2**20
#: Longest body of a multipart form, which may hold tables, bytes.
UPLOAD_LIMIT = 16 * 2**20


class BodySizeLimitMiddleware:
    """ASGI middleware: a service that reads a body beyond its limit answers 413 instead."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        announced, received = int(headers.get("content-length", 0)), 0
        multipart = headers.get("content-type", "").startswith("multipart/form-data")
        limit = UPLOAD_LIMIT if multipart else BODY_LIMIT

        async def limited() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if max(announced, received) > limit:
                raise HTTPException(413, f"A request's body has at most {limit} bytes\n")
            return message

        await self._app(scope, limited, send)
