"""The portal's services: evaluate a request against the rows of the holdings.

After the portal's own description (https://mast.stsci.edu/api/v0/_services.html) and
the requests that astroquery sends.  Text is compared without regard to case, as the
portal's database does.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from replica.archives.mast.caom import Observation, Row, observation_row, observations, product_rows
from replica.archives.mast.facts import OBSERVATIONS, PRODUCTS, fields
from replica.archives.mast.resolver import resolve
from replica.protocols.geometry import distance_to_footprint

PAGE_SIZE = 50_000
_ARCSECONDS = 3600


class ServiceError(Exception):
    """The request cannot be answered; the text becomes the answer's ``msg``."""


def answer(request: Mapping[str, object]) -> dict[str, object]:
    """Answer a portal request.

    Parameters
    ----------
    request : mapping
        ``service`` and ``params``; ``page`` and ``pagesize`` choose a part of the rows.

    Returns
    -------
    dict
        ``status``, ``msg``, ``data``, ``fields`` and ``paging`` as the portal has them.

    Raises
    ------
    ServiceError
        If the service or a column is unknown, or a parameter is missing or malformed.
    """
    service, params = request.get("service"), request.get("params") or {}
    if not isinstance(service, str) or service not in {**_SERVICES, **_DOCUMENTS}:
        raise ServiceError(
            f"Unknown service: {service!r}. The replica has {', '.join([*_SERVICES, *_DOCUMENTS])}"
        )
    if not isinstance(params, Mapping):
        raise ServiceError("params must be an object")
    if service in _DOCUMENTS:
        return _DOCUMENTS[service](params)
    types, rows = _SERVICES[service](params)
    page = _page(request, types, rows)
    return _without_nulls(page) if _is_true(request.get("removenullcolumns")) else page


def _is_true(value: object) -> bool:
    return str(value).lower() in ("true", "1")


def _without_nulls(page: dict) -> dict:
    """The page without the columns that have no value in any of its rows."""
    kept = {name for row in page["data"] for name, cell in row.items() if cell is not None}
    fields = [field for field in page["fields"] if field["name"] in kept]
    rows = [{name: row[name] for name in row if name in kept} for row in page["data"]]
    return page | {"data": rows, "fields": fields}


def _page(request: Mapping[str, object], types: Mapping[str, str], rows: Sequence[Row]) -> dict:
    size = _positive(request, "pagesize", PAGE_SIZE)
    page = _positive(request, "page", 1)
    part = rows[(page - 1) * size : page * size]
    paging = {
        "page": page,
        "pageSize": size,
        "pagesFiltered": max(1, math.ceil(len(rows) / size)),
        "rows": len(part),
        "rowsFiltered": len(rows),
        "rowsTotal": len(rows),
    }
    listed = [{"name": name, "type": kind} for name, kind in types.items()]
    return {"status": "COMPLETE", "msg": "", "data": part, "fields": listed, "paging": paging}


def _positive(request: Mapping[str, object], name: str, default: int) -> int:
    value = request.get(name) or default
    if not str(value).isdecimal() or int(str(value)) < 1:
        raise ServiceError(f"{name} must be a positive number, not {value!r}")
    return int(str(value))


def _cone(params: Mapping[str, object]) -> tuple[dict[str, str], list[Row]]:
    position = [_number(params.get(name), name) for name in ("ra", "dec")]
    radius = _number(params.get("radius", 0.2), "radius")
    rows = [row | {"_selected_": None} for row in _near(position[0], position[1], radius)]
    return fields(OBSERVATIONS) | {"_selected_": "boolean"}, rows


def _filtered(params: Mapping[str, object]) -> tuple[dict[str, str], list[Row]]:
    types = fields(OBSERVATIONS)
    del types["distance"]
    return _choose(params, types, [observation_row(item) for item in observations()])


def _filtered_position(params: Mapping[str, object]) -> tuple[dict[str, str], list[Row]]:
    parts = str(params.get("position", "")).split(",")
    if len(parts) != 3:
        raise ServiceError("position must be 'ra, dec, radius' in degrees")
    ra, dec, radius = (_number(part, "position") for part in parts)
    return _choose(params, fields(OBSERVATIONS), _near(ra, dec, radius))


def _products(params: Mapping[str, object]) -> tuple[dict[str, str], list[Row]]:
    asked = [part.strip() for part in str(params.get("obsid", "")).split(",")]
    if not all(part.isdecimal() for part in asked):
        raise ServiceError(f"obsid must be numbers with commas between them: {params.get('obsid')}")
    chosen = [item for item in observations() if str(item.obsid) in asked]
    rows = [row | {"_selected_": None} for item in chosen for row in product_rows(item)]
    return fields(PRODUCTS) | {"_selected_": "boolean"}, rows


def _names(params: Mapping[str, object]) -> dict[str, object]:
    """Positions of a name, as the resolver's own service gives them."""
    form = str(params.get("format") or "json").lower()
    if form != "json":
        raise ServiceError(f"format={form} is not offered by the replica for names: json")
    return resolve([str(params.get("input") or "")], everywhere=False, resolver=None)


#: Columns of which ``Mast.Caom.All`` counts the values.
_COUNTED = (
    *("intentType", "obs_collection", "provenance_name", "instrument_name", "project"),
    *("filters", "wavelength_region", "dataproduct_type", "calib_level", "dataRights"),
)


def _overview(params: Mapping[str, object]) -> dict[str, object]:
    """Count the values of some columns over all observations, in the form of ``extjs``."""
    rows = [observation_row(item) for item in observations()]
    columns = [_counted_column(name, [row[name] for row in rows]) for name in _COUNTED]
    table = {"Columns": columns, "Rows": [], "Fields": [], "ExtendedProperties": {}}
    return {"status": "COMPLETE", "msg": "", "data": {"Tables": [table]}}


def _counted_column(name: str, cells: Sequence[object]) -> dict[str, object]:
    counts = Counter(str(cell) for cell in cells if cell is not None)
    listed = [{"key": value, "count": number} for value, number in counts.most_common()]
    found: dict[str, object] = {**counts, "hist": listed}
    return {"text": name, "dataIndex": name, "ExtendedProperties": {"histObj": found}}


#: Services that answer with a document of their own form.
_DOCUMENTS: Mapping[str, Callable[[Mapping[str, object]], dict[str, object]]] = {
    "Mast.Caom.All": _overview,
    "Mast.Name.Lookup": _names,
}
_Service = Callable[[Mapping[str, object]], tuple[dict[str, str], list[Row]]]
_SERVICES: Mapping[str, _Service] = {
    "Mast.Caom.Cone": _cone,
    "Mast.Caom.Filtered": _filtered,
    "Mast.Caom.Filtered.Position": _filtered_position,
    "Mast.Caom.Products": _products,
}


def _near(ra: float, dec: float, radius: float) -> list[Row]:
    """Rows whose footprint touches the circle; their ``distance`` is in arcseconds."""
    measured = [(item, _distance(item, ra, dec)) for item in observations()]
    return [
        observation_row(item) | {"distance": distance * _ARCSECONDS}
        for item, distance in measured
        if distance <= radius
    ]


def _distance(observation: Observation, ra: float, dec: float) -> float:
    return distance_to_footprint(observation.main, ra, dec)


def _number(value: object, name: str) -> float:
    try:
        number = float(str(value))
    except ValueError:
        raise ServiceError(f"{name} must be a number of degrees, not {value!r}") from None
    if not math.isfinite(number):
        raise ServiceError(f"{name} must be a finite number of degrees, not {value!r}")
    return number


def _choose(
    params: Mapping[str, object], types: dict[str, str], rows: list[Row]
) -> tuple[dict[str, str], list[Row]]:
    """Apply ``filters`` and ``columns`` to the rows."""
    names = {name.lower(): name for name in types}
    for item in _filters(params):
        name = names.get(str(item.get("paramName", "")).lower())
        if name is None:
            raise ServiceError(f"Invalid column name {item.get('paramName')!r} in filters")
        rows = [row for row in rows if _passes(row[name], item)]
    asked = params.get("columns", "*")
    if str(asked).upper().replace(" ", "") == "COUNT_BIG(*)":
        return {"Column1": "string"}, [{"Column1": len(rows)}]
    chosen = _columns(asked, names)
    return {name: types[name] for name in chosen}, [
        {name: row[name] for name in chosen} for row in rows
    ]


def _filters(params: Mapping[str, object]) -> list[Mapping[str, object]]:
    filters = params.get("filters") or []
    if not isinstance(filters, list) or not all(isinstance(item, Mapping) for item in filters):
        raise ServiceError("filters must be a list of objects with paramName and values")
    return filters


def _columns(asked: object, names: Mapping[str, str]) -> list[str]:
    listed = asked if isinstance(asked, list) else str(asked).split(",")
    wanted = [str(name).strip() for name in listed]
    if wanted == ["*"]:
        return list(names.values())
    unknown = [name for name in wanted if name.lower() not in names]
    if unknown:
        raise ServiceError(f"Invalid column name: {', '.join(unknown)}")
    return [names[name.lower()] for name in wanted]


def _passes(cell: object, item: Mapping[str, object]) -> bool:
    """Whether a cell has one of the values, lies in one of the ranges, or fits the wildcard."""
    values = item.get("values") or []
    if not isinstance(values, list):
        raise ServiceError("values of a filter must be a list")
    if cell is None:
        return False
    parts = _parts(cell, item.get("separator"))
    free_text = item.get("freeText")
    if free_text and any(_like(part, str(free_text)) for part in parts):
        return True
    return any(_is_value(cell, parts, value) for value in values)


def _parts(cell: object, separator: object) -> list[str]:
    """The cell's text, and its parts where the filter names a separator."""
    text = str(cell)
    return [text, *(part.strip() for part in text.split(str(separator)))] if separator else [text]


def _like(text: str, pattern: str) -> bool:
    """SQL's LIKE with ``%``; the client has turned ``*`` into ``%``."""
    return (
        re.fullmatch(
            ".*".join(re.escape(piece) for piece in pattern.split("%")),
            text,
            re.IGNORECASE | re.DOTALL,
        )
        is not None
    )


def _is_value(cell: object, parts: Sequence[str], value: object) -> bool:
    if isinstance(value, Mapping):
        low = _bound(value.get("min"), -math.inf)
        high = _bound(value.get("max"), math.inf)
        return isinstance(cell, (int, float)) and low <= cell <= high
    return str(value).casefold() in {part.casefold() for part in parts}


def _bound(value: object, default: float) -> float:
    return default if value is None else _number(value, "a filter's min or max")
