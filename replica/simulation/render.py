"""Put stars and the nebula on an image."""

from __future__ import annotations

import numpy as np
from astropy.wcs import WCS

from replica.simulation.noise import sample
from replica.simulation.sky import HALF_TEMPLATE, PULSAR
from replica.simulation.stars import catalogue

#: Exponent of the Moffat profile of all stars (Trujillo et al. 2001, MNRAS 328, 977, find
#: 2.5 for typical seeing, 4.765 for pure turbulence).
MOFFAT_BETA = 3.5
_MARGIN = 0.2  # degrees, as far as the stamp of the brightest star in AllWISE reaches
_BATCH = 2_000_000  # pixels of stamps in memory at once


def moffat(square: np.ndarray, fwhm: float | np.floating) -> np.ndarray:
    """Star of unit flux at squared distances `square`, pixels squared; `fwhm` in pixels."""
    core = (fwhm / 2) ** 2 / (2 ** (1 / MOFFAT_BETA) - 1)
    return (MOFFAT_BETA - 1) / (np.pi * core) * (1 + square / core) ** -MOFFAT_BETA


def add_stars(
    image: np.ndarray, wcs: WCS, band: str, flux_of_zero: float, fwhm: float, noise: float
) -> None:
    """Add the catalogue's stars to an image in place.

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
        Full width at half maximum, pixels.
    noise : float
        Noise of a pixel: stars are drawn out to a quarter of it.
    """
    stars = catalogue(*_bounds(wcs, image.shape))
    flux = flux_of_zero * 10 ** (-0.4 * stars[band])
    x, y = wcs.all_world2pix(stars["ra"], stars["dec"], 0)
    radius = _radii(flux, fwhm, noise / 4)
    for size in np.unique(radius[radius > 0]):
        near = (np.abs(x - image.shape[1] / 2) < image.shape[1] / 2 + size) & (
            np.abs(y - image.shape[0] / 2) < image.shape[0] / 2 + size
        )
        chosen = near & (radius == size)
        _add_stamps(image, x[chosen], y[chosen], flux[chosen], fwhm, int(size))


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


def _radii(flux: np.ndarray, fwhm: float, floor: float) -> np.ndarray:
    """Radii in pixels at which stars sink below `floor`, in steps of 1.5; 0 for unseen ones."""
    steps = np.unique(np.round(fwhm * 1.5 ** np.arange(12)).astype(int))
    faded = flux[:, None] * moffat(steps.astype(float) ** 2, fwhm) < floor
    radius = np.where(faded.any(axis=1), steps[faded.argmax(axis=1)], steps[-1])
    return np.where(flux * moffat(np.zeros(1), fwhm) > floor, radius, 0)


def _add_stamps(
    image: np.ndarray, x: np.ndarray, y: np.ndarray, flux: np.ndarray, fwhm: float, radius: int
) -> None:
    """Add round stamps of one radius, in batches to spare memory."""
    steps = np.arange(-radius, radius + 1)
    down, right = (axis.ravel() for axis in np.meshgrid(steps, steps, indexing="ij"))
    count = max(1, _BATCH // down.size)
    for start in range(0, x.size, count):
        part = slice(start, start + count)
        column = np.rint(x[part]).astype(int)[:, None] + right
        row = np.rint(y[part]).astype(int)[:, None] + down
        square = ((column - x[part, None]) ** 2 + (row - y[part, None]) ** 2).astype(np.float32)
        light = flux[part, None].astype(np.float32) * moffat(square, np.float32(fwhm))
        seen = (square <= radius**2) & (row >= 0) & (row < image.shape[0])
        seen &= (column >= 0) & (column < image.shape[1])
        np.add.at(image.reshape(-1), (row * image.shape[1] + column)[seen], light[seen])


def add_template(
    image: np.ndarray, wcs: WCS, template: np.ndarray, step: float, factor: float
) -> None:
    """Add a template of the sky around the pulsar to an image in place.

    Parameters
    ----------
    image : ndarray of float32
        Changed in place.
    wcs : WCS
        Celestial coordinates of the image; over the template's 0.14 degrees they are taken
        as linear, which is right to 0.02".
    template : ndarray of float32
        Rows to the north, columns to the east, as `replica.simulation.sky` makes them.
    step : float
        Pixel of the template, arcseconds.
    factor : float
        What to multiply the template with.
    """
    x0, y0, matrix = _local_frame(wcs)
    rows, columns = _box(image.shape, x0, y0, HALF_TEMPLATE / np.sqrt(abs(np.linalg.det(matrix))))
    dx = np.arange(columns.start, columns.stop, dtype=np.float32) - np.float32(x0)
    middle = template.shape[0] / 2
    for first in range(rows.start, rows.stop, 256):
        block = slice(first, min(first + 256, rows.stop))
        dy = (np.arange(block.start, block.stop, dtype=np.float32) - np.float32(y0))[:, None]
        east, north = (row[0] * dx + row[1] * dy for row in matrix.astype(np.float32))
        light = sample(template, north / step + middle, east / step + middle)
        image[block, columns] += np.float32(factor) * light


def _local_frame(wcs: WCS) -> tuple[float, float, np.ndarray]:
    """The pulsar's pixel, and the matrix from pixels to arcseconds east and north of it."""
    x0, y0 = (float(value) for value in wcs.all_world2pix(*PULSAR, 0))
    ra, dec = wcs.all_pix2world([x0 + 50, x0 - 50, x0, x0], [y0, y0, y0 + 50, y0 - 50], 0)
    east = (ra - PULSAR[0]) * np.cos(np.radians(dec))
    pairs = np.array([east, dec]) * 3600
    return x0, y0, np.stack([pairs[:, 0] - pairs[:, 1], pairs[:, 2] - pairs[:, 3]], axis=1) / 100


def _box(shape: tuple[int, int], x0: float, y0: float, half: float) -> tuple[slice, slice]:
    """Rows and columns within `half` pixels of a point; empty where that is off the image."""
    edges = [
        slice(int(np.clip(centre - half, 0, size)), int(np.clip(centre + half + 1, 0, size)))
        for centre, size in ((y0, shape[0]), (x0, shape[1]))
    ]
    return edges[0], edges[1]
