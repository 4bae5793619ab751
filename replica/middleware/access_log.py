"""What was asked and what was sent: one JSON line a request."""

from __future__ import annotations

import json
import logging
import time
from pathlib import Path

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

log = logging.getLogger(__name__)


class AccessLog:
    """Append requests to a file as they end.

    Parameters
    ----------
    path : pathlib.Path or None
        The file; None keeps no log.
    """

    def __init__(self, path: Path | None) -> None:
        self._file = path.open("a", encoding="utf-8", buffering=1) if path else None

    def close(self) -> None:
        """Close the file."""
        if self._file:
            self._file.close()

    def write(
        self,
        *,
        host: str,
        method: str,
        path: str,
        status: int,
        sent: int,
        range: str = "",
        answered_by: str = "",
    ) -> None:
        """Write one line: time, host, method, path with query, range, status, bytes sent.

        With recordings it also says who answered.
        """
        if self._file is None:
            return
        entry = {
            "time": round(time.time(), 4),
            "host": host,
            "method": method,
            "path": path,
            "range": range,
            "status": status,
            "bytes": sent,
        } | ({"answered_by": answered_by} if answered_by else {})
        try:
            self._file.write(json.dumps(entry) + "\n")
        except OSError as error:
            log.warning("the access log misses a line: %s", error)


class AccessLogMiddleware:
    """ASGI middleware: count the body bytes of each response and log the request."""

    def __init__(self, app: ASGIApp, access_log: AccessLog) -> None:
        self._app = app
        self._log = access_log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        answer = {"status": 0, "sent": 0}

        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                answer["status"] = message["status"]
            await send(message)
            answer["sent"] += len(message.get("body", b""))

        try:
            await self._app(scope, receive, counted)
        finally:
            self._write(scope, answer)

    def _write(self, scope: Scope, answer: dict[str, int]) -> None:
        headers = Headers(scope=scope)
        query = scope["query_string"].decode("latin-1")
        self._log.write(
            host=headers.get("host", "").partition(":")[0],
            method=scope["method"],
            path=scope["path"] + (f"?{query}" if query else ""),
            range=headers.get("range", ""),
            status=answer["status"],
            sent=0 if scope["method"] == "HEAD" else answer["sent"],
            answered_by=scope.get("answered_by", ""),
        )
