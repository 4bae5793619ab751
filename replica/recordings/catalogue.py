"""What the entries of recordings say: versions of objects, and answers to questions."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from replica.recordings.lines import Entry
from replica.recordings.spans import Span, SpanMap

#: What the replica puts into the header Via of each of its answers.
SIMULATED = "archives-replica"
#: Kinds of answers that give an object: all of it, some bytes, none.
WHOLE, PART, HEAD = "whole", "part", "head"
#: Headers with a checksum of just the bytes that come with them.
_OF_ONE_BODY = re.compile("content-(md5|digest)|digest|x-amz-(checksum-.*|mp-parts-count)", re.I)
#: A run, and the number of a request in it: the order of all that was recorded.
Moment = tuple[str, int]
Headers = list[tuple[str, str]]
Key = tuple[str, str, str]


def is_simulated(headers: Iterable[tuple[str, str]]) -> bool:
    """Whether an answer came from a replica."""
    return any(name.lower() == "via" and SIMULATED in value for name, value in headers)


@dataclass
class Version:
    """One version of an object: its headers, and those of its bytes that are there.

    Attributes
    ----------
    url, name : str
        The object, and what identifies this version of it.
    length : int
        Length of the whole object, bytes.
    headers : dict
        Those of each kind of answer (`WHOLE`, `PART`, `HEAD`) that was seen, without
        Content-Length and Content-Range.
    spans : SpanMap
        Its bytes.
    cuts : set of int
        Where answers began that the client did not read to their end.
    seen : tuple
        When it was last read.
    first, last : str
        Times of the first and the last read.
    """

    url: str
    name: str
    length: int
    headers: dict[str, Headers] = field(default_factory=dict)
    spans: SpanMap = field(default_factory=SpanMap)
    cuts: set[int] = field(default_factory=set)
    seen: Moment = ("", 0)
    first: str = ""
    last: str = ""

    def header(self, name: str) -> str:
        """Return the value of a header, or an empty text."""
        every = [pair for headers in self.headers.values() for pair in headers]
        return next((value for key, value in every if key.lower() == name), "")

    def learn(self, kind: str, headers: Headers) -> bool:
        """Take in the headers of a kind of answer; return whether it was not seen before."""
        new = kind not in self.headers
        self.headers.setdefault(kind, headers)
        return new

    def headers_for(self, kind: str) -> Headers:
        """Return the headers for a kind of answer, made from another kind's if need be."""
        if kind in self.headers:
            return self.headers[kind]
        headers = next(iter(self.headers.values()))
        return [pair for pair in headers if not _OF_ONE_BODY.fullmatch(pair[0])]


@dataclass(frozen=True)
class Answer:
    """One answer of a service.

    Attributes
    ----------
    moment, time
        Its place in the order of all requests, and when it was given.
    method, url, digest, asked : str
        The question.
    conditions : dict
        What was asked of it by headers such as Range, if that decided about the answer.
    accept : str
        The formats that were asked for, if they decide about the answer.
    status : int
        HTTP status.
    headers : list of tuple
        Without secrets, and without those that concern the connection only.
    body : str
        Checksum of the body.
    length : int
        Length of the body, bytes.
    cut : bool
        Whether the client did not read it to the end.
    """

    moment: Moment
    time: str
    method: str
    url: str
    digest: str
    asked: str
    conditions: dict[str, str]
    accept: str
    status: int
    headers: Headers
    body: str
    length: int
    cut: bool

    @property
    def key(self) -> Key:
        """What equal questions have in common."""
        return (self.method, self.url, self.digest)

    @property
    def coding(self) -> str:
        """The body's Content-Encoding."""
        return next((v for k, v in self.headers if k.lower() == "content-encoding"), "").lower()


def answer_of(entry: Entry) -> Answer:
    """Read the entry of an answer."""
    return Answer(
        moment=(entry["run"], entry["n"]),
        time=entry["time"],
        method=entry["method"],
        url=entry["url"],
        digest=entry.get("digest", ""),
        asked=entry.get("asked", ""),
        conditions=entry.get("conditions", {}),
        accept=entry.get("accept", ""),
        status=entry["status"],
        headers=[tuple(pair) for pair in entry["headers"]],
        body=entry["body"],
        length=entry["length"],
        cut=entry.get("cut", False),
    )


class Catalogue:
    """All that some entries say.

    Parameters
    ----------
    entries : iterable of dict
        Of one recording or several.
    """

    def __init__(self, entries: Iterable[Entry] = ()) -> None:
        self.objects: dict[str, dict[str, Version]] = {}
        self.answers: dict[Key, list[Answer]] = defaultdict(list)
        self.times: list[str] = []
        for entry in entries:
            self.add(entry)

    def add(self, entry: Entry) -> None:
        """Take in one entry."""
        if entry["type"] == "version":
            self._add_version(entry)
        elif entry["type"] == "read":
            self._add_read(entry)
        elif entry["type"] == "answer":
            answer = answer_of(entry)
            self.answers[answer.key].append(answer)
        if entry["type"] in ("read", "answer"):
            self.times.append(entry["time"])

    def _add_version(self, entry: Entry) -> None:
        versions = self.objects.setdefault(entry["url"], {})
        name = entry["version"]
        version = versions.setdefault(name, Version(entry["url"], name, entry["length"]))
        version.learn(entry["kind"], [tuple(pair) for pair in entry["headers"]])

    def _add_read(self, entry: Entry) -> None:
        version = self.objects[entry["url"]][entry["version"]]
        for start, stop, body in entry.get("new", ()):
            version.spans.add(Span(start, stop, body, start))
        version.seen = max(version.seen, (entry["run"], entry["n"]))
        version.first = min(version.first or entry["time"], entry["time"])
        version.last = max(version.last, entry["time"])
        if entry.get("cut"):
            version.cuts.add(entry["start"])

    def latest(self, url: str) -> Version | None:
        """Return the version of an object that was read last."""
        versions = self.objects.get(url)
        return max(versions.values(), key=lambda version: version.seen) if versions else None

    def sequence(self, key: Key) -> list[Answer]:
        """Return the answers to a question in the last run that asked it, in their order."""
        answers = self.answers.get(key, [])
        run = max((answer.moment[0] for answer in answers), default="")
        return sorted((a for a in answers if a.moment[0] == run), key=lambda a: a.moment)

    def versions(self) -> Iterator[Version]:
        """Yield every version of every object."""
        for versions in self.objects.values():
            yield from versions.values()

    @property
    def bodies(self) -> set[str]:
        """The checksums of all bodies that are named."""
        answers = {answer.body for found in self.answers.values() for answer in found}
        return answers | {span.body for version in self.versions() for span in version.spans}

    @property
    def data(self) -> str:
        """Whether it holds ``real`` data, ``simulated`` ones of a replica, or ``mixed``."""
        every = [is_simulated(version.headers_for(WHOLE)) for version in self.versions()]
        every += [is_simulated(a.headers) for found in self.answers.values() for a in found]
        if not any(every):
            return "real"
        return "simulated" if all(every) else "mixed"

    @property
    def dates(self) -> str:
        """The day on which it was recorded, or the first and the last."""
        if not self.times:
            return "no day yet"
        first, last = min(self.times)[:10], max(self.times)[:10]
        return first if first == last else f"{first} to {last}"


def now() -> str:
    """Return the present time as the index writes it: ISO 8601, UTC."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
