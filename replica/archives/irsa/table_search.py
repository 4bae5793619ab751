"""IRSA's search of the table of images: ``/ibe/search/wise/allwise/p3am_cdd``.

Parameters: https://irsa.ipac.caltech.edu/ibe/queries.html; the columns are a part of those of
the Atlas Image Inventory Table (AllWISE Explanatory Supplement).
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from starlette.datastructures import MultiDict

from replica.archives.irsa import facts as irsa_images
from replica.archives.irsa.facts import BANDS, PIXELS, SCALE
from replica.holdings import Product
from replica.protocols import table_formats
from replica.protocols.adql import query
from replica.protocols.dali import RequestError
from replica.protocols.geometry import corners
from replica.protocols.sia1 import image_query
from replica.protocols.tables import Table
from replica.protocols.votable import Document, Field

_FORMATS = (table_formats.IPAC_TABLE, *table_formats.FORMATS)
_MAXREC = 50_000
_NAMES = re.compile(r"\*|\w+(\s*,\s*\w+)*")
_CORNERS = tuple(
    Field(f"{name}{number}", "double", "deg", "", f"{meaning} of corner {number}")
    for number in range(1, 5)
    for name, meaning in (("ra", "Right ascension"), ("dec", "Declination"))
)
_FIELDS = (
    Field("coadd_id", description="Name of the tile"),
    Field("band", "int", description="Number of the band"),
    Field("naxis1", "int", "pixel", description="Pixels of a row"),
    Field("naxis2", "int", "pixel", description="Rows"),
    Field("crpix1", "double", "pixel", description="Reference pixel, axis 1"),
    Field("crpix2", "double", "pixel", description="Reference pixel, axis 2"),
    Field("crval1", "double", "deg", "pos.eq.ra", "Right ascension of that pixel"),
    Field("crval2", "double", "deg", "pos.eq.dec", "Declination of that pixel"),
    Field("ctype1", description="Projection, axis 1"),
    Field("ctype2", description="Projection, axis 2"),
    Field("cdelt1", "double", "deg", description="Scale, axis 1"),
    Field("cdelt2", "double", "deg", description="Scale, axis 2"),
    Field("crota2", "double", "deg", description="Turn of the image"),
    *_CORNERS,
    Field("magzp", "double", "mag", description="Magnitude of one count"),
    Field("magzpunc", "double", "mag", description="Uncertainty of magzp"),
)


def images_table(images: Iterable[Product]) -> Table:
    """Return the table of images, one a tile and band."""
    rows = tuple(map(_row, images))
    return Table("wise_allwise_p3am_cdd", "AllWISE Atlas images", _FIELDS, rows)


def _row(image: Product) -> tuple[object, ...]:
    band, centre = BANDS[image.band], (PIXELS + 1) / 2
    return (
        *(image.obs_id, int(image.band[1:])),
        *(PIXELS, PIXELS, centre, centre),
        *(image.ra, image.dec, "RA---SIN", "DEC--SIN", -SCALE, SCALE, 0.0),
        *(number for corner in corners(image) for number in corner),
        *(band.zero_point, band.zero_point_error),
    )


def answer(params: MultiDict) -> tuple[bytes, str]:
    """Answer a search by position (POS, SIZE, INTERSECT, mcen) and by values (where).

    Returns
    -------
    tuple of bytes and str
        The table, by default as IPAC's text, and its content type.

    Raises
    ------
    RequestError, QueryError
        If the parameters cannot be understood.
    """
    form = table_formats.find(params.get("CT") or "ipac_table", _FORMATS, "ct")
    columns = params.get("COLUMNS") or "*"
    if not _NAMES.fullmatch(columns):
        raise RequestError(f"columns={columns} is not a list of columns parted by commas")
    where = f" WHERE {params['WHERE']}" if params.get("WHERE") else ""
    table = images_table(_in_region(params))
    result = query([table], f"SELECT {columns} FROM {table.name}{where}", _MAXREC)
    return form.write(result.fields, result.rows, Document()), form.media_type


def _in_region(params: MultiDict) -> list[Product]:
    """The images that lie to POS as asked; without POS, all."""
    images = irsa_images.products(kind="int")
    if not params.get("POS"):
        return images
    region = MultiDict({"SIZE": "0", **params})
    asked = image_query(region, ("image/fits",))
    found = [image for image in images if asked.matches(image)]
    return irsa_images.most_centred(found, asked.ra, asked.dec) if "MCEN" in params else found
