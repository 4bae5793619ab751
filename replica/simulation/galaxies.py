"""Galaxies behind the Milky Way: counts, colours and sizes, as the infrared surveys see them.

Counts: rounded from Jarrett et al. 2017, ApJ 836, 182, figure 10 (W1).  Colours by kind: Wright
et al. 2010, AJ 140, 1868, figure 12.  They are not clustered.
"""

from __future__ import annotations

import numpy as np

from replica.simulation.milky_way import EXTINCTION

#: Galaxies brighter than W1 in a square degree.
_COUNTS = {
    10.0: 0.8,
    12.0: 12,
    14.0: 190,
    15.0: 700,
    16.0: 2300,
    17.0: 6500,
    18.0: 14500,
    19.0: 28000,
}
#: Share of active galaxies, whose W1 - W2 is near 1 (Stern et al. 2012, ApJ 753, 30).
_ACTIVE = 0.03


def galaxies(
    rng: np.random.Generator, extinction: float, area: float, faintest: dict[str, float]
) -> dict[str, np.ndarray]:
    """Draw the galaxies of a small part of the sky.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of all random numbers.
    extinction : float
        Of the whole Milky Way in V, magnitudes.
    area : float
        Square degrees.
    faintest : dict of str to float
        Magnitudes; a galaxy stays if it is brighter than one of them.

    Returns
    -------
    dict of str to ndarray
        Magnitudes by band, and ``fwhm`` in arcseconds, without the telescope's.
    """
    w1 = _magnitudes(rng, area)
    faintness = np.clip(w1 - 14, 0, 4)
    active = rng.uniform(size=w1.size) < _ACTIVE
    r = w1 + 3.1 + 0.42 * faintness + rng.normal(0, 0.55, w1.size)
    blue = rng.normal(0, 0.2, w1.size)
    i = r - 0.42 - blue / 2
    z = i - 0.27 - blue / 4
    w2 = w1 - np.where(active, rng.normal(1.0, 0.2, w1.size), 0.08 + 0.06 * faintness)
    w2 -= rng.normal(0, 0.08, w1.size)
    w3 = w1 - rng.normal(2.8, 0.8, w1.size)
    found = {
        **{"g": r + 0.75 + blue, "r": r, "i": i, "z": z, "y": z - 0.12},
        **{"W1": w1, "W2": w2, "W3": w3, "W4": w3 - rng.normal(2.4, 0.4, w1.size)},
    }
    found = {band: values + EXTINCTION[band] * extinction for band, values in found.items()}
    found["fwhm"] = 2.4 * 10 ** (-0.11 * (w1 - 14)) * np.exp(rng.normal(0, 0.3, w1.size))
    kept = np.any([found[band] < limit for band, limit in faintest.items()], axis=0)
    return {name: values[kept] for name, values in found.items()}


def _magnitudes(rng: np.random.Generator, area: float) -> np.ndarray:
    """Draw W1 by inverting the cumulative counts."""
    edges, counts = list(_COUNTS), np.log10(list(_COUNTS.values()))
    total = rng.poisson(10 ** counts[-1] * area)
    drawn = np.log10(rng.uniform(10 ** counts[0], 10 ** counts[-1], total))
    return np.interp(drawn, counts, edges)
