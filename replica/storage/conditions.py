"""Conditional requests: whether a client still has, or still means, this very file.

The order of the conditions, and which of two counts: RFC 9110, section 13.2.2, which is also
what the Amazon S3 API reference says of GetObject.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime


@dataclass(frozen=True)
class Version:
    """What tells a version of a file: its ETag without quotes, and when it was written."""

    etag: str
    modified: datetime


def unmet(headers: Mapping[str, str], version: Version) -> tuple[int, str] | None:
    """Return status and name of the first condition that does not hold; None if all hold.

    Parameters
    ----------
    headers : mapping
        Of the request, in any case of letters.
    version : Version
        Of the file.
    """
    if "if-match" in headers:
        if not _names(headers["if-match"], version):
            return 412, "If-Match"
    elif (date := _date(headers, "if-unmodified-since")) and version.modified > date:
        return 412, "If-Unmodified-Since"
    if "if-none-match" in headers:
        if _names(headers["if-none-match"], version):
            return 304, "If-None-Match"
    elif (date := _date(headers, "if-modified-since")) and version.modified <= date:
        return 304, "If-Modified-Since"
    return None


def _names(value: str, version: Version) -> bool:
    """Whether a list of ETags names the version; S3 takes them without quotes too."""
    etags = (each.strip().removeprefix("W/").strip('"') for each in value.split(","))
    return any(etag in ("*", version.etag) for etag in etags)


def _date(headers: Mapping[str, str], name: str) -> datetime | None:
    """A date of the headers; None if there is none, or none that can be read."""
    try:
        date = parsedate_to_datetime(headers.get(name, ""))
    except ValueError:
        return None
    return date if date.tzinfo else None
