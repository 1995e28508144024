"""At the ends of floating point, and where a data set has next to nothing in it, answers are still right."""

import warnings

import numpy as np
import pytest

from lib.nn.ensembling import mean_probabilities
from lib.nn.layers import gelu, relu, tanh
from lib.nn.losses import cross_entropy, error_rate, log_softmax, squared_error
from lib.stats.bias_variance import decompose
from lib.stats.decision_losses import cross_entropy_loss, kl_loss
from lib.stats.linear_models import least_squares, least_squares_qr, mse_gradient, ridge

HUGE = 1.7e308


@pytest.mark.parametrize("size", [1e3, 1e154, HUGE / 2])
def test_softmax_of_huge_outputs(size):
    f = np.array([[size, 0.0, -size], [0.0, 0.0, -size]])
    log_p = log_softmax(f)
    np.testing.assert_array_equal(log_p[0], [0.0, -size, -2 * size])
    np.testing.assert_array_equal(np.exp(log_p), [[1, 0, 0], [0.5, 0.5, 0]])
    assert cross_entropy(f, np.array([0, 1])) == np.log(2) / 2
    np.testing.assert_array_equal(cross_entropy.gradient(f, np.array([0, 1])), [[0, 0, 0], [0.25, -0.25, 0]])
    assert error_rate(f, np.array([0, 1])) == 0.5


def test_cross_entropy_beyond_floating_point_overflows_and_is_never_nan():
    f = np.array([[HUGE, -HUGE]])
    with pytest.raises(ValueError, match=r"^f must be of a size"):
        log_softmax(f)
    for y, value, gradient in [(0, 0, [0, 0]), (1, np.inf, [1, -1])]:
        with pytest.warns(RuntimeWarning, match="overflow"):
            assert cross_entropy(f, np.array([y])) == value
        with pytest.warns(RuntimeWarning, match="overflow"):
            np.testing.assert_array_equal(cross_entropy.gradient(f, np.array([y])), [gradient])


@pytest.mark.parametrize("f", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_comes_out_not_finite(f):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        assert not np.isfinite(cross_entropy(np.array([[f, 0.0]]), np.array([0])))
        assert not np.isfinite(squared_error(np.array([[f]]), np.zeros((1, 1))))
        assert not np.isfinite(mse_gradient([f], [[1.0]], [0.0])).any()


def test_tiny_probabilities():
    assert cross_entropy_loss([1.0, 0.0], [5e-324, 1.0]) == -np.log(5e-324)
    assert cross_entropy_loss([1.0, 0.0], [0.0, 1.0]) == kl_loss([1.0, 0.0], [0.0, 1.0]) == np.inf
    assert kl_loss([0.0, 1.0], [0.0, 1.0]) == cross_entropy_loss([0.0, 1.0], [0.0, 1.0]) == 0
    assert kl_loss([5e-324, 1.0], [1e-300, 1.0]) == pytest.approx(0, abs=1e-300)
    f = np.array([[[0.0, -800.0]], [[0.0, -900.0]]])
    np.testing.assert_allclose(mean_probabilities(f), [[0.0, -800 - np.log(2)]], rtol=1e-12)


@pytest.mark.parametrize("activation", [relu, tanh, gelu])
def test_activations_are_flat_or_straight_far_out(activation):
    f = np.array([-HUGE, -1e200, -1e3, 1e3, 1e200, HUGE])
    h, pullback = activation().apply((), f)
    np.testing.assert_array_equal(h, np.sign(f) if activation is tanh else np.maximum(f, 0))
    np.testing.assert_array_equal(pullback(np.ones(6))[1], np.zeros(6) if activation is tanh else f > 0)


def test_one_class_and_one_sample():
    one = np.array([[3.0]]), np.array([0])
    assert (cross_entropy(*one), cross_entropy.gradient(*one).tolist()) == (0, [[0]])
    np.testing.assert_array_equal(log_softmax([[3.0], [HUGE]]), [[0], [0]])
    assert error_rate([[3.0]], [0]) == 0
    one = [[2.0]], [[0.5]]
    assert (squared_error(*one), squared_error.gradient(*one).tolist()) == (2.25, [[3.0]])


@pytest.mark.parametrize("loss", [squared_error, cross_entropy, error_rate])
def test_an_empty_batch_is_named(loss):
    with pytest.raises(ValueError, match="y must"):
        loss(np.empty((0, 2)), np.empty((0, 2)) if loss is squared_error else np.empty(0, int))


def test_fits_that_do_not_vary_have_no_variance_and_no_error_of_it():
    terms = decompose(np.full((3, 2), 0.5), np.array([0.25, 0.75]))
    assert [float(term.value) for term in terms] == [0.0625, 0, 0, 0, 0.0625]
    assert all(np.all(term.se == 0) for term in terms)


# rank-deficient, wide and tall; a column, a row or all of it zero; columns of very different size
DESIGNS = {
    "tall": [[1.0, 0.0], [1.0, 1.0], [1.0, 2.0]],
    "wide": [[1.0, 2.0, 0.5], [0.0, 1.0, 1.0]],
    "one row": [[3.0, 4.0]],
    "one column": [[1.0], [2.0]],
    "dependent columns": [[1.0, 2.0], [2.0, 4.0], [3.0, 6.0]],
    "a column of zeros": [[1.0, 0.0], [2.0, 0.0]],
    "a row of zeros": [[1.0, 2.0], [0.0, 0.0], [1.0, 0.0]],
    "all zeros": [[0.0, 0.0], [0.0, 0.0]],
}


@pytest.mark.parametrize("scale", [1e-150, 1.0, 1e150])
@pytest.mark.parametrize("name", DESIGNS)
def test_least_squares_is_the_shortest_minimizer_of_any_design(name, scale):
    X = np.array(DESIGNS[name])
    y = np.arange(1.0, len(X) + 1)
    np.testing.assert_allclose(
        least_squares(scale * X, y) * scale, np.linalg.pinv(X) @ y, rtol=1e-12, atol=1e-14
    )
    if np.linalg.matrix_rank(X) == X.shape[1]:
        np.testing.assert_allclose(least_squares_qr(scale * X, y) * scale, np.linalg.pinv(X) @ y, rtol=1e-12)
    else:
        for fit in (least_squares_qr, lambda X, y: ridge(X, y, 0.0)):
            with pytest.raises(ValueError, match=r"^X must"):
                fit(scale * X, y)


@pytest.mark.parametrize("penalty", [5e-324, 1.0, 1e300, HUGE])
@pytest.mark.parametrize("name", ["tall", "one column", "a row of zeros"])
def test_ridge_with_any_penalty(name, penalty):
    X = np.array(DESIGNS[name])
    y = np.arange(1.0, len(X) + 1)
    expected = np.linalg.solve(X.T @ X + penalty * np.eye(X.shape[1]), X.T @ y)
    atol = 1e-14 / max(1, np.sqrt(penalty))
    np.testing.assert_allclose(ridge(X, y, penalty), expected, rtol=1e-12, atol=atol)


def test_columns_of_any_size_are_independent():
    """Dependence is a matter of a column's direction: its units do not make it."""
    X = np.array([[1.0, 1e-30], [1.0, 2e-30], [1.0, 4e-30]])
    np.testing.assert_allclose(least_squares_qr(X, X @ [2.0, 3e30]), [2.0, 3e30], rtol=1e-12)
    np.testing.assert_allclose(
        ridge([[1.0, 0.0], [0.0, 1.0]], [1.0, 1.0], [HUGE, 1.0]), [0.0, 0.5], atol=1e-15
    )


def test_an_answer_that_floating_point_cannot_hold_is_named():
    for fit in (least_squares, least_squares_qr):
        with pytest.raises(ValueError, match=r"^X, y must be of a size"):
            fit([[1e-200], [1e-200]], [1e200, 1e200])
