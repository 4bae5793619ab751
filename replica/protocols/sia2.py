"""Queries of the Simple Image Access protocol, version 2: IVOA SIA 2.0, with ObsCore columns."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from starlette.datastructures import MultiDict

from replica.protocols import regions
from replica.protocols.dali import RequestError, numbers
from replica.protocols.regions import Region, RegionError

#: Parameters that are intervals, and the columns that bound the image (SIA 2.0, section 2.1).
_INTERVALS = {
    "BAND": ("em_min", "em_max"),
    "TIME": ("t_min", "t_max"),
    "FOV": ("s_fov", "s_fov"),
    "SPATRES": ("s_resolution", "s_resolution"),
    "SPECRP": ("em_res_power", "em_res_power"),
    "EXPTIME": ("t_exptime", "t_exptime"),
    "TIMERES": ("t_resolution", "t_resolution"),
}
#: Parameters that are words, and the column that must equal one of them.
_WORDS = {
    "COLLECTION": "obs_collection",
    "FACILITY": "facility_name",
    "INSTRUMENT": "instrument_name",
    "DPTYPE": "dataproduct_type",
    "CALIB": "calib_level",
    "TARGET": "target_name",
    "ID": "obs_publisher_did",
    "FORMAT": "access_format",
}

#: An image by the names of ObsCore's columns, and its region under the name ``footprint``.
Row = dict[str, Any]


def select_images(images: Iterable[Row], params: MultiDict) -> list[Row]:
    """Return the images that satisfy every parameter.

    Each gets ``upload_row_id``: the number of the first POS that it meets, None without one.

    Raises
    ------
    RequestError
        If the parameters cannot be understood.
    """
    places = [text for text in params.getlist("POS") if text]
    found = []
    for row in images:
        number = _first_met(row, places)
        if (number or not places) and _fits(row, params):
            found.append(row | {"upload_row_id": number})
    return found


def _first_met(row: Row, places: list[str]) -> int | None:
    """Number of the first place that an image touches, counted from 1."""
    met = (number for number, text in enumerate(places, 1) if _touches(row["footprint"], text))
    return next(met, None)


def _fits(row: Row, params: MultiDict) -> bool:
    """Whether an image satisfies every parameter but POS; of one that is repeated, any value."""
    return all(_overlaps(row, name, params.getlist(name)) for name in _INTERVALS) and all(
        _equals(row[column], params.getlist(name)) for name, column in _WORDS.items()
    )


def _touches(footprint: Region, text: str) -> bool:
    if text.upper().startswith("RANGE"):
        return _in_range(footprint, text)
    return regions.intersects(footprint, _region(text))


def _region(text: str) -> Region:
    try:
        return regions.parse(text)
    except RegionError as problem:
        raise RequestError(f"POS={text}: {problem}") from problem


def _in_range(footprint: Region, text: str) -> bool:
    """Whether an image reaches into ``RANGE ra1 ra2 dec1 dec2``, infinite ends allowed."""
    ends = numbers("POS", text[len("RANGE") :])
    if len(ends) != 4 or ends[0] > ends[1] or ends[2] > ends[3]:
        raise RequestError(f"POS={text} is not RANGE with two right ascensions, two declinations")
    centre = footprint.middle[0]
    ras = [centre + (ra - centre + 180) % 360 - 180 for ra, _ in footprint.vertices]
    decs = [dec for _, dec in footprint.vertices]
    in_ra = any(
        min(ras) + turn <= ends[1] and max(ras) + turn >= ends[0] for turn in (-360, 0, 360)
    )
    return in_ra and min(decs) <= ends[3] and max(decs) >= ends[2]


def _overlaps(row: Row, name: str, intervals: list[str]) -> bool:
    low, high = (row[column] for column in _INTERVALS[name])
    wanted = [_interval(name, text) for text in intervals if text]
    if not wanted or low is None:
        return not wanted
    return any(low <= end and high >= start for start, end in wanted)


def _interval(name: str, text: str) -> tuple[float, float]:
    ends = numbers(name, text)
    if len(ends) not in (1, 2) or any(map(math.isnan, ends)):
        raise RequestError(f"{name}={text} is not one number or an interval of two")
    return ends[0], ends[-1]


def _equals(value: Any, wanted: Iterable[str]) -> bool:
    words = [word for word in wanted if word]
    return not words or str(value) in words
