"""Transfer against arithmetic by hand, ridge regression, a simulation; frozen layers that stay."""

import numpy as np
import pytest
from helpers import take

from lib.datasets.sampling import balanced_rows
from lib.nn.finetuning import masked, split_head, trainable
from lib.nn.networks import mlp
from lib.optim.optimizers import sgd
from lib.stats.decision import least_squares_risk, monte_carlo_risk
from lib.stats.linear_models import least_squares, mse_gradient, ridge
from lib.stats.transfer import descent_filter, ridge_filter, ridge_towards, transfer_risk


@pytest.fixture
def problem(rng):
    return rng.normal(size=(12, 3)) * [1, 2, 0.5], rng.normal(size=12), rng.normal(size=3)


def test_towards_zero_is_ridge(problem):
    X, y, _ = problem
    np.testing.assert_allclose(ridge_towards(X, y, 2.0, np.zeros(3)), ridge(X, y, 2.0), rtol=1e-12)


def test_it_minimizes_what_it_says(problem, rng):
    X, y, source = problem
    theta = ridge_towards(X, y, 2.0, source)
    gradient = X.T @ (X @ theta - y) + 2.0 * (theta - source)
    np.testing.assert_allclose(gradient, 0, atol=1e-12)


def test_a_large_penalty_keeps_the_source_and_none_forgets_it(problem):
    X, y, source = problem
    np.testing.assert_allclose(ridge_towards(X, y, 1e12, source), source, atol=1e-9)
    np.testing.assert_allclose(ridge_towards(X, y, 0.0, source), least_squares(X, y), rtol=1e-10)


def test_each_data_set_may_have_its_own_source(problem, rng):
    X, _, _ = problem
    y, source = rng.normal(size=(4, 12)), rng.normal(size=(4, 3))
    each = [ridge_towards(X, *pair) for pair in zip(y, [1.5] * 4, source, strict=True)]
    np.testing.assert_allclose(ridge_towards(X, y, 1.5, source), each, rtol=1e-12)


@pytest.mark.parametrize("kind", ["ridge", "descent"])
@pytest.mark.parametrize("shape", [(12, 3), (4, 6)])
def test_filters_are_what_the_methods_do(rng, kind, shape):
    X, y = rng.normal(size=shape), rng.normal(size=shape[0])
    source = rng.normal(size=shape[1])
    U, s, Vt = np.linalg.svd(X, full_matrices=False)
    if kind == "ridge":
        theta, reach = ridge_towards(X, y, 1.3, source), ridge_filter(s, 1.3)
    else:
        walk = sgd(lambda theta: mse_gradient(theta, X, y), source, 0.05)
        theta, reach = take(walk, 8)[-1], descent_filter(s, shape[0], 0.05, 7)
    expected = source + Vt.T @ (reach / s * (U.T @ (y - X @ source)))
    np.testing.assert_allclose(theta, expected, rtol=1e-11)


def test_risk_by_hand():
    # s = 2 and 0, so reach = 4/5 and 0; delta = (5, 3): distance (1/5)^2 25 + 9 = 10.
    # C = diag(1, 2): source (1/5)^2 + 2 = 2.04.  Noise 9 (4/5)^2 / 4 = 1.44.
    X, C = np.array([[2.0, 0.0]]), np.diag([1.0, 2.0])
    terms = transfer_risk(X, lambda s: ridge_filter(s, 1.0), [5.0, 3.0], 3.0, C)
    np.testing.assert_allclose(terms, (10, 2.04, 1.44), rtol=1e-13)
    np.testing.assert_allclose(terms.risk, 13.48, rtol=1e-13)


def test_risk_without_penalty_is_that_of_least_squares(problem):
    X, _, delta = problem
    terms = transfer_risk(X, lambda s: ridge_filter(s, 0.0), delta, 1.5, np.eye(3))
    np.testing.assert_allclose(terms, (0, 0, least_squares_risk(X, 1.5)), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dependent_columns_say_nothing_about_their_difference(rng, dtype):
    # The third column is the sum of the others, to round-off: along (1, 1, -1) there is no signal to fit.
    pair = rng.normal(size=(12, 2))
    X = np.column_stack([pair, pair.sum(axis=1)]).astype(dtype)
    terms = transfer_risk(X, lambda s: ridge_filter(s, 0.0), [1.0, 1.0, -1.0], 1.5)
    s = np.linalg.svd(X.astype(float), compute_uv=False)[:2]
    np.testing.assert_allclose(terms.noise, 1.5**2 * np.sum(1 / s**2), rtol=1e-5)
    np.testing.assert_allclose(terms.distance, 3, rtol=1e-5)


def test_risk_of_a_simulation_with_an_estimated_source(problem, rng):
    X, _, target = problem
    mean, root = target - np.array([1.0, -0.5, 2.0]), rng.normal(size=(3, 3))
    source = mean + rng.normal(size=(20_000, 3)) @ root.T
    y = X @ target + rng.normal(0, 3, size=(20_000, 12))
    errors = np.square(ridge_towards(X, y, 3.0, source) - target).sum(axis=1)
    risk, se = monte_carlo_risk(errors)
    exact = transfer_risk(X, lambda s: ridge_filter(s, 3.0), target - mean, 3.0, root @ root.T)
    assert abs(risk - exact.risk) < 4 * se
    assert min(exact) > 10 * se, "each term counts"


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda: ridge_towards(np.eye(2), np.ones(2), 1.0, np.ones(3)), "source"),
        (lambda: ridge_towards(np.eye(2), np.ones(2), -1.0, np.ones(2)), "penalty"),
        (lambda: ridge_filter([-1.0], 1.0), "s"),
        (lambda: ridge_filter([1.0], -1.0), "penalty"),
        (lambda: descent_filter([1.0], 0, 0.1, 3), "n"),
        (lambda: descent_filter([1.0], 2, -0.1, 3), "alpha"),
        (lambda: descent_filter([1.0], 2, 0.1, -3), "steps"),
        (lambda: transfer_risk(np.eye(2), np.zeros_like, np.ones(3), 1.0), "delta"),
        (lambda: transfer_risk(np.eye(2), np.zeros_like, np.ones(2), -1.0), "sigma"),
        (lambda: transfer_risk(np.eye(2), np.zeros_like, np.ones(2), 1.0, np.eye(3)), "source_covariance"),
        (lambda: transfer_risk(np.ones((1, 2)), np.ones_like, np.ones(2), 1.0), "filter_factors"),
        (lambda: transfer_risk(np.eye(2), lambda s: s * np.nan, np.ones(2), 1.0), "filter_factors"),
        (lambda: transfer_risk(np.eye(2), lambda s: s[:1], np.ones(2), 1.0), "filter_factors"),
        (lambda: transfer_risk(np.eye(2), lambda s: s[:, None], np.ones(2), 1.0), "filter_factors"),
        (lambda: balanced_rows(np.zeros((2, 2), int), 1, np.random.default_rng(0)), "y"),
        (lambda: balanced_rows(np.array([0, 0, 1]), 2, np.random.default_rng(0)), "per_class"),
        (lambda: balanced_rows(np.array([0, 1]), 1, np.random.default_rng(0), members=0), "members"),
        (lambda: split_head(np.zeros(3), mlp(1, 1, 1)), "theta"),
        (lambda: trainable(mlp(1, 1, 1), 3), "frozen"),
        (lambda: masked(lambda theta: theta, [np.nan]), "mask"),
    ],
)
def test_bad_input_is_named(call, name):
    with pytest.raises(ValueError, match=rf"^{name}\b"):
        call()
