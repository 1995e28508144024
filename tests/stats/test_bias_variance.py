"""Fits to many data sets against fits one by one, and the terms of their error against closed forms."""

import numpy as np
import pytest

from lib.datasets.points import sine
from lib.stats.bias_variance import (
    Decomposition,
    cross_validation,
    decompose,
    linear_model,
    nearest_neighbours,
    smoother,
    smoother_error,
    split_variance,
)
from lib.stats.linear_models import least_squares, legendre_features, ridge


def cubic(x):
    return legendre_features(x, 3, 0, 5)


CUBIC, NEIGHBOURS = linear_model(cubic), nearest_neighbours(3)
RIDGE = linear_model(cubic, [0.0, 1.0, 1.0, 2.0])
GRID = np.array([-0.3, 0.0, 1.7, 2.5, 4.9])


@pytest.mark.parametrize("fit", [CUBIC, RIDGE, NEIGHBOURS])
@pytest.mark.parametrize("design", ["fixed", "random"])
def test_one_batch_equals_fits_one_by_one(rng, fit, design):
    x, y = sine(12, rng, design=design, members=4)
    together = fit(x, y)(GRID)
    assert together.shape == (4, 5)
    for own_x, own_y, row in zip(np.broadcast_to(x, y.shape), y, together, strict=True):
        np.testing.assert_allclose(fit(own_x, own_y)(GRID), row, rtol=1e-10, atol=1e-12)


def test_the_linear_model_is_least_squares_and_ridge(rng):
    x, y = sine(12, rng)
    np.testing.assert_allclose(CUBIC(x, y)(GRID), cubic(GRID) @ least_squares(cubic(x), y), rtol=1e-11)
    np.testing.assert_allclose(RIDGE(x, y)(GRID), cubic(GRID) @ ridge(cubic(x), y, [0, 1, 1, 2]), rtol=1e-12)


def test_neighbours_by_hand():
    x, y = np.array([0.0, 1.0, 2.0, 10.0]), np.array([1.0, 2.0, 6.0, 7.0])
    assert nearest_neighbours(1)(x, y)(np.array([-3.0, 1.4, 9.0])).tolist() == [1.0, 2.0, 7.0]
    assert nearest_neighbours(2)(x, y)(np.array([-3.0, 1.4, 9.0])).tolist() == [1.5, 4.0, 6.5]
    assert nearest_neighbours(4)(x, y)(np.array([100.0])).tolist() == [4.0]
    # 1 lies between 0 and 2, at the same distance: the first counts as nearer.
    assert nearest_neighbours(2)(x, y)(np.array([1.0])).tolist() == [1.5]


@pytest.mark.parametrize("fit", [CUBIC, RIDGE, NEIGHBOURS])
@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_a_fit_to_what_is_not_finite_is_refused(rng, fit, wrong):
    x, y = sine(12, rng, members=4)
    spoiled_x, spoiled_y = x.copy(), y.copy()
    spoiled_x[3] = spoiled_y[2, 3] = wrong
    for name, call in [
        ("x", lambda: fit(spoiled_x, y)),
        ("y", lambda: fit(x, spoiled_y)),
        ("x_new", lambda: fit(x, y)(np.array([1.0, wrong]))),
        ("y", lambda: fit(x, y[:, 1:])),
        ("y", lambda: fit(x[:0], y[:, :0])),
    ]:
        with pytest.raises(ValueError, match=f"^{name} must"):
            call()


def test_the_smoother_of_least_squares_is_a_projection(rng):
    x, y = sine(12, rng, members=3)
    W = smoother(CUBIC, x, x)
    np.testing.assert_allclose(W @ W, W, atol=1e-13)
    np.testing.assert_allclose(W, W.T, atol=1e-13)
    assert np.trace(W) == pytest.approx(4, rel=1e-12)
    for fit in (CUBIC, RIDGE, NEIGHBOURS):
        np.testing.assert_allclose(y @ smoother(fit, x, GRID).T, fit(x, y)(GRID), rtol=1e-10, atol=1e-11)


def test_what_is_not_linear_has_no_smoother():
    def squares(x, y):
        return lambda x_new: (y**2).mean(axis=-1, keepdims=True) + 0 * x_new

    def bent(x, y):
        """Differ from the neighbours by a hundredth."""
        return lambda x_new: NEIGHBOURS(x, y)(x_new) + 0.01 * y.max(axis=-1, keepdims=True) * (y > 1).any()

    for fit in (squares, bent):
        with pytest.raises(ValueError, match=r"^fit must be linear"):
            smoother(fit, np.arange(3.0), GRID)


def test_smoother_error_by_hand():
    # Weights (1/2, 1/2) and (0, 2), f = (1, 3), sigma = 3: means 2 and 6; variances 9/2 and 36.
    bias, variance = smoother_error(np.array([[0.5, 0.5], [0.0, 2.0]]), [1.0, 3.0], [5.0, 5.0], 3.0)
    assert bias.tolist() == [-3.0, 1.0]
    assert variance.tolist() == [4.5, 36.0]


@pytest.mark.parametrize("fit", [CUBIC, RIDGE, NEIGHBOURS])
@pytest.mark.parametrize("pointwise", [True, False])
def test_decomposition_agrees_with_the_exact_one(rng, fit, pointwise):
    x, y = sine(12, rng, sigma=0.8, members=20_000)
    f = 4 * np.sin(x)
    fresh = f + rng.normal(0, 0.8, y.shape)
    found = decompose(fit(x, y)(x), f, fresh, pointwise=pointwise)
    bias, variance = smoother_error(smoother(fit, x, x), f, f, 0.8)
    exact = [bias**2, variance, np.full(12, 0.64), np.zeros(12), bias**2 + variance + 0.64]
    for term, expected in zip(found, exact, strict=True):
        expected = expected if pointwise else expected.mean()
        assert term.value.shape == term.se.shape == expected.shape
        # Four standard errors; six at a single input, where the square of a bias near 0 is skewed.
        assert np.all(np.abs(term.value - expected) < (6 if pointwise else 4) * term.se)
        assert np.all(term.se < 0.1)


def test_the_terms_add_up_to_the_error(rng):
    predictions, f, fresh = rng.normal(size=(6, 4)), rng.normal(size=4), rng.normal(size=(6, 4))
    for y_new in (fresh, None):
        for pointwise in (True, False):
            *terms, error = decompose(predictions, f, y_new, pointwise=pointwise)
            np.testing.assert_allclose(sum(term.value for term in terms), error.value, rtol=1e-12)
    own_f = np.broadcast_to(f, predictions.shape)
    np.testing.assert_allclose(decompose(predictions, own_f), decompose(predictions, f), rtol=1e-12)


def test_five_data_sets_are_enough_on_average(rng):
    # Predictions with bias 0.5 and variance 4: no estimate is off by a factor such as 4/5, or by v/5.
    found = decompose(rng.normal(0.5, 2, (5, 20_000)), np.zeros(20_000), pointwise=True)
    for term, expected in [(found.bias2, 0.25), (found.variance, 4)]:
        assert term.value.mean() == pytest.approx(expected, abs=4 * term.value.std() / np.sqrt(20_000))


@pytest.mark.parametrize("pointwise", [True, False])
@pytest.mark.parametrize("biased", [True, False])
def test_standard_errors_cover(rng, biased, pointwise):
    # 1000 repetitions of 30 data sets: the spread of each estimate is what its standard error says, within
    # four errors of a spread (five for the worst of five inputs) and a little for the tails of a square.
    x, y = sine(12, rng, amplitude=6.0 * biased, sigma=0.5, members=30_000)
    f, predictions = 6.0 * biased * np.sin(GRID), CUBIC(x, y)(GRID)
    fresh = f + rng.normal(size=predictions.shape)
    parts = zip(predictions.reshape(1000, 30, 5), fresh.reshape(1000, 30, 5), strict=True)
    found = [decompose(part, f, y_new, pointwise=pointwise) for part, y_new in parts]
    for name, *terms in zip(Decomposition._fields, *found, strict=True):
        spread = np.std([term.value for term in terms], axis=0, ddof=1)
        claimed = np.sqrt(np.mean([term.se**2 for term in terms], axis=0))
        slack = 5 / np.sqrt(2000) + 0.03
        # Where there is no bias its standard error is too wide, by a factor sqrt(2) at most.
        wide = 1.4 if name == "bias2" else 1
        assert np.all(claimed > (1 - slack) * spread)
        assert np.all(claimed < wide * (1 + slack) * spread)
        if name == "bias2" and biased and not pointwise:
            assert claimed < (1 + slack) * spread


def test_split_variance_by_hand_and_by_theory(rng):
    # Standard deviations: 3 between data sets and 2 within; two fits of each, at five inputs alike.
    S = 30_000
    fits = rng.normal(0, 3, (S, 1, 1)) + rng.normal(0, 2, (S, 2, 1)) + np.zeros(5)
    within, between = split_variance(fits)
    assert abs(within.value - 4) < 4 * within.se
    assert abs(between.value - 9) < 4 * between.se
    assert within.se == pytest.approx(4 * np.sqrt(2 / S), rel=0.05)
    # The variance of the means of two is 9 + 4/2; that of one fit of each, 9 + 4.
    means = decompose(fits.mean(axis=1), np.zeros(5))
    assert means.variance.value == pytest.approx(between.value + within.value / 2, rel=1e-12)


def test_standard_errors_of_the_split_cover(rng):
    fits = rng.normal(0, 3, (1000, 20, 1, 1)) + rng.normal(0, 2, (1000, 20, 4, 1)) + np.zeros(2)
    for terms in zip(*[split_variance(part) for part in fits], strict=True):
        spread = np.std([term.value for term in terms], ddof=1)
        claimed = np.sqrt(np.mean([term.se**2 for term in terms]))
        # The sum of squares about a mean of 20 has a chi-square's spread with 19 degrees of freedom, not 20.
        assert claimed == pytest.approx(spread, rel=4 / np.sqrt(2000) + 1 / 19)


def test_leaving_one_out_of_a_linear_fit(rng):
    # Held-out residual of example i: (y_i - f_i) / (1 - W_ii), without a second fit.
    x, y = sine(12, rng, members=3)
    for fit in (CUBIC, RIDGE):
        held_out = (y - fit(x, y)(x)) / (1 - np.diag(smoother(fit, x, x)))
        expected = (held_out**2).mean(axis=-1)
        np.testing.assert_allclose(cross_validation(fit, x, y, 12, rng), expected, rtol=1e-10)


def test_the_folds_cover_every_example_once(rng):
    # The mean of what is left is 0 for every fold, so every residual is the response itself.
    def nothing(x, y):
        held.append(np.setdiff1d(np.arange(11.0), x))
        return lambda x_new: np.zeros((*y.shape[:-1], len(x_new)))

    held, y = [], rng.normal(size=11)
    value = cross_validation(nothing, np.arange(11.0), y, 4, rng)
    assert sorted(np.concatenate(held)) == list(range(11))
    assert sorted(map(len, held)) == [2, 3, 3, 3]
    assert value == pytest.approx((y**2).mean(), rel=1e-14)


def test_the_order_of_the_folds_is_the_generators(rng):
    x, y = sine(12, rng)
    first, again, other = (
        cross_validation(CUBIC, x, y, 3, np.random.default_rng(seed)) for seed in (1, 1, 2)
    )
    assert first == again != other


def test_arguments_are_not_mutated(rng):
    x, y = sine(12, rng, members=4)
    f = 4 * np.sin(x)
    predictions = CUBIC(x, y)(x)
    arrays = x, y, f, predictions
    before = [array.copy() for array in arrays]
    for fit in (CUBIC, RIDGE, NEIGHBOURS):
        fit(x, y)(x), smoother(fit, x, x), cross_validation(fit, x, y, 3, rng)
    decompose(predictions, f, y), decompose(predictions, f, y, pointwise=True)
    split_variance(predictions.reshape(4, 4, 3))
    for array, kept in zip(arrays, before, strict=True):
        np.testing.assert_array_equal(array, kept)


NAN = float("nan")
THREE = np.zeros((3, 2))


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda: linear_model(cubic, -1.0), "penalty"),
        (lambda: nearest_neighbours(0), "k"),
        (lambda: nearest_neighbours(2.0), "k"),
        (lambda: nearest_neighbours(4)(np.zeros(3), np.zeros(3)), "k"),
        (lambda: smoother_error(np.eye(2), [0, NAN], [0, 0], 1.0), "f"),
        (lambda: smoother_error(np.eye(2), [0, 0], [0, 0], -1.0), "sigma"),
        (lambda: decompose(THREE[:2], np.zeros(2)), "predictions"),
        (lambda: decompose(np.zeros(3), np.zeros(3)), "predictions"),
        (lambda: decompose(THREE + NAN, np.zeros(2)), "predictions"),
        (lambda: decompose(THREE, np.zeros(3)), "f"),
        (lambda: decompose(THREE, np.array([0.0, NAN])), "f"),
        (lambda: decompose(THREE, np.zeros(2), np.zeros(2)), "y_new"),
        (lambda: decompose(THREE, np.zeros(2), THREE + NAN), "y_new"),
        (lambda: split_variance(THREE), "predictions"),
        (lambda: split_variance(np.zeros((2, 2, 1))), "predictions"),
        (lambda: split_variance(np.zeros((3, 1, 1))), "predictions"),
        (lambda: cross_validation(CUBIC, np.zeros(5), np.zeros(4), 2, None), "y"),
        (lambda: cross_validation(CUBIC, np.zeros((2, 5)), np.zeros((2, 5)), 2, None), "y"),
        (lambda: cross_validation(CUBIC, np.zeros(5), np.zeros(5), 1, None), "n_folds"),
        (lambda: cross_validation(CUBIC, np.zeros(5), np.zeros(5), 6, None), "n_folds"),
    ],
)
def test_bad_arguments_are_named(call, name):
    with pytest.raises(ValueError, match=f"^{name} must"):
        call()


# --- Averages ---
