"""Put stars and the nebula on an image."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from astropy.wcs import WCS

from replica.simulation.milky_way import BANDS
from replica.simulation.noise import sample
from replica.simulation.stars import EPOCH, catalogue

#: Exponent of the Moffat profile of all stars (Trujillo et al. 2001, MNRAS 328, 977, find
#: 2.5 for typical seeing, 4.765 for pure turbulence).  `_transform` is that of 3.5.
MOFFAT_BETA = 3.5
_MARGIN = 0.2  # degrees, as far as the stamp of the brightest star in AllWISE reaches
_BATCH = 500_000  # pixels of stamps in memory at once
_STRIP = 2100  # rows that are convolved at once
_PAD = 112  # pixels beside an image, so that the light of a star that is convolved fades there


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
    core = _core(fwhm)
    base = 1 + square / core
    return (MOFFAT_BETA - 1) / (np.pi * core) / (base * base * base * np.sqrt(base))


def _core(fwhm: float | np.ndarray) -> np.ndarray:
    """Square of the Moffat profile's core radius."""
    return np.square(fwhm) / np.float32(4 * (2 ** (1 / MOFFAT_BETA) - 1))


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
    drawn = sources_on(image.shape, wcs, epoch)
    x, y, flux = drawn.x, drawn.y, flux_of_zero * 10 ** (-0.4 * drawn.magnitude[band])
    width = np.hypot(fwhm, drawn.size).astype(np.float32)
    radius = _radii(flux, width, fwhm, noise / 4)
    at_once = (radius > 0) & (radius <= _PAD)
    if np.sum((2.0 * radius[at_once] + 1) ** 2) > image.size:
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
) -> Drawn:
    """Return the sources that can touch an image.

    The arguments are those of `add_stars`; `brighter` is a band and a magnitude, by default any.
    """
    found = catalogue(*_bounds(wcs, shape))
    if brighter:
        bright = found[brighter[0]] < brighter[1]
        found = {name: values[bright] for name, values in found.items()}
    years = (epoch - EPOCH) / 3.6e6  # degrees of one mas a year
    ra = found["ra"] + years * found["pmra"] / np.cos(np.radians(found["dec"]))
    x, y = wcs.all_world2pix(ra, found["dec"] + years * found["pmdec"], 0)
    scale = 3600 * np.sqrt(np.abs(np.linalg.det(wcs.pixel_scale_matrix)))
    margin = _MARGIN * 3600 / scale
    near = (x > -margin) & (x < shape[1] + margin) & (y > -margin) & (y < shape[0] + margin)
    magnitude = {band: found[band][near].astype(float) for band in BANDS}
    size, pmra, pmdec = (found[name][near] for name in ("fwhm", "pmra", "pmdec"))
    return Drawn(x[near], y[near], magnitude, size / scale, pmra, pmdec)


def _add_crowd(
    image: np.ndarray, x: np.ndarray, y: np.ndarray, flux: np.ndarray, fwhm: float
) -> None:
    """Add many stars in place, in strips to spare memory."""
    for start in range(0, image.shape[0], _STRIP):
        strip = image[start : start + _STRIP]
        near = (y > start - _PAD) & (y < start + strip.shape[0] + _PAD)
        strip += _convolved(strip.shape, x[near], y[near] - start, flux[near], fwhm)


def _convolved(
    shape: tuple[int, ...], x: np.ndarray, y: np.ndarray, flux: np.ndarray, fwhm: float
) -> np.ndarray:
    """Image of many stars: points on a grid, convolved with the profile.

    Each point is spread over four by four pixels by a cubic B-spline, which the Fourier transform
    then divides out again: the stars are where they are to a thousandth of a pixel.
    """
    rows, columns = (_smooth_size(size + 2 * _PAD) for size in shape)
    grid = np.zeros(rows * columns, np.float32)
    (i, down), (j, right) = _spline(y + _PAD), _spline(x + _PAD)
    for a in range(4):
        for b in range(4):
            inside = (i + a >= 0) & (i + a < rows) & (j + b >= 0) & (j + b < columns)
            weight = (flux * down[a] * right[b])[inside].astype(np.float32)
            np.add.at(grid, ((i + a) * columns + j + b)[inside], weight)
    waves = np.fft.rfft2(grid.reshape(rows, columns))
    del grid
    _filter(waves, np.fft.fftfreq(rows), np.fft.rfftfreq(columns), fwhm)
    whole = np.fft.irfft2(waves, (rows, columns))
    return whole[_PAD : _PAD + shape[0], _PAD : _PAD + shape[1]].astype(np.float32, copy=False)


def _filter(waves: np.ndarray, down: np.ndarray, right: np.ndarray, fwhm: float) -> None:
    """Multiply a spectrum by the profile's and divide it by the spline's, strip by strip."""
    down, right = down.astype(np.float32), right.astype(np.float32)
    spline = np.sinc(right) ** 4
    for start in range(0, down.size, 256):
        strip = down[start : start + 256, None]
        factor = _transform(np.hypot(strip, right), fwhm)
        factor /= np.sinc(strip) ** 4 * spline
        waves[start : start + 256] *= factor


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


def _spline(place: np.ndarray) -> tuple[np.ndarray, list[np.ndarray]]:
    """First of the four pixels of a cubic B-spline, and the weights of all four."""
    first = np.floor(place).astype(np.int64)
    t = place - first
    weights = [(1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3]
    return first - 1, [weight / 6 for weight in weights]


def _transform(frequency: np.ndarray, fwhm: float) -> np.ndarray:
    """Fourier transform of the Moffat profile of exponent 3.5, in closed form."""
    x = np.float32(2 * np.pi * np.sqrt(_core(fwhm))) * frequency
    return np.exp(-x) * (1 + x + x * x / 3)


def _bounds(wcs: WCS, shape: tuple[int, ...]) -> tuple[tuple[float, float], tuple[float, float]]:
    """West and east, south and north of an image, degrees, with a margin for stars beside it.

    Right ascensions go on beyond 360 where the image crosses it.
    """
    rows, columns = np.meshgrid(np.linspace(0, shape[0], 5), np.linspace(0, shape[1], 5))
    ra, dec = wcs.all_pix2world(columns, rows, 0)
    ra = ra[0, 0] + (ra - ra[0, 0] + 180) % 360 - 180
    margin = _MARGIN / np.cos(np.radians(dec)).min()
    south, north = dec.min() - _MARGIN, dec.max() + _MARGIN
    return (float(ra.min() - margin), float(ra.max() + margin)), (float(south), float(north))


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
    """Add round stamps of one radius, in batches to spare memory."""
    steps = np.arange(-radius, radius + 1)
    down, right = (axis.ravel() for axis in np.meshgrid(steps, steps, indexing="ij"))
    round_ = down**2 + right**2 <= radius**2
    down, right = down[round_], right[round_]
    count = max(1, _BATCH // down.size)
    for start in range(0, x.size, count):
        part = slice(start, start + count)
        column, row = np.rint(x[part]).astype(int), np.rint(y[part]).astype(int)
        dx = (column - x[part]).astype(np.float32)[:, None] + right.astype(np.float32)
        dy = (row - y[part]).astype(np.float32)[:, None] + down.astype(np.float32)
        light = moffat(dx * dx + dy * dy, width[part, None])
        light *= flux[part, None].astype(np.float32)
        add_pixels(image, column[:, None] + right, row[:, None] + down, light)


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
