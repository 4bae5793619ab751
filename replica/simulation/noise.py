"""Random fields: the raw material of filaments, wisps and backgrounds."""

from __future__ import annotations

import hashlib
from functools import reduce

import numpy as np


def generator(*identity: object) -> np.random.Generator:
    """Random generator that depends on `identity` alone, the same on every machine."""
    text = "/".join(str(part) for part in identity)
    return np.random.default_rng(int.from_bytes(hashlib.sha256(text.encode()).digest()[:8]))


def octave(rng: np.random.Generator, size: int, knots: int) -> np.ndarray:
    """Smooth periodic noise of unit variance.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of the `knots` by `knots` random numbers behind it.
    size, knots : int
        Pixels and bumps along each side.

    Returns
    -------
    ndarray of float32, shape (size, size)
    """
    lattice = rng.standard_normal((knots, knots), dtype=np.float32)
    taps = _spline_taps(size, knots)
    # Sums of four terms, not matrix products: those depend on the number of threads.
    across = reduce(np.add, (weight * lattice[:, knot] for knot, weight in taps))
    field = np.empty((size, size), np.float32)
    for start in range(0, size, 64):  # blocks that stay in the processor's cache
        block = slice(start, start + 64)
        field[block] = sum(across[knot[block]] * weight[block, None] for knot, weight in taps)
    field *= 1 / field[::5, ::5].std()
    return field


def _spline_taps(size: int, knots: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Four knots and their periodic cubic B-spline weights for each of `size` pixels."""
    position = np.arange(size) * knots / size
    first = np.floor(position).astype(int)
    t = position - first
    weights = [(1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3]
    return [
        ((first + shift - 1) % knots, (weight / 6).astype(np.float32))
        for shift, weight in enumerate(weights)
    ]


def fractal(
    rng: np.random.Generator, size: int, knots: tuple[int, ...], gain: float = 0.6
) -> np.ndarray:
    """Sum of octaves, each `gain` times as strong as the one before; unit variance."""
    octaves = (gain**power * octave(rng, size, count) for power, count in enumerate(knots))
    total = reduce(np.add, octaves)
    return total / total[::5, ::5].std()


def threads(
    rng: np.random.Generator, size: int, knots: tuple[int, ...], width: float | np.ndarray
) -> np.ndarray:
    """Bright threads of about `width` pixels along the zero lines of fractal noise.

    The width is one number, or one for each pixel.

    The distance to a zero line is the value over its gradient; where the noise is flat
    the threads widen a little, as folds do.

    Returns
    -------
    ndarray of float32, shape (size, size)
        1 on a thread, 0 far from all.
    """
    field = fractal(rng, size, knots, 0.52)
    down, right = np.gradient(field)
    slope = np.hypot(down, right, out=down)
    slope += 0.15 * slope.mean()
    field /= slope
    field *= 1 / width
    field *= field
    field += 1
    return 1 / (field * np.sqrt(field))


def ridges(rng: np.random.Generator, size: int, knots: tuple[int, ...]) -> np.ndarray:
    """Filaments of many widths: each octave of ridges lies along those of the one before.

    Ridged multifractal noise (Musgrave, in Ebert et al. 1994, Texturing and Modeling).

    Returns
    -------
    ndarray of float32, shape (size, size)
        About 1 on the largest ridges, 0 far from all; periodic.
    """
    total = np.zeros((size, size), np.float32)
    along: np.ndarray = np.ones((size, size), np.float32)
    for power, count in enumerate(knots):
        crest = np.clip(1 - np.abs(octave(rng, size, count)) / 0.9, 0, 1) ** 3 * along
        total += np.float32(0.75**power) * crest
        along = np.clip(2.2 * crest, 0.06, 1)
    return total


def sample(template: np.ndarray, row: np.ndarray, column: np.ndarray) -> np.ndarray:
    """Bilinear values of `template` at fractional rows and columns; 0 outside it."""
    height, width = template.shape
    inside = (row >= 0) & (row < height - 1) & (column >= 0) & (column < width - 1)
    row, column = np.where(inside, row, 0), np.where(inside, column, 0)
    i, j = row.astype(np.int32), column.astype(np.int32)
    y, x = (row - i).astype(np.float32), (column - j).astype(np.float32)
    flat, start = template.ravel(), i * width + j
    upper = flat[start] * (1 - x) + flat[start + 1] * x
    lower = flat[start + width] * (1 - x) + flat[start + width + 1] * x
    return (upper * (1 - y) + lower * y) * inside


def blur(template: np.ndarray, fwhm: float) -> np.ndarray:
    """Convolve with a round Gaussian of `fwhm` pixels; the template's border must be empty."""
    variance = (fwhm / 2.3548) ** 2
    rows = np.fft.fftfreq(template.shape[0])[:, None]
    columns = np.fft.rfftfreq(template.shape[1])[None, :]
    kernel = np.exp(-2 * np.pi**2 * variance * (rows**2 + columns**2)).astype(np.float32)
    return np.fft.irfft2(np.fft.rfft2(template) * kernel, template.shape).astype(np.float32)
