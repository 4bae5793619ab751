"""The proxy that clients see: CONNECT (TLS, or plain HTTP at port 80) or plain HTTP; behind it
the application.

Every client of the field honours the standard proxy variables, so a proxy that holds
certificates for the archives' names answers at the archives' own URLs.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable
from contextlib import suppress

from replica.middleware.access_log import AccessLog
from replica.proxy.certificates import Certificates
from replica.proxy.client_connection import ClientConnection

log = logging.getLogger(__name__)

#: Longest request head that is read, bytes (Apache's default for all lines together is similar).
HEAD_LIMIT = 64 * 1024
#: A client that has not sent its request head by then is let go, seconds.
HEAD_TIMEOUT = 30.0
#: How long a client may go on to send what was refused, seconds.
LINGER = 1.0
BLOCK = 256 * 1024
#: A tunnel to this port carries plain HTTP; all others carry TLS.
PLAIN_PORT = "80"
#: Path at the proxy's own address where it says how to use it.
INTRODUCTION = "/replica.json"


class Proxy:
    """Accept proxy connections and pass each on to the application.

    Parameters
    ----------
    backend : tuple
        Address and port of the application's plain HTTP server.
    certificates : Certificates
        Proves to be any host that the replica serves.
    refusal : callable
        Given a host, the sentence with which it is refused; None if it is served.
    access_log : AccessLog
        Told of refused connections; requests are logged by the application.
    introduction : callable
        Given the address by which a client knows the proxy, what it needs to use it (JSON).
    """

    def __init__(
        self,
        backend: tuple[str, int],
        certificates: Certificates,
        refusal: Callable[[str], str | None],
        access_log: AccessLog,
        introduction: Callable[[str], bytes],
    ) -> None:
        self._backend = backend
        self._certificates = certificates
        self._refusal = refusal
        self._log = access_log
        self._introduction = introduction
        self._clients: dict[tuple[str, int], ClientConnection] = {}
        self._connections: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    async def listen(self, address: str, port: int) -> asyncio.Server:
        """Start to accept connections; port 0 takes a free one."""
        return await asyncio.start_server(self._accept, address, port, limit=HEAD_LIMIT)

    async def close(self) -> None:
        """End all connections."""
        for writer in self._connections.values():
            writer.transport.abort()
        if self._connections:
            await asyncio.wait(self._connections, timeout=2.0)

    def client_of(self, address: tuple[str, int]) -> ClientConnection | None:
        """Return the client's connection behind the one that the application sees.

        Parameters
        ----------
        address : tuple
            Where the application sees its client: this proxy's own end of the connection.
        """
        return self._clients.get(address)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None, "asyncio runs this as a task"
        self._connections[task] = writer
        try:
            await self._serve(reader, writer)
        except (asyncio.IncompleteReadError, OSError) as error:
            log.debug("connection ended before its first request: %s", error)
        finally:
            writer.close()
            del self._connections[task]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._open(await _head(reader), reader, writer)
        except asyncio.LimitOverrunError:
            await _answer(writer, 431, "Request Header Fields Too Large")
            await _drop_rest(reader)

    async def _open(
        self, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        method, _, target = head.split(b"\r\n", 1)[0].decode("latin-1").partition(" ")
        if method == "GET" and target.startswith(f"{INTRODUCTION} "):
            await self._introduce(head, writer)
            return
        if method != "CONNECT":
            await self._join(reader, writer, head)
            return
        host, _, port = target.partition(" ")[0].lower().rpartition(":")
        refusal = self._refusal(host)
        if refusal is not None:
            await self._refuse(host, refusal, writer)
        elif port == PLAIN_PORT:
            await _confirm(writer)
            await self._join(reader, writer, await _head(reader))
        else:
            await self._tunnel(host, reader, writer)

    async def _tunnel(
        self, host: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        try:
            context = self._certificates.context(host)
        except ValueError:  # such as a bucket's name with an underscore
            await self._refuse(host, f"No certificate can name {host}", writer)
            return
        await _confirm(writer)
        await writer.start_tls(context, ssl_handshake_timeout=HEAD_TIMEOUT)
        await self._join(reader, writer, await _head(reader))

    async def _introduce(self, head: bytes, writer: asyncio.StreamWriter) -> None:
        """Tell a client on another machine what it needs; it asks without a proxy."""
        host = re.search(rb"(?im)^host: *([\w.:\[\]-]+)", head)
        body = self._introduction(host[1].decode() if host else "")
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n"
        writer.write(head + f"Content-Length: {len(body)}\r\n\r\n".encode() + body)
        await writer.drain()

    async def _refuse(self, host: str, message: str, writer: asyncio.StreamWriter) -> None:
        self._log.write(host=host, method="CONNECT", path="", status=403, sent=0)
        await _answer(writer, 403, message)

    async def _join(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, head: bytes
    ) -> None:
        """Copy bytes both ways between the client and the application until one ends."""
        back_reader, back_writer = await asyncio.open_connection(*self._backend, limit=BLOCK)
        address = back_writer.get_extra_info("sockname")
        self._clients[address] = ClientConnection(writer.transport)
        back_writer.write(head)
        try:
            await asyncio.gather(_copy(reader, back_writer), _copy(back_reader, writer))
        finally:
            del self._clients[address]


async def _confirm(writer: asyncio.StreamWriter) -> None:
    """Tell the client that its tunnel is there."""
    writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
    await writer.drain()


async def _head(reader: asyncio.StreamReader) -> bytes:
    async with asyncio.timeout(HEAD_TIMEOUT):
        return await reader.readuntil(b"\r\n\r\n")


async def _drop_rest(reader: asyncio.StreamReader) -> None:
    """Read on for a moment: to close on unread bytes would reset the answer away."""
    with suppress(TimeoutError):
        async with asyncio.timeout(LINGER):
            while await reader.read(BLOCK):
                pass


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while block := await reader.read(BLOCK):
            writer.write(block)
            await writer.drain()
    except OSError as error:
        log.debug("a side of the connection went away: %s", error)
    finally:
        writer.close()


async def _answer(writer: asyncio.StreamWriter, status: int, message: str) -> None:
    """Refuse: the sentence stands in the reason phrase too, which clients show for CONNECT."""
    body = f"{message}\n".encode()
    writer.write(
        f"HTTP/1.1 {status} {message}\r\nContent-Type: text/plain; charset=utf-8\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode()
        + body
    )
    await writer.drain()
