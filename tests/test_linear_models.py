"""The linear model against arithmetic done by hand, its own derivatives and the normal equations."""

import numpy as np
import pytest
from helpers import check_gradient

from lib.linear_models import least_squares, line_features, mse, mse_gradient, mse_hessian


@pytest.fixture
def data(rng):
    return rng.normal(size=(9, 3)), rng.normal(size=9)


def test_by_hand():
    # Rows (1, 1) and (1, 3), theta = (1, 2): predictions 3 and 7, residuals 1 and -1 against y = (2, 8).
    # Loss (1 + 1) / 2; gradient 2/2 (1 - 1, 1 - 3); Hessian 2/2 [[2, 4], [4, 10]].
    X = line_features([1.0, 3.0])
    assert X.tolist() == [[1.0, 1.0], [1.0, 3.0]]
    assert mse([1.0, 2.0], X, [2.0, 8.0]) == 1.0
    assert mse_gradient([1.0, 2.0], X, [2.0, 8.0]).tolist() == [0.0, -2.0]
    assert mse_hessian(X).tolist() == [[2.0, 4.0], [4.0, 10.0]]
    # The line through (1, 2) and (3, 8) has slope 3 and intercept -1.
    np.testing.assert_allclose(least_squares(X, [2.0, 8.0]), [-1.0, 3.0], rtol=1e-13)


@pytest.mark.parametrize("lead", [(), (4,), (2, 4)])
def test_gradient(rng, data, lead):
    theta = rng.normal(size=(*lead, 3))
    assert mse(theta, *data).shape == lead
    check_gradient(lambda theta: mse(theta, *data), mse_gradient(theta, *data), theta, rng)


def test_an_ensemble_equals_its_members(rng, data):
    theta = rng.normal(size=(5, 3))
    np.testing.assert_allclose(mse(theta, *data), [mse(member, *data) for member in theta], rtol=1e-12)
    members = [mse_gradient(member, *data) for member in theta]
    np.testing.assert_allclose(mse_gradient(theta, *data), members, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("lead", [(5,), (2, 5)])
def test_each_member_may_have_its_own_data(rng, lead):
    X, y, theta = rng.normal(size=(5, 9, 3)), rng.normal(size=(5, 9)), rng.normal(size=(*lead, 3))
    value, gradient = mse(theta, X, y), mse_gradient(theta, X, y)
    assert value.shape == lead
    for member in np.ndindex(lead):
        own = X[member[-1]], y[member[-1]]
        np.testing.assert_allclose(value[member], mse(theta[member], *own), rtol=1e-12)
        np.testing.assert_allclose(
            gradient[member], mse_gradient(theta[member], *own), rtol=1e-12, atol=1e-14
        )
    np.testing.assert_allclose(mse_hessian(X), [mse_hessian(own) for own in X], rtol=1e-12, atol=1e-14)


def test_the_hessian_is_the_derivative_of_the_gradient(rng, data):
    theta, direction = rng.normal(size=(2, 3))
    # The gradient is affine, so that a difference of any length is exact.
    difference = mse_gradient(theta + direction, *data) - mse_gradient(theta, *data)
    np.testing.assert_allclose(mse_hessian(data[0]) @ direction, difference, rtol=1e-12, atol=1e-14)


def test_the_hessian_of_a_line_has_determinant_four_times_the_variance(rng):
    # Of the mean loss: n^2 times less than the 4 n^2 s^2 of the summed one.
    x = rng.uniform(0, 6, 20)
    assert np.linalg.det(mse_hessian(line_features(x))) == pytest.approx(4 * x.var(), rel=1e-12)
    # One repeated input leaves the slope open.
    assert np.linalg.matrix_rank(mse_hessian(line_features([2.0, 2.0, 2.0]))) == 1


def test_least_squares_has_no_gradient_left(data):
    X, y = data
    theta = least_squares(X, y)
    assert np.abs(mse_gradient(theta, X, y)).max() < 1e-14
    np.testing.assert_allclose(X.T @ X @ theta, X.T @ y, rtol=1e-12)


def test_least_squares_is_the_shortest_of_many():
    # Two equal columns: every (a, b) with a + b = 3 fits; the shortest is (1.5, 1.5).
    np.testing.assert_allclose(least_squares([[1.0, 1.0], [2.0, 2.0]], [3.0, 6.0]), [1.5, 1.5], rtol=1e-13)


def test_precision_is_kept():
    X, y, theta = (np.ones(shape, np.float32) for shape in [(2, 1), 2, 1])
    for result in (mse(theta, X, y), mse_gradient(theta, X, y), mse_hessian(X), line_features(y)):
        assert result.dtype == np.float32


NAN = float("nan")
X, Y, THETA = [[1.0, 0.0], [1.0, 1.0]], [0.0, 3.0], [1.0, 0.0]


@pytest.mark.parametrize("function", [mse, mse_gradient])
@pytest.mark.parametrize(
    ("theta", "X", "y", "name"),
    [
        (THETA, [1.0, 0.0], Y, "X"),
        (THETA, np.empty((0, 2)), [], "X"),
        (THETA, [[1.0, NAN], [1.0, 1.0]], Y, "X"),
        (THETA, X, [0.0, 3.0, 1.0], "y"),
        (THETA, X, [[0.0], [3.0]], "y"),
        (THETA, X, [0.0, NAN], "y"),
        ([1.0], X, Y, "theta"),
        (1.0, X, Y, "theta"),
        (THETA, [X, X], [Y, Y], "X"),
        ([THETA] * 3, [X, X], [Y, Y], "X"),
        ([THETA] * 2, [X, X], Y, "y"),
        ([[1.0], [2.0]], X, Y, "theta"),
    ],
)
def test_bad_arguments_are_named(function, theta, X, y, name):
    with pytest.raises(ValueError, match=f"^{name} must"):
        function(theta, X, y)


@pytest.mark.parametrize("X", [[1.0, 0.0], np.empty((0, 2)), [[NAN]], 1.0])
def test_a_bad_design_matrix_is_named(X):
    with pytest.raises(ValueError, match=r"^X must"):
        mse_hessian(X)
    with pytest.raises(ValueError, match=r"^X must"):
        least_squares(X, [1.0])


def test_one_fit_at_a_time():
    with pytest.raises(ValueError, match=r"^X must be one matrix"):
        least_squares([X, X], [Y, Y])


def test_other_bad_arguments_are_named():
    with pytest.raises(ValueError, match=r"^y must"):
        least_squares(X, [1.0])
    with pytest.raises(ValueError, match=r"^x must be a vector"):
        line_features([[1.0]])
    with pytest.raises(ValueError, match=r"^x must be finite"):
        line_features([NAN])
