"""Rows of a large table in an SQLite file, which a query attaches."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

#: Datatypes of VOTable to the types of SQLite's columns; all others are whole numbers.
_AFFINITIES = {"char*": "TEXT", "double": "REAL", "float": "REAL"}


def write(
    path: Path,
    name: str,
    datatypes: Mapping[str, str],
    rows: Iterable[Sequence[Any]],
    *,
    indexed: str,
    view: str = "",
) -> None:
    """Write a table into a new file.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    name : str
        Name of the table.
    datatypes : mapping
        Names of the columns to their datatypes in VOTable.
    rows : iterable of sequence
        Cells in the order of the columns.
    indexed : str
        Column with an index: the declination, by which regions of the sky are found.
    view : str, optional
        Statement that makes a view of the table.
    """
    columns = ", ".join(
        f'"{column}" {_AFFINITIES.get(datatype, "INTEGER")}'
        for column, datatype in datatypes.items()
    )
    marks = ", ".join("?" * len(datatypes))
    with closing(sqlite3.connect(path)) as connection:
        # Whoever is interrupted begins anew.
        connection.execute("PRAGMA journal_mode = OFF")
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute(f'CREATE TABLE "{name}" ({columns})')
        connection.executemany(f'INSERT INTO "{name}" VALUES ({marks})', rows)
        connection.execute(f'CREATE INDEX by_declination ON "{name}" ("{indexed}")')
        if view:
            connection.execute(view)
        connection.commit()
