"""IRSA's image search, version 1: ``/ibe/sia/wise/allwise/p3am_cdd``.

Columns, their UCDs and the constants are those of IRSA's own service; see
https://irsa.ipac.caltech.edu/ibe/sia_v1.html
"""

from __future__ import annotations

from typing import Any

from starlette.datastructures import MultiDict

from replica.archives.irsa import facts as irsa_images
from replica.archives.irsa.facts import BANDS, PIXELS, SCALE
from replica.holdings import Product
from replica.protocols import votable
from replica.protocols.sia1 import (
    INPUT_INTERSECT,
    INPUT_POS,
    INPUT_SIZE,
    image_query,
    wants_metadata,
)
from replica.protocols.votable import Document, Field, Parameter

VERSION = "1.2"
_FORMATS = ("image/fits",)

_FIELDS = (
    Field("sia_title", "char*", "", "VOX:Image_Title", "Title of the image"),
    Field("sia_url", "char*", "", "VOX:Image_AccessReference", "Address of the image"),
    Field("cloud_access", "char*", "", "", "Where the copy in the cloud is, as JSON"),
    Field("sia_naxes", "int", "", "VOX:Image_Naxes", "Number of axes"),
    Field("sia_fmt", "char*", "", "VOX:Image_Format", "Content type of the image"),
    Field("sia_ra", "double", "deg", "POS_EQ_RA_MAIN", "Right ascension of the centre"),
    Field("sia_dec", "double", "deg", "POS_EQ_DEC_MAIN", "Declination of the centre"),
    Field("sia_naxis", "int*", "", "VOX:Image_Naxis", "Pixels along each axis"),
    Field("sia_crpix", "double*", "pix", "VOX:WCS_CoordRefPixel", "Reference pixel"),
    Field("sia_crval", "double*", "deg", "VOX:WCS_CoordRefValue", "Position of that pixel"),
    Field("sia_proj", "char[3]", "", "VOX:WCS_CoordProjection", "Projection"),
    Field("sia_scale", "double*", "deg/pix", "VOX:Image_Scale", "Scale of each axis"),
    Field("sia_cd", "double*", "deg/pix", "VOX:WCS_CDMatrix", "CD matrix"),
    Field("sia_bp_id", "char*", "", "VOX:BandPass_ID", "Band"),
    Field("sia_bp_ref", "double", "", "VOX:BandPass_RefValue", "Wavelength of the band"),
    Field("sia_bp_hi", "double", "", "VOX:BandPass_HiLimit", "Longest wavelength"),
    Field("sia_bp_lo", "double", "", "VOX:BandPass_LoLimit", "Shortest wavelength"),
    Field("sia_bp_unit", "char*", "", "VOX:BandPass_Unit", "Unit of the wavelengths"),
    Field("magzp", "double", "", "", "Magnitude of one count"),
    Field("magzpunc", "double", "", "", "Uncertainty of magzp"),
    Field("unc_url", "char*", "", "", "Address of the uncertainty map"),
    Field("cov_url", "char*", "", "", "Address of the coverage map"),
    Field("coadd_id", "char*", "", "", "Name of the tile"),
)
_PARAMETERS = (
    Parameter(Field("sia_pixflags", "char*", "", "VOX:Image_PixFlags"), "CZ"),
    Parameter(Field("sia_radesys", "char*", "", "VOX:STC_CoordRefFrame"), "FK5"),
    Parameter(Field("sia_equinox", "double", "", "VOX:STC_CoordEquinox"), 2000.0),
)
_INPUTS = (
    INPUT_POS,
    INPUT_SIZE,
    INPUT_INTERSECT,
    Parameter(
        Field("INPUT:FORMAT", description="Format of the images"),
        "ALL",
        ("ALL", "image/fits", "METADATA"),
    ),
    Parameter(Field("INPUT:mcen", description="Most centred images only"), ""),
)


def answer(params: MultiDict) -> bytes:
    """Answer an image search with a VOTable.

    Raises
    ------
    RequestError
        If the parameters cannot be understood.
    """
    found: list[Product] = []
    if not wants_metadata(params):
        query = image_query(params, _FORMATS)
        found = [image for image in irsa_images.products(kind="int") if query.matches(image)]
        if "MCEN" in params:
            found = irsa_images.most_centred(found, query.ra, query.dec)
    document = Document(
        name="p3am_cdd",
        description="AllWISE Atlas images",
        version=VERSION,
        inputs=_INPUTS,
        parameters=_PARAMETERS,
    )
    return votable.results(_FIELDS, map(_row, found), document)


def _row(image: Product) -> list[Any]:
    band, centre = BANDS[image.band], (PIXELS + 1) / 2
    return [
        f"{image.band} Coadd {image.obs_id}",
        irsa_images.access_url(image),
        irsa_images.cloud_access(image),
        2,
        "image/fits",
        *(image.ra, image.dec),
        [PIXELS, PIXELS],
        [centre, centre],
        [image.ra, image.dec],
        "SIN",
        [-SCALE, SCALE],
        [-SCALE, -0.0, -0.0, SCALE],
        image.band,
        *(band.wavelength, band.highest, band.lowest, "m"),
        *(band.zero_point, band.zero_point_error),
        irsa_images.access_url(irsa_images.companion(image, "unc")),
        irsa_images.access_url(irsa_images.companion(image, "cov")),
        image.obs_id,
    ]
