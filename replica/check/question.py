"""A question to an archive: one request, and how to read its answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from string import Template

from requests import Request

from replica.check.answers import Answer


class CaptureMissingError(LookupError):
    """A question cannot be asked, for an earlier answer did not say where."""


@dataclass(frozen=True)
class Question:
    """One request, and how to read its answer.

    Attributes
    ----------
    name : str
        What is asked for.
    url : str
        Address; captures are written ``$name``.
    read : callable
        Makes facts of the answer's content; raises `UnreadableError`.
    parameters, form : mapping
        Query of a GET, or form of a POST.
    bytes : int
        How much of the file is wanted, from its beginning; 0 for all of it.
    after : str
        The question whose answer gives the captures.
    """

    name: str
    url: str
    read: Callable[[bytes], Answer]
    parameters: Mapping[str, str] = field(default_factory=dict)
    form: Mapping[str, str] = field(default_factory=dict)
    bytes: int = 0
    after: str = ""

    def request(self, captures: Mapping[str, str]) -> Request:
        """Fill in the captures.

        Raises
        ------
        CaptureMissingError
            If one is not there.
        """

        def filled(text: str) -> str:
            return Template(text).substitute(captures)

        try:
            return Request(
                "POST" if self.form else "GET",
                filled(self.url),
                params={name: filled(text) for name, text in self.parameters.items()},
                data={name: filled(text) for name, text in self.form.items()},
                headers={"Range": f"bytes=0-{self.bytes - 1}"} if self.bytes else {},
            )
        except KeyError as error:
            raise CaptureMissingError(f"needs what {self.after} did not tell: {error}") from error
