"""Answer with a sentence where a service fails in a way that nobody thought of."""

from __future__ import annotations

import logging

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

log = logging.getLogger(__name__)

_MESSAGE = "The replica failed to answer; this is a defect of the replica: {kind}: {error}\n"


class LastResortMiddleware:
    """ASGI middleware: an exception becomes an answer with status 500, and a line of the log.

    The connection stays usable.  An answer that has begun cannot be taken back: the exception
    then goes on to the server, which ends the connection.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun = False

        async def noticed(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._app(scope, receive, noticed)
        except Exception as error:
            log.exception("no answer to %s %s", scope.get("method"), scope.get("path"))
            if begun:
                raise
            text = _MESSAGE.format(kind=type(error).__name__, error=error)
            await PlainTextResponse(text, 500)(scope, receive, send)
