"""Refuse requests with bodies larger than any service of the archives needs."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

#: Longest body of a request, bytes: the field's longest queries take a fraction of it.
BODY_LIMIT = 2**20


class BodySizeLimitMiddleware:
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
