"""``python -m validation.sky FIGURE``: photutils measures simulated images; a figure compares.

What an independent program finds on AllWISE images, beside the catalogue that the replica serves.
"""

from __future__ import annotations

import sys
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.table import Table
from astropy.utils.exceptions import AstropyUserWarning
from astropy.wcs import WCS
from photutils.detection import DAOStarFinder
from photutils.psf import MoffatPSF, PSFPhotometry, SourceGrouper
from scipy.ndimage import binary_dilation

from replica.archives.irsa.allwise import BANDS, PIXEL
from replica.archives.irsa.source_photometry import measure
from replica.holdings import Product, select
from replica.simulation.photometry import neighbours
from replica.simulation.render import MOFFAT_BETA
from replica.storage.cache import ensure

#: Pixels within which a source is the same.
_MATCH = 2.0
_BORDER = 20  # pixels
_BLANK = 15  # pixels around saturated ones that are left out


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


def fit(pixels: np.ndarray, background: float, fwhm: float, threshold: float) -> Table:
    """Find stars on an image and fit a Moffat profile to each, close ones together.

    Parameters
    ----------
    pixels : ndarray
        The image; blank pixels and those around them are left out.
    background : float
        Level of the sky.
    fwhm : float
        Of a star, pixels.
    threshold : float
        Of the finder, in the image's unit.
    """
    mask = binary_dilation(np.isnan(pixels), iterations=_BLANK)
    above = np.where(mask, 0, pixels - background).astype(float)
    fitted, left = _fit_once(above, mask, fwhm, threshold)
    # What is left between the stars is the sky.
    fitted, _ = _fit_once(above - np.median(left[~mask]), mask, fwhm, threshold)
    return fitted[np.isfinite(fitted["x_fit"]) & (fitted["flux_fit"] > 0)]


def _fit_once(
    above: np.ndarray, mask: np.ndarray, fwhm: float, threshold: float
) -> tuple[Table, np.ndarray]:
    """The fits, and the image without them."""
    finder = DAOStarFinder(
        threshold=threshold,
        fwhm=fwhm / 2,  # finds what stands close to others
        sharpness_range=(-10, 10),
        roundness_range=(-10, 10),
    )
    found = finder(above, mask=mask)
    start = Table({"x": found["x_centroid"], "y": found["y_centroid"], "flux": found["flux"]})
    alpha = fwhm / 2 / np.sqrt(2 ** (1 / MOFFAT_BETA) - 1)
    photometry = PSFPhotometry(
        MoffatPSF(alpha=alpha, beta=MOFFAT_BETA),
        (7, 7),
        grouper=SourceGrouper(min_separation=fwhm),
        aperture_radius=4,
    )
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "One or more fit", AstropyUserWarning)
        fitted = photometry(above, mask=mask, init_params=start)
        left = photometry.make_residual_image(above, psf_shape=(41, 41))
    return fitted, left


def compare(
    pixels: np.ndarray,
    columns: dict[str, np.ndarray],
    band: str,
    corner: tuple[int, int],
    threshold: float,
) -> Comparison:
    """Compare a part of an image with the catalogue.

    Parameters
    ----------
    pixels : ndarray
        The part.
    columns : dict of str to ndarray
        Of the catalogue: those of `replica.archives.irsa.source_photometry.measure`.
    band : str
        Such as W1.
    corner : tuple of int
        Column and row of its first pixel in the whole image, from 0.
    threshold : float
        See `fit`.
    """
    facts = BANDS[band]
    fitted = fit(pixels, facts.background, facts.fwhm / (PIXEL * 3600), threshold)
    x, y = (np.asarray(fitted[f"{axis}_fit"], float) for axis in "xy")
    fluxes = np.asarray(fitted["flux_fit"], float)
    own_x, own_y = (columns[f"w{axis}"] - 1 - corner[n] for n, axis in enumerate("xy"))
    height, width = pixels.shape
    key = band.lower()
    inside = _within(own_x, own_y, width, height) & (columns[f"{key}snr"] > 2)
    own_x, own_y = own_x[inside], own_y[inside]
    nearest, distance = _nearest(own_x, own_y, x, y)
    found = distance < _MATCH
    magnitude = columns[f"{key}mpro"][inside]
    theirs = facts.zero_magnitude - 2.5 * np.log10(fluxes)
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
    """Compare a square in the middle of a tile's image with the catalogue."""
    (image,) = select(obs_id=tile.obs_id, kind="int", band=band)
    with fits.open(ensure(image)) as hdus:
        first = (hdus[0].header["NAXIS1"] - size) // 2
        part = slice(first, first + size)
        pixels = hdus[0].section[part, part]
    threshold = 1.2 * BANDS[band].noise
    return compare(pixels, measure(tile, tiles()), band, (first, first), threshold)


def overlap(one: Product, other: Product, half: int = 40) -> tuple[np.ndarray, np.ndarray]:
    """Return the pixels around the middle of the overlap of two tiles in one row, from each.

    Their grids differ, so those of the other are taken by the nearest pixel.
    """
    middle = (one.ra + other.ra) / 2, (one.dec + other.dec) / 2
    parts = []
    grid = None
    for tile in (one, other):
        with fits.open(ensure(tile)) as hdus:
            wcs = WCS(hdus[0].header)
            if grid is None:
                x, y = (round(float(value)) for value in wcs.all_world2pix(*middle, 0))
                rows, columns = np.mgrid[y - 4 * half : y + 4 * half, x - half : x + half]
                grid = wcs.all_pix2world(columns, rows, 0)
            x, y = np.rint(wcs.all_world2pix(*grid, 0)).astype(int)
            parts.append(hdus[0].data[y, x])
    return parts[0], parts[1]


def main(path: str) -> None:
    """Draw the figure: differences and completeness against magnitude, W1 and W2."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(2, 2, figsize=(9, 6.5), sharex="col", layout="constrained")
    for column, band in zip(axes.T, ("W1", "W2"), strict=True):
        _draw(column, measured(tiles()[0], band), band)
    figure.suptitle("AllWISE tile 0830p227 (simulated data): photutils beside the catalogue")
    figure.savefig(path, dpi=110)


def _draw(axes: np.ndarray, seen: Comparison, band: str) -> None:
    above, below = axes
    above.plot(seen.magnitude, seen.difference, ".", ms=2, color="0.6", rasterized=True)
    edges = np.arange(7.5, 17.6, 0.5)
    centres = (edges[1:] + edges[:-1]) / 2
    number = np.digitize(seen.magnitude, edges) - 1
    middle = [_statistic(seen, number == n) for n in range(centres.size)]
    above.errorbar(
        centres,
        [m for m, *_ in middle],
        [s for _, s, _ in middle],
        fmt="o",
        ms=4,
        color="C3",
        label="median and scatter",
    )
    above.step(centres, [e for *_, e in middle], where="mid", color="C0", label="catalogue's error")
    above.set(ylim=(-0.6, 0.8), ylabel="photutils − catalogue (mag)")
    above.legend(fontsize=8, loc="upper left")
    listed = [
        seen.found[number == n].mean() if (number == n).any() else np.nan
        for n in range(centres.size)
    ]
    below.plot(centres, listed, "o-")
    below.set(ylim=(0, 1.05), ylabel="share that photutils finds", xlabel=f"{band} (mag)")


def _statistic(seen: Comparison, chosen: np.ndarray) -> tuple[float, float, float]:
    """Median, scatter by the median deviation, and the catalogue's median error."""
    values = seen.difference[chosen & seen.found]
    if values.size < 5:
        return np.nan, np.nan, np.nan
    middle = float(np.median(values))
    return (
        middle,
        float(1.4826 * np.median(np.abs(values - middle))),
        float(np.nanmedian(seen.error[chosen])),
    )


if __name__ == "__main__":
    main(*sys.argv[1:2] or [str(Path("docs") / "sky.png")])
