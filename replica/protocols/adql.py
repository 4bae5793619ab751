"""ADQL on SQLite: table access and the registry's queries.

The language: IVOA ADQL 2.1; the registry's functions: IVOA RegTAP 1.2, section 9, and the
catalogue of ADQL user defined functions.  Each query gets its own database in memory, which
is filled from Python tables and then closed to all but reading.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from replica.protocols import adql_functions
from replica.protocols.tables import QueryError, QueryStoppedError, Table
from replica.protocols.votable import Field

if TYPE_CHECKING:
    from sqlglot import exp

    from replica.protocols import adql_syntax

#: Limits of one query: seconds, and bytes of its answer.
TIMEOUT = 20.0
MAX_ANSWER = 50_000_000
#: What SQLite may take for all queries together, bytes.
MAX_MEMORY = 500_000_000
_MAX_FILES = 10  # that SQLite attaches at once
#: What a cell takes in memory beside its text, bytes.
_CELL = 64

_READING = {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_RECURSIVE}


@dataclass(frozen=True)
class Answer:
    """Columns and rows of an answer, and whether there were more than the limit."""

    fields: tuple[Field, ...]
    rows: Sequence[tuple[Any, ...]]
    overflow: bool


class Limit:
    """The time of a query: it ends by itself, and can be ended from another thread.

    Parameters
    ----------
    seconds : float
        How long the query may take.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._ends = time.monotonic() + seconds
        self._stopped = False

    def extend(self, seconds: float) -> None:
        """Let the query take so much longer."""
        self._ends += seconds

    def stop(self) -> None:
        """End the query now."""
        self._stopped = True

    @property
    def is_over(self) -> bool:
        """Whether the query must end."""
        return self._stopped or time.monotonic() > self._ends

    def check(self) -> None:
        """Raise QueryStoppedError if the query must end."""
        if self.is_over:
            stopped = "the query was stopped"
            late = f"the query took longer than {self._seconds:g} seconds"
            raise QueryStoppedError(stopped if self._stopped else late)


def query(tables: Iterable[Table], adql: str, maxrec: int, limit: Limit | None = None) -> Answer:
    """Run a query.

    Parameters
    ----------
    tables : iterable of Table
        What can be queried.
    adql : str
        One SELECT.
    maxrec : int
        The number of rows to return at most.
    limit : Limit, optional
        Its time; by default `TIMEOUT` from now.

    Raises
    ------
    QueryError
        If it is not ADQL, asks for what is not there, writes, takes too long, or has an answer
        that is too large.
    """
    # Imported here: it takes a tenth of a second that a replica's start need not wait for.
    from replica.protocols import adql_regions, adql_syntax

    tree = adql_syntax.read(adql)
    scope = adql_syntax.resolve(tree, _Catalogue(tables).find)
    adql_syntax.convert_units(tree, partial(_unit, scope))
    _refuse_unknown(adql_syntax.functions(tree))
    first = adql_syntax.first_select(tree)
    shown, aliases = adql_syntax.sources(first), scope.aliases(first)
    limit = limit or Limit(TIMEOUT)
    files = _files(tree, scope, limit)
    adql_regions.narrow(tree)
    sql = adql_syntax.write(tree)
    names, rows = _run(scope.tables.values(), sql, maxrec, limit, files)
    fields = _fields(names, rows, shown, aliases)
    return Answer(fields, _as_texts(fields, rows[:maxrec]), len(rows) > maxrec)


def _files(tree: exp.Query, scope: adql_syntax.Scope, limit: Limit) -> dict[str, Sequence[Path]]:
    """Files of the large tables; the time in which they are made does not count."""
    from replica.protocols import adql_regions

    began = time.monotonic()
    try:
        return {
            name: table.databases(adql_regions.circles(tree, name))
            for name, table in scope.tables.items()
            if table.databases
        }
    except OSError as problem:
        raise QueryError(str(problem)) from problem
    finally:
        limit.extend(time.monotonic() - began)


def _unit(scope: adql_syntax.Scope, column: exp.Column) -> str:
    field = _column(column.name, column.table, scope.aliases(column))
    return field.unit if field else ""


class _Catalogue:
    """The tables by all their names."""

    def __init__(self, tables: Iterable[Table]) -> None:
        self._tables = {name: table for table in tables for name in table.names}

    def find(self, name: str) -> Table:
        """Return the table with that name."""
        table = self._tables.get(name.lower())
        if table is None:
            raise QueryError(f"there is no table {name}: TAP_SCHEMA.tables lists those that are")
        return table


def _refuse_unknown(functions: set[str]) -> None:
    unknown = sorted(functions - adql_functions.known())
    if unknown:
        names = ", ".join(name.upper() for name in unknown)
        raise QueryError(f"there is no function {names}: /capabilities lists those that are")


def _run(
    tables: Iterable[Table],
    sql: str,
    maxrec: int,
    limit: Limit,
    files: Mapping[str, Sequence[Path]],
) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Run a query on the tables that it names; return names of columns, and rows."""
    with closing(sqlite3.connect(":memory:", uri=True)) as connection:
        # First of all: it drops what is temporary.
        connection.execute("PRAGMA temp_store = MEMORY")
        _fill(connection, {table.name: table for table in tables}, files)
        failures = adql_functions.register(connection, limit.check)
        _close_to_writing(connection, limit)
        try:
            cursor = connection.execute(sql)
            return [column[0] for column in cursor.description], _fetch(cursor, maxrec)
        except (sqlite3.Error, sqlite3.Warning) as problem:
            limit.check()
            reason = failures[-1] if failures else f"the query is not understood: {problem}"
            raise QueryError(reason) from problem
        except MemoryError as problem:
            raise QueryError(f"the query needs more than {MAX_MEMORY} bytes") from problem


def _fill(
    connection: sqlite3.Connection, tables: Mapping[str, Table], files: Mapping[str, Sequence[Path]]
) -> None:
    for name, table in tables.items():
        if name in files:
            _attach(connection, name, files[name])
            continue
        columns = ", ".join(f'"{field.name}"' for field in table.fields)
        marks = ", ".join("?" * len(table.fields))
        connection.execute(f'CREATE TABLE "{name}" ({columns})')
        connection.executemany(f'INSERT INTO "{name}" VALUES ({marks})', table.rows)
    connection.commit()


def _attach(connection: sqlite3.Connection, name: str, files: Sequence[Path]) -> None:
    """Attach the files of a large table, and show them as one."""
    if len(files) > _MAX_FILES:
        raise QueryError(f"the table {name} is large: ask for a region of the sky, by CONTAINS")
    for number, file in enumerate(files):
        address = f"{file.absolute().as_uri()}?mode=ro&immutable=1"
        connection.execute(f'ATTACH DATABASE ? AS "{name} {number}"', (address,))
    parts = (f'SELECT * FROM "{name} {number}"."{name}"' for number in range(len(files)))
    connection.execute(f'CREATE TEMP VIEW "{name}" AS {" UNION ALL ".join(parts)}')


def _close_to_writing(connection: sqlite3.Connection, limit: Limit) -> None:
    """Allow nothing but reading, for a limited time, with values of limited size."""
    # Beside ADQL's functions: SUBSTR, in which CAST to a text of some length is written.
    callable_ = adql_functions.known() | {"substr", "current_timestamp"}

    def authorise(action: int, _one: str | None, function: str | None, *_: object) -> int:
        if action == sqlite3.SQLITE_FUNCTION:
            allowed = (function or "").lower() in callable_
        else:
            allowed = action in _READING
        return sqlite3.SQLITE_OK if allowed else sqlite3.SQLITE_DENY

    connection.execute(f"PRAGMA hard_heap_limit = {MAX_MEMORY}")
    connection.set_authorizer(authorise)
    connection.set_progress_handler(lambda: limit.is_over, 10_000)
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, adql_functions.MAX_VALUE)


def _fetch(cursor: sqlite3.Cursor, maxrec: int) -> list[tuple[Any, ...]]:
    """Take one row more than asked for, to see that there are more."""
    rows: list[tuple[Any, ...]] = []
    size = 0
    for row in cursor:
        size += sum(map(_size, row))
        if size > MAX_ANSWER:
            raise QueryError(
                f"the answer is larger than {MAX_ANSWER} bytes: ask for fewer rows or columns"
            )
        rows.append(row)
        if len(rows) > maxrec:
            break
    return rows


def _size(cell: Any) -> int:
    """Bytes of a cell; an empty one is no object of its own."""
    return 8 if cell is None else _CELL + (len(cell) if isinstance(cell, str) else 0)


def _fields(
    names: Sequence[str],
    rows: Sequence[tuple[Any, ...]],
    shown: Mapping[str, exp.Expression],
    scope: Mapping[str, Table],
) -> tuple[Field, ...]:
    """Metadata of the columns; a name that occurs again gets a number."""
    fields: list[Field] = []
    for n, name in enumerate(names):
        values = [row[n] for row in rows if row[n] is not None]
        field = _field(name, values, shown.get(name), scope)
        earlier = sum(other.lower() == name.lower() for other in names[:n])
        fields.append(replace(field, name=f"{name}_{earlier + 1}") if earlier else field)
    return tuple(fields)


def _field(
    name: str, values: list[Any], shown: exp.Expression | None, scope: Mapping[str, Table]
) -> Field:
    """Metadata of one column: that of the table's column that it shows, or what its values are."""
    from replica.protocols import adql_syntax

    # Without an expression it comes from a ``*``.
    if shown is None or adql_syntax.is_column(shown):
        known = _column(shown.name if shown else name, getattr(shown, "table", ""), scope)
        if known and _holds(known, values):
            same = known.name.lower() == name.lower()
            return known if same else replace(known, name=name)
    if shown is not None and not values:
        return Field(name, adql_syntax.datatype(shown))
    return Field(name, _datatype(values))


def _column(name: str, alias: str, scope: Mapping[str, Table]) -> Field | None:
    """The column with that name, of one table or of all in scope."""
    tables = [scope[alias.lower()]] if alias.lower() in scope else scope.values()
    fields = (field for table in tables for field in table.fields)
    return next((field for field in fields if field.name.lower() == name.lower()), None)


#: Whole numbers that VOTable's datatypes hold, as powers of two.
_BITS = {"short": 15, "int": 31, "long": 63}


def _holds(field: Field, values: list[Any]) -> bool:
    """Whether a column can have these values; a UNION may mix columns of several kinds."""
    if field.is_text:
        return _all(values, str)
    limit = _BITS.get(field.datatype)
    if limit is None:
        return _all(values, int | float)
    return _all(values, int) and all(-(2**limit) <= value < 2**limit for value in values)


def _as_texts(
    fields: Sequence[Field], rows: Sequence[tuple[Any, ...]]
) -> Sequence[tuple[Any, ...]]:
    """Make texts of the numbers in columns that hold both."""
    mixed = {
        n
        for n, field in enumerate(fields)
        if field.is_text and not _all([row[n] for row in rows if row[n] is not None], str)
    }
    if not mixed:
        return rows
    return [
        tuple(str(cell) if n in mixed and cell is not None else cell for n, cell in enumerate(row))
        for row in rows
    ]


def _datatype(values: list[Any]) -> str:
    if not values or not _all(values, int | float):
        return "char*" if all(str(value).isascii() for value in values) else "unicodeChar*"
    return "long" if _all(values, int) else "double"


def _all(values: list[Any], kind: Any) -> bool:
    return all(isinstance(value, kind) for value in values)
