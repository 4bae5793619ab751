"""The functions of ADQL and of the registry, as the replica's SQLite knows them.

A function gets None for SQL's NULL and then answers None, as SQL functions do.
"""

from __future__ import annotations

import math
import random
import re
import sqlite3
from collections.abc import Callable
from typing import Any

from replica.protocols import regions
from replica.protocols.adql_like import Check, ilike, like
from replica.protocols.geometry import separation
from replica.protocols.regions import RegionError
from replica.protocols.time import to_jd, to_mjd

#: Longest text that a query may build, and longest pattern of LIKE, characters.
MAX_VALUE = 1_000_000
MAX_PATTERN = 5_000

#: Functions of SQLite that are functions of ADQL (or common beside it) as they are.
BUILT_IN = frozenset(("abs", "avg", "coalesce", "count", "lower", "max", "min", "sum", "upper"))

#: Functions whose value is a text, or of the kind of their arguments; the others give numbers.
NOT_NUMERIC = frozenset(
    (
        *("box", "centroid", "circle", "coalesce", "coordsys", "ivo_string_agg", "lower", "max"),
        *("min", "moc", "point", "polygon", "region", "split_part", "upper"),
    )
)


def register(connection: sqlite3.Connection, check: Check) -> list[str]:
    """Make the functions known to a connection.

    Parameters
    ----------
    connection : sqlite3.Connection
        Of one query.
    check : callable
        Called now and then; it raises when the query must end.

    Returns
    -------
    list of str
        Empty; filled with a sentence when a function refuses its arguments, for SQLite
        itself tells only that some function failed.
    """
    failures: list[str] = []
    patterns = {
        "like": lambda pattern, text: _match(like, pattern, text, check),
        "regexp": lambda pattern, text: _match(ilike, pattern, text, check),
        "ivo_nocasematch": lambda text, pattern: _match(ilike, pattern, text, check),
    }
    two_arguments = {name: (2, function) for name, function in patterns.items()}
    for name, (number, function) in (_FUNCTIONS | two_arguments).items():
        wrapped = _reporting(name, function, failures)
        connection.create_function(name, number, wrapped, deterministic=True)
    connection.create_function("rand", -1, _Random().next)
    # The stubs of sqlite3 know aggregates of one number only.
    connection.create_aggregate("ivo_string_agg", 2, StringAggregate)  # type: ignore[arg-type]
    return failures


def known() -> frozenset[str]:
    """Names of all functions that a query can call, in small letters."""
    own = ("like", "regexp", "ivo_nocasematch", "rand", "ivo_string_agg")
    return BUILT_IN | frozenset(own) | frozenset(_FUNCTIONS)


def _reporting(name: str, function: Callable, failures: list[str]) -> Callable:
    def wrapped(*arguments: Any) -> Any:
        if None in arguments:
            return None
        try:
            return function(*arguments)
        except (RegionError, TypeError, ValueError, ArithmeticError) as problem:
            failures.append(f"{name.upper()}: {problem}")
            raise

    return wrapped


class StringAggregate:
    """Aggregate: all values that are not NULL, joined by a delimiter (ADQL UDF catalogue)."""

    def __init__(self) -> None:
        self._values: list[str] = []
        self._delimiter = ""
        self._size = 0

    def step(self, value: Any, delimiter: str) -> None:
        """Take one row."""
        self._delimiter = delimiter
        if value is None:
            return
        self._values.append(str(value))
        self._size += len(self._values[-1]) + len(delimiter)
        if self._size > MAX_VALUE:
            raise ValueError

    def finalize(self) -> str:
        """Return the joined text."""
        return self._delimiter.join(self._values)


class _Random:
    """RAND(): numbers that are the same in every run of a query; RAND(seed) begins anew."""

    def __init__(self) -> None:
        self._generator = random.Random(0)
        self._seed: Any = None

    def next(self, seed: Any = None) -> float:
        """Return the next number, at least 0 and less than 1."""
        if seed is not None and seed != self._seed:
            self._seed, self._generator = seed, random.Random(seed)
        return self._generator.random()


def _match(compare: Callable, pattern: Any, text: Any, check: Check) -> bool:
    """``text LIKE pattern``, which tells upper from lower case in ADQL; ILIKE does not."""
    if len(str(pattern)) > MAX_PATTERN:
        raise ValueError(f"a pattern has at most {MAX_PATTERN} characters")
    return compare(str(pattern), str(text), check)


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


def _remainder(value: float, divisor: float) -> float:
    """MOD: with the sign of the value, whole for whole numbers."""
    rest = math.fmod(value, divisor)
    return int(rest) if isinstance(value, int) and isinstance(divisor, int) else rest


def _round(value: float, digits: int = 0) -> float:
    """Round halves away from zero, as databases do."""
    scale = 10.0**digits
    return math.copysign(math.floor(abs(value) * scale + 0.5) / scale, value)


def _truncate(value: float, digits: int = 0) -> float:
    scale = 10.0**digits
    return math.trunc(value * scale) / scale


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


def shape(name: str, *numbers: float) -> str:
    """Write the region that CIRCLE, POLYGON or BOX makes of numbers.

    Raises
    ------
    ValueError
        If they make none.
    """
    return str({"circle": _circle, "polygon": _polygon, "box": _box}[name](*numbers))


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


def _centroid(geometry: str) -> str:
    return str(regions.circle(*regions.parse(geometry).middle))


#: Name to number of arguments (-1 for any) and function.
_FUNCTIONS: dict[str, tuple[int, Callable]] = {
    # ADQL 2.1, section 2.3: mathematical and trigonometrical functions, angles in radians.
    "acos": (1, math.acos),
    "asin": (1, math.asin),
    "atan": (1, math.atan),
    "atan2": (2, math.atan2),
    "ceiling": (1, lambda value: float(math.ceil(value))),
    "cos": (1, math.cos),
    "cot": (1, lambda angle: 1 / math.tan(angle)),
    "degrees": (1, math.degrees),
    "exp": (1, math.exp),
    "floor": (1, lambda value: float(math.floor(value))),
    "log": (1, math.log),
    "log10": (1, math.log10),
    "mod": (2, _remainder),
    "pi": (0, lambda: math.pi),
    "power": (2, math.pow),
    "radians": (1, math.radians),
    "round": (-1, _round),
    "sin": (1, math.sin),
    "sqrt": (1, math.sqrt),
    "tan": (1, math.tan),
    "truncate": (-1, _truncate),
    # ADQL 2.1, section 4.2: geometry, in degrees.
    "area": (1, lambda geometry: regions.area(regions.parse(geometry))),
    "box": (-1, _box),
    "centroid": (1, _centroid),
    "circle": (-1, _circle),
    "contains": (2, _contains),
    "coord1": (1, _coord1),
    "coord2": (1, _coord2),
    "coordsys": (1, lambda geometry: "ICRS"),
    "distance": (-1, _distance),
    "intersects": (2, _intersects),
    "moc": (-1, _moc),
    "point": (-1, _point),
    "polygon": (-1, _polygon),
    "region": (1, lambda text: str(regions.parse(text))),
    # RegTAP 1.2, section 9, and the catalogue of user defined functions.
    "ivo_hasword": (2, lambda haystack, needle: int(_hasword(haystack, needle))),
    "ivo_hashlist_has": (2, lambda hashlist, item: int(_hashlist_has(hashlist, item))),
    "ivo_interval_overlaps": (4, lambda *ends: int(_interval_overlaps(*ends))),
    "ivo_to_mjd": (1, to_mjd),
    "ivo_to_jd": (1, to_jd),
    "gavo_to_mjd": (1, to_mjd),
    "gavo_to_jd": (1, to_jd),
    "split_part": (3, _split_part),
}
