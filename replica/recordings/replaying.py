"""The application that replays recordings: the same bytes at the same URLs, or a refusal."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from replica.recordings.http import (
    RefusedError,
    Request,
    read_request,
    send_refusal,
    until_gone,
)
from replica.recordings.player import Player, Reply
from replica.recordings.recorder import Recorder

log = logging.getLogger(__name__)

#: Answers, or refuses, what no recording has; the last argument is the sentence for that.
Fallback = Callable[[Request, Scope, Receive, Send, str], Awaitable[None]]


class Replay:
    """ASGI application: answer from recordings, and leave to another what they have not.

    Parameters
    ----------
    player : Player
        The recordings.
    fallback : Fallback
        Answers the rest.

    Attributes
    ----------
    answered : collections.Counter
        How many requests were answered by the recording, the replica, the network, or nobody.
    """

    def __init__(self, player: Player, fallback: Fallback) -> None:
        self._player = player
        self._fallback = fallback
        self.answered: Counter[str] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._answer(scope, receive, send)
        finally:
            self.answered[scope.get("answered_by", "nobody")] += 1

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            request = await read_request(scope, receive)
        except RefusedError as refused:
            await send_refusal(send, refused)
            return
        try:
            reply = self._player.reply(self._player.ask(request))
        except RefusedError as refused:
            await self._fallback(request, scope, receive, send, str(refused))
            return
        scope["answered_by"] = "recording"
        if await until_gone(self._send(reply, scope, send), receive) and reply.cut:
            url = request.url.partition("?")[0]
            log.warning("%s ends where its client stopped when it was recorded", url)

    async def _send(self, reply: Reply, scope: Scope, send: Send) -> bool:
        headers = [(k.encode("latin-1"), v.encode("latin-1")) for k, v in reply.headers]
        if reply.length is not None and reply.status not in (204, 304):
            headers.append((b"content-length", b"%d" % reply.length))
        await send({"type": "http.response.start", "status": reply.status, "headers": headers})
        if scope["method"] != "HEAD":
            for block in self._blocks(reply):
                await send({"type": "http.response.body", "body": block, "more_body": True})
        if not reply.cut:  # otherwise the connection ends amid the body
            await send({"type": "http.response.body", "body": reply.body})
        return True

    def _blocks(self, reply: Reply) -> Iterator[bytes]:
        for span in reply.spans:
            location = self._player.locate(span.body)
            yield from location.blocks(span.start - span.origin, span.stop - span.origin)


class Refusal:
    """Refuse what no recording has; say each sentence once."""

    def __init__(self) -> None:
        self._said: set[str] = set()

    async def __call__(
        self, request: Request, scope: Scope, receive: Receive, send: Send, why: str
    ) -> None:
        scope["answered_by"] = "nobody"
        if why not in self._said:
            self._said.add(why)
            log.warning("%s", why)
        await send_refusal(send, RefusedError(403, why), request.host)


def evaluating(application: ASGIApp, refusal: Callable[[str], str | None]) -> Fallback:
    """Return a fallback that lets the replica evaluate what it can.

    Parameters
    ----------
    application : ASGIApp
        The replica.
    refusal : callable
        Given a host, the sentence with which the replica refuses it; None if it serves it.
    """

    refuse = Refusal()

    async def evaluate(
        request: Request, scope: Scope, receive: Receive, send: Send, why: str
    ) -> None:
        if refusal(request.host):
            await refuse(request, scope, receive, send, f"{why} The replica has it neither.")
            return
        scope["answered_by"] = "replica"
        await application(scope, _again(request, receive), send)

    return evaluate


def recording(recorder: Recorder) -> Fallback:
    """Return a fallback that asks the network, and records."""

    async def record(
        request: Request, scope: Scope, receive: Receive, send: Send, why: str
    ) -> None:
        await recorder.answer(request, scope, receive, send)

    return record


def _again(request: Request, receive: Receive) -> Receive:
    """Give a request's body, which has been read, to the next application."""
    given = False

    async def first() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": request.body, "more_body": False}

    return first
