"""ADQL 2.1 beyond the queries of the notebooks: set operations, functions, names and limits."""

from __future__ import annotations

import math
import subprocess
import sys
import time
from threading import Timer

import pytest
from hypothesis import given
from hypothesis import strategies as st
from replicas import ROOT

from replica.protocols import adql, table_formats
from replica.protocols.adql import Limit
from replica.protocols.adql_like import ilike, like
from replica.protocols.tables import QueryError, QueryStoppedError, Table
from replica.protocols.votable import Document, Field

NUMBERS = Table(
    "numbers",
    "One to five",
    (Field("n", "int"), Field("arc", "double", "arcmin", "phys.angSize"), Field("time", "double")),
    tuple((n, n / 10, n * 1.0) for n in range(1, 6)),
)
NAMES = Table("far.names", "Some names", (Field("n", "int"), Field("name")), ((1, "one"),))
TABLES = (NUMBERS, NAMES)


def rows(query: str) -> list[tuple]:
    return adql.query(TABLES, query, 1000).rows


def names(query: str) -> list[str]:
    return [field.name for field in adql.query(TABLES, query, 1000).fields]


# Set operations and TOP


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (
            "SELECT TOP 2 n FROM numbers UNION ALL SELECT TOP 3 n FROM numbers",
            [1, 2, 1, 2, 3],
        ),
        ("SELECT n FROM numbers WHERE n < 3 UNION SELECT TOP 1 n FROM numbers", [1, 2]),
        ("(SELECT TOP 1 n FROM numbers ORDER BY n DESC) UNION ALL SELECT 7 AS n", [5, 7]),
        ("SELECT 1 AS n UNION SELECT 2 AS n UNION SELECT 3 AS n ORDER BY n DESC OFFSET 1", [2, 1]),
        ("SELECT 1 AS n UNION SELECT 2 AS n INTERSECT SELECT 2 AS n", [1, 2]),
        ("(SELECT 1 AS n UNION SELECT 2 AS n) INTERSECT SELECT 2 AS n", [2]),
        ("SELECT n FROM numbers EXCEPT (SELECT 1 AS n UNION SELECT 5 AS n)", [2, 3, 4]),
        ("SELECT n FROM (SELECT TOP 4 n FROM numbers ORDER BY n DESC) AS t WHERE n < 4", [3, 2]),
        (
            "WITH few AS (SELECT TOP 2 n FROM numbers ORDER BY n) SELECT n FROM few WHERE n > 0",
            [1, 2],
        ),
        ("SELECT TOP 0 n FROM numbers", []),
    ],
)
def test_top_belongs_to_its_own_select(query: str, expected: list[int]) -> None:
    assert [row[0] for row in rows(query)] == expected


def test_an_alias_means_its_own_table_in_each_select() -> None:
    """The first SELECT gives the answer its columns, and each unit is that of its own table."""
    query = "SELECT t.name FROM names AS t UNION SELECT t.name FROM other AS t"
    other = Table(
        "other", "One more", (Field("name"), Field("arc", "double", "deg")), (("x", 0.5),)
    )
    assert sorted(adql.query((*TABLES, other), query, 10).rows) == [("one",), ("x",)]
    query = "SELECT t.arc FROM numbers AS t WHERE t.n = 1 UNION ALL SELECT t.arc FROM other AS t"
    assert [field.unit for field in adql.query((*TABLES, other), query, 10).fields] == ["arcmin"]
    query = (
        "SELECT IN_UNIT(t.arc, 'arcsec') AS a FROM numbers AS t WHERE t.n = 1 "
        "UNION ALL SELECT IN_UNIT(t.arc, 'arcsec') AS a FROM other AS t"
    )
    assert [row[0] for row in adql.query((*TABLES, other), query, 10).rows] == [6.0, 1800.0]


# Functions


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("LOG(EXP(2))", 2.0),
        ("LOG10(1000)", 3.0),
        ("TRUNCATE(2.567, 2)", 2.56),
        ("TRUNCATE(-2.567)", -2.0),
        ("TRUNCATE(1567, -2)", 1500.0),
        ("ROUND(2.5)", 3.0),
        ("ROUND(-2.5)", -3.0),
        ("ROUND(2.567, 1)", 2.6),
        ("ROUND(1567, -2)", 1600.0),
        ("CEILING(1.2)", 2.0),
        ("FLOOR(-1.2)", -2.0),
        ("MOD(7, 3)", 1),
        ("MOD(-7, 3)", -1),
        ("MOD(7.5, 2)", 1.5),
        ("POWER(2, 10)", 1024.0),
        ("SQRT(2)", math.sqrt(2)),
        ("ABS(-3)", 3),
        ("PI()", math.pi),
        ("DEGREES(PI())", 180.0),
        ("RADIANS(180)", math.pi),
        ("SIN(1)", math.sin(1)),
        ("COS(1)", math.cos(1)),
        ("TAN(1)", math.tan(1)),
        ("COT(1)", 1 / math.tan(1)),
        ("ASIN(1)", math.pi / 2),
        ("ACOS(1)", 0.0),
        ("ATAN(1)", math.pi / 4),
        ("ATAN2(1, -1)", 3 * math.pi / 4),
        ("UPPER('a') || LOWER('B')", "Ab"),
        ("COALESCE(NULL, 'x')", "x"),
        ("CAST('12' AS INTEGER)", 12),
        ("CAST(1.5 AS VARCHAR(2))", "1."),
        ("CAST(2 AS DOUBLE PRECISION)", 2.0),
        ("CAST('2' AS DECIMAL)", 2.0),
        ("CAST('2020-01-01T00:00:00' AS TIMESTAMP)", "2020-01-01T00:00:00"),
        ("6 & 3", 2),
        ("6 | 3", 7),
        ("6 ^ 3", 5),
        ("~6", -7),
        ("AREA(CIRCLE(0, 0, 180))", 4 * math.pi * math.degrees(1) ** 2),
        ("AREA(POLYGON(0, 0, 90, 0, 0, 90))", math.pi / 2 * math.degrees(1) ** 2),
        ("AREA(POINT(1, 2))", 0.0),
        ("CENTROID(CIRCLE(1, 2, 3))", "POINT 1 2"),
        ("REGION('CIRCLE ICRS 1 2 3')", "CIRCLE 1 2 3"),
        ("COORDSYS(POINT(1, 2))", "ICRS"),
        ("SQRT(NULL)", None),
        ("IN_UNIT(arc, 'arcsec')", 6.0),
        ("IN_UNIT(numbers.arc, 'deg')", 0.1 / 60),
    ],
)
def test_functions_have_the_value_of_the_standard(expression: str, value: object) -> None:
    found = rows(f"SELECT {expression} AS x FROM numbers WHERE n = 1")[0][0]
    assert found == (pytest.approx(value) if isinstance(value, float) else value)
    assert type(found) is type(value)


def test_random_numbers_are_within_0_and_1_and_repeat() -> None:
    drawn = [row[0] for row in rows("SELECT RAND() FROM numbers")]
    assert len(set(drawn)) == 5
    assert all(0 <= number < 1 for number in drawn)
    assert [row[0] for row in rows("SELECT RAND(7) FROM numbers")] != drawn
    assert rows("SELECT RAND(7) FROM numbers") == rows("SELECT RAND(7) FROM numbers")


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("SELECT IN_UNIT(arc, 'kg') FROM numbers", "arcmin is not a kg"),
        ("SELECT IN_UNIT(n, 'deg') FROM numbers", "has no unit"),
        ("SELECT IN_UNIT(arc, 'furlongs') FROM numbers", "furlongs"),
        ("SELECT IN_UNIT(2 * arc, 'deg') FROM numbers", "IN_UNIT takes a column"),
        ("SELECT n FROM far.numbers", "no table far.numbers"),
        ("SELECT n FROM elsewhere.names", "no table elsewhere.names"),
        ("SELECT LOG(0)", "LOG"),
        ("SELECT POWER(10, 400)", "POWER"),
        ("SELECT AREA('x')", "AREA"),
        ("SELECT CAST(n AS JSON) FROM numbers", "no type JSON"),
        ("SELECT n FROM numbers WHERE", "WHERE is not complete"),
        ("SELECT n FROM numbers LIMIT 1", "not understood"),
        ("SELECT 'a", "not closed"),
        ("SELECT n FROM numbers WHERE CAST(n AS VARCHAR) LIKE '" + "%" * 6000 + "'", "5000 char"),
    ],
)
def test_what_is_wrong_is_told(query: str, reason: str) -> None:
    with pytest.raises(QueryError, match=reason):
        rows(query)


# Names


@pytest.mark.parametrize(
    "name",
    [
        "numbers",
        "public.numbers",
        "PUBLIC.Numbers",
        '"numbers"',
        "numbers AS x",
        "public.numbers x",
    ],
)
def test_a_table_answers_to_its_schema_too(name: str) -> None:
    assert rows(f"SELECT COUNT(*) FROM {name}") == [(5,)]


@pytest.mark.parametrize(
    "column", ["far.names.name", "names.name", "name", "FAR.NAMES.NAME", '"far"."names"."name"']
)
def test_a_column_answers_to_its_table_and_schema_too(column: str) -> None:
    assert rows(f"SELECT {column} FROM far.names") == [("one",)]


@pytest.mark.parametrize(
    ("selected", "expected"),
    [
        ("COUNT(*)", ["count"]),
        ("COUNT(*), COUNT(n), MAX(n)", ["count", "count_2", "max"]),
        ("COUNT(*) AS number", ["number"]),
        ("n + 1", ["column"]),
        ("CAST(n AS REAL)", ["n"]),
        ("CASE WHEN n > 1 THEN 2 ELSE 3 END", ["case"]),
        ("*", ["n", "arc", "time"]),
        ("numbers.*, n AS m, time", ["n", "arc", "time", "m", "time_2"]),
    ],
)
def test_columns_of_an_answer_have_names(selected: str, expected: list[str]) -> None:
    assert names(f"SELECT {selected} FROM numbers") == expected


def test_an_expression_does_not_take_the_unit_of_a_column_of_that_name() -> None:
    fields = adql.query(TABLES, "SELECT arc * 60 AS arc, arc AS size FROM numbers", 10).fields
    assert [(field.name, field.unit, field.ucd) for field in fields] == [
        ("arc", "", ""),
        ("size", "arcmin", "phys.angSize"),
    ]


def test_words_of_other_languages_are_names() -> None:
    asked = "SELECT time, n AS table, n AS value, n AS index, n AS date FROM numbers WHERE time = 2"
    assert rows(asked) == [(2.0, 2, 2, 2, 2)]


def test_an_unknown_name_in_quotes_is_no_text() -> None:
    with pytest.raises(QueryError, match="no such column: nothing"):
        rows('SELECT "nothing" FROM numbers')


# Limits


@pytest.mark.parametrize("operator", ["LIKE", "ILIKE"])
def test_a_pattern_with_many_wildcards_takes_no_time(operator: str) -> None:
    text, pattern = "a" * 50_000, "%a" * 40 + "%b"
    began = time.monotonic()
    assert rows(f"SELECT 1 AS x WHERE '{text}' {operator} '{pattern}'") == []
    assert time.monotonic() - began < 5


def test_a_hard_pattern_ends_with_the_time_of_its_query() -> None:
    text, pattern = "a" * 100_000, "%" + "a_" * 2000 + "b%"
    with pytest.raises(QueryError, match=r"longer than 0\.2 seconds"):
        adql.query(TABLES, f"SELECT 1 AS x WHERE '{text}' LIKE '{pattern}'", 10, Limit(0.2))


letters = st.text("aAb%_", max_size=8)


def matches_by_trying(pattern: str, text: str) -> bool:
    """LIKE as it is defined, without any thought of time."""
    if not pattern:
        return not text
    if pattern[0] == "%":
        return any(matches_by_trying(pattern[1:], text[n:]) for n in range(len(text) + 1))
    return bool(text) and pattern[0] in ("_", text[0]) and matches_by_trying(pattern[1:], text[1:])


@given(letters, st.text("aAb", max_size=10))
def test_patterns_match_as_they_are_defined(pattern: str, text: str) -> None:
    assert like(pattern, text, lambda: None) == matches_by_trying(pattern, text)
    assert ilike(pattern, text, lambda: None) == matches_by_trying(pattern.lower(), text.lower())


def test_a_letter_whose_small_form_is_two_is_one_character() -> None:
    assert ilike("_STANBUL", "İstanbul", lambda: None)


ENDLESS = "SELECT COUNT(*) FROM " + ", ".join(f"numbers AS t{n}" for n in range(20))


def test_a_query_can_be_stopped() -> None:
    limit = Limit(60)
    Timer(0.2, limit.stop).start()
    with pytest.raises(QueryStoppedError, match="was stopped"):
        adql.query(TABLES, ENDLESS, 10, limit)


@pytest.mark.parametrize(
    "query",
    [
        "SELECT a.n, b.n FROM " + ", ".join(f"numbers AS {letter}" for letter in "abcdefghij"),
        "SELECT '"
        + "x" * 100_000
        + "' AS x FROM numbers AS a, numbers AS b, numbers AS c, far.names,"
        " numbers AS d, numbers AS e, numbers AS f",
    ],
    ids=["many rows", "long texts"],
)
def test_an_answer_that_is_too_large_is_refused(query: str) -> None:
    with pytest.raises(QueryError, match="larger than 50000000 bytes: ask for fewer"):
        adql.query(TABLES, query, 10**30)


SORT = """
from replica.protocols import adql
from replica.protocols.tables import QueryError, Table
from replica.protocols.votable import Field
adql.MAX_MEMORY = 5_000_000
table = Table("t", "", (Field("n", "int"),), tuple((n,) for n in range(10)))
crossed = ", ".join(f"t AS {letter}" for letter in "abcdef")
try:
    adql.query([table], f"SELECT a.n FROM {crossed} ORDER BY b.n * c.n * d.n * e.n", 10)
except QueryError as problem:
    print(problem)
print(adql.query([table], "SELECT COUNT(*) FROM t", 10).rows)
"""


def test_a_sort_that_needs_too_much_memory_is_refused() -> None:
    """In a process of its own: SQLite's limit can be lowered, but not raised again."""
    command = [sys.executable, "-c", SORT]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert said.splitlines() == ["the query needs more than 5000000 bytes", "[(10,)]"]


def test_a_text_that_grows_too_long_is_refused() -> None:
    joined = "SELECT ivo_string_agg('" + "x" * 1000 + "', ',') FROM numbers AS a"
    crossed = "".join(f", numbers AS {letter}" for letter in "bcdef")
    with pytest.raises(QueryError):
        rows(joined + crossed)


# Columns of several kinds, and queries of any words


@pytest.mark.parametrize(
    ("query", "datatype", "values"),
    [
        ("SELECT n FROM numbers WHERE n = 1 UNION SELECT 'a' AS n", "char*", ["1", "a"]),
        ("SELECT name FROM far.names UNION SELECT 2 AS name", "char*", ["2", "one"]),
        ("SELECT n FROM numbers WHERE n = 1 UNION SELECT 2.5 AS n", "double", [1, 2.5]),
        ("SELECT n FROM numbers WHERE n = 1 UNION SELECT 9999999999 AS n", "long", [1, 9999999999]),
        ("SELECT n FROM numbers WHERE n = 1 UNION SELECT NULL AS n", "int", [None, 1]),
    ],
)
def test_a_column_has_a_datatype_that_holds_all_its_values(
    query: str, datatype: str, values: list
) -> None:
    answer = adql.query(TABLES, query, 10)
    assert answer.fields[0].datatype == datatype
    assert sorted((row[0] for row in answer.rows), key=str) == sorted(values, key=str)


WORDS = """
    SELECT FROM WHERE TOP 3 * ( ) , . 'a' "b" 1 2.5 numbers far.names n AS x y é AND OR NOT IN LIKE
    '%a_' BETWEEN IS NULL UNION ALL EXCEPT INTERSECT JOIN NATURAL USING ON GROUP BY ORDER HAVING
    COUNT MAX OFFSET WITH t CASE WHEN THEN ELSE END CAST INTEGER VARCHAR EXISTS DISTINCT = < <> ||
    + - / ^ & ~ POINT CIRCLE -- ; RAND() IN_UNIT VALUES OVER [ ] { ? @ # ! % \\ ROWS FETCH LIMIT
    DATE '2020' ANY ESCAPE COLLATE GLOB :: -> UNNEST PIVOT INTO INSERT
""".split()  # noqa: SIM905
BEGINNINGS = ["", "SELECT n FROM numbers", "WITH t AS (SELECT n FROM numbers) SELECT * FROM t"]


@given(st.sampled_from(BEGINNINGS), st.lists(st.sampled_from(WORDS), max_size=8), st.integers(0, 9))
def test_whatever_is_asked_gets_an_answer_or_a_sentence(
    beginning: str, words: list[str], place: int
) -> None:
    before = beginning.split()
    asked = " ".join([*before[:place], *words, *before[place:]])
    try:
        answer = adql.query(TABLES, asked, 10, Limit(5))
    except QueryError:
        return
    for form in table_formats.FORMATS:
        assert form.write(answer.fields, answer.rows, Document())
