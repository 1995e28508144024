"""Mixtures: density, score, marginals and samples against one another; the three data sets."""

import numpy as np
import pytest
from helpers import check_gradient

from lib.datasets.densities import Mixture, blobs, ring, two_moons
from lib.stats.divergences import entropy
from lib.stats.quadrature import grid_nodes

THREE = Mixture([0.5, 0.3, 0.2], [[0.0, 1.0], [2.0, -1.0], [-1.0, -2.0]], [0.5, 1.0, 0.75])


def test_log_density_by_hand():
    x = np.array([[1.0, 0.5]])
    parts = [
        w * np.exp(-np.square(x[0] - m).sum() / (2 * s**2)) / (2 * np.pi * s**2)
        for w, m, s in zip(THREE.weights, THREE.means, THREE.scales, strict=True)
    ]
    np.testing.assert_allclose(THREE.log_density(x), np.log(sum(parts)), rtol=1e-14)
    np.testing.assert_allclose(THREE.responsibilities(x)[0], np.array(parts) / sum(parts), rtol=1e-13)


def test_far_out_the_density_has_a_logarithm():
    assert THREE.log_density(np.array([1e3, 1e3])) == pytest.approx(-999_000, rel=0.01)


def test_a_component_without_weight_is_not_there():
    two = Mixture([1.0, 0.0], [[0.0], [5.0]], 1.0)
    one = Mixture([1.0], [[0.0]], 1.0)
    x = np.array([[0.0], [5.0]])
    np.testing.assert_array_equal(two.log_density(x), one.log_density(x))
    assert np.isfinite(two.score(x)).all()


def test_score_is_the_gradient_of_the_log_density(rng):
    x = rng.normal(size=(7, 2))
    check_gradient(THREE.log_density, THREE.score(x), x, rng)


@pytest.mark.parametrize("mixture", [THREE, two_moons(0.2), ring(5), blobs((0.5, 0.2))])
def test_mass_mean_and_covariance_on_a_grid(mixture):
    x, volume = grid_nodes([-9.0, -9.0], [9.0, 9.0], 180)
    p = np.exp(mixture.log_density(x)) * volume
    assert p.sum() == pytest.approx(1, abs=1e-10)
    np.testing.assert_allclose(p @ x, mixture.mean, atol=1e-10)
    away = x - mixture.mean
    np.testing.assert_allclose((p * away.T) @ away, mixture.covariance, atol=1e-10)


def test_marginal_and_conditional_law():
    # p(x_1, x_2) = p(x_1) p(x_2 | x_1), the second a mixture with the responsibilities of the first.
    x = np.array([0.7, -0.4])
    first = THREE.marginal(0)
    conditional = Mixture(first.responsibilities(x[:1]), THREE.means[:, 1:], THREE.scales)
    both = first.log_density(x[:1]) + conditional.log_density(x[1:])
    assert both == pytest.approx(float(THREE.log_density(x)), rel=1e-13)
    np.testing.assert_array_equal(THREE.marginal(1, 0).means, THREE.means[:, ::-1])


@pytest.mark.parametrize("members", [None, 3])
def test_samples_have_the_mean_and_the_covariance(members, rng):
    x = THREE.sample(40_000, rng, members)
    assert x.shape == (40_000, 2) if members is None else (3, 40_000, 2)
    x = x.reshape(-1, 2)
    standard_error = np.sqrt(np.diag(THREE.covariance) / len(x))
    np.testing.assert_array_less(np.abs(x.mean(axis=0) - THREE.mean), 4 * standard_error)
    np.testing.assert_allclose(np.cov(x.T), THREE.covariance, atol=0.04)


def test_moons_are_an_integral_to_the_last_digit():
    x = np.random.default_rng(0).normal(size=(200, 2))
    np.testing.assert_allclose(two_moons().log_density(x), two_moons(0.1, 250).log_density(x), atol=1e-12)


def test_moons_are_symmetric_and_lie_on_two_arcs(rng):
    moons = two_moons(1e-6)
    x = moons.sample(500, rng)
    np.testing.assert_allclose(moons.log_density(x), moons.log_density(-x), rtol=1e-6)
    upper = np.hypot(x[:, 0] + 0.5, x[:, 1] + 0.25)
    lower = np.hypot(x[:, 0] - 0.5, x[:, 1] - 0.25)
    np.testing.assert_allclose(np.minimum(np.abs(upper - 1), np.abs(lower - 1)), 0, atol=1e-5)
    on_upper = np.abs(upper - 1) < 1e-5
    assert np.all(x[on_upper, 1] > -0.25 - 1e-5)


def test_ring_far_apart_has_the_entropy_of_its_choice_and_its_noise():
    x, volume = grid_nodes([-6.0, -6.0], [6.0, 6.0], 240)
    h = entropy(ring(4, radius=4.0).log_density(x), volume)
    assert h == pytest.approx(np.log(4) + 1 + np.log(2 * np.pi * 0.04), abs=1e-9)


@pytest.mark.parametrize(
    ("name", "weights", "means", "scales"),
    [
        ("weights", [0.5, 0.6], [[0.0], [1.0]], 1.0),
        ("weights", [[1.0]], [[0.0]], 1.0),
        ("means", [0.5, 0.5], [[0.0]], 1.0),
        ("means", [1.0], [0.0], 1.0),
        ("means", [1.0], [[np.nan]], 1.0),
        ("scales", [1.0], [[0.0]], 0.0),
        ("scales", [1.0], [[0.0]], [1.0, 2.0]),
    ],
)
def test_bad_mixtures_are_named(name, weights, means, scales):
    with pytest.raises(ValueError, match=f"^{name} must"):
        Mixture(weights, means, scales)


def test_bad_points_members_and_coordinates_are_named(rng):
    with pytest.raises(ValueError, match=r"^x must end in 2 coordinates"):
        THREE.log_density(np.ones(3))
    with pytest.raises(ValueError, match=r"^n must"):
        THREE.sample(0, rng)
    with pytest.raises(ValueError, match=r"^rng must"):
        THREE.sample(1, None)
    with pytest.raises(ValueError, match=r"^coordinates must"):
        THREE.marginal(2)
