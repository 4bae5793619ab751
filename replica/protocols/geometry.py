"""Where a product lies on the sky: boxes in the tangent plane of their centre."""

from __future__ import annotations

import math

from replica.holdings import Product


def offsets(ra: float, dec: float, ra0: float, dec0: float) -> tuple[float, float] | None:
    """Gnomonic offsets in degrees of a position from a centre.

    Parameters
    ----------
    ra, dec, ra0, dec0 : float
        Position and centre, degrees.

    Returns
    -------
    tuple of float or None
        East and north offsets in degrees; None on the far side of the sky.
        Formulae: Calabretta & Greisen 2002, A&A 395, 1077, section 5.1.3.
    """
    delta = math.radians(ra - ra0)
    sin, cos = math.sin(math.radians(dec)), math.cos(math.radians(dec))
    sin0, cos0 = math.sin(math.radians(dec0)), math.cos(math.radians(dec0))
    depth = sin * sin0 + cos * cos0 * math.cos(delta)
    if depth <= 0:
        return None
    east = cos * math.sin(delta) / depth
    north = (sin * cos0 - cos * sin0 * math.cos(delta)) / depth
    return math.degrees(east), math.degrees(north)


def separation(ra: float, dec: float, ra0: float, dec0: float) -> float:
    """Angular distance of two positions, all in degrees (haversine formula)."""
    d_ra, d_dec = math.radians(ra - ra0), math.radians(dec - dec0)
    h = (
        math.sin(d_dec / 2) ** 2
        + math.cos(math.radians(dec)) * math.cos(math.radians(dec0)) * math.sin(d_ra / 2) ** 2
    )
    return math.degrees(2 * math.asin(min(1.0, math.sqrt(h))))


def distance_to_footprint(product: Product, ra: float, dec: float) -> float:
    """Degrees from a position to the product's field; 0 inside it, inf behind the sky."""
    offset = offsets(ra, dec, product.ra, product.dec)
    if offset is None:
        return math.inf
    east = max(0.0, abs(offset[0]) - product.width / 2)
    north = max(0.0, abs(offset[1]) - product.height / 2)
    return math.hypot(east, north)


def box_corners(ra: float, dec: float, width: float, height: float) -> list[tuple[float, float]]:
    """Positions of the corners of a box about a centre, all in degrees, counter-clockwise."""
    signs = ((1, -1), (1, 1), (-1, 1), (-1, -1))
    return [position(sx * width / 2, sy * height / 2, ra, dec) for sx, sy in signs]


def corners(product: Product) -> list[tuple[float, float]]:
    """Right ascension and declination of the field's four corners, degrees."""
    return box_corners(product.ra, product.dec, product.width, product.height)


def position(east: float, north: float, ra0: float, dec0: float) -> tuple[float, float]:
    """Position at an offset from a centre, all in degrees: the reverse of `offsets`."""
    xi, eta = math.radians(east), math.radians(north)
    sin0, cos0 = math.sin(math.radians(dec0)), math.cos(math.radians(dec0))
    depth = cos0 - eta * sin0
    ra = ra0 + math.degrees(math.atan2(xi, depth))
    return ra % 360, math.degrees(math.atan2(sin0 + eta * cos0, math.hypot(xi, depth)))
