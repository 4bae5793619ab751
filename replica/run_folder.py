"""A folder for the length of a run, and no trace of runs that were killed.

A replica holds a lock on its folder.  The system takes the lock away when the process ends,
however it ends, so a folder without one is left over; the next replica removes it.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir

_PREFIX = "replica-"
#: Made once the lock is held: a folder without it may be one that has just begun.
_MARK = "in-use"


@contextmanager
def run_folder() -> Iterator[Path]:
    """Make a folder in the temporary directory, with the owner's rights only."""
    _remove_left_over()
    with TemporaryDirectory(prefix=_PREFIX) as name:
        folder = Path(name)
        lock = os.open(folder, os.O_RDONLY)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            (folder / _MARK).touch()
            yield folder
        finally:
            os.close(lock)


def _remove_left_over() -> None:
    for folder in Path(gettempdir()).glob(f"{_PREFIX}*"):
        try:
            _remove_unlocked(folder)
        except OSError:
            continue  # another user's, or another replica has just removed it


def _remove_unlocked(folder: Path) -> None:
    """Remove a folder unless its replica lives; raise OSError if that cannot be known."""
    lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if (folder / _MARK).exists():
            shutil.rmtree(folder)
    finally:
        os.close(lock)
