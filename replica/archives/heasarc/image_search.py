"""HEASARC's image search: ``/xamin/vo/sia?table=chanmaster``.

One row for each image, FITS and JPEG; ``access_url`` is a DataLink address that tells where
the file is, on HEASARC's server and in the cloud.
"""

from __future__ import annotations

from typing import Any

from starlette.datastructures import MultiDict

from replica.archives.heasarc import facts as chanmaster
from replica.archives.heasarc.facts import DATALINK, Observation
from replica.holdings import Product
from replica.protocols import votable
from replica.protocols.dali import RequestError
from replica.protocols.datalink import MEDIA_TYPE
from replica.protocols.obscore import obscore
from replica.protocols.sia1 import (
    INPUT_INTERSECT,
    INPUT_POS,
    ImageQuery,
    image_query,
    wants_metadata,
)
from replica.protocols.time import to_mjd
from replica.protocols.votable import Document, Field, Parameter

_FORMATS = ("image/fits", "image/jpeg")

_PIXELS = 1024
#: 10 keV and 0.1 keV, the ends of Chandra's band, as wavelengths in metres.
_EM_MIN, _EM_MAX = 1.24e-10, 1.24e-8

_FIELDS = (
    Field("obsid", "char*", "", "meta.id"),
    Field("status", "char*"),
    Field("name", "char*", "", "meta.id;src"),
    Field("ra", "double", "deg", "pos.eq.ra"),
    Field("dec", "double", "deg", "pos.eq.dec"),
    Field("time", "double", "d", "time.start"),
    Field("detector", "char*", "", "meta.id;instr.det"),
    Field("grating", "char*"),
    Field("exposure", "double", "s", "time.duration;obs.exposure"),
    Field("type", "char*"),
    Field("pi", "char*"),
    Field("public_date", "int", "d", "time.release"),
    Field("datalink", "char*"),
    *obscore(
        "t_min", "t_resolution", "t_max", "t_exptime", "em_res_power", "s_region", "s_ra", "s_dec"
    ),
    Field("s_resolution", "float", "arcsec", "pos.angResolution"),
    Field("access_estsize", "int", "kbyte", "phys.size;meta.file"),
    *obscore("s_fov", "o_ucd", "access_url"),
    Field("obs_publisher_did", "char*", "", "meta.ref.uri;meta.curation"),
    *obscore(
        "obs_id",
        "obs_collection",
        "obs_title",
        "target_name",
        "instrument_name",
        "facility_name",
        "pol_states",
        "calib_level",
        "access_format",
    ),
    Field("dataproduct_type", "char*", "", "meta.code.class"),
    *obscore("em_min", "em_max"),
    Field("SIA_title", "char*", "", "VOX:Image_Title"),
    Field("SIA_scale", "char*", "", "VOX:Image_Scale"),
    Field("SIA_naxis", "char*", "", "VOX:Image_Naxis"),
    Field("SIA_naxes", "int", "", "VOX:Image_Naxes"),
    Field("SIA_format", "char*", "", "VOX:Image_Format"),
    Field("SIA_reference", "char*", "", "VOX:Image_AccessReference"),
    Field("SIA_ra", "double", "deg", "POS_EQ_RA_MAIN"),
    Field("SIA_dec", "double", "deg", "POS_EQ_DEC_MAIN"),
    Field("SIA_instrument", "char*", "", "INST_ID"),
)
_INPUTS = (
    INPUT_POS,
    Parameter(Field("INPUT:SIZE", description="Size of the region in degrees"), ""),
    INPUT_INTERSECT,
    Parameter(Field("INPUT:FORMAT"), "ALL", ("ALL", "METADATA", "GRAPHIC", *_FORMATS)),
)


def answer(params: MultiDict) -> bytes:
    """Answer an image search with a VOTable.

    Raises
    ------
    RequestError
        If the parameters cannot be understood.
    """
    name = params.get("TABLE", "").lower()
    if name != chanmaster.TABLE:
        raise RequestError(f"the replica holds no table {name!r}: its table is chanmaster")
    rows: list[list[Any]] = []
    if not wants_metadata(params):
        query = image_query(params, _FORMATS)
        rows = [
            _row(observation, product)
            for observation in chanmaster.observations()
            for product in observation.products
            if _is_wanted(product, query)
        ]
    document = Document(name=name, description="Images of Chandra (simulated)", inputs=_INPUTS)
    return votable.results(_FIELDS, rows, document)


def _is_wanted(product: Product, query: ImageQuery) -> bool:
    return chanmaster.content_type(product) in query.formats and query.matches(product)


def _row(observation: Observation, product: Product) -> list[Any]:
    facts = chanmaster.facts(product) | _coverage(product) | _access(observation, product)
    facts |= _sia(product)
    return [facts[field.name] for field in _FIELDS]


def datalink_url(product: Product) -> str:
    """Address of the links of a product; the identifier in it is not percent-encoded."""
    return f"{DATALINK}?datalink_key&id={identifier(product)}"


def identifier(product: Product) -> str:
    """IVOA identifier of a product: the observation's, with the product behind it."""
    product_id = chanmaster.product_id(product)
    return f"ivo://nasa.heasarc/{chanmaster.TABLE}?{product.obs_id}/{product_id}"


def _coverage(product: Product) -> dict[str, Any]:
    """ObsCore columns: when, where on the sky and in which light; the region is left empty."""
    start = to_mjd(product.start)
    return {
        "t_min": start,
        "t_resolution": None,
        # The real service adds the seconds of exposure to the days; do not compute with it.
        "t_max": start + product.exposure,
        "t_exptime": product.exposure,
        "em_min": _EM_MIN,
        "em_max": _EM_MAX,
        "em_res_power": None,
        "s_region": "",
        "s_ra": product.ra,
        "s_dec": product.dec,
        "s_resolution": None,
        "s_fov": None,
        "o_ucd": "",
        "pol_states": "",
    }


def _access(observation: Observation, product: Product) -> dict[str, Any]:
    """ObsCore columns of a Chandra image: what it is and where to get it."""
    return {
        "datalink": f"{observation.row}:chandra.obs.img",
        "access_url": datalink_url(product),
        "access_format": MEDIA_TYPE,
        "access_estsize": None,
        "obs_publisher_did": identifier(product),
        "obs_id": product.obs_id,
        "obs_collection": f"CHANDRA {product.detector}",
        "obs_title": product.title,
        "target_name": product.target,
        "instrument_name": product.detector,
        "facility_name": "Chandra",
        "calib_level": 3,
        "dataproduct_type": "Image",
    }


def _sia(product: Product) -> dict[str, Any]:
    # Ten times the true scale, as the real service says; do not compute with it.
    scale = round(10 * product.width / _PIXELS, 7)
    return {
        "SIA_title": product.filename.removesuffix(".gz"),
        "SIA_scale": f"[-{scale} {scale}]",
        "SIA_naxis": f"[{_PIXELS} {_PIXELS}]",
        "SIA_naxes": 2,
        "SIA_format": chanmaster.content_type(product),
        "SIA_reference": datalink_url(product),
        "SIA_ra": product.ra,
        "SIA_dec": product.dec,
        "SIA_instrument": f"CHANDRA {product.detector}",
    }
