"""Which part of an object a request wants, and whether it wants it at all (RFC 9110)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime

from replica.recordings.catalogue import Version

_ONE_RANGE = re.compile(r"bytes=\s*(?:(\d+)-(\d*)|-(\d+))\s*")


class UnsatisfiableError(ValueError):
    """A range that lies behind the object's end."""


def outcome(conditions: Mapping[str, str], version: Version) -> int:
    """Return 412 or 304 if the conditions of a request say so, otherwise 200 (13.2.2)."""
    if not _unchanged(conditions, version):
        return 412
    if "if-none-match" in conditions:
        return 304 if _names(conditions["if-none-match"], version.header("etag")) else 200
    changed = _date(version.header("last-modified"))
    since = _date(conditions.get("if-modified-since", ""))
    return 304 if changed and since and changed <= since else 200


def _unchanged(conditions: Mapping[str, str], version: Version) -> bool:
    """Whether If-Match, or without it If-Unmodified-Since, lets a request pass."""
    if "if-match" in conditions:
        return _names(conditions["if-match"], version.header("etag"), strong=True)
    changed = _date(version.header("last-modified"))
    since = _date(conditions.get("if-unmodified-since", ""))
    return not (changed and since and changed > since)


def byte_range(conditions: Mapping[str, str], version: Version) -> tuple[int, int] | None:
    """Return start and stop of the bytes that are asked for; None for the whole object (14.2).

    Raises
    ------
    UnsatisfiableError
        If the range lies behind the end.
    """
    asked = _ONE_RANGE.fullmatch(conditions.get("range", ""))
    if asked is None or not _still_this(conditions.get("if-range", ""), version):
        return None
    first, last, suffix = asked.groups()
    if suffix is not None:
        if int(suffix) == 0:
            raise UnsatisfiableError
        return max(0, version.length - int(suffix)), version.length
    if last and int(last) < int(first):
        return None
    if int(first) >= version.length:
        raise UnsatisfiableError
    return int(first), min(int(last) + 1, version.length) if last else version.length


def is_multiple(conditions: Mapping[str, str]) -> bool:
    """Whether a request asks for several ranges in one answer."""
    return bool(re.fullmatch(r"bytes=[\d\s-]+(,[\d\s-]+)+", conditions.get("range", "")))


def _still_this(condition: str, version: Version) -> bool:
    """Whether If-Range names this version."""
    if not condition:
        return True
    if condition.startswith(('"', "W/")):
        return _names(condition, version.header("etag"), strong=True)
    return condition == version.header("last-modified")


def _names(condition: str, etag: str, *, strong: bool = False) -> bool:
    """Whether a list of ETags holds one; the weak comparison sets ``W/`` aside (8.8.3.2)."""
    if condition.strip() == "*":
        return True
    if strong and etag.startswith("W/"):
        return False
    listed = [item.strip() for item in condition.split(",")]
    if strong:
        # S3 takes an ETag without quotes too.
        return etag in listed or etag.strip('"') in listed
    return etag.removeprefix("W/") in [item.removeprefix("W/") for item in listed]


def _date(text: str) -> datetime | None:
    try:
        return parsedate_to_datetime(text)
    except ValueError:
        return None
