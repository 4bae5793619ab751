"""Which HDU of a file is the image to cut out of, and the pixels of a part of it."""

from __future__ import annotations

import os
from contextlib import nullcontext
from functools import lru_cache
from threading import Lock
from typing import TYPE_CHECKING, Any

from helpers.errors import FitsError
from helpers.remote.byte_ranges import Slices
from helpers.remote.fits_file import FitsFile, message_of
from helpers.remote.sparse_file import MERGE_GAP
from helpers.wcs import celestial_axes

if TYPE_CHECKING:
    import numpy as np
    from astropy.io import fits

HduName = int | str | tuple[str, int]


def find_image(name: str, hdus: fits.HDUList, wanted: HduName | None) -> tuple[int, Any]:
    """Return number and HDU of the wanted image, or of the first one with a place on the sky.

    Raises
    ------
    FitsError
        If the file has no such image.
    """
    if wanted is not None:
        number = _number_of(name, hdus, wanted)
        if _is_on_the_sky(hdus[number]):
            return number, hdus[number]
        raise FitsError(f"{name} has no image with celestial coordinates in HDU {wanted!r}", name)
    for number, hdu in enumerate(hdus):
        if _is_on_the_sky(hdu):
            return number, hdu
    raise FitsError(f"{name} has no image with celestial coordinates", name)


def _number_of(name: str, hdus: fits.HDUList, wanted: HduName) -> int:
    try:
        number: int = hdus.index_of(wanted)
        # Reads as far as this one, which a number alone does not.
        hdus[number]
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        raise FitsError(f"{name} has no HDU {wanted!r}: {message_of(error)}", name) from error
    return number


def _is_on_the_sky(hdu: Any) -> bool:
    return hdu.is_image and bool(celestial_axes(hdu.header)) and 0 not in hdu.shape


def read_part(file: FitsFile, number: int, image: Any, slices: Slices) -> np.ndarray:
    """Fetch and decode a part of an image; whole rows where they are fetched as one anyway.

    astropy reads whole rows at once, but parts of rows one by one.

    Parameters
    ----------
    file : FitsFile
        The file, opened.
    number, image : int and HDU
        Which of its HDUs.
    slices : tuple of slice
        The part, in numpy's order of axes.
    """
    from astropy.io import fits

    rows, columns = slices, slice(None)
    row_bytes = image.shape[-1] * abs(image.header["BITPIX"]) // 8
    if not isinstance(image, fits.CompImageHDU) and row_bytes <= MERGE_GAP:
        rows, columns = (*slices[:-1], slice(0, image.shape[-1])), slices[-1]
    file.prefetch(number, image, rows)
    return decoded(image, rows)[..., columns]


def decoded(image: Any, slices: Slices) -> np.ndarray:
    """Return the pixels of a part of an image, of which all bytes are known."""
    is_hcompress = getattr(image, "compression_type", "") == "HCOMPRESS_1"
    with _hcompress(os.getpid()) if is_hcompress else nullcontext():
        pixels: np.ndarray = image.section[slices]
        return pixels


@lru_cache(maxsize=1)
def _hcompress(process: int) -> Lock:
    """One lock for a process: the decoder of CFITSIO keeps its state in static variables."""
    return Lock()
