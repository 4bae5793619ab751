"""The Crab's filaments: as in photographs, some are wide and bright, others hair-thin and faint."""

from __future__ import annotations

import numpy as np
import pytest

from replica.simulation.sky import _web


@pytest.fixture(scope="module")
def web() -> np.ndarray:
    return _web()[:2048, :2048]


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


def test_some_regions_are_crowded_with_light_and_others_nearly_dark(web: np.ndarray) -> None:
    regions = web.reshape(32, 64, 32, 64).mean(axis=(1, 3))
    dark, bright = np.percentile(regions, [10, 90])
    assert bright / dark > 60  # 51 with threads of one width
