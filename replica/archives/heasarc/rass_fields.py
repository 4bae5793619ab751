"""Where the fields of the ROSAT All-Sky Survey lie, and their rows in ``rassmaster``.

The survey's 1378 fields stand in 33 zones of declination, 5.625 degrees apart from pole to pole;
``RS931315N00`` is segment 15 of zone 13.  The number of segments follows from the zone's side
nearest to the equator, and the rows run from the south.  The rule gives the row numbers of all
18 fields that are recorded, and their right ascensions to 0.004 degrees.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

_STEP = 5.625  # degrees
_ZONES = 33
_AT_EQUATOR = 64  # segments


@dataclass(frozen=True)
class RassField:
    """A field: number of its row, zone and segment, and centre in degrees."""

    row: int
    zone: int
    segment: int
    ra: float
    dec: float

    @property
    def number(self) -> int:
        """The number in its name, for instance 931315."""
        return 930000 + 100 * self.zone + self.segment


def segments(zone: int) -> int:
    """Return how many fields stand in a zone."""
    if zone in (1, _ZONES):
        return 1
    nearest = max(0.0, abs(declination(zone)) - _STEP / 2)
    return math.ceil(_AT_EQUATOR * math.cos(math.radians(nearest)))


def declination(zone: int) -> float:
    """Return the declination of a zone's centres, degrees."""
    return 90 - _STEP * (zone - 1)


def rass_fields() -> Iterator[RassField]:
    """Yield all fields in the order of their rows."""
    row = 0
    for zone in range(_ZONES, 0, -1):
        count = segments(zone)
        for segment in range(1, count + 1):
            row += 1
            ra = round((segment - 0.5) * 360 / count, 5)
            yield RassField(row, zone, segment, ra, declination(zone))
