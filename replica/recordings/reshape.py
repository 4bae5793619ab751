"""Make recordings of recordings: merge several, keep a part, pack one into a file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

from replica.recordings import RecordingError
from replica.recordings.catalogue import Catalogue, Version
from replica.recordings.lines import Entry, dump
from replica.recordings.player import Player
from replica.recordings.spans import Span, SpanMap
from replica.recordings.storage import (
    INDEX,
    MANIFEST,
    Recording,
    body_name,
    is_recording,
    open_recording,
)
from replica.recordings.verify import verify
from replica.recordings.writing import append, checksum_of, write, write_manifest

#: Given a read of an object, and a range of it, the ranges in it that are kept.
Ranges = Callable[[Entry, int, int], list[tuple[int, int]]]


class Copy:
    """A new recording that takes entries of others, with the bodies that they name.

    Parameters
    ----------
    path : pathlib.Path
        Its folder.

    Raises
    ------
    RecordingError
        If there is something already.
    """

    def __init__(self, path: Path) -> None:
        if not is_recording(path) or (path / INDEX).exists():
            raise RecordingError(f"{path} is not empty: name a new folder")
        path.mkdir(parents=True, exist_ok=True)
        self.recording = Recording(path)
        self._index = path / INDEX
        self._index.touch()
        self._lines: set[bytes] = set()
        self._catalogue = Catalogue()

    def take(self, entry: Entry, source: Recording, ranges: Ranges | None = None) -> None:
        """Take an entry, unless it is there; of a read only the bytes that are not."""
        entry = {name: value for name, value in entry.items() if name != "check"}
        if dump(entry) in self._lines:
            return
        self._lines.add(dump(entry))
        if entry["type"] == "answer":
            self._body(source, Span(0, entry["length"], entry["body"], 0))
        if entry["type"] == "read":
            entry = entry | {"new": list(self._pieces(entry, source, ranges))}
        append(self._index, entry)
        self._catalogue.add(entry)

    def finish(self) -> Recording:
        """Write the manifest; return the recording."""
        write_manifest(self.recording)
        return self.recording

    def _pieces(self, entry: Entry, source: Recording, ranges: Ranges | None) -> Iterator[list]:
        there = self._catalogue.objects[entry["url"]][entry["version"]].spans
        for start, stop, body in entry["new"]:
            kept = ranges(entry, start, stop) if ranges else [(start, stop)]
            holes = [hole for a, b in kept for hole in there.holes(a, b)]
            for a, b in holes:
                yield [a, b, self._body(source, Span(a, b, body, start))]

    def _body(self, source: Recording, span: Span) -> str:
        """Copy a body, or a part of it; return its checksum."""
        location = source.locate(span.body)
        if location is None:
            raise RecordingError(f"{source.name}: {body_name(span.body)} is missing")
        start, stop = span.start - span.origin, span.stop - span.origin
        whole = (start, stop) == (0, location.length)
        name = span.body if whole else checksum_of(location.blocks(start, stop))
        path = self.recording.path / body_name(name)
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            write(path, location.blocks(start, stop))
        return name


def merge(paths: Iterable[Path], into: Path) -> Recording:
    """Make one recording of several; bytes that more than one has are stored once.

    Raises
    ------
    RecordingError
        If one cannot be read, or the place is taken.
    """
    sources = [open_recording(path) for path in paths]
    copy = Copy(into)
    for source in sources:
        for entry in source.entries():
            copy.take(entry, source)
    return copy.finish()


def trim(path: Path, player: Player, into: Path) -> Recording:
    """Make a recording of what a player has used of another one.

    Raises
    ------
    RecordingError
        If it cannot be read, or the place is taken.
    """
    source, used = open_recording(path), _used_spans(player)
    copy = Copy(into)

    def ranges(entry: Entry, start: int, stop: int) -> list[tuple[int, int]]:
        wanted = used[entry["url"], entry["version"]][1]
        return [(span.start, span.stop) for span in wanted.cover(start, stop)]

    for entry in source.entries():
        if _is_needed(entry, player, used, ranges):
            copy.take(entry, source, ranges)
    return copy.finish()


Used = dict[tuple[str, str], tuple[Version, SpanMap]]


def _used_spans(player: Player) -> Used:
    used: Used = {}
    for version, start, stop in player.used_spans:
        spans = used.setdefault((version.url, version.name), (version, SpanMap()))[1]
        spans.add(Span(start, stop, "", start))
    return used


def _is_needed(entry: Entry, player: Player, used: Used, ranges: Ranges) -> bool:
    if entry["type"] == "answer":
        return (entry["run"], entry["n"]) in player.used
    if entry["type"] in ("run", "end"):
        return True
    if (entry["url"], entry["version"]) not in used:
        return False
    version = used[entry["url"], entry["version"]][0]
    return (
        entry["type"] == "version"
        or entry.get("cut", False)
        or (entry["run"], entry["n"]) == version.seen
        or any(ranges(entry, start, stop) for start, stop, _ in entry["new"])
    )


def pack(path: Path) -> Path:
    """Make one zip file of a recording, beside it; return its path.

    Raises
    ------
    RecordingError
        If the recording is damaged.
    """
    recording = open_recording(path)
    if problems := verify(recording).problems:
        raise RecordingError(f"{path} is damaged: {problems[0]}")
    write_manifest(recording)
    packed = path.with_name(f"{path.name}.zip")
    partial = packed.with_name(f"{packed.name}.partial")
    with ZipFile(partial, "w") as archive:
        for name, method in ((MANIFEST, ZIP_DEFLATED), (INDEX, ZIP_DEFLATED)):
            archive.writestr(_zip_entry(name, method), (path / name).read_bytes())
        for checksum in sorted(Catalogue(recording.entries()).bodies):
            location = recording.locate(checksum)
            if location:
                # Stored as they are, so that any bytes of them can be read in place.
                entry = _zip_entry(body_name(checksum), ZIP_STORED)
                with archive.open(entry, "w", force_zip64=True) as file:
                    for block in location.blocks():
                        file.write(block)
    partial.replace(packed)
    return packed


def _zip_entry(name: str, method: int) -> ZipInfo:
    """Return an entry without a date: equal recordings make equal files."""
    entry = ZipInfo(name)
    entry.compress_type = method
    entry.external_attr = 0o644 << 16
    return entry
