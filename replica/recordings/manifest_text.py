"""The manifest as a file, with a checksum of itself."""

from __future__ import annotations

import hashlib
import json
from typing import Any


def manifest_text(manifest: dict[str, Any]) -> bytes:
    """Return the manifest's file; its last key, ``sha256``, is the checksum of the rest."""
    text = json.dumps(manifest, indent=1)
    return json.dumps(manifest | {"sha256": _checksum(text)}, indent=1).encode() + b"\n"


def is_intact(manifest: dict[str, Any]) -> bool:
    """Whether a manifest's own checksum fits."""
    rest = {name: value for name, value in manifest.items() if name != "sha256"}
    return manifest.get("sha256") == _checksum(json.dumps(rest, indent=1))


def _checksum(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
