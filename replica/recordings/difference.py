"""What changed from one recording to another, in the words of the drift check."""

from __future__ import annotations

from collections.abc import Iterator

from replica.check.answers import Facts, Row, UnreadableError
from replica.check.comparison import Comparison, compare
from replica.check.portal import names
from replica.check.tables import VOTable
from replica.recordings import RecordingError
from replica.recordings.catalogue import Answer, Catalogue, Key, Version
from replica.recordings.encodings import coding_of, unpacked
from replica.recordings.storage import Recording

#: Longest answer of which the form is compared, bytes; of a longer one only the bytes are.
_READ = 32 * 2**20
_TOO_MANY_REQUESTS = 429


class Difference:
    """Two recordings, question by question.

    Parameters
    ----------
    old, new : Recording
        What is compared.
    """

    def __init__(self, old: Recording, new: Recording) -> None:
        self._old, self._new = old, new
        self._before, self._after = Catalogue(old.entries()), Catalogue(new.entries())

    def comparisons(self) -> Iterator[Comparison]:
        """Yield what became of each question and object that both have."""
        for key in sorted(self._before.answers.keys() & self._after.answers.keys()):
            yield self._compare_answers(key)
        for url in sorted(self._before.objects.keys() & self._after.objects.keys()):
            before, after = self._before.latest(url), self._after.latest(url)
            if before and after:
                yield compare(url, _object_facts(before), _object_facts(after))

    def only_in(self, *, new: bool) -> list[str]:
        """Return the questions and objects that just one of them has."""
        here, there = self._before, self._after
        if new:
            here, there = there, here
        questions = [
            _name(here.answers[key][-1]) for key in here.answers if key not in there.answers
        ]
        objects = [url for url in here.objects if url not in there.objects]
        return sorted(set(questions + objects))

    def _compare_answers(self, key: Key) -> Comparison:
        before, after = self._before.sequence(key)[-1], self._after.sequence(key)[-1]
        name = _name(before)
        failed = after.status >= 500 or after.status == _TOO_MANY_REQUESTS
        if failed and before.status != after.status:
            host = key[1].split("/")[2]
            return Comparison(name, "unreachable", host=host, failure=f"status {after.status}")
        return compare(name, _facts(self._old, before), _facts(self._new, after))


def _name(answer: Answer) -> str:
    asked = f" with {answer.asked[:120]}" if answer.asked else ""
    return f"{answer.method} {answer.url}{asked}"


def _object_facts(version: Version) -> Facts:
    names = {"etag": "ETag", "last-modified": "Last-Modified", "content-type": "Content-Type"}
    facts = {text: version.header(name) for name, text in names.items() if version.header(name)}
    return facts | {"bytes": str(version.length)}


def _facts(recording: Recording, answer: Answer) -> Facts:
    """What an answer says: its status and type, its form where that can be read, its bytes."""
    kind = next((v for k, v in answer.headers if k.lower() == "content-type"), "")
    where = next((v for k, v in answer.headers if k.lower() == "location"), "")
    facts = {"HTTP status": str(answer.status), "Content-Type": kind, "Location": where}
    facts |= _form(recording, answer, kind) | {"content": f"SHA-256 {answer.body[:12]}…"}
    return {name: text for name, text in facts.items() if text}


def _form(recording: Recording, answer: Answer, kind: str) -> Facts:
    location = recording.locate(answer.body)
    if location is None or location.length > _READ:
        return {}
    try:
        content = location.read()
        if coding := coding_of(answer.headers):
            content = b"".join(unpacked([content], coding))
        if "json" in kind:
            return names(content).facts
        if "votable" in kind or b"<VOTABLE" in content[:1000]:
            read = VOTable(Row({})).__call__(content).facts
            return {name: text for name, text in read.items() if not name.startswith("row with")}
    except (UnreadableError, RecordingError):
        return {}
    return {}
