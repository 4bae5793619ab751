"""What photometry of the simulated images gives: fluxes with errors, and sources seen as one.

Fluxes are in the image's unit.  The catalogues of all surveys are made with these functions.
"""

from __future__ import annotations

import numpy as np

from replica.simulation.render import MOFFAT_BETA, core_area

#: Magnitudes of a relative error of 1: 2.5 / ln 10.
POGSON = 1.0857362


def noise_area(fwhm: float) -> float:
    """Number of pixels whose noise a profile fit collects: 1 over the integral of the PSF squared.

    For the Moffat profile that all stars have (see `replica.simulation.render.moffat`).

    Parameters
    ----------
    fwhm : float
        Full width at half maximum, pixels.
    """
    return float(np.pi * core_area(fwhm) * (2 * MOFFAT_BETA - 1) / (MOFFAT_BETA - 1) ** 2)


def flux_errors(
    flux: np.ndarray, pixel_noise: float, fwhm: float, *, gain: float = np.inf, floor: float = 0.0
) -> np.ndarray:
    """Errors of a profile fit: the sky's noise, that of the source's own light, and a floor.

    Parameters
    ----------
    flux : ndarray
        Fluxes without noise.
    pixel_noise : float
        Noise of a pixel.  Where neighbours share noise, its root mean square over an area, times
        the root of the area in pixels: twice the noise of a pixel in AllWISE's images.
    fwhm : float
        Full width at half maximum of the point-spread function, pixels.
    gain : float
        Electrons in a unit of flux.
    floor : float
        Relative error that no measurement goes below, from flat fields and the PSF's model.

    Returns
    -------
    ndarray
        Standard deviations in the unit of `flux`.
    """
    sky = pixel_noise**2 * noise_area(fwhm)
    return np.sqrt(sky + np.maximum(flux, 0) / gain + (floor * flux) ** 2)


def magnitudes(
    flux: np.ndarray, error: np.ndarray, flux_of_zero: float
) -> tuple[np.ndarray, np.ndarray]:
    """Magnitudes of measured fluxes and their errors; NaN where a flux is not positive."""
    safe = np.where(flux > 0, flux, np.nan)
    return -2.5 * np.log10(safe / flux_of_zero), POGSON * error / safe


def neighbours(
    x: np.ndarray, y: np.ndarray, radius: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Find all pairs of points closer than `radius`.

    Parameters
    ----------
    x, y : ndarray
        Places in a plane.
    radius : float
        In the same unit.

    Returns
    -------
    tuple of ndarray
        Indices of the one and of the other point of each pair (each pair once), and their
        distance.
    """
    column = np.floor((x - x.min()) / radius).astype(np.int64) + 1
    row = np.floor((y - y.min()) / radius).astype(np.int64) + 1
    width = int(column.max()) + 2
    cell = row * width + column
    order = np.argsort(cell, kind="stable")
    found = [_pairs(order, cell[order], step) for step in (0, 1, width - 1, width, width + 1)]
    one, other = (np.concatenate(side) for side in zip(*found, strict=True))
    distance = np.hypot(x[one] - x[other], y[one] - y[other])
    near = distance < radius
    return one[near], other[near], distance[near]


def _pairs(order: np.ndarray, cell: np.ndarray, step: int) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of points, one in a cell and the other in the cell `step` further on."""
    first = np.searchsorted(cell, cell + step) if step else np.arange(1, cell.size + 1)
    count = np.searchsorted(cell, cell + step, "right") - first
    one = np.repeat(np.arange(cell.size), count)
    start = np.repeat(first - np.concatenate([[0], np.cumsum(count)[:-1]]), count)
    return order[one], order[start + np.arange(one.size)]


def merged(x: np.ndarray, y: np.ndarray, flux: np.ndarray, radius: float) -> np.ndarray:
    """Say which sources are seen as one: each is lost in a brighter one within `radius`.

    Parameters
    ----------
    x, y : ndarray
        Places in a plane.
    flux : ndarray
        Brightness.
    radius : float
        How far apart two sources must be to be seen as two, in the unit of the places.

    Returns
    -------
    ndarray of int
        Index of the source in whose light each is; its own where it is seen.
    """
    one, other, distance = neighbours(x, y, radius)
    rank = np.empty(flux.size, np.int64)
    rank[np.argsort(-flux, kind="stable")] = np.arange(flux.size)
    swap = rank[one] > rank[other]
    bright, faint = np.where(swap, other, one), np.where(swap, one, other)
    nearest_last = np.argsort(-distance, kind="stable")
    bright, faint = bright[nearest_last], faint[nearest_last]
    host = np.full(flux.size, -1)
    while True:
        open_ = (host[bright] < 0) & (host[faint] < 0)
        bright, faint = bright[open_], faint[open_]
        if not bright.size:
            return np.where(host < 0, np.arange(flux.size), host)
        hidden = np.zeros(flux.size, bool)
        hidden[faint] = True
        sure = ~hidden[bright]  # the brightest of all that are left around it
        host[faint[sure]] = bright[sure]
        host[bright[sure]] = bright[sure]
