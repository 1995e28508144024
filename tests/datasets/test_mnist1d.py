"""MNIST-1D: the published data, and what they are made of."""

import hashlib

import numpy as np
import pytest

from lib.datasets.mnist1d import mnist1d, mnist1d_steps, mnist1d_templates

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
