"""The ADQL engine and its regions."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replica.protocols import adql, regions
from replica.protocols.geometry import separation
from replica.protocols.tables import QueryError, Table
from replica.protocols.votable import Field

STARS = Table(
    "sky.stars",
    "A few positions",
    (Field("name"), Field("ra", "double", "deg"), Field("dec", "double", "deg"), Field("note")),
    (
        ("Crab", 83.6, 22.0, "a#b"),
        ("Cas A", 350.87, 58.81, None),
        ("Cygnus", 299.87, 40.73, "It's TOP 5"),
    ),
)


def names(where: str) -> list[str]:
    answer = adql.query([STARS], f"SELECT name FROM sky.stars WHERE {where} ORDER BY ra", 10)
    return [row[0] for row in answer.rows]


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("name LIKE 'C%'", ["Crab", "Cygnus", "Cas A"]),
        ("name LIKE 'c%'", []),
        ("name ILIKE 'c_g%'", ["Cygnus"]),
        ("name NOT ILIKE 'c_g%'", ["Crab", "Cas A"]),
        ("note = 'It''s TOP 5' -- TOP 1 ILIKE", ["Cygnus"]),
        ("note ILIKE '%'", ["Crab", "Cygnus"]),
        ("1 = ivo_hashlist_has(note, 'B')", ["Crab"]),
        ("1 = ivo_hasword(note, 'top it')", ["Cygnus"]),
        ("1 = ivo_nocasematch(name, 'cas%')", ["Cas A"]),
        ("1 = CONTAINS(POINT('ICRS', ra, dec), CIRCLE('ICRS', 83, 22, 1))", ["Crab"]),
        ("1 = CONTAINS(POINT(ra, dec), CIRCLE(POINT(83, 22), 1))", ["Crab"]),
        ("0 = CONTAINS(POINT(ra, dec), BOX(83, 22, 2, 2))", ["Cygnus", "Cas A"]),
        ("1 = CONTAINS(POINT(ra, dec), POLYGON(340,50, 359,50, 359,65, 340,65))", ["Cas A"]),
        ("1 = INTERSECTS(CIRCLE(ra, dec, 5), CIRCLE(350, 64, 1))", ["Cas A"]),
        ("DISTANCE(POINT(ra, dec), POINT(83.6, 23)) < 1.01", ["Crab"]),
        ("DISTANCE(ra, dec, 83.6, 23) BETWEEN 0.99 AND 1.01", ["Crab"]),
        ("COORD2(POINT(ra, dec)) > 50", ["Cas A"]),
        ("1 = ivo_interval_overlaps(ra, ra + 1, 84.6, 90)", ["Crab"]),
        ("ivo_to_mjd('2000-01-01T12:00:00') = 51544.5 AND ra < 90", ["Crab"]),
        ("split_part(note, '#', 2) = 'b'", ["Crab"]),
    ],
)
def test_conditions_select_rows(where: str, expected: list[str]) -> None:
    assert names(where) == expected


@pytest.mark.parametrize(
    ("query", "rows"),
    [
        ("SELECT TOP 2 name FROM sky.stars ORDER BY ra", [("Crab",), ("Cygnus",)]),
        ("SELECT TOP 1 name FROM sky.stars ORDER BY ra; ", [("Crab",)]),
        ("SELECT TOP 1 name FROM sky.stars ORDER BY ra -- first", [("Crab",)]),
        ("SELECT name FROM sky.stars ORDER BY ra OFFSET 2", [("Cas A",)]),
        ("SELECT DISTINCT TOP 1 name FROM sky.stars ORDER BY ra OFFSET 1;", [("Cygnus",)]),
        (
            "SELECT COUNT(*) FROM (SELECT TOP 2 name FROM sky.stars) AS two "
            "WHERE name IN (SELECT TOP 1 name FROM sky.stars ORDER BY ra)",
            [(1,)],
        ),
        ("SELECT ivo_string_agg(name, '; ') FROM sky.stars", [("Crab; Cas A; Cygnus",)]),
        ("SELECT ivo_string_agg(note, ',') FROM sky.stars", [("a#b,It's TOP 5",)]),
        ("SELECT name AS table FROM sky.stars WHERE ra < 90", [("Crab",)]),
    ],
)
def test_queries_give_rows(query: str, rows: list[tuple]) -> None:
    assert adql.query([STARS], query, 10).rows == rows


@pytest.mark.parametrize("negation", ["", "NOT "])
def test_a_position_that_is_not_known_is_neither_in_a_region_nor_outside(negation: str) -> None:
    unknown = Table("sky.stars", "", STARS.fields, (("No RA", None, 22.0, ""),))
    region = "CONTAINS(POINT(ra, dec), CIRCLE(70, 10, 1)) = 1"
    query = f"SELECT name FROM sky.stars WHERE {negation}({region})"
    assert adql.query([unknown], query, 10).rows == []


def test_a_column_keeps_its_metadata_and_an_expression_gets_a_datatype() -> None:
    query = "SELECT ra, ra AS x, name, COUNT(*) AS n, ra || '°' AS text FROM sky.stars GROUP BY ra"
    kinds = [(f.name, f.datatype, f.unit) for f in adql.query([STARS], query, 10).fields]
    assert kinds == [
        ("ra", "double", "deg"),
        ("x", "double", "deg"),
        ("name", "char*", ""),
        ("n", "long", ""),
        ("text", "unicodeChar*", ""),
    ]


@pytest.mark.parametrize(("maxrec", "overflow"), [(2, True), (3, False)])
def test_more_rows_than_the_limit_overflow(maxrec: int, overflow: bool) -> None:
    answer = adql.query([STARS], "SELECT * FROM sky.stars", maxrec)
    assert (len(answer.rows), answer.overflow) == (maxrec, overflow)


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("DROP TABLE sky.stars", "only be read"),
        ("INSERT INTO sky.stars VALUES (1, 2, 3, 4)", "only be read"),
        ("UPDATE sky.stars SET ra = 0", "only be read"),
        ("ATTACH 'x' AS x", "only be read"),
        ("PRAGMA database_list", "only be read"),
        ("VACUUM INTO 'x'", "only be read"),
        ("WITH a AS (SELECT 1) DELETE FROM sky.stars", "only be read"),
        ("SELECT load_extension('x')", "no function LOAD_EXTENSION"),
        ("SELECT fts3_tokenizer('simple')", "no function FTS3_TOKENIZER"),
        ("SELECT GLOB('*a*a*a*b', name) FROM sky.stars", "no function GLOB"),
        ("SELECT x'ff00'", "not understood"),
        ("SELECT * FROM json_each('[1]')", "not the name of a table"),
        ("SELECT * FROM sqlite_master", "no table sqlite_master"),
        ("SELECT 1; SELECT 2", "one statement"),
        ("SELECT nothing FROM sky.stars", "not understood"),
        ("SELECT * FROM stars WHERE", "not understood"),
        ("SELECT TOP ten * FROM sky.stars", "TOP"),
        ("", "begins with SELECT"),
        ("SELECT CIRCLE(0, 95, 1)", "CIRCLE: the declination 95"),
        ("SELECT CONTAINS('x', POINT(1, 1))", "CONTAINS"),
        ("SELECT POINT('ICRS', 'one', 2)", "POINT"),
        ("SELECT '" + "a" * 200_000 + "'", "at most 200000 characters"),
        ("SELECT " + "(" * 3000 + "1" + ")" * 3000, "nested too deeply"),
        ("SELECT SQRT(-1)", "SQRT: (math domain error|expected a nonnegative input)"),
    ],
)
def test_what_cannot_be_answered_is_refused_with_a_reason(query: str, reason: str) -> None:
    with pytest.raises(QueryError, match=reason):
        adql.query([STARS], query, 10)


def test_an_endless_query_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adql, "TIMEOUT", 0.05)
    endless = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT MAX(x) FROM n"
    with pytest.raises(QueryError, match="longer than"):
        adql.query([STARS], endless, 10)


def test_texts_and_quoted_names_are_left_alone() -> None:
    asked = """SELECT name AS "top", 'ILIKE TOP 1' AS "Select" FROM sky.stars WHERE ra < 90"""
    answer = adql.query([STARS], asked, 10)
    assert [field.name for field in answer.fields] == ["top", "Select"]
    assert answer.rows == [("Crab", "ILIKE TOP 1")]


SQUARE = regions.polygon(359, -1, 1, -1, 1, 1, 359, 1)


@pytest.mark.parametrize(
    ("one", "other", "touch", "inside"),
    [
        (SQUARE, regions.circle(0, 0), True, True),
        (SQUARE, regions.circle(0, 0, 0.9), True, True),
        (SQUARE, regions.circle(0, 0, 1.2), True, False),
        (SQUARE, regions.circle(1.5, 0, 0.4), False, False),
        (SQUARE, regions.circle(1.5, 0, 0.6), True, False),
        (SQUARE, regions.circle(180, 0, 1), False, False),
        (SQUARE, regions.box(0, 0, 1, 1), True, True),
        (SQUARE, regions.box(0, 0, 6, 0.5), True, False),
        (SQUARE, regions.box(0, 5, 1, 1), False, False),
        (regions.circle(0, 90, 1), regions.circle(120, 89.5), True, True),
        (regions.circle(0, 0, 180), regions.circle(200, -50, 0), True, True),
    ],
)
def test_regions_touch_and_contain(one, other, touch: bool, inside: bool) -> None:
    assert regions.intersects(one, other) is touch
    assert regions.intersects(other, one) is touch
    assert regions.contains(one, other) is inside


positions = st.tuples(st.floats(0, 359.99), st.floats(-89, 89))


@given(positions, st.floats(0.01, 5), st.floats(0, 359))
def test_a_circle_contains_exactly_what_is_within_its_radius(centre, radius, angle) -> None:
    outer = regions.circle(*centre, radius)
    point = regions.circle(centre[0] + angle / 40, centre[1])
    distance = separation(*point.middle, *centre)
    assert regions.contains(outer, point) == (distance <= radius)


@given(positions, st.floats(0.1, 10), st.floats(0.1, 10))
def test_a_region_is_read_back_from_its_text(centre, width, height) -> None:
    for region in (regions.circle(*centre, width), regions.box(*centre, width, height)):
        again = regions.parse(str(region))
        for old, new in zip(region.vertices, again.vertices, strict=True):
            assert separation(*old, *new) < 1e-6
        assert again.radius == pytest.approx(region.radius)


@pytest.mark.parametrize(
    "text",
    ["", "CIRCLE 1 2", "POINT 1", "POLYGON 1 2 3 4", "CIRCLE a b c", "CIRCLE 1 95 1", "BALL 1"],
)
def test_what_is_no_region_is_refused(text: str) -> None:
    with pytest.raises(regions.RegionError):
        regions.parse(text or "?")
