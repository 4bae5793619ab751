"""``python -m validation.sky FOLDER``: figures that judge the simulated AllWISE images.

What photutils, an independent program, finds on them, beside the catalogue that the replica serves;
and two neighbouring tiles side by side.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.table import Table
from astropy.utils.exceptions import AstropyUserWarning
from astropy.wcs import WCS
from photutils.background import Background2D, MedianBackground
from photutils.detection import DAOStarFinder
from photutils.psf import MoffatPSF, PSFPhotometry, SourceGrouper
from scipy.ndimage import binary_dilation, map_coordinates

from replica.archives.irsa.allwise import BANDS, PIXEL, SIZE
from replica.archives.irsa.source_photometry import measure
from replica.holdings import Product, select
from replica.simulation.photometry import neighbours
from replica.simulation.render import MOFFAT_BETA
from replica.storage.cache import ensure

#: Pixels within which a source is the same.
_MATCH = 2.0
_FIXED = 0.01  # pixels that a fit may move a star whose place is known; it takes no 0
_BORDER = 20  # pixels
_BLANK = 15  # pixels around saturated ones that are left out
_WIDTH = BANDS["W1"].fwhm / (PIXEL * 3600)  # FWHM of a star in W1, W2 and W3, pixels
_THRESHOLD = 4.5  # of the finder, in a pixel's noise
#: Tiles whose overlap is drawn.
_NEIGHBOURS = ("0830p227", "0847p227")
_ROUNDS = 3  # each finds two thirds of the sky that the one before left
_BOX = 50  # pixels of the squares in which the sky is measured
_CLOSEST = 3.0  # pixels between stars


@dataclass(frozen=True)
class Comparison:
    """Sources of a catalogue on a part of an image, and what photutils makes of them.

    Attributes
    ----------
    magnitude, error : ndarray
        Of the catalogue.
    found : ndarray of bool
        Whether photutils found the source within two pixels.
    difference : ndarray
        Magnitude of photutils less that of the catalogue; NaN where it is not found.
    east, north : ndarray
        Offsets of photutils' places in pixels; NaN where it is not found.
    """

    magnitude: np.ndarray
    error: np.ndarray
    found: np.ndarray
    difference: np.ndarray
    east: np.ndarray
    north: np.ndarray


def tiles() -> list[Product]:
    """Return one image of each AllWISE tile."""
    return select(archive="irsa", collection="wise_allwise", kind="int", band="W1")


def find(images: Mapping[str, np.ndarray]) -> Table:
    """Find stars on images of the same sky, all added, as AllWISE's detection does.

    Parameters
    ----------
    images : mapping of str to ndarray
        By band, less the level of the sky; blank pixels, and those around them, are 0.

    Returns
    -------
    Table
        Places in pixels, ``x`` and ``y``.
    """
    scaled = [pixels / BANDS[band].noise for band, pixels in images.items()]
    finder = DAOStarFinder(
        threshold=_THRESHOLD,
        fwhm=_WIDTH,
        sharpness_range=(-10, 10),
        roundness_range=(-10, 10),
        # By default photutils keeps the brightest peak within 2.5 FWHM, where AllWISE has more.
        min_separation=_CLOSEST,
    )
    found = finder(np.sum(scaled, axis=0) / np.sqrt(len(scaled)))
    return Table({"x": found["x_centroid"], "y": found["y_centroid"]})


def fit(above: np.ndarray, mask: np.ndarray, places: Table, reach: float = _MATCH) -> Table:
    """Fit a Moffat profile to the stars at some places, close ones together.

    Parameters
    ----------
    above : ndarray
        The image less the level of its sky.
    mask : ndarray of bool
        Pixels to leave out.
    places : Table
        As of `find`.
    reach : float
        How far the fit may move a star on each axis, pixels.
    """
    profile = MoffatPSF(alpha=_WIDTH / 2 / np.sqrt(2 ** (1 / MOFFAT_BETA) - 1), beta=MOFFAT_BETA)
    photometry = PSFPhotometry(
        profile,
        (9, 9),
        grouper=SourceGrouper(min_separation=1.5 * _WIDTH),
        aperture_radius=4,
        xy_bounds=reach,
    )
    median = MedianBackground()
    sky = np.zeros_like(above)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "One or more fit", AstropyUserWarning)
        for _ in range(_ROUNDS):
            photometry(above - sky, mask=mask, init_params=places)
            left = photometry.make_residual_image(above - sky, psf_shape=(61, 61))
            # What is left between the stars is the sky, less what the fits took for stars.
            box = Background2D(left, _BOX, mask=mask, filter_size=3, bkg_estimator=median)
            sky += box.background
        fitted = photometry(above - sky, mask=mask, init_params=places)
    return fitted[np.isfinite(fitted["x_fit"]) & (fitted["flux_fit"] > 0)]


def compare(
    images: Mapping[str, np.ndarray],
    columns: dict[str, np.ndarray],
    band: str,
    corner: tuple[int, int],
) -> Comparison:
    """Compare a part of an image with the catalogue.

    Parameters
    ----------
    images : mapping of str to ndarray
        The part in the bands, of one width of stars, in which stars are looked for.
    columns : dict of str to ndarray
        Of the catalogue: those of `replica.archives.irsa.source_photometry.measure`.
    band : str
        Of the images, the one in which fluxes are measured.
    corner : tuple of int
        Column and row of its first pixel in the whole image, from 0.
    """
    blank = np.any([np.isnan(pixels) for pixels in images.values()], axis=0)
    mask = binary_dilation(blank, iterations=_BLANK)
    above = {
        name: np.where(mask, 0, pixels - BANDS[name].background).astype(float)
        for name, pixels in images.items()
    }
    fitted = fit(above["W1"], mask, find(above))
    if band != "W1":
        # As AllWISE does it, a source has one place in all bands: that of the deepest.
        places = Table({"x": fitted["x_fit"], "y": fitted["y_fit"]})
        fitted = fit(above[band], mask, places, _FIXED)
    x, y = (np.asarray(fitted[f"{axis}_fit"], float) for axis in "xy")
    fluxes = np.asarray(fitted["flux_fit"], float)
    own_x, own_y = (columns[f"w{axis}"] - 1 - corner[n] for n, axis in enumerate("xy"))
    height, width = mask.shape
    key = band.lower()
    inside = _within(own_x, own_y, width, height) & (columns[f"{key}snr"] > 2)
    own_x, own_y = own_x[inside], own_y[inside]
    nearest, distance = _nearest(own_x, own_y, x, y)
    found = distance < _MATCH
    magnitude = columns[f"{key}mpro"][inside]
    theirs = BANDS[band].zero_magnitude - 2.5 * np.log10(fluxes)
    return Comparison(
        magnitude,
        columns[f"{key}sigmpro"][inside],
        found,
        np.where(found, theirs[nearest] - magnitude, np.nan),
        np.where(found, x[nearest] - own_x, np.nan),
        np.where(found, y[nearest] - own_y, np.nan),
    )


def _within(x: np.ndarray, y: np.ndarray, width: int, height: int) -> np.ndarray:
    return (x > _BORDER) & (x < width - _BORDER) & (y > _BORDER) & (y < height - _BORDER)


def _nearest(
    x: np.ndarray, y: np.ndarray, other_x: np.ndarray, other_y: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Index of the nearest of the others, and its distance; far away if none is near."""
    one, other, distance = neighbours(
        np.concatenate([x, other_x]), np.concatenate([y, other_y]), 2 * _MATCH
    )
    one, other = np.concatenate([one, other]), np.concatenate([other, one])
    distance = np.concatenate([distance, distance])
    across = (one < x.size) & (other >= x.size)
    one, other, distance = one[across], other[across] - x.size, distance[across]
    index, closest = np.zeros(x.size, int), np.full(x.size, np.inf)
    order = np.argsort(-distance, kind="stable")  # the nearest is written last
    index[one[order]], closest[one[order]] = other[order], distance[order]
    return index, closest


def measured(tile: Product, band: str, size: int = 700) -> Comparison:
    """Compare a square in the middle of a tile's images with the catalogue: W1 or W2."""
    first = (SIZE - size) // 2
    part = slice(first, first + size)
    images = {}
    for each in ("W1", "W2"):
        (image,) = select(obs_id=tile.obs_id, kind="int", band=each)
        with fits.open(ensure(image)) as hdus:
            images[each] = hdus[0].section[part, part]
    return compare(images, measure(tile, tiles()), band, (first, first))


def pair(band: str) -> tuple[Product, Product]:
    """Return the images of two neighbouring tiles, the western one first."""
    one, other = (
        select(obs_id=tile.obs_id, kind="int", band=band)[0]
        for tile in sorted(tiles(), key=lambda tile: tile.ra)
        if tile.obs_id[:8] in _NEIGHBOURS
    )
    return one, other


def overlap(
    one: Product, other: Product, half: tuple[int, int] = (160, 40)
) -> tuple[np.ndarray, np.ndarray]:
    """Return the pixels around the middle between two tiles in one row, from each.

    Their grids differ: the other's are interpolated between its four nearest pixels.

    Parameters
    ----------
    one, other : Product
        Images of the tiles, the one on whose grid the pixels are first.
    half : tuple of int
        Half the rows and half the columns.  The tiles overlap over 150 columns.

    Returns
    -------
    tuple of ndarray
        Both of the same shape; NaN where an image does not reach.
    """
    with fits.open(ensure(one)) as first, fits.open(ensure(other)) as second:
        wcs = WCS(first[0].header)
        x, y = wcs.all_world2pix((one.ra + other.ra) / 2, (one.dec + other.dec) / 2, 0)
        grid = np.mgrid[-half[0] : half[0], -half[1] : half[1]]
        rows, columns = grid[0] + round(float(y)), grid[1] + round(float(x))
        beyond = WCS(second[0].header).all_world2pix(*wcs.all_pix2world(columns, rows, 0), 0)
        here = [rows, columns], [beyond[1], beyond[0]]
        parts = [
            map_coordinates(hdus[0].data, place, order=1, cval=np.nan)
            for hdus, place in zip((first, second), here, strict=True)
        ]
    return parts[0], parts[1]


def step(band: str) -> tuple[float, float]:
    """Measure how much two tiles differ in level where they overlap.

    Returns
    -------
    tuple of float
        Median difference, and its scatter over squares of 40 pixels, in the noise of a pixel.
    """
    one, other = overlap(*pair(band), (640, 40))
    squares = ((one - other) / BANDS[band].noise).reshape(32, 40, 2, 40).swapaxes(1, 2)
    levels = np.nanmedian(squares.reshape(64, -1), axis=1)
    return float(np.nanmedian(squares)), float(levels.std())


def mosaic(band: str, half: tuple[int, int] = (160, 320)) -> np.ndarray:
    """Return pixels on both sides of a seam: each from the tile whose border is farther away."""
    one, other = overlap(*pair(band), half)
    # East is left: there begins the other tile.
    return np.where(np.arange(2 * half[1]) < half[1], other, one)


def main(folder: str) -> None:
    """Draw both figures."""
    import matplotlib

    matplotlib.use("Agg")
    draw_comparison(Path(folder) / "sky.png")
    draw_mosaic(Path(folder) / "mosaic.png")


def draw_mosaic(path: Path) -> None:
    """Draw the sky on both sides of the seam between two tiles, in each band."""
    from matplotlib import pyplot as plt
    from PIL import Image

    figure, axes = plt.subplots(2, 2, figsize=(9, 5.4), layout="constrained")
    for panel, band in zip(axes.flat, BANDS, strict=True):
        pixels = mosaic(band) - BANDS[band].background
        high = 20 * BANDS[band].noise
        shown = np.arcsinh(4 * np.clip(pixels / high, -0.15, 1))
        panel.imshow(shown, origin="lower", cmap="gray", interpolation="nearest")
        panel.set_title(band, loc="left")
        panel.set(xticks=[320], xticklabels=["seam"], yticks=[])
    figure.suptitle("AllWISE tiles 0847p227 and 0830p227 side by side (simulated data)")
    figure.savefig(path, dpi=100)
    # Few levels of grey: noise takes much room.
    Image.open(path).convert("RGB").quantize(32, dither=Image.Dither.NONE).save(path, optimize=True)


def draw_comparison(path: Path) -> None:
    """Draw differences, their scatter over the error, and completeness, in W1 and W2."""
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(
        3,
        2,
        figsize=(9, 8),
        height_ratios=(2, 1.2, 1.2),
        sharex=True,
        sharey="row",
        layout="constrained",
    )
    for column, band in zip(axes.T, ("W1", "W2"), strict=True):
        _draw(column, measured(tiles()[0], band), band)
    figure.suptitle("AllWISE tile 0830p227 (simulated data): photutils beside the catalogue")
    figure.savefig(path, dpi=110)


def _draw(axes: np.ndarray, seen: Comparison, band: str) -> None:
    above, between, below = axes
    above.plot(seen.magnitude, seen.difference, ".", ms=2, color="0.6", rasterized=True)
    edges = np.arange(8.5, 17.6, 0.5)
    centres = (edges[1:] + edges[:-1]) / 2
    bins = [statistic(seen, low, high) for low, high in pairwise(edges)]
    middle, scatter, error, share = np.array(bins).T
    above.errorbar(centres, middle, scatter, fmt="o", ms=4, color="C3", label="median and scatter")
    above.step(centres, error, where="mid", color="C0", label="catalogue's error")
    above.set(ylim=(-0.8, 0.8), ylabel="photutils − catalogue (mag)", title=band)
    above.legend(fontsize=8, loc="upper left")
    between.plot(centres, scatter / error, "o-", color="C3")
    between.axhline(np.sqrt(2), color="0.4", ls="--", label="√2: two measurements as good")
    between.set(ylim=(0, 2.4), ylabel="scatter / error")
    between.legend(fontsize=8, loc="lower left")
    below.plot(centres, share, "o-")
    below.set(ylim=(0, 1.05), ylabel="share that photutils finds", xlabel=f"{band} (mag)")


def statistic(seen: Comparison, low: float, high: float) -> tuple[float, float, float, float]:
    """Compare the sources between two magnitudes.

    Returns
    -------
    tuple of float
        Median difference, scatter by the median deviation, the catalogue's median error, all in
        magnitudes, and the share that photutils finds; NaN if it finds fewer than eight.
    """
    chosen = (seen.magnitude >= low) & (seen.magnitude < high)
    values = seen.difference[chosen & seen.found]
    if values.size < 8:
        return np.nan, np.nan, np.nan, np.nan
    middle = float(np.median(values))
    scatter = float(1.4826 * np.median(np.abs(values - middle)))
    return (
        middle,
        scatter,
        float(np.nanmedian(seen.error[chosen])),
        float(seen.found[chosen].mean()),
    )


if __name__ == "__main__":
    main(*sys.argv[1:2] or ["docs"])
