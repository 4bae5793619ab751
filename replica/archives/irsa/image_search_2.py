"""IRSA's image search, version 2: ``/SIA``, after IVOA SIA 2.0 with ObsCore columns."""

from __future__ import annotations

import csv
import io
import math
from typing import Any

from starlette.datastructures import MultiDict

from replica.archives.irsa import facts as irsa_images
from replica.archives.irsa.facts import BANDS, PIXELS, SCALE
from replica.holdings import Product
from replica.protocols import votable
from replica.protocols.dali import RequestError, row_limit
from replica.protocols.geometry import corners
from replica.protocols.obscore import obscore
from replica.protocols.regions import Region
from replica.protocols.sia2 import Row, select_images
from replica.protocols.time import to_mjd
from replica.protocols.votable import Document, Field

_MAXREC = 10_000
_RESOLUTION = {"W1": 6.1, "W2": 6.4, "W3": 6.5, "W4": 12.0}  # arcsec, WISE: Wright et al. 2010
_SUBTYPES = {"int": "science", "unc": "noise", "cov": "weight"}
_SPAN = 184.0  # days between the two scans of the Crab's field, half a year apart

_FIELDS = (
    *obscore("s_ra", "s_dec", "facility_name", "instrument_name"),
    Field("dataproduct_subtype", "char*", "", "meta.id"),
    *obscore("calib_level"),
    Field("dataproduct_type", "char*", "", "meta.id"),
    Field("energy_bandpassname", "char*", "", "instr.bandpass"),
    Field("energy_emband", "char*", "", "instr.bandpass"),
    *obscore("obs_id"),
    Field("s_resolution", "double", "arcsec", "pos.angResolution"),
    *obscore("em_min", "em_max", "em_res_power", "access_url", "access_format"),
    Field("access_estsize", "long", "kbyte", "phys.size;meta.file"),
    *obscore("t_exptime", "s_region", "obs_collection", "target_name"),
    Field("s_xel1", "long", "", "meta.number"),
    Field("s_xel2", "long", "", "meta.number"),
    Field("s_pixel_scale", "double", "arcsec", "phys.angSize;instr.pixel"),
    *obscore("t_min", "t_max", "t_resolution"),
    Field("obs_publisher_did", "char*", "", "meta.ref.url;meta.curation"),
    *obscore("s_fov", "pol_states", "o_ucd"),
    Field("cloud_access", "char*"),
    Field("dist_to_point", "double", "deg", "pos.angDistance"),
)


def answer(params: MultiDict) -> tuple[bytes, str]:
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
    limit = row_limit(params, _MAXREC)
    form = (params.get("RESPONSEFORMAT") or "votable").lower()
    if "votable" not in form and "csv" not in form:
        raise RequestError(f"RESPONSEFORMAT={form} is not offered by the replica: votable or csv")
    rows = select_images(map(_row, irsa_images.images()), params)
    status = "OVERFLOW" if len(rows) > limit else "OK"
    cells = [[row[field.name] for field in _FIELDS] for row in rows[:limit]]
    if "csv" in form:
        return _csv(cells), "text/csv"
    return votable.results(_FIELDS, cells, Document(status=status)), votable.MEDIA_TYPE


def observations() -> list[Row]:
    """Return all images by the names of ObsCore's columns."""
    return [_row(image) for image in irsa_images.images()]


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
