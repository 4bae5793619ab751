"""IRSA's image search, version 2: ``/SIA``, after IVOA SIA 2.0 with ObsCore columns.

A row is a file of a band; the columns, their order and their values are those of IRSA's own
service.
"""

from __future__ import annotations

import math
from functools import lru_cache

from starlette.datastructures import MultiDict

from replica.archives.irsa import facts as irsa_images
from replica.archives.irsa.facts import PIXELS, SCALE
from replica.holdings import Product
from replica.protocols import table_formats
from replica.protocols.dali import row_limit
from replica.protocols.obscore import obscore
from replica.protocols.regions import Point, Region
from replica.protocols.sia2 import Row, select_images
from replica.protocols.time import to_mjd
from replica.protocols.votable import Document, Field

_MAXREC = 10_000
_FORMATS = (*table_formats.FORMATS, table_formats.IPAC_TABLE)
#: Files of a tile in the order in which IRSA lists them, which is none that a rule gives.
#: Those of W3 and W1 are recorded, the others are a choice with the recorded number of rows.
_FILES = {
    "W3": ("int", "art-H", "cov", "art-P", "mfflag", "art-D", "art-O", "unc"),
    "W4": ("art-D", "cov", "int", "art-O", "mfflag", "unc", "art-P", "art-H"),
    "W2": ("art-P", "art-H", "int", "art-D", "cov", "mfflag", "unc"),
    "W1": ("unc", "art-P", "art-H", "art-D", "mfflag", "int", "cov"),
}
_SUBTYPES = {"int": "science", "unc": "noise", "cov": "weight"}  # all others are auxiliary
_CONTENT_TYPES = {"fits": "image/fits", "gz": "application/x-gzip", "tbl": "text/plain"}
_RESOLUTION = {"W1": 6.1, "W2": 6.4, "W3": 6.5, "W4": 12.0}  # arcsec, WISE: Wright et al. 2010
#: Shortest and longest wavelength, metres: rounder than those of version 1.
_LIMITS = {"W1": (3e-6, 4e-6), "W2": (4e-6, 5e-6), "W3": (8e-6, 1.6e-5), "W4": (2e-5, 2.4e-5)}
#: Days from the first frame to the last, as in the headers.
_SPAN = {"W1": 193.5, "W2": 193.5, "W3": 5.0, "W4": 5.0}

_ID, _KEYWORD = "meta.id", "meta.note"
_FIELDS = (
    *obscore("s_ra", "s_dec", "facility_name", "instrument_name"),
    Field("dataproduct_subtype", "char*", "", _ID),
    Field("calib_level", "short", "", "meta.code;obs.calib"),
    Field("dataproduct_type", "char*", "", _ID),
    Field("energy_bandpassname", "char*", "", "instr.bandpass"),
    Field("energy_emband", "char*", "", "instr.bandpass"),
    *obscore("obs_id"),
    Field("s_resolution", "double", "arcsec", "pos.angResolution"),
    *obscore("em_min", "em_max", "em_res_power"),
    Field("proposal_title", "char*", "", "meta.title;obs.proposal"),
    *obscore("access_url", "access_format"),
    Field("access_estsize", "long", "kbyte", "phys.size;meta.file"),
    *obscore("t_exptime"),
    Field("s_region", "char*", "deg", "pos.outline;obs.field"),
    *obscore("obs_collection"),
    Field("obs_intent", "char*", "", _ID),
    Field("algorithm_name", "char*", "", _ID),
    Field("facility_keywords", "char*", "", _KEYWORD),
    Field("instrument_keywords", "char*", "", _KEYWORD),
    Field("environment_photometric", "boolean", "", "meta.code"),
    Field("proposal_id", "char*", "", "meta.id;obs.proposal"),
    Field("proposal_pi", "char*", "", "meta.id.PI;obs.proposal"),
    Field("proposal_project", "char*", "", "meta.id;obs.proposal"),
    *obscore("target_name"),
    Field("target_type", "char*", "", "meta.id;src"),
    Field("target_standard", "boolean", "", "meta.code"),
    Field("target_moving", "boolean", "", "meta.code"),
    Field("target_keywords", "char*", "", _KEYWORD),
    Field("obs_release_date", "char*", "", "time.release"),
    Field("s_xel1", "long", "", "meta.number"),
    Field("s_xel2", "long", "", "meta.number"),
    Field("s_pixel_scale", "double", "arcsec", "phys.angSize;instr.pixel"),
    Field("position_timedependent", "boolean", "", "meta.code"),
    *obscore("t_min", "t_max", "t_resolution"),
    Field("t_xel", "long", "", "meta.number"),
    Field("obs_publisher_did", "char*", "", "meta.ref.url;meta.curation"),
    *obscore("s_fov"),
    Field("em_xel", "long", "", "meta.number"),
    *obscore("pol_states"),
    Field("pol_xel", "long", "", "meta.number"),
    Field("cloud_access", "char*"),
    *obscore("o_ucd"),
    Field("upload_row_id", "long", "", "meta.number"),
)

#: What is the same for every file, or missing.
_CONSTANTS: Row = {
    **dict.fromkeys(field.name for field in _FIELDS),
    "facility_name": "Wide-field Infrared Survey Explorer",
    "instrument_name": "WISE",
    "calib_level": 3,
    "dataproduct_type": "image",
    "energy_emband": "Infrared",
    "proposal_title": "Wide-field Infrared Survey Explorer - AllWISE Atlas Images",
    "obs_intent": "science",
    "algorithm_name": "mosaic",
    "proposal_pi": "Edward L. Wright",
    "proposal_project": "WISE",
    "target_type": "field",
    "target_name": "",
    "target_standard": False,
    "target_moving": False,
    "obs_release_date": "2013-11-13 00:00:00",
    "s_xel1": PIXELS,
    "s_xel2": PIXELS,
    "s_pixel_scale": 1.375,
    "position_timedependent": False,
    "s_fov": PIXELS * SCALE,
}


def answer(params: MultiDict) -> tuple[bytes, str]:
    """Answer an image search.

    Returns
    -------
    tuple of bytes and str
        The table in the format that RESPONSEFORMAT says, and its content type.

    Raises
    ------
    RequestError
        If the parameters cannot be understood.
    """
    limit = row_limit(params, _MAXREC)
    form = table_formats.find(params.get("RESPONSEFORMAT", ""), _FORMATS, "RESPONSEFORMAT")
    rows = select_images(observations(), params)
    about = Document(status="OVERFLOW" if len(rows) > limit else "OK")
    cells = [[row[field.name] for field in _FIELDS] for row in rows[:limit]]
    return form.write(_FIELDS, cells, about), form.media_type


@lru_cache(maxsize=1)
def observations() -> tuple[Row, ...]:
    """Return all files by the names of the columns; a file of all bands is there for each."""
    tiles = dict.fromkeys(image.obs_id for image in irsa_images.products())
    return tuple(
        _row(_product(tile, band, kind), band)
        for tile in tiles
        for band, kinds in _FILES.items()
        for kind in kinds
    )


def _product(tile: str, band: str, kind: str) -> Product:
    own = irsa_images.products(obs_id=tile, kind=kind)
    return next(product for product in own if product.band in (band, ""))


def _row(product: Product, band: str) -> Row:
    """Describe a file; the footprint is kept beside the columns."""
    image = irsa_images.products(obs_id=product.obs_id, band=band, kind="int")[0]
    return _CONSTANTS | _image(image) | _file(product)


def _image(image: Product) -> Row:
    start, vertices = to_mjd(image.start), _vertices(image)
    closed = " ".join(f"{number:.12f}" for vertex in (*vertices, vertices[0]) for number in vertex)
    identifier = f"{image.obs_id}/{image.obs_id}_{image.band}"
    return {
        "s_ra": image.ra,
        "s_dec": image.dec,
        "energy_bandpassname": image.band,
        "obs_id": image.obs_id,
        "s_resolution": _RESOLUTION[image.band],
        "em_min": _LIMITS[image.band][0],
        "em_max": _LIMITS[image.band][1],
        "t_exptime": image.exposure,
        "s_region": f"POLYGON ICRS {closed}",
        "obs_collection": image.collection,
        "t_min": start,
        "t_max": start + _SPAN[image.band],
        "obs_publisher_did": f"ivo://irsa.ipac/{image.collection}?{identifier}",
        "footprint": Region(tuple(vertices)),
    }


def _file(product: Product) -> Row:
    return {
        "dataproduct_subtype": _SUBTYPES.get(product.kind, "auxiliary"),
        "access_url": irsa_images.access_url(product),
        "access_format": _CONTENT_TYPES[product.key.rpartition(".")[2]],
        "cloud_access": irsa_images.cloud_access(product),
    }


def _vertices(image: Product) -> list[Point]:
    """Corners of an image as IRSA's regions have them: south-east first, then south-west.

    As recorded, they are the pixels -0.5 and 4095.5 in the count of FITS: on the east and south
    sides one pixel beyond the edge, on the others the edge.
    """
    half, first, last = (PIXELS + 1) / 2, -0.5, PIXELS + 0.5
    pixels = ((first, first), (last, first), (last, last), (first, last))
    return [_orthographic((half - x) * SCALE, (y - half) * SCALE, image) for x, y in pixels]


def _orthographic(east: float, north: float, image: Product) -> Point:
    """Position at an offset in degrees from an image's centre, in the projection SIN.

    Formulae: Calabretta & Greisen 2002, A&A 395, 1077, section 5.1.5.
    """
    x, y = math.radians(east), math.radians(north)
    depth = math.sqrt(1 - x * x - y * y)
    sin0, cos0 = math.sin(math.radians(image.dec)), math.cos(math.radians(image.dec))
    turn = math.atan2(x, depth * cos0 - y * sin0)
    return (image.ra + math.degrees(turn)) % 360, math.degrees(math.asin(depth * sin0 + y * cos0))
