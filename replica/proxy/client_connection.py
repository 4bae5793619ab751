"""The client's own connection, for those who must end it: an extension of the ASGI scope.

The application is behind the proxy and sees the proxy's connection only.  A server cannot be
asked through ASGI to reset a connection, which is what the faults play.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable

from starlette.types import ASGIApp, Receive, Scope, Send

#: Key of the connection in ``scope["extensions"]``.
EXTENSION = "replica.client_connection"


class ClientConnection:
    """A client's connection to the proxy.

    Parameters
    ----------
    transport : asyncio.WriteTransport
        Of the connection; above TLS where there is any.
    """

    def __init__(self, transport: asyncio.WriteTransport) -> None:
        self._transport = transport

    @property
    def scheme(self) -> str:
        """``https`` or ``http``, as the client asked."""
        return "https" if self._transport.get_extra_info("ssl_object") else "http"

    def close(self) -> None:
        """Close the connection once all that was written is sent."""
        self._transport.close()

    def reset(self) -> None:
        """End the connection at once, with a TCP reset."""
        # Lingering for no time at all makes the kernel send a reset.
        linger = struct.pack("ii", 1, 0)
        self._transport.get_extra_info("socket").setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, linger
        )
        self._transport.abort()


class ClientConnectionMiddleware:
    """ASGI middleware: put the client's connection into the scope.

    Parameters
    ----------
    app : ASGIApp
        The application.
    client_of : callable
        Returns the client's connection for the address that the application sees.
    """

    def __init__(
        self, app: ASGIApp, client_of: Callable[[tuple[str, int]], ClientConnection | None]
    ) -> None:
        self._app = app
        self._client_of = client_of

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        connection = self._client_of(tuple(scope["client"])) if scope.get("client") else None
        if connection:
            scope.setdefault("extensions", {})[EXTENSION] = connection
        await self._app(scope, receive, send)
