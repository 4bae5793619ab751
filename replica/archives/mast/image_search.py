"""MAST's image search, SIA 1: ``/portal/Mashup/VoQuery.asmx/SiaV1?MISSION=PS1&``.

Columns, their order and the forms of their values are those of an answer of the real service of
2025.  UCDs are those of SIA 1.0, section 4.2, as none is on record; as there, the reference pixel
is the middle of the image.  Wavelengths are in metres: the real ones are too short by 1e9.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from starlette.datastructures import MultiDict

from replica.archives.mast.caom import (
    Observation,
    observation_row,
    observations,
    product_rows,
    scale,
)
from replica.archives.mast.caom_tables import DOWNLOAD, pixels
from replica.holdings import Product, buckets
from replica.protocols import votable
from replica.protocols.sia1 import (
    INPUT_INTERSECT,
    INPUT_POS,
    INPUT_SIZE,
    image_query,
    wants_metadata,
)
from replica.protocols.votable import Document, Field, Parameter

_FORMATS = ("image/fits",)
_MJD_ZERO = datetime(1858, 11, 17)
_METRES = 1e-9  # of a nanometre

_FIELDS = (
    Field("productType", description="SCIENCE, AUXILIARY and so on"),
    Field("imageFormat", "char*", "", "VOX:Image_Format", "Content type of the file"),
    Field("contentLength", "int", "byte", "VOX:Image_FileSize", "Size of the file"),
    Field("name", "char*", "", "VOX:Image_Title", "Name of the file"),
    Field("collection", description="Mission"),
    Field("insname", "char*", "", "INST_ID", "Instrument"),
    Field("metaRelease", description="When the metadata became public"),
    Field("dataRelease", description="When the data became public"),
    Field("trgposRA", "double", "deg", "POS_EQ_RA_MAIN", "Right ascension of the centre"),
    Field("trgPosDec", "double", "deg", "POS_EQ_DEC_MAIN", "Declination of the centre"),
    Field("s_region", "char*", "", "pos.outline", "Outline on the sky"),
    Field("position_naxes", "int", "", "VOX:Image_Naxes", "Number of axes"),
    Field("position_naxis", "int*", "", "VOX:Image_Naxis", "Pixels along each axis"),
    Field("position_scale", "double*", "deg/pix", "VOX:Image_Scale", "Scale of each axis"),
    Field("crpix", "double*", "pix", "VOX:WCS_CoordRefPixel", "Reference pixel"),
    Field("crval", "double*", "deg", "VOX:WCS_CoordRefValue", "Position of that pixel"),
    Field("cdmatrix", "double*", "deg/pix", "VOX:WCS_CDMatrix", "CD matrix"),
    Field("coordFrame", "char*", "", "VOX:STC_CoordRefFrame", "Frame of the coordinates"),
    Field("projection", "char[3]", "", "VOX:WCS_CoordProjection", "Projection"),
    Field("position_ctype1", description="Type of axis 1"),
    Field("position_ctype2", description="Type of axis 2"),
    Field("position_cunit1", description="Unit of axis 1"),
    Field("position_cunit2", description="Unit of axis 2"),
    Field("timBoundsSTCS", description="Start and end, modified Julian dates"),
    Field("time_bounds_cval1", "double", "d", "time.start", "Start"),
    Field("time_bounds_cval2", "double", "d", "time.end", "End"),
    Field("time_bounds_center", "double", "d", "VOX:Image_MJDateObs", "Middle of the exposure"),
    Field("timExposure", "double", "s", "time.duration;obs.exposure", "Exposure time"),
    Field("energy_bandpassName", "char*", "", "VOX:BandPass_ID", "Filter"),
    Field("energy_bounds_cval1", "double", "", "VOX:BandPass_LoLimit", "Shortest wavelength"),
    Field("energy_bounds_cval2", "double", "", "VOX:BandPass_HiLimit", "Longest wavelength"),
    Field("energy_bounds_center", "double", "", "VOX:BandPass_RefValue", "Middle wavelength"),
    Field("energy_units", "char*", "", "VOX:BandPass_Unit", "Unit of the wavelengths"),
    Field("publisherDID", description="Identifier of the observation"),
    Field("accessURL", "char*", "", "VOX:Image_AccessReference", "Address of the file"),
    Field("cloud_access", description="Where the copy in the cloud is, as JSON"),
)
_INPUTS = (
    INPUT_POS,
    INPUT_SIZE,
    INPUT_INTERSECT,
    Parameter(Field("INPUT:FORMAT"), "ALL", ("ALL", "METADATA", "GRAPHIC", *_FORMATS)),
    Parameter(Field("INPUT:MISSION", description="Collection, such as PS1; all without it"), ""),
)


def answer(params: MultiDict) -> bytes:
    """Answer an image search with a VOTable.

    Raises
    ------
    RequestError
        If the parameters cannot be understood.
    """
    rows: list[list[Any]] = []
    if not wants_metadata(params):
        query = image_query(params, _FORMATS)
        rows = [
            [facts[field.name] for field in _FIELDS]
            for observation in observations()
            if (params.get("MISSION") or observation.main.collection).upper()
            == observation.main.collection
            if "image/fits" in query.formats and query.matches(observation.main)
            for facts in _rows(observation)
        ]
    document = Document("images", "Images of MAST (simulated)", inputs=_INPUTS)
    return votable.results(_FIELDS, rows, document)


def _rows(observation: Observation) -> list[dict[str, Any]]:
    shared = _coverage(observation)
    return [
        {**shared, **_file(product, row)}
        for product, row in zip(observation.products, product_rows(observation), strict=True)
    ]


def _file(product: Product, row: dict[str, Any]) -> dict[str, Any]:
    size = [round(side) for side in pixels(product)]
    step = scale(product)
    return {
        "productType": row["productType"],
        "imageFormat": "image/fits",
        "contentLength": row["size"],
        "name": product.filename,
        "position_naxes": 2,
        "position_naxis": size,
        "position_scale": [-step, step],
        "crpix": [(side + 1) / 2 for side in size],
        "cdmatrix": [-step, -0.0, -0.0, step],
        "accessURL": f"{DOWNLOAD}{row['dataURI']}",
        "cloud_access": _cloud_access(product),
    }


def _cloud_access(product: Product) -> str:
    """Where the copy is, in MAST's own spelling; empty without one."""
    if not product.bucket:
        return ""
    place = f'"bucket_name":"{product.bucket}","region":"{buckets()[product.bucket]}"'
    return f'{{"aws": {{{place},"access":"open","key":"{product.key}"}}}}'


def _coverage(observation: Observation) -> dict[str, Any]:
    """What all files of an observation have in common."""
    row: dict[str, Any] = observation_row(observation)
    release = _american(row["t_obs_release"])
    wavelengths = [row[name] * _METRES for name in ("em_min", "em_max")]
    return {
        "collection": row["obs_collection"],
        "insname": row["instrument_name"],
        "metaRelease": release,
        "dataRelease": release,
        "trgposRA": row["s_ra"],
        "trgPosDec": row["s_dec"],
        "s_region": row["s_region"],
        "crval": [row["s_ra"], row["s_dec"]],
        "coordFrame": "ICRS",
        "projection": "TAN",
        "position_ctype1": "RA---TAN",
        "position_ctype2": "DEC--TAN",
        "position_cunit1": "deg",
        "position_cunit2": "deg",
        "timBoundsSTCS": f"RANGE {row['t_min']:.6f} {row['t_max']:.6f}",
        "time_bounds_cval1": row["t_min"],
        "time_bounds_cval2": row["t_max"],
        "time_bounds_center": (row["t_min"] + row["t_max"]) / 2,
        "timExposure": row["t_exptime"],
        "energy_bandpassName": row["filters"],
        "energy_bounds_cval1": wavelengths[0],
        "energy_bounds_cval2": wavelengths[1],
        "energy_bounds_center": sum(wavelengths) / 2,
        "energy_units": "meters",
        "publisherDID": f"ivo://archive.stsci.edu/{row['obs_collection']}?{row['obsid']}",
    }


def _american(mjd: float) -> str:
    """Write a date as MAST's server does: ``4/28/2010 10:52:02 PM``."""
    time = _MJD_ZERO + timedelta(days=mjd)
    hour = time.hour % 12 or 12
    clock = f"{hour}:{time:%M:%S} {'PM' if time.hour >= 12 else 'AM'}"
    return f"{time.month}/{time.day}/{time.year} {clock}"
