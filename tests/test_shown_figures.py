"""What the notebooks' figures show, checked by numbers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.visualization.wcsaxes import WCSAxes

from helpers import figures
from helpers.remote.fits_cache import remote_fits
from tools.notebook_files import NOTEBOOKS, code_cells, read_source, sources

PULSAR = SkyCoord(83.633210, 22.014460, unit="deg")


@dataclass(frozen=True)
class Shown:
    """One call of show_image: the image, its options, and the axes it gave."""

    image: Any
    options: dict[str, Any]
    axes: WCSAxes


#: The notebooks that draw with show_image.
DRAWING = [source for source in sources([]) if "show_image(" in source.read_text(encoding="utf-8")]


@pytest.fixture(scope="module", params=DRAWING, ids=lambda source: source.stem)
def shown(request) -> list[Shown]:
    """Run the code of a notebook in this process, and keep what it shows."""
    calls: list[Shown] = []
    original = figures.show_image

    def recording(image: Any, **options: Any) -> WCSAxes:
        axes = original(image, **options)
        calls.append(Shown(image, options, axes))
        return axes

    # Other tests may have read the same files; a notebook begins with no memory of them.
    remote_fits.cache_clear()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(figures, "show_image", recording)
        patch.chdir(NOTEBOOKS)
        patch.setattr("sys.path", ["", *__import__("sys").path])
        _run(request.param)
    return calls


def _run(source: Path) -> None:
    names: dict[str, Any] = {"__name__": "__main__"}
    for cell in code_cells(read_source(source)):
        if {"exercise", "solution", "check"} & set(cell.metadata.get("tags", ())):
            continue
        exec(compile(cell.source, str(source), "exec"), names)


def test_axes_have_the_images_own_coordinates(shown: list[Shown]) -> None:
    assert shown
    for figure in shown:
        assert figure.axes.wcs.wcs.compare(figure.image.wcs.wcs, tolerance=1e-12)
        (drawn,) = figure.axes.images
        assert np.shape(drawn.get_array()) == np.shape(figure.image.data)


def test_the_pulsar_is_inside(shown: list[Shown]) -> None:
    for figure in shown:
        x, y = figure.image.wcs.world_to_pixel(PULSAR)
        height, width = np.shape(figure.image.data)
        assert 0.1 * width < x < 0.9 * width
        assert 0.1 * height < y < 0.9 * height


def test_the_colour_bar_has_a_unit_and_names_its_stretch(shown: list[Shown]) -> None:
    for figure in shown:
        (bar,) = [axes for axes in figure.axes.figure.axes if axes is not figure.axes]
        label = bar.get_ylabel()
        assert figure.options["unit"] in label
        assert figure.options.get("stretch", "asinh") in label


def test_there_is_alt_text(shown: list[Shown]) -> None:
    for figure in shown:
        assert len(figure.axes.figure.get_label().split()) > 5


def test_the_pulsar_stands_out_where_the_survey_can_see_it(shown: list[Shown]) -> None:
    """A peak in the optical and near infrared, a hole with a rim in ACIS, a blob in ROSAT."""
    figure = shown[0] if "ROSAT" not in shown[0].options["title"] else shown[1]
    x, y = (round(float(value)) for value in figure.image.wcs.world_to_pixel(PULSAR))
    data = np.asarray(figure.image.data, dtype=float)
    near, far = data[y - 2 : y + 3, x - 2 : x + 3], data[y - 9 : y + 10, x - 9 : x + 10]
    if "Chandra" in figure.options["title"]:
        assert near[1:4, 1:4].mean() < far.max() / 3
    else:
        assert near.max() > 1.02 * np.nanmedian(far)
        assert near.max() >= np.nanpercentile(far, 90)
