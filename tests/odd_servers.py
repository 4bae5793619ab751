"""Servers of the tests that answer, byte for byte, what a test says."""

from __future__ import annotations

import re
import socketserver
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Request:
    """What a client asked: the path, and the headers under names in small letters."""

    path: str
    headers: Mapping[str, str]

    def range_of(self, size: int) -> tuple[int, int] | None:
        """Where the asked range of a file of this size begins and ends; None without one."""
        match = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("range", ""))
        if match is None:
            return None
        return int(match[1]), min(int(match[2]) + 1, size) if match[2] else size


Answer = Callable[[Request], Iterable[bytes]]


class _Handler(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        request_line, *lines = iter(lambda: self.rfile.readline().decode().strip(), "")
        headers = dict(line.lower().split(": ", 1) for line in lines)
        with suppress(ConnectionError):
            for piece in self.server.answer(Request(request_line.split()[1], headers)):
                self.wfile.write(piece)


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128


@contextmanager
def odd_server(answer: Answer) -> Iterator[str]:
    """Serve on loopback, one request for each connection; yield the base address."""
    with _Server(("127.0.0.1", 0), _Handler) as server:
        server.answer = answer
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()


def head(status: str, *lines: str) -> bytes:
    """The head of an answer."""
    return "\r\n".join([f"HTTP/1.1 {status}", *lines, "Connection: close", "", ""]).encode()


@dataclass
class VersionedFile:
    """A file that can be replaced while it is served, with what tells its versions apart.

    Attributes
    ----------
    data : bytes
        The file.
    lines : tuple of str
        More lines of each answer's head, such as an ETag.
    obeys : bool
        Whether If-Match is obeyed (RFC 9110, section 13.1.1); some servers ignore it.
    requests : list of Request
        What was asked so far.
    """

    data: bytes
    lines: tuple[str, ...] = ()
    obeys: bool = True
    requests: list[Request] = field(default_factory=list)

    def __call__(self, request: Request) -> list[bytes]:
        self.requests.append(request)
        tag = request.headers.get("if-match")
        if self.obeys and tag is not None and f"etag: {tag}" not in map(str.lower, self.lines):
            return [head("412 Precondition Failed", "Content-Length: 0")]
        span = request.range_of(len(self.data))
        if span is None:
            return [head("200 OK", f"Content-Length: {len(self.data)}", *self.lines), self.data]
        start, stop = span
        if start >= len(self.data):
            return [head("416 Range Not Satisfiable", "Content-Length: 0")]
        told = f"Content-Range: bytes {start}-{stop - 1}/{len(self.data)}"
        length = f"Content-Length: {stop - start}"
        return [head("206 Partial Content", told, length, *self.lines), self.data[start:stop]]
