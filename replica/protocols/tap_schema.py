"""The tables that describe the tables: IVOA TAP 1.1, section 4."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from replica.protocols.adql_words import delimited, delimited_table
from replica.protocols.tables import ForeignKey, Table
from replica.protocols.votable import Field

_SCHEMA = "TAP_SCHEMA"
_DESCRIPTIONS = {
    _SCHEMA: "Tables that describe the tables and columns that can be queried",
    "TAP_UPLOAD": "Tables that came with the query",
}

_SCHEMAS = (
    Field("schema_name", description="Name of the schema"),
    Field("utype", description="Utype of the schema"),
    Field("description", description="What the schema holds"),
    Field("schema_index", "int", description="Recommended place in a list"),
)
_TABLES = (
    Field("schema_name", description="Schema of the table"),
    Field("table_name", description="Name of the table as queries write it"),
    Field("table_type", description="table or view"),
    Field("utype", description="Utype of the table"),
    Field("description", description="What the table holds"),
    Field("table_index", "int", description="Recommended place in a list"),
)
_COLUMNS = (
    Field("table_name", description="Table of the column"),
    Field("column_name", description="Name of the column as queries write it"),
    Field("utype", description="Utype of the column"),
    Field("ucd", description="UCD of the column"),
    Field("unit", description="Unit of the column"),
    Field("description", description="What the column holds"),
    Field("datatype", description="Datatype as in VOTable"),
    Field("arraysize", description="Array size as in VOTable"),
    Field("xtype", description="Extended type as in DALI"),
    Field("size", "int", description="Length of a text; arraysize takes its place"),
    Field("principal", "int", description="1 if the column is of first interest"),
    Field("indexed", "int", description="1 if there is an index"),
    Field("std", "int", description="1 if a standard defines the column"),
    Field("column_index", "int", description="Recommended place in a list"),
)
_KEYS = (
    Field("key_id", description="Identifier of the foreign key"),
    Field("from_table", description="Table that refers to another"),
    Field("target_table", description="Table that is referred to"),
    Field("utype", description="Utype of the key"),
    Field("description", description="What the key means"),
)
_KEY_COLUMNS = (
    Field("key_id", description="Foreign key of the column"),
    Field("from_column", description="Column of the table that refers"),
    Field("target_column", description="Column of the table that is referred to"),
)
_LAYOUT: dict[str, tuple[str, tuple[Field, ...], tuple[ForeignKey, ...]]] = {
    "schemas": ("Schemas", _SCHEMAS, ()),
    "tables": (
        "Tables",
        _TABLES,
        (ForeignKey(f"{_SCHEMA}.schemas", (("schema_name", "schema_name"),)),),
    ),
    "columns": (
        "Columns",
        _COLUMNS,
        (ForeignKey(f"{_SCHEMA}.tables", (("table_name", "table_name"),)),),
    ),
    "keys": (
        "Foreign keys",
        _KEYS,
        (
            ForeignKey(f"{_SCHEMA}.tables", (("from_table", "table_name"),)),
            ForeignKey(f"{_SCHEMA}.tables", (("target_table", "table_name"),)),
        ),
    ),
    "key_columns": (
        "Columns of foreign keys",
        _KEY_COLUMNS,
        (ForeignKey(f"{_SCHEMA}.keys", (("key_id", "key_id"),)),),
    ),
}


def with_tap_schema(tables: Sequence[Table]) -> tuple[Table, ...]:
    """Return the tables together with those of TAP_SCHEMA, which describe them and themselves."""
    extra = _fact_fields(tables)
    layout = {**_LAYOUT, "tables": (_LAYOUT["tables"][0], (*_TABLES, *extra), _LAYOUT["tables"][2])}
    empty = [
        Table(f"{_SCHEMA}.{name}", description, fields, (), keys, is_standard=True)
        for name, (description, fields, keys) in layout.items()
    ]
    described = (*tables, *empty)
    rows: Iterable[tuple[tuple[Any, ...], ...]] = (
        tuple(_schema_rows(described)),
        tuple(_table_rows(described, extra)),
        tuple(_column_rows(described)),
        tuple(_key_rows(described)),
        tuple(_key_column_rows(described)),
    )
    filled = (replace(table, rows=cells) for table, cells in zip(empty, rows, strict=True))
    return (*tables, *filled)


def _fact_fields(tables: Iterable[Table]) -> tuple[Field, ...]:
    """Columns of TAP_SCHEMA.tables that the archive has beside those of the standard."""
    facts = {name: value for table in tables for name, value in table.facts}
    return tuple(
        Field(name, "int" if isinstance(value, int) else "char*") for name, value in facts.items()
    )


def _schema_rows(tables: Iterable[Table]) -> Iterator[tuple[Any, ...]]:
    for index, name in enumerate(dict.fromkeys(table.schema for table in tables)):
        yield delimited(name), None, describe_schema(name), index


def describe_schema(name: str) -> str:
    """Say in a sentence what a schema holds."""
    return _DESCRIPTIONS.get(name, f"Tables of {name}")


def _table_rows(tables: Iterable[Table], extra: Iterable[Field]) -> Iterator[tuple[Any, ...]]:
    for index, table in enumerate(tables):
        name, schema = delimited_table(table.name), delimited(table.schema)
        facts = dict(table.facts)
        more = (facts.get(field.name) for field in extra)
        yield (schema, name, "table", None, table.description, index, *more)


def _column_rows(tables: Iterable[Table]) -> Iterator[tuple[Any, ...]]:
    for table in tables:
        name, std = delimited_table(table.name), int(table.is_standard)
        for index, field in enumerate(table.fields):
            form = field.attributes()
            size = form["arraysize"]
            length = int(size) if size and size.isdigit() else None
            texts = (field.utype, field.ucd, field.unit, field.description)
            kind = (form["datatype"], size, field.xtype or None, length)
            yield (name, delimited(field.name), *texts, *kind, 1, 0, std, index)


def _keys(tables: Iterable[Table]) -> Iterator[tuple[str, Table, ForeignKey]]:
    for table in tables:
        for number, key in enumerate(table.keys, start=1):
            yield f"{table.name}.{number}", table, key


def _key_rows(tables: Iterable[Table]) -> Iterator[tuple[Any, ...]]:
    for identifier, table, key in _keys(tables):
        target = delimited_table(key.target)
        yield identifier, delimited_table(table.name), target, None, f"Rows of {target}"


def _key_column_rows(tables: Iterable[Table]) -> Iterator[tuple[Any, ...]]:
    for identifier, _, key in _keys(tables):
        for own, target in key.columns:
            yield identifier, delimited(own), delimited(target)
