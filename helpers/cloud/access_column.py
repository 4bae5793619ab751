"""Read the text of a ``cloud_access`` cell, in every form that archives have written.

The forms: ``{"aws": {"bucket": …, "path": …}}`` of the first prototypes, ``bucket_name`` and
``key`` of IRSA and HEASARC now, a list of mirrors under ``aws``, and any of these written as
a Python dict.  Nothing is ever evaluated but strings, numbers, lists and dicts.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from helpers.cloud.validation import shortened
from helpers.errors import CloudLocationError

#: Real cells hold a few hundred characters, and brackets no deeper than three.
MAX_LENGTH = 16_384
MAX_BRACKETS = 64

#: Who may read, most open first: the words of NASA's cloud-access prototype.
ACCESS = ("open", "region", "restricted", "none")

#: What clients show for a cell without a value; astropy prints a masked one as "--".
EMPTY = frozenset({"", "--", "none", "null", "nan"})

_BUCKET_NAMES = ("bucket_name", "bucket")
_OWN_NAMES = ("aws", "gc", "azure", *_BUCKET_NAMES)
# astroquery.heasarc adds a column aws to its rows, so these names decide.
_ROW_NAMES = ("access_url", "cloud_access")

# What a literal is made of.  No operators and no names: nothing to evaluate or to nest.
_LITERAL = re.compile(
    r"""(?:[\s{}\[\](),:.\d]|None|True|False|'(?:[^'\\]|\\['"\\/])*+'|"(?:[^"\\]|\\['"\\/])*+")*+"""
)


def parse(text: str) -> object:
    """Return the object that JSON text, or a Python literal, describes.

    Raises
    ------
    CloudLocationError
        If the text is neither, or too long, or too deeply nested.
    """
    if len(text) > MAX_LENGTH or sum(map(text.count, "[{(")) > MAX_BRACKETS:
        raise CloudLocationError(f"cloud_access is too long or too deep: {shortened(text)}")
    try:
        return json.loads(text)
    except ValueError:
        return _parse_literal(text)


def _parse_literal(text: str) -> object:
    if not _LITERAL.fullmatch(text):
        raise CloudLocationError(f"cloud_access is neither JSON nor a dict: {shortened(text)}")
    try:
        return ast.literal_eval(text.strip())
    except (ValueError, SyntaxError, TypeError) as error:  # TypeError: a list as a dict's key
        raise CloudLocationError(f"cloud_access cannot be read: {shortened(text)}") from error


def lower_names(mapping: Mapping[Any, object]) -> dict[str, object]:
    """Return the mapping with its names in lower case; names that are no text are left out."""
    return {name.lower(): value for name, value in mapping.items() if isinstance(name, str)}


def is_cloud_access(value: object) -> bool:
    """Whether a value is a parsed cloud_access rather than a row of a table."""
    if isinstance(value, Mapping):
        names = lower_names(value).keys()
        return not value or (names.isdisjoint(_ROW_NAMES) and not names.isdisjoint(_OWN_NAMES))
    return isinstance(value, list | tuple)


def access_points(value: object) -> Iterator[tuple[str, str, str, str]]:
    """Yield bucket, key, region and access of each copy on AWS that a cloud_access names.

    Parameters
    ----------
    value : mapping, list or tuple
        An object with the providers' names, a list of mirrors, or one copy's description.

    Raises
    ------
    CloudLocationError
        If a copy is not described by texts, or the object has another shape.
    """
    copies = value
    if isinstance(value, Mapping) and lower_names(value).keys().isdisjoint(_BUCKET_NAMES):
        copies = lower_names(value).get("aws")
    for copy in copies if isinstance(copies, list | tuple) else [copies]:
        if isinstance(copy, Mapping):
            yield _access_point(lower_names(copy))
        elif copy is not None:
            advice = "; of several addresses, pass one at a time" * isinstance(value, list)
            raise CloudLocationError(f"cloud_access describes a copy as {shortened(copy)}{advice}")


def _access_point(copy: dict[str, object]) -> tuple[str, str, str, str]:
    bucket = _text(copy, *_BUCKET_NAMES)
    key = _text(copy, "key", "path").lstrip("/")
    if bucket == "nasa-heasarc":
        # In 2023 HEASARC wrote the path of its web server; its bucket has no such folder.
        key = key.removeprefix("FTP/")
    if not (bucket and key):
        lacks = "key" if bucket else "bucket"
        raise CloudLocationError(f"cloud_access names no {lacks}: {shortened(copy)}")
    return bucket, key, _text(copy, "region"), (_text(copy, "access") or "open").lower()


def _text(copy: dict[str, object], *names: str) -> str:
    """First value under one of `names` that is not empty."""
    for name in names:
        value = copy.get(name)
        if not isinstance(value, str | None):
            raise CloudLocationError(f"cloud_access has {shortened(value)} as its {name}")
        if value:
            return value
    return ""
