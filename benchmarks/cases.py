"""The files that are cut."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Case:
    """A file with an image of the Crab Nebula.

    Attributes
    ----------
    name : str
        As the tables say it.
    uri : str
        Where it is.
    hdu : int
        Number of the image's HDU.
    original : str
        How the original tutorial takes the pixels: ``.section`` or ``.data``.
    """

    name: str
    uri: str
    hdu: int
    original: str


_TILE = "s3://nasa-irsa-wise/wise/allwise/images/p3am_cdd/08/0830/0830p227_ac51/0830p227_ac51"
_SKYCELL = "s3://stpubdata/panstarrs/ps1/public/rings.v3.skycell/1784/059/rings.v3.skycell.1784.059"

ALLWISE = Case("AllWISE", f"{_TILE}-w1-int-3.fits", 0, ".section")
PANSTARRS = Case("Pan-STARRS", f"{_SKYCELL}.stk.r.unconv.fits", 1, ".data")
CASES = {case.name: case for case in (ALLWISE, PANSTARRS)}

#: The tile in its four bands, for many cutouts.
BANDS = [f"{_TILE}-w{band}-int-3.fits" for band in (1, 2, 3, 4)]

#: The tile and three of its neighbours: name, and centre in degrees.
TILES = [
    ("0830p227", 83.077348, 22.716667),
    ("0847p227", 84.706316, 22.716667),
    ("0814p227", 81.448381, 22.716667),
    ("0839p212", 83.946484, 21.202222),
]
