"""Risks against sums done by hand and closed forms; rules against the best of many others."""

from fractions import Fraction

import numpy as np
import pytest
from scipy.stats import poisson

from lib.stats.decision import (
    bayes_estimator,
    bayes_risk,
    beta_rule,
    binomial,
    exact_risk,
    james_stein,
    james_stein_risk,
    least_norm_risk,
    least_squares_risk,
    maximum_risk,
    monte_carlo_risk,
    posterior,
    posterior_mean,
)
from lib.stats.decision_losses import absolute_loss, squared_loss, zero_one_loss

GRID = np.linspace(0, 1, 21)


@pytest.fixture
def coin():
    """Return a coin tossed ten times, and a quadrature that integrates polynomials of degree 15 exactly."""
    nodes, weights = np.polynomial.legendre.leggauss(8)
    theta = (nodes + 1) / 2
    return theta, weights / 2, binomial(10, theta)


def test_binomial():
    table = binomial(3, [0.0, 0.5, 1.0])
    assert table.tolist() == [[1, 0, 0, 0], [0.125, 0.375, 0.375, 0.125], [0, 0, 0, 1]]
    single = binomial(200, np.float32([0.25, 0.5]))
    np.testing.assert_array_equal(single, binomial(200, [0.25, 0.5]))
    np.testing.assert_allclose(single.sum(axis=1), 1, rtol=1e-13)
    exact = binomial(2, [Fraction(1, 3)])
    assert exact.tolist() == [[Fraction(4, 9), Fraction(4, 9), Fraction(1, 9)]]
    for n in (1, 500):
        table = binomial(n, GRID)
        np.testing.assert_allclose(table.sum(axis=-1), 1, rtol=1e-12)
        np.testing.assert_allclose(table @ np.arange(n + 1), n * GRID, rtol=1e-12)


def test_beta_rule():
    assert beta_rule(2, 0, 0).tolist() == [0, 0.5, 1]
    assert beta_rule(2, 3, 1).tolist() == [3 / 6, 4 / 6, 5 / 6]
    assert beta_rule(1, Fraction(1, 2), Fraction(1, 2)).tolist() == [Fraction(1, 4), Fraction(3, 4)]


def test_exact_risk_by_hand():
    # Two outcomes; theta = 1 gives the first with chance 1/4.  The rule says 3 or 0: losses 4 and 1.
    risk = exact_risk(squared_loss, [1.0], [3.0, 0.0], [[0.25, 0.75]])
    assert risk.tolist() == [1.75]
    assert exact_risk(absolute_loss, [1.0], [3.0, 0.0], [[0.25, 0.75]]).tolist() == [1.25]


def test_exact_risk_is_variance_plus_squared_bias():
    n, a, b = 7, 2.0, 0.5
    risk = exact_risk(squared_loss, GRID, beta_rule(n, a, b), binomial(n, GRID))
    bias = (a - (a + b) * GRID) / (n + a + b)
    np.testing.assert_allclose(risk, n * GRID * (1 - GRID) / (n + a + b) ** 2 + bias**2, atol=1e-15)


def test_fractions_stay_exact():
    theta = [Fraction(k, 7) for k in range(8)]
    rule = beta_rule(9, Fraction(3, 2), Fraction(3, 2))
    risk = exact_risk(squared_loss, theta, rule, binomial(9, theta))
    assert set(risk) == {Fraction(1, 64)}
    prior = [Fraction(1, 8)] * 8
    assert bayes_risk(risk, prior) == maximum_risk(risk) == Fraction(1, 64)
    mean = posterior_mean(theta, prior, binomial(9, theta))
    assert all(isinstance(estimate, Fraction) for estimate in mean)


def test_an_ensemble_of_rules_equals_its_members(rng, coin):
    theta, prior, table = coin
    rules = rng.uniform(size=(2, 3, 11))
    risk = exact_risk(squared_loss, theta, rules, table)
    assert risk.shape == (2, 3, theta.size)
    np.testing.assert_allclose(risk[1, 2], exact_risk(squared_loss, theta, rules[1, 2], table), rtol=1e-14)
    assert maximum_risk(risk).shape == bayes_risk(risk, prior).shape == (2, 3)


def test_summaries_by_hand():
    risk, prior = [1.0, 4.0, 2.0], [0.5, 0.25, 0.25]
    assert maximum_risk(risk) == 4
    assert bayes_risk(risk, prior) == 2


def test_monte_carlo_risk():
    # Mean 4; squared deviations 16 + 0 + 16 = 32, over 3 * 2.
    risk, error = monte_carlo_risk([[0.0, 1.0], [4.0, 1.0], [8.0, 1.0]])
    assert risk.tolist() == [4, 1]
    np.testing.assert_allclose(error, [np.sqrt(32 / 6), 0], rtol=1e-15)


def test_the_interval_covers_as_it_should(rng):
    # Two standard errors about the mean of 100 losses hold the truth in about 95 of 100 repetitions.
    risk, error = monte_carlo_risk(rng.exponential(size=(100, 4000)))
    assert np.mean(np.abs(risk - 1) < 2 * error) == pytest.approx(0.94, abs=0.02)


def test_posterior_by_hand_and_summing_to_one(rng):
    table = rng.dirichlet(np.ones(5), size=4)
    prior = rng.dirichlet(np.ones(4))
    given = posterior(prior, table)
    np.testing.assert_allclose(given.sum(axis=0), 1, rtol=1e-14)
    np.testing.assert_allclose(given * (prior @ table), prior[:, None] * table, rtol=1e-14)


def test_posterior_mean_of_a_uniform_prior_is_laplaces_rule(coin):
    np.testing.assert_allclose(posterior_mean(*coin), beta_rule(10, 1, 1), rtol=1e-12)


def test_no_rule_has_a_smaller_bayes_risk_than_the_posterior_mean(rng, coin):
    theta, prior, table = coin
    best = posterior_mean(*coin)
    rules = best + rng.normal(0, 0.05, size=(500, 11))
    least = bayes_risk(exact_risk(squared_loss, theta, best, table), prior)
    others = bayes_risk(exact_risk(squared_loss, theta, rules, table), prior)
    np.testing.assert_allclose(least, 1 / (6 * 12), rtol=1e-12)
    excess = (prior @ table * (rules - best) ** 2).sum(axis=-1)
    np.testing.assert_allclose(others - least, excess, atol=1e-15)


def test_bayes_rules_are_mean_median_and_mode_of_the_posterior():
    # One outcome only, so the posterior is the prior: mean 1.1, median 1, mode 0.
    theta, prior, table = [0.0, 1.0, 2.0, 4.0], [0.4, 0.3, 0.2, 0.1], np.ones((4, 1))
    candidates = np.linspace(0, 4, 41)
    found = [
        bayes_estimator(loss, theta, prior, table, candidates).item()
        for loss in (squared_loss, absolute_loss, zero_one_loss)
    ]
    np.testing.assert_allclose(found, [1.1, 1, 0], rtol=1e-15)
    assert bayes_estimator(squared_loss, theta, prior, table, [0.5, 1.7]).item() in (0.5, 1.7)


def test_least_squares_risk(rng):
    X = rng.normal(size=(12, 3))
    expected = 4 * np.trace(np.linalg.inv(X.T @ X))
    assert least_squares_risk(X, 2.0) == pytest.approx(expected, rel=1e-12)
    noise = rng.normal(0, 2.0, size=(20_000, 12))
    risk, error = monte_carlo_risk(np.square(noise @ np.linalg.pinv(X).T).sum(axis=1))
    assert abs(risk - expected) < 4 * error


def test_least_norm_risk_by_hand():
    # 20 / (60 - 20 - 1) below the threshold; 4 (1 - 20/60) + 20 / (60 - 20 - 1) above, of sigma^2 = 1.
    np.testing.assert_allclose(least_norm_risk(60, 20, 1.0, 2.0), 20 / 39, rtol=1e-15)
    np.testing.assert_allclose(least_norm_risk(20, 60, 1.0, 2.0), 4 * 2 / 3 + 20 / 39, rtol=1e-15)
    np.testing.assert_allclose(least_norm_risk(20, 60, 3.0, 2.0), 4 * 2 / 3 + 9 * 20 / 39, rtol=1e-15)
    # No finite mean within one of the threshold; without noise, nothing but what the rows do not see.
    assert np.isinf(least_norm_risk(20, [19, 20, 21], 0.1)).all()
    np.testing.assert_allclose(least_norm_risk(20, [19, 20, 21, 40], 0.0), [0, 0, 1 / 21, 0.5], rtol=1e-12)


@pytest.mark.parametrize("p", [5, 32])
def test_least_norm_risk_is_measured(rng, p):
    n, sigma, theta = 16, 0.7, np.full(p, 2 / p**0.5)
    X = rng.normal(size=(4000, n, p))
    y = X @ theta + rng.normal(0, sigma, (4000, n))
    losses = np.square(np.vecmat(y, np.linalg.pinv(X).mT) - theta).sum(axis=1)
    risk, error = monte_carlo_risk(losses)
    assert abs(risk - least_norm_risk(n, p, sigma, 2.0)) < 4 * error


def test_james_stein_by_hand():
    # |x|^2 = 4 in 4 dimensions, sigma^2 = 1/2: factor 1 - 2 * 0.5 / 4.
    x = np.array([[1.0, 1.0, 1.0, 1.0], [0.5, 0.0, 0.0, 0.0]])
    kept = x.copy()
    shrunk = james_stein(x, np.sqrt(0.5))
    np.testing.assert_allclose(shrunk[0], 0.75, rtol=1e-14)
    np.testing.assert_allclose(shrunk[1], [-1.5, 0, 0, 0], rtol=1e-14)
    np.testing.assert_allclose(james_stein(x, np.sqrt(0.5), positive_part=True)[1], 0)
    np.testing.assert_array_equal(x, kept)


@pytest.mark.parametrize("d", [3, 4, 10, 1000, 10_000, 100_000, 2**40])
def test_james_stein_risk_has_the_known_ends(d):
    assert james_stein_risk(0.0, d) == 2
    # Close to 0 the risk is 2 + (d - 2) / d |theta|^2.
    np.testing.assert_allclose(james_stein_risk(1e-3, d), 2 + (d - 2) / d * 1e-6, rtol=1e-12)
    # Far away the saving is (d - 2)^2 / |theta|^2.
    far = 1e5 * np.sqrt(d)
    np.testing.assert_allclose(d - james_stein_risk(far, d), (d - 2) ** 2 / far**2, rtol=1e-3, atol=1e-12 * d)


def test_james_stein_risk_is_a_mixture_of_central_ones():
    # |x|^2 is chi-squared with d + 2J degrees of freedom, J Poisson; the mean of 1/chi^2_k is 1/(k - 2).
    d, distance = 5, np.array([0.5, 3.0, 12.0])
    j = np.arange(1, 400)
    log_factorial = np.concatenate([[0], np.cumsum(np.log(j))])
    j = np.arange(400)
    half = distance[:, None] ** 2 / 2
    weights = np.exp(j * np.log(half) - half - log_factorial)
    expected = d - (d - 2) ** 2 * (weights / (d - 2 + 2 * j)).sum(axis=1)
    np.testing.assert_allclose(james_stein_risk(distance, d), expected, rtol=1e-10)


@pytest.mark.parametrize("d", [3, 40, 1500, 10_000, 1_000_000])
def test_james_stein_risk_in_any_dimension(d):
    # The same mixture; its mean of 1 - (d - 2) / (d - 2 + 2J) is summed instead, where nothing cancels.
    for distance in (0.5, 10.0, 100.0):
        j = np.arange(distance**2 / 2 + 12 * distance + 60)
        share = poisson.pmf(j, distance**2 / 2) @ (2 * j / (d - 2 + 2 * j))
        np.testing.assert_allclose(james_stein_risk(distance, d), 2 + (d - 2) * share, rtol=1e-10)


@pytest.mark.parametrize("sigma", [1.0, 0.5])
def test_james_stein_risk_is_what_simulation_finds(rng, sigma):
    theta = np.array([1.0, -0.5, 0.0, 0.5, 0.25, 1.0])
    x = theta + rng.normal(0, sigma, size=(40_000, 6))
    risk, error = monte_carlo_risk(squared_loss(theta, james_stein(x, sigma)).sum(axis=-1))
    assert abs(risk - james_stein_risk(np.linalg.norm(theta), 6, sigma)) < 4 * error
    assert james_stein_risk(np.linalg.norm(theta), 6, sigma) < 6 * sigma**2 - 20 * error


def test_arguments_are_not_changed(rng, coin):
    theta, prior, table = (array.copy() for array in coin)
    rule = rng.uniform(size=11)
    kept = rule.copy()
    bayes_risk(exact_risk(squared_loss, theta, rule, table), prior)
    posterior_mean(theta, prior, table)
    for array, original in [*zip((theta, prior, table), coin, strict=True), (rule, kept)]:
        np.testing.assert_array_equal(array, original)


HALVES = np.full((2, 2), 0.5)


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda: binomial(0, 0.5), "n"),
        (lambda: binomial(501, 0.5), "n"),
        (lambda: binomial(3, [0.5, 1.5]), "theta"),
        (lambda: binomial(3, [0.5, np.nan]), "theta"),
        (lambda: beta_rule(0, 1, 1), "n"),
        (lambda: beta_rule(3, -1, 1), "a"),
        (lambda: beta_rule(3, 1, Fraction(-1, 2)), "b"),
        (lambda: exact_risk(squared_loss, [0.0, 1.0], [0.0, 1.0], HALVES / 2), "probabilities"),
        (lambda: exact_risk(squared_loss, [0.0, 1.0, 2.0], [0.0, 1.0], HALVES), "probabilities"),
        (lambda: exact_risk(squared_loss, [0.0, 1.0], [0.0, 1.0, 2.0], HALVES), "estimates"),
        (lambda: exact_risk(squared_loss, [0.0, 1.0], [0.0, np.inf], HALVES), "estimates"),
        (lambda: monte_carlo_risk([1.0]), "losses"),
        (lambda: monte_carlo_risk([1.0, np.nan]), "losses"),
        (lambda: maximum_risk(1.0), "risk"),
        (lambda: maximum_risk([]), "risk"),
        (lambda: bayes_risk([1.0, 2.0], [0.5, 0.6]), "prior"),
        (lambda: bayes_risk([1.0, 2.0, 3.0], [0.5, 0.5]), "risk"),
        (lambda: posterior([1.5, -0.5], HALVES), "prior"),
        (lambda: posterior([0.5, 0.5], [[1.0, 0.0], [1.0, 0.0]]), "prior"),
        (lambda: bayes_estimator(squared_loss, [0.0, 1.0], [0.5, 0.5], HALVES, []), "candidates"),
        (lambda: least_squares_risk(np.ones((5, 2)), 1.0), "X"),
        (lambda: least_squares_risk(np.ones(5), 1.0), "X"),
        (lambda: least_squares_risk(np.ones((5, 1)), -1.0), "sigma"),
        (lambda: least_norm_risk(0, 5, 1.0), "n"),
        (lambda: least_norm_risk(5, [2, 2.5], 1.0), "p"),
        (lambda: least_norm_risk(5, 2, -1.0), "sigma"),
        (lambda: least_norm_risk(5, 2, 1.0, -1.0), "norm"),
        (lambda: james_stein([1.0, 2.0]), "x"),
        (lambda: james_stein([0.0, 0.0, 0.0]), "x"),
        (lambda: james_stein([1.0, 2.0, 3.0], 0.0), "sigma"),
        (lambda: james_stein_risk(-1.0, 3), "distance"),
        (lambda: james_stein_risk(1.0, 2), "d"),
        (lambda: james_stein_risk(1.0, 3, 0.0), "sigma"),
    ],
)
def test_a_bad_argument_is_named(call, name):
    with pytest.raises(ValueError, match=rf"^{name} must"):
        call()
