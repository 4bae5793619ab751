"""Show an image right: axes from its own WCS, a unit, and words for those who cannot see it."""

from __future__ import annotations

import sys
from io import BytesIO
from typing import TYPE_CHECKING, Any, Literal

from helpers.connection import simulated
from helpers.errors import FigureError

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from astropy.coordinates import SkyCoord
    from astropy.units import Quantity
    from astropy.visualization.wcsaxes import WCSAxes
    from astropy.wcs import WCS
    from matplotlib.colors import Normalize
    from matplotlib.figure import Figure

    Stretch = Literal["linear", "sqrt", "asinh", "log"]

STRETCHES = ("linear", "sqrt", "asinh", "log")

#: Perceptually uniform and readable with every colour vision; it holds no grey, so that
#: NO_DATA cannot be taken for a value.
COLOUR_MAP = "inferno"
NO_DATA = "0.6"

#: Black is the background's noise, white-hot the brightest stars: percentiles of the pixels.
PERCENTILES = (1.0, 99.7)

#: Width in inches and dots an inch: 640 pixels, as wide as the text of a notebook's page.
WIDTH = 6.4
DPI = 100


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
        smallest positive value, and pixels without counts get the lowest colour.
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
    axes.set_title(title, wrap=True)
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
        coordinate.set_ticklabel(exclude_overlapping=True)
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
    drawn = axes.imshow(seen, norm=norm, cmap=colours, origin="lower", interpolation="nearest")
    bar = axes.figure.colorbar(drawn, ax=axes, label=label, ticks=_round_ticks(norm))
    bar.ax.yaxis.set_major_formatter("{x:g}")
    bar.ax.minorticks_off()


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
        return LogNorm(low, high, clip=True)  # without clip, pixels of 0 would have no colour
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


def _round_ticks(norm: Normalize) -> list[float]:
    """Five values that are spread evenly over the bar, rounded to what tells them apart."""
    import numpy as np

    values = np.asarray(norm.inverse(np.linspace(0.02, 0.98, 5)))
    gaps = np.minimum(np.diff(values, prepend=-np.inf), np.diff(values, append=np.inf))
    digits = -np.floor(np.log10(gaps / 2)).astype(int)
    return [round(float(value), int(places)) for value, places in zip(values, digits, strict=True)]


def _mark(axes: WCSAxes, position: SkyCoord, label: str, shape: tuple[int, ...]) -> None:
    """Draw a circle at a position, and its label beside it, light with a dark rim."""
    from matplotlib.patheffects import withStroke

    x, y = (float(pixel) for pixel in axes.wcs.world_to_pixel(position))
    inside = -0.5 <= x <= shape[1] - 0.5 and -0.5 <= y <= shape[0] - 0.5
    _require(inside, f"the position to mark is outside of the image, at pixel ({x:g}, {y:g})")
    rim = [withStroke(linewidth=3, foreground="black")]
    axes.plot(x, y, "o", ms=14, mfc="none", mec="white", mew=1.5, label=label, path_effects=rim)
    at_left = x > shape[1] / 2  # keep the label within the image
    axes.annotate(
        label,
        (x, y),
        xytext=(-10 if at_left else 10, 8),
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
    figure.set_label(alt)
    if simulated():
        figure.text(0.995, 0.005, "simulated data", ha="right", va="bottom", size=7, color="0.4")
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    if shell is None:
        return
    from IPython.display import display

    bundle = {"image/png": draw(figure), "text/plain": alt}
    display(bundle, raw=True, metadata={"image/png": {"alt": alt}})


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
