"""Where many positions are in one image, found together: one by one it takes ten times longer."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

from helpers.bulk.targets import RaDec

if TYPE_CHECKING:
    import numpy as np
    from astropy.coordinates import SkyCoord
    from astropy.wcs import WCS

log = logging.getLogger(__name__)

Pixel = tuple[float, float]


def pixels_of(wcs: WCS, positions: Sequence[SkyCoord | RaDec]) -> list[Pixel | None]:
    """Return x and y, counted from 0, of each position in a celestial WCS.

    Parameters
    ----------
    wcs : astropy.wcs.WCS
        That of an image, with its two celestial axes alone.
    positions : sequence of SkyCoord or RaDec
        Positions on the sky.

    Returns
    -------
    list of tuple or None
        None where a position must be asked for by itself, with `helpers.wcs.pixel_of`: it is not
        in ICRS, or something is wrong with it.
    """
    places = [icrs_of(position) for position in positions]
    known = [index for index, place in enumerate(places) if place is not None]
    found: list[Pixel | None] = [None] * len(places)
    if len(known) < 2:
        return found
    try:
        pixels = _together(wcs, [place for place in places if place is not None])
    # Broad, because one position is enough to make astropy raise whatever it raises.
    except Exception as error:  # noqa: BLE001
        log.debug("positions are asked for one by one: %s", error)
        return found
    for index, (x, y) in zip(known, pixels.tolist(), strict=True):
        # A comparison with NaN is false.
        found[index] = (x, y) if abs(x) + abs(y) < float("inf") else None
    return found


def icrs_of(position: SkyCoord | RaDec) -> RaDec | None:
    """Return right ascension and declination, if they are all there is."""
    from astropy.coordinates import ICRS, UnitSphericalRepresentation

    if isinstance(position, RaDec):
        return position
    frame, data = position.frame, position.data
    if type(frame) is not ICRS or type(data) is not UnitSphericalRepresentation:
        return None
    return None if data.differentials else RaDec(data.lon.degree, data.lat.degree)


def _together(wcs: WCS, places: Sequence[RaDec]) -> np.ndarray:
    import numpy as np
    from astropy.coordinates import SkyCoord
    from astropy.wcs.utils import wcs_to_celestial_frame

    ra, dec = np.array(places, dtype=float).T
    there = SkyCoord(ra, dec, unit="deg").transform_to(wcs_to_celestial_frame(wcs)).spherical
    world = [there.lon.to_value("deg"), there.lat.to_value("deg")]
    if wcs.wcs.lng > wcs.wcs.lat:
        world.reverse()
    pixels: np.ndarray = np.transpose(wcs.all_world2pix(*world, 0))
    return pixels
