"""ADQL on SQLite: enough of the language for table access and for the registry.

The language: IVOA ADQL 2.1; the registry's functions: IVOA RegTAP 1.2, section 9, and the
catalogue of ADQL user defined functions.  Each query gets its own database in memory, which
is filled from Python tables and then closed to all but reading.
"""

from __future__ import annotations

import re
import sqlite3
import time
from collections import deque
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from replica.protocols import adql_functions
from replica.protocols.votable import Field

#: Limits of one query: seconds, and bytes of one value.
TIMEOUT = 20.0
MAX_VALUE = 10_000_000

_TOKEN = re.compile(
    r"""(?P<blank>\s+|--[^\n]*) | (?P<text>'(?:[^']|'')*') | (?P<quoted>"(?:[^"]|"")*")
      | (?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?) | (?P<word>[A-Za-z_]\w*)
      | (?P<open>\() | (?P<close>\)) | (?P<other>.)""",
    re.VERBOSE | re.DOTALL,
)
_READING = {
    sqlite3.SQLITE_SELECT,
    sqlite3.SQLITE_READ,
    sqlite3.SQLITE_FUNCTION,
    sqlite3.SQLITE_RECURSIVE,
}


class QueryError(ValueError):
    """A query that cannot be answered; the text says why."""


@dataclass(frozen=True)
class Table:
    """A table that can be queried.

    Attributes
    ----------
    name : str
        With its schema, where it has one: ``rr.resource``.
    description : str
        One sentence.
    fields : tuple of Field
        The columns.
    rows : tuple of tuple
        Cells in the order of `fields`.
    """

    name: str
    description: str
    fields: tuple[Field, ...]
    rows: tuple[tuple[Any, ...], ...]

    @property
    def schema(self) -> str:
        """Name of the schema, ``main`` for a table without one."""
        return self.name.rpartition(".")[0] or "main"


@dataclass(frozen=True)
class Answer:
    """Columns and rows of an answer, and whether there were more than the limit."""

    fields: tuple[Field, ...]
    rows: list[tuple[Any, ...]]
    overflow: bool


def query(tables: Iterable[Table], adql: str, maxrec: int) -> Answer:
    """Run a query.

    Parameters
    ----------
    tables : iterable of Table
        What can be queried.
    adql : str
        One SELECT.
    maxrec : int
        The number of rows to return at most.

    Raises
    ------
    QueryError
        If it is not ADQL, asks for what is not there, writes, or takes too long.
    """
    tables = list(tables)
    sql = translate(adql)
    with closing(sqlite3.connect(":memory:")) as connection:
        _fill(connection, tables)
        failures = adql_functions.register(connection)
        _close_to_writing(connection)
        try:
            cursor = connection.execute(sql)
            rows = cursor.fetchmany(maxrec + 1)
        except (sqlite3.Error, sqlite3.Warning) as problem:
            raise QueryError(_reason(problem, failures)) from problem
    names = [column[0] for column in cursor.description]
    fields = tuple(_field(name, n, rows, _named(tables, adql)) for n, name in enumerate(names))
    return Answer(fields, rows[:maxrec], len(rows) > maxrec)


def _reason(problem: Exception, failures: list[str]) -> str:
    """A sentence for the user from what SQLite says of a query."""
    if failures:
        return failures[-1]
    reasons = {
        "not authorized": "the tables can only be read",
        "interrupted": f"the query took longer than {TIMEOUT:g} seconds",
    }
    return reasons.get(str(problem), f"the query is not understood: {problem}")


def translate(adql: str) -> str:
    """Write ADQL as the SQL of SQLite.

    ILIKE becomes the operator REGEXP, which SQLite leaves to the application; TOP becomes
    LIMIT at the end of its SELECT; the rest is the same.

    Raises
    ------
    QueryError
        If it is not a query at all.
    """
    tokens = deque((match.lastgroup, match[0]) for match in _TOKEN.finditer(adql.rstrip("; \n")))
    first = next((text.upper() for kind, text in tokens if kind not in ("blank", "open")), "")
    if first not in ("SELECT", "WITH"):
        raise QueryError("a query begins with SELECT or WITH: the tables can only be read")
    output: list[str] = []
    limits: list[str] = [""]
    while tokens:
        kind, text = tokens.popleft()
        if kind == "open":
            limits.append("")
        elif kind == "close" and len(limits) > 1:
            output.append(_limit(limits.pop()))
        elif kind == "word":
            text = _word(text, tokens, limits)
        output.append(text)
    return "".join([*output, _limit(limits[-1])])


def _word(text: str, tokens: deque[tuple[str | None, str]], limits: list[str]) -> str:
    """Translate one word; TOP takes its number from `tokens` and sets the innermost limit."""
    if text.upper() == "TOP":
        while tokens and tokens[0][0] == "blank":
            tokens.popleft()
        if not tokens or not tokens[0][1].isdigit():
            raise QueryError("TOP must be followed by a number of rows")
        limits[-1] = tokens.popleft()[1]
        return ""
    if text.upper() == "OFFSET":
        limit, limits[-1] = limits[-1] or "-1", ""
        return f"LIMIT {limit} OFFSET"
    # TABLE is a name here: there are no statements that make tables.
    return {"ILIKE": "REGEXP", "TABLE": '"table"'}.get(text.upper(), text)


def _limit(rows: str) -> str:
    # On a line of its own, lest a comment swallow it.
    return f"\nLIMIT {rows}" if rows else ""


def _fill(connection: sqlite3.Connection, tables: list[Table]) -> None:
    for schema in sorted({table.schema for table in tables} - {"main"}):
        connection.execute(f"ATTACH ':memory:' AS {schema}")
    for table in tables:
        columns = ", ".join(f'"{field.name}"' for field in table.fields)
        marks = ", ".join("?" * len(table.fields))
        connection.execute(f"CREATE TABLE {table.name} ({columns})")
        connection.executemany(f"INSERT INTO {table.name} VALUES ({marks})", table.rows)
    connection.commit()


def _close_to_writing(connection: sqlite3.Connection) -> None:
    """Allow nothing but reading, for a limited time, with values of limited size."""

    def authorise(action: int, *_: object) -> int:
        return sqlite3.SQLITE_OK if action in _READING else sqlite3.SQLITE_DENY

    ends = time.monotonic() + TIMEOUT
    connection.set_authorizer(authorise)
    connection.set_progress_handler(lambda: time.monotonic() > ends, 10_000)
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MAX_VALUE)


def _named(tables: list[Table], adql: str) -> list[Table]:
    """The tables that the query names."""
    words = {word.lower() for word in re.findall(r"\w+", adql)}
    return [table for table in tables if table.name.rpartition(".")[2].lower() in words]


def _field(name: str, column: int, rows: list[tuple[Any, ...]], tables: list[Table]) -> Field:
    """Metadata of a column: that of the column it shows, else what its values are."""
    values = [row[column] for row in rows if row[column] is not None]
    for field in (field for table in tables for field in table.fields):
        fits = not values or field.is_text == _all(values, str)
        if field.name.lower() == name.lower() and fits:
            return field
    return Field(name, _datatype(values))


def _datatype(values: list[Any]) -> str:
    if not values or not _all(values, int | float):
        return "char*" if all(str(value).isascii() for value in values) else "unicodeChar*"
    return "long" if _all(values, int) else "double"


def _all(values: list[Any], kind: Any) -> bool:
    return all(isinstance(value, kind) for value in values)
