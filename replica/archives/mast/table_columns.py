"""The portal's columns as those of tables in the Virtual Observatory's formats."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from replica.protocols import table_formats
from replica.protocols.table_formats import Format
from replica.protocols.votable import Document, Field

#: Types of the portal's columns to those of VOTable; all others are text.
_DATATYPES = {"int": "long", "long": "long", "float": "double", "double": "double"}


def portal_fields(types: Mapping[str, str]) -> list[Field]:
    """Return the columns of an answer of the portal.

    Parameters
    ----------
    types : mapping
        Names of the columns to the portal's types.
    """
    return [
        Field(name, _DATATYPES.get(kind, "unicodeChar*" if kind != "boolean" else "char*"))
        for name, kind in types.items()
    ]


def portal_cells(fields: Iterable[Field], row: Mapping[str, object]) -> list[object]:
    """Return the cells of a row of the portal in the order of `fields`."""
    return [_cell(field, row[field.name]) for field in fields]


def _cell(field: Field, value: object) -> object:
    if value is None or not field.is_text:
        return value
    return str(value).lower() if isinstance(value, bool) else str(value)


def _json(fields: Sequence[Field], rows: Sequence[Sequence[Any]], document: Document) -> bytes:
    """Write columns and rows as MAST's services do; JSON has no infinity and no NaN."""
    info = [
        {"name": field.name, "type": field.attributes()["datatype"]}
        | {"db_type": _DB_TYPES.get(field.attributes()["datatype"], "STRING")}
        | {"description": field.description, "unit": field.unit, "ucd": field.ucd}
        for field in fields
    ]
    data = [[None if _is_odd(cell) else cell for cell in row] for row in rows]
    return json.dumps({"info": info, "data": data}, allow_nan=False).encode()


#: What MAST's JSON calls the database's type of a column: see astroquery's recorded answer
#: ``astroquery/mast/tests/data/panstarrs.json``.
_DB_TYPES = dict.fromkeys(("short", "int", "long", "float", "double", "unsignedByte"), "NUMBER")


def _is_odd(cell: Any) -> bool:
    return isinstance(cell, float) and not math.isfinite(cell)


#: The formats of MAST's services: those of all, with JSON in MAST's own form.
FORMATS = tuple(
    Format(each.media_type, each.names, _json) if "json" in each.names else each
    for each in table_formats.FORMATS
)
