"""The Crab Nebula in X-rays: torus, inner ring, jets, diffuse nebula, pulsar.

Offsets are arcseconds east and north of the pulsar.  Radii and angles of ring and torus:
Ng & Romani 2004, ApJ 601, 479, table 1; their names: Weisskopf et al. 2000, ApJ 536, L81.
"""

from __future__ import annotations

import numpy as np

from replica.simulation.noise import fractal, generator, sample

#: Position angle of the spin axis on the side of the jet, degrees east of north.
AXIS_ANGLE = 125.0
#: Angle of the spin axis to the line of sight, degrees.
INCLINATION = 62.0
INNER_RING, TORUS = 15.6, 41.3  # radii, arcseconds
#: Speed of the flow in units of light's, and spectral index: they make the near side bright.
_SPEED, _INDEX = 0.45, 0.6


def nebula(east: np.ndarray, north: np.ndarray) -> np.ndarray:
    """Surface brightness without the pulsar; the torus is about 1."""
    along, across = spin_axes(east, north)
    radius, azimuth = equatorial_plane(along, across)
    boost = _boost(azimuth)
    light = 0.62 * _torus(radius, azimuth, along, across) * boost
    light += 0.5 * np.exp(-(((radius - INNER_RING) / 2.2) ** 2)) * _knots(azimuth) * boost**0.5
    light += 0.20 * _smooth_disc(radius) * boost**0.3
    light += _diffuse(along, across)
    light += _jet(along, across) + _counter_jet(along, across)
    ragged = 1 + 0.15 * _texture("rim", along, across, (7, 15, 31, 63))
    fade = 1 / (1 + np.exp((np.hypot((along + 10) / 1.1, across) * ragged - 88) / 7))
    return light * fade * np.exp(0.22 * _texture("clumps", along, across, (29, 59, 119)))


def spin_axes(east: np.ndarray, north: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Offsets along the spin axis (towards the jet) and across it (to the north-east)."""
    angle = np.radians(AXIS_ANGLE)
    sin, cos = np.float32(np.sin(angle)), np.float32(np.cos(angle))
    return east * sin + north * cos, north * sin - east * cos


def equatorial_plane(along: np.ndarray, across: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Radius and azimuth in the pulsar's equatorial plane; azimuth 0 is the near side."""
    depth = -along / np.float32(np.cos(np.radians(INCLINATION)))
    return np.hypot(depth, across), np.arctan2(across, depth)


def _boost(azimuth: np.ndarray) -> np.ndarray:
    """Doppler boosting of an outflow in the equatorial plane, 1 at right angles."""
    towards = _SPEED * np.sin(np.radians(INCLINATION)) * np.cos(azimuth)
    return (1 - towards) ** -(1 + _INDEX)


def _torus(
    radius: np.ndarray, azimuth: np.ndarray, along: np.ndarray, across: np.ndarray
) -> np.ndarray:
    """The bright ring of wound fibres; its tube is thick, so its outer edge is soft."""
    bend = 4.0 * _texture("fibres", along, across, (11, 23, 47))
    distance = radius + bend - TORUS
    width = np.where(distance > 0, 11.0, 15.0)
    fibres = 1 + 0.12 * np.sin(distance * 0.8 + 2 * azimuth)
    return np.exp(-(np.abs(distance / width) ** 1.7)) * fibres


def _knots(azimuth: np.ndarray) -> np.ndarray:
    return 1 + 0.5 * np.cos(7 * azimuth + 1.0) ** 3


def _smooth_disc(radius: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp((radius - TORUS) / 5))


def _diffuse(along: np.ndarray, across: np.ndarray) -> np.ndarray:
    """The faint nebula about the torus, larger to the north-west, torn at the edge."""
    edge = 1 + 0.12 * _texture("edge", along, across, (6, 13, 29))
    radius = np.hypot((along + 14) / 60, across / 66) * edge
    return 0.32 * np.exp(-(radius**2.5))


def _jet(along: np.ndarray, across: np.ndarray) -> np.ndarray:
    """The jet: 60" to the south-east, where it curves to the south."""
    spine = -0.0085 * np.clip(along - 18, 0, None) ** 2 + 1.0 * np.sin(along / 7)
    width = 2.2 + 0.06 * np.clip(along, 0, None)
    present = 1 / (1 + np.exp(-(along - 7) / 1.5)) / (1 + np.exp((along - 60) / 5))
    return 0.62 * present * np.exp(-(((across - spine) / width) ** 2)) * np.exp(-along.clip(0) / 80)


def _counter_jet(along: np.ndarray, across: np.ndarray) -> np.ndarray:
    """The counter-jet: fainter, wider, north-west of the torus."""
    spine = 0.002 * np.clip(-along - 15, 0, None) ** 2
    present = 1 / (1 + np.exp(-(-along - 20) / 4)) / (1 + np.exp((-along - 66) / 7))
    width = 4.5 + 0.12 * np.clip(-along, 0, None)
    return 0.15 * present * np.exp(-(((across - spine) / width) ** 2))


def _texture(
    name: str, along: np.ndarray, across: np.ndarray, knots: tuple[int, ...]
) -> np.ndarray:
    """Fractal noise of the sky over 320", unit variance."""
    template = fractal(generator("x-rays", name), 513, knots)
    return sample(template, across * 1.6 + 256, along * 1.6 + 256)
