"""Behave like a distant bucket: a delay before each answer, and one shared link."""

from __future__ import annotations

import asyncio
import re
import time
from dataclasses import dataclass

from starlette.types import ASGIApp, Message, Receive, Scope, Send

_SECONDS = {"us": 1e-6, "ms": 1e-3, "s": 1.0}
_WAKE_UP = 0.005
_BYTES = {"B": 1.0, "KB": 1e3, "MB": 1e6, "GB": 1e9}


class ThrottleError(ValueError):
    """A latency or bandwidth that cannot be read."""


def latency(text: str) -> float:
    """Read a delay such as ``30ms`` or ``0.1s``, as seconds."""
    return _quantity(text, _SECONDS, "30ms")


def bandwidth(text: str) -> float:
    """Read a rate such as ``50MB/s``, as bytes per second."""
    return _quantity(text.removesuffix("/s"), _BYTES, "50MB/s")


def _quantity(text: str, units: dict[str, float], example: str) -> float:
    match = re.fullmatch(r"(\d+(?:\.\d*)?)\s*([A-Za-z]+)", text.strip())
    if match is None or match[2] not in units:
        raise ThrottleError(f"cannot read {text!r}: write it like {example}")
    return float(match[1]) * units[match[2]]


@dataclass(frozen=True)
class Throttle:
    """The network to behave like.

    Attributes
    ----------
    latency : float
        Seconds before each answer begins: one round trip.
    bandwidth : float
        Bytes per second over all connections together; 0 sets no limit.
    """

    latency: float = 0.0
    bandwidth: float = 0.0


class ThrottleMiddleware:
    """ASGI middleware: delay each answer and share one link among all of them."""

    def __init__(self, app: ASGIApp, throttle: Throttle) -> None:
        self._app = app
        self._conditions = throttle
        self._link_free = 0.0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def delayed(message: Message) -> None:
            if message["type"] == "http.response.start":
                await asyncio.sleep(self._conditions.latency)
            elif self._conditions.bandwidth:
                await self._occupy_link(len(message.get("body", b"")))
            await send(message)

        await self._app(scope, receive, delayed)

    async def _occupy_link(self, size: int) -> None:
        """Wait until the link has carried `size` bytes behind all that came before."""
        # A wake-up may be late by a few milliseconds; the link itself did not pause.
        begins = max(self._link_free, time.monotonic() - _WAKE_UP)
        self._link_free = begins + size / self._conditions.bandwidth
        await asyncio.sleep(self._link_free - time.monotonic())
