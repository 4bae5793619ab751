"""The manifest: what a recording holds, made from its index."""

from __future__ import annotations

import hashlib
from collections import Counter
from importlib.metadata import PackageNotFoundError, version
from typing import Any
from urllib.parse import urlsplit

from replica.recordings import FORMAT, FORMAT_VERSION
from replica.recordings.catalogue import Catalogue
from replica.recordings.lines import parse
from replica.recordings.storage import Recording


def tool() -> str:
    """Name this program and its version."""
    try:
        return f"archives-in-the-cloud {version('archives-in-the-cloud')}"
    except PackageNotFoundError:
        return "archives-in-the-cloud"


def manifest_of(recording: Recording) -> dict[str, Any]:
    """Return what the manifest should say; the sum of bytes is that of the answers given."""
    index = recording.index()
    entries = [parse(line) for line in index.splitlines(keepends=True)]
    requests: Counter[str] = Counter()
    sizes: Counter[str] = Counter()
    removed: Counter[str] = Counter()
    for entry in entries:
        if entry["type"] in ("read", "answer"):
            host = urlsplit(entry["url"]).hostname or ""
            requests[host] += 1
            sizes[host] += entry["stop"] - entry["start"] if "stop" in entry else entry["length"]
        removed.update(entry.get("removed", {}))
    catalogue = Catalogue(entries)
    lengths = [found.length for name in catalogue.bodies if (found := recording.locate(name))]
    return {
        "format": FORMAT,
        "version": FORMAT_VERSION,
        "tool": tool(),
        "recorded": catalogue.dates,
        "data": catalogue.data,
        "runs": sum(entry["type"] == "run" for entry in entries),
        "hosts": {
            host: {"requests": requests[host], "bytes": sizes[host]} for host in sorted(requests)
        },
        "bodies": {"files": len(lengths), "bytes": sum(lengths)},
        "removed": dict(sorted(removed.items())),
        "index": {"bytes": len(index), "sha256": hashlib.sha256(index).hexdigest()},
    }
