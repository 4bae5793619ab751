"""Tables that can be queried, and why a query fails."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from replica.protocols.votable import Field

#: Schema of the tables that have none in their names, as PostgreSQL calls it.
DEFAULT_SCHEMA = "public"


class QueryError(ValueError):
    """A query that cannot be answered; the text says why."""


class QueryStoppedError(QueryError):
    """A query that was stopped before its end."""


@dataclass(frozen=True)
class ForeignKey:
    """Columns of a table that name rows of another one.

    Attributes
    ----------
    target : str
        Name of the other table.
    columns : tuple of (str, str)
        Columns, each with the one of the other table whose value it has.
    """

    target: str
    columns: tuple[tuple[str, str], ...]


class Circle(NamedTuple):
    """A circle on the sky, all in degrees."""

    ra: float
    dec: float
    radius: float


Databases = Callable[[tuple[Circle, ...] | None], Sequence[Path]]


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
    keys : tuple of ForeignKey
        Columns that refer to other tables.
    is_standard : bool
        Whether a standard defines its columns.
    facts : tuple of (str, object)
        What the archive's TAP_SCHEMA.tables says of it beside the standard's columns.
    databases : callable, optional
        For a table too large for memory: returns the SQLite files that have the rows within
        circles, each in a table or view of the same name; for None all of them, and for no circle
        one with a thousand rows or more.  `rows` is empty then.
    """

    name: str
    description: str
    fields: tuple[Field, ...]
    rows: tuple[tuple[Any, ...], ...]
    keys: tuple[ForeignKey, ...] = ()
    is_standard: bool = False
    facts: tuple[tuple[str, Any], ...] = ()
    databases: Databases | None = None

    @property
    def schema(self) -> str:
        """Name of the schema, `DEFAULT_SCHEMA` for a table without one."""
        return self.name.rpartition(".")[0] or DEFAULT_SCHEMA

    @property
    def names(self) -> set[str]:
        """What a query may call it, in small letters: with its schema and without."""
        last = self.name.rpartition(".")[2].lower()
        return {last, f"{self.schema.lower()}.{last}"}
