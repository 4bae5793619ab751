"""Decide what becomes of each answer that passes, and keep it."""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from fnmatch import fnmatch
from tempfile import SpooledTemporaryFile

from replica.recordings.catalogue import Headers, now
from replica.recordings.encodings import coding_of, plain_headers, unpacked
from replica.recordings.http import Request
from replica.recordings.lines import Entry
from replica.recordings.questions import Question, question
from replica.recordings.redaction import Redactor
from replica.recordings.scan import scrub
from replica.recordings.writing import BLOCK, RunWriter, blocks, checksum_of

log = logging.getLogger(__name__)

_CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)")
#: How much is collected before it is searched for secrets and written, bytes.
_CHUNK = 256 * 1024
#: Longest encoded answer that is held in memory until it has been searched, bytes.
_IN_MEMORY = 8 * 2**20
#: Statuses that depend on what was asked by headers.
_CONDITIONAL = (206, 304, 412, 416)


@dataclass(frozen=True)
class Part:
    """Which bytes of which version of an object an answer holds."""

    version: str
    start: int
    stop: int
    length: int


def part_of(asked: Question, status: int, headers: Headers) -> Part | None:
    """Return what an answer holds of an object; None for the answer of a service.

    An object has an ETag or a date of last change, a known length, and gives ranges; its
    answer depends on nothing else.
    """
    given = {name.lower(): value for name, value in headers}
    validator = given.get("etag") or given.get("last-modified")
    varies = {name.strip() for name in given.get("vary", "").lower().split(",")}
    if (
        asked.method not in ("GET", "HEAD")
        or asked.digest
        or not validator
        or varies & {"accept", "accept-encoding", "*"}
    ):
        return None
    found = _range(asked.method, status, given)
    return found and Part(_version(given, found[2]), *found)


def _range(method: str, status: int, given: dict[str, str]) -> tuple[int, int, int] | None:
    """Start and stop of an answer, and the length of the object."""
    if status == 200 and given.get("accept-ranges") == "bytes":
        length = given.get("content-length", "")
        return (0, 0 if method == "HEAD" else int(length), int(length)) if length else None
    found = _CONTENT_RANGE.fullmatch(given.get("content-range", ""))
    if status == 206 and method == "GET" and found:
        return int(found[1]), int(found[2]) + 1, int(found[3])
    return None


def _version(given: dict[str, str], length: int) -> str:
    """Name a version by its ETag; by its date too where the ETag is weak or missing."""
    etag, date = given.get("etag", ""), given.get("last-modified", "")
    weak = not etag or etag.startswith("W/")
    facts = (etag, date if weak else "", given.get("content-encoding", ""), length)
    return hashlib.sha256(repr(facts).encode()).hexdigest()[:12]


class Keeper:
    """Keep answers in a recording; what it cannot keep does not disturb the client.

    Parameters
    ----------
    writer : RunWriter
        Writes the run.
    only : list of str
        Patterns (``*`` and ``?``) of the hosts whose answers are kept; empty keeps all.
    """

    def __init__(self, writer: RunWriter, only: Iterable[str] = ()) -> None:
        self.writer = writer
        self.redactor = Redactor()
        self.requests = 0
        self.bytes = 0
        self.lost = 0
        self._only = list(only)
        # One thread: entries get into the index one by one, off the event loop.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="recording")

    def begin(self, request: Request, status: int, headers: Headers) -> Sink:
        """Return where the body of an answer goes."""
        self.requests += 1
        if self._only and not any(fnmatch(request.host, pattern) for pattern in self._only):
            return Sink()
        names = [
            (name.decode("latin-1"), value.decode("latin-1")) for name, value in request.headers
        ]
        self.redactor.request_headers(names)
        clean = self.redactor.pairs
        asked = question(request.method, request.url, request.headers, request.body, clean)
        order = {"n": self.requests, "time": now(), "method": asked.method}
        facts = order | {"url": self.redactor.text(asked.url), "status": status}
        part = part_of(asked, status, headers)
        kept = self.redactor.headers(headers)
        if part:
            return ObjectSink(self, facts, kept, part)
        facts |= _question_facts(asked, status, headers) | {"headers": kept}
        if coding := coding_of(headers):
            return EncodedSink(self, facts, coding)
        return AnswerSink(self, facts)

    def add_answer(self, facts: Entry, file: BodyFile) -> None:
        """Keep an answer whose body lies in a file."""
        body = {"body": checksum_of(blocks(file.path)), "length": file.size}
        self.writer.add_answer(facts | body, file.path, file.searched)

    def submit(self, keep: Callable[[], None]) -> None:
        """Keep something, after all that came before."""
        self._thread.submit(keep).add_done_callback(self._note_loss)

    def _note_loss(self, done: Future[None]) -> None:
        if error := done.exception():
            self.lose(error)

    def lose(self, error: BaseException) -> None:
        """Say, the first time, why something is not kept."""
        self.lost += 1
        if self.lost == 1:
            log.error("the recording misses answers from here on: %s", error)

    def finish(self) -> None:
        """Wait until all is kept; search it once more for secrets; end the run."""
        self._thread.shutdown(wait=True)
        try:
            scrub(self.writer, self.redactor)
            self.writer.finish(dict(self.redactor.findings.removed))
        except OSError as error:
            self.lose(error)


def _question_facts(asked: Question, status: int, headers: Headers) -> Entry:
    varies = next((value for name, value in headers if name.lower() == "vary"), "").lower()
    facts: Entry = {"asked": asked.body, "digest": asked.digest}
    if "accept" in [name.strip() for name in varies.split(",")]:
        facts["accept"] = asked.accept
    if status in _CONDITIONAL and asked.conditions:
        facts["conditions"] = asked.conditions
    return {name: value for name, value in facts.items() if value}


class Sink:
    """Where an answer's body goes; this one lets it go."""

    def write(self, block: bytes) -> None:
        """Take a block of the body."""

    def close(self, *, whole: bool, gone: bool = False) -> None:
        """End the recorded body.

        Parameters
        ----------
        whole : bool
            Whether all of it came.
        gone : bool
            Whether it ends here because the client has gone.
        """


class BodyFile:
    """A file that takes a body in which secrets are masked.

    Parameters
    ----------
    keeper : Keeper
        Is told of failures, such as a full disk, after which nothing more is written.
    """

    def __init__(self, keeper: Keeper) -> None:
        self._keeper = keeper
        self._masker = keeper.redactor.masker()
        self._waiting: list[bytes] = []
        self._collected = 0
        self._failed = False
        #: How many secret values are known, and looked for in all of it.
        self.searched = len(keeper.redactor.findings.values)
        self.path = keeper.writer.partial()
        self.size = 0

    def write(self, block: bytes) -> None:
        """Take a block."""
        self._waiting.append(block)
        self._collected += len(block)
        if self._collected >= _CHUNK:
            self._store(self._masker.feed(self._collect()))

    def end(self) -> bool:
        """Write the rest; return whether all of it could be written."""
        self._store(self._masker.feed(self._collect()) + self._masker.finish())
        return not self._failed

    def drop(self) -> None:
        """Remove the file."""
        self.path.unlink(missing_ok=True)

    def _collect(self) -> bytes:
        block, self._waiting, self._collected = b"".join(self._waiting), [], 0
        return block

    def _store(self, block: bytes) -> None:
        if self._failed:
            return
        try:
            with self.path.open("ab") as file:
                file.write(block)
        except OSError as error:
            self._failed = True
            self.drop()
            self._keeper.lose(error)
        self.size += len(block)


class ObjectSink(Sink):
    """Bytes of an object: what came of them is kept, also if that is not all."""

    def __init__(self, keeper: Keeper, facts: Entry, headers: Headers, part: Part) -> None:
        self._keeper = keeper
        self._file = BodyFile(keeper)
        self._part = part
        self._facts = facts
        leave = ("content-length", "content-range")
        self._headers = [pair for pair in headers if pair[0].lower() not in leave]

    def write(self, block: bytes) -> None:
        self._file.write(block)

    def close(self, *, whole: bool, gone: bool = False) -> None:
        if not self._file.end():
            return
        part, size = self._part, self._file.size
        facts = self._facts | {"version": part.version, "start": part.start}
        facts |= {"stop": part.start + size} | ({"cut": True} if gone and not whole else {})
        path = self._file.path if size else None
        add, searched = self._keeper.writer.add_read, self._file.searched
        self._keeper.submit(lambda: add(facts, self._headers, part.length, path, searched))


class AnswerSink(Sink):
    """The answer of a service: kept if it is whole, or if the client wanted no more of it."""

    def __init__(self, keeper: Keeper, facts: Entry) -> None:
        self._keeper = keeper
        self._facts = facts
        self._file = BodyFile(keeper)

    def write(self, block: bytes) -> None:
        self._file.write(block)

    def close(self, *, whole: bool, gone: bool = False) -> None:
        if not self._file.end():
            return
        if whole or gone:
            facts = self._facts | ({} if whole else {"cut": True})
            self._keeper.submit(lambda: self._keeper.add_answer(facts, self._file))
        else:
            self._file.drop()


class EncodedSink(Sink):
    """A compressed answer, which must be unpacked to be searched for secrets."""

    def __init__(self, keeper: Keeper, facts: Entry, coding: str) -> None:
        self._keeper = keeper
        self._facts = facts
        self._coding = coding
        # A file without a name: what has not been searched must not stay anywhere.
        self._raw = SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115

    def write(self, block: bytes) -> None:
        self._raw.write(block)

    def close(self, *, whole: bool, gone: bool = False) -> None:
        if whole:
            self._keeper.submit(self._keep)
        else:
            self._raw.close()

    def _keep(self) -> None:
        """Keep the answer as it came, or unpacked if something has to be masked in it."""
        facts, content = self._facts, self._blocks()
        if self._has_secrets():
            facts = facts | {"headers": plain_headers(facts["headers"])}
            content = unpacked(content, self._coding)
        file = BodyFile(self._keeper)
        for block in content:
            file.write(block)
        if file.end():
            self._keeper.add_answer(facts, file)
        self._raw.close()

    def _has_secrets(self) -> bool:
        masker = self._keeper.redactor.masker(counting=False)
        for block in unpacked(self._blocks(), self._coding):
            masker.feed(block)
        masker.finish()
        return masker.masked > 0

    def _blocks(self) -> Iterator[bytes]:
        self._raw.seek(0)
        while block := self._raw.read(BLOCK):
            yield block
