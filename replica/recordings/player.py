"""Find in recordings the answer to a question: the same bytes, or a refusal that says why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from replica.recordings.catalogue import (
    HEAD,
    PART,
    WHOLE,
    Answer,
    Catalogue,
    Headers,
    Version,
)
from replica.recordings.conditions import UnsatisfiableError, byte_range, is_multiple, outcome
from replica.recordings.http import RefusedError, Request, is_s3, s3_error
from replica.recordings.lines import Entry
from replica.recordings.questions import Question, question
from replica.recordings.redaction import Redactor
from replica.recordings.spans import Span
from replica.recordings.storage import Location, Recording, open_recording


@dataclass(frozen=True)
class Reply:
    """What is sent: a status, headers without Content-Length, and spans of bodies.

    Attributes
    ----------
    status : int
        HTTP status.
    headers : list of tuple
        Names and values.
    spans : list of Span
        What the body is made of.
    length : int
        Of the body as announced, bytes; of a HEAD's answer that of the body it has not.
    body : bytes
        A body that is in no recording.
    cut : bool
        Whether more belongs to the body, which its client did not read.
    """

    status: int
    headers: Headers
    spans: Sequence[Span] = ()
    length: int | None = None
    body: bytes = b""
    cut: bool = False


class Player:
    """Answer requests from recordings.

    Parameters
    ----------
    paths : sequence of pathlib.Path
        The recordings, folders or zip files; of what several hold, the latest counts.

    Raises
    ------
    RecordingError
        If one cannot be read.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        self.recordings = [open_recording(path) for path in paths]
        self.catalogue = Catalogue(_entries(self.recordings))
        self.names = " and ".join(recording.name for recording in self.recordings)
        self.used: set[tuple[str, int]] = set()
        self.used_spans: list[tuple[Version, int, int]] = []
        self._asked: Counter[tuple[object, ...]] = Counter()
        self._redactor = Redactor()

    def ask(self, request: Request) -> Question:
        """Return the question that a request is."""
        clean = self._redactor.pairs
        asked = question(request.method, request.url, request.headers, request.body, clean)
        url = self._redactor.text(asked.url)
        return asked if url == asked.url else Question(**(vars(asked) | {"url": url}))

    def reply(self, asked: Question) -> Reply:
        """Return the answer to a question.

        Raises
        ------
        RefusedError
            With a sentence, if it is not there.
        """
        version = self._object(asked)
        answer = self._answer(asked, exact=True)
        if answer is None and version is not None:
            return self._part(asked, version)
        answer = answer or self._answer(asked, exact=False)
        if answer is None:
            raise RefusedError(403, self._not_there(asked))
        self.used.add(answer.moment)
        spans = [Span(0, answer.length, answer.body, 0)] if answer.length else []
        announced = _header(answer.headers, "content-length")
        length = int(announced) if announced else None
        headers = _without(answer.headers, "content-length")
        return Reply(answer.status, headers, spans, length, cut=answer.cut)

    def locate(self, checksum: str) -> Location:
        """Say where a body lies.

        Raises
        ------
        RefusedError
            If it is in none of the recordings.
        """
        for recording in self.recordings:
            if location := recording.locate(checksum):
                return location
        raise RefusedError(
            403,
            f"a body is missing in {self.names}; see what else is with: "
            f"python -m replica recording verify {self.names}",
        )

    def _object(self, asked: Question) -> Version | None:
        """The object that is asked for, unless the last run met something else there."""
        if asked.method not in ("GET", "HEAD") or asked.digest or is_multiple(asked.conditions):
            return None
        version = self.catalogue.latest(asked.url)
        answers = self.catalogue.sequence(asked.key)
        later = version and answers and answers[-1].moment[0] > version.seen[0]
        return None if later else version

    def _part(self, asked: Question, version: Version) -> Reply:
        status = outcome(asked.conditions, version)
        if status != 200:
            headers = _without(version.headers_for(HEAD), "content-type")
            return Reply(status, headers if status == 304 else [])
        if asked.method == "HEAD":
            self.used_spans.append((version, 0, 0))
            return Reply(200, version.headers_for(HEAD), length=version.length)
        try:
            found = byte_range(asked.conditions, version)
        except UnsatisfiableError:
            return _unsatisfiable(asked, version)
        start, stop = found or (0, version.length)
        spans = version.spans.cover(start, stop)
        if holes := version.spans.holes(start, stop):
            if start not in version.cuts or holes[0][0] == start:
                raise RefusedError(403, self._hole(asked.url, version, holes))
            # Its client did not read on; a client that does finds the connection closed.
            spans = version.spans.cover(start, holes[0][0])
        self.used_spans.append((version, start, spans[-1].stop if spans else start))
        headers = version.headers_for(PART if found else WHOLE)
        if found:
            content_range = f"bytes {start}-{stop - 1}/{version.length}"
            headers = [*headers, ("Content-Range", content_range)]
        return Reply(206 if found else 200, headers, spans, stop - start, cut=bool(holes))

    def _answer(self, asked: Question, *, exact: bool) -> Answer | None:
        """The next answer to a question.

        Exact answers are those to the same conditions, such as a Range; others have none.
        """
        wanted = asked.conditions if exact else {}
        if exact and not wanted:
            return None
        fitting = [
            answer
            for answer in self.catalogue.sequence(asked.key)
            if answer.conditions == wanted
            and answer.accept in ("", asked.accept)
            and _takes(asked.accept_encoding, answer.coding)
        ]
        if not fitting:
            return None
        counter = (*asked.key, exact and tuple(wanted.items()), asked.accept)
        number = self._asked[counter]
        self._asked[counter] += 1
        return fitting[min(number, len(fitting) - 1)]

    def _hole(self, url: str, version: Version, holes: list[tuple[int, int]]) -> str:
        missing = ", ".join(f"{start}-{stop - 1}" for start, stop in holes[:3])
        more = f" and {len(holes) - 3} more ranges" if len(holes) > 3 else ""
        there = ", ".join(f"{span.start}-{span.stop - 1}" for span in list(version.spans)[:3])
        return (
            f"bytes {missing}{more} of {url} are not in the recording {self.names}, which has "
            f"{len(version.spans)} of its {version.length} bytes"
            f"{f' ({there}…)' if len(version.spans) else ''}, read on {version.last[:10]}. "
            f"{self.advice}"
        )

    def _not_there(self, asked: Question) -> str:
        known = self.catalogue.sequence(asked.key)
        what = f"{asked.method} {asked.url}"
        if "range" in asked.conditions:
            what += f" ({asked.conditions['range']})"
        if asked.digest:
            what += f" with {asked.body[:200]!r}"
        reason = ""
        if known:
            reason = " with these headers (it was asked with others, such as Range or Accept)"
        return f"{what} is not in the recording {self.names}{reason}. {self.advice}"

    @property
    def advice(self) -> str:
        """How to record what is missing."""
        path = self.recordings[0].name
        return f"To add it, with a network: python -m replica record {path} -- COMMAND"


def _entries(recordings: Sequence[Recording]) -> list[Entry]:
    return [entry for recording in recordings for entry in recording.entries()]


def _takes(accept_encoding: str, coding: str) -> bool:
    """Whether a client takes a body in an encoding (RFC 9110, 12.5.3)."""
    if coding in ("", "identity"):
        return True
    items = [item.replace(" ", "").lower() for item in accept_encoding.split(",")]
    taken = {item.partition(";")[0] for item in items if not item.endswith((";q=0", ";q=0.0"))}
    return bool(taken & {coding, f"x-{coding}", coding.removeprefix("x-"), "*"})


def _header(headers: Headers, name: str) -> str:
    return next((value for key, value in headers if key.lower() == name), "")


def _without(headers: Headers, name: str) -> Headers:
    return [pair for pair in headers if pair[0].lower() != name]


def _unsatisfiable(asked: Question, version: Version) -> Reply:
    """Answer 416; S3's clients read a document."""
    headers = [("Content-Range", f"bytes */{version.length}")]
    message = "The requested range is not satisfiable"
    body = b""
    if is_s3(asked.host):
        size = str(version.length)
        body = s3_error("InvalidRange", message, ActualObjectSize=size).encode()
        headers.append(("Content-Type", "application/xml"))
    return Reply(416, headers, body=body, length=len(body))
