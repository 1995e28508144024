"""Losses of an estimate: by hand, and what they must have in common."""

from fractions import Fraction

import numpy as np
import pytest

from lib.nn.losses import cross_entropy
from lib.stats.decision_losses import (
    absolute_loss,
    cross_entropy_loss,
    kl_loss,
    power_loss,
    squared_loss,
    zero_one_loss,
)

ESTIMATES = [absolute_loss, squared_loss, zero_one_loss, lambda a, b: power_loss(a, b, 3)]


def test_losses_of_an_estimate_by_hand():
    theta, theta_hat = np.array([1.0, 2.0]), np.array([3.0, 1.5])
    assert absolute_loss(theta, theta_hat).tolist() == [2, 0.5]
    assert squared_loss(theta, theta_hat).tolist() == [4, 0.25]
    assert power_loss(theta, theta_hat, 3).tolist() == [8, 0.125]
    assert zero_one_loss(theta, theta_hat).tolist() == [1, 1]
    assert zero_one_loss(theta, theta_hat, 0.5).tolist() == [1, 0]
    assert squared_loss([[0.0], [1.0]], [1.0, 2.0, 3.0]).tolist() == [[1, 4, 9], [0, 1, 4]]


def test_a_miss_is_a_miss_even_where_floating_point_cannot_hold_the_distance():
    assert zero_one_loss([1.7e308, 1.7e308], [-1.7e308, 1.6e308], width=1.6e308).tolist() == [1, 0]


def test_fractions_stay_exact():
    third, half = Fraction(1, 3), Fraction(1, 2)
    assert absolute_loss(third, half) == Fraction(1, 6)
    assert squared_loss(third, [half, 1]).tolist() == [Fraction(1, 36), Fraction(4, 9)]


@pytest.mark.parametrize("loss", ESTIMATES)
def test_a_loss_of_an_estimate_is_symmetric_and_zero_at_the_truth(rng, loss):
    theta, theta_hat = rng.normal(size=(2, 5))
    np.testing.assert_array_equal(loss(theta, theta_hat), loss(theta_hat, theta))
    assert np.all(loss(theta, theta_hat) > 0)
    assert not np.any(loss(theta, theta))


def test_divergence_by_hand():
    theta, theta_hat = [0.5, 0.5, 0.0], [0.25, 0.25, 0.5]
    np.testing.assert_allclose(kl_loss(theta, theta_hat), np.log(2), rtol=1e-15)
    np.testing.assert_allclose(cross_entropy_loss(theta, theta_hat), np.log(4), rtol=1e-15)
    np.testing.assert_allclose(kl_loss([1.0, 0.0], [1e-310, 1.0]), 310 * np.log(10), rtol=1e-12)
    assert kl_loss(theta_hat, theta) == cross_entropy_loss(theta_hat, theta) == np.inf


def test_cross_entropy_is_entropy_plus_divergence(rng):
    theta, theta_hat = rng.dirichlet(np.ones(4), size=(2, 6))
    entropy = cross_entropy_loss(theta, theta)
    np.testing.assert_allclose(
        cross_entropy_loss(theta, theta_hat), entropy + kl_loss(theta, theta_hat), rtol=1e-13
    )
    assert np.all(kl_loss(theta, theta_hat) > 0)
    np.testing.assert_allclose(kl_loss(theta, theta), 0, atol=1e-15)
    assert np.all(np.abs(kl_loss(theta, theta_hat) - kl_loss(theta_hat, theta)) > 1e-4)


def test_the_two_cross_entropies_agree(rng):
    f, y = rng.normal(size=(6, 3)), np.array([0, 2, 1, 1, 0, 2])
    softmax = np.exp(f) / np.exp(f).sum(axis=1, keepdims=True)
    mean = cross_entropy_loss(np.eye(3)[y], softmax).mean()
    np.testing.assert_allclose(cross_entropy(f, y), mean, rtol=1e-14)


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda: absolute_loss(np.nan, 1.0), "theta"),
        (lambda: squared_loss(1.0, [np.inf]), "theta_hat"),
        (lambda: squared_loss(1.0, "one"), "theta_hat"),
        (lambda: power_loss(1.0, 2.0, 0), "q"),
        (lambda: zero_one_loss(1.0, 2.0, -1.0), "width"),
        (lambda: cross_entropy_loss([0.5, 0.6], [0.5, 0.5]), "theta"),
        (lambda: cross_entropy_loss([0.5, 0.5], [1.5, -0.5]), "theta_hat"),
        (lambda: kl_loss(1.0, [1.0]), "theta"),
        (lambda: kl_loss([0.5, 0.5], [0.5, np.nan]), "theta_hat"),
    ],
)
def test_a_bad_estimate_is_named(call, name):
    with pytest.raises(ValueError, match=rf"^{name} must"):
        call()
