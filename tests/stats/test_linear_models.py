"""The linear model against arithmetic done by hand, its own derivatives and the normal equations."""

import numpy as np
import pytest
from helpers import check_gradient

from lib.stats.linear_models import (
    lasso,
    least_squares,
    least_squares_qr,
    legendre_features,
    line_features,
    mse,
    mse_gradient,
    mse_hessian,
    polynomial_features,
    relu_features,
    ridge,
    soft_threshold,
)


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


@pytest.mark.parametrize("shape", [(9, 3), (4, 4), (3, 9)])
def test_least_squares_of_many_data_sets_is_that_of_each(rng, shape):
    X, y = rng.normal(size=(5, *shape)), rng.normal(size=(2, 5, shape[0]))
    theta, shared = least_squares(X, y), least_squares(X[0], y)
    for member in np.ndindex(2, 5):
        expected = np.linalg.lstsq(X[member[1]], y[member])[0]
        np.testing.assert_allclose(theta[member], expected, rtol=1e-9)
        np.testing.assert_allclose(shared[member], np.linalg.pinv(X[0]) @ y[member], rtol=1e-9)


def test_least_squares_counts_round_off_as_zero(rng):
    X = rng.normal(size=(6, 2)) @ rng.normal(size=(2, 5))
    y = rng.normal(size=6)
    np.testing.assert_allclose(least_squares(X, y), np.linalg.lstsq(X, y)[0], rtol=1e-9)
    assert least_squares(np.zeros((3, 2)), np.ones(3)).tolist() == [0.0, 0.0]


def test_relu_features(rng):
    # (1, 2) and (1, -1) have products 3 and -1 with (1, 1) and (-1, 0): of the negative ones nothing is left.
    assert relu_features([[1.0, 2.0]], [[1.0, 1.0], [-1.0, 0.0]]).tolist() == [[3.0, 0.0]]
    x, Omega = rng.normal(size=(2, 5, 3)), rng.normal(size=(4, 3))
    features = relu_features(x, Omega)
    assert features.shape == (2, 5, 4)
    np.testing.assert_allclose(features - relu_features(-x, Omega), x @ Omega.T, rtol=1e-12)


def test_legendre_polynomials_by_hand():
    # P_2 = (3u^2 - 1)/2 and P_3 = (5u^3 - 3u)/2, at u = -1, 0.5 and 1, from the interval [2, 6].
    X = legendre_features([2.0, 5.0, 6.0], 3, low=2, high=6)
    assert X.tolist() == [[1, -1, 1, -1], [1, 0.5, -0.125, -0.4375], [1, 1, 1, 1]]
    assert legendre_features([0.3], 0).tolist() == [[1.0]]


def test_legendre_polynomials_are_orthogonal():
    # Gauss's rule with 12 points integrates polynomials up to degree 23 exactly; the integral of P_j^2 is
    # 2/(2j + 1), and a linear change of the interval changes nothing but the points.
    u, weights = np.polynomial.legendre.leggauss(12)
    X = legendre_features(3 + 2 * u, 11, low=1, high=5)
    np.testing.assert_allclose(X.T @ (weights[:, None] * X), np.diag(2 / (2 * np.arange(12) + 1)), atol=1e-13)


@pytest.mark.parametrize("features", [polynomial_features, legendre_features])
def test_features_of_many_data_sets(rng, features):
    x = rng.uniform(1, 5, (3, 4))
    together = features(x, 6, 1, 5)
    assert together.shape == (3, 4, 7)
    np.testing.assert_array_equal(together, [features(own, 6, 1, 5) for own in x])


def test_powers_and_legendre_polynomials_give_the_same_fit(rng):
    x, y, new = rng.uniform(0, 5, 20), rng.normal(size=20), np.linspace(0, 5, 7)
    fits = [
        features(new, 5, 0, 5) @ least_squares_qr(features(x, 5, 0, 5), y)
        for features in (polynomial_features, legendre_features)
    ]
    np.testing.assert_allclose(*fits, rtol=1e-10)
    np.testing.assert_array_equal(polynomial_features(x, 3), x[:, None] ** [0, 1, 2, 3])


@pytest.mark.parametrize("lead", [(), (4,), (2, 4)])
def test_qr_agrees_with_singular_values(rng, lead):
    X, y = rng.normal(size=(9, 3)), rng.normal(size=(*lead, 9))
    theta, shrunk = least_squares_qr(X, y), ridge(X, y, [0.0, 1.5, 3.0])
    assert theta.shape == shrunk.shape == (*lead, 3)
    for member in np.ndindex(lead):
        np.testing.assert_allclose(theta[member], least_squares(X, y[member]), rtol=1e-11)
        expected = np.linalg.solve(X.T @ X + np.diag([0, 1.5, 3.0]), X.T @ y[member])
        np.testing.assert_allclose(shrunk[member], expected, rtol=1e-11)


def test_each_data_set_may_have_its_own_design(rng):
    X, y = rng.normal(size=(5, 9, 3)), rng.normal(size=(2, 5, 9))
    theta, shrunk = least_squares_qr(X, y), ridge(X, y, 2.0)
    for member in np.ndindex(2, 5):
        np.testing.assert_allclose(theta[member], least_squares(X[member[1]], y[member]), rtol=1e-10)
        np.testing.assert_allclose(shrunk[member], ridge(X[member[1]], y[member], 2.0), rtol=1e-12)


def test_qr_does_not_square_the_condition_number():
    # Columns 1 and 1 + 1e-7 u: condition number about 1e7, its square beyond 1e14.
    u = np.linspace(-1, 1, 20)
    X = np.stack([np.ones(20), 1 + 1e-7 * u], axis=1)
    theta = np.array([3.0, -2.0])
    np.testing.assert_allclose(least_squares_qr(X, X @ theta), theta, rtol=1e-7)
    normal = np.linalg.solve(X.T @ X, X.T @ (X @ theta))
    assert np.abs(normal - theta).max() > 1e-4


def test_ridge_minimizes_the_penalized_error(rng, data):
    # Its gradient vanishes: that of n times the mse, plus twice penalty times theta.
    X, y = data
    penalty = np.array([0.0, 2.0, 5.0])
    theta = ridge(X, y, penalty)
    np.testing.assert_allclose(9 * mse_gradient(theta, X, y) + 2 * penalty * theta, 0, atol=1e-13)
    np.testing.assert_allclose(ridge(X, y, 0.0), least_squares(X, y), rtol=1e-12)
    # More columns than rows: a penalty makes the minimizer unique.
    wide = rng.normal(size=(2, 4))
    theta = ridge(wide, [1.0, 2.0], 0.1)
    np.testing.assert_allclose(wide.T @ (wide @ theta - [1, 2]) + 0.1 * theta, 0, atol=1e-14)


@pytest.mark.parametrize("fit", [least_squares_qr, lambda X, y: ridge(X, y, 1.0)])
@pytest.mark.parametrize(
    ("X", "y", "name"),
    [
        ([1.0], [1.0], "X"),
        ([[1.0], [np.nan]], [1.0, 2.0], "X"),
        ([[1.0], [2.0]], [1.0], "y"),
        ([[1.0], [2.0]], [1.0, np.nan], "y"),
        (np.ones((3, 2, 1)), [1.0, 2.0], "y"),
        (np.ones((3, 2, 1)), np.ones((4, 2)), "y"),
        ([[1.0], [2.0]], 1.0, "y"),
    ],
)
def test_bad_arguments_of_batched_fits_are_named(fit, X, y, name):
    with pytest.raises(ValueError, match=f"^{name} must"):
        fit(X, y)


def test_dependent_columns_are_refused(rng):
    column = rng.normal(size=(6, 1))
    dependent = np.concatenate([column, 3 * column], axis=1)
    for X in (dependent, np.stack([rng.normal(size=(6, 2)), dependent]), np.zeros((6, 1))):
        with pytest.raises(ValueError, match=r"^X must have independent columns"):
            least_squares_qr(X, rng.normal(size=X.shape[:-1]))
    with pytest.raises(ValueError, match=r"^X must have at least as many rows"):
        least_squares_qr(np.ones((1, 2)), np.ones(1))
    with pytest.raises(ValueError, match=r"^X must have independent columns"):
        ridge(np.ones((1, 2)), np.ones(1), 0.0)


@pytest.mark.parametrize("penalty", [-1.0, [1.0, -1.0], np.nan, [1.0, 1.0, 1.0], [[1.0, 1.0]]])
def test_a_bad_penalty_is_named(penalty):
    with pytest.raises(ValueError, match=r"^penalty must"):
        ridge(np.eye(2), np.ones(2), penalty)


@pytest.mark.parametrize("features", [polynomial_features, legendre_features])
@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ((1.0, 2), "x"),
        (([np.nan], 2), "x"),
        (([1.0], -1), "degree"),
        (([1.0], 2.0), "degree"),
        (([1.0], 2, 3.0, 3.0), "low"),
        (([1.0], 2, 0.0, np.nan), "high"),
    ],
)
def test_bad_arguments_of_features_are_named(features, arguments, name):
    with pytest.raises(ValueError, match=f"^{name} must"):
        features(*arguments)


def test_batched_fits_do_not_mutate_their_arguments(rng):
    X, y, penalty = rng.normal(size=(6, 2)), rng.normal(size=(3, 6)), np.array([0.0, 1.0])
    kept = X.copy(), y.copy(), penalty.copy()
    least_squares_qr(X, y), ridge(X, y, penalty), legendre_features(y, 4), polynomial_features(y, 4)
    for array, before in zip((X, y, penalty), kept, strict=True):
        np.testing.assert_array_equal(array, before)


# --- Lasso ---


def test_the_soft_threshold_by_hand():
    np.testing.assert_array_equal(soft_threshold([3.0, 1.0, 0.5, -0.5, -2.5], 1.0), [2, 0, 0, 0, -1.5])
    np.testing.assert_array_equal(soft_threshold([3.0, -3.0], [[0.0], [2.0]]), [[3, -3], [1, -1]])


def test_the_soft_threshold_minimizes_what_it_should(rng):
    u, tau = rng.normal(size=50), 0.6
    z = soft_threshold(u, tau)
    best = (z - u) ** 2 / 2 + tau * np.abs(z)
    for step in (1e-3, -1e-3, 0.1, -0.1):
        assert ((z + step - u) ** 2 / 2 + tau * np.abs(z + step) > best).all()


def test_lasso_on_orthogonal_columns_is_a_soft_threshold(rng):
    Q = np.linalg.qr(rng.normal(size=(8, 4)))[0] * [1.0, 2.0, 3.0, 0.5]
    y = rng.normal(size=8)
    expected = soft_threshold(Q.T @ y, 0.25) / np.array([1, 4, 9, 0.25])
    np.testing.assert_allclose(lasso(Q, y, 0.5), expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("penalty", [0.5, 3.0, 10.0])
def test_lasso_meets_the_conditions_of_optimality(rng, penalty):
    X, y = rng.normal(size=(20, 40)), rng.normal(size=20)
    theta = lasso(X, y, penalty, tolerance=1e-11)
    slope = 2 * X.T @ (y - X @ theta)
    active = theta != 0
    assert 0 < active.sum() <= 20
    np.testing.assert_allclose(slope[active], penalty * np.sign(theta[active]), atol=1e-7)
    assert (np.abs(slope[~active]) <= penalty + 1e-7).all()


def test_the_lasso_goes_on_while_what_is_in_has_not_settled():
    # After one turn the second coordinate is 4.48 and the first 0, out and within its bound.  Both end up in,
    # with opposite signs, where the conditions of optimality are linear.
    X, y = np.array([[1.0, 0.9], [0.0, 0.5]]), np.array([0.0, 10.0])
    expected = np.linalg.solve(X.T @ X, X.T @ y - 0.25 * np.array([-1, 1]))
    assert (np.sign(expected) == [-1, 1]).all()
    np.testing.assert_allclose(lasso(X, y, 0.5, tolerance=1e-12), expected, rtol=1e-9)


def test_a_lasso_of_many_data_sets_equals_separate_ones(rng):
    X, y, penalty = rng.normal(size=(3, 9, 4)), rng.normal(size=(2, 3, 9)), np.array([0.5, 1.0, 2.0])
    together = lasso(X, y, penalty, tolerance=1e-11)
    alone = [[lasso(X[j], y[i, j], penalty[j], tolerance=1e-11) for j in range(3)] for i in range(2)]
    np.testing.assert_allclose(together, alone, rtol=1e-8, atol=1e-10)
    path = lasso(X[0], np.broadcast_to(y[0, 0], (3, 9)), penalty, tolerance=1e-11)
    np.testing.assert_allclose(path[1], lasso(X[0], y[0, 0], 1.0, tolerance=1e-11), rtol=1e-8, atol=1e-10)


def test_no_neighbour_beats_the_lasso(rng, data):
    X, y = data
    theta = lasso(X, y, 1.0)

    def cost(theta):
        return np.square(y - X @ theta).sum() + np.abs(theta).sum()

    for _ in range(200):
        assert cost(theta + 0.01 * rng.normal(size=3)) > cost(theta)


def test_a_lasso_with_a_large_penalty_is_zero_and_with_a_small_one_least_squares(data):
    X, y = data
    largest = 2 * np.abs(X.T @ y).max()
    np.testing.assert_array_equal(lasso(X, y, 1.0001 * largest), 0)
    assert np.count_nonzero(lasso(X, y, 0.9999 * largest)) == 1
    np.testing.assert_allclose(lasso(X, y, 1e-9), least_squares(X, y), rtol=1e-7)


def test_the_lasso_changes_no_argument_and_says_when_it_gives_up(data):
    X, y = data
    before = X.copy(), y.copy()
    lasso(X, y, 1.0)
    np.testing.assert_array_equal(X, before[0])
    np.testing.assert_array_equal(y, before[1])
    sets = np.stack([y, np.zeros_like(y)])  # the second is done at once
    for many in (y, sets):
        with pytest.raises(ValueError, match=r"^max_sweeps = 1 .* the tolerance 1e-08, but \d\S*$") as stop:
            lasso(X, many, 1e-3, max_sweeps=1)
        reached = float(str(stop.value).split()[-1])
        lasso(X, many, 1e-3, max_sweeps=1, tolerance=1.1 * reached)
        with pytest.raises(ValueError, match="max_sweeps"):
            lasso(X, many, 1e-3, max_sweeps=1, tolerance=0.9 * reached)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("penalty", 0.0),
        ("penalty", float("nan")),
        ("tolerance", 0.0),
        ("max_sweeps", 0),
        ("X", [[1.0, 0.0], [1.0, 0.0]]),
        ("y", [1.0]),
    ],
)
def test_a_bad_argument_of_the_lasso_is_named(name, value):
    good = {"X": [[1.0, 0.0], [1.0, 1.0]], "y": [0.0, 3.0], "penalty": 1.0}
    with pytest.raises(ValueError, match=f"^{name} must"):
        lasso(**{**good, name: value})


def test_other_bad_arguments_of_the_lasso_are_named():
    for penalty in ([1.0, 2.0], [[1.0], [2.0]]):
        with pytest.raises(ValueError, match=r"^penalty must broadcast"):
            lasso(X, Y, penalty)
    with pytest.raises(ValueError, match=r"^threshold must"):
        soft_threshold(1.0, -1.0)


def test_precision_is_kept():
    X, y, theta = (np.ones(shape, np.float32) for shape in [(2, 1), 2, 1])
    results = [mse(theta, X, y), mse_gradient(theta, X, y), mse_hessian(X), line_features(y)]
    results += [least_squares(X, y), least_squares_qr(X, y), ridge(X, y, 1.0), ridge(X, y, [1.0])]
    results += [relu_features(X, X)]
    results += [legendre_features(y, 3), polynomial_features(y, 3, 0.0, 2.0)]
    for result in results:
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


def test_other_bad_arguments_are_named():
    with pytest.raises(ValueError, match=r"^y must"):
        least_squares(X, [1.0])
    with pytest.raises(ValueError, match=r"^y must"):
        least_squares([X, X], [Y, Y, Y])
    for x, Omega in [([1.0, 2.0], [[1.0, 2.0]]), ([[1.0, 2.0]], [1.0, 2.0]), ([[1.0]], [[1.0, 2.0]])]:
        with pytest.raises(ValueError, match=r"^Omega must"):
            relu_features(x, Omega)
    with pytest.raises(ValueError, match=r"^x must be a vector"):
        line_features([[1.0]])
    with pytest.raises(ValueError, match=r"^x must be finite"):
        line_features([NAN])
