"""Write one run into a recording, safely beside other runs that write at the same time."""

from __future__ import annotations

import hashlib
import logging
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

from filelock import FileLock, Timeout

from replica.recordings import RecordingError
from replica.recordings.catalogue import HEAD, PART, WHOLE, Catalogue, Headers, Version, now
from replica.recordings.lines import Entry, dump, parse
from replica.recordings.manifest import manifest_of, tool
from replica.recordings.manifest_text import manifest_text
from replica.recordings.storage import (
    INDEX,
    LOCK,
    MANIFEST,
    PARTIAL,
    Location,
    Recording,
    body_name,
    is_recording,
    open_recording,
    write_atomically,
)

log = logging.getLogger(__name__)

#: How much is read, hashed and copied at once, bytes.
BLOCK = 2**20


class RunWriter:
    """Add one run to a recording; make the recording if there is none.

    Bodies are written under a temporary name and renamed, then named in the index, which only
    grows; whoever does so holds the lock.  So a run that is killed, or a full disk, leaves what
    was there before, and every request that had been kept.

    Parameters
    ----------
    path : pathlib.Path
        The recording's folder.

    Raises
    ------
    RecordingError
        If there is something else in that place.
    """

    def __init__(self, path: Path) -> None:
        if path.is_file():
            raise RecordingError(f"{path} is a file: unpack it, and record into its folder")
        if not is_recording(path):
            raise RecordingError(f"{path} holds other files: name an empty folder, or a new one")
        path.mkdir(parents=True, exist_ok=True)
        self.recording = Recording(path)
        self.catalogue = Catalogue()
        self.run = f"{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}-{secrets.token_hex(3)}"
        self._lock = FileLock(path / LOCK)
        self._index = path / INDEX
        self._read_up_to = 0
        self._inode = 0
        self._written: set[tuple[str, str]] = set()
        #: Bodies that this run wrote, to the number of values that were looked for in them.
        self.searched: dict[str, int] = {}
        # The event loop and the thread that keeps both ask: each number is handed out once.
        self._numbers = count()
        self._partials = path / PARTIAL / self.run
        # Held as long as this process lives: another run then knows what is left of a dead one.
        self._alive = FileLock(self._partials / LOCK, thread_local=False)
        with self._lock:
            self._begin(path)

    def _begin(self, path: Path) -> None:
        self._index.touch()
        open_recording(path)  # refuses a newer format
        self._drop_half_line()
        for left in (path / PARTIAL).glob("*"):
            _remove_if_dead(left)
        self._partials.mkdir(parents=True)
        self._alive.acquire()
        self._refresh()
        self._append({"type": "run", "run": self.run, "time": now(), "tool": tool()})

    def partial(self) -> Path:
        """Return a new path for what is on its way."""
        return self._partials / str(next(self._numbers))

    def add_answer(self, entry: Entry, partial: Path, searched: int = 0) -> None:
        """Keep an answer; its entry names the body, which lies at `partial`."""
        with self._lock:
            self._refresh()
            self._keep(partial, entry["body"])
            self.searched[entry["body"]] = searched
            self._append({"type": "answer", "run": self.run} | entry)

    def add_read(
        self,
        entry: Entry,
        headers: Headers,
        length: int,
        partial: Path | None,
        searched: int = 0,
    ) -> None:
        """Keep what was read of an object.

        Parameters
        ----------
        entry : dict
            With ``url``, ``version``, ``start`` and ``stop``.
        headers : list of tuple
            Of this kind of answer, without its length and range.
        length : int
            Of the whole object, bytes.
        partial : pathlib.Path or None
            Holds its bytes from ``start`` to ``stop``; None if there are none.
        searched : int
            How many secret values were looked for in them.
        """
        with self._lock:
            self._refresh()
            version = self._version(entry, headers, length, partial)
            new = [] if partial is None else self._keep_new(version, entry, partial)
            entry = {"type": "read", "run": self.run} | entry | {"version": version.name}
            self._append(entry | {"new": new})
            if new:
                self._written.add((version.url, version.name))
            self.searched |= {str(body): searched for _, _, body in new}

    def finish(self, removed: dict[str, int]) -> None:
        """End the run: write what was removed, and the manifest."""
        with self._lock:
            self._refresh()
            entry = {"type": "end", "run": self.run, "time": now(), "removed": removed}
            self._append(entry)
            write_manifest(self.recording)
        self._alive.release()
        shutil.rmtree(self._partials, ignore_errors=True)

    def _version(
        self, entry: Entry, headers: Headers, length: int, partial: Path | None
    ) -> Version:
        """Return the version that was read; begin one if the bytes agree with none."""
        url, name = entry["url"], entry["version"]
        known = self.catalogue.objects.get(url, {})
        number = 1
        while name in known and partial and not self._agrees(known[name], entry["start"], partial):
            # A server that changes a file and not its ETag or date.
            number += 1
            name = f"{entry['version']}-{number}"
        if known and name not in known:
            log.warning("%s has changed since it was recorded: a new version begins", url)
        kind = kind_of(entry["method"], entry["status"])
        if name not in known or kind not in known[name].headers:
            facts = {"version": name, "length": length, "kind": kind, "headers": headers}
            self._append({"type": "version", "run": self.run, "url": url} | facts)
        return self.catalogue.objects[url][name]

    def _agrees(self, version: Version, start: int, partial: Path) -> bool:
        """Whether a file's bytes are those that are there already, where there are any."""
        size = partial.stat().st_size
        fresh = Location(partial, 0, size)
        for span in version.spans.cover(start, start + size):
            there = self.recording.locate(span.body)
            if there is None:
                continue
            for at in range(span.start, span.stop, BLOCK):
                to = min(at + BLOCK, span.stop)
                old = there.read(at - span.origin, to - span.origin)
                if old != fresh.read(at - start, to - start):
                    return False
        return True

    def _keep_new(self, version: Version, entry: Entry, partial: Path) -> list[list[object]]:
        """Keep the bytes that are not there yet; return start, stop and body of each piece."""
        start, stop = entry["start"], entry["stop"]
        holes = version.spans.holes(start, stop)
        if holes == [(start, stop)]:
            return [[start, stop, self._keep(partial, checksum_of(blocks(partial)))]]
        pieces = [[a, b, self.keep_piece(partial, a - start, b - start)] for a, b in holes]
        partial.unlink()
        return pieces

    def keep_piece(self, source: Path, start: int, stop: int) -> str:
        """Keep a part of a file as a body; return its checksum."""
        piece = self.partial()
        write(piece, blocks(source, start, stop))
        return self._keep(piece, checksum_of(blocks(piece)))

    def _keep(self, partial: Path, checksum: str) -> str:
        """Give a body its name; return the name."""
        path = self.recording.path / body_name(checksum)
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.replace(path)
        return checksum

    def _append(self, entry: Entry) -> None:
        append(self._index, entry)
        self._refresh()

    def _refresh(self) -> None:
        """Take in the lines that came since the last time, of this run and of others."""
        if self._index.stat().st_ino != self._inode:
            self._inode, self._read_up_to = self._index.stat().st_ino, 0
            self.catalogue = Catalogue()
        with self._index.open("rb") as file:
            file.seek(self._read_up_to)
            for line in file:
                self.catalogue.add(parse(line))
            self._read_up_to = file.tell()

    def _drop_half_line(self) -> None:
        """Cut off what a run wrote that was killed amid a line."""
        content = self._index.read_bytes()
        whole = content.rfind(b"\n") + 1
        if whole < len(content):
            with self._index.open("r+b") as file:
                file.truncate(whole)

    @contextmanager
    def rewriting(self) -> Iterator[Callable[[list[Entry]], None]]:
        """Hold the lock; yield a function that replaces the index and drops unnamed bodies."""
        with self._lock:
            self._refresh()
            yield self._replace_index

    def _replace_index(self, entries: list[Entry]) -> None:
        write_atomically(self._index, b"".join(dump(entry) for entry in entries))
        self._refresh()
        drop_unnamed_bodies(self.recording, self.catalogue)

    @property
    def written(self) -> list[Version]:
        """The versions of objects to which this run added bytes."""
        return [self.catalogue.objects[url][name] for url, name in sorted(self._written)]


def kind_of(method: str, status: int) -> str:
    """Return the kind of an answer that gives an object."""
    if method == "HEAD":
        return HEAD
    return PART if status == 206 else WHOLE


def append(index: Path, entry: Entry) -> None:
    """Append an entry to an index, all of its line or nothing."""
    with index.open("ab", buffering=0) as file:
        before = file.seek(0, 2)
        line = dump(entry)
        try:
            if file.write(line) != len(line):
                raise OSError("the disk is full")
        except OSError:
            file.truncate(before)
            raise


def drop_unnamed_bodies(recording: Recording, catalogue: Catalogue) -> None:
    """Delete the bodies that no entry names."""
    for checksum in recording.checksums() - catalogue.bodies:
        (recording.path / body_name(checksum)).unlink(missing_ok=True)


def write_manifest(recording: Recording) -> None:
    """Write the manifest anew."""
    content = manifest_text(manifest_of(recording))
    write_atomically(recording.path / MANIFEST, content)


def _remove_if_dead(folder: Path) -> None:
    """Remove what a run left that was killed: nobody holds its lock."""
    try:
        with FileLock(folder / LOCK, timeout=0):
            pass
    except (Timeout, OSError):
        return
    shutil.rmtree(folder, ignore_errors=True)


def blocks(path: Path, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
    """Yield a file, or a part of it, in blocks."""
    with path.open("rb") as file:
        file.seek(start)
        left = path.stat().st_size - start if stop is None else stop - start
        while left > 0 and (block := file.read(min(BLOCK, left))):
            left -= len(block)
            yield block


def write(path: Path, content: Iterator[bytes]) -> None:
    """Write a file."""
    with path.open("wb") as file:
        for block in content:
            file.write(block)


def checksum_of(content: Iterator[bytes]) -> str:
    """Return the SHA-256 of some bytes, as hexadecimal digits."""
    digest = hashlib.sha256()
    for block in content:
        digest.update(block)
    return digest.hexdigest()
