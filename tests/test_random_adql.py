"""Random queries in ADQL give the rows that a second engine, DuckDB, finds in the same tables.

Each query is drawn once and written twice: in ADQL, and in DuckDB's SQL with the geometry as
formulae of spherical trigonometry.  Nearly all are answered in this process; a share is sent
over HTTP, with its uploaded table.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Sequence
from functools import cache, lru_cache
from typing import Any, NamedTuple

import duckdb
import numpy as np
import pytest
import requests
from astropy.io.votable import parse_single_table
from astropy.io.votable.tree import Field, Resource, TableElement, VOTableFile
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from replica.archives.heasarc.catalogues import catalogues
from replica.protocols import adql, upload
from replica.protocols.tables import Table

SYNC = "https://heasarc.gsfc.nasa.gov/xamin/vo/tap/sync"
#: Examples of each property in a fast run, and in a thorough one.
EXAMPLES = 25 if settings().max_examples <= 200 else 600
# Not the phase that explains a failure: it traces each line, minutes for one of these.
PHASES = (Phase.explicit, Phase.generate, Phase.shrink)
few = settings(max_examples=EXAMPLES, phases=PHASES)
share = settings(max_examples=max(10, EXAMPLES // 10), phases=PHASES)

Row = tuple[Any, ...]


class Pair(NamedTuple):
    """The same piece of a query in both languages."""

    adql: str
    sql: str


def both(template: str, *parts: Pair) -> Pair:
    """Put pieces into a text that is the same in both languages."""
    return Pair(
        template.format(*(part.adql for part in parts)),
        template.format(*(part.sql for part in parts)),
    )


def plain(text: object) -> Pair:
    return Pair(str(text), str(text))


# The tables


class Source(NamedTuple):
    """A table with the columns that queries use; `key` is never missing and never twice."""

    name: str
    key: str
    numbers: tuple[str, ...]
    texts: tuple[str, ...]


SMALL = (
    Source("chanmaster", "__row", ("ra", "dec", "time", "exposure"), ("name", "detector", "obsid")),
    Source("rosmaster", "__row", ("ra", "dec", "exposure"), ("seq_id", "name")),
    Source("xmmmaster", "__row", ("ra", "dec", "time"), ("obsid", "name")),
)
LARGE = Source("rassmaster", "__row", ("ra", "dec", "exposure", "lii"), ("seq_id", "title"))
MINE = Source("TAP_UPLOAD.mine", "id", ("ra", "dec", "flux"), ("label",))
UPLOADED = (
    ("id", "int"),
    ("ra", "double"),
    ("dec", "double"),
    ("flux", "double"),
    ("label", "char"),
)

_MACROS = """
CREATE MACRO separation(a, d, a0, d0) AS degrees(atan2(
    sqrt(pow(cos(radians(d)) * sin(radians(a - a0)), 2)
       + pow(cos(radians(d0)) * sin(radians(d))
             - sin(radians(d0)) * cos(radians(d)) * cos(radians(a - a0)), 2)),
    sin(radians(d0)) * sin(radians(d))
    + cos(radians(d0)) * cos(radians(d)) * cos(radians(a - a0))));
CREATE MACRO volume(a, d, a1, d1, a2, d2) AS
    cos(radians(d)) * cos(radians(a)) * (cos(radians(d1)) * sin(radians(a1)) * sin(radians(d2))
        - sin(radians(d1)) * cos(radians(d2)) * sin(radians(a2)))
  + cos(radians(d)) * sin(radians(a)) * (sin(radians(d1)) * cos(radians(d2)) * cos(radians(a2))
        - cos(radians(d1)) * cos(radians(a1)) * sin(radians(d2)))
  + sin(radians(d)) * cos(radians(d1)) * cos(radians(d2)) * sin(radians(a2 - a1));
CREATE MACRO within(a, d, a1, d1, a2, d2, a3, d3) AS
    (volume(a, d, a1, d1, a2, d2) > 0) = (volume(a3, d3, a1, d1, a2, d2) > 0)
    AND (volume(a, d, a2, d2, a3, d3) > 0) = (volume(a1, d1, a2, d2, a3, d3) > 0)
    AND (volume(a, d, a3, d3, a1, d1) > 0) = (volume(a2, d2, a3, d3, a1, d1) > 0);
"""


@lru_cache(maxsize=1)
def tables() -> tuple[Table, ...]:
    return tuple(each.table for each in catalogues())


@lru_cache(maxsize=1)
def database() -> duckdb.DuckDBPyConnection:
    """DuckDB with the service's tables."""
    connection = duckdb.connect()
    connection.execute(_MACROS)
    connection.execute("CREATE SCHEMA TAP_UPLOAD")
    for table in tables():
        fields = [(field.name, field.datatype) for field in table.fields]
        fill(connection, table.name, fields, table.rows)
    return connection


def fill(
    connection: duckdb.DuckDBPyConnection,
    name: str,
    fields: Sequence[tuple[str, str]],
    rows: Sequence[Row],
) -> None:
    kinds = {"double": "DOUBLE", "float": "DOUBLE", "int": "BIGINT", "short": "BIGINT"}
    columns = ", ".join(f'"{field}" {kinds.get(kind, "VARCHAR")}' for field, kind in fields)
    connection.execute(f"CREATE OR REPLACE TABLE {name} ({columns})")
    if rows:
        marks = ", ".join("?" * len(fields))
        connection.executemany(f"INSERT INTO {name} VALUES ({marks})", list(rows))


# Drawing a query


def number(low: float, high: float) -> st.SearchStrategy[Pair]:
    """A number that no row has: its last digits are those of no catalogue."""
    return st.integers(round(low * 100), round(high * 100)).map(
        lambda drawn: plain(f"{drawn / 100 + 0.00123457:.8f}")
    )


WORDS = ["'Crab%'", "'%a%'", "'C_s A'", "'%'", "'ACIS-_'", "'crab%'", "'R%1'", "''"]
LIMITS = {"ra": (0, 360), "dec": (-90, 90), "time": (51500, 58000), "exposure": (0, 40000)}
LIMITS |= {"flux": (-5, 5), "lii": (0, 360)}


def column(alias: str, name: str) -> Pair:
    return Pair(f"{alias}.{name}", f'{alias}."{name}"')


@st.composite
def geometry(draw: st.DrawFn, alias: str) -> Pair:
    """A condition on a position."""
    ra, dec = column(alias, "ra"), column(alias, "dec")
    frame = draw(st.sampled_from(["'ICRS', ", ""]))
    a, d = draw(number(70, 95) | number(0, 360)), draw(number(10, 35) | number(-89, 89))
    size = draw(number(0.01, 3) | number(3, 100))
    inside = draw(st.sampled_from([1, 0]))
    negated = "" if inside else "NOT "
    kind = draw(st.sampled_from(["circle", "distance", "discs", "triangle"]))
    values = (ra, dec, a, d, size)
    if kind == "triangle":
        x, y = float(a.sql), max(-75.0, min(70.0, float(d.sql)))
        corners = [x, y, x + 7.003, y + 1.017, x + 2.011, y + 8.013]
        listed = ", ".join(f"{corner:.6f}" for corner in corners)
        return Pair(
            f"CONTAINS(POINT({frame}{ra.adql}, {dec.adql}), POLYGON({frame}{listed})) = {inside}",
            f"{negated}(within({ra.sql}, {dec.sql}, {listed}))",
        )
    distance = both("separation({}, {}, {}, {})", ra, dec, a, d).sql
    templates = {
        "circle": f"CONTAINS(POINT({frame}{{}}, {{}}), CIRCLE({frame}{{}}, {{}}, {{}})) = {inside}",
        "distance": f"{negated}DISTANCE(POINT({{}}, {{}}), POINT({{}}, {{}})) < {{}}",
        "discs": f"{inside} = INTERSECTS(CIRCLE({{}}, {{}}, 0.5), CIRCLE({{}}, {{}}, {{}}))",
    }
    wider = " + 0.5" if kind == "discs" else ""
    written = both(templates[kind], *values).adql
    return Pair(written, f"{negated}({distance} < {size.sql}{wider})")


@st.composite
def comparison(draw: st.DrawFn, alias: str, source: Source) -> Pair:
    """A condition on a number or a text."""
    if draw(st.booleans()):
        name = draw(st.sampled_from(source.numbers))
        value, other = draw(number(*LIMITS[name])), draw(number(*LIMITS[name]))
        forms = ["{} < {}", "{} >= {}", "{} BETWEEN {} AND {}", "{} IS NULL", "NOT {} > {}"]
        forms.append("ABS({} - {}) < ABS({})")
        return both(draw(st.sampled_from(forms)), column(alias, name), value, other)
    name = draw(st.sampled_from(source.texts))
    word = plain(draw(st.sampled_from(WORDS)))
    forms = ["{} LIKE {}", "{} NOT LIKE {}", "{} IN ('Crab Nebula', 'ACIS-S', {})"]
    forms += ["LOWER({}) LIKE {}", "{} > {}", "{} IS NOT NULL"]
    return both(draw(st.sampled_from(forms)), column(alias, name), word)


@cache  # hypothesis takes long to look into a new strategy
def conditions(alias: str, source: Source) -> st.SearchStrategy[Pair]:
    return st.recursive(
        geometry(alias) | comparison(alias, source),
        lambda inner: st.one_of(
            st.tuples(inner, inner).map(lambda pairs: both("({} AND {})", *pairs)),
            st.tuples(inner, inner).map(lambda pairs: both("({} OR {})", *pairs)),
            inner.map(lambda pair: both("NOT ({})", pair)),
        ),
        max_leaves=4,
    )


sources = st.sampled_from([*SMALL, LARGE, MINE])


@st.composite
def selection(draw: st.DrawFn) -> Pair:
    """Rows of one table, perhaps only the first ones in the order of the key."""
    source = draw(sources)
    names = [
        source.key,
        *draw(st.lists(st.sampled_from(source.numbers + source.texts), max_size=3)),
    ]
    shown = [both("{} AS c" + str(n), column("t", name)) for n, name in enumerate(names)]
    shown.append(both("{} * 2 - {} AS x", column("t", "ra"), column("t", "dec")))
    listed = both(", ".join("{}" for _ in shown), *shown)
    rest = both(f"FROM {source.name} AS t WHERE {{}}", draw(conditions("t", source)))
    top = draw(st.none() | st.integers(0, 12))
    if top is None:
        return both("SELECT {} {}", listed, rest)
    way = draw(st.sampled_from(["", " DESC"]))
    ordered = both("{} {} ORDER BY c0" + way, listed, rest)
    return Pair(f"SELECT TOP {top} {ordered.adql}", f"SELECT {ordered.sql} LIMIT {top}")


@st.composite
def join(draw: st.DrawFn) -> Pair:
    """Two tables, joined by their places, by a text or by a common column."""
    left, right = draw(st.sampled_from(SMALL)), MINE
    if draw(st.booleans()):
        left, right = right, draw(st.sampled_from([*SMALL, LARGE]))
    kind = draw(st.sampled_from(["JOIN", "INNER JOIN", "LEFT JOIN", "LEFT OUTER JOIN"]))
    places = [column(alias, name) for alias in "ab" for name in ("ra", "dec")]
    size = draw(number(0.05, 20))
    near = Pair(
        both("CONTAINS(POINT({}, {}), CIRCLE({}, {}, {})) = 1", *places, size).adql,
        both("separation({}, {}, {}, {}) < {}", *places, size).sql,
    )
    same = both("{} = {}", column("a", left.texts[0]), column("b", right.texts[0]))
    on = draw(st.sampled_from([near, same, both("({} OR {})", near, same)]))
    shown = both(
        "{} AS k1, {} AS k2, {} AS v",
        *(column("a", left.key), column("b", right.key), column("b", right.numbers[2])),
    )
    where = draw(conditions("a", left))
    if draw(st.booleans()):
        clause = f"FROM {left.name} AS a {kind} {right.name} AS b ON {{}} WHERE {{}}"
    else:
        clause = f"FROM {left.name} AS a, {right.name} AS b WHERE {{}} AND {{}}"
    return both(f"SELECT {{}} {clause}", shown, on, where)


@st.composite
def summary(draw: st.DrawFn) -> Pair:
    """Groups with their numbers and sums."""
    source = draw(sources)
    text, value = (
        column("t", draw(st.sampled_from(names))) for names in (source.texts, source.numbers)
    )
    where = draw(conditions("t", source))
    having = plain(draw(st.sampled_from(["COUNT(*) > 1", "COUNT(*) < 4", "MAX({}) > 20.5"])))
    having = both(having.sql, value)
    return both(
        "SELECT {} AS g, COUNT(*) AS n, COUNT({}) AS m, SUM({}) AS s, AVG({}) AS a, MIN({}) AS lo, "
        f"MAX({{}}) AS hi, COUNT(DISTINCT {{}}) AS d FROM {source.name} AS t WHERE {{}} "
        "GROUP BY {} HAVING {}",
        *(text, *[value] * 6, where, text, having),
    )


@st.composite
def texts_of(draw: st.DrawFn) -> Pair:
    """One column of texts, for set operations."""
    source = draw(sources)
    name = column("t", draw(st.sampled_from(source.texts)))
    where = draw(conditions("t", source))
    distinct = draw(st.sampled_from(["", "DISTINCT "]))
    return both(f"SELECT {distinct}{{}} AS c FROM {source.name} AS t WHERE {{}}", name, where)


@st.composite
def set_operation(draw: st.DrawFn) -> Pair:
    """Three sets, with brackets or without: INTERSECT comes first."""
    operators = st.sampled_from(["UNION", "UNION ALL", "INTERSECT", "EXCEPT"])
    one, two, three = draw(texts_of()), draw(texts_of()), draw(texts_of())
    first, second = draw(operators), draw(operators)
    forms = ["{} %s {} %s {}", "({} %s {}) %s {}", "{} %s ({} %s {})"]
    return both(draw(st.sampled_from(forms)) % (first, second), one, two, three)


@st.composite
def nested(draw: st.DrawFn) -> Pair:
    """A query within a query."""
    source, other = draw(sources), draw(st.sampled_from([*SMALL, MINE]))
    outer, inner = draw(conditions("t", source)), draw(conditions("u", other))
    inside = column("u", other.texts[0])
    mine, key = column("t", source.texts[0]), column("t", source.key)
    forms = [
        f"SELECT {{3}} AS k FROM {source.name} AS t WHERE {{0}} AND {{4}} IN "
        f"(SELECT {{2}} FROM {other.name} AS u WHERE {{1}})",
        f"SELECT {{3}} AS k FROM {source.name} AS t WHERE {{0}} OR EXISTS "
        f"(SELECT 1 FROM {other.name} AS u WHERE {{1}} AND {{2}} = {{4}})",
        f"WITH few AS (SELECT {{2}} AS c, COUNT(*) AS n FROM {other.name} AS u WHERE {{1}} "
        f"GROUP BY {{2}}) SELECT {{3}} AS k, few.n FROM {source.name} AS t "
        "JOIN few ON few.c = {4} WHERE {0}",
        f"SELECT q.k, q.x FROM (SELECT {{3}} AS k, t.ra + 1 AS x FROM {source.name} AS t "
        f"WHERE {{0}}) AS q WHERE q.x > (SELECT MIN(u.ra) FROM {other.name} AS u WHERE {{1}})",
    ]
    return both(draw(st.sampled_from(forms)), outer, inner, inside, key, mine)


maybe = st.none()
upload_row = st.tuples(
    st.sampled_from([83.633, 350.866, 83.7, 120.5, 0.0]) | maybe,
    st.sampled_from([22.014, 58.811, 21.6, -33.25, 89.0]),
    st.integers(-400, 400).map(lambda n: n / 100) | maybe,
    st.sampled_from(["Crab Nebula", "Cas A", "1952", "none of them", "RS931315N00"]),
)
uploads = st.lists(upload_row, min_size=1, max_size=6).map(
    lambda rows: [(n, *row) for n, row in enumerate(rows, start=1)]
)


# Asking both

Ask = Callable[[str, list[Row]], list[Row]]


def as_votable(rows: list[Row]) -> bytes:
    document, resource = VOTableFile(), Resource()
    document.resources.append(resource)
    table = TableElement(document)
    resource.tables.append(table)
    for name, kind in UPLOADED:
        size = {"arraysize": "*"} if kind == "char" else {}
        table.fields.append(Field(document, ID=name, name=name, datatype=kind, **size))
    table.create_arrays(len(rows))
    for n, row in enumerate(rows):
        table.array[n] = tuple(math.nan if cell is None else cell for cell in row)
        table.array.mask[n] = tuple(cell is None for cell in row)
    output = io.BytesIO()
    document.to_xml(output)
    return output.getvalue()


def ask_in_process(query: str, rows: list[Row]) -> list[Row]:
    mine = upload.tables({"mine": as_votable(rows)})
    answer = adql.query((*tables(), *mine), query, 100_000)
    assert not answer.overflow
    return list(answer.rows)


def ask_over_http(query: str, rows: list[Row]) -> list[Row]:
    asked = {"LANG": "ADQL", "QUERY": query, "UPLOAD": "mine,param:t", "MAXREC": "100000"}
    answer = requests.post(SYNC, data=asked, files={"t": as_votable(rows)}, timeout=60)
    assert answer.status_code == 200, answer.text
    table = parse_single_table(io.BytesIO(answer.content))
    return [tuple(None if cell is np.ma.masked else cell for cell in row) for row in table.array]


def comparable(cell: Any) -> Any:
    """Numbers to ten digits: two engines add in another order.  Texts as they are."""
    if cell is None or isinstance(cell, str):
        return cell or ""
    return float(f"{float(cell):.9e}") if math.isfinite(float(cell)) else ""


def in_order(rows: Sequence[Row]) -> list[Row]:
    return sorted((tuple(map(comparable, row)) for row in rows), key=repr)


def check(ask: Ask, query: Pair, mine: list[Row]) -> None:
    connection = database()
    fill(connection, "TAP_UPLOAD.mine", UPLOADED, mine)
    expected = connection.execute(query.sql).fetchall()
    assert in_order(ask(query.adql, mine)) == in_order(expected)


@few
@given(selection(), uploads)
def test_a_selection_has_the_rows_of_a_second_engine(query, mine) -> None:
    check(ask_in_process, query, mine)


@few
@given(join(), uploads)
def test_a_join_has_the_rows_of_a_second_engine(query, mine) -> None:
    check(ask_in_process, query, mine)


@few
@given(summary(), uploads)
def test_groups_have_the_numbers_of_a_second_engine(query, mine) -> None:
    check(ask_in_process, query, mine)


@few
@given(set_operation(), uploads)
def test_a_set_operation_has_the_rows_of_a_second_engine(query, mine) -> None:
    check(ask_in_process, query, mine)


@few
@given(nested(), uploads)
def test_a_query_in_a_query_has_the_rows_of_a_second_engine(query, mine) -> None:
    check(ask_in_process, query, mine)


@share
@given(selection() | join() | summary() | set_operation() | nested(), uploads)
def test_a_query_over_http_has_the_rows_of_a_second_engine(query, mine) -> None:
    check(ask_over_http, query, mine)


@pytest.mark.parametrize("wrong", [[], [("Crab Nebula",)] * 2, [("Cas A",)]])
def test_other_rows_are_noticed(wrong: list[Row]) -> None:
    query = plain("SELECT DISTINCT t.name FROM rosmaster AS t")
    with pytest.raises(AssertionError):
        check(lambda text, rows: wrong, query, [(1, 0.0, 0.0, 0.0, "a")])
