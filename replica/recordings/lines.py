"""Lines of the index: JSON objects, each with a checksum of itself."""

from __future__ import annotations

import json
import zlib
from typing import Any

from replica.recordings import RecordingError

Entry = dict[str, Any]

_CHECK = b', "check": "'


class DamagedLineError(RecordingError):
    """A line whose checksum is not that of its text."""


def dump(entry: Entry) -> bytes:
    """Return the line of an entry; its last key, ``check``, is the CRC-32 of the rest."""
    text = json.dumps(entry).encode()
    return text[:-1] + _CHECK + _crc(text) + b'"}\n'


def parse(line: bytes) -> Entry:
    """Read a line.

    Raises
    ------
    DamagedLineError
        If its checksum does not fit.
    """
    text, found, check = line.rstrip(b"\n").rpartition(_CHECK)
    if not found or check != _crc(text + b"}") + b'"}':
        raise DamagedLineError("the line is not what was written")
    return json.loads(text + b"}")


def _crc(text: bytes) -> bytes:
    return b"%08x" % zlib.crc32(text)
