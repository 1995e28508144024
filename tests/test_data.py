"""Data sets: what they are made of, and in which order the random numbers are drawn."""

import hashlib

import numpy as np
import pytest

from lib.data import (
    corrupt_labels,
    line,
    mnist1d,
    mnist1d_steps,
    mnist1d_templates,
    sine,
    split_rows,
)
from lib.linear_models import least_squares, line_features


def test_the_inputs_are_drawn_before_the_errors():
    x, y = line(5, np.random.default_rng(3))
    again = np.random.default_rng(3)
    inputs = again.uniform(0, 6, 5)
    np.testing.assert_array_equal(x, inputs)
    np.testing.assert_array_equal(y, 1 + 3 * inputs + again.normal(0, 2, 5))


def test_statistics(rng):
    n = 40_000
    x, y = line(n, rng, intercept=-2.0, slope=0.5, sigma=3.0, low=1.0, high=9.0)
    assert x.shape == y.shape == (n,)
    assert 1 <= x.min() < 1.01
    assert 8.99 < x.max() < 9
    # Bounds of four standard errors: the mean of U(a, b) has (b - a) / sqrt(12 n); the coefficients
    # have sigma sqrt of the diagonal of (X^T X)^-1; a standard deviation has sigma / sqrt(2 n).
    assert x.mean() == pytest.approx(5, abs=4 * 8 / np.sqrt(12 * n))
    X = line_features(x)
    error = 3 * np.sqrt(np.diag(np.linalg.inv(X.T @ X)))
    fit = least_squares(X, y)
    assert (np.abs(fit - [-2, 0.5]) < 4 * error).all()
    assert (y - X @ fit).std() == pytest.approx(3, abs=4 * 3 / np.sqrt(2 * n))


def test_without_noise_the_points_lie_on_the_line(rng):
    x, y = line(10, rng, sigma=0)
    np.testing.assert_array_equal(y, 1 + 3 * x)


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"n": 0}, "n"),
        ({"n": 2.0}, "n"),
        ({"sigma": -1}, "sigma"),
        ({"sigma": float("nan")}, "sigma"),
        ({"low": 6.0}, "low"),
        ({"low": float("nan")}, "low"),
        ({"high": float("inf")}, "high"),
        ({"intercept": float("nan")}, "intercept"),
        ({"slope": float("inf")}, "slope"),
    ],
)
def test_bad_arguments_are_named(rng, change, name):
    with pytest.raises(ValueError, match=f"^{name} must"):
        line(**{"n": 3, "rng": rng, **change})


def test_the_sine_draws_random_inputs_before_the_errors():
    x, y = sine(
        5, np.random.default_rng(3), amplitude=2, sigma=0.5, low=1, high=4, design="random", members=3
    )
    again = np.random.default_rng(3)
    inputs = again.uniform(1, 4, (3, 5))
    np.testing.assert_array_equal(x, inputs)
    np.testing.assert_array_equal(y, 2 * np.sin(inputs) + again.normal(0, 0.5, (3, 5)))


def test_a_fixed_design_has_the_same_inputs_in_every_data_set(rng):
    x, y = sine(6, rng, members=20_000, sigma=2)
    np.testing.assert_array_equal(x, [0, 1, 2, 3, 4, 5])
    assert y.shape == (20_000, 6)
    # Four standard errors of a mean and of a covariance: the errors are independent, of variance 4.
    np.testing.assert_allclose(y.mean(axis=0), 4 * np.sin(x), atol=4 * 2 / np.sqrt(20_000))
    np.testing.assert_allclose(np.cov(y.T), 4 * np.eye(6), atol=4 * 4 * np.sqrt(2 / 20_000))


def test_one_data_set_is_a_vector(rng):
    for design in ("fixed", "random"):
        x, y = sine(4, rng, sigma=0, design=design)
        assert x.shape == y.shape == (4,)
        np.testing.assert_array_equal(y, 4 * np.sin(x))


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"n": 0}, "n"),
        ({"members": 0}, "members"),
        ({"sigma": -1}, "sigma"),
        ({"amplitude": float("nan")}, "amplitude"),
        ({"low": 6.0}, "low"),
        ({"high": float("inf")}, "high"),
        ({"design": "clever"}, "design"),
    ],
)
def test_bad_arguments_of_the_sine_are_named(rng, change, name):
    with pytest.raises(ValueError, match=f"^{name} must"):
        sine(**{"n": 3, "rng": rng, **change})


# --- MNIST-1D ---

PLAIN = {"padding": (60, 60), "scale": 0, "max_shift": 1, "correlated_noise": 0, "noise": 0, "shear": 0}


def steps(y, seed=0, **knobs):
    return mnist1d_steps(y, np.random.RandomState(seed), **knobs)


def digest(whole_numbers):
    return hashlib.sha256(np.asarray(whole_numbers).astype("<i8").tobytes()).hexdigest()


def test_the_defaults_are_the_published_data():
    # Digests and numbers of the file that the authors published, not of our own output.
    x, y, x_test, y_test = mnist1d()
    assert x.shape == (4000, 40)
    assert x_test.shape == (1000, 40)
    every, classes = np.concatenate([x, x_test]), np.concatenate([y, y_test])
    assert digest(classes) == "6feec4a017698c7fe237c8854cbd2e338c6dd5c16240f6fa79daefaaa129e169"
    assert digest(np.round(every * 1e7)) == "bf0202c5e0efa8cf699f0e2c0ebfa0b3057d82f0434385bd4bbe024b1ff38837"
    first = [-0.3320056673693902, -0.4719103656557236, -0.778697076293495]
    last = [0.6598756470890784, 0.8777343497528006, 1.193151836835276]
    np.testing.assert_allclose(x[0, :3], first, rtol=0, atol=1e-12)
    np.testing.assert_allclose(x_test[-1, -3:], last, rtol=0, atol=1e-12)


def test_the_templates_start_and_end_at_zero():
    templates = mnist1d_templates()
    assert templates.shape == (10, 12)
    np.testing.assert_array_equal(templates[:, [0, -1]], 0)
    np.testing.assert_allclose(templates.std(axis=1), 1 / 6, rtol=1e-14)
    # Some digits are others upside down.
    for digit, mirrored in [(0, 6), (1, 7), (3, 8)]:
        np.testing.assert_allclose(templates[digit], -templates[mirrored], atol=1e-14)


def test_without_disturbance_an_example_is_its_template():
    y = np.arange(10)
    made = steps(y, **PLAIN)
    templates = mnist1d_templates()
    # 12 points and 60 zeros are 72 coordinates already.  The digit is marked by 1e-8.
    np.testing.assert_allclose(made["noisy"][:, :12], templates + 1e-8, rtol=0, atol=1e-15)
    np.testing.assert_array_equal(made["noisy"][:, 12:], 0)
    where = np.linspace(0, 71, 40)
    for row, expected in zip(made["sampled"], made["sheared"], strict=True):
        np.testing.assert_allclose(row, np.interp(where, np.arange(72), expected), rtol=0, atol=1e-15)
    np.testing.assert_array_equal(steps(y, **PLAIN, length=72)["sampled"], made["sheared"])


def test_padding_narrows_the_digit():
    y = np.full(200, 0)
    widths = (steps(y)["stretched"] != 0).sum(axis=1)
    # The digit ends at coordinate 12 of the 11 + p that 71 steps cover, p = 36 ... 60.
    assert widths.min() == 12
    assert widths.max() == -(-12 * 71 // 47)
    assert len(np.unique(widths)) > 5
    fewer = steps(y, padding=(10, 10))["stretched"]
    assert fewer.shape == (200, 22)
    np.testing.assert_array_equal((fewer != 0).sum(axis=1), 12)


def test_scale_multiplies_and_shift_rolls():
    made = steps(np.full(500, 4))
    digit = made["stretched"] != 0
    for row, scaled, where in zip(made["stretched"], made["scaled"], digit, strict=True):
        factor = scaled[where] / row[where]
        np.testing.assert_allclose(factor, factor[0], rtol=1e-12)
        assert 0.8 <= factor[0] < 1.2
    shifts = [
        next(k for k in range(72) if np.array_equal(np.roll(before, k), after))
        for before, after in zip(made["scaled"], made["shifted"], strict=True)
    ]
    assert set(shifts) == set(range(48))


def test_the_noise_fills_the_background_smoothly_and_covers_all():
    y = np.full(4000, 4)
    quiet = steps(y, noise=0)
    digit = quiet["shifted"] != 0
    np.testing.assert_array_equal(quiet["noisy"][digit], quiet["shifted"][digit])
    # Far from the mirrors, a sum with weights w has variance sum(w^2) and lag-one correlation
    # sum(w_k w_{k+1}) / sum(w^2).
    weights = np.exp(-(np.arange(-8, 9.0) ** 2) / 8)
    weights /= weights.sum()
    middle = quiet["noisy"][:, 30:40][~digit[:, 30:40].any(axis=1)]
    assert len(middle) > 1500
    assert middle.std() == pytest.approx(0.25 * np.sqrt(np.sum(weights**2)), rel=0.05)
    lag = np.corrcoef(middle[:, 4], middle[:, 5])[0, 1]
    assert lag == pytest.approx(weights[1:] @ weights[:-1] / np.sum(weights**2), abs=0.02)
    difference = steps(y)["noisy"] - quiet["noisy"]
    assert difference.std() == pytest.approx(0.02, rel=0.01)


def test_the_shear_is_a_line():
    made = steps(np.arange(10).repeat(50))
    lines = made["noisy"] - made["sheared"]
    np.testing.assert_allclose(np.diff(lines, 2, axis=1), 0, atol=1e-14)
    falls = lines[:, -1] - lines[:, 0]
    assert -0.375 <= falls.min() < -0.36
    assert 0.36 < falls.max() <= 0.375


def test_both_sets_together_are_standardized_and_balanced():
    x, y, x_test, y_test = mnist1d(300, 700, seed=5)
    every = np.concatenate([x, x_test])
    assert every.mean() == pytest.approx(0, abs=1e-15)
    assert every.std() == pytest.approx(1, rel=1e-14)
    # Not each by its own mean: that of the test set would leave a trace in no training example.
    assert abs(x_test.mean()) > 1e-6
    assert np.bincount(np.concatenate([y, y_test])).tolist() == [100] * 10


def test_another_seed_gives_another_set():
    one, other = mnist1d(200, 0, seed=1), mnist1d(200, 0, seed=2)
    np.testing.assert_array_equal(mnist1d(200, 0, seed=1).x, one.x)
    assert one.x_test.shape == (0, 40)
    # No example of the one is near one of the other.
    distances = np.linalg.norm(one.x[:, None] - other.x[None], axis=2)
    assert distances.min() > 0.5


def test_shuffling_permutes_the_coordinates_of_all_examples_alike():
    plain, shuffled = mnist1d(90, 10), mnist1d(90, 10, shuffle=True)
    np.testing.assert_array_equal(shuffled.y, plain.y)
    order = [int(np.argmin(np.abs(plain.x - column[:, None]).sum(axis=0))) for column in shuffled.x.T]
    assert sorted(order) == list(range(40)) != order
    np.testing.assert_allclose(shuffled.x, plain.x[:, order], rtol=0, atol=1e-14)
    np.testing.assert_allclose(shuffled.x_test, plain.x_test[:, order], rtol=0, atol=1e-14)


def test_the_global_generator_is_left_alone():
    before = np.random.get_state()[1].copy()  # noqa: NPY002 -- that it is untouched is the claim
    mnist1d(10, 0)
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"n_train": 0}, "n_train"),
        ({"n_test": -10}, "n_test"),
        ({"n_train": 15}, "n_train"),
        ({"seed": -1}, "seed"),
        ({"seed": 2**32}, "seed"),
        ({"length": 1}, "length"),
        ({"padding": (36,)}, "padding"),
        ({"padding": (0, 5)}, "padding"),
        ({"padding": (60, 36)}, "padding"),
        ({"scale": -0.1}, "scale"),
        ({"max_shift": 0}, "max_shift"),
        ({"correlated_noise": float("nan")}, "correlated_noise"),
        ({"noise": -1}, "noise"),
        ({"shear": float("inf")}, "shear"),
    ],
)
def test_bad_arguments_of_mnist1d_are_named(change, name):
    with pytest.raises(ValueError, match=f"^{name}.* must"):
        mnist1d(**{"n_train": 20, "n_test": 10, **change})


@pytest.mark.parametrize("y", [[], [10], [-1], [0.5], [[1]], 3])
def test_bad_classes_are_named(y):
    with pytest.raises(ValueError, match=r"^y must"):
        steps(y)
    with pytest.raises(ValueError, match=r"^y must"):
        corrupt_labels(y, 0.1, np.random.default_rng(0))


# --- Label noise ---


def test_exactly_the_share_becomes_wrong(rng):
    y = np.arange(4000) % 10
    before = y.copy()
    noisy = corrupt_labels(y, 0.15, rng)
    np.testing.assert_array_equal(y, before)
    wrong = noisy != y
    assert wrong.sum() == 600
    # The new class is any other with the same probability: nine differences, 4 standard errors each.
    counts = np.bincount((noisy - y)[wrong] % 10, minlength=10)[1:]
    assert (np.abs(counts - 600 / 9) < 4 * np.sqrt(600 * 8 / 81)).all()
    # And the choice of examples leans to no place: the mean index of 600 of 4000.
    assert np.flatnonzero(wrong).mean() == pytest.approx(1999.5, abs=4 * 4000 / np.sqrt(12 * 600))


def test_ends_of_label_noise(rng):
    y = np.array([0, 1, 1, 0])
    assert corrupt_labels(y, 0, rng, n_classes=2).tolist() == [0, 1, 1, 0]
    assert corrupt_labels(y, 1, rng, n_classes=2).tolist() == [1, 0, 0, 1]


@pytest.mark.parametrize(
    ("share", "n_classes", "name"),
    [(-0.1, 10, "share"), (1.1, 10, "share"), (float("nan"), 10, "share"), (0.1, 1, "n_classes")],
)
def test_bad_arguments_of_label_noise_are_named(rng, share, n_classes, name):
    with pytest.raises(ValueError, match=f"^{name} must"):
        corrupt_labels([0, 0], share, rng, n_classes)


# --- Splits ---


@pytest.mark.parametrize("members", [None, 4])
def test_the_parts_of_a_split_have_no_row_in_common(rng, members):
    parts = split_rows(10, 5, 3, 2, rng=rng, members=members)
    lead = () if members is None else (members,)
    assert [part.shape for part in parts] == [(*lead, 5), (*lead, 3), (*lead, 2)]
    for deal in np.concatenate(parts, axis=-1).reshape(-1, 10):
        assert sorted(deal) == list(range(10))


def test_a_split_is_random_for_each_member_and_may_leave_rows_over(rng):
    (rows,) = split_rows(20, 10, rng=rng, members=2000)
    assert len({tuple(row) for row in rows}) == 2000
    # Each row is among the ten with probability one half.
    assert np.abs(np.bincount(rows.ravel()) - 1000).max() < 4 * np.sqrt(2000 / 4)
    assert all(len(set(row)) == 10 for row in rows)


@pytest.mark.parametrize("sizes", [(), (0, 3), (6, 5), (2.5,)])
def test_bad_sizes_are_named(rng, sizes):
    with pytest.raises(ValueError, match=r"^sizes must"):
        split_rows(10, *sizes, rng=rng)
