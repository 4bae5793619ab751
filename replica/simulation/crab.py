"""The Crab Nebula from ultraviolet to infrared: smooth core and filaments, seen by a telescope."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from replica.simulation.filaments import filaments, ionised
from replica.simulation.noise import blur
from replica.simulation.sky import synchrotron, template_offsets


@lru_cache(maxsize=8)
def nebula(
    step: float, filament_share: float, core_size: float, fwhm: float, ionisation: float = 0.0
) -> np.ndarray:
    """Surface brightness of the whole nebula, blurred by a telescope.

    Parameters
    ----------
    step : float
        Pixel of the template, arcseconds.
    filament_share : float
        Part of the light that comes from the filaments, 0 to 1.
    core_size : float
        Size of the synchrotron core as a fraction of the nebula's.
    fwhm : float
        Full width at half maximum of the point-spread function, arcseconds.
    ionisation : float
        Which lines the band holds: see `filaments`.

    Returns
    -------
    ndarray of float32, shape (512/step, 512/step)
        Per square arcsecond, the integral over the sky is 1.  Rows go north, columns east.
    """
    lines = _filament_template(step) * ionised(*template_offsets(step), ionisation)
    template = filament_share * _unit(lines, step)
    template += (1 - filament_share) * _unit(synchrotron(*template_offsets(step), core_size), step)
    return blur(template, fwhm / step)


def _unit(template: np.ndarray, step: float) -> np.ndarray:
    return template / (template.sum(dtype=np.float64) * step**2)


@lru_cache(maxsize=1)
def _filament_template(step: float) -> np.ndarray:
    return filaments(*template_offsets(step))
