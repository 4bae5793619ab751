"""Bytes of a remote file, and of which version of it they are."""

from __future__ import annotations

import re
from dataclasses import dataclass

# Entity tags (RFC 9110, section 8.8.3); one without W/ stands for the same bytes.
_STRONG_TAG = re.compile(r'"[^"]*"')


@dataclass(frozen=True)
class Version:
    """What a server says of the state that a file is in.

    Attributes
    ----------
    size : int
        Length of the whole file in bytes.
    etag, modified : str
        The headers ETag and Last-Modified; empty where a server sends none.
    """

    size: int
    etag: str = ""
    modified: str = ""

    @property
    def strong_tag(self) -> str:
        """The ETag, if it is one that changes with each byte."""
        return self.etag if _STRONG_TAG.fullmatch(self.etag) else ""

    def agrees(self, other: Version) -> bool:
        """Whether nothing says that the file is another one; only what both have is compared."""
        if self.size != other.size:
            return False
        if self.strong_tag and other.strong_tag:
            return self.etag == other.etag
        # Apache's tag of a file is weak for a second after its change, and strong later.
        tags = self.etag.removeprefix("W/"), other.etag.removeprefix("W/")
        pairs = (tags, (self.modified, other.modified))
        return all(mine == theirs for mine, theirs in pairs if mine and theirs)


@dataclass(frozen=True)
class Chunk:
    """Bytes of a remote file.

    Attributes
    ----------
    start : int
        Where they begin in the file.
    data : bytes
        The bytes.
    version : Version
        Of which state of the file they are.
    """

    start: int
    data: bytes
    version: Version

    @property
    def stop(self) -> int:
        """Where they end in the file."""
        return self.start + len(self.data)
