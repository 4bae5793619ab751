"""MAST's searches of Pan-STARRS' catalogue: ``catalogs.mast.stsci.edu/api/v0.1/panstarrs``.

Parameters: https://catalogs.mast.stsci.edu/docs/panstarrs.html, and what astroquery sends.
Columns, their order and types are those of the service's own ``metadata.json`` as astroquery's
test data hold it; whole numbers of 64 bits are text in JSON, as recorded there.  What the replica
does not know, such as the survey's internal numbers, is missing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from astropy.coordinates import SkyCoord

from replica.archives.mast.facts import table
from replica.archives.mast.ps1_objects import Columns, objects, skycells, skycells_near
from replica.archives.mast.table_columns import FORMATS
from replica.protocols import table_formats
from replica.protocols.dali import RequestError, numbers
from replica.protocols.votable import Document, Field

#: Rows of a page, if the request does not say it, and at most: a choice.
PAGE_SIZE, LARGEST_PAGE = 5_000, 50_000
_LARGEST_RADIUS = 0.5  # degrees
_BANDS = "grizy"
_POSITION = ("ra", "dec", "radius")
#: Parameters that are no filters of a column.
_OPTIONS = frozenset({*_POSITION, "columns", "sort_by", "page", "pagesize", "format"})
_COMPARISONS: Mapping[str, Callable[[Any, Any], np.ndarray]] = {
    "eq": lambda column, value: column == value,
    "ne": lambda column, value: column != value,
    "neq": lambda column, value: column != value,
    "gt": lambda column, value: column > value,
    "gte": lambda column, value: column >= value,
    "min": lambda column, value: column >= value,
    "lt": lambda column, value: column < value,
    "lte": lambda column, value: column <= value,
    "max": lambda column, value: column <= value,
}
_DECIMALS = {"float": 4, "double": 10}

Parameters = Mapping[str, list[str]]


@dataclass(frozen=True)
class Answer:
    """Bytes of an answer and their content type."""

    body: bytes
    media_type: str


@dataclass(frozen=True)
class _Rows:
    """Some objects: their places among the columns, and distances in degrees."""

    found: Columns
    index: np.ndarray
    distance: np.ndarray

    def __getitem__(self, chosen: np.ndarray) -> _Rows:
        return _Rows(self.found, self.index[chosen], self.distance[chosen])


def metadata() -> list[dict[str, str]]:
    """Return the columns of the table ``mean``, in their order, as ``metadata.json`` has them."""
    rows = table("ps1_columns")
    general = [row for row in rows if "{band}" not in row["name"]]
    # The numbers of detections in each band stand with the general columns.
    counts, measured = (
        [row for row in rows if "{band}" in row["name"] and row["name"].startswith("n") is first]
        for first in (True, False)
    )
    every = [*general, *_of_bands(counts), *_of_bands(measured)]
    return [
        {
            **{name: row[name] or "NULL" for name in ("name", "db_type", "type", "unit", "ucd")},
            "column_name": row["name"],
            "description": row["description"],
            "default_value": row["default"] or "NULL",
            "column_index": str(index),
        }
        for index, row in enumerate(every, start=1)
    ]


def _of_bands(rows: Iterable[Mapping[str, str]]) -> list[dict[str, str]]:
    rows = list(rows)
    return [
        {name: cell.replace("{band}", band) for name, cell in row.items()}
        for band in _BANDS
        for row in rows
    ]


@lru_cache(maxsize=1)
def all_columns() -> dict[str, Field]:
    """Return the columns by their names in small letters; the last is the distance."""
    types = {"char": "char*"}
    fields = [
        Field(
            row["name"],
            types.get(row["type"], row["type"]),
            row["unit"].replace("NULL", ""),
            row["ucd"].replace("NULL", ""),
            row["description"],
        )
        for row in metadata()
    ]
    fields.append(Field("distance", "double", "deg", "pos.angDistance", "Distance from the place"))
    return {field.name.lower(): field for field in fields}


def search(params: Parameters, form: str) -> Answer:
    """Answer a search of the table ``mean``.

    Parameters
    ----------
    params : mapping
        Lists of values by name: ``ra``, ``dec`` and ``radius`` in degrees; filters of columns, such
        as ``nDetections.gt``; ``columns``, ``sort_by``, ``page`` and ``pagesize``.
    form : str
        ``json``, ``csv`` or ``votable``.

    Raises
    ------
    RequestError
        If a column or a format is unknown, or a value cannot be understood.
    """
    chosen = _chosen_columns(params)
    rows = _inside(params)
    for name, values in params.items():
        if name.lower() not in _OPTIONS:
            rows = rows[_filter(name, values, rows)]
    rows = rows[_page(params, _sorted(params, rows))]
    fields = [field for field in chosen if field.name != "distance" or _has_position(params)]
    columns = [_texts_or_numbers(field, _column(field, rows)) for field in fields]
    return _written(fields, list(zip(*columns, strict=True)), form)


def _written(fields: list[Field], rows: list[tuple[Any, ...]], form: str) -> Answer:
    found = table_formats.find(form, [each for each in FORMATS if each.names[0] in _FORMS])
    if form == "json":
        long = [field.datatype == "long" for field in fields]
        rows = [
            tuple(str(cell) if big and cell is not None else cell for cell, big in zip(row, long))  # noqa: B905
            for row in rows
        ]
    return Answer(found.write(fields, rows, Document()), found.media_type)


_FORMS = ("json", "csv", "votable")


def _has_position(params: Parameters) -> bool:
    return any(params.get(name) for name in _POSITION)


def _inside(params: Parameters) -> _Rows:
    """The objects within the radius; all without a position."""
    if not _has_position(params):
        return _all(tuple(skycells()))
    ra, dec, radius = (_number(params, name) for name in _POSITION)
    if not (-90 <= dec <= 90 and 0 <= radius <= _LARGEST_RADIUS):
        raise RequestError(
            f"dec is within 90 degrees, and radius at most {_LARGEST_RADIUS} degrees: "
            f"not {dec} and {radius}"
        )
    every = _all(skycells_near(ra, dec, radius) or tuple(skycells())[:1])
    near = every[np.abs(every.found["dec"] - dec) <= radius]
    distance = SkyCoord(ra, dec, unit="deg").separation(_sky(near.found, near.index)).deg
    return _Rows(every.found, near.index, distance)[distance <= radius]


def _all(names: tuple[str, ...]) -> _Rows:
    found = objects(names)
    size = found["ra"].size
    return _Rows(found, np.arange(size), np.full(size, np.nan))


def _number(params: Parameters, name: str) -> float:
    values = numbers(name, " ".join(params.get(name) or []))
    if len(values) != 1 or not np.isfinite(values[0]):
        raise RequestError(f"{name} is needed: one number of degrees")
    return values[0]


def _named(text: str) -> Field:
    field = all_columns().get(text.strip().lower())
    if field is None:
        raise RequestError(f"there is no column {text}: metadata.json lists those that are")
    return field


def _chosen_columns(params: Parameters) -> list[Field]:
    """The columns of ``columns=[a,b]``, repeated or not; all without it."""
    names = [name for text in params.get("columns", []) for name in _list(text)]
    return [_named(name) for name in names] or list(all_columns().values())


def _list(text: str) -> list[str]:
    return [part for part in re.split(r"[\s,]+", text.strip(" []").replace('"', "")) if part]


def _filter(name: str, values: list[str], rows: _Rows) -> np.ndarray:
    """Which objects pass a filter such as ``nDetections.gt=2``; of several values, one will do."""
    column, _, comparison = name.partition(".")
    field = _named(column)
    compare = _COMPARISONS.get(comparison.lower() or "eq")
    if compare is None:
        raise RequestError(f"{name}: {comparison} is not one of {', '.join(_COMPARISONS)}")
    cells = _column(field, rows)
    parts = values if field.is_text else [part for text in values for part in _list(text)]
    wanted = [_value(field, part) for part in parts]
    tests = [compare(cells, value) for value in wanted]
    return np.any(tests, axis=0) if tests else np.ones(rows.index.size, bool)


def _value(field: Field, text: str) -> str | float | int:
    if field.is_text:
        return text
    try:
        return int(text)
    except ValueError:
        return numbers(field.name, text)[0]


def _sorted(params: Parameters, rows: _Rows) -> np.ndarray:
    """Places of the objects in the order of ``sort_by``: names, with ``.asc`` or ``.desc``."""
    order = np.arange(rows.index.size)
    keys = [key for text in params.get("sort_by", []) for key in _list(text)]
    for key in reversed(keys):
        # astroquery writes the direction behind the name or before it.
        parts = key.split(".")
        names = [part for part in parts if part.lower() not in ("asc", "desc")]
        if len(names) != 1:
            raise RequestError(f"sort_by={key} is not a column, with .asc or .desc behind it")
        ranks = np.unique(_column(_named(names[0]), rows), return_inverse=True)[1][order]
        down = "desc" in (part.lower() for part in parts)
        order = order[np.argsort(-ranks if down else ranks, kind="stable")]
    return order


def _page(params: Parameters, order: np.ndarray) -> np.ndarray:
    size = _whole(params, "pagesize", PAGE_SIZE)
    if size > LARGEST_PAGE:
        raise RequestError(f"pagesize={size}: a page has at most {LARGEST_PAGE} rows")
    first = (_whole(params, "page", 1) - 1) * size
    return order[first : first + size]


def _whole(params: Parameters, name: str, default: int) -> int:
    text = " ".join(params.get(name) or []) or str(default)
    if not re.fullmatch(r"[1-9]\d{0,9}", text):
        raise RequestError(f"{name}={text} is not a whole number from 1 on")
    return int(text)


def _column(field: Field, rows: _Rows) -> np.ndarray:
    """Cells of a column for some objects; NaN where the replica knows none."""
    if field.name == "distance":
        return rows.distance
    if field.name in rows.found:
        return rows.found[field.name][rows.index]
    make = _DERIVED.get(field.name)
    return make(rows.found, rows.index) if make else np.full(rows.index.size, np.nan)


def cells(skycell: str) -> list[list[Any]]:
    """Return the cells of a skycell's objects, a list for each column of the metadata."""
    rows = _all((skycell,))
    fields = [field for field in all_columns().values() if field.name != "distance"]
    return [_texts_or_numbers(field, _column(field, rows)) for field in fields]


def _texts_or_numbers(field: Field, cells: np.ndarray) -> list[Any]:
    """Python values; what is not known is None."""
    if field.is_text or cells.dtype.kind in "iu":
        return [None if cell is None or cell != cell else cell for cell in cells.tolist()]
    if field.datatype in _DECIMALS:
        cells = np.round(cells, 10 if field.unit == "deg" else _DECIMALS[field.datatype])
        return [None if cell != cell else cell for cell in cells.tolist()]
    return [None if cell != cell else int(cell) for cell in cells.tolist()]


def _names(found: Columns, index: np.ndarray) -> np.ndarray:
    """``PSO J083.6332+22.0145``: the form that DR2 gives."""
    pairs = zip(found["ra"][index], found["dec"][index], strict=True)
    return np.array([f"PSO J{ra:08.4f}{dec:+08.4f}" for ra, dec in pairs], dtype=object)


def _unit_vector(axis: int) -> Callable[[Columns, np.ndarray], np.ndarray]:
    return lambda found, index: np.asarray(_sky(found, index).cartesian.xyz)[axis]


def _sky(found: Columns, index: np.ndarray) -> SkyCoord:
    return SkyCoord(found["ra"][index], found["dec"][index], unit="deg")


def _constant(value: float) -> Callable[[Columns, np.ndarray], np.ndarray]:
    return lambda found, index: np.full(index.size, value)


def _of(name: str, factor: float = 1.0) -> Callable[[Columns, np.ndarray], np.ndarray]:
    return lambda found, index: factor * found[name][index]


#: Columns that follow from the objects' own.
_DERIVED: Mapping[str, Callable[[Columns, np.ndarray], np.ndarray]] = {
    "objName": _names,
    **{f"objAltName{n}": lambda found, index: np.full(index.size, None) for n in (1, 2, 3)},
    "surveyID": _constant(0),
    # Clients cannot read a missing number of this type: the documented default, and DR2.
    "tessID": _constant(0),
    "processingVersion": _constant(2),
    "zoneID": lambda found, index: np.floor((found["dec"][index] + 90) / 0.0083333),
    **{f"ra{kind}": _of("ra") for kind in ("Stack", "Mean")},
    **{f"dec{kind}": _of("dec") for kind in ("Stack", "Mean")},
    **{f"{axis}StackErr": _of("positionError") for axis in ("ra", "dec")},  # arcseconds
    **{f"{axis}MeanErr": _of("positionError", 1 / 3600) for axis in ("ra", "dec")},
    "epochMean": _constant(56248.1),
    "posMeanChisq": _constant(1.0),
    **{name: _unit_vector(axis) for axis, name in enumerate(("cx", "cy", "cz"))},
    "lambda": lambda found, index: _sky(found, index).barycentrictrueecliptic.lon.deg,
    "beta": lambda found, index: _sky(found, index).barycentrictrueecliptic.lat.deg,
    "l": lambda found, index: _sky(found, index).galactic.l.deg,
    "b": lambda found, index: _sky(found, index).galactic.b.deg,
    **{f"{band}Flags": _constant(0) for band in _BANDS},
}


def read_json(body: bytes) -> dict[str, list[str]]:
    """Read parameters that are posted as a JSON object: values are texts, numbers or lists.

    Raises
    ------
    RequestError
        If it is another thing.
    """
    try:
        found = json.loads(body or b"{}")
    except (ValueError, RecursionError) as problem:
        raise RequestError(f"the request must be a JSON object: {problem}") from None
    if not isinstance(found, dict):
        raise RequestError("the request must be a JSON object")
    return {
        name: [str(each) for each in (value if isinstance(value, list) else [value])]
        for name, value in found.items()
    }
