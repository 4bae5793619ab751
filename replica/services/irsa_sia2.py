"""IRSA's image search, version 2: ``/SIA``, after IVOA SIA 2.0 with ObsCore columns."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable
from typing import Any

from starlette.datastructures import MultiDict

from replica import regions, votable
from replica.adql_functions import to_mjd
from replica.geometry import corners, separation
from replica.holdings import Product
from replica.regions import Region, RegionError
from replica.services import irsa_images
from replica.services.irsa_images import BANDS, PIXELS, SCALE
from replica.services.parameters import RequestError, numbers, row_limit
from replica.votable import Document, Field

_MAXREC = 10_000
_RESOLUTION = {"W1": 6.1, "W2": 6.4, "W3": 6.5, "W4": 12.0}  # arcsec, WISE: Wright et al. 2010
_SUBTYPES = {"int": "science", "unc": "noise", "cov": "weight"}
_SPAN = 184.0  # days between the two scans of the Crab's field, half a year apart

_FIELDS = (
    Field("s_ra", "double", "deg", "pos.eq.ra"),
    Field("s_dec", "double", "deg", "pos.eq.dec"),
    Field("facility_name", "char*", "", "meta.id;instr.tel"),
    Field("instrument_name", "char*", "", "meta.id;instr"),
    Field("dataproduct_subtype", "char*", "", "meta.id"),
    Field("calib_level", "int", "", "meta.code;obs.calib"),
    Field("dataproduct_type", "char*", "", "meta.id"),
    Field("energy_bandpassname", "char*", "", "instr.bandpass"),
    Field("energy_emband", "char*", "", "instr.bandpass"),
    Field("obs_id", "char*", "", "meta.id"),
    Field("s_resolution", "double", "arcsec", "pos.angResolution"),
    Field("em_min", "double", "m", "em.wl;stat.min"),
    Field("em_max", "double", "m", "em.wl;stat.max"),
    Field("em_res_power", "double", "", "spect.resolution"),
    Field("access_url", "char*", "", "meta.ref.url"),
    Field("access_format", "char*", "", "meta.code.mime"),
    Field("access_estsize", "long", "kbyte", "phys.size;meta.file"),
    Field("t_exptime", "double", "s", "time.duration;obs.exposure"),
    Field("s_region", "char*", "", "pos.outline;obs.field"),
    Field("obs_collection", "char*", "", "meta.id"),
    Field("target_name", "char*", "", "meta.id;src"),
    Field("s_xel1", "long", "", "meta.number"),
    Field("s_xel2", "long", "", "meta.number"),
    Field("s_pixel_scale", "double", "arcsec", "phys.angSize;instr.pixel"),
    Field("t_min", "double", "d", "time.start;obs.exposure"),
    Field("t_max", "double", "d", "time.end;obs.exposure"),
    Field("t_resolution", "double", "s", "time.resolution"),
    Field("obs_publisher_did", "char*", "", "meta.ref.url;meta.curation"),
    Field("s_fov", "double", "deg", "phys.angSize;instr.fov"),
    Field("pol_states", "char*", "", "meta.code;phys.polarization"),
    Field("o_ucd", "char*", "", "meta.ucd"),
    Field("cloud_access", "char*"),
    Field("dist_to_point", "double", "deg", "pos.angDistance"),
)
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
Row = dict[str, Any]


def answer(given: MultiDict) -> tuple[bytes, str]:
    """Answer an image search.

    Returns
    -------
    tuple of bytes and str
        The table and its content type: a VOTable, or CSV when RESPONSEFORMAT says so.

    Raises
    ------
    RequestError
        If the parameters cannot be understood.
    """
    limit = row_limit(given, _MAXREC)
    form = (given.get("RESPONSEFORMAT") or "votable").lower()
    if "votable" not in form and "csv" not in form:
        raise RequestError(f"RESPONSEFORMAT={form} is not offered by the replica: votable or csv")
    rows = [row for row in map(_row, irsa_images.images()) if _fits(row, given)]
    circles = [_region(text) for text in given.getlist("POS") if text.upper().startswith("CIRCLE")]
    for row in rows:
        row["dist_to_point"] = _distance(row, circles)
    status = "OVERFLOW" if len(rows) > limit else "OK"
    cells = [[row[field.name] for field in _FIELDS] for row in rows[:limit]]
    if "csv" in form:
        return _csv(cells), "text/csv"
    return votable.results(_FIELDS, cells, Document(status=status)), votable.MEDIA_TYPE


def _fits(row: Row, given: MultiDict) -> bool:
    """Whether an image satisfies every parameter; of one that is repeated, any value."""
    places = [text for text in given.getlist("POS") if text]
    return (
        (not places or any(_touches(row["footprint"], text) for text in places))
        and all(_overlaps(row, name, given.getlist(name)) for name in _INTERVALS)
        and all(_equals(row[column], given.getlist(name)) for name, column in _WORDS.items())
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


def _distance(row: Row, circles: list[Region]) -> float | None:
    """Degrees from the nearest circle's centre to the image's centre."""
    distances = [separation(row["s_ra"], row["s_dec"], *circle.middle) for circle in circles]
    return min(distances, default=None)


def _csv(cells: list[list[Any]]) -> bytes:
    output = io.StringIO()
    writer = csv.writer(output, lineterminator="\n")
    writer.writerow(field.name for field in _FIELDS)
    writer.writerows(cells)
    return output.getvalue().encode()


def _row(image: Product) -> Row:
    """Describe a file; the footprint is kept beside the columns."""
    footprint = Region(tuple(corners(image)))
    return _where(image, footprint) | _what(image) | {"footprint": footprint}


def _where(image: Product, footprint: Region) -> Row:
    band, start = BANDS[image.band], to_mjd(image.start)
    return {
        "s_ra": image.ra,
        "s_dec": image.dec,
        "s_fov": math.hypot(image.width, image.height),
        "s_region": str(footprint).replace("POLYGON", "POLYGON ICRS"),
        "s_resolution": _RESOLUTION[image.band],
        "s_xel1": PIXELS,
        "s_xel2": PIXELS,
        "s_pixel_scale": SCALE * 3600,
        "em_min": band.lowest,
        "em_max": band.highest,
        "em_res_power": None,
        "t_min": start,
        "t_max": start + _SPAN,
        "t_resolution": None,
        "t_exptime": image.exposure,
    }


def _what(image: Product) -> Row:
    identifier = f"ivo://irsa.ipac/wise_allwise?{image.obs_id}/{image.obs_id}_{image.band}"
    size = (PIXELS * PIXELS * 4 + 5760) // 1024 if image.kind == "int" else None
    return {
        "facility_name": "WISE",
        "instrument_name": "WISE",
        "dataproduct_subtype": _SUBTYPES[image.kind],
        "dataproduct_type": "image",
        "calib_level": 3,
        "energy_bandpassname": image.band,
        "energy_emband": "Infrared",
        "obs_id": image.obs_id,
        "obs_collection": image.collection,
        "obs_publisher_did": identifier,
        "target_name": "",
        "pol_states": "",
        "o_ucd": "phot.count",
        "access_url": irsa_images.access_url(image),
        "access_format": "image/fits",
        "access_estsize": size,
        "cloud_access": irsa_images.cloud_access(image),
    }
