"""The application that forwards each request to the real host, and keeps the answer."""

from __future__ import annotations

import asyncio
import logging

import aiohttp
from starlette.types import Receive, Scope, Send

from replica.recordings.http import (
    RefusedError,
    Request,
    end_to_end,
    read_request,
    send_refusal,
    texts,
    until_gone,
)
from replica.recordings.keeping import Keeper, Sink
from replica.recordings.upstream import Upstream

log = logging.getLogger(__name__)


class Recorder:
    """ASGI application: forward, stream back unchanged, and keep.

    Parameters
    ----------
    keeper : Keeper
        Keeps the answers.
    upstream : Upstream
        Asks the hosts.
    """

    def __init__(self, keeper: Keeper, upstream: Upstream) -> None:
        self._keeper = keeper
        self._upstream = upstream

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            request = await read_request(scope, receive)
        except RefusedError as refused:
            await send_refusal(send, refused)
            return
        await self.answer(request, scope, receive, send)

    async def answer(self, request: Request, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request that has been read; stop as soon as the client is gone."""
        scope["answered_by"] = "network"
        await until_gone(self._forward(request, send), receive)

    async def _forward(self, request: Request, send: Send) -> None:
        """Send the host's answer."""
        try:
            async with self._upstream.ask(request) as response:
                headers = end_to_end(response.raw_headers)
                sink = self._keeper.begin(request, response.status, texts(headers))
                if response.status in (204, 304):
                    # Of a body that is not sent; the server below would wait for it.
                    headers = [pair for pair in headers if pair[0].lower() != b"content-length"]
                await send(
                    {"type": "http.response.start", "status": response.status, "headers": headers}
                )
                await self._pass_on(response, sink, send)
        except RefusedError as refused:
            log.warning("%s %s: %s", request.method, request.url.partition("?")[0], refused)
            await send_refusal(send, refused, request.host)

    async def _pass_on(self, response: aiohttp.ClientResponse, sink: Sink, send: Send) -> None:
        """Pass the body on; the client gets each block before it is kept.

        What breaks off here breaks off for the client too: the body is not completed.
        """
        try:
            while block := await response.content.readany():
                await send({"type": "http.response.body", "body": block, "more_body": True})
                self._keeper.bytes += len(block)
                sink.write(block)
            await send({"type": "http.response.body", "body": b""})
        except asyncio.CancelledError:
            sink.close(whole=response.content.at_eof(), gone=True)
            raise
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            log.warning("%s broke off: %s", response.url.host, error)
            sink.close(whole=False)
        else:
            sink.close(whole=True)
