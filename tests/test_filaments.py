"""The Crab's filaments: large ones where pictures show them, fine ones of very different width."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from replica.simulation.filaments import _LARGE, _web, filaments
from replica.simulation.sky import template_offsets

STEP = 0.5


@pytest.fixture(scope="module")
def web() -> np.ndarray:
    return _web()[:1536, :1536]


@pytest.fixture(scope="module")
def cage() -> np.ndarray:
    """All filaments, for a telescope without blur."""
    return filaments(*template_offsets(STEP))


def width_along(line: np.ndarray, place: int) -> int:
    """Pixels around a place that are brighter than half of it; 99 if they reach an end."""
    below = np.flatnonzero(line < line[place] / 2)
    after = int(np.searchsorted(below, place))
    return int(below[after] - below[after - 1]) if 0 < after < below.size else 99


def test_bright_filaments_are_of_very_different_width(web: np.ndarray) -> None:
    widths = []
    limit = np.percentile(web, 95)
    for row in range(48, web.shape[0] - 48, 16):
        line = web[row]
        peak = (line[1:-1] > line[:-2]) & (line[1:-1] >= line[2:]) & (line[1:-1] > limit)
        for column in np.flatnonzero(peak) + 1:
            down = width_along(web[row - 40 : row + 40, column], 40)
            widths.append(min(width_along(line, int(column)), down))
    narrow, wide = np.percentile([width for width in widths if width < 60], [10, 90])
    assert wide / narrow > 3  # one width with noise on it gives 2


def test_some_regions_are_crowded_with_light_and_others_nearly_dark(cage: np.ndarray) -> None:
    inside = cage[256:768, 256:768]  # within 128 arcseconds
    regions = inside.reshape(16, 32, 16, 32).mean(axis=(1, 3))
    dark, bright = np.percentile(regions, [10, 90])
    assert bright / dark > 5


@pytest.mark.parametrize("path", [path for strength, path in _LARGE if strength > 0.75])
def test_large_filaments_run_where_pictures_show_them(cage: np.ndarray, path) -> None:
    """On the way of each it is brighter than 20 arcseconds beside it."""
    on, beside = [], []
    for (x0, y0), (x1, y1) in pairwise(path):
        right, up = np.array([x1 - x0, y1 - y0]) / np.hypot(x1 - x0, y1 - y0)
        for share in (0.25, 0.5, 0.75):
            x, y = x0 + share * (x1 - x0), y0 + share * (y1 - y0)
            on.append(brightness(cage, x, y))
            beside += [brightness(cage, x + side * up, y - side * right) for side in (-20, 20)]
    assert np.mean(on) > 1.3 * np.mean(beside)


def brightness(template: np.ndarray, east: float, north: float) -> float:
    """Mean within 6 arcseconds."""
    row, column = (round(256 / STEP + offset / STEP) for offset in (north, east))
    reach = round(6 / STEP)
    return float(
        template[row - reach : row + reach + 1, column - reach : column + reach + 1].mean()
    )


def test_lines_of_hardly_ionised_gas_come_from_within(cage: np.ndarray) -> None:
    offsets = template_offsets(2.0)
    radius = np.hypot(*offsets)
    far = [np.average(radius, weights=filaments(*offsets, state)) for state in (-1.0, 1.0)]
    assert far[0] < far[1]
