"""Losses against arithmetic done by hand, and their gradients against their values."""

import numpy as np
import pytest
from helpers import check_gradient

from lib.losses import cross_entropy, squared_error


def test_squared_error_by_hand():
    # Residuals (1, 2) and (0, -2): (1 + 4 + 0 + 4) / 2 rows = 4.5, and the gradient is the residuals.
    f, y = np.array([[1.0, 3.0], [5.0, 0.0]]), np.array([[0.0, 1.0], [5.0, 2.0]])
    value, gradient = squared_error(f, y)
    assert value == 4.5
    assert gradient.tolist() == [[1.0, 2.0], [0.0, -2.0]]


def test_cross_entropy_by_hand():
    # Probabilities (1/4, 3/4) and (1/2, 1/2), classes 0 and 1: (log 4 + log 2) / 2 = 1.5 log 2.
    f, y = np.array([[0.0, np.log(3)], [1.0, 1.0]]), np.array([0, 1])
    value, gradient = cross_entropy(f, y)
    assert value == pytest.approx(1.5 * np.log(2), rel=1e-15)
    np.testing.assert_allclose(gradient, [[-0.375, 0.375], [0.25, -0.25]], rtol=1e-15)


def test_cross_entropy_does_not_overflow():
    f, y = np.array([[1000.0, 0.0], [0.0, -1000.0]]), np.array([1, 0])
    value, gradient = cross_entropy(f, y)
    assert value == 500.0
    assert gradient.tolist() == [[0.5, -0.5], [0.0, 0.0]]


@pytest.mark.parametrize("lead", [(), (3,), (2, 3)])
def test_gradients(rng, lead):
    f = rng.normal(size=(*lead, 5, 4))
    targets = rng.normal(size=(5, 4))
    check_gradient(lambda f: squared_error(f, targets)[0], squared_error(f, targets)[1], f, rng, axes=2)
    classes = np.array([3, 0, 1, 1, 2])
    check_gradient(lambda f: cross_entropy(f, classes)[0], cross_entropy(f, classes)[1], f, rng, axes=2)


@pytest.mark.parametrize("loss", [squared_error, cross_entropy])
def test_each_member_may_have_its_own_responses(rng, loss):
    f = rng.normal(size=(2, 3, 5, 4))
    y = rng.normal(size=f.shape) if loss is squared_error else rng.integers(4, size=f.shape[:-1])
    value, gradient = loss(f, y)
    assert value.shape == (2, 3)
    for member in np.ndindex(2, 3):
        own_value, own_gradient = loss(f[member], y[member])
        assert value[member] == pytest.approx(own_value, rel=1e-14)
        np.testing.assert_allclose(gradient[member], own_gradient, rtol=1e-14)
    # Responses that the first axis shares: of the last of the two axes of members.
    shared, shared_gradient = loss(f, y[1])
    np.testing.assert_allclose(shared[1], value[1], rtol=1e-14)
    np.testing.assert_allclose(shared_gradient[1], gradient[1], rtol=1e-14)
    check_gradient(lambda f: loss(f, y)[0], gradient, f, rng, axes=2)


@pytest.mark.parametrize("loss", [squared_error, cross_entropy])
def test_a_repeated_batch_has_the_same_loss(rng, loss):
    f = rng.normal(size=(4, 3))
    y = rng.normal(size=(4, 3)) if loss is squared_error else np.array([0, 1, 2, 0])
    value, gradient = loss(f, y)
    twice, twice_gradient = loss(np.concatenate([f, f]), np.concatenate([y, y]))
    assert twice == pytest.approx(value, rel=1e-14)
    np.testing.assert_allclose(twice_gradient, np.concatenate([gradient, gradient]) / 2, rtol=1e-14)


@pytest.mark.parametrize("loss", [squared_error, cross_entropy])
def test_precision_is_kept_and_arguments_are_not_mutated(rng, loss):
    f = rng.normal(size=(2, 2)).astype(np.float32)
    y = np.ones((2, 2), np.float32) if loss is squared_error else np.array([0, 1])
    f_before, y_before = f.copy(), y.copy()
    value, gradient = loss(f, y)
    assert value.dtype == gradient.dtype == np.float32
    np.testing.assert_array_equal(f, f_before)
    np.testing.assert_array_equal(y, y_before)


@pytest.mark.parametrize(
    ("loss", "f", "y"),
    [
        (squared_error, np.zeros((3, 1)), np.zeros(3)),
        (squared_error, np.zeros((3, 1)), np.zeros((2, 1))),
        (squared_error, np.zeros((0, 1)), np.zeros((0, 1))),
        (squared_error, np.zeros((1, 1)), np.array([[np.nan]])),
        (squared_error, np.zeros((3, 1)), np.zeros((2, 3, 1))),
        (squared_error, np.zeros((4, 3, 1)), np.zeros((2, 3, 1))),
        (squared_error, np.zeros((4, 3, 1)), np.zeros((4, 3))),
        (cross_entropy, np.zeros((3, 2)), np.zeros((3, 2), int)),
        (cross_entropy, np.zeros((3, 2)), np.zeros(2, int)),
        (cross_entropy, np.zeros((3, 2)), np.zeros((4, 3), int)),
        (cross_entropy, np.zeros((4, 3, 2)), np.zeros((2, 3), int)),
        (cross_entropy, np.zeros((3, 2)), np.array(0)),
        (cross_entropy, np.zeros(2), np.zeros(2, int)),
        (cross_entropy, np.zeros((0, 2)), np.zeros(0, int)),
        (cross_entropy, np.zeros((2, 2)), np.array([0.0, 1.0])),
        (cross_entropy, np.zeros((2, 2)), np.array([0, 2])),
        (cross_entropy, np.zeros((2, 2)), np.array([0, -1])),
    ],
)
def test_a_bad_y_is_named(loss, f, y):
    with pytest.raises(ValueError, match=r"^y must"):
        loss(f, y)
