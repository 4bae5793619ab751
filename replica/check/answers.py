"""Facts: what an answer says of its form, as a flat mapping that can be compared."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

import numpy as np

#: Between the values of an aggregate in answers of the registry (``pyvo.registry.regtap``).
_SEPARATOR = ":::py VO sep:::"

Facts = dict[str, str]
#: Cells of one row as text, by column; of a cell with JSON also ``column path.in.it``.
Cells = dict[str, str]


class UnreadableError(ValueError):
    """An answer that is not of the expected format."""


@dataclass(frozen=True)
class Answer:
    """What was learnt from an answer.

    Attributes
    ----------
    facts : dict
        Names of facts to what the answer says of them.
    captures : dict
        What later questions need of it: a bucket, a key, an address.
    """

    facts: Facts
    captures: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Row:
    """Which row of a table the notebooks take, and what of it matters.

    Attributes
    ----------
    where : mapping
        Columns to patterns (``*`` and ``?``) that their cells match.
    largest : str
        Of several such rows, the one with the largest number in this column.
    cells : tuple of str
        Patterns of the cells whose form is compared.
    captures : mapping
        Names of captures to the cells that give them; that of a path also gives its folder,
        as ``name_folder``.
    """

    where: Mapping[str, str]
    largest: str = ""
    cells: tuple[str, ...] = ()
    captures: Mapping[str, str] = field(default_factory=dict)

    def read(self, rows: Iterable[Mapping[str, Any]]) -> Answer:
        """Return the facts and captures of the chosen row; none if there is no such row."""
        every = [_cells(row) for row in rows]
        facts = {"rows": "some"} if every else {}
        chosen = [row for row in every if self._matches(row)]
        if not chosen:
            return Answer(facts)
        row = max(chosen, key=lambda each: _number(each.get(self.largest, "")))
        facts[self._name()] = "found"
        for name, text in row.items():
            if any(fnmatchcase(name, pattern) for pattern in self.cells):
                facts[f"cell {name}"] = digits_aside(text)
        captures = {capture: row[cell] for capture, cell in self.captures.items() if row.get(cell)}
        paths = {capture: text for capture, text in captures.items() if "/" in text}
        folders = {f"{capture}_folder": path.rpartition("/")[0] for capture, path in paths.items()}
        return Answer(facts, captures | folders)

    def _matches(self, row: Cells) -> bool:
        return all(fnmatchcase(row.get(name, ""), text) for name, text in self.where.items())

    def _name(self) -> str:
        return f"row with {', '.join(f'{name} {text}' for name, text in self.where.items())}"


def digits_aside(text: str) -> str:
    """Return the form of a key, an address or a file name: runs of digits become ``#``.

    Any other text, such as a bucket or a region, stays as it is.
    """
    return re.sub(r"\d+", "#", text) if re.search("[/.]", text) else text


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0


def _cells(row: Mapping[str, Any]) -> Cells:
    found: Cells = {}
    for name, value in row.items():
        # Of several interfaces of a service, pyvo takes the first.
        missing = value is None or value is np.ma.masked
        text = "" if missing else str(value).partition(_SEPARATOR)[0]
        parts = _json_cell(text)
        found |= {f"{name} {path}": part for path, part in parts.items()} or {name: text}
    return found


def _json_cell(text: str) -> Cells:
    """Paths and values of a cell with a JSON object, such as ``cloud_access``."""
    if not text.startswith("{"):
        return {}
    try:
        return dict(leaves(json.loads(text)))
    except ValueError:
        return {}


def leaves(value: Any, path: str = "") -> Iterable[tuple[str, str]]:
    """Yield path and text of each single value in a JSON document; ``[]`` stands for items."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from leaves(inner, f"{path}.{name}" if path else str(name))
    elif isinstance(value, list):
        for inner in value:
            yield from leaves(inner, f"{path}[]")
    else:
        yield path, str(value)


def kind(value: Any) -> str:
    """Name the kind of a single value, as JSON and FITS tell kinds apart."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "logical"
    return "number" if isinstance(value, int | float) else "text"
