"""Facts of MAST's JSON: the portal's columns and rows, the path look-up, the name resolver."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeGuard

from replica.check.answers import Answer, Facts, Row, UnreadableError, digits_aside, kind

#: Properties of a column that astroquery acts upon; texts for people are left aside.
_PROPERTIES = ("type", "vot.datatype", "vot.ucd", "vot.unit", "separator")
#: What the path of a Pan-STARRS product begins with (``astroquery.mast.utils``).
_PS1 = "/ps1/"


@dataclass(frozen=True)
class Rows:
    """Reads an answer of the portal's ``invoke``, and the row that the notebooks take."""

    row: Row

    def __call__(self, content: bytes) -> Answer:
        """Return facts and captures.

        Raises
        ------
        UnreadableError
            If the content is not a JSON object with the rows in ``data``.
        """
        document = _object(content)
        rows, fields = document.get("data"), document.get("fields")
        if not (_are_objects(rows) and _are_objects(fields)):
            raise UnreadableError("data and fields are not lists of objects")
        facts = {"key status": str(document.get("status"))}
        facts |= key_facts({name: document[name] for name in document if name not in _PARTS})
        facts |= {f"field {field.get('name')}": str(field.get("type")) for field in fields}
        facts |= {f"key data[].{name}": "there" for row in rows for name in row}
        chosen = self.row.read(rows)
        return Answer(facts | chosen.facts, chosen.captures)


_PARTS = ("status", "data", "fields")


def columns(content: bytes) -> Answer:
    """Read an answer of ``columnsconfig``: properties by column."""
    facts: Facts = {}
    for name, properties in _object(content).items():
        if not isinstance(properties, Mapping):
            raise UnreadableError(f"the column {name} is not an object")
        given = [f"{key} {properties[key]}" for key in _PROPERTIES if properties.get(key)]
        facts[f"column {name}"] = ", ".join(given) or "there"
    return Answer(facts)


def path_lookup(content: bytes) -> Answer:
    """Read where one Pan-STARRS product lies; its path below ``/ps1/`` is the capture."""
    facts: Facts = {}
    captures: dict[str, str] = {}
    for uri, found in _object(content).items():
        if not isinstance(found, Mapping):
            raise UnreadableError(f"the answer to {uri} is not an object")
        values = {name: digits_aside(str(found[name])) for name in found if name != "status_code"}
        codes = {"status_code": str(found["status_code"])} if "status_code" in found else {}
        facts |= {f"key {digits_aside(uri)}": "there"} | _prefixed(values | codes)
        path = str(found.get("path"))
        if path.startswith(_PS1):
            captures["ps1_path"] = path.removeprefix(_PS1)
    return Answer(facts, captures)


def objects(content: bytes) -> Answer:
    """Read an answer of MAST's catalogues: columns with their types, and kinds of the cells."""
    document = _object(content)
    info, data = document.get("info"), document.get("data")
    if not (_are_objects(info) and isinstance(data, list)):
        raise UnreadableError("info and data are not lists")
    facts = {f"field {column.get('name')}": str(column.get("type")) for column in info}
    rows = (row for row in data if isinstance(row, list) and len(row) == len(info))
    first = next(rows, None)
    if first is not None:
        facts["rows"] = "some"
        names = (str(column.get("name")) for column in info)
        facts |= {f"cell {name}": kind(cell) for name, cell in zip(names, first, strict=True)}
    return Answer(facts)


def names(content: bytes) -> Answer:
    """Read an answer of the name resolver: its keys."""
    return Answer(key_facts(_object(content)))


def key_facts(value: Any, path: str = "") -> Facts:
    """Name the kind of each value in a JSON document; items of a list are taken together."""
    facts: Facts = {}
    if isinstance(value, Mapping):
        for name, inner in value.items():
            facts |= key_facts(inner, f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        facts[f"key {path}"] = "list"
        for inner in value:
            facts |= key_facts(inner, f"{path}[]")
    else:
        facts[f"key {path}"] = kind(value)
    return facts


def _prefixed(values: Mapping[str, str]) -> Facts:
    return {f"key {name}": text for name, text in values.items()}


def _are_objects(value: Any) -> TypeGuard[list[Mapping[str, Any]]]:
    return isinstance(value, list) and all(isinstance(each, Mapping) for each in value)


def _object(content: bytes) -> dict[str, Any]:
    try:
        document = json.loads(content)
    except ValueError as error:
        raise UnreadableError(f"not JSON: {error}") from error
    if not isinstance(document, dict):
        raise UnreadableError("not a JSON object")
    return document
