"""The last search for secrets, with all that is known at a run's end.

Bodies are searched before they are written.  But a cookie or a token may have been seen only
after a body that repeats it was kept, or lie across the border of two spans.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

from replica.recordings.catalogue import Answer, Version
from replica.recordings.encodings import coding_of, plain_headers, unpacked
from replica.recordings.lines import Entry
from replica.recordings.redaction import REACH, Redactor, secrets_in
from replica.recordings.spans import Span
from replica.recordings.writing import RunWriter, write

#: An object, its version and where a span begins, to the body that takes the place of another.
Spans = dict[tuple[str, str, int], str]
#: An answer's place in the order of all, to what changes in its entry.
Answers = dict[tuple[str, int], dict[str, Any]]


def scrub(writer: RunWriter, redactor: Redactor) -> None:
    """Mask what is found in the bodies that a run wrote; the index then names other bodies."""
    with writer.rewriting() as replace_index:
        spans: Spans = {}
        for version in writer.written:
            spans |= _masked_spans(writer, redactor, version)
        answers: Answers = {}
        for answer in [a for found in writer.catalogue.answers.values() for a in found]:
            if answer.moment[0] == writer.run and not _is_searched(writer, redactor, answer.body):
                answers |= _masked_answer(writer, redactor, answer)
        if spans or answers:
            entries = writer.recording.entries()
            replace_index([_changed(entry, spans, answers) for entry in entries])


def _masked_spans(writer: RunWriter, redactor: Redactor, version: Version) -> Spans:
    changed: Spans = {}
    for group in _contiguous(version):
        if not _may_hold_secrets(writer, redactor, group):
            continue
        masked = _masked(writer, redactor, lambda group=group: _content(writer, group))
        if masked is None:
            continue
        for span in group:
            start, stop = span.start - group[0].start, span.stop - group[0].start
            body = writer.keep_piece(masked, start, stop)
            changed[version.url, version.name, span.start] = body
    return changed


def _is_searched(writer: RunWriter, redactor: Redactor, body: str) -> bool:
    """Whether all values that are known now were looked for before a body was written."""
    return writer.searched.get(body) == len(redactor.findings.values)


def _may_hold_secrets(writer: RunWriter, redactor: Redactor, group: list[Span]) -> bool:
    """Whether spans were not searched with all that is known, or hold one across a border."""
    if not all(_is_searched(writer, redactor, span.body) for span in group):
        return True
    for before, after in pairwise(group):
        ends = [replace(before, start=max(before.start, before.stop - REACH))]
        ends.append(replace(after, stop=min(after.stop, after.start + REACH)))
        content = b"".join(_content(writer, ends))
        border = ends[0].stop - ends[0].start
        found = secrets_in(content, redactor.findings)
        if any(secret.context < border < secret.stop for secret in found):
            return True
    return False


def _contiguous(version: Version) -> Iterator[list[Span]]:
    """Yield the spans of an object that follow each other without a hole."""
    group: list[Span] = []
    for span in version.spans:
        if group and span.start != group[-1].stop:
            yield group
            group = []
        group.append(span)
    if group:
        yield group


def _masked_answer(writer: RunWriter, redactor: Redactor, answer: Answer) -> Answers:
    coding = coding_of(answer.headers)
    span = Span(0, answer.length, answer.body, 0)

    def content() -> Iterable[bytes]:
        return unpacked(_content(writer, [span]), coding) if coding else _content(writer, [span])

    masked = _masked(writer, redactor, content)
    if masked is None:
        return {}
    size = masked.stat().st_size
    headers = plain_headers(answer.headers) if coding else answer.headers
    body = writer.keep_piece(masked, 0, size)
    return {answer.moment: {"headers": headers, "body": body, "length": size}}


def _masked(writer: RunWriter, redactor: Redactor, content: Any) -> Path | None:
    """Write a body without its secrets to a file; None if it has none."""
    probe = redactor.masker(counting=False)
    for block in content():
        probe.feed(block)
    probe.finish()
    if not probe.masked:
        return None
    masker, path = redactor.masker(), writer.partial()
    write(path, (masker.feed(block) for block in content()))
    with path.open("ab") as file:
        file.write(masker.finish())
    return path


def _content(writer: RunWriter, spans: Iterable[Span]) -> Iterator[bytes]:
    for span in spans:
        if location := writer.recording.locate(span.body):
            yield from location.blocks(span.start - span.origin, span.stop - span.origin)


def _changed(entry: Entry, spans: Spans, answers: Answers) -> Entry:
    """Return an entry with the bodies that took the place of others."""
    entry = {name: value for name, value in entry.items() if name != "check"}
    if entry["type"] == "answer":
        return entry | answers.get((entry["run"], entry["n"]), {})
    if entry["type"] == "read":
        at = (entry["url"], entry["version"])
        new = [[a, b, spans.get((*at, a), body)] for a, b, body in entry["new"]]
        return entry | {"new": new}
    return entry
