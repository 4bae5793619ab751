"""Which pixels of an image a cutout takes."""

from __future__ import annotations

import reprlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from helpers.errors import CutoutError, FitsError
from helpers.remote.byte_ranges import Slices
from helpers.wcs import pixel_of

if TYPE_CHECKING:
    from astropy.coordinates import SkyCoord
    from astropy.units import Quantity
    from astropy.wcs import WCS

#: More pixels than any axis has.
_ENDLESS = 2**53


@dataclass(frozen=True)
class Part:
    """A part of an image, a rectangle on its celestial axes.

    Attributes
    ----------
    axes : tuple of int
        Numbers of these axes in the header, x before y.
    rows, columns : slice
        The part, from 0.
    asked : tuple of slice
        The rows and columns that were asked for; they may begin before 0 or end behind the image.
    """

    axes: tuple[int, ...]
    rows: slice
    columns: slice
    asked: tuple[slice, slice]

    @property
    def partial(self) -> bool:
        """Whether the image ends before what was asked for does."""
        return (self.rows, self.columns) != self.asked

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.rows.stop - self.rows.start, self.columns.stop - self.columns.start


def check_arguments(position: SkyCoord, size: Quantity | int, plane: int | None) -> None:
    """Refuse what astropy would read as something else: pixels as degrees, and the like.

    Raises
    ------
    CutoutError
        If the position is not one SkyCoord, the size not one or two positive angles or numbers
        of pixels, or the plane no number.
    """
    import numpy as np
    from astropy.coordinates import SkyCoord

    if not isinstance(position, SkyCoord) or not position.isscalar:
        shown = reprlib.repr(position)
        raise CutoutError(f"the position of a cutout is one SkyCoord, not {shown}")
    lengths = size if isinstance(size, list | tuple) else np.atleast_1d(size)
    if len(lengths) not in (1, 2) or not all(map(_is_length, lengths)):
        raise CutoutError(f"the size of a cutout is a positive angle or pixels, not {size!r}")
    if plane is not None and not isinstance(plane, int | np.integer):
        raise CutoutError(f"the plane of a cutout is a number from 0 on, not {plane!r}")


def _is_length(length: Any) -> bool:
    import numpy as np
    from astropy import units as u

    if isinstance(length, u.Quantity):
        known = length.unit.is_equivalent(u.deg) or length.unit == u.pixel
        return known and length.isscalar and bool(0 < length.value < np.inf)
    return isinstance(length, int | np.integer) and bool(length > 0)


def plan(
    name: str,
    shape: tuple[int, ...],
    axes: tuple[int, ...],
    wcs: WCS,
    position: SkyCoord,
    size: Quantity | int,
    *,
    pixel: tuple[float, float] | None = None,
    lengths: tuple[int, int] | None = None,
) -> Part:
    """Work out which part of an image a cutout is.

    Parameters
    ----------
    name : str
        The file, for messages.
    shape : tuple of int
        Lengths of all axes of the image, as numpy has them.
    axes : tuple of int
        Numbers of the celestial axes in the header, in rising order.
    wcs : astropy.wcs.WCS
        That of the image on these axes.
    position, size
        As for `helpers.cutout`.
    pixel : tuple of float, optional
        x and y of the position, where they are known already.
    lengths : tuple of int, optional
        Height and width in pixels, where they are known already; see `pixels_of_size`.

    Raises
    ------
    CutoutError
        If the part lies outside the image, or is less than a pixel.
    FitsError
        If there is a distortion of other axes than the first two, which no convention knows.
    """
    from astropy.nddata import NoOverlapError, overlap_slices

    if wcs.has_distortion and axes != (1, 2):
        raise FitsError(f"{name} has a distortion, but its celestial axes are {axes}", name)
    height, width = (shape[-axis] for axis in reversed(axes))
    x, y = pixel or _pixel(name, (height, width), wcs, position, size)
    shape_asked = lengths or pixels_of_size(name, wcs, size)
    try:
        parts, inner = overlap_slices((height, width), shape_asked, (y, x), mode="partial")
    except (NoOverlapError, ValueError) as error:
        raise _outside(name, (height, width), wcs, position, size) from error
    starts = [part.start - within.start for part, within in zip(parts, inner, strict=True)]
    rows, columns = (
        slice(start, start + length) for start, length in zip(starts, shape_asked, strict=True)
    )
    return Part(axes, parts[0], parts[1], (rows, columns))


def _pixel(
    name: str, shape: tuple[int, int], wcs: WCS, position: SkyCoord, size: Quantity | int
) -> tuple[float, float]:
    from astropy.wcs import NoConvergence

    try:
        return pixel_of(wcs, position)
    except NoConvergence as error:
        # Far from an image the polynomials of its distortion have no solution.
        raise _outside(name, shape, wcs, position, size) from error
    except (ArithmeticError, AttributeError, LookupError, OSError, TypeError, ValueError) as error:
        place = " ".join(repr(position).split())
        raise CutoutError(
            f"{place} cannot be expressed in the coordinates of {name}: {error}", name
        ) from error


def pixels_of_size(name: str, wcs: WCS, size: Quantity | int) -> tuple[int, int]:
    """Return height and width in pixels; an angle is measured along each axis.

    Raises
    ------
    CutoutError
        If either is less than half a pixel.
    """
    import numpy as np

    lengths = list(size) if isinstance(size, list | tuple) else list(np.atleast_1d(size))
    column, row = wcs.proj_plane_pixel_scales()
    height, width = _number(lengths[0], row), _number(lengths[-1], column)
    if not height or not width:
        raise CutoutError(f"{size} is less than a pixel of {name}", name)
    return height, width


def _number(length: Any, scale: Quantity) -> int:
    """How many pixels a length is, where a pixel is as long as `scale`."""
    from astropy import units as u

    if isinstance(length, u.Quantity):
        length = round(float(length.value if length.unit == u.pixel else length / scale))
    return min(int(length), _ENDLESS)


def _outside(
    name: str, shape: tuple[int, int], wcs: WCS, position: SkyCoord, size: Quantity | int
) -> CutoutError:
    middle = wcs.pixel_to_world(*((length - 1) / 2 for length in reversed(shape)))
    return CutoutError(
        f"a cutout of {size} about {_degrees(position)} lies outside {name}, whose centre is "
        f"{_degrees(middle)} (degrees)",
        name,
    )


def _degrees(position: SkyCoord) -> str:
    return str(position.to_string("decimal", precision=4))


def slices_of(name: str, shape: tuple[int, ...], part: Part, plane: int | None) -> Slices:
    """Return the slices of a part, in numpy's order; all axes but the celestial ones are one long.

    Raises
    ------
    CutoutError
        If the image is a cube and no plane of it is named, or it has no such plane.
    """
    others = [n for n in range(1, len(shape) + 1) if n not in part.axes and shape[-n] > 1]
    if len(others) > 1:
        raise CutoutError(f"{name} has more than three axes: {shape}", name)
    planes = shape[-others[0]] if others else 1
    if plane is None and planes > 1:
        raise CutoutError(f"{name} is a cube of {planes} planes: name one by plane=", name)
    if plane is not None and not 0 <= plane < planes:
        raise CutoutError(f"{name} has no plane {plane} in its shape {shape}", name)
    first = plane or 0
    wanted = dict.fromkeys(others, slice(first, first + 1))
    wanted |= zip(part.axes, (part.columns, part.rows), strict=True)
    return tuple(wanted.get(axis, slice(0, 1)) for axis in range(len(shape), 0, -1))
