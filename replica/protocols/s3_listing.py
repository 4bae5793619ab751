"""Pages of a bucket's keys, by prefix, delimiter and place to go on from.

After the Amazon S3 API reference, ListObjectsV2 and ListObjects.
"""

from __future__ import annotations

from base64 import b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

#: S3 never sends more keys than this in one page.
PAGE_LIMIT = 1000
_BAD_TOKEN = "The continuation token provided is incorrect"
_BEHIND_ALL = "\U0010ffff"


class ListingError(ValueError):
    """A listing was asked for with an argument that S3 would refuse."""


@dataclass(frozen=True)
class Page:
    """One page of a listing.

    Attributes
    ----------
    keys, prefixes : list of str
        Keys, and common prefixes up to the delimiter, each sorted.
    last : str
        The last key or prefix of a page that is not the last one; else empty.
    """

    keys: list[str]
    prefixes: list[str]
    last: str


def page(keys: Sequence[str], query: Mapping[str, str]) -> Page:
    """Select the page of sorted `keys` that the query's parameters ask for.

    Raises
    ------
    ListingError
        If max-keys is not a number or the continuation token is not one of ours.
    """
    prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
    after, limit = _after(query), _limit(query)
    entries: dict[str, bool] = {}
    for key in keys:
        if not key.startswith(prefix) or key <= after:
            continue
        entry = _roll_up(key, prefix, delimiter)
        if entry != key and after.startswith(entry) and after.endswith((delimiter, _BEHIND_ALL)):
            continue
        if entry not in entries and len(entries) == limit:
            return _page(entries, truncated=limit > 0)
        entries[entry] = entry == key
    return _page(entries, truncated=False)


def continuation_token(last: str) -> str:
    """Return the opaque token that goes on behind the entry `last`."""
    return urlsafe_b64encode(last.encode()).decode()


def _page(entries: Mapping[str, bool], *, truncated: bool) -> Page:
    return Page(
        keys=[entry for entry, is_key in entries.items() if is_key],
        prefixes=[entry for entry, is_key in entries.items() if not is_key],
        last=list(entries)[-1] if truncated else "",
    )


def _roll_up(key: str, prefix: str, delimiter: str) -> str:
    """The common prefix that stands for `key` in a listing, or the key itself."""
    if not delimiter:
        return key
    head, found, _ = key[len(prefix) :].partition(delimiter)
    return prefix + head + found


def _after(query: Mapping[str, str]) -> str:
    token = query.get("continuation-token")
    if token is None:
        return query.get("start-after", "") or query.get("marker", "")
    try:
        last = b64decode(token.encode(), altchars=b"-_", validate=True).decode()
    except (Base64Error, UnicodeError) as error:
        raise ListingError(_BAD_TOKEN) from error
    if not last:
        raise ListingError(_BAD_TOKEN)
    delimiter = query.get("delimiter", "")
    return last + _BEHIND_ALL if delimiter and last.endswith(delimiter) else last


def _limit(query: Mapping[str, str]) -> int:
    text = query.get("max-keys", str(PAGE_LIMIT))
    if not text.isascii() or not text.isdigit() or len(text) > 10:
        raise ListingError("Argument max-keys must be an integer between 0 and 2147483647")
    return min(int(text), PAGE_LIMIT)
