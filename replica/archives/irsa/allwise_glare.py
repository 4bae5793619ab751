"""What bright stars do to an AllWISE image: halo, diffraction spikes, saturated core.

Strengths are chosen to look like the survey's images; no published profile is behind them.
"""

from __future__ import annotations

import numpy as np
from astropy.coordinates import SkyCoord
from astropy.wcs import WCS

from replica.simulation.render import moffat, sources_on

#: Magnitude at which single exposures begin to saturate (WISE Explanatory Supplement, VI.3.d).
SATURATED = {"W1": 8.1, "W2": 6.7, "W3": 3.8, "W4": -0.4}
#: Stars brighter than the limit by as much have a halo and spikes.
_GLARING = 0.8
_HALO, _SPIKES = 0.02, 0.012  # shares of the star's light in its profile
_HALO_SIZE, _SPIKE_SIZE, _SPIKE_WIDTH = 45.0, 55.0, 1.8  # pixels
_REACH = 320  # pixels
#: Pixels from its middle beyond which a spike is less than the last bit of the halo.
_SPIKE_REACH = 15.0


def add_glare(image: np.ndarray, wcs: WCS, band: str, flux_of_zero: float) -> None:
    """Add halos and spikes in place; the spikes stand at 45 degrees to the ecliptic."""
    faintest = SATURATED[band] - _GLARING
    drawn = sources_on(image.shape, wcs, brighter=(band, faintest), bands=(band,))
    flux = flux_of_zero * 10 ** (-0.4 * drawn.magnitude[band])
    turn = np.radians(45) + ecliptic_angle(wcs)
    for at_x, at_y, light in zip(drawn.x, drawn.y, flux, strict=True):
        rows, dy = _around(at_y, image.shape[0])
        columns, dx = _around(at_x, image.shape[1])
        image[rows, columns] += np.float32(light) * _glare(dx, dy, turn)


def _around(place: float, size: int) -> tuple[slice, np.ndarray]:
    """Pixels of an axis that a star's glare reaches, and how far they are from it."""
    first, end = (int(np.clip(round(place) + step, 0, size)) for step in (-_REACH, _REACH + 1))
    return slice(first, end), (np.arange(first, end) - place).astype(np.float32)


def _glare(dx: np.ndarray, dy: np.ndarray, turn: float) -> np.ndarray:
    """Halo and spikes of a star of unit flux on columns and rows, fading to nothing at a circle."""
    radius = np.sqrt(np.square(dy)[:, None] + np.square(dx))
    light = np.exp(radius * np.float32(-1 / _HALO_SIZE))
    light *= np.float32(_HALO / (2 * np.pi * _HALO_SIZE**2))
    cos, sin = np.float32(np.cos(turn)), np.float32(np.sin(turn))
    one, other = dx * cos + (dy * sin)[:, None], (dy * cos)[:, None] - dx * sin
    for along, across in ((one, other), (other, one)):
        _add_spike(light, along, across)
    light *= np.clip((_REACH - radius) / 20, 0, 1)
    return light


def _add_spike(light: np.ndarray, along: np.ndarray, across: np.ndarray) -> None:
    near = np.abs(across) < _SPIKE_REACH
    norm = np.float32(_SPIKES / (4 * _SPIKE_SIZE * _SPIKE_WIDTH * np.sqrt(2 * np.pi)))
    fading = np.exp(-np.abs(along[near]) / _SPIKE_SIZE)
    light[near] += norm * fading * np.exp(-0.5 * (across[near] / _SPIKE_WIDTH) ** 2)


def ecliptic_angle(wcs: WCS) -> float:
    """Angle of the ecliptic's direction to the image's rows, radians, in the middle."""
    centre = SkyCoord(*wcs.wcs.crval, unit="deg")
    ecliptic = centre.barycentricmeanecliptic
    north = SkyCoord(
        ecliptic.lon, ecliptic.lat + 0.1 * ecliptic.lat.unit, frame="barycentricmeanecliptic"
    )
    return float(centre.position_angle(north.icrs).rad)


def blank_saturated(image: np.ndarray, band: str, flux_of_zero: float, fwhm: float) -> None:
    """Blank the pixels that no exposure measured: coadds leave saturated pixels out.

    See the WISE Explanatory Supplement, IV.5.a.  `fwhm` in pixels.
    """
    limit = flux_of_zero * 10 ** (-0.4 * SATURATED[band]) * float(moffat(np.zeros(1), fwhm)[0])
    image[image > limit + np.median(image[::97, ::97])] = np.nan
