"""Random fields: the raw material of filaments, wisps and backgrounds."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from itertools import pairwise

import numpy as np

_BLOCK = 32768  # pixels of a template that are interpolated at once: they stay in the cache


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
    across = np.ascontiguousarray(_stretched(lattice.T, size).T)
    field = _stretched(across, size)
    field *= 1 / field[::5, ::5].std()
    return field


def _stretched(rows: np.ndarray, size: int) -> np.ndarray:
    """Periodic cubic B-spline through rows, at `size` places."""
    position = np.arange(size) * len(rows) / size
    first = np.floor(position).astype(int)
    weights = np.stack(spline_weights(position - first), axis=1).astype(np.float32)
    between = np.empty((size, rows.shape[1]), np.float32)
    for knot, start, end in _runs(first):
        four = rows[np.arange(knot - 1, knot + 3) % len(rows)]
        # einsum without BLAS, whose sums depend on the number of threads.
        np.einsum("pk,kc->pc", weights[start:end], four, out=between[start:end])
    return between


def _runs(values: np.ndarray) -> Iterator[tuple[int, int, int]]:
    """Each value of a sorted array, where it starts and where it ends."""
    starts = np.flatnonzero(np.diff(values, prepend=values[0] - 1)).tolist()
    for start, end in pairwise([*starts, values.size]):
        yield int(values[start]), start, end


def spline_weights(t: np.ndarray) -> list[np.ndarray]:
    """Weights of the four knots of a cubic B-spline around places `t` past the second, 0 to 1."""
    rest, square = 1 - t, t * t
    cube = square * t
    weights = rest * rest * rest, 3 * cube - 6 * square + 4, 3 * (t + square - cube) + 1, cube
    return [weight / 6 for weight in weights]


def fractal(
    rng: np.random.Generator, size: int, knots: tuple[int, ...], gain: float = 0.6
) -> np.ndarray:
    """Sum of octaves, each `gain` times as strong as the one before; unit variance."""
    total = np.zeros((size, size), np.float32)
    for power, count in enumerate(knots):
        layer = octave(rng, size, count)
        layer *= np.float32(gain**power)
        total += layer
    total /= total[::5, ::5].std()
    return total


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
    down *= down
    right *= right
    down += right
    slope = np.sqrt(down, out=down)
    slope += 0.15 * slope.mean()
    field /= slope
    field *= 1 / width
    field *= field
    field += 1
    field *= np.sqrt(field)
    return np.reciprocal(field, out=field)


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
        crest = np.clip(1 - np.abs(octave(rng, size, count)) / 0.9, 0, 1)
        crest *= crest * crest * along
        total += np.float32(0.75**power) * crest
        along = np.clip(2.2 * crest, 0.06, 1)
    return total


def sample(template: np.ndarray, row: np.ndarray, column: np.ndarray) -> np.ndarray:
    """Bilinear values of `template` at fractional rows and columns; 0 outside it.

    Returns
    -------
    ndarray of float32
        In the shape of the rows and columns.
    """
    row, column = np.broadcast_arrays(row, column)
    light = np.empty(row.shape, np.float32)
    values, rows, columns = light.reshape(-1), row.reshape(-1), column.reshape(-1)
    flat = template.reshape(-1)
    for start in range(0, values.size, _BLOCK):
        block = slice(start, start + _BLOCK)
        values[block] = _bilinear(flat, template.shape, rows[block], columns[block])
    return light


def _bilinear(
    flat: np.ndarray, shape: tuple[int, ...], row: np.ndarray, column: np.ndarray
) -> np.ndarray:
    height, width = shape
    inside = (row >= 0) & (row < height - 1) & (column >= 0) & (column < width - 1)
    if not inside.all():
        light = np.zeros(row.shape, np.float32)
        light[inside] = _between(flat, width, row[inside], column[inside])
        return light
    return _between(flat, width, row, column)


def _between(flat: np.ndarray, width: int, row: np.ndarray, column: np.ndarray) -> np.ndarray:
    """Values between four pixels each of a template that is given as one line."""
    i, j = row.astype(np.int32), column.astype(np.int32)
    y = (row - i.astype(np.float32)).astype(np.float32, copy=False)
    x = (column - j.astype(np.float32)).astype(np.float32, copy=False)
    start = (i * np.int32(width) + j).astype(np.intp)
    # Any mode but "raise" spares a check of each place, which is known to be inside.
    steps = (0, 1, width, width + 1)
    upper, upper_next, lower, lower_next = (flat[step:].take(start, mode="clip") for step in steps)
    upper += x * (upper_next - upper)
    lower += x * (lower_next - lower)
    upper += y * (lower - upper)
    return upper


def blur(template: np.ndarray, fwhm: float) -> np.ndarray:
    """Convolve with a round Gaussian of `fwhm` pixels; the template's border must be empty."""
    variance = (fwhm / 2.3548) ** 2
    rows, columns = np.fft.fftfreq(template.shape[0]), np.fft.rfftfreq(template.shape[1])
    down, across = (
        np.exp(-2 * np.pi**2 * variance * np.square(axis)).astype(np.float32)
        for axis in (rows, columns)
    )
    waves = np.fft.rfft2(template)
    waves *= down[:, None] * across
    return np.fft.irfft2(waves, template.shape).astype(np.float32, copy=False)
