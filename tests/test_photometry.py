"""The model of photometry that the simulated catalogues share."""

from __future__ import annotations

import numpy as np
import pytest

from replica.simulation.photometry import (
    flux_errors,
    magnitudes,
    merged,
    neighbours,
    noise_area,
)
from replica.simulation.render import moffat


@pytest.mark.parametrize("fwhm", [4.0, 6.0, 12.0])
def test_the_noise_area_is_that_of_the_drawn_profile(fwhm):
    y, x = np.mgrid[-90:91, -90:91]
    profile = moffat((x**2 + y**2).astype(float), fwhm)
    assert profile.sum() == pytest.approx(1, abs=0.002)
    assert noise_area(fwhm) == pytest.approx(1 / (profile**2).sum(), rel=0.01)


def test_a_profile_fit_to_noise_scatters_as_the_error_says():
    y, x = np.mgrid[-30:31, -30:31]
    profile = moffat((x**2 + y**2).astype(float), 6.0)
    noise = np.random.default_rng(3).normal(0, 2.0, (2000, *profile.shape))
    fitted = (noise * profile).sum((1, 2)) / (profile**2).sum()
    assert flux_errors(np.zeros(1), 2.0, 6.0)[0] == pytest.approx(fitted.std(), rel=0.05)


def test_bright_sources_are_limited_by_their_own_light_and_then_by_the_floor():
    sky = flux_errors(np.zeros(1), 1.0, 4.0)[0]
    own = flux_errors(np.array([1e4]), 1.0, 4.0, gain=2.0)[0]
    assert own == pytest.approx(np.hypot(sky, np.sqrt(5e3)))
    floor = flux_errors(np.array([1e9]), 1.0, 4.0, gain=2.0, floor=0.01)[0]
    assert floor == pytest.approx(1e7, rel=0.01)


def test_magnitudes_and_their_errors():
    magnitude, error = magnitudes(np.array([100.0, -1.0]), np.array([10.0, 10.0]), 1e6)
    assert magnitude[0] == pytest.approx(10.0)
    assert error[0] == pytest.approx(0.1086, abs=1e-4)
    assert np.isnan(magnitude[1])
    assert np.isnan(error[1])


def test_neighbours_are_all_pairs_within_the_radius():
    x, y = np.random.default_rng(5).uniform(0, 20, (2, 400))
    one, other, distance = neighbours(x, y, 1.3)
    every = np.hypot(x[:, None] - x, y[:, None] - y)
    expected = {(a, b) for a, b in zip(*np.nonzero(every < 1.3), strict=True) if a < b}
    assert {(min(pair), max(pair)) for pair in zip(one, other, strict=True)} == expected
    assert len(one) == len(expected)
    assert distance == pytest.approx(every[one, other])


def test_faint_sources_are_lost_in_the_nearest_bright_one():
    x = np.array([0.0, 1.0, 1.8, 5.0, 20.0])
    flux = np.array([10.0, 3.0, 9.0, 1.0, 0.5])
    host = merged(x, np.zeros(5), flux, 1.5)
    assert host.tolist() == [0, 2, 2, 3, 4]


def test_what_is_seen_is_never_closer_than_the_radius_and_each_lost_source_is():
    rng = np.random.default_rng(7)
    x, y = rng.uniform(0, 30, (2, 900))
    flux = rng.pareto(1.5, 900)
    host = merged(x, y, flux, 1.0)
    seen = np.flatnonzero(host == np.arange(900))
    assert len(neighbours(x[seen], y[seen], 1.0)[0]) == 0
    lost = np.flatnonzero(host != np.arange(900))
    assert (np.hypot(x - x[host], y - y[host])[lost] < 1.0).all()
    assert (flux[host] >= flux).all()
    assert (host[host] == host).all()
