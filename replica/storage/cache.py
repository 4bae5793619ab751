"""The files behind the holdings: made on first request, kept in the user's cache folder.

A file's name carries a digest of what made it (the sources of its simulator and the
product's row), so two versions of the replica share a folder without meeting.
"""

from __future__ import annotations

import glob
import hashlib
import logging
import os
import re
from collections.abc import Callable, Iterable
from functools import lru_cache, partial
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from filelock import FileLock
from platformdirs import user_cache_path

from replica.holdings import Product
from replica.simulation import simulate

log = logging.getLogger(__name__)


class CacheError(OSError):
    """A product's file could not be made: a full disk, or a folder that cannot be written."""


def folder() -> Path:
    """The cache folder: ``REPLICA_CACHE``, or the user's cache folder of this system."""
    return Path(os.environ.get("REPLICA_CACHE") or user_cache_path("archives-replica"))


def digest(product: Product) -> str:
    """Identify the product's content: 16 hexadecimal digits, equal for equal bytes."""
    return hashlib.sha256(
        f"{_sources(product.archive, product.simulator)}{product}".encode()
    ).hexdigest()[:16]


@lru_cache
def _sources(archive: str, simulator: str) -> str:
    """Digest of a simulator's source code, and of what simulators share.

    A large simulator has parts beside it: ``rosat.py``, ``rosat_maps.py`` and so on.
    """
    shared = files("replica").joinpath("simulation").iterdir()
    folder = files("replica").joinpath("archives", archive).iterdir()
    own = [item for item in folder if re.match(rf"{simulator}(_\w+)?\.py$", item.name)]
    found = [*sorted(shared, key=_name), *sorted(own, key=_name)]
    sources = [item.read_bytes() for item in found if item.name.endswith(".py")]
    return hashlib.sha256(b"".join(sources)).hexdigest()


def _name(item: Traversable) -> str:
    return item.name


def path_of(product: Product) -> Path:
    """Where the product's file is, or will be."""
    return folder() / f"{digest(product)}-{product.filename}"


def ensure(product: Product) -> Path:
    """Return the path of the product's file; make it first if it is not there.

    Many processes may ask at once: one makes it, the others wait.  The file gets its
    name only when it is whole, so a process killed amid the work leaves no damage.

    Raises
    ------
    CacheError
        If the folder cannot be written, or its disk is full.
    """
    return _ensure(path_of(product), partial(simulate, product))


def ensure_file(
    name: str, archive: str, sources: Iterable[str], identity: str, make: Callable[[Path], None]
) -> Path:
    """Return the path of a file that is made from more than one product.

    Parameters
    ----------
    name : str
        Last part of its name.
    archive : str
        Folder of the sources of its content.
    sources : iterable of str
        Their names, without parts: ``allwise`` for ``allwise.py`` and ``allwise_glare.py``.
    identity : str
        What the content depends on beside the sources.
    make : callable
        Writes the file to a path.

    Raises
    ------
    CacheError
        If the folder cannot be written, or its disk is full.
    """
    texts = "".join(_sources(archive, each) for each in sources) + identity
    short = hashlib.sha256(texts.encode()).hexdigest()[:16]
    return _ensure(folder() / f"{short}-{name}", make)


def _ensure(path: Path, make: Callable[[Path], None]) -> Path:
    try:
        if not path.exists():
            _make_once(path, make)
    except OSError as error:
        raise CacheError(
            f"{_plain_name(path)} could not be made in {folder()}: {error.strerror or error}. "
            "Free some room, or set REPLICA_CACHE to another folder"
        ) from error
    return path


def _plain_name(path: Path) -> str:
    """The file's name without the digest."""
    return path.name.partition("-")[2]


def is_made(product: Product) -> bool:
    """Whether the product's file is there."""
    try:
        return path_of(product).exists()
    except OSError:  # such as a folder whose name is too long: `ensure` tells why
        return False


def _make_once(path: Path, make: Callable[[Path], None]) -> None:
    locks = folder() / "locks"
    locks.mkdir(parents=True, exist_ok=True)
    with FileLock(locks / path.name):
        if not path.exists():
            _make(path, make)


def _make(path: Path, make: Callable[[Path], None]) -> None:
    # Whoever left a part of this file was killed: the lock is ours.
    for left in path.parent.glob(f"{glob.escape(path.name)}.*.partial"):
        left.unlink()
    unfinished = path.with_name(f"{path.name}.{os.getpid()}.partial")
    log.info("making %s", _plain_name(path))
    try:
        make(unfinished)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
