"""The two sources that are compared, and how a service fails to answer."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests

from replica.check.answers import Answer, UnreadableError
from replica.check.question import Question

#: The longest wait for a connection, and between two pieces of an answer, seconds.
TIMEOUT = 20.0
#: The replica may have to make the file first, seconds.
REPLICA_TIMEOUT = 600.0
_TOO_MANY_REQUESTS = 429
#: Why a connection failed, by what the system or the TLS library says; the first that fits.
_FAILURES: tuple[tuple[type[Exception], str], ...] = (
    (socket.gaierror, "DNS does not know the name"),
    (ConnectionRefusedError, "connection refused"),
    (requests.Timeout, "timeout"),
    (TimeoutError, "timeout"),
    (ConnectionResetError, "connection reset"),
    (requests.exceptions.ChunkedEncodingError, "the answer broke off"),
)
#: Those that happen before a proxy is reached.
_NO_WAY = (socket.gaierror, ConnectionRefusedError)


class UnreachableError(Exception):
    """A service that cannot be asked, for now.

    Attributes
    ----------
    host, failure : str
        Which one, and how it failed.
    """

    def __init__(self, host: str, failure: str) -> None:
        super().__init__(f"{host}: {failure}")
        self.host = host
        self.failure = failure


@dataclass(frozen=True)
class Source:
    """Where questions go: the real archives, or a replica.

    Attributes
    ----------
    name : str
        As reports call it.
    session : requests.Session
        Has the proxies and the certificate.
    patience : float
        Seconds.
    """

    name: str
    session: requests.Session
    patience: float = TIMEOUT

    def ask(self, question: Question, captures: Mapping[str, str]) -> Answer:
        """Ask, and read the answer.

        Status 5xx, 429, and pages for people (HTML) where data should be are taken for an
        outage; any other status than success is a fact.

        Raises
        ------
        UnreachableError
            If the service does not answer.
        CaptureMissingError
            If the question cannot be put.
        """
        request = question.request(captures)
        host = urlsplit(request.url).hostname or request.url
        try:
            response = self.session.request(**_arguments(request), timeout=self.patience)
        except requests.RequestException as error:
            raise UnreachableError(host, failure(error)) from error
        _check_service(host, response)
        facts = {"HTTP status": str(response.status_code)} | _redirect(response)
        if not _is_success(response):
            return Answer(facts)
        try:
            answer = question.read(response.content)
        except UnreadableError as error:
            return Answer(facts | {"format": str(error)})
        return Answer(facts | answer.facts, answer.captures)


def _arguments(request: requests.Request) -> dict[str, Any]:
    names = ("method", "url", "params", "data", "headers")
    return {name: getattr(request, name) for name in names}


def _check_service(host: str, response: requests.Response) -> None:
    """Raise UnreachableError if this is no answer of the service itself."""
    status = response.status_code
    if status >= 500 or status == _TOO_MANY_REQUESTS:
        raise UnreachableError(host, f"status {status} {response.reason}")
    if not _is_success(response):
        return
    beginning = response.content[:100].lstrip().lower()
    if not beginning:
        raise UnreachableError(host, "an empty answer")
    if beginning.startswith((b"<!doctype html", b"<html")):
        raise UnreachableError(host, "an HTML page in place of data")


def _is_success(response: requests.Response) -> bool:
    # `Response.ok` counts a redirection that leads nowhere as success too.
    return 200 <= response.status_code < 300


def _redirect(response: requests.Response) -> dict[str, str]:
    """Where the question was sent on to: followed by all clients, but often a first sign."""
    if not response.history:
        return {}
    return {"redirect": f"{response.history[0].status_code} to {urlsplit(response.url).hostname}"}


def failure(error: requests.RequestException) -> str:
    """Say in a few words why a request failed."""
    causes = list(_causes(error))
    for kind, words in _FAILURES:
        if any(isinstance(cause, kind) for cause in causes):
            lost_proxy = kind in _NO_WAY and isinstance(error, requests.exceptions.ProxyError)
            return f"{words} (at the proxy)" if lost_proxy else words
    return f"{type(error).__name__}: {causes[-1]}"


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def live() -> Source:
    """The real archives, through the proxies of the environment if there are some."""
    return Source("the real archives", _session())


def behind(proxy: str, certificate: Path, name: str, patience: float = TIMEOUT) -> Source:
    """A replica: its proxy, and the certificate to trust."""
    session = _session()
    session.trust_env = False
    session.proxies = {"http": proxy, "https": proxy}
    session.verify = str(certificate)
    return Source(name, session, patience)


def _session() -> requests.Session:
    session = requests.Session()
    session.headers["User-Agent"] = "archives-in-the-cloud drift check"
    return session
