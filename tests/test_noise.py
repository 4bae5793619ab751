"""Random fields and their values between pixels."""

from __future__ import annotations

import numpy as np
import pytest

from replica.simulation.noise import generator, octave, sample, spline_weights


@pytest.mark.parametrize(("size", "knots"), [(60, 7), (33, 40)])
def test_an_octave_is_the_cubic_spline_of_its_random_numbers(size, knots):
    lattice = generator("octave").standard_normal((knots, knots), dtype=np.float32)
    position = np.arange(size) * knots / size
    across = np.zeros((size, knots))
    for step, weight in enumerate(spline_weights(position % 1)):
        across[np.arange(size), (position.astype(int) + step - 1) % knots] += weight
    expected = across @ lattice @ across.T
    expected /= expected[::5, ::5].std()
    assert octave(generator("octave"), size, knots) == pytest.approx(expected, abs=1e-5)


def test_a_spline_keeps_a_straight_line_straight():
    t = np.linspace(0, 1, 11)
    weights = np.array(spline_weights(t))
    assert weights.sum(axis=0) == pytest.approx(1)
    assert np.arange(-1, 3) @ weights == pytest.approx(t)


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_values_between_pixels_are_bilinear_and_nothing_is_outside(kind):
    y, x = np.mgrid[:40, :300].astype(np.float32)
    template = 2 + 0.5 * y - 0.1 * x + 0.02 * x * y
    row, column = np.random.default_rng(4).uniform(-3, 303, (2, 500, 80)).astype(kind)
    row *= kind(0.13)
    inside = (row >= 0) & (row < 39) & (column >= 0) & (column < 299)
    expected = 2 + 0.5 * row - 0.1 * column + 0.02 * column * row
    values = sample(template, row, column)
    assert 0.5 < inside.mean() < 0.99
    assert values[inside] == pytest.approx(expected[inside], abs=1e-3)
    assert (values[~inside] == 0).all()
    assert sample(template.T, column, row) == pytest.approx(values, abs=1e-3)


def test_rows_and_columns_may_be_one_line_each():
    template = np.random.default_rng(5).random((20, 30), dtype=np.float32)
    row, column = np.array([[3.25], [7.5]]), np.linspace(2, 20, 7)
    whole = sample(template, *np.broadcast_arrays(row, column))
    assert np.array_equal(sample(template, row, column), whole)
