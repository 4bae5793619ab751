"""What S3 tells of an object's bytes: its ETag and its checksum."""

from __future__ import annotations

import base64
import hashlib
import zlib
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

#: Larger objects are taken as uploaded in parts of this size, the AWS CLI's own
#: (``multipart_threshold`` and ``multipart_chunksize``), bytes.
PART_SIZE = 8 * 1024 * 1024


@lru_cache(maxsize=4096)
def s3_etag(path: Path) -> str:
    """Return the ETag, without quotes, that S3 gives to the file.

    It is the MD5 of a file that was uploaded at once.  Of one that came in parts, it is the MD5
    of the parts' MD5s, and the number of parts.

    Parameters
    ----------
    path : pathlib.Path
        A file that never changes, as those of the replica's cache.
    """
    parts = [hashlib.md5(part, usedforsecurity=False) for part in _parts(path)]
    if len(parts) == 1:
        return parts[0].hexdigest()
    together = b"".join(part.digest() for part in parts)
    return f"{hashlib.md5(together, usedforsecurity=False).hexdigest()}-{len(parts)}"


@lru_cache(maxsize=4096)
def crc32(path: Path) -> str:
    """Return the CRC32 of the whole file as S3 writes it: base64 of four bytes, the high first."""
    checksum = 0
    for part in _parts(path):
        checksum = zlib.crc32(part, checksum)
    return base64.b64encode(checksum.to_bytes(4, "big")).decode()


def _parts(path: Path) -> Iterator[bytes]:
    """The file's parts; one empty part of an empty file."""
    with path.open("rb") as file:
        yield file.read(PART_SIZE)
        while part := file.read(PART_SIZE):
            yield part
