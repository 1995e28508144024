"""Losses against arithmetic done by hand, and their gradients against their values."""

import numpy as np
import pytest
from helpers import check_gradient

from lib.nn.losses import cross_entropy, error_rate, log_softmax, squared_error


def test_squared_error_by_hand():
    # Residuals (1, 2) and (0, -2): (1 + 4 + 0 + 4) / 2 rows = 4.5, and the gradient is the residuals.
    f, y = np.array([[1.0, 3.0], [5.0, 0.0]]), np.array([[0.0, 1.0], [5.0, 2.0]])
    assert squared_error(f, y) == 4.5
    assert squared_error.gradient(f, y).tolist() == [[1.0, 2.0], [0.0, -2.0]]


def test_cross_entropy_by_hand():
    # Probabilities (1/4, 3/4) and (1/2, 1/2), classes 0 and 1: (log 4 + log 2) / 2 = 1.5 log 2.
    f, y = np.array([[0.0, np.log(3)], [1.0, 1.0]]), np.array([0, 1])
    assert cross_entropy(f, y) == pytest.approx(1.5 * np.log(2), rel=1e-15)
    np.testing.assert_allclose(cross_entropy.gradient(f, y), [[-0.375, 0.375], [0.25, -0.25]], rtol=1e-15)


def test_cross_entropy_does_not_overflow():
    f, y = np.array([[1000.0, 0.0], [0.0, -1000.0]]), np.array([1, 0])
    assert cross_entropy(f, y) == 500.0
    assert cross_entropy.gradient(f, y).tolist() == [[0.5, -0.5], [0.0, 0.0]]


@pytest.mark.parametrize("lead", [(), (3,), (2, 3)])
def test_gradients(rng, lead):
    f = rng.normal(size=(*lead, 5, 4))
    for loss, y in [(squared_error, rng.normal(size=(5, 4))), (cross_entropy, np.array([3, 0, 1, 1, 2]))]:
        check_gradient(lambda f, loss=loss, y=y: loss(f, y), loss.gradient(f, y), f, rng, axes=2)


@pytest.mark.parametrize("loss", [squared_error, cross_entropy])
def test_each_member_may_have_its_own_responses(rng, loss):
    f = rng.normal(size=(2, 3, 5, 4))
    y = rng.normal(size=f.shape) if loss is squared_error else rng.integers(4, size=f.shape[:-1])
    value, gradient = loss(f, y), loss.gradient(f, y)
    assert value.shape == (2, 3)
    for member in np.ndindex(2, 3):
        assert value[member] == pytest.approx(loss(f[member], y[member]), rel=1e-14)
        np.testing.assert_allclose(gradient[member], loss.gradient(f[member], y[member]), rtol=1e-14)
    # Responses that the first axis shares: of the last of the two axes of members.
    np.testing.assert_allclose(loss(f, y[1])[1], value[1], rtol=1e-14)
    np.testing.assert_allclose(loss.gradient(f, y[1])[1], gradient[1], rtol=1e-14)
    check_gradient(lambda f: loss(f, y), gradient, f, rng, axes=2)


@pytest.mark.parametrize("loss", [squared_error, cross_entropy])
def test_a_repeated_batch_has_the_same_loss(rng, loss):
    f = rng.normal(size=(4, 3))
    y = rng.normal(size=(4, 3)) if loss is squared_error else np.array([0, 1, 2, 0])
    twice = np.concatenate([f, f]), np.concatenate([y, y])
    assert loss(*twice) == pytest.approx(loss(f, y), rel=1e-14)
    half = loss.gradient(f, y) / 2
    np.testing.assert_allclose(loss.gradient(*twice), np.concatenate([half, half]), rtol=1e-14)


@pytest.mark.parametrize("loss", [squared_error, cross_entropy])
def test_precision_is_kept_and_arguments_are_not_mutated(rng, loss):
    f = rng.normal(size=(2, 2)).astype(np.float32)
    y = np.ones((2, 2), np.float32) if loss is squared_error else np.array([0, 1])
    f_before, y_before = f.copy(), y.copy()
    assert loss(f, y).dtype == loss.gradient(f, y).dtype == np.float32
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
    for function in (loss, loss.gradient):
        with pytest.raises(ValueError, match=r"^y must"):
            function(f, y)


# Losses of an estimate.


def test_error_rate_by_hand():
    # Two members; the first gets row 1 of 2 wrong, the second (a tie: the first class counts) both.
    f = np.array([[[1.0, 2.0], [3.0, 1.0]], [[1.0, 1.0], [0.0, 0.5]]])
    assert error_rate(f, np.array([1, 1])).tolist() == [0.5, 0.5]
    assert error_rate(f, np.array([[1, 0], [1, 0]])).tolist() == [0.0, 1.0]


@pytest.mark.parametrize("loss", [cross_entropy, error_rate])
@pytest.mark.parametrize("y", [[0, 2], [0, -1], [0.0, 1.0], [0], [[0, 1, 1]], []])
def test_classes_that_do_not_fit(loss, y):
    with pytest.raises(ValueError, match=r"^y must "):
        loss(np.zeros((2, 2)), np.array(y))


def test_error_rate_of_a_nan():
    with pytest.raises(ValueError, match=r"^f must be finite"):
        error_rate(np.array([[np.nan, 0.0]]), np.array([0]))


def test_log_softmax_by_hand():
    log_p = log_softmax(np.array([[0.0, np.log(3)], [1000.0, 0.0]]))
    np.testing.assert_allclose(log_p, [[np.log(0.25), np.log(0.75)], [0, -1000]], rtol=1e-14)
