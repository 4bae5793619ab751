"""Regions that are constants of a query: they tell which rows, and which files, can matter.

``CONTAINS(POINT(ra, dec), CIRCLE(...)) = 1`` calls a function on each row.  A range of
declination beside it says the same of most rows, and an index knows it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from sqlglot import exp

from replica.protocols import adql_functions, regions
from replica.protocols.geometry import separation
from replica.protocols.tables import Circle

_SHAPES = {"circle", "polygon", "box"}
#: Rows that any file of a large table has.
FEW = 1000
_SLACK = 1e-9  # degrees, for rounding


@dataclass(frozen=True)
class _Contained:
    """A condition that a position of columns lies in a constant region."""

    condition: exp.EQ
    ra: exp.Column
    dec: exp.Column
    circle: Circle


def circles(tree: exp.Query, name: str) -> tuple[Circle, ...] | None:
    """Return circles outside of which a query needs no row of a table; None if it needs all.

    None of them is returned for a query that wants a few rows, whichever.

    Parameters
    ----------
    tree : sqlglot.exp.Query
        A query whose tables have their full names and an alias.
    name : str
        Full name of the table.
    """
    if _wants_any(tree):
        return ()
    found: list[Circle] = []
    for table in tree.find_all(exp.Table):
        if table.name != name:
            continue
        here = _circle_of(table)
        if here is None:
            return None
        found.append(here)
    return tuple(found)


def _wants_any(tree: exp.Query) -> bool:
    """Whether a query is SELECT TOP n of columns, and no more."""
    limit = tree.args.get("limit")
    few = isinstance(limit, exp.Limit) and (_number(limit.expression) or math.inf) <= FEW
    more = ("where", "joins", "group", "having", "order", "distinct", "offset", "with", "with_")
    plain = isinstance(tree, exp.Select) and not any(tree.args.get(part) for part in more)
    return few and plain and all(each.is_star or _shows(each) for each in tree.expressions)


def _shows(each: exp.Expr) -> bool:
    return isinstance(each.unalias(), exp.Column)


def _circle_of(table: exp.Table) -> Circle | None:
    """The region in the WHERE of a table's own SELECT that each of its rows must lie in."""
    select = table.parent_select
    where = select.args.get("where") if select else None
    if select is None or where is None:
        return None
    alone = len(list(select.find_all(exp.Table))) == 1
    for term in _terms(where.this):
        contained = _contained(term)
        if contained and all(
            column.table == table.alias_or_name or (alone and not column.table)
            for column in (contained.ra, contained.dec)
        ):
            return contained.circle
    return None


def _terms(condition: exp.Expr) -> Iterator[exp.Expr]:
    """The conditions that must all hold."""
    inner = condition.unnest()
    if isinstance(inner, exp.And):
        yield from _terms(inner.this)
        yield from _terms(inner.expression)
    else:
        yield inner


def narrow(tree: exp.Query) -> None:
    """Put a range of declination, and of right ascension if it is one, beside each condition.

    Only conditions that must all hold get one: there, unknown is as good as false, and under
    NOT it is not.
    """
    for contained in list(_all_required(tree)):
        ra, dec, radius = contained.circle
        terms = [_between(contained.dec, dec - radius, dec + radius)]
        width = _half_width(dec, radius)
        if width is not None and ra - width >= 0 and ra + width <= 360:
            terms.append(_between(contained.ra, ra - width, ra + width))
        condition = contained.condition
        condition.replace(exp.paren(exp.and_(*terms, condition.copy())))


def _all_required(tree: exp.Query) -> Iterator[_Contained]:
    for where in tree.find_all(exp.Where):
        for term in _terms(where.this):
            if contained := _contained(term):
                yield contained


def _contained(condition: exp.Expr) -> _Contained | None:
    """Read ``CONTAINS(POINT(ra, dec), region) = 1``, in either order."""
    if not isinstance(condition, exp.EQ):
        return None
    sides = (condition.this, condition.expression)
    call = next((side for side in sides if isinstance(side, exp.Anonymous)), None)
    if call is None or call.name.lower() != "contains" or not any(map(_is_one, sides)):
        return None
    point, shape = [*call.expressions, None, None][:2]
    if not (isinstance(point, exp.Anonymous) and point.name.lower() == "point"):
        return None
    columns = [each for each in point.expressions if isinstance(each, exp.Column)]
    circle = _circle(shape)
    if circle is None or len(columns) != 2:
        return None
    return _Contained(condition, columns[0], columns[1], circle)


def _is_one(side: exp.Expr) -> bool:
    return isinstance(side, exp.Literal) and not side.is_string and side.name == "1"


def _circle(shape: exp.Expr | None) -> Circle | None:
    """The circle around a region that is written with numbers alone."""
    if not isinstance(shape, exp.Anonymous) or shape.name.lower() not in _SHAPES:
        return None
    given = shape.expressions
    if given and isinstance(given[0], exp.Literal) and given[0].is_string:
        given = given[1:]  # the coordinate system of ADQL 2.0
    numbers = [number for each in given if (number := _number(each)) is not None]
    if len(numbers) < len(given):
        return None
    try:
        region = regions.parse(adql_functions.shape(shape.name.lower(), *numbers))
    except ValueError:  # the query itself will say so
        return None
    reach = max(separation(*region.middle, *vertex) for vertex in region.vertices)
    return Circle(*region.middle, max(reach, region.radius) + _SLACK)


def _number(each: exp.Expr) -> float | None:
    if isinstance(each, exp.Neg):
        inner = _number(each.this)
        return None if inner is None else -inner
    if isinstance(each, exp.Literal) and not each.is_string:
        return float(each.name)
    return None


def _half_width(dec: float, radius: float) -> float | None:
    """Right ascensions that a circle reaches to either side; None if a pole is in it."""
    if abs(dec) + radius >= 90:
        return None
    sine = math.sin(math.radians(radius)) / math.cos(math.radians(dec))
    return math.degrees(math.asin(min(sine, 1))) + _SLACK


def _between(column: exp.Column, low: float, high: float) -> exp.Between:
    ends = (exp.Literal.number(repr(value)) for value in (low, high))
    return exp.Between(this=column.copy(), low=next(ends), high=next(ends))
