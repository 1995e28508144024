"""Layer norm: by hand, its Jacobian in closed form, its symmetries."""

import numpy as np
import pytest
from helpers import check_gradient

from lib.nn.normalization import layer_norm
from lib.nn.params import ravel


def test_by_hand():
    h = np.array([[0.0, 2.0, 4.0, 6.0]])  # mean 3, variance 5
    gain, shift = np.array([1.0, 2.0, 3.0, 4.0]), np.array([0.0, 0.0, 0.0, 1.0])
    f, _ = layer_norm(4, eps=0).apply((gain, shift), h)
    np.testing.assert_allclose(f, [[-3 / 5**0.5, -2 / 5**0.5, 3 / 5**0.5, 12 / 5**0.5 + 1]], rtol=1e-14)


def test_rows_have_mean_zero_and_variance_one(rng):
    h = rng.normal(3, 5, (7, 6))
    u, _ = layer_norm(6, eps=0).apply((np.ones(6), np.zeros(6)), h)
    np.testing.assert_allclose(u.mean(axis=1), 0, atol=1e-14)
    np.testing.assert_allclose(np.square(u).sum(axis=1), 6, rtol=1e-13)


def test_eps_is_added_to_the_variance():
    u, _ = layer_norm(2, eps=3.0).apply((np.ones(2), np.zeros(2)), np.array([[-1.0, 1.0]]))
    np.testing.assert_allclose(u, [[-0.5, 0.5]], rtol=1e-15)


@pytest.mark.parametrize("lead", [(), (3,)])
def test_the_pullback(rng, lead):
    layer, h = layer_norm(5), rng.normal(size=(*lead, 7, 5))
    theta = rng.normal(1, 0.5, (*lead, layer.size))
    f, pullback = layer.apply(layer.unravel(theta), h)
    w = rng.normal(size=f.shape)
    dparams, dh = pullback(w)
    own = (-2, -1)
    check_gradient(lambda x: (w * layer.apply(layer.unravel(theta), x)[0]).sum(axis=own), dh, h, rng, axes=2)
    check_gradient(
        lambda t: (w * layer.apply(layer.unravel(t), h)[0]).sum(axis=own),
        ravel(dparams, batch_ndim=len(lead)),
        theta,
        rng,
    )


def test_the_jacobian_is_a_projection_over_the_standard_deviation(rng):
    d = 6
    h = rng.normal(2, 3, (1, d))
    params = np.ones(d), np.zeros(d)
    u, _ = layer_norm(d, eps=0).apply(params, h)
    step = np.repeat(h, d, axis=0) + 1e-30j * np.eye(d)
    J = layer_norm(d, eps=0).apply(params, step)[0].imag.T / 1e-30
    expected = (np.eye(d) - 1 / d - u.T @ u / d) / h.std()
    np.testing.assert_allclose(J, expected, atol=1e-14)
    singular = np.linalg.svd(J, compute_uv=False)
    np.testing.assert_allclose(singular, [1 / h.std()] * (d - 2) + [0, 0], atol=1e-14)


def test_shift_and_scale_of_the_input_do_not_matter(rng):
    h, params = rng.normal(size=(4, 5)), (np.ones(5), np.zeros(5))
    layer = layer_norm(5, eps=0)
    np.testing.assert_allclose(layer.apply(params, 7 * h + 3)[0], layer.apply(params, h)[0], atol=1e-13)
