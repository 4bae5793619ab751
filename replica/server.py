"""Put the parts together: application, its HTTP server, and the proxy."""

from __future__ import annotations

import asyncio
import json
import socket
from asyncio.trsock import TransportSocket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from functools import partial
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

import uvicorn

from replica.middleware.access_log import AccessLog, AccessLogMiddleware
from replica.middleware.faults import Fault, FaultInjectionMiddleware
from replica.middleware.throttle import Throttle, ThrottleMiddleware
from replica.proxy.certificates import Certificates
from replica.proxy.client_connection import ClientConnectionMiddleware
from replica.proxy.proxy import Proxy
from replica.run_folder import run_folder
from replica.source import Evaluation, Source

LOOPBACK = "127.0.0.1"
#: Addresses that mean all addresses of this machine.
ANYWHERE = ("0.0.0.0", "::")
ASTROPY_CACHE = "astropy-cache"
#: Lent to the programs that the replica runs: a certifi that trusts its certificate.
CERTIFI_SHIM = Path(__file__).parent / "proxy" / "certifi_shim"


@dataclass(frozen=True)
class Settings:
    """How to run.

    Attributes
    ----------
    address, port : str, int
        Where the proxy listens; port 0 takes a free one.
    log : pathlib.Path or None
        File of the access log.
    throttle : Throttle
        The network to play.
    faults : list of Fault
        Ways to fail.
    source : Source
        What answers.
    """

    address: str = LOOPBACK
    port: int = 0
    log: Path | None = None
    throttle: Throttle = field(default_factory=Throttle)
    faults: list[Fault] = field(default_factory=list)
    source: Source = field(default_factory=Evaluation)


@dataclass
class Replica:
    """A running replica.

    Attributes
    ----------
    proxy : str
        The proxy's address.
    certificate : pathlib.Path
        The certificate to trust.
    source : Source
        What answers.
    summary : str
        Once it has ended, what there is to say.
    """

    proxy: str
    certificate: Path
    source: Source
    summary: str = ""

    @property
    def on_loopback(self) -> bool:
        """Whether no other machine can ask it."""
        return is_loopback(urlsplit(self.proxy).hostname or "")

    @property
    def environment(self) -> dict[str, str]:
        """The variables that send every HTTP client of the field to the replica."""
        # aiohttp looks at the proxy variables only when told to.
        through_proxy = json.dumps({"client_kwargs": {"trust_env": True}})
        bundle = (
            "REQUESTS_CA_BUNDLE",
            "AWS_CA_BUNDLE",
            "SSL_CERT_FILE",
            "CURL_CA_BUNDLE",
        )
        proxies = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY"), self.proxy)
        proxies["NO_PROXY"] = "localhost,127.0.0.1,::1"
        # curl reads http_proxy in small letters only.
        return {
            **proxies,
            **{name.lower(): value for name, value in proxies.items()},
            **dict.fromkeys((*bundle, "PIP_CERT"), str(self.certificate)),
            **dict.fromkeys(("FSSPEC_HTTP", "FSSPEC_HTTPS"), through_proxy),
            "AWS_EC2_METADATA_DISABLED": "true",
            # Simulated files must not stay in the user's cache under the real addresses.
            "ASTROPY_CACHE_DIR": str(self.certificate.with_name(ASTROPY_CACHE)),
            **self.source.environment(self.proxy),
        }


def is_loopback(host: str) -> bool:
    """Whether a host's name or address is one that only this machine reaches."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[Replica]:
    """Run a replica for the length of the block."""
    with run_folder() as folder:
        (folder / ASTROPY_CACHE).mkdir()
        certificates = Certificates(folder / "replica-authority.pem")
        access_log = AccessLog(settings.log)
        await settings.source.open()
        listener = _loopback_socket()
        door = Proxy(
            listener.getsockname(),
            certificates,
            settings.source.refusal,
            access_log,
            partial(_introduction, certificates.authority_file, settings.source),
        )
        backend = _http_server(settings, door, access_log)
        task = asyncio.create_task(backend.serve(sockets=[listener]))
        front = await door.listen(settings.address, settings.port)
        source = settings.source
        replica = Replica(_url(front.sockets[0]), certificates.authority_file, source)
        try:
            yield replica
        finally:
            front.close()
            await door.close()
            await _end(backend, task)
            replica.summary = await settings.source.close()
            access_log.close()


def _introduction(authority: Path, source: Source, host: str) -> bytes:
    """What a client needs that knows the proxy as `host`; its files lie in ``folder`` there."""
    known = Replica(f"http://{host}", authority, source)
    facts = {
        "certificate": authority.read_text(),
        "folder": str(authority.parent),
        "environment": known.environment,
    }
    return json.dumps(facts).encode()


def _url(listener: TransportSocket | socket.socket) -> str:
    address, port = listener.getsockname()[:2]
    if address in ANYWHERE:
        address = _own_address()
    return f"http://[{address}]:{port}" if ":" in address else f"http://{address}:{port}"


def _own_address() -> str:
    """The address by which other machines know this one, or its name where there is none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            # Sends nothing: it only asks the system which way it would send.
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return socket.gethostname()
        address: str = probe.getsockname()[0]
        return address


async def _end(backend: uvicorn.Server, task: asyncio.Task[None]) -> None:
    """Let requests that were cut off end by themselves; force those that do not."""
    backend.should_exit = True
    done, _ = await asyncio.wait([task], timeout=2.0)
    backend.force_exit = not done
    await task


def _loopback_socket() -> socket.socket:
    # asyncio switches Nagle's algorithm off only where the protocol is named; with it, each small
    # answer waits 40 ms for the proxy's delayed acknowledgement.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind((LOOPBACK, 0))
    listener.listen(512)
    return listener


def _http_server(settings: Settings, door: Proxy, access_log: AccessLog) -> uvicorn.Server:
    faulty = FaultInjectionMiddleware(settings.source.application(), settings.faults)
    logged = AccessLogMiddleware(ThrottleMiddleware(faulty, settings.throttle), access_log)
    app = ClientConnectionMiddleware(logged, door.client_of)
    config = uvicorn.Config(
        app,
        http="httptools",
        lifespan="off",
        log_config=None,
        timeout_keep_alive=300,
        # A client's X-Forwarded-For must not change the port by which its connection is known.
        proxy_headers=False,
        date_header=settings.source.own_headers,
        server_header=settings.source.own_headers,
    )
    return _QuietServer(config)


class _QuietServer(uvicorn.Server):
    """A server that leaves the signals to the program around it."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signal handlers as they are."""
        yield
