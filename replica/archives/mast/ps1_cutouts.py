"""Cutouts of Pan-STARRS' images: ``ps1images.stsci.edu/cgi-bin/fitscut.cgi``.

Parameters: https://hla.stsci.edu/fitscutcgi_interface.html.  A FITS cutout has linear flux in
place of the stack's asinh code (https://outerspace.stsci.edu/display/PANSTARRS/, "PS1 Stack
images"), one HDU of float32 and the image's own cards with a shifted reference pixel; fitscut adds
RADESYS and TIMESYS and drops what describes code and compression.  Pixels beyond the image are
NaN, and so are those of a mask that are 0, as users of the real service have found.  How the
brightness of a picture is chosen is not on record in detail: here an asinh curve between the
percentiles that ``autoscale`` leaves out.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.nddata import NoOverlapError, overlap_slices
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from starlette.datastructures import MultiDict

from replica.archives.mast.ps1_files import product_at
from replica.holdings import Product
from replica.protocols.dali import RequestError, numbers
from replica.protocols.geometry import offsets
from replica.simulation.photometry import POGSON

_DROPPED = (
    *("XTENSION", "EXTNAME", "PCOUNT", "GCOUNT", "BZERO", "BSCALE", "BLANK", "ZBLANK"),
    *("BSOFTEN", "BOFFSET", "CHECKSUM", "DATASUM"),
)
#: Formats of an answer and their content types.
_FORMATS = {"jpg": "image/jpeg", "jpeg": "image/jpeg", "png": "image/png", "fits": "image/fits"}
_LARGEST = 10_000  # pixels of a side
_COMMENT = "simulated data"


@dataclass(frozen=True)
class CutoutQuery:
    """What a request asks for.

    Attributes
    ----------
    products : tuple of Product
        One image, or those of the red, green and blue channels.
    centre : tuple of float
        Right ascension and declination in degrees, or a pixel if `by_pixel` (the first is 1).
    by_pixel : bool
        Whether `centre` is a pixel.
    size : int
        Pixels of each side.
    output_size : int
        Pixels of each side of a picture.
    form : str
        A key of the formats: jpg, png or fits.
    autoscale : float
        Percentage of the pixels between black and white.
    """

    products: tuple[Product, ...]
    centre: tuple[float, float]
    by_pixel: bool
    size: int
    output_size: int
    form: str
    autoscale: float

    @property
    def media_type(self) -> str:
        """Content type of the answer."""
        return _FORMATS[self.form]


def read_query(params: MultiDict) -> CutoutQuery:
    """Read the parameters of a request, by their names in capitals.

    Raises
    ------
    RequestError
        If one is missing or cannot be understood.
    """
    names = [params[name] for name in ("RED", "GREEN", "BLUE") if params.get(name)]
    form = (params.get("FORMAT") or "jpg").lower()
    if form not in _FORMATS:
        raise RequestError(f"format={form} is not one of jpg, png, fits")
    if len(names) not in (1, 3) or (form == "fits" and len(names) > 1):
        raise RequestError("red is needed; for a picture in colour green and blue too, not in FITS")
    by_pixel = not params.get("RA")
    place = ("X", "Y") if by_pixel else ("RA", "DEC")
    size = _whole(params, "SIZE", 240)
    return CutoutQuery(
        products=tuple(map(_product, names)),
        centre=(_number(params, place[0]), _number(params, place[1])),
        by_pixel=by_pixel,
        size=size,
        output_size=_whole(params, "OUTPUT_SIZE", size),
        form=form,
        autoscale=_number(params, "AUTOSCALE", 99.5),
    )


def _product(path: str) -> Product:
    product = product_at(path)
    if product is None:
        raise RequestError(f"{path} is not an image of the replica: ps1filenames.py lists them")
    return product


def _number(params: MultiDict, name: str, default: float | None = None) -> float:
    values = numbers(name.lower(), params.get(name) or str("" if default is None else default))
    if len(values) != 1 or not np.isfinite(values[0]):
        raise RequestError(f"{name.lower()} is needed: one number")
    return values[0]


def _whole(params: MultiDict, name: str, default: int) -> int:
    value = round(_number(params, name, default))
    if not 1 <= value <= _LARGEST:
        raise RequestError(f"{name.lower()}={value} is not between 1 and {_LARGEST} pixels")
    return value


def cut_out(query: CutoutQuery, paths: Sequence[Path]) -> bytes:
    """Return the file that a request asks for.

    Parameters
    ----------
    query : CutoutQuery
        What is asked.
    paths : sequence of pathlib.Path
        Files of its products.
    """
    stamps = [_stamp(path, query) for path in paths]
    if query.form != "fits":
        return _picture([stamp.data for stamp in stamps], query)
    output = io.BytesIO()
    stamps[0].writeto(output)
    return output.getvalue()


def _stamp(path: Path, query: CutoutQuery) -> fits.PrimaryHDU:
    """Cut a square out of an image: rows are decompressed only as far as it needs them."""
    with fits.open(path) as hdus:
        image = hdus[1]
        header = image.header.copy()
        x, y = query.centre if query.by_pixel else pixel(header, *query.centre)
        shape = (query.size, query.size)
        try:
            theirs, ours = overlap_slices(image.shape, shape, (y - 1, x - 1), mode="partial")
        except NoOverlapError:
            raise RequestError("the cutout lies outside of the image") from None
        values = np.full(shape, np.nan, np.float32)
        values[ours] = _values(image.section[theirs], header)
    shift = [theirs[axis].start - ours[axis].start for axis in (1, 0)]
    return fits.PrimaryHDU(values, _cards(header, shift))


def pixel(header: fits.Header, ra: float, dec: float) -> tuple[float, float]:
    """Pixel of a position in degrees, in the gnomonic projection of a skycell's header.

    Raises
    ------
    RequestError
        If it is on the far side of the sky.
    """
    offset = offsets(ra, dec, header["CRVAL1"], header["CRVAL2"])
    if offset is None:
        raise RequestError(f"ra={ra}, dec={dec} is on the other side of the sky")
    x = header["CRPIX1"] + header["PC001001"] * offset[0] / header["CDELT1"]
    return x, header["CRPIX2"] + offset[1] / header["CDELT2"]


def _values(cells: np.ndarray, header: fits.Header) -> np.ndarray:
    """Flux of a stack's code; of a mask, NaN where nothing is masked; others as they are."""
    if "BSOFTEN" in header:
        return header["BOFFSET"] + 2 * header["BSOFTEN"] * np.sinh(cells / POGSON)
    return np.where(cells == 0, np.nan, cells) if cells.dtype.kind == "u" else cells


def _cards(header: fits.Header, shift: Sequence[int]) -> fits.Header:
    for name in _DROPPED:
        header.remove(name, ignore_missing=True)
    for axis, step in enumerate(shift, start=1):
        place = header[f"CRPIX{axis}"] - step
        header[f"CRPIX{axis}"] = (place, "Reference pixel shifted for cutout")
    header["RADESYS"] = ("FK5", "added by fitscut")
    header["TIMESYS"] = ("TAI", "added by fitscut")
    header.add_history("Cut out by the replica's fitscut")
    return header


def _picture(channels: Sequence[np.ndarray], query: CutoutQuery) -> bytes:
    """Draw one channel in grey, or three in colour; north is up, as the rows of the image are."""
    levels = [_levels(channel[::-1], query.autoscale) for channel in channels]
    picture = Image.fromarray(levels[0] if len(levels) == 1 else np.dstack(levels))
    if query.output_size != query.size:
        method = Image.Resampling.BOX
        picture = picture.resize((query.output_size, query.output_size), method)
    output = io.BytesIO()
    if query.form == "png":
        about = PngInfo()
        about.add_text("Comment", _COMMENT)
        picture.save(output, "PNG", pnginfo=about)
    else:
        picture.save(output, "JPEG", quality=90, comment=_COMMENT)
    return output.getvalue()


def _levels(channel: np.ndarray, autoscale: float) -> np.ndarray:
    """Grey levels from 0 to 255; what is blank is black."""
    known = channel[np.isfinite(channel)]
    if known.size == 0:
        return np.zeros(channel.shape, np.uint8)
    out = max(100 - autoscale, 0) / 2
    low, high = np.percentile(known, (out, 100 - out))
    scaled = np.clip((channel - low) / max(high - low, 1e-6), 0, 1)
    return np.nan_to_num(255 * np.arcsinh(10 * scaled) / np.arcsinh(10)).astype(np.uint8)
