"""Is this machine ready for the notebooks?  ``python -m helpers.check`` says it in ten lines."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryFile, gettempdir

from helpers.connection import TIMEOUT, chosen_mode, silent_archives
from helpers.errors import ReplicaError, SourceError
from helpers.replica_process import start_replica

#: Beside the folder of helpers in a clone: what the notebooks need.
REQUIREMENTS = Path(__file__).parent.parent / "requirements_data_access.txt"
PROJECT = "archives-in-the-cloud"
#: What the replica's data for all notebooks take, and what a notebook's kernel takes, bytes.
DISK_NEEDED, MEMORY_NEEDED = 600_000_000, 1_500_000_000


@dataclass(frozen=True)
class Finding:
    """What was found about one thing.

    Attributes
    ----------
    name : str
        The thing.
    says : str
        What was found.
    remedy : str
        What to do; empty if all is well.
    needed : bool
        Whether the notebooks need it on the replica.
    """

    name: str
    says: str
    remedy: str = ""
    needed: bool = True

    def __str__(self) -> str:
        mark = "ok  " if not self.remedy else "FAIL" if self.needed else "note"
        line = f"{mark}  {self.name}: {self.says}"
        return f"{line}\n      {self.remedy}" if self.remedy else line


def main(arguments: list[str] | None = None) -> int:
    """Print what was found; return 1 if something is missing that the notebooks need."""
    parser = argparse.ArgumentParser(prog="python -m helpers.check", description=__doc__)
    parser.parse_args(arguments)
    ready = True
    for look in CHECKS:
        finding = look()
        sys.stdout.write(f"{finding}\n")
        sys.stdout.flush()
        ready &= not (finding.remedy and finding.needed)
    sys.stdout.write("This machine is ready.\n" if ready else "This machine is not ready yet.\n")
    return 0 if ready else 1


def python() -> Finding:
    """The interpreter; an older one does not get this far."""
    return Finding("Python", f"{sys.version.split()[0]}, {sys.executable}")


def packages() -> Finding:
    """What the notebooks need of the package index."""
    remedy = (
        f"pip install -r {REQUIREMENTS}" if REQUIREMENTS.is_file() else f"pip install {PROJECT}"
    )
    try:
        missing = _missing(_requirements())
    except (ImportError, PackageNotFoundError) as error:
        return Finding("packages", f"nearly all are missing ({error})", remedy)
    if missing:
        return Finding("packages", f"missing or too old: {', '.join(missing)}", remedy)
    return Finding("packages", "all that the notebooks import")


def _requirements() -> list[str]:
    if not REQUIREMENTS.is_file():
        return [line for line in requires(PROJECT) or [] if "extra ==" not in line]
    lines = REQUIREMENTS.read_text(encoding="utf-8").splitlines()
    return [line.partition("#")[0].strip() for line in lines if line and not line.startswith("#")]


def _missing(requirements: Iterable[str]) -> list[str]:
    """Those that are not installed, or not in a version that is allowed."""
    from packaging.requirements import Requirement

    missing = []
    for requirement in map(Requirement, requirements):
        try:
            if version(requirement.name) not in requirement.specifier:
                missing.append(str(requirement))
        except PackageNotFoundError:
            missing.append(requirement.name)
    return missing


def cache() -> Finding:
    """Where the replica keeps its files: it must be writable, and have room."""
    folder = Path(os.environ.get("REPLICA_CACHE") or _user_cache())
    there = next(path for path in (folder, *folder.parents) if path.exists())
    try:
        TemporaryFile(dir=there).close()
    except OSError as error:
        remedy = "set REPLICA_CACHE to a folder of yours on a disk with room"
        return Finding("cache", f"{there} cannot be written: {error.strerror}", remedy)
    return _room("cache", folder, there)


def _user_cache() -> Path:
    try:
        from platformdirs import user_cache_path
    except ImportError:
        return Path.home()
    return user_cache_path("archives-replica")


def temporary_folder() -> Finding:
    """Where a running replica keeps its certificate."""
    folder = Path(gettempdir())
    return _room("temporary folder", folder, folder, needed=10_000_000)


def _room(name: str, folder: Path, there: Path, needed: int = DISK_NEEDED) -> Finding:
    free = shutil.disk_usage(there).free
    held = sum(file.stat().st_size for file in folder.glob("*")) if folder.is_dir() else 0
    said = f"{folder}, {free / 1e9:.1f} GB free"
    if free + held < needed:
        return Finding(name, said, f"make room for {needed / 1e6:.0f} MB, or set REPLICA_CACHE")
    return Finding(name, said)


def memory() -> Finding:
    """A notebook's kernel, and a browser beside it."""
    try:
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return Finding("memory", "unknown on this system")
    said = f"{total / 1e9:.1f} GB"
    if total < MEMORY_NEEDED:
        return Finding("memory", said, "close other programs, and run one notebook at a time")
    return Finding("memory", said)


def source() -> Finding:
    """What ``ARCHIVES`` says."""
    given = os.environ.get("ARCHIVES", "").strip()
    if not _mode():
        return Finding("ARCHIVES", repr(given), "set it to auto, live, replica or recording:PATH")
    return Finding("ARCHIVES", given or "not set, so live if all archives answer")


def _mode() -> str:
    """What ``ARCHIVES`` chooses; empty if it is no value that `connect` knows."""
    try:
        return chosen_mode()
    except SourceError:
        return ""


def proxies() -> Finding:
    """Whether the way to the archives leads through a proxy."""
    set_ = {name for name in os.environ if name.lower() in ("http_proxy", "https_proxy")}
    if not set_ or "ARCHIVES_REPLICA" in os.environ:
        return Finding("proxy", "none but the replica's" if set_ else "none")
    said = f"{os.environ[min(set_)]} (by {', '.join(sorted(set_))})"
    return Finding("proxy", said, "if the live archives do not answer, ask whose it is", False)


def live_archives() -> Finding:
    """Whether the real archives answer from here."""
    if _mode() not in ("auto", "live"):
        return Finding("live archives", "not asked, since ARCHIVES names another source")
    if find_spec("requests") is None:
        return Finding("live archives", "not asked: requests is missing")
    silent = silent_archives()
    if silent:
        said = f"no answer within {TIMEOUT:.0f} s from {', '.join(silent)}"
        return Finding("live archives", said, "set ARCHIVES=replica", needed=False)
    return Finding("live archives", "all answer")


def replica() -> Finding:
    """Whether the replica starts, and lets a client in."""
    try:
        running = start_replica()
    except ReplicaError as error:
        return Finding("replica", str(error), "do what it says, or set ARCHIVES=live")
    running.stop()
    return Finding("replica", "starts and ends")


CHECKS: tuple[Callable[[], Finding], ...] = (
    python,
    packages,
    cache,
    temporary_folder,
    memory,
    source,
    proxies,
    live_archives,
    replica,
)

if __name__ == "__main__":
    raise SystemExit(main())
