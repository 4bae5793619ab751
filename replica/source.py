"""What stands behind the proxy: the replica, which evaluates, or recordings."""

from __future__ import annotations

from typing import Protocol

from starlette.types import ASGIApp

from replica.application import application, refusal
from replica.middleware.via import ViaMiddleware


class Source(Protocol):
    """Answers the requests that come through the proxy.

    Attributes
    ----------
    own_headers : bool
        Whether the server adds Date and Server to its answers.
    """

    own_headers: bool

    @property
    def sentence(self) -> str:
        """What answers, in one line."""

    @property
    def failed(self) -> bool:
        """Whether something that was asked for could not be done."""

    async def open(self) -> None:
        """Begin; called before the first request comes."""

    def application(self) -> ASGIApp:
        """Return the application that answers; called once, in the event loop."""

    def refusal(self, host: str) -> str | None:
        """Return the sentence with which a host is refused; None for one that is served."""

    def environment(self, proxy: str) -> dict[str, str]:
        """Return the variables that tell programs what answers them."""

    async def close(self) -> str:
        """End, for no request comes any more; return what there is to say."""


class Evaluation:
    """The replica: it evaluates each question, on simulated data."""

    own_headers = True
    failed = False
    sentence = "The replica answers with simulated data."

    async def open(self) -> None:
        """Nothing need be opened."""

    def application(self) -> ASGIApp:
        """Return the replica's application, whose answers say that they are simulated."""
        return ViaMiddleware(application())

    def refusal(self, host: str) -> str | None:
        """See `replica.application.refusal`."""
        return refusal(host)

    def environment(self, proxy: str) -> dict[str, str]:
        """Return what `helpers.connect` looks at."""
        return {"ARCHIVES": "replica", "ARCHIVES_REPLICA": proxy}

    async def close(self) -> str:
        """Nothing is open, and nothing to be said."""
        return ""
