"""Points about a curve: what they are made of, and in which order the random numbers are drawn."""

import numpy as np
import pytest

from lib.datasets.points import line, sine
from lib.stats.linear_models import least_squares, line_features


def test_the_inputs_are_drawn_before_the_errors():
    x, y = line(5, np.random.default_rng(3))
    again = np.random.default_rng(3)
    inputs = again.uniform(0, 6, 5)
    np.testing.assert_array_equal(x, inputs)
    np.testing.assert_array_equal(y, 1 + 3 * inputs + again.normal(0, 2, 5))


def test_statistics(rng):
    n = 40_000
    x, y = line(n, rng, intercept=-2.0, slope=0.5, sigma=3.0, low=1.0, high=9.0)
    assert x.shape == y.shape == (n,)
    assert 1 <= x.min() < 1.01
    assert 8.99 < x.max() < 9
    # Bounds of four standard errors: the mean of U(a, b) has (b - a) / sqrt(12 n); the coefficients
    # have sigma sqrt of the diagonal of (X^T X)^-1; a standard deviation has sigma / sqrt(2 n).
    assert x.mean() == pytest.approx(5, abs=4 * 8 / np.sqrt(12 * n))
    X = line_features(x)
    error = 3 * np.sqrt(np.diag(np.linalg.inv(X.T @ X)))
    fit = least_squares(X, y)
    assert (np.abs(fit - [-2, 0.5]) < 4 * error).all()
    assert (y - X @ fit).std() == pytest.approx(3, abs=4 * 3 / np.sqrt(2 * n))


def test_without_noise_the_points_lie_on_the_line(rng):
    x, y = line(10, rng, sigma=0)
    np.testing.assert_array_equal(y, 1 + 3 * x)


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"n": 0}, "n"),
        ({"n": 2.0}, "n"),
        ({"sigma": -1}, "sigma"),
        ({"sigma": float("nan")}, "sigma"),
        ({"low": 6.0}, "low"),
        ({"low": float("nan")}, "low"),
        ({"high": float("inf")}, "high"),
        ({"intercept": float("nan")}, "intercept"),
        ({"slope": float("inf")}, "slope"),
    ],
)
def test_bad_arguments_are_named(rng, change, name):
    with pytest.raises(ValueError, match=f"^{name} must"):
        line(**{"n": 3, "rng": rng, **change})


def test_the_sine_draws_random_inputs_before_the_errors():
    x, y = sine(
        5, np.random.default_rng(3), amplitude=2, sigma=0.5, low=1, high=4, design="random", members=3
    )
    again = np.random.default_rng(3)
    inputs = again.uniform(1, 4, (3, 5))
    np.testing.assert_array_equal(x, inputs)
    np.testing.assert_array_equal(y, 2 * np.sin(inputs) + again.normal(0, 0.5, (3, 5)))


def test_a_fixed_design_has_the_same_inputs_in_every_data_set(rng):
    x, y = sine(6, rng, members=20_000, sigma=2)
    np.testing.assert_array_equal(x, [0, 1, 2, 3, 4, 5])
    assert y.shape == (20_000, 6)
    # Four standard errors of a mean and of a covariance: the errors are independent, of variance 4.
    np.testing.assert_allclose(y.mean(axis=0), 4 * np.sin(x), atol=4 * 2 / np.sqrt(20_000))
    np.testing.assert_allclose(np.cov(y.T), 4 * np.eye(6), atol=4 * 4 * np.sqrt(2 / 20_000))


def test_one_data_set_is_a_vector(rng):
    for design in ("fixed", "random"):
        x, y = sine(4, rng, sigma=0, design=design)
        assert x.shape == y.shape == (4,)
        np.testing.assert_array_equal(y, 4 * np.sin(x))


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"n": 0}, "n"),
        ({"members": 0}, "members"),
        ({"sigma": -1}, "sigma"),
        ({"amplitude": float("nan")}, "amplitude"),
        ({"low": 6.0}, "low"),
        ({"high": float("inf")}, "high"),
        ({"design": "clever"}, "design"),
    ],
)
def test_bad_arguments_of_the_sine_are_named(rng, change, name):
    with pytest.raises(ValueError, match=f"^{name} must"):
        sine(**{"n": 3, "rng": rng, **change})
