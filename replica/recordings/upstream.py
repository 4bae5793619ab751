"""Ask the real hosts: verified TLS, the machine's own proxy, bodies as they are."""

from __future__ import annotations

import os
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
import certifi
from multidict import CIMultiDict
from yarl import URL

from replica.recordings.catalogue import SIMULATED
from replica.recordings.http import RefusedError, Request, end_to_end

#: Variables that name the certificates to trust, as the field's clients read them.
_BUNDLES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
#: How long a host may take to accept a connection, seconds; an answer may take any time.
_CONNECT_TIMEOUT = 30.0
#: Longest header line of an answer, bytes.
_HEADER_LIMIT = 64 * 1024
#: Encodings in which secrets can be found again.
_ENCODINGS = ("gzip", "x-gzip", "deflate", "identity", "*")
#: A name that no host has (RFC 6761, 6.4): only a replica answers for it with its Via.
_NOBODY = "http://archives-replica.invalid/"


class Upstream:
    """A client for the real hosts.

    It looks at this process's proxy variables and trusts the certificates that the machine
    trusts; it never follows redirects, keeps no cookies and decodes nothing.
    """

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None

    @asynccontextmanager
    async def ask(self, request: Request) -> AsyncIterator[aiohttp.ClientResponse]:
        """Send a request on; yield the answer.

        Raises
        ------
        RefusedError
            With status 502, if the host cannot be reached.
        """
        headers = CIMultiDict(
            (name.decode("latin-1"), value.decode("latin-1"))
            for name, value in end_to_end(request.headers)
            if name not in (b"content-length", b"accept-encoding")
        )
        if accepted := request.header(b"accept-encoding"):
            headers["accept-encoding"] = known_encodings(accepted)
        try:
            response = await self._client().request(
                request.method,
                URL(request.url, encoded=True),
                headers=headers,
                data=request.body or None,
                proxy=proxy_for(request.url),
                allow_redirects=False,
                skip_auto_headers=("Accept", "Accept-Encoding", "User-Agent", "Content-Type"),
            )
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise RefusedError(
                502, f"{request.host} could not be asked: {_reason(error)}"
            ) from error
        async with response:
            yield response

    async def is_replica(self) -> bool:
        """Whether what is recorded comes from a replica, so that all data are simulated."""
        if proxy_for(_NOBODY) is None:
            return False
        host = urlsplit(_NOBODY).hostname or ""
        request = Request("GET", _NOBODY, host, [(b"host", host.encode())], b"")
        try:
            async with self.ask(request) as response:
                return SIMULATED in response.headers.get("Via", "")
        except RefusedError:
            return False

    async def close(self) -> None:
        """Close all connections."""
        if self._session:
            await self._session.close()

    def _client(self) -> aiohttp.ClientSession:
        if self._session is None:
            # As many connections as the client opens; it is the one to be modest.
            connector = aiohttp.TCPConnector(limit=0, ssl=trusted())
            self._session = aiohttp.ClientSession(
                connector=connector,
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_TIMEOUT),
                read_bufsize=2**20,
                max_line_size=_HEADER_LIMIT,
                max_field_size=_HEADER_LIMIT,
            )
        return self._session


def trusted() -> ssl.SSLContext:
    """Return a context that trusts what the machine trusts."""
    bundle = next((os.environ[name] for name in _BUNDLES if os.environ.get(name)), None)
    context = ssl.create_default_context(cafile=bundle)
    if bundle is None:
        # Python's own installers know of no authorities on some systems.
        context.load_verify_locations(certifi.where())
    return context


def proxy_for(url: str) -> str | None:
    """Return the proxy that this machine uses for a URL, None if it goes there directly."""
    parts = urlsplit(url)
    if proxy_bypass(parts.netloc):
        return None
    proxies = getproxies()
    return proxies.get(parts.scheme) or proxies.get("all")


def known_encodings(accepted: str) -> str:
    """Return an Accept-Encoding without the encodings that cannot be searched for secrets."""
    items = [item.strip() for item in accepted.split(",")]
    kept = [item for item in items if item.partition(";")[0].strip().lower() in _ENCODINGS]
    return ", ".join(kept) or "identity"


def _reason(error: BaseException) -> str:
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return f"its certificate is not trusted ({error.certificate_error})"
    return str(error) or type(error).__name__
