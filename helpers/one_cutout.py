"""Cut a stamp out of one remote image, reading only the rows that are needed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from helpers.cutout_header import cutout_header
from helpers.cutout_plan import Part, check_arguments, plan, slices_of
from helpers.image_hdu import HduName, find_image, read_part
from helpers.remote.fits_file import FitsFile, reading
from helpers.remote.fits_io import Location, open_file
from helpers.remote.http import FileChangedError
from helpers.wcs import celestial_axes, celestial_wcs

if TYPE_CHECKING:
    import numpy as np
    from astropy.coordinates import SkyCoord
    from astropy.io import fits
    from astropy.units import Quantity
    from astropy.wcs import WCS


@dataclass(frozen=True)
class Cutout:
    """A part of an image, with all that is needed to show or measure it.

    Attributes
    ----------
    data : numpy.ndarray
        Pixels, shape (ny, nx), in the unit of the header's BUNIT; a copy of its own.
    wcs : astropy.wcs.WCS
        Celestial WCS of `data`, distortions included.
    header : astropy.io.fits.Header
        The image's header for these pixels: the two celestial axes, and a WCS that is `wcs`,
        but for look-up tables of a distortion.
    partial : bool
        Whether the image ended before the cutout did, so that `data` is smaller than asked.
    url : str
        Where the image is.
    asked : tuple of slice
        Rows and columns that were asked for, counted in the image from 0; they may begin before
        it, or end behind it.
    etag : str
        What the server calls this version of the image's file; empty where none does.
    """

    data: np.ndarray
    wcs: WCS
    header: fits.Header
    partial: bool
    url: str
    asked: tuple[slice, slice]
    etag: str = ""

    @property
    def shape(self) -> tuple[int, ...]:
        """Rows and columns."""
        return self.data.shape

    def __reduce__(self) -> tuple[Any, ...]:
        try:
            wcs = self.wcs.__reduce__()
        except ValueError:
            # wcslib cannot write the WCS of a photographic plate, but the header has it.
            wcs = celestial_wcs, (self.header,)
        return _restored, (
            self.data,
            wcs,
            self.header,
            self.partial,
            self.url,
            self.asked,
            self.etag,
        )


def _restored(data: np.ndarray, wcs: tuple[Any, ...], *rest: Any) -> Cutout:
    make, arguments = wcs
    return Cutout(data, make(*arguments), *rest)


def cutout(
    location: Location,
    position: SkyCoord,
    size: Quantity | int,
    *,
    hdu: HduName | None = None,
    plane: int | None = None,
) -> Cutout:
    """Cut a stamp out of a remote or local image, fetching only the rows that it needs.

    Parameters
    ----------
    location : CloudLocation, str or pathlib.Path
        Where the image is; see `open_fits`.
    position : astropy.coordinates.SkyCoord
        Centre of the cutout.
    size : astropy.units.Quantity or int
        Width and height as an angle or in pixels; a pair means height and width.
    hdu : int, str or tuple, optional
        Number, name, or name and version of the image's HDU.  Default: the first HDU that
        has an image with a celestial WCS.
    plane : int, optional
        Which plane of a cube, counted from 0.

    Returns
    -------
    Cutout
        Pixels, WCS and header; its ``partial`` says whether the image's edge cut it.

    Raises
    ------
    CutoutError
        If position or size are of another kind, the cutout lies outside the image, or a cube
        is given without a plane.
    FitsError
        If the file is not FITS, or has no such image.
    DownloadError
        If the file cannot be read.
    """
    check_arguments(position, size, plane)
    try:
        return _cut(location, position, size, hdu, plane)
    except FileChangedError:
        # What was remembered of the file is forgotten by now: once more, from its beginning.
        return _cut(location, position, size, hdu, plane)


def _cut(
    location: Location,
    position: SkyCoord,
    size: Quantity | int,
    hdu: HduName | None,
    plane: int | None,
) -> Cutout:
    file = open_file(location)
    with file.open() as hdus, reading(file.name):
        number, image = find_image(file.name, hdus, hdu)
        axes, wcs = celestial_axes(image.header), file.wcs(number, hdus)
        part = plan(file.name, image.shape, axes, wcs, position, size)
        data = read_part(file, number, image, slices_of(file.name, image.shape, part, plane))
        return cutout_of(file, wcs, cutout_header(image.header, part), part, data)


def cutout_of(
    file: FitsFile, wcs: WCS, header: fits.Header, part: Part, pixels: np.ndarray
) -> Cutout:
    """Put a cutout together from the pixels of a part, its header, and the image's WCS."""
    return Cutout(
        data=pixels.reshape(part.shape).copy(),
        wcs=wcs.slice((part.rows, part.columns)),
        header=header,
        partial=part.partial,
        url=file.name,
        asked=part.asked,
        etag=file.etag,
    )
