"""Entropies and divergences against closed forms, and the ceiling of volume-preserving flows."""

import numpy as np
import pytest

from lib.datasets.densities import Mixture, blobs
from lib.stats.divergences import entropy, gaussian_entropy, kl, volume_preserving_ceiling
from lib.stats.quadrature import grid_nodes


def normal(mean, scale):
    return Mixture([1.0], [mean], scale)


def test_entropy_of_a_normal_density():
    x, volume = grid_nodes([-9.0, -9.0], [9.0, 9.0], 120)
    h = entropy(normal([0.5, -0.5], 0.7).log_density(x), volume)
    assert h == pytest.approx(float(gaussian_entropy(0.49 * np.eye(2))), abs=1e-10)


def test_kl_of_normal_densities():
    # log(s/r) + (r^2 + m^2) / (2 s^2) - 1/2 from N(0, r^2) to N(m, s^2), in each coordinate.
    x, volume = grid_nodes([-12.0, -12.0], [12.0, 12.0], 240)
    p, q = normal([0.0, 0.0], 0.5).log_density(x), normal([1.0, 0.0], 1.5).log_density(x)
    expected = 2 * (np.log(3) + 0.25 / 4.5 - 0.5) + 1 / 4.5
    assert kl(p, q, volume) == pytest.approx(expected, abs=1e-10)
    np.testing.assert_allclose(kl(p, np.stack([q, p]), volume), [expected, 0], atol=1e-10)


def test_gaussian_entropy_of_many(rng):
    A = rng.normal(size=(3, 2, 2))
    Sigma = A @ A.mT
    expected = np.linalg.slogdet(2 * np.pi * np.e * Sigma)[1] / 2
    np.testing.assert_allclose(gaussian_entropy(Sigma), expected, rtol=1e-12)


def test_the_ceiling_of_a_normal_density_is_its_entropy():
    x, volume = grid_nodes([-9.0], [9.0], 2000)
    log_p = normal([0.3], 0.8).log_density(x)
    ceiling = volume_preserving_ceiling(log_p, volume, 1)
    assert ceiling == pytest.approx(float(gaussian_entropy([[0.64]])), abs=1e-4)


@pytest.mark.parametrize("scales", [(0.8, 0.15), (1.0, 0.2), (0.5, 0.5)])
def test_the_ceiling_of_two_blobs_far_apart(scales):
    s, r = scales
    x, volume = grid_nodes([-8.0, -5.0], [8.0, 5.0], 500)
    log_p = blobs(scales, distance=7.0).log_density(x)
    expected = 1 + np.log(np.pi * (s**2 + r**2 * (3 + 2 * np.log(s / r))))
    assert volume_preserving_ceiling(log_p, volume, 2) == pytest.approx(expected, abs=1e-3)


def test_the_ceiling_is_never_below_the_entropy(rng):
    x, volume = grid_nodes([-9.0, -9.0], [9.0, 9.0], 300)
    for _ in range(5):
        mixture = Mixture(np.full(4, 0.25), 2 * rng.normal(size=(4, 2)), rng.uniform(0.3, 1, 4))
        log_p = mixture.log_density(x)
        assert volume_preserving_ceiling(log_p, volume, 2) > entropy(log_p, volume) + 1e-3


def test_a_covariance_that_is_none_is_named():
    for wrong in (np.ones((2, 3)), [[1.0, 0.5], [0.0, 1.0]], [[1.0, 2.0], [2.0, 1.0]]):
        with pytest.raises(ValueError, match=r"^covariance must"):
            gaussian_entropy(wrong)
