"""Cut a stamp out of one remote image, reading only the rows that are needed."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from helpers.cutout_header import PartHeaders
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
class Source:
    """What all cutouts of an image share.

    Attributes
    ----------
    url, etag : str
        Where the image is, and what the server calls this version of its file.
    wcs : astropy.wcs.WCS
        Celestial WCS of the image.
    headers : PartHeaders
        The headers of its parts.
    """

    url: str
    etag: str
    wcs: WCS
    headers: PartHeaders

    @classmethod
    def of(cls, file: FitsFile, image: Any, wcs: WCS) -> Source:
        """Return what is shared by the cutouts of an image of a file."""
        headers = PartHeaders(image.header, celestial_axes(image.header))
        return cls(file.name, file.etag, wcs, headers)

    def __reduce__(self) -> tuple[Any, ...]:
        try:
            wcs = self.wcs.__reduce__()
        except ValueError:
            # wcslib cannot write the WCS of a photographic plate, but the header has it.
            wcs = celestial_wcs, (self.headers.of(*self._all()),)
        return _restored, (self.url, self.etag, wcs, self.headers)

    def _all(self) -> tuple[slice, slice]:
        columns, rows = self.wcs.pixel_shape
        return slice(0, rows), slice(0, columns)


def _restored(url: str, etag: str, wcs: tuple[Any, ...], headers: PartHeaders) -> Source:
    make, arguments = wcs
    return Source(url, etag, make(*arguments), headers)


@dataclass(frozen=True)
class Cutout:
    """A part of an image, with all that is needed to show or measure it.

    WCS and header are made when they are first asked for: they take longer than the pixels.

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
    _source: Source = field(repr=False)
    _part: Part = field(repr=False)

    @cached_property
    def wcs(self) -> WCS:
        with reading(self.url):
            return self._source.wcs.slice((self._part.rows, self._part.columns))

    @cached_property
    def header(self) -> fits.Header:
        return self._source.headers.of(self._part.rows, self._part.columns)

    @property
    def partial(self) -> bool:
        return self._part.partial

    @property
    def url(self) -> str:
        return self._source.url

    @property
    def asked(self) -> tuple[slice, slice]:
        return self._part.asked

    @property
    def etag(self) -> str:
        return self._source.etag

    @property
    def shape(self) -> tuple[int, ...]:
        """Rows and columns."""
        return self.data.shape

    def asked_header(self) -> str:
        """Return the header of all that was asked for, as text, where the image ended before."""
        return self._source.headers.text_of(*self.asked)

    def __reduce__(self) -> tuple[Any, ...]:
        # Many cutouts of an image share its source, which pickle keeps once.  A header that was
        # asked for may have been changed since.
        made = {"header": self.header} if "header" in self.__dict__ else None
        return Cutout, (self.data, self._source, self._part), made


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
        source = Source.of(file, image, file.wcs(number, hdus))
        axes = celestial_axes(image.header)
        part = plan(file.name, image.shape, axes, source.wcs, position, size)
        data = read_part(file, number, image, slices_of(file.name, image.shape, part, plane))
        return Cutout(data.reshape(part.shape).copy(), source, part)
