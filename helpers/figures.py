"""Show an image right: axes from its own WCS, a unit, and words for those who cannot see it."""

from __future__ import annotations

import os
import sys
from io import BytesIO
from typing import TYPE_CHECKING, Any, Literal, cast

from helpers.connection import simulated
from helpers.errors import FigureError

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from astropy.coordinates import SkyCoord
    from astropy.units import Quantity
    from astropy.visualization.wcsaxes import WCSAxes
    from astropy.wcs import WCS
    from matplotlib.axes import Axes
    from matplotlib.colorbar import Colorbar
    from matplotlib.colors import Normalize
    from matplotlib.figure import Figure

    Stretch = Literal["linear", "sqrt", "asinh", "log"]

STRETCHES = ("linear", "sqrt", "asinh", "log")

#: Jupyter's server sets it for kernels; JupyterLab shows an alt text in HTML only.
_IN_A_SERVER = "JPY_SESSION_NAME"

#: What every figure of the replica's data says.
SIMULATED = "simulated data"

#: Perceptually uniform and readable with every colour vision; it holds no grey, so that
#: NO_DATA cannot be taken for a value.
COLOUR_MAP = "inferno"
NO_DATA = "0.6"
#: On a log scale a pixel without counts has no value: it looks like no data, but darker.
NO_COUNTS = "0.2"

#: Black is the background's noise, white-hot the brightest stars: percentiles of the pixels.
PERCENTILES = (1.0, 99.7)

#: Width in inches, as wide as the text of a notebook's page, and dots an inch.
WIDTH = 6.4
DPI = 150
#: Diameter of the circle around a marked position, points: it leaves a small source visible.
MARKER = 22
#: Digits of the roundest ticks of a colour bar.
_ROUND_DIGITS = (1, 2, 5)
#: Least distance of two ticks of a colour bar, inches: one and a half lines of text.
_TICK_DISTANCE = 0.25


def show_image(
    image: object,
    *,
    unit: str,
    alt: str,
    title: str = "",
    stretch: Stretch = "asinh",
    marker: SkyCoord | None = None,
    marker_label: str = "",
    scale_bar: Quantity | None = None,
) -> WCSAxes:
    """Draw an image on the sky; in a notebook, also show it with its alt text.

    Parameters
    ----------
    image : cutout or image HDU
        Anything with 2-d `data` and a celestial `wcs`, for instance an
        `astropy.nddata.Cutout2D`; or an image HDU, whose header gives the WCS.
    unit : str
        Unit of the pixels, for the colour bar's label.
    alt : str
        What there is to see, for readers who cannot see it.
    title : str, optional
        Title of the axes.
    stretch : {"linear", "sqrt", "asinh", "log"}, optional
        Between the 1st and the 99.7th percentile of the pixels; ``"log"`` begins at the
        smallest positive value, and pixels without counts are dark grey.
    marker : SkyCoord, optional
        One position to mark with a circle.
    marker_label : str, optional
        Text beside the circle.
    scale_bar : Quantity, optional
        Angle that a bar in the corner shows.

    Returns
    -------
    WCSAxes
        The axes; the alt text is the label of their figure.  In a script, save the figure
        with ``axes.figure.savefig(name)``: pyplot does not know it.

    Raises
    ------
    FigureError
        Without unit, alt text, celestial WCS or finite pixels; for data that are not 2-d, an
        unknown stretch, or a position outside of the image.
    """
    _require(unit and str(unit).strip(), "say the pixels' unit, for the colour bar")
    _require(stretch in STRETCHES, f"stretch {stretch!r} is none of {', '.join(STRETCHES)}")
    data, wcs = _data_and_wcs(image)
    axes = _sky_axes(data.shape, wcs)
    _set_title(axes, title)
    _draw(axes, data, f"{unit} ({stretch} stretch)", stretch)
    if marker is not None:
        _mark(axes, marker, marker_label, data.shape)
    if scale_bar is not None:
        _add_scale_bar(axes, scale_bar)
    _publish(axes.figure, alt, _small_png)
    return axes


def show_figure(figure: Figure, *, alt: str) -> None:
    """In a notebook, show any figure with its alt text, once; pyplot then forgets it.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        What pyplot, aplpy or another library drew.
    alt : str
        What there is to see, for readers who cannot see it; it becomes the figure's label.

    Raises
    ------
    FigureError
        Without alt text.
    """
    _publish(figure, alt, _png)
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close(figure)


def _require(holds: object, why: str) -> None:
    if not holds:
        raise FigureError(why)


def _data_and_wcs(image: Any) -> tuple[np.ndarray, WCS]:
    """Return the pixels, NaN where masked, and the WCS that belongs to them."""
    import numpy as np

    from helpers.wcs import celestial_wcs

    data, wcs = getattr(image, "data", None), getattr(image, "wcs", None)
    has_wcs = wcs is not None or hasattr(image, "header")
    _require(data is not None and has_wcs, f"no image in a {type(image).__name__}")
    wcs = wcs if wcs is not None else celestial_wcs(image.header)
    _require(wcs.has_celestial, "the image's WCS has no celestial axes")
    data = np.ma.filled(np.ma.asarray(data, dtype=float), np.nan)
    _require(data.ndim == 2, f"an image has two axes, this array has {data.ndim}")
    _require(np.isfinite(data).any(), "the image has no finite pixel")
    return data, wcs.celestial if wcs.naxis > 2 else wcs


def _sky_axes(shape: tuple[int, ...], wcs: WCS) -> WCSAxes:
    """Make the axes of a figure that pyplot does not know, as high as the image needs."""
    from astropy.visualization.wcsaxes import WCSAxes
    from matplotlib.figure import Figure

    height = min(max(0.8 * WIDTH * shape[0] / shape[1], 0.4 * WIDTH), 1.4 * WIDTH)
    figure = Figure(figsize=(WIDTH, height), dpi=DPI, layout="compressed")
    axes: WCSAxes = figure.add_subplot(axes_class=WCSAxes, wcs=wcs)
    for coordinate, name in zip(axes.coords, _axis_names(wcs), strict=True):
        coordinate.set_axislabel(name)
        coordinate.set_ticks(number=5)
        # A declination keeps its degrees and minutes: 00" alone may stand twice.
        longitude = coordinate.coord_type == "longitude"
        coordinate.set_ticklabel(exclude_overlapping=True, simplify=longitude)
    return axes


def _axis_names(wcs: WCS) -> list[str]:
    """Names of the celestial coordinates with their frame, in the order of the axes."""
    from astropy.wcs.utils import wcs_to_celestial_frame

    frame = wcs_to_celestial_frame(wcs).name
    equatorial = frame in ("icrs", "fk5", "fk4")
    longitude, latitude = (
        ("Right ascension", "Declination") if equatorial else ("Longitude", "Latitude")
    )
    shown = frame.upper() if equatorial else frame
    names = [f"{longitude} ({shown})", f"{latitude} ({shown})"]
    return names if wcs.wcs.lng < wcs.wcs.lat else names[::-1]


def _draw(axes: WCSAxes, data: np.ndarray, label: str, stretch: Stretch) -> None:
    """Draw the pixels as they are, without smoothing, and the colour bar."""
    import numpy as np
    from matplotlib import colormaps

    norm = _norm(data, stretch)
    colours = colormaps[COLOUR_MAP].with_extremes(bad=NO_DATA)
    seen = np.ma.masked_invalid(data)
    if stretch == "log":
        colours = colours.with_extremes(under=NO_COUNTS)
        seen = np.ma.maximum(seen, _limits(norm)[0] / 2)  # below the scale, where there is no count
    drawn = axes.imshow(seen, norm=norm, cmap=colours, origin="lower", interpolation="nearest")
    bar = axes.figure.colorbar(drawn, ax=axes, label=label)
    _set_ticks(bar, norm, stretch, WIDTH * min(0.6 * data.shape[0] / data.shape[1], 1.2))


def _norm(data: np.ndarray, stretch: Stretch) -> Normalize:
    """Return the mapping of values to colours, from PERCENTILES of the finite pixels.

    The asinh curve (Lupton, Gunn & Szalay 1999, AJ 118, 1406) turns from linear to
    logarithmic at a quarter of the way to the brightest tenth of the pixels, so that a
    nebula has colours of its own beside stars a hundred times as bright.
    """
    import numpy as np
    from astropy.visualization import AsinhStretch, ImageNormalize, LinearStretch, SqrtStretch
    from matplotlib.colors import LogNorm

    values = data[np.isfinite(data)]
    if stretch == "log":
        low, high = _distinct(values[values > 0])
        return LogNorm(low, high)
    low, bend, high = np.percentile(values, (PERCENTILES[0], 90, PERCENTILES[1]))
    if not low < high:  # most pixels are equal
        low, high = _distinct(values)
    softening = min(max((bend - low) / (high - low) / 4, 0.003), 0.25)
    curves = {"linear": LinearStretch(), "sqrt": SqrtStretch(), "asinh": AsinhStretch(softening)}
    norm: Normalize = ImageNormalize(vmin=low, vmax=high, stretch=curves[stretch])
    return norm


def _distinct(values: np.ndarray) -> tuple[float, float]:
    """Smallest and largest value, made different if they are equal."""
    _require(values.size, "a log stretch needs a positive pixel")
    low, high = float(values.min()), float(values.max())
    return low, high if high > low else low + (abs(low) or 1.0)


def _set_ticks(bar: Colorbar, norm: Normalize, stretch: Stretch, height: float) -> None:
    """Label a bar of some inches: at decades where it is logarithmic, else at round numbers."""
    import numpy as np

    low, high = _limits(norm)
    decades = np.log10(high / low) if stretch == "log" else 0
    if decades < 2 or height < 1:
        even = stretch == "linear"
        bar.set_ticks(_round_ticks(norm, min(_TICK_DISTANCE / height, 0.3), even=even))
        bar.ax.minorticks_off()
    bar.ax.yaxis.set_major_formatter("{x:g}")
    bar.ax.yaxis.set_minor_formatter("")


def _limits(norm: Normalize) -> tuple[float, float]:
    """Values at both ends of the colours."""
    return cast("float", norm.vmin), cast("float", norm.vmax)


def _round_ticks(norm: Normalize, distance: float, *, even: bool) -> list[float]:
    """Return values for ticks, at least a part `distance` of the bar from each other."""
    low, high = _limits(norm)
    if even:
        return _even_values(low, high, min(int(1 / distance), 8))
    ticks: dict[float, float] = {}
    for value in _round_values(low, high):
        place = float(norm(value))
        if all(abs(place - taken) >= distance for taken in ticks):
            ticks[place] = value
    return [ticks[place] for place in sorted(ticks)]


def _even_values(low: float, high: float, count: int) -> list[float]:
    """Return at most `count` round values from `low` to `high` in even steps."""
    from matplotlib.ticker import MaxNLocator

    values = MaxNLocator(count, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high)
    return [float(f"{value:.9g}") for value in values if low <= value <= high]


def _round_values(low: float, high: float) -> list[float]:
    """Return round values from `low` to `high`, and zero; those of few digits come first."""
    import numpy as np

    top = np.log10(max(abs(low), abs(high)))
    powers = 10.0 ** np.arange(np.ceil(top), top - 4, -1)
    spread = [float(f"{digit * power:.9g}") for digit in _ROUND_DIGITS for power in powers]
    round_values = [0.0, *spread, *(-value for value in spread)]
    even = [value for count in (4, 8, 16) for value in _even_values(low, high, count)]
    return [value for value in [*round_values, *even] if low <= value <= high]


def _mark(axes: WCSAxes, position: SkyCoord, label: str, shape: tuple[int, ...]) -> None:
    """Draw a circle at a position, and its label beside it, light with a dark rim."""
    from matplotlib.patheffects import withStroke

    x, y = (float(pixel) for pixel in axes.wcs.world_to_pixel(position))
    inside = -0.5 <= x <= shape[1] - 0.5 and -0.5 <= y <= shape[0] - 0.5
    _require(inside, f"the position to mark is outside of the image, at pixel ({x:g}, {y:g})")
    rim = [withStroke(linewidth=3, foreground="black")]
    axes.plot(x, y, "o", ms=MARKER, mfc="none", mec="white", mew=1.5, label=label, path_effects=rim)
    at_left = x > shape[1] / 2  # keep the label within the image
    axes.annotate(
        label,
        (x, y),
        xytext=(-MARKER * 0.6 if at_left else MARKER * 0.6, MARKER * 0.5),
        textcoords="offset points",
        ha="right" if at_left else "left",
        color="white",
        path_effects=rim,
    )


def _add_scale_bar(axes: WCSAxes, length: Quantity) -> None:
    from astropy.visualization.wcsaxes import add_scalebar

    label = f"{length.value:g} {length.unit}"
    add_scalebar(axes, length, label=label, corner="bottom left", color="white", frame=True)
    axes.artists[-1].patch.set(facecolor="black", edgecolor="none", alpha=0.6)


def _publish(figure: Figure, alt: str, draw: Callable[[Figure], bytes]) -> None:
    """Record the alt text and, where IPython runs, send the picture with it."""
    _require(isinstance(alt, str) and alt.strip(), "say in alt what there is to see")
    alt = alt.strip()
    if simulated():
        _say_simulated(figure)
        alt = f"Simulated data. {alt}"
    figure.set_label(alt)
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    if shell is None:
        return
    from IPython.display import display

    picture = draw(figure)
    if _IN_A_SERVER in os.environ:
        display({"text/html": _html(picture, alt), "text/plain": alt}, raw=True)
    else:
        bundle = {"image/png": picture, "text/plain": alt}
        display(bundle, raw=True, metadata={"image/png": {"alt": alt}})


def _html(picture: bytes, alt: str) -> str:
    """An image element; its width is that of the figure, not of its dense pixels."""
    from base64 import b64encode
    from html import escape

    source = f"data:image/png;base64,{b64encode(picture).decode()}"
    return f'<img alt="{escape(alt)}" width="{round(100 * WIDTH)}" src="{source}">'


def _say_simulated(figure: Figure) -> None:
    """Say it in the title, which stays with the picture when it is cropped."""
    if not figure.axes:
        figure.text(0.5, 0.99, SIMULATED, ha="center", va="top")
        return
    axes, above = figure.axes[0], figure.get_suptitle()
    title = above or axes.get_title()
    if SIMULATED in title:
        return
    title = f"{title} ({SIMULATED})" if title else SIMULATED
    if above:
        figure.suptitle(title)
    else:
        _set_title(axes, title)


def _set_title(axes: Axes, title: str) -> None:
    """Set a title, above the tick labels that a turned image has on its upper edge."""
    import numpy as np

    matrix = axes.wcs.pixel_scale_matrix if hasattr(axes, "wcs") else np.eye(2)
    turned = abs(matrix[0, 1]) > 0.02 * abs(matrix).max() and abs(matrix[0, 0]) > 0
    axes.set_title(title, wrap=True, pad=42 if turned else 6)


def _png(figure: Figure) -> bytes:
    """Return the picture as it is."""
    file = BytesIO()
    figure.savefig(file, format="png", dpi=DPI)
    return file.getvalue()


def _small_png(figure: Figure) -> bytes:
    """Return the picture with a palette of 256 colours: half the bytes, or fewer."""
    import numpy as np
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from PIL import Image

    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    pixels = np.asarray(canvas.buffer_rgba())[..., :3].astype(int)
    codes, places = np.unique(pixels @ [65536, 256, 1], return_inverse=True)
    colours = np.stack([codes >> 16, codes >> 8 & 255, codes & 255], axis=1)
    palette = _palette()
    nearest = ((colours[:, None] - palette) ** 2).sum(axis=2).argmin(axis=1).astype("uint8")
    picture = Image.fromarray(nearest[places].reshape(pixels.shape[:2]))
    picture.putpalette(palette.astype("uint8").tobytes())
    file = BytesIO()
    picture.save(file, "PNG", optimize=True)
    return file.getvalue()


def _palette() -> np.ndarray:
    """Red, green and blue of 205 colours of the map and 51 greys, shape (256, 3)."""
    import numpy as np
    from matplotlib import colormaps

    colours = colormaps[COLOUR_MAP](np.linspace(0, 1, 205), bytes=True)[:, :3]
    greys = np.linspace(0, 255, 51).round()  # for the texts; NO_DATA is one of them
    return np.vstack([colours, np.stack([greys] * 3, axis=1)]).astype(int)
