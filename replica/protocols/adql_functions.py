"""The functions of ADQL and of the registry that SQLite does not have.

A function gets None for SQL's NULL and then answers None, as SQL functions do.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from replica.protocols import regions
from replica.protocols.geometry import separation
from replica.protocols.regions import RegionError
from replica.protocols.time import to_jd, to_mjd


def register(connection: sqlite3.Connection) -> list[str]:
    """Make the functions known to a connection.

    Returns
    -------
    list of str
        Empty; filled with a sentence when a function refuses its arguments, for SQLite
        itself tells only that some function failed.
    """
    failures: list[str] = []
    for name, (number, function) in _FUNCTIONS.items():
        wrapped = _reporting(name, function, failures)
        connection.create_function(name, number, wrapped, deterministic=True)
    connection.create_aggregate("ivo_string_agg", 2, StringAggregate)
    return failures


def _reporting(name: str, function: Callable, failures: list[str]) -> Callable:
    def wrapped(*arguments: Any) -> Any:
        if None in arguments:
            return None
        try:
            return function(*arguments)
        except (RegionError, TypeError, ValueError) as problem:
            failures.append(f"{name.upper()}: {problem}")
            raise

    return wrapped


class StringAggregate:
    """Aggregate: all values that are not NULL, joined by a delimiter (ADQL UDF catalogue)."""

    def __init__(self) -> None:
        self._values: list[str] = []
        self._delimiter = ""

    def step(self, value: Any, delimiter: str) -> None:
        """Take one row."""
        self._delimiter = delimiter
        if value is not None:
            self._values.append(str(value))

    def finalize(self) -> str:
        """Return the joined text."""
        return self._delimiter.join(self._values)


@lru_cache(maxsize=256)
def _pattern(like: str, flags: int) -> re.Pattern[str]:
    parts = {"%": ".*", "_": "."}
    return re.compile("".join(parts.get(c) or re.escape(c) for c in like), flags | re.DOTALL)


def _like(pattern: str, value: Any) -> bool:
    """``value LIKE pattern``, which tells upper from lower case in ADQL."""
    return _pattern(pattern, 0).fullmatch(str(value)) is not None


def _ilike(pattern: str, value: Any) -> bool:
    """``value ILIKE pattern``."""
    return _pattern(pattern, re.IGNORECASE).fullmatch(str(value)) is not None


def _hasword(haystack: str, needle: str) -> bool:
    """Whether all words of `needle` are words of `haystack`, as GAVO's full text search does.

    Plurals count as their singular: a small part of what its stemmer does.
    """
    return _words(needle) <= _words(haystack)


def _words(text: str) -> set[str]:
    found = re.findall(r"\w+", text.lower())
    return {word[:-1] if len(word) > 3 and word.endswith("s") else word for word in found}


def _hashlist_has(hashlist: str, item: str) -> bool:
    """Whether `item` is among the items of ``a#b#c``, in any case."""
    return item.lower() in hashlist.lower().split("#")


def _interval_overlaps(low1: float, high1: float, low2: float, high2: float) -> bool:
    """Whether two intervals have a point in common."""
    return high1 >= low2 and high2 >= low1


def _split_part(text: str, delimiter: str, number: int) -> str:
    """The part with that number, counted from 1, as PostgreSQL's function of that name."""
    parts = text.split(delimiter)
    return parts[number - 1] if 0 < number <= len(parts) else ""


def _numbers(arguments: tuple[Any, ...]) -> list[float]:
    """Numbers of a geometry's arguments, without the coordinate system of ADQL 2.0.

    A point among the arguments, which ADQL 2.1 allows, counts as its two coordinates.
    """
    if arguments and isinstance(arguments[0], str) and not arguments[0].startswith("POINT "):
        arguments = arguments[1:]
    texts = [str(argument).removeprefix("POINT ") for argument in arguments]
    return [float(number) for text in texts for number in text.split()]


def _point(*arguments: Any) -> str:
    return str(regions.circle(*_expected(_numbers(arguments), 2)))


def _circle(*arguments: Any) -> str:
    return str(regions.circle(*_expected(_numbers(arguments), 3)))


def _polygon(*arguments: Any) -> str:
    return str(regions.polygon(*_numbers(arguments)))


def _box(*arguments: Any) -> str:
    """A box in the tangent plane of its centre, as the polygon of its corners."""
    return str(regions.box(*_expected(_numbers(arguments), 4)))


def _expected(numbers: list[float], count: int) -> list[float]:
    if len(numbers) != count:
        raise ValueError(f"{count} numbers are needed, there are {len(numbers)}")
    return numbers


def _moc(order: Any, geometry: str | None = None) -> str:
    """The geometry itself: the replica compares shapes, not the cells that cover them."""
    if geometry is None:
        raise ValueError("coverage maps as text are not held; give a point, circle or polygon")
    return geometry


def _contains(inner: str, outer: str) -> int:
    return int(regions.contains(regions.parse(outer), regions.parse(inner)))


def _intersects(one: str, other: str) -> int:
    return int(regions.intersects(regions.parse(one), regions.parse(other)))


def _distance(*arguments: Any) -> float:
    """Degrees between two points, given as points or as four numbers."""
    return separation(*_expected([n for a in arguments for n in _numbers((a,))], 4))


def _coord1(point: str) -> float:
    return regions.parse(point).middle[0]


def _coord2(point: str) -> float:
    return regions.parse(point).middle[1]


#: Name to number of arguments (-1 for any) and function.
_FUNCTIONS: dict[str, tuple[int, Callable]] = {
    "like": (2, _like),
    "regexp": (2, _ilike),
    "ivo_nocasematch": (2, lambda value, pattern: int(_ilike(pattern, value))),
    "ivo_hasword": (2, lambda haystack, needle: int(_hasword(haystack, needle))),
    "ivo_hashlist_has": (2, lambda hashlist, item: int(_hashlist_has(hashlist, item))),
    "ivo_interval_overlaps": (4, lambda *ends: int(_interval_overlaps(*ends))),
    "ivo_to_mjd": (1, to_mjd),
    "ivo_to_jd": (1, to_jd),
    "gavo_to_mjd": (1, to_mjd),
    "gavo_to_jd": (1, to_jd),
    "split_part": (3, _split_part),
    "point": (-1, _point),
    "circle": (-1, _circle),
    "polygon": (-1, _polygon),
    "box": (-1, _box),
    "moc": (-1, _moc),
    "contains": (2, _contains),
    "intersects": (2, _intersects),
    "distance": (-1, _distance),
    "coord1": (1, _coord1),
    "coord2": (1, _coord2),
}
