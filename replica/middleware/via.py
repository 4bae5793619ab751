"""Tell every client that the answer is a replica's (RFC 9110, 7.6.3)."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

#: Whoever records answers knows by it that the data are simulated.
VIA = (b"via", b"1.1 archives-replica (simulated data)")


class ViaMiddleware:
    """ASGI middleware: add the header Via to each answer.

    Parameters
    ----------
    app : ASGIApp
        The application that answers.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", ()), VIA]}
            await send(message)

        await self._app(scope, receive, marked)
