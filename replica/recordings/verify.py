"""Compare a recording with all its checksums, and name what does not fit."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from zipfile import BadZipFile, ZipFile

from replica.recordings import RecordingError
from replica.recordings.catalogue import Catalogue
from replica.recordings.lines import DamagedLineError, Entry, parse
from replica.recordings.storage import INDEX, MANIFEST, Recording, ZippedRecording, body_name


@dataclass
class Found:
    """What was found.

    Attributes
    ----------
    problems : list of str
        What is damaged: the place, what is wrong there, and whose answer it is.
    notes : list of str
        What a run that was killed left behind; no harm.
    """

    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def verify(recording: Recording) -> Found:
    """Compare all checksums of a recording: lines of the index, bodies, manifest."""
    found = Found()
    if isinstance(recording, ZippedRecording):
        found.problems += _zip_problems(recording)
    index = recording.index()
    entries = list(_entries(index, found))
    found.problems += _body_problems(recording, entries)
    _check_manifest(recording, index, found)
    unnamed = recording.checksums() - Catalogue(_coherent(entries)).bodies
    if unnamed:
        found.notes.append(f"{len(unnamed)} bodies that no line of {INDEX} names")
    return found


def _entries(index: bytes, found: Found) -> Iterator[Entry]:
    for number, line in enumerate(index.splitlines(keepends=True), 1):
        if not line.endswith(b"\n"):
            found.notes.append(f"{INDEX} ends amid a line: a run was killed")
            return
        try:
            yield parse(line)
        except DamagedLineError:
            found.problems.append(f"{INDEX}, line {number}: damaged: {line[:80]!r}…")


def _coherent(entries: list[Entry]) -> Iterator[Entry]:
    """The entries without reads of versions whose own line is damaged."""
    versions = {(e["url"], e["version"]) for e in entries if e["type"] == "version"}
    for entry in entries:
        if entry["type"] != "read" or (entry["url"], entry["version"]) in versions:
            yield entry


def _named(entries: list[Entry]) -> dict[str, tuple[int, str]]:
    """Each body's checksum to its length and the first URL whose answer it is."""
    named: dict[str, tuple[int, str]] = {}
    for entry in entries:
        if entry["type"] == "answer":
            named.setdefault(entry["body"], (entry["length"], entry["url"]))
        for start, stop, body in entry.get("new", ()):
            named.setdefault(body, (stop - start, entry["url"]))
    return named


def _body_problems(recording: Recording, entries: list[Entry]) -> Iterator[str]:
    for checksum, (length, url) in _named(entries).items():
        place = f"{body_name(checksum)} of {url}"
        location = recording.locate(checksum)
        if location is None:
            yield f"{place}: missing"
            continue
        digest = hashlib.sha256()
        for block in location.blocks():
            digest.update(block)
        if location.length != length:
            yield f"{place}: {location.length} bytes in place of {length}"
        elif digest.hexdigest() != checksum:
            yield f"{place}: its bytes are not those that were recorded"


def _check_manifest(recording: Recording, index: bytes, found: Found) -> None:
    try:
        manifest = recording.manifest()
    except RecordingError as error:
        found.problems.append(str(error))
        return
    if not manifest:
        found.notes.append(f"no {MANIFEST}: no run has ended")
        return
    described = manifest["index"]["bytes"]
    if hashlib.sha256(index[:described]).hexdigest() != manifest["index"]["sha256"]:
        found.problems.append(f"{MANIFEST}: describes another {INDEX}")
    elif described < len(index):
        found.notes.append(f"{MANIFEST} is older than {INDEX}: the last run did not end")


def _zip_problems(recording: ZippedRecording) -> Iterator[str]:
    """What the zip file's own checksums find: damage between the files."""
    try:
        with ZipFile(recording.path) as archive:
            if damaged := archive.testzip():
                yield f"{damaged}: the zip file's checksum differs"
    except BadZipFile as error:
        yield str(error)
