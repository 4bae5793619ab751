"""Rows to cut out, read from a table: where each image is, and each stamp's centre."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from helpers.errors import StoreError

if TYPE_CHECKING:
    import numpy as np
    from astropy.table import Table


@dataclass(frozen=True)
class Columns:
    """Names of the columns that hold locations and positions (ICRS, degrees)."""

    location: str = "location"
    ra: str = "ra"
    dec: str = "dec"


@dataclass(frozen=True)
class Rows:
    """What a table says of each row.

    Attributes
    ----------
    locations : sequence
        Addresses, paths or cloud locations; None where there is none.
    ra, dec : numpy.ndarray
        ICRS position in degrees, shape (n,); NaN where there is none.
    """

    locations: Sequence[Any]
    ra: np.ndarray
    dec: np.ndarray

    def __len__(self) -> int:
        return len(self.locations)

    def digest(self) -> str:
        """Return what tells these rows from others."""
        text = "\n".join(map(str, self.locations)).encode()
        return hashlib.sha256(text + self.ra.tobytes() + self.dec.tobytes()).hexdigest()


def read_rows(table: Table | Path | str, columns: Columns) -> Rows:
    """Read the rows of a table, or of a file that holds one.

    Parameters
    ----------
    table : astropy.table.Table, pathlib.Path or str
        The table; or a Parquet or CSV file, or any that `astropy.table.Table.read` knows.
    columns : Columns
        Names of its columns.

    Raises
    ------
    StoreError
        If it cannot be read, or has no such columns, or they hold no numbers.
    """
    import numpy as np

    found = _columns(table)
    names = (columns.location, columns.ra, columns.dec)
    missing = [name for name in names if name not in found]
    if missing:
        raise StoreError(f"the table has no column {missing[0]!r}; it has {', '.join(found)}")
    try:
        ra, dec = (np.asarray(found[name], dtype=float) for name in names[1:])
    except (TypeError, ValueError) as error:
        raise StoreError(f"positions must be numbers, degrees: {error}") from error
    return Rows([each or None for each in found[columns.location]], ra, dec)


def _columns(table: Table | Path | str) -> dict[str, Any]:
    """The columns by name, as lists or arrays."""
    if not isinstance(table, str | Path):
        return _of_table(table)
    path = Path(table)
    try:
        if path.suffix == ".parquet":
            from pyarrow import parquet

            return dict(parquet.read_table(path).to_pydict())
        if path.suffix == ".csv":
            from pyarrow import csv

            return dict(csv.read_csv(path).to_pydict())
        from astropy.table import Table

        return _of_table(Table.read(path))
    # Broad, because each of these libraries has its own exceptions.
    except Exception as error:
        message = " ".join(str(error).split())
        raise StoreError(f"the table {path} cannot be read: {message}") from error


def _of_table(table: Table) -> dict[str, Any]:
    import numpy as np

    columns: dict[str, Any] = {}
    for name in table.colnames:
        column = table[name]
        unit = getattr(column, "unit", None)
        if unit is not None and unit.is_equivalent("deg"):
            column = column.quantity.to("deg").value if hasattr(column, "quantity") else column
        if isinstance(column, np.ma.MaskedArray) and column.dtype.kind == "f":
            column = column.filled(np.nan)
        columns[name] = column.tolist() if hasattr(column, "tolist") else list(column)
    return columns
