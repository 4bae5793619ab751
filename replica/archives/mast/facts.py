"""What MAST says of columns, missions, filters and kinds of file: four CSV tables."""

from __future__ import annotations

from functools import lru_cache

from replica.archive_folders import Row, read_table

#: Names of the two column sets, as the portal's ``columnsconfig`` service knows them.
OBSERVATIONS = "Mast.Caom.Cone"
PRODUCTS = "Mast.Caom.Products"

_CONFIG_KEYS = {
    "text": "text",
    "datatype": "vot.datatype",
    "ucd": "vot.ucd",
    "unit": "vot.unit",
    "description": "vot.description",
    "separator": "separator",
    "separator_type": "separatorType",
}


@lru_cache
def table(name: str) -> tuple[Row, ...]:
    """Return the rows of one of MAST's CSV tables."""
    return tuple(read_table("mast", name))


def facts(name: str, **key: str) -> dict[str, str]:
    """Return the row of a table whose cells equal `key`.

    Raises
    ------
    LookupError
        If the table lacks such a row: a holding of a new kind needs one.
    """
    for row in table(name):
        if all(row[column] == value for column, value in key.items()):
            return row
    raise LookupError(f"{name}.csv has no row with {key}")


def fields(config: str) -> dict[str, str]:
    """Names and types of the columns of an answer, in order."""
    rows = [row for row in table("columns") if row["config"] == config]
    return {row["name"]: row["type"] for row in rows if row["type"]}


def columns_config(config: str) -> dict[str, dict[str, object]]:
    """Answer of ``columnsconfig``: properties of each column; empty for an unknown set.

    Keys are those of the answer recorded in astroquery's test data
    (``astroquery/mast/tests/data/columnsconfig.json``); its client takes an empty
    answer for an error.
    """
    columns = {row["name"]: _properties(row) for row in table("columns") if row["config"] == config}
    if not columns:
        return {}
    return {"_selected_": {"text": "selected", "type": "boolean", "hidden": True}} | columns


def _properties(row: dict[str, str]) -> dict[str, object]:
    known: dict[str, object] = {key: row[name] for name, key in _CONFIG_KEYS.items() if row[name]}
    if row["type"] == "":
        return {"remove": True} | known
    if not row["datatype"]:
        known["type"] = row["type"]
    return known
