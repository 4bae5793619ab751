"""Where Cassiopeia A has filaments and hot gas: arcseconds east and north of the centre.

Read off published pictures by eye: the optical filaments off a colour picture by A. Block (Mount
Lemmon SkyCenter), the hot gas off one of Chandra's in the manual of SAOImage ds9.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Strand:
    """A bundle of optical filaments along a path.

    Attributes
    ----------
    path : tuple of tuple of float
        Arcseconds east and north of the centre of expansion.
    spread : float
        Standard deviation of the filaments across the path, arcseconds.
    light : tuple of float
        Per arcsecond of the path.  Of an optical strand in [O III]; in [S II], [S III] and
        [O II]; in [N II] and Hα.  Of an X-ray strand one number.
    """

    path: tuple[tuple[float, float], ...]
    spread: float
    light: tuple[float, ...]


#: Optical filaments: places to about 2".
STRANDS = (
    # The outer strand of the northern crown, from east to west.
    Strand(((25, 98), (17, 99), (11, 101), (5, 104)), 2.4, (1.0, 0.25, 0.0)),
    Strand(((9, 104), (2, 105), (-4, 108)), 1.4, (0.45, 0.85, 0.0)),
    Strand(((-6, 110), (-15, 111), (-24, 107), (-33, 105), (-42, 110)), 2.5, (0.02, 0.02, 0.0)),
    Strand(((-16, 97), (-23, 99), (-29, 96), (-35, 97), (-42, 96)), 1.8, (0.85, 0.15, 0.0)),
    Strand(((-47, 102), (-52, 101), (-56, 96)), 1.4, (0.6, 0.09, 0.0)),
    Strand(((-42, 97), (-50, 93), (-60, 96)), 3.0, (0.01, 0.04, 0.0)),
    # The inner strand.
    Strand(((29, 73), (24, 77), (16, 78), (6, 80)), 1.8, (0.4, 0.25, 0.0)),
    Strand(((0, 86), (1, 79), (-3, 75), (-10, 68)), 2.0, (0.45, 0.04, 0.0)),
    Strand(((-8, 68), (-14, 69), (-20, 72), (-27, 73), (-33, 77)), 2.0, (1.3, 0.05, 0.0)),
    Strand(((-13, 80), (-20, 77), (-25, 76)), 1.8, (0.16, 0.25, 0.0)),
    Strand(((-34, 79), (-40, 81), (-47, 86), (-52, 92)), 2.2, (0.03, 0.03, 0.0)),
    # Between the two.
    Strand(((26, 94), (30, 88), (33, 80), (31, 73)), 2.4, (0.04, 0.25, 0.0)),
    Strand(((-5, 98), (-13, 93), (-20, 92), (-30, 87)), 2.5, (0.01, 0.05, 0.0)),
    Strand(((22, 92), (12, 88), (4, 92)), 3.0, (0.01, 0.02, 0.0)),
    # The straight ends of the crown, and a spike above it.
    Strand(((45, 78), (37, 90), (30, 100), (26, 107)), 0.6, (0.25, 0.04, 0.0)),
    Strand(((29, 101), (26, 107), (26, 113), (21, 118), (12, 124)), 1.3, (0.02, 0.12, 0.0)),
    Strand(((10, 106), (8, 112), (5, 120)), 0.7, (0.16, 0.02, 0.0)),
    Strand(((41, 73), (35, 72), (35, 63)), 1.2, (0.06, 0.01, 0.0)),
    Strand(((-60, 97), (-66, 101), (-70, 96), (-69, 91)), 1.8, (0.16, 0.16, 0.0)),
    Strand(((-66, 90), (-68, 83), (-73, 78), (-79, 71), (-84, 68)), 0.7, (0.35, 0.03, 0.0)),
    Strand(((-74, 90), (-82, 80), (-90, 78), (-97, 76)), 2.0, (0.005, 0.05, 0.04)),
    Strand(((-100, 57), (-102, 50)), 1.0, (0.21, 0.06, 0.0)),
    # Knots outside the crown.
    Strand(((18, 116), (0, 122), (-22, 117), (-48, 113), (-64, 106)), 3.0, (0.005, 0.01, 0.0)),
    # The base of the jet.
    Strand(((114, 81), (100, 81), (90, 80), (80, 78), (70, 79), (62, 74)), 1.6, (0.08, 0.09, 0.0)),
    Strand(((140, 80), (126, 82), (112, 81)), 2.0, (0.0, 0.01, 0.0)),
    Strand(((61, 70), (62, 62), (70, 55)), 1.5, (0.01, 0.01, 0.0)),
    Strand(((80, 70), (88, 68)), 1.0, (0.0, 0.01, 0.21)),
    # The eastern edge.
    Strand(((96, 62), (86, 50), (84, 43), (84, 36), (88, 29)), 1.6, (0.05, 0.05, 0.0)),
    Strand(((82, 25), (79, 12), (75, 4)), 1.0, (0.005, 0.02, 0.0)),
    Strand(((122, 10), (114, 5), (108, 2), (104, -6), (98, -14)), 1.5, (0.01, 0.01, 0.0)),
    Strand(((73, -20), (72, -36), (69, -52), (67, -64)), 1.0, (0.005, 0.01, 0.0)),
    Strand(((46, -35), (45, -45)), 1.2, (0.06, 0.005, 0.0)),
    Strand(((56, -72), (48, -70), (40, -67)), 1.2, (0.06, 0.01, 0.0)),
    Strand(((15, -32), (11, -41), (8, -47)), 0.9, (0.02, 0.0, 0.0)),
    # The south and the south-west.
    Strand(((4, -93), (-4, -97)), 3.0, (0.01, 0.02, 0.0)),
    Strand(((-18, -100), (-35, -97), (-50, -92), (-62, -88)), 1.6, (0.005, 0.02, 0.005)),
    Strand(((-56, -90), (-70, -83), (-84, -73), (-97, -64)), 2.2, (0.005, 0.02, 0.01)),
    Strand(((-60, -73), (-68, -77), (-76, -76), (-84, -73)), 1.7, (0.005, 0.04, 0.85)),
    Strand(((-64, -60), (-68, -70)), 3.0, (0.005, 0.01, 0.04)),
    Strand(((-101, -58), (-107, -52), (-112, -44), (-119, -37)), 1.5, (0.005, 0.03, 0.25)),
    # Inside: flocculi below the crown, and a wisp in the west.
    Strand(((27, 64), (18, 55), (9, 50), (2, 49), (-2, 42)), 2.2, (0.0, 0.01, 0.3)),
    Strand(((-14, 46), (-21, 48), (-28, 54), (-34, 62)), 1.8, (0.0, 0.01, 0.21)),
    Strand(((-38, 33), (-48, 40), (-60, 46), (-67, 42), (-74, 24)), 1.5, (0.005, 0.02, 0.01)),
    Strand(((-76, 38), (-86, 36)), 1.2, (0.0, 0.01, 0.12)),
)
#: Where hot gas shines in X-rays: place, half widths east and north, strength.
HOT_GAS = (
    # The north, and the base of the jet.
    ((-30, 100), (46, 15), 2.6),
    ((22, 96), (22, 15), 0.8),
    ((-84, 82), (18, 16), 0.35),
    ((80, 73), (24, 11), 0.6),
    ((55, 78), (11, 8), 0.7),
    # The south-east, rich in iron.
    ((112, 10), (28, 16), 0.8),
    ((93, -20), (17, 30), 1.2),
    ((80, -54), (18, 20), 1.3),
    ((54, -72), (18, 11), 1.4),
    ((128, -42), (20, 32), 0.6),
    # The west and the south.
    ((-127, -8), (14, 26), 0.5),
    ((-107, -38), (14, 22), 0.7),
    ((-22, -99), (28, 6), 0.8),
    ((-64, -84), (26, 8), 0.7),
)
#: Filaments in X-rays, within that gas and before the inside: places to about 5".
X_RAY_STRANDS = (
    Strand(((21, 103), (-18, 105), (-38, 100), (-77, 100)), 3.0, (0.8,)),
    Strand(((31, -62), (45, -62), (62, -72)), 1.4, (0.5,)),
    Strand(((-3, -101), (-38, -96), (-67, -82), (-87, -74)), 2.0, (0.4,)),
    # Before the inside.
    Strand(((-3, 28), (-2, 14), (-13, -13)), 1.5, (0.12,)),
    Strand(((-28, 48), (-44, 40), (-58, 46)), 1.5, (0.1,)),
    Strand(((-58, -3), (-90, 4), (-121, 7)), 2.0, (0.2,)),
    Strand(((15, -47), (-10, -48), (-22, -40)), 1.5, (0.1,)),
    # A knot on the southern rim.
    Strand(((-60, -144), (-74, -146)), 3.0, (0.1,)),
)
