"""IRSA's files: ``/ibe/data/wise/allwise/p3am_cdd``, whole or cut out.

A path that ends with ``.md5`` is a checksum, one that ends with a slash a list of the folder;
``?center=ra,dec&size=...`` cuts out a part of an image.
"""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import io
import re

from starlette.datastructures import MultiDict
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from replica.archives.irsa import facts as irsa_images
from replica.archives.irsa.facts import SCALE
from replica.holdings import Product
from replica.protocols.dali import RequestError, numbers, parameters
from replica.storage import directory_listing
from replica.storage.cache import ensure
from replica.storage.file_response import product_response

FITS = "image/x-fits"
#: A gzipped file is sent as what it is: no Content-Encoding, so that clients keep it gzipped.
GZIP = "application/x-gzip"
TEXT = "text/plain"

#: Degrees in the units of size and center.
_UNITS = {"pix": SCALE, "px": SCALE, "deg": 1.0, "arcmin": 1 / 60, "arcsec": 1 / 3600}
_WITH_UNIT = re.compile(r"([-+.\deE,\s]+?)\s*(pix|px|deg|arcmin|arcsec)?")


async def data(request: Request) -> Response:
    """Answer with a file, a part of it, its checksum, or the list of a folder."""
    path = request.path_params["path"]
    products = irsa_images.products()
    product = directory_listing.find(products, irsa_images.key_of(path.removesuffix(".md5")))
    if product is None:
        folder = f"{path.rstrip('/')}/" if path else ""
        paths = [irsa_images.path_of(each) for each in products]
        return directory_listing.listing(paths, folder, request.url.path)
    if path.endswith(".md5"):
        return PlainTextResponse(await asyncio.to_thread(_md5, product))
    params = await parameters(request)
    if "CENTER" in params or "SIZE" in params:
        return await _cutout_response(product, params)
    media_type = {"gz": GZIP, "tbl": TEXT}.get(product.key.rpartition(".")[2], FITS)
    return await product_response(request, product, media_type)


def _md5(product: Product) -> str:
    digest = hashlib.md5(ensure(product).read_bytes(), usedforsecurity=False)
    return f"{digest.hexdigest()}  {product.filename}\n"


async def _cutout_response(product: Product, params: MultiDict) -> Response:
    """Send a cutout, gzipped unless the request says ``gzip=false``."""
    try:
        if product.key.endswith(".tbl"):
            raise RequestError(f"{product.filename} is a table: a cutout is taken from an image")
        centre = _position(params.get("CENTER", ""))
        width, height = _size(params.get("SIZE", ""))
        content = await asyncio.to_thread(cutout, product, *centre, width, height)
    except RequestError as problem:
        return PlainTextResponse(f"{problem}\n", 400)
    name, media_type = product.filename.removesuffix(".gz"), FITS
    if params.get("GZIP", "").lower() not in ("false", "0", "no"):
        content = await asyncio.to_thread(gzip.compress, content, 6, mtime=0)
        name, media_type = f"{name}.gz", GZIP
    disposition = {"content-disposition": f'attachment; filename="{name}"'}
    return Response(content, media_type=media_type, headers=disposition)


def _position(text: str) -> tuple[float, float]:
    values, unit = _quantity("center", text)
    if len(values) != 2 or unit not in ("", "deg"):
        raise RequestError(f"center={text} is not a position in degrees such as 83.6,22.0")
    return values[0], values[1]


def _size(text: str) -> tuple[float, float]:
    """Width and height in degrees; degrees are also meant where no unit is given."""
    values, unit = _quantity("size", text)
    if len(values) not in (1, 2) or not all(0 < value < 1e6 for value in values):
        raise RequestError(f"size={text} is not one or two sizes such as 200pix or 0.1,0.2deg")
    return values[0] * _UNITS[unit or "deg"], values[-1] * _UNITS[unit or "deg"]


def _quantity(name: str, text: str) -> tuple[list[float], str]:
    if not text:
        raise RequestError(f"{name} is needed: a cutout is ?center=83.6,22.0&size=200pix")
    match = _WITH_UNIT.fullmatch(text)
    if match is None:
        raise RequestError(f"{name}={text} is not numbers with pix, deg, arcmin or arcsec")
    return numbers(name, match[1], ","), match[2] or ""


def cutout(product: Product, ra: float, dec: float, width: float, height: float) -> bytes:
    """Cut a part out of an image.

    Parameters
    ----------
    product : Product
        Its file's first HDU is the image.
    ra, dec, width, height : float
        Centre and size of the part, degrees; what reaches beyond the image is left out.

    Returns
    -------
    bytes
        A FITS file with the image's header and the part's own reference pixel.

    Raises
    ------
    RequestError
        If the image holds nothing of the part.
    """
    from astropy import units
    from astropy.coordinates import SkyCoord
    from astropy.io import fits
    from astropy.nddata import Cutout2D, NoOverlapError
    from astropy.wcs import WCS

    output = io.BytesIO()
    with fits.open(ensure(product)) as hdus:
        image, size = hdus[0], (height, width) * units.deg
        try:
            part = Cutout2D(image.data, SkyCoord(ra, dec, unit="deg"), size, WCS(image.header))
        except (NoOverlapError, ValueError) as problem:
            raise RequestError(f"the image does not reach {ra:g},{dec:g}: {problem}") from problem
        header = image.header.copy()
        for axis in (0, 1):
            header[f"CRPIX{axis + 1}"] -= part.origin_original[axis]
        fits.PrimaryHDU(part.data, header).writeto(output)
    return output.getvalue()
