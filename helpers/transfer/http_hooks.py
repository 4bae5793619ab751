"""What is put around ``http.client`` and ``aiohttp`` while a block is open."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from helpers.transfer.counter import Counter
    from helpers.transfer.record import Record

Wrapper = Callable[[Callable[..., Any]], Callable[..., Any]]

# Attributes of the libraries' connections, which live as long as these do.
_RECORD, _SOCKET = "_transfer_record", "_transfer_socket"


def hooks(counter: Counter) -> Iterator[tuple[Any, str, Wrapper]]:
    """Yield owner, name and wrapper of each function that tells the counter."""
    import http.client

    connection = http.client.HTTPConnection
    yield connection, "putrequest", lambda original: _putrequest(original, counter)
    yield connection, "putheader", _putheader
    yield connection, "endheaders", _endheaders
    yield connection, "getresponse", lambda original: _getresponse(original, counter)
    if find_spec("aiohttp"):
        from aiohttp import ClientRequest, ClientResponse, StreamReader

        yield ClientRequest, "send", lambda original: _send(original, counter)
        yield ClientResponse, "start", _start
        yield StreamReader, "feed_data", lambda original: _feed_data(original, counter)


def _putrequest(original: Callable[..., Any], counter: Counter) -> Callable[..., Any]:
    def putrequest(connection: Any, method: str, url: str, *rest: Any, **keywords: Any) -> Any:
        setattr(connection, _RECORD, counter.add_request(method, _whole_url(connection, url)))
        return original(connection, method, url, *rest, **keywords)

    return putrequest


def _whole_url(connection: Any, url: str) -> str:
    if not url.startswith("/"):
        return url  # asked of a proxy, which needs all of it
    host = getattr(connection, "_tunnel_host", None)
    secure = bool(host) or connection.default_port == 443
    port = connection._tunnel_port if host else connection.port
    host = host or connection.host
    usual = port in (None, 443 if secure else 80)
    return f"http{'s' * secure}://{host}{'' if usual else f':{port}'}{url}"


def _putheader(original: Callable[..., Any]) -> Callable[..., Any]:
    def putheader(connection: Any, header: Any, *values: Any) -> Any:
        record = getattr(connection, _RECORD, None)
        if record is not None and values:
            record.ask(_text(header), _text(values[0]))
        return original(connection, header, *values)

    return putheader


def _text(value: object) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


def _endheaders(original: Callable[..., Any]) -> Callable[..., Any]:
    def endheaders(connection: Any, *arguments: Any, **keywords: Any) -> Any:
        done = original(connection, *arguments, **keywords)
        record = getattr(connection, _RECORD, None)
        if record is not None:
            record.new_connection = connection.sock is not getattr(connection, _SOCKET, None)
            setattr(connection, _SOCKET, connection.sock)
        return done

    return endheaders


def _getresponse(original: Callable[..., Any], counter: Counter) -> Callable[..., Any]:
    def getresponse(connection: Any, *arguments: Any, **keywords: Any) -> Any:
        response = original(connection, *arguments, **keywords)
        record = getattr(connection, _RECORD, None)
        if record is not None:
            record.answer(response.status, response.headers)
        # The head has been read from it, so what is read from now on is the body.
        if response.fp is not None:
            response.fp = _CountedFile(response.fp, counter, record)
        return response

    return getresponse


class _CountedFile:
    """A response's file that counts what is read from it."""

    def __init__(self, file: Any, counter: Counter, record: Record | None) -> None:
        self._file, self._counter, self._record = file, counter, record

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def read(self, *size: int) -> bytes:
        return self._count(self._file.read(*size))

    def read1(self, *size: int) -> bytes:
        return self._count(self._file.read1(*size))

    def readline(self, *size: int) -> bytes:
        return self._count(self._file.readline(*size))

    def readinto(self, buffer: Any) -> int:
        number: int = self._file.readinto(buffer)
        self._counter.add_bytes(memoryview(buffer)[: number or 0], self._record)
        return number

    def _count(self, data: bytes) -> bytes:
        self._counter.add_bytes(data, self._record)
        return data


def _send(original: Callable[..., Any], counter: Counter) -> Callable[..., Any]:
    async def send(request: Any, connection: Any, *arguments: Any, **keywords: Any) -> Any:
        # CONNECT opens a way through a proxy; it asks the archive for nothing.
        protocol = getattr(connection, "protocol", None)
        record = None
        if request.method != "CONNECT":
            record = counter.add_request(request.method, str(request.url))
            record.new_connection = getattr(protocol, _RECORD, None) is None
            for name in ("Range", "Authorization", "Connection"):
                if value := request.headers.get(name):
                    record.ask(name, value)
        with suppress(AttributeError):
            setattr(protocol, _RECORD, record)
        return await original(request, connection, *arguments, **keywords)

    return send


def _start(original: Callable[..., Any]) -> Callable[..., Any]:
    async def start(response: Any, connection: Any, *arguments: Any, **keywords: Any) -> Any:
        # An answer without a body gives its connection back at once.
        record = getattr(getattr(connection, "protocol", None), _RECORD, None)
        done = await original(response, connection, *arguments, **keywords)
        if record is not None:
            record.answer(response.status, response.headers)
        return done

    return start


def _feed_data(original: Callable[..., Any], counter: Counter) -> Callable[..., Any]:
    def feed_data(reader: Any, data: bytes, *arguments: Any, **keywords: Any) -> Any:
        record = getattr(getattr(reader, "_protocol", None), _RECORD, None)
        counter.add_bytes(data, record)
        return original(reader, data, *arguments, **keywords)

    return feed_data
