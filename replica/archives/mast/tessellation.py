"""How Pan-STARRS divides the sky: the tessellation RINGS.V3, projection cells and skycells.

Projection cells of 4 degrees stand in zones of declination, 4 degrees apart from pole to pole;
those of a zone are equally spaced in right ascension, and each has its own tangent plane.  Each
is divided into 10 by 10 skycells, numbered by rows from the south-east, that overlap by 480
pixels: https://outerspace.stsci.edu/display/PANSTARRS/PS1+Sky+tessellation+patterns.

That page gives the number of cells of a zone as a table.  Here it is computed: as many as do not
leave a cell narrower than 4 degrees where the zone is widest.  The rule gives the numbers of all
cells that are recorded, from 0635 to 2643.  The size of a skycell is assumed to be the smallest
that leaves no gap to the neighbouring cells; that gives the 6279 by 6261 pixels of zone 28, the
only size that was seen in a header.  The reference pixel is the one of that header, too.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

from astropy.wcs import WCS

PIXEL = 6.94444461259988e-05  # degrees, as the real headers have it
_STEP = 4.0  # degrees from zone to zone
_EQUATOR = 23  # the first zone north of the equator
_POLE = 45
_SIDE = 10  # skycells along each side of a projection cell
_OVERLAP = 480
_PIXELS_PER_DEGREE = 14400
#: Reference pixel of skycell 055, east and north of its cell's middle.
_REFERENCE_PIXEL = (241.0, 242.0)
#: Tangent points whose last digits in the headers differ from the rule's.
_RECORDED_TANGENTS = {1784: (85.7142791747971, 21.9999999999992)}


@dataclass(frozen=True)
class Skycell:
    """One image of the tessellation.

    Attributes
    ----------
    name : str
        Projection cell and skycell, as ``1784.059``.
    tangent : tuple of float
        Tangent point of the projection, degrees.
    reference_pixel : tuple of float
        Where that point lies on the pixels of this skycell, counted from 1.
    width, height : int
        Pixels.
    """

    name: str
    tangent: tuple[float, float]
    reference_pixel: tuple[float, float]
    width: int
    height: int

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.height, self.width

    def wcs(self) -> WCS:
        """Return the celestial coordinates of the pixels."""
        wcs = WCS(naxis=2)
        wcs.wcs.ctype = "RA---TAN", "DEC--TAN"
        wcs.wcs.crval, wcs.wcs.crpix = self.tangent, self.reference_pixel
        wcs.wcs.cdelt = -PIXEL, PIXEL
        return wcs


@lru_cache(maxsize=64)
def skycell(name: str) -> Skycell:
    """Return the skycell of a name as ``1784.059``.

    Raises
    ------
    ValueError
        If the cell does not lie between the equator and the northernmost zone.
    """
    projection_cell, number = (int(part) for part in name.split("."))
    zone = _zone_of_cell(projection_cell)
    width, height = _steps(zone)
    row, column = divmod(number, _SIDE)
    x, y = _REFERENCE_PIXEL
    return Skycell(
        name,
        _RECORDED_TANGENTS.get(projection_cell, _tangent(zone, projection_cell)),
        (x + width * (_SIDE / 2 - column), y + height * (_SIDE / 2 - row)),
        width + _OVERLAP,
        height + _OVERLAP,
    )


def skycell_at(ra: float, dec: float) -> str:
    """Return the name of the skycell whose middle is nearest to a position, degrees.

    Raises
    ------
    ValueError
        If the position does not lie between the equator and the northernmost zone.
    """
    zone = _checked(_EQUATOR + int(dec // _STEP) if dec >= 0 else -1)
    if dec < _south_end(zone):
        zone -= 1  # the zones' edges lie a little south of every fourth degree
    elif zone + 1 < _POLE and dec >= _south_end(zone + 1):
        zone += 1
    cells = _cells(zone)
    number = round(ra % 360 * cells / 360) % cells
    projection_cell = _first_cell(zone) + number
    middle = skycell(f"{projection_cell:04d}.055")
    x, y = (float(value) for value in middle.wcs().all_world2pix(ra, dec, 1))
    width, height = _steps(zone)
    column = _SIDE // 2 + round((x - (middle.width + 1) / 2) / width)
    row = _SIDE // 2 + round((y - (middle.height + 1) / 2) / height)
    column, row = (min(max(index, 0), _SIDE - 1) for index in (column, row))
    return f"{projection_cell:04d}.{_SIDE * row + column:03d}"


def _checked(zone: int) -> int:
    if not _EQUATOR <= zone < _POLE:
        raise ValueError("only the zones between the equator and the northern pole are known")
    return zone


def _declination(zone: int) -> float:
    """Declination of the middles of a zone's cells, degrees; zone 0 is the southern pole."""
    return _STEP * zone - 90


def _cells(zone: int) -> int:
    """How many projection cells stand in a zone."""
    if zone in (0, _POLE):
        return 1
    widest = abs(_declination(zone)) - _STEP / 2
    return math.floor(360 / _STEP * math.cos(math.radians(widest)))


def _first_cell(zone: int) -> int:
    return sum(_cells(each) for each in range(zone))


def _zone_of_cell(projection_cell: int) -> int:
    zone = max((z for z in range(_POLE + 1) if _first_cell(z) <= projection_cell), default=-1)
    return _checked(zone)


def _tangent(zone: int, projection_cell: int) -> tuple[float, float]:
    number = projection_cell - _first_cell(zone)
    return number * 360 / _cells(zone), _declination(zone)


@lru_cache(maxsize=64)
def _south_end(zone: int) -> float:
    """Declination from which on a zone is needed: the lowest that its neighbour leaves open.

    The northern edge of a cell is a great circle: it lies lowest at the corners.
    """
    if zone == _EQUATOR:
        return 0.0
    middle = _declination(zone - 1)
    top = 2 * middle - _south_end(zone - 1)
    corner = math.cos(math.pi / _cells(zone - 1))
    return math.degrees(math.atan(math.tan(math.radians(top)) * corner))


def _steps(zone: int) -> tuple[int, int]:
    """Pixels from one skycell to the next, along right ascension and declination."""
    south = _south_end(zone)
    half_width = 180 / _cells(zone) * math.cos(math.radians(south))
    half_height = _declination(zone) - south
    skycells = _PIXELS_PER_DEGREE / (_SIDE / 2)
    return math.floor(half_width * skycells), math.floor(half_height * skycells)
