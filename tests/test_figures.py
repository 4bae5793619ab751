"""show_image: the axes, the colours and the words that go with a picture."""

from __future__ import annotations

import subprocess
import sys
from base64 import b64decode
from io import BytesIO
from itertools import combinations
from pathlib import Path

import nbformat
import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.nddata import Cutout2D
from astropy.wcs import WCS
from matplotlib import colormaps
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox
from nbclient import NotebookClient
from nbconvert import HTMLExporter
from PIL import Image

from helpers.errors import ArchiveAccessError, FigureError
from helpers.figures import COLOUR_MAP, NO_COUNTS, NO_DATA, STRETCHES, show_figure, show_image

PULSAR = SkyCoord(83.63322, 22.01447, unit="deg")
ALT = 'A ring of filaments around a <bright> core, with "stars".'
#: What it becomes where the replica answers, as in these tests.
SAID = f"Simulated data. {ALT}"


def sky_wcs(axes: str = "RA---TAN DEC--TAN", scale: float = 1.375, angle: float = 0.0) -> WCS:
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = axes.split()
    wcs.wcs.cdelt = -scale / 3600, scale / 3600
    wcs.wcs.crval = PULSAR.ra.deg, PULSAR.dec.deg
    wcs.wcs.crpix = 121, 101
    cos, sin = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    wcs.wcs.pc = [[cos, -sin], [sin, cos]]
    return wcs


def sky_pixels(shape: tuple[int, int] = (200, 240)) -> np.ndarray:
    """Noise about a background of 400, a nebula and nine stars."""
    y, x = np.indices(shape)
    nebula = 60 * np.exp(-((x - 120) ** 2 + (y - 100) ** 2) / 40**2)
    stars = 5000 * np.exp(-((x % 80 - 30) ** 2 + (y % 66 - 20) ** 2) / 4**2)
    return 400 + nebula + stars + np.random.default_rng(1).normal(0, 2, shape)


def hdu(data: np.ndarray | None = None, wcs: WCS | None = None) -> fits.ImageHDU:
    pixels = sky_pixels() if data is None else data
    return fits.ImageHDU(pixels, (wcs or sky_wcs()).to_header())


def show(image: object = None, **options):
    return show_image(hdu() if image is None else image, unit="DN", alt=ALT, **options)


def colours(axes) -> np.ndarray:
    """Colours that the image's pixels have, shape (ny, nx, 4)."""
    drawn = axes.images[0]
    return drawn.to_rgba(drawn.get_array())


def test_axes_have_the_cutouts_own_wcs():
    cutout = Cutout2D(sky_pixels(), PULSAR, 2 * u.arcmin, wcs=sky_wcs())
    axes = show(cutout)
    assert axes.wcs is cutout.wcs
    assert axes.images[0].get_array().shape == cutout.shape
    there = axes.wcs.pixel_to_world(*cutout.input_position_cutout)
    assert there.separation(PULSAR) < 1 * u.arcsec


@pytest.mark.parametrize("kind", [fits.PrimaryHDU, fits.ImageHDU, fits.CompImageHDU])
def test_an_hdu_gives_its_headers_wcs(kind):
    axes = show(kind(sky_pixels().astype("float32"), header=sky_wcs().to_header()))
    pixels = [0, 239], [0, 199]
    offsets = axes.wcs.pixel_to_world(*pixels).separation(sky_wcs().pixel_to_world(*pixels))
    assert (offsets < 1 * u.mas).all()


@pytest.mark.parametrize("stretch", STRETCHES)
def test_colour_bar_says_unit_and_stretch(stretch):
    axes = show(stretch=stretch)
    assert axes.images[0].colorbar.ax.get_ylabel() == f"DN ({stretch} stretch)"


@pytest.mark.parametrize(
    ("axes_names", "labels"),
    [
        ("RA---TAN DEC--TAN", ["Right ascension (ICRS)", "Declination (ICRS)"]),
        ("DEC--TAN RA---TAN", ["Declination (ICRS)", "Right ascension (ICRS)"]),
        ("GLON-TAN GLAT-TAN", ["Longitude (galactic)", "Latitude (galactic)"]),
    ],
)
def test_axes_are_named_with_their_frame(axes_names, labels):
    axes = show(hdu(wcs=sky_wcs(axes_names)))
    assert [coordinate.get_axislabel() for coordinate in axes.coords] == labels


@pytest.mark.parametrize("stretch", STRETCHES)
def test_limits_keep_noise_and_stars_apart(stretch):
    pixels = sky_pixels()
    norm = show(hdu(pixels), stretch=stretch).images[0].norm
    assert pixels.min() <= norm.vmin < 400
    assert 460 < norm.vmax <= pixels.max()


def test_asinh_gives_the_nebula_a_colour_of_its_own():
    shades = show().images[0].norm(np.array([400.0, 460.0, 5000.0]))
    assert shades[0] < 0.25
    assert 0.3 < shades[1] < 0.8
    assert shades[2] >= 1


@pytest.mark.parametrize("stretch", STRETCHES)
@pytest.mark.parametrize("scale", [1e-9, 1.0, 1e9])
def test_ticks_of_the_colour_bar_are_distinct_and_in_range(stretch, scale):
    bar = show(hdu(sky_pixels() * scale), stretch=stretch).images[0].colorbar
    FigureCanvasAgg(bar.ax.figure).draw()
    ticks = bar.get_ticks()
    texts = [label.get_text() for label in bar.ax.get_yticklabels()]
    assert len(ticks) == len({*texts}) >= 4
    assert bar.vmin <= min(ticks) < max(ticks) <= bar.vmax


@pytest.mark.parametrize("stretch", STRETCHES)
def test_pixels_without_counts_are_the_lowest_or_unlike_data(stretch):
    counts = np.random.default_rng(2).poisson(sky_pixels() / 400 * 0.1)
    counts[10, 10] = 5000
    painted = colours(show(hdu(counts), stretch=stretch))
    empty = to_rgba(NO_COUNTS) if stretch == "log" else colormaps[COLOUR_MAP](0)
    assert np.allclose(painted[counts == 0], empty)
    assert not np.isclose(painted[counts > 0], to_rgba(NO_COUNTS)).all(axis=-1).any()
    assert np.allclose(painted[counts == 5000], colormaps[COLOUR_MAP](255))


def is_round(value: float, digits: int) -> bool:
    return value == 0 or float(f"{value:.{digits}g}") == pytest.approx(value, rel=1e-9)


@pytest.mark.parametrize("stretch", STRETCHES)
@pytest.mark.parametrize(("low", "high"), [(0.001, 60_000), (310, 372), (-0.7, 5.8), (8, 345)])
def test_ticks_of_the_colour_bar_are_round(stretch, low, high):
    if stretch == "log" and low <= 0:
        low = 0.3
    pixels = np.random.default_rng(3).uniform(low, high, (50, 60))
    bar = show(hdu(pixels), stretch=stretch).images[0].colorbar
    ticks = [tick for tick in bar.get_ticks() if bar.vmin <= tick <= bar.vmax]
    assert len(ticks) >= 3
    assert all(is_round(tick, 3) for tick in ticks)
    if stretch == "log" and high / low > 1000:
        assert all(is_round(np.log10(tick) + 100, 3) for tick in ticks)  # decades


def test_a_declination_label_keeps_its_degrees_and_minutes(monkeypatch):
    axes = show(hdu(wcs=sky_wcs(scale=0.5)))
    boxes = text_boxes(axes.figure, monkeypatch)
    labels = [text for text, *_ in boxes if '"' in text]
    assert len(labels) >= 3
    assert len(set(labels)) == len(labels)
    assert all("22" in label for label in labels)


@pytest.mark.parametrize("title", ["", "A title"])
def test_simulated_data_are_called_so_in_the_title(title, monkeypatch):
    monkeypatch.setenv("ARCHIVES_REPLICA", "http://127.0.0.1:1")
    assert show(title=title).get_title().endswith("simulated data)" if title else "simulated data")
    figure = Figure()
    figure.add_subplot().set_title(title)
    for _ in range(2):
        show_figure(figure, alt="A plot.")
    assert figure.axes[0].get_title() == f"{title} (simulated data)" if title else "simulated data"


@pytest.mark.parametrize("stretch", STRETCHES)
def test_missing_pixels_are_grey(stretch):
    pixels = sky_pixels()
    pixels[:20, :20] = np.nan
    painted = colours(show(hdu(pixels), stretch=stretch))
    assert np.allclose(painted[:20, :20], to_rgba(NO_DATA))
    assert not np.isclose(painted[20:, 20:], to_rgba(NO_DATA)).all(axis=-1).any()


def test_masked_pixels_are_grey():
    cutout = Cutout2D(sky_pixels(), PULSAR, 2 * u.arcmin, wcs=sky_wcs())
    cutout.data = np.ma.masked_greater(cutout.data, 450)
    painted = colours(show(cutout))
    assert np.allclose(painted[cutout.data.mask], to_rgba(NO_DATA))


@pytest.mark.parametrize("value", [0.0, -3.5, 1e20])
def test_flat_image_can_be_shown(value):
    assert np.allclose(colours(show(hdu(np.full((20, 30), value)))), colormaps[COLOUR_MAP](0))


def test_pixels_are_square_upright_and_not_smoothed():
    drawn = show().images[0]
    assert (drawn.origin, drawn.get_interpolation()) == ("lower", "nearest")
    assert drawn.axes.get_aspect() == 1


@pytest.mark.parametrize("angle", [0, 30])
def test_marker_is_at_the_positions_pixel(angle):
    wcs = sky_wcs(angle=angle)
    position = PULSAR.directional_offset_by(40 * u.deg, 50 * u.arcsec)
    axes = show(hdu(wcs=wcs), marker=position.galactic, marker_label="a knot")
    [line] = axes.lines
    assert np.allclose(line.get_xydata()[0], wcs.world_to_pixel(position), atol=1e-6)
    [text] = [text for text in axes.texts if text.get_text()]
    assert text.get_text() == "a knot"


def test_scale_bar_is_as_long_as_it_says():
    axes = show(scale_bar=1 * u.arcmin)
    [box] = [artist for artist in axes.artists if hasattr(artist, "size_bar")]
    assert box.txt_label.get_text() == "1 arcmin"
    [bar] = box.size_bar.get_children()
    assert np.isclose(bar.get_width(), 60 / 1.375)


def text_boxes(figure, monkeypatch) -> dict[tuple, Bbox]:
    """Boxes of all texts that are drawn, by text and place."""
    boxes = {}
    draw = Text.draw

    def record(text, renderer):
        if text.get_visible() and text.get_text():
            box = Text.get_window_extent(text, renderer)
            boxes[text.get_text(), *box.bounds] = box
        draw(text, renderer)

    FigureCanvasAgg(figure).draw()
    figure.set_layout_engine("none")  # the layout is done; now the texts have their places
    monkeypatch.setattr(Text, "draw", record)
    FigureCanvasAgg(figure).draw()
    return boxes


@pytest.mark.parametrize("shape", [(200, 240), (40, 240), (200, 40), (8, 8)])
@pytest.mark.parametrize(("scale", "angle"), [(0.06, 0), (1.375, 0), (1.375, 30), (45, 0)])
def test_texts_do_not_overlap_and_are_within_the_figure(shape, scale, angle, monkeypatch):
    axes = show(hdu(sky_pixels(shape), sky_wcs(scale=scale, angle=angle)), title="A title")
    found = text_boxes(axes.figure, monkeypatch)
    assert len(found) >= 9  # title, three names, two labels on each axis and on the bar
    overlapping = [
        (one[0], other[0])
        for one, other in combinations(found, 2)
        if found[one].overlaps(found[other])
    ]
    assert overlapping == []
    page = axes.figure.bbox.padded(1)
    assert [one[0] for one, box in found.items() if not page.contains(box.x0, box.y0)] == []
    assert [one[0] for one, box in found.items() if not page.contains(box.x1, box.y1)] == []


def test_title_is_shown_and_alt_text_recorded():
    axes = show(title="AllWISE W1")
    assert axes.get_title().startswith("AllWISE W1")
    assert axes.figure.get_label() == SAID


@pytest.mark.parametrize(("simulated", "said"), [(True, SAID), (False, ALT)])
def test_alt_text_says_simulated_of_simulated_data_alone(simulated, said, monkeypatch):
    monkeypatch.setattr("helpers.figures.simulated", lambda: simulated)
    assert show(title="AllWISE W1").figure.get_label() == said
    figure = Figure()
    show_figure(figure, alt=ALT)
    assert figure.get_label() == said


def test_any_figure_needs_alt_text():
    with pytest.raises(FigureError, match="alt"):
        show_figure(Figure(), alt=" ")


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"unit": ""}, "unit"),
        ({"unit": "  "}, "unit"),
        ({"unit": None}, "unit"),
        ({"alt": ""}, "alt"),
        ({"alt": " \n"}, "alt"),
        ({"alt": None}, "alt"),
        ({"stretch": "cubic"}, "'cubic' is none of linear, sqrt, asinh, log"),
        ({"marker": SkyCoord(10, 10, unit="deg")}, "outside of the image"),
        ({"marker": SkyCoord(263, -22, unit="deg")}, "outside of the image"),
        ({"image": sky_pixels()}, "no image in a ndarray"),
        ({"image": fits.HDUList([hdu()])}, "no image in a HDUList"),
        ({"image": fits.PrimaryHDU()}, "no image in a PrimaryHDU"),
        ({"image": fits.ImageHDU(sky_pixels())}, "no celestial axes"),
        ({"image": hdu(np.full((8, 8), np.nan))}, "no finite pixel"),
        ({"image": hdu(np.zeros((8, 8))), "stretch": "log"}, "positive"),
        ({"image": hdu(np.zeros((2, 8, 8)))}, "two axes"),
    ],
)
def test_figure_that_would_mislead_is_refused(options, why):
    wanted = {"image": hdu(), "unit": "DN", "alt": ALT} | options
    with pytest.raises(FigureError, match=why) as caught:
        show_image(wanted.pop("image"), **wanted)
    assert isinstance(caught.value, ArchiveAccessError)
    assert isinstance(caught.value, ValueError)


IMAGE_CELL = f"""
import numpy as np
from astropy.io import fits
from astropy.wcs import WCS
from helpers.figures import show_image
wcs = WCS(naxis=2)
wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
wcs.wcs.cdelt = [-0.001, 0.001]
pixels = np.random.default_rng(1).normal(0, 1, (400, 400))
axes = show_image(fits.ImageHDU(pixels, wcs.to_header()), unit="DN", alt={ALT!r})
"""

PYPLOT_CELL = f"""
import matplotlib.pyplot as plt
from helpers.figures import show_figure
figure = plt.figure()
plt.plot([1, 3, 2])
show_figure(figure, alt={ALT!r})
"""


@pytest.fixture(scope="module")
def executed() -> nbformat.NotebookNode:
    """A notebook of two cells, executed by a real kernel."""
    cells = [nbformat.v4.new_code_cell(source) for source in (IMAGE_CELL, PYPLOT_CELL)]
    notebook = nbformat.v4.new_notebook(cells=cells)
    project = {"metadata": {"path": str(Path(__file__).parents[1])}}
    client = NotebookClient(notebook, timeout=120, kernel_name="python3", resources=project)
    return client.execute()


@pytest.mark.parametrize("cell", [0, 1])
def test_notebook_shows_a_figure_once_with_its_alt_text(executed, cell):
    [output] = executed.cells[cell].outputs
    assert output.output_type == "display_data"
    assert output.metadata["image/png"]["alt"] == SAID
    assert output.data["text/plain"] == SAID


def test_picture_of_noise_stays_below_300_kb(executed):
    [output] = executed.cells[0].outputs
    assert 10_000 < len(output.data["image/png"]) * 3 / 4 < 300_000


def test_picture_keeps_its_colours(executed):
    [output] = executed.cells[0].outputs
    picture = Image.open(BytesIO(b64decode(output.data["image/png"]))).convert("RGB")
    assert picture.width == 960
    assert picture.getpixel((0, 0)) == (255, 255, 255)
    shades = {picture.getpixel((picture.width // 3, y)) for y in range(picture.height)}
    assert len(shades) > 50


def test_alt_text_reaches_the_page(executed):
    page, _ = HTMLExporter(template_name="classic").from_notebook_node(executed)
    escaped = SAID.replace("<", "&lt;").replace(">", "&gt;")
    quoted = escaped.replace('"', "&quot;")
    assert page.count(f"alt='{escaped}'") + page.count(f'alt="{quoted}"') == 2


def test_import_needs_the_standard_library_only():
    code = (
        "import sys; before = {*sys.modules}; import helpers.figures; "
        "new = {name.partition('.')[0] for name in {*sys.modules} - before} - {'helpers'}; "
        "sys.exit(', '.join(new - sys.stdlib_module_names) or None)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
