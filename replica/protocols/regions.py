"""Regions on the sky as queries give them: points, circles and polygons.

Polygons are compared in the tangent plane of their middle, in which their great-circle
sides are straight; they must be smaller than a hemisphere.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from replica.protocols.geometry import box_corners, offsets, separation

Point = tuple[float, float]

_FRAMES = ("ICRS", "J2000", "FK5")


class RegionError(ValueError):
    """A region that cannot be read; the text says why."""


@dataclass(frozen=True)
class Region:
    """A point, a circle or a polygon.

    Attributes
    ----------
    vertices : tuple of (float, float)
        Right ascension and declination in degrees: one for a point or a circle, three
        or more for a polygon.
    radius : float
        Radius of the circle in degrees; 0 otherwise.
    """

    vertices: tuple[Point, ...]
    radius: float = 0.0

    def __str__(self) -> str:
        """The region in the text form of IVOA DALI 1.1, section 3.3, with its name."""
        name = "POLYGON" if self.is_polygon else "CIRCLE" if self.radius else "POINT"
        numbers = [number for vertex in self.vertices for number in vertex]
        if name == "CIRCLE":
            numbers.append(self.radius)
        return " ".join([name, *(f"{number:.12g}" for number in numbers)])

    @property
    def is_polygon(self) -> bool:
        """Whether it is a polygon."""
        return len(self.vertices) > 1

    @property
    def middle(self) -> Point:
        """Centre of the circle, or mean direction of the polygon's vertices."""
        if not self.is_polygon:
            return self.vertices[0]
        x, y, z = (sum(part) for part in zip(*map(_direction, self.vertices), strict=True))
        return math.degrees(math.atan2(y, x)) % 360, math.degrees(math.atan2(z, math.hypot(x, y)))


def circle(ra: float, dec: float, radius: float = 0.0) -> Region:
    """Return a circle, all in degrees; a point when the radius is 0.

    Raises
    ------
    RegionError
        If the numbers are outside of the sky.
    """
    if not -90 <= dec <= 90:
        raise RegionError(f"the declination {dec:g} is not within -90 and 90 degrees")
    if not (math.isfinite(ra) and 0 <= radius <= 180):
        raise RegionError(f"there is no circle at right ascension {ra:g} with radius {radius:g}")
    return Region(((ra % 360, dec),), radius)


def polygon(*numbers: float) -> Region:
    """Return the polygon of the vertices ra, dec, ra, dec, ... in degrees.

    Raises
    ------
    RegionError
        If there are fewer than three vertices, or one is outside of the sky.
    """
    if len(numbers) < 6 or len(numbers) % 2:
        raise RegionError("a polygon needs three vertices or more, each a ra and a dec")
    pairs = zip(numbers[::2], numbers[1::2], strict=True)
    vertices = [circle(ra, dec).vertices[0] for ra, dec in pairs]
    # Some archives, IRSA among them, repeat the first vertex at the end.
    closed = len(vertices) > 3 and vertices[0] == vertices[-1]
    return Region(tuple(vertices[:-1] if closed else vertices))


def box(ra: float, dec: float, width: float, height: float) -> Region:
    """Return the box in the tangent plane of its centre, as the polygon of its corners."""
    centre = circle(ra, dec).vertices[0]
    return Region(tuple(box_corners(*centre, width, height)))


def parse(text: str) -> Region:
    """Read ``POINT ra dec``, ``CIRCLE ra dec radius`` or ``POLYGON ra dec ra dec ...``.

    A frame may stand behind the name, as in ``POLYGON ICRS ...``; all are taken for ICRS.

    Raises
    ------
    RegionError
        If it is none of them.
    """
    name, *words = text.split() or [""]
    if words and words[0].upper() in _FRAMES:
        words = words[1:]
    makers = {("POINT", 2): circle, ("CIRCLE", 3): circle}
    make = polygon if name.upper() == "POLYGON" else makers.get((name.upper(), len(words)))
    try:
        numbers = [float(word) for word in words]
    except ValueError:
        make = None
    if make is None:
        raise RegionError(f"{text!r} is not a region such as 'CIRCLE 83.63 22.01 0.1'")
    return make(*numbers)


def contains(outer: Region, inner: Region) -> bool:
    """Whether `inner` lies within `outer` as a whole."""
    if not outer.is_polygon:
        return all(
            separation(*vertex, *outer.middle) + inner.radius <= outer.radius
            for vertex in inner.vertices
        )
    return all(
        _inside(outer, vertex) and _distance_to_sides(outer, vertex) >= inner.radius
        for vertex in inner.vertices
    )


def intersects(one: Region, other: Region) -> bool:
    """Whether the two regions have a point in common."""
    if one.is_polygon and other.is_polygon:
        return (
            any(_inside(one, vertex) for vertex in other.vertices)
            or any(_inside(other, vertex) for vertex in one.vertices)
            or _sides_cross(one, other)
        )
    if one.is_polygon or other.is_polygon:
        shape, disc = (one, other) if one.is_polygon else (other, one)
        return _inside(shape, disc.middle) or _distance_to_sides(shape, disc.middle) <= disc.radius
    return separation(*one.middle, *other.middle) <= one.radius + other.radius


def area(region: Region) -> float:
    """Return the area on the sphere in square degrees; 0 for a point.

    A polygon's is the excess of its angles over those of a flat one (Girard's theorem), summed
    over the triangles of its sides with the celestial pole.
    """
    if not region.is_polygon:
        return (1 - math.cos(math.radians(region.radius))) * 2 * math.pi * math.degrees(1) ** 2
    corners = region.vertices
    excess = sum(map(_excess, corners, corners[1:] + corners[:1]))
    # The side of the sphere that is meant is the smaller one.
    part = abs(excess) % (4 * math.pi)
    return min(part, 4 * math.pi - part) * math.degrees(1) ** 2


def _excess(a: Point, b: Point) -> float:
    """Excess of the triangle of a side with the north pole, signed by the side's direction."""
    turn = math.radians((b[0] - a[0] + 180) % 360 - 180)
    ends = [math.tan(math.radians(90 - dec) / 2) for dec in (a[1], b[1])]
    product = ends[0] * ends[1]
    return 2 * math.atan2(product * math.sin(turn), 1 + product * math.cos(turn))


def _direction(vertex: Point) -> tuple[float, float, float]:
    ra, dec = map(math.radians, vertex)
    return math.cos(dec) * math.cos(ra), math.cos(dec) * math.sin(ra), math.sin(dec)


def _sides(shape: Region, middle: Point) -> list[tuple[Point, Point]]:
    """Sides of a polygon in the tangent plane at `middle`, degrees."""
    flat = [place for vertex in shape.vertices if (place := offsets(*vertex, *middle))]
    if len(flat) < len(shape.vertices):  # one is in the other hemisphere
        return []
    return list(zip(flat, flat[1:] + flat[:1], strict=True))


def _inside(shape: Region, vertex: Point) -> bool:
    """Whether a position is in a polygon: a ray from it crosses an odd number of sides."""
    place = offsets(*vertex, *shape.middle)
    if place is None:
        return False
    x, y = place
    crossings = [
        (x1, y1, x2, y2)
        for (x1, y1), (x2, y2) in _sides(shape, shape.middle)
        if (y1 > y) != (y2 > y) and x < x1 + (y - y1) * (x2 - x1) / (y2 - y1)
    ]
    return len(crossings) % 2 == 1


def _distance_to_sides(shape: Region, vertex: Point) -> float:
    """Degrees from a position to the nearest side, measured in its own tangent plane."""
    distances = [_distance_to_side(a, b) for a, b in _sides(shape, vertex)]
    return math.degrees(math.atan(math.radians(min(distances)))) if distances else math.inf


def _distance_to_side(a: Point, b: Point) -> float:
    """Distance of the origin from the line between two points."""
    dx, dy = b[0] - a[0], b[1] - a[1]
    length = dx * dx + dy * dy
    along = min(1.0, max(0.0, -(a[0] * dx + a[1] * dy) / length)) if length else 0.0
    return math.hypot(a[0] + along * dx, a[1] + along * dy)


def _sides_cross(one: Region, other: Region) -> bool:
    sides = [(p, q) for p in _sides(one, one.middle) for q in _sides(other, one.middle)]
    return any(
        _turn(*p, q[0]) != _turn(*p, q[1]) and _turn(*q, p[0]) != _turn(*q, p[1]) for p, q in sides
    )


def _turn(a: Point, b: Point, c: Point) -> bool:
    """Whether the way from a over b to c turns left."""
    return (b[0] - a[0]) * (c[1] - a[1]) > (b[1] - a[1]) * (c[0] - a[0])
