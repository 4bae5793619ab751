"""A recording on disk: read from a folder or a zip file of it, written as a folder.

::

    manifest.json          what is in it, for people and for checks
    index.jsonl            one line a request, in the order of their ends
    bodies/ab/abcdef…      contents, each named by its SHA-256
    partial/RUN/           what is on its way, while a run lasts
    lock                   held while the index grows
"""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from zipfile import ZIP_STORED, BadZipFile, ZipFile

from replica.recordings import FORMAT_VERSION, RecordingError
from replica.recordings.lines import DamagedLineError, Entry, parse
from replica.recordings.manifest_text import is_intact

INDEX, MANIFEST, BODIES, PARTIAL, LOCK = "index.jsonl", "manifest.json", "bodies", "partial", "lock"
#: How much is read and sent at once, bytes.
BLOCK = 256 * 1024
#: Fixed part of a zip entry's local header, and where in it two lengths stand (APPNOTE 4.3.7).
_ZIP_HEADER, _ZIP_LENGTHS = 30, struct.Struct("<26x2H")


@dataclass(frozen=True)
class Location:
    """Where a body lies: a file, the position of its first byte there, and its length."""

    path: Path
    offset: int
    length: int

    def read(self, start: int = 0, stop: int | None = None) -> bytes:
        """Return the bytes from `start` to `stop`, counted in the body."""
        with self.path.open("rb") as file:
            file.seek(self.offset + start)
            return file.read((self.length if stop is None else stop) - start)

    def blocks(self, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        """Yield the bytes from `start` to `stop`, counted in the body, in blocks."""
        end = self.length if stop is None else stop
        for at in range(start, end, BLOCK):
            yield self.read(at, min(at + BLOCK, end))


def body_name(checksum: str) -> str:
    """Return the path of a body within a recording."""
    return f"{BODIES}/{checksum[:2]}/{checksum}"


class Recording:
    """A recording that lies in a folder.

    Parameters
    ----------
    path : pathlib.Path
        The folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def name(self) -> str:
        """What people call it."""
        return str(self.path)

    def index(self) -> bytes:
        """Return the index."""
        return self._content(INDEX) or b""

    def manifest(self) -> dict[str, Any]:
        """Return the manifest; empty if there is none yet, as after a run that was killed.

        Raises
        ------
        RecordingError
            If it is damaged.
        """
        text = self._content(MANIFEST)
        try:
            manifest = json.loads(text) if text else {}
        except ValueError as error:
            raise RecordingError(f"{self.name}: {MANIFEST} is damaged ({error})") from error
        if manifest and not is_intact(manifest):
            raise RecordingError(f"{self.name}: {MANIFEST} is damaged")
        return manifest

    def locate(self, checksum: str) -> Location | None:
        """Say where a body lies; None if it is not there."""
        path = self.path / body_name(checksum)
        try:
            return Location(path, 0, path.stat().st_size)
        except FileNotFoundError:
            return None

    def checksums(self) -> set[str]:
        """Return the names of all bodies that are there."""
        return {path.name for path in self.path.glob(f"{BODIES}/*/*")}

    def entries(self) -> Iterator[Entry]:
        """Yield the entries of the index.

        Raises
        ------
        RecordingError
            If a line is damaged.
        """
        lines = self.index().splitlines(keepends=True)
        for number, line in enumerate(lines, 1):
            if not line.endswith(b"\n"):
                return  # of a run that was killed while it wrote
            try:
                yield parse(line)
            except DamagedLineError as error:
                raise RecordingError(
                    f"{self.name}: line {number} of {INDEX} is damaged; see what else is with: "
                    f"python -m replica recording verify {self.name}"
                ) from error

    def _content(self, name: str) -> bytes | None:
        with suppress(FileNotFoundError):
            return (self.path / name).read_bytes()
        return None


class ZippedRecording(Recording):
    """A recording in a zip file, whose bodies are read in place: they are stored, not deflated."""

    @cached_property
    def _names(self) -> dict[str, Any]:
        with ZipFile(self.path) as archive:
            return {entry.filename: entry for entry in archive.infolist()}

    def locate(self, checksum: str) -> Location | None:
        entry = self._names.get(body_name(checksum))
        if entry is None:
            return None
        if entry.compress_type != ZIP_STORED:
            raise RecordingError(
                f"{self.name} was not packed by this program; unpack it and say: "
                "python -m replica recording pack FOLDER"
            )
        with self.path.open("rb") as file:
            file.seek(entry.header_offset)
            lengths = _ZIP_LENGTHS.unpack(file.read(_ZIP_HEADER))
        return Location(
            self.path, entry.header_offset + _ZIP_HEADER + sum(lengths), entry.file_size
        )

    def checksums(self) -> set[str]:
        return {name.rpartition("/")[2] for name in self._names if name.startswith(f"{BODIES}/")}

    def _content(self, name: str) -> bytes | None:
        if name not in self._names:
            return None
        try:
            with ZipFile(self.path) as archive:
                return archive.read(name)
        except BadZipFile as error:
            raise RecordingError(f"{self.name}: {name} is damaged ({error})") from error


def open_recording(path: Path) -> Recording:
    """Open a recording for reading.

    Raises
    ------
    RecordingError
        If there is none, or its format is newer than this program.
    """
    recording = _at(path)
    version = FORMAT_VERSION
    with suppress(RecordingError):  # all else can be read without it
        version = recording.manifest().get("version", FORMAT_VERSION)
    if version > FORMAT_VERSION:
        raise RecordingError(
            f"{path} has version {version} of the format and this program knows up to "
            f"{FORMAT_VERSION}: install a newer one"
        )
    return recording


def _at(path: Path) -> Recording:
    if (path / INDEX).is_file():
        return Recording(path)
    if path.is_file():
        try:
            zipped = ZippedRecording(path)
            if INDEX in zipped._names:
                return zipped
        except BadZipFile as error:
            raise RecordingError(f"{path} is cut short or no zip file ({error})") from error
    raise RecordingError(
        f"there is no recording at {path}; make one with: "
        f"python -m replica record {path} -- COMMAND"
    )


def is_recording(path: Path) -> bool:
    """Whether a folder holds a recording, or nothing yet."""
    return (path / INDEX).exists() or not path.exists() or not any(path.iterdir())


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file under a temporary name, then give it its own."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        partial.write_bytes(content)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
