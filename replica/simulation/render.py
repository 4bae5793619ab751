"""Put stars and the nebula on an image."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from astropy.wcs import WCS

from replica.simulation.milky_way import BANDS
from replica.simulation.noise import sample, spline_weights
from replica.simulation.stars import EPOCH, Stars, cells

#: Exponent of the Moffat profile of all stars (Trujillo et al. 2001, MNRAS 328, 977, find
#: 2.5 for typical seeing, 4.765 for pure turbulence).  `_transform` is that of 3.5.
MOFFAT_BETA = 3.5
_MARGIN = 330  # pixels: as far as the glare of a star in AllWISE reaches, and no stamp farther
_BATCH = 64_000  # pixels of stamps that are drawn at once: they stay in the processor's cache
#: Pixels of stamps, in units of the image's, above which a Fourier transform is faster.
_CROWDED = 3
_LINES, _WAVES = 64, 32  # rows and columns that are transformed at once, for the same reason
#: Frequency, in units of 1 over the stars' width, at which less than 0.04 % of a peak is left.
_FINEST = 2.0
_PAD = 112  # pixels beside an image, so that the light of a star that is convolved fades there


Bounds = tuple[tuple[float, float], tuple[float, float]]


@dataclass(frozen=True)
class Drawn:
    """Sources on an image.

    Attributes
    ----------
    x, y : ndarray
        Pixels from 0.
    magnitude : dict of str to ndarray
        By band.
    size : ndarray
        Full width at half maximum without that of the telescope, pixels; 0 for stars.
    pmra, pmdec : ndarray
        Proper motion, mas a year.
    """

    x: np.ndarray
    y: np.ndarray
    magnitude: dict[str, np.ndarray]
    size: np.ndarray
    pmra: np.ndarray
    pmdec: np.ndarray


def moffat(square: np.ndarray, fwhm: float | np.ndarray) -> np.ndarray:
    """Star of unit flux at squared distances `square`, pixels squared; `fwhm` in pixels."""
    return _peak(fwhm) * _falloff(square / core_area(fwhm))


def _peak(fwhm: float | np.ndarray) -> np.ndarray:
    return (MOFFAT_BETA - 1) / (np.pi * core_area(fwhm))


def _falloff(square: np.ndarray) -> np.ndarray:
    """The profile in units of its peak, at squared distances in units of the core's area."""
    base = 1 + square
    light = base * base
    light *= base
    light *= np.sqrt(base)
    return np.reciprocal(light, out=light)


def core_area(fwhm: float | np.ndarray) -> np.ndarray:
    """Square of the Moffat profile's core radius, pixels; `fwhm` in pixels."""
    return np.square(fwhm) / (4 * (2 ** (1 / MOFFAT_BETA) - 1))


def add_stars(
    image: np.ndarray,
    wcs: WCS,
    band: str,
    flux_of_zero: float,
    fwhm: float,
    noise: float,
    epoch: float = EPOCH,
) -> None:
    """Add the catalogue's sources to an image in place.

    Where they crowd, they are drawn all at once, with a Fourier transform, and galaxies are
    points.

    Parameters
    ----------
    image : ndarray of float32
        Changed in place.
    wcs : WCS
        Celestial coordinates of the image.
    band : str
        Column of the catalogue.
    flux_of_zero : float
        Flux of a star of magnitude 0, in the image's unit.
    fwhm : float
        Full width at half maximum of a star, pixels.
    noise : float
        Noise of a pixel: sources are drawn out to a quarter of it.
    epoch : float
        Julian year in which the stars are where the image has them.
    """
    peak = flux_of_zero * float(moffat(np.zeros(1), fwhm)[0])
    faintest = 2.5 * np.log10(peak / (noise / 4)) + 0.01  # a little too much, for rounding
    drawn = sources_on(image.shape, wcs, epoch, (band, faintest), (band,))
    flux = flux_of_zero * 10 ** (-0.4 * drawn.magnitude[band])
    width = np.hypot(fwhm, drawn.size).astype(np.float32)
    radius = _radii(flux, width, fwhm, noise / 4)
    # From row to row, for the processor's cache.
    order = np.argsort(drawn.y.astype(np.int16), kind="stable")
    x, y, flux, width, radius = (
        values[order] for values in (drawn.x, drawn.y, flux, width, radius)
    )
    at_once = (radius > 0) & (radius <= _PAD)
    if np.sum((2.0 * radius[at_once] + 1) ** 2) > _CROWDED * image.size:
        _add_crowd(image, x[at_once], y[at_once], flux[at_once], fwhm)
        radius[at_once] = 0
    for each in np.unique(radius[radius > 0]):
        chosen = radius == each
        _add_stamps(image, x[chosen], y[chosen], flux[chosen], width[chosen], int(each))


def sources_on(
    shape: tuple[int, ...],
    wcs: WCS,
    epoch: float = EPOCH,
    brighter: tuple[str, float] | None = None,
    bands: tuple[str, ...] = BANDS,
) -> Drawn:
    """Return the sources that can touch an image.

    The arguments are those of `add_stars`; `brighter` is a band and a magnitude, by default any,
    and `bands` are those of the magnitudes.
    """
    found = _catalogue_on(_bounds(wcs, shape), brighter, bands)
    years = (epoch - EPOCH) / 3.6e6  # degrees of one mas a year
    ra = found["ra"] + years * found["pmra"] / np.cos(np.radians(found["dec"]))
    x, y = wcs.all_world2pix(ra, found["dec"] + years * found["pmdec"], 0)
    scale = 3600 * np.sqrt(np.abs(np.linalg.det(wcs.pixel_scale_matrix)))
    near = np.flatnonzero(
        (np.minimum(x, y) > -_MARGIN) & (x < shape[1] + _MARGIN) & (y < shape[0] + _MARGIN)
    )
    magnitude = {band: found[band][near].astype(float) for band in bands}
    size, pmra, pmdec = (found[name][near] for name in ("fwhm", "pmra", "pmdec"))
    return Drawn(x[near], y[near], magnitude, size / scale, pmra, pmdec)


def _catalogue_on(
    bounds: Bounds, brighter: tuple[str, float] | None, bands: tuple[str, ...]
) -> Stars:
    """Those columns of the catalogue that a picture needs, of sources within bounds."""
    names = ("ra", "dec", "pmra", "pmdec", "fwhm", *bands)
    (west, east), (south, north) = bounds
    parts = []
    for cell in cells(*bounds):
        ra, dec = cell["ra"], cell["dec"]
        within = (dec > south) & (dec < north) & ((ra - west) % 360 < east - west)
        if brighter:
            within &= cell[brighter[0]] < brighter[1]
        chosen = np.flatnonzero(within)
        parts.append({name: cell[name][chosen] for name in names})
    return {name: np.concatenate([part[name] for part in parts]) for name in names}


def _add_crowd(
    image: np.ndarray, x: np.ndarray, y: np.ndarray, flux: np.ndarray, fwhm: float
) -> None:
    """Add many stars in place: points on a grid, convolved with the profile.

    Each point is spread over four by four pixels by a cubic B-spline, which the Fourier transform
    then divides out again: the stars are where they are to a thousandth of a pixel.
    """
    rows, columns = (_smooth_size(size + 2 * _PAD) for size in image.shape)
    grid = np.zeros((rows, columns), np.float32)
    _spread(grid, x + _PAD, y + _PAD, flux)
    kept = min(columns // 2 + 1, int(columns * _FINEST / fwhm))
    waves = np.empty((rows, kept), np.complex64)
    for start in range(0, rows, _LINES):
        block = slice(start, start + _LINES)
        waves[block] = np.fft.rfft(grid[block])[:, :kept]
    _convolve(waves, np.fft.rfftfreq(columns)[:kept], fwhm)
    for start in range(0, image.shape[0], _LINES):
        lines = image[start : start + _LINES]
        block = slice(_PAD + start, _PAD + start + len(lines))
        lines += np.fft.irfft(waves[block], columns)[:, _PAD : _PAD + image.shape[1]]


def _spread(grid: np.ndarray, x: np.ndarray, y: np.ndarray, flux: np.ndarray) -> None:
    """Add points to a grid in place, each spread by a cubic B-spline; none beside the grid."""
    j, i = np.floor(x).astype(int), np.floor(y).astype(int)
    on_grid = (np.minimum(i, j) > 0) & (i < grid.shape[0] - 2) & (j < grid.shape[1] - 2)
    chosen, steps = np.flatnonzero(on_grid), np.arange(-1, 3)
    for start in range(0, chosen.size, _BATCH // 16):
        part = chosen[start : start + _BATCH // 16]
        down, right = (
            np.stack(spline_weights((place[part] - first[part]).astype(np.float32)), axis=1)
            for place, first in ((y, i), (x, j))
        )
        down *= flux[part, None].astype(np.float32)
        places = (i[part, None] + steps)[:, :, None] * grid.shape[1]
        places = places + (j[part, None] + steps)[:, None, :]
        np.add.at(grid.reshape(-1), places.ravel(), (down[:, :, None] * right[:, None, :]).ravel())


def _convolve(waves: np.ndarray, across: np.ndarray, fwhm: float) -> None:
    """Give points the profile's form, in place, and take the spline's away.

    The points are transformed along rows, to the frequencies `across`, and not along columns.
    """
    down = np.fft.fftfreq(len(waves)).astype(np.float32)[:, None]
    for start in range(0, across.size, _WAVES):
        right = across[start : start + _WAVES].astype(np.float32)
        part = waves[:, start : start + _WAVES]
        np.fft.fft(part, axis=0, out=part)
        factor = _transform(np.sqrt(down * down + right * right), fwhm)
        factor /= np.sinc(down) ** 4 * np.sinc(right) ** 4
        part *= factor
        np.fft.ifft(part, axis=0, out=part)


def _smooth_size(size: int) -> int:
    """The next size that a fast Fourier transform likes: no prime factor above 5."""
    while True:
        rest = size
        for prime in (2, 3, 5):
            while rest % prime == 0:
                rest //= prime
        if rest == 1:
            return size
        size += 1


def _transform(frequency: np.ndarray, fwhm: float) -> np.ndarray:
    """Fourier transform of the Moffat profile of exponent 3.5, in closed form."""
    x = np.float32(2 * np.pi * np.sqrt(core_area(fwhm))) * frequency
    return np.exp(-x) * (1 + x + x * x / 3)


def _bounds(wcs: WCS, shape: tuple[int, ...]) -> Bounds:
    """West and east, south and north of an image, degrees, with a margin for stars beside it.

    Right ascensions go on beyond 360 where the image crosses it.
    """
    axes = (np.linspace(-_MARGIN, size + _MARGIN, 5) for size in shape)
    rows, columns = np.meshgrid(*axes, indexing="ij")
    ra, dec = wcs.all_pix2world(columns, rows, 0)
    ra = ra[0, 0] + (ra - ra[0, 0] + 180) % 360 - 180
    return (float(ra.min()), float(ra.max())), (float(dec.min()), float(dec.max()))


def _radii(flux: np.ndarray, width: np.ndarray, fwhm: float, floor: float) -> np.ndarray:
    """Radii in pixels at which sources sink below `floor`, in steps of 1.5; 0 for unseen ones."""
    steps = np.unique(np.round(fwhm * 1.5 ** np.arange(12)).astype(int))
    radius = np.zeros(flux.size, int)
    bright = np.flatnonzero(flux * moffat(np.zeros(1), width) > floor)
    radius[bright] = steps[0]
    for inner, outer in pairwise(steps):
        bright = bright[
            flux[bright] * moffat(np.full(1, inner**2, np.float32), width[bright]) > floor
        ]
        radius[bright] = outer
    return radius


def _add_stamps(
    image: np.ndarray,
    x: np.ndarray,
    y: np.ndarray,
    flux: np.ndarray,
    width: np.ndarray,
    radius: int,
) -> None:
    """Add square stamps that reach `radius` pixels from the stars, in small batches."""
    column, row = np.rint(x).astype(int), np.rint(y).astype(int)
    steps = np.arange(-radius, radius + 1)
    count = max(1, _BATCH // steps.size**2)
    peak, core = (flux * _peak(width)).astype(np.float32), np.sqrt(core_area(width))
    for stars in _inside_and_across(image.shape, column, row, radius):
        for start in range(0, stars.size, count):
            part = stars[start : start + count, None]
            right, down = column[part] + steps, row[part] + steps
            dx = ((right - x[part]) / core[part]).astype(np.float32)
            dy = ((down - y[part]) / core[part]).astype(np.float32)
            light = _falloff(np.square(dy)[:, :, None] + np.square(dx)[:, None, :])
            light *= peak[part, None]
            add_pixels(image, right[:, None, :], down[:, :, None], light)


def _inside_and_across(
    shape: tuple[int, ...], column: np.ndarray, row: np.ndarray, radius: int
) -> tuple[np.ndarray, np.ndarray]:
    """Indices of stamps that are all on an image, and of those that its edge cuts."""
    edges = column, shape[1] - 1 - column, row, shape[0] - 1 - row
    nearest = np.min(edges, axis=0)
    return (
        np.flatnonzero(nearest >= radius),
        np.flatnonzero((nearest < radius) & (nearest >= -radius)),
    )


def add_pixels(image: np.ndarray, column: np.ndarray, row: np.ndarray, light: np.ndarray) -> None:
    """Add light to pixels of an image in place; what lies beside the image is left out."""
    seen = (row >= 0) & (row < image.shape[0]) & (column >= 0) & (column < image.shape[1])
    place = row * image.shape[1] + column
    if not seen.all():
        place, light = place[seen], light[seen]
    np.add.at(image.reshape(-1), place.ravel(), light.ravel())


def add_template(
    image: np.ndarray,
    wcs: WCS,
    template: np.ndarray,
    step: float,
    factor: float,
    centre: tuple[float, float],
) -> None:
    """Add a template of the sky around a position to an image in place.

    Parameters
    ----------
    image : ndarray of float32
        Changed in place.
    wcs : WCS
        Celestial coordinates of the image; over the template's 0.14 degrees they are taken
        as linear, which is right to 0.02".
    template : ndarray of float32, shape (n, n)
        Rows to the north, columns to the east; the position is on pixel (n/2, n/2).
    step : float
        Pixel of the template, arcseconds.
    factor : float
        What to multiply the template with.
    centre : tuple of float
        The position, ICRS degrees.
    """
    x0, y0, matrix = _local_frame(wcs, centre)
    middle = template.shape[0] / 2
    rows, columns = _box(image.shape, x0, y0, middle * step / np.sqrt(abs(np.linalg.det(matrix))))
    dx = np.arange(columns.start, columns.stop, dtype=np.float32) - np.float32(x0)
    for first in range(rows.start, rows.stop, 256):
        block = slice(first, min(first + 256, rows.stop))
        dy = (np.arange(block.start, block.stop, dtype=np.float32) - np.float32(y0))[:, None]
        east, north = (row[0] * dx + row[1] * dy for row in matrix.astype(np.float32))
        light = sample(template, north / step + middle, east / step + middle)
        image[block, columns] += np.float32(factor) * light


def _local_frame(wcs: WCS, centre: tuple[float, float]) -> tuple[float, float, np.ndarray]:
    """The pixel of a position, and the matrix from pixels to arcseconds east and north of it."""
    x0, y0 = (float(value) for value in wcs.all_world2pix(*centre, 0))
    ra, dec = wcs.all_pix2world([x0 + 50, x0 - 50, x0, x0], [y0, y0, y0 + 50, y0 - 50], 0)
    east = (ra - centre[0]) * np.cos(np.radians(dec))
    pairs = np.array([east, dec]) * 3600
    return x0, y0, np.stack([pairs[:, 0] - pairs[:, 1], pairs[:, 2] - pairs[:, 3]], axis=1) / 100


def _box(shape: tuple[int, int], x0: float, y0: float, half: float) -> tuple[slice, slice]:
    """Rows and columns within `half` pixels of a point; empty where that is off the image."""
    edges = [
        slice(int(np.clip(centre - half, 0, size)), int(np.clip(centre + half + 1, 0, size)))
        for centre, size in ((y0, shape[0]), (x0, shape[1]))
    ]
    return edges[0], edges[1]
