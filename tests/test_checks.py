"""Checks let good values through unchanged, and name the bad ones."""

from fractions import Fraction

import numpy as np
import pytest

from lib.checks import count, distribution, ensemble, finite, fraction, interval, nonnegative, positive, real

ANY = pytest.param(object(), id="object")  # whose own name has its address, which no two processes share
NOT_NUMBERS = [float("nan"), float("inf"), -float("inf"), [1.0, float("nan")], "1", None, 1j, ANY]


@pytest.mark.parametrize("check", [finite, real, distribution, nonnegative, positive, fraction])
@pytest.mark.parametrize("value", NOT_NUMBERS, ids=str)
def test_what_is_no_finite_real_number_is_named(check, value):
    with pytest.raises(ValueError, match=r"^weight must"):
        check("weight", value)


@pytest.mark.parametrize(
    ("check", "good", "bad"),
    [
        (nonnegative, [0, 0.0, 3, np.float32(2), [0.0, 1e300]], [-1, -1e-300, [1.0, -1.0]]),
        (positive, [1e-300, 3, [0.1, 1.0]], [0, 0.0, -1, [1.0, 0.0]]),
        (fraction, [0, 0.0, 0.999, [0.0, 0.5]], [1, 1.0, -1e-9, 2, [0.5, 1.0]]),
    ],
)
def test_bounds(check, good, bad):
    for value in good:
        np.testing.assert_array_equal(check("weight", value), np.asarray(value, dtype=float))
    for value in bad:
        with pytest.raises(ValueError, match=r"^weight must .* but it is"):
            check("weight", value)


def test_finite_keeps_precision_and_makes_whole_numbers_float64():
    single = np.ones(2, dtype=np.float32)
    assert finite("x", single) is single
    assert finite("x", [1, 2]).dtype == np.float64
    assert finite("x", np.array([True])).dtype == np.float64
    assert finite("x", np.empty((0, 2))).shape == (0, 2)


def test_finite_counts_the_bad_entries():
    with pytest.raises(ValueError, match="x must be finite, but 2 of its 4 entries"):
        finite("x", [[1.0, np.nan], [np.inf, 0.0]])


def test_real_keeps_fractions_and_makes_the_rest_finite():
    exact = real("x", [Fraction(1, 3), 2])
    assert exact.dtype == object
    assert exact.sum() == Fraction(7, 3)
    assert real("x", Fraction(1, 3)).shape == ()
    assert real("x", [1, 2]).dtype == np.float64
    with pytest.raises(ValueError, match="x must"):
        real("x", [Fraction(1, 3), 0.5])


def test_distribution():
    for good in ([1.0], [[0.25, 0.75], [1, 0]], [Fraction(1, 3)] * 3, [0.1] * 10):
        np.testing.assert_array_equal(distribution("prior", good), good)
    for bad in (1.0, [], [0.5, 0.4], [1.5, -0.5], [[0.5, 0.5], [0.5, 0.6]], [Fraction(1, 3)] * 2):
        with pytest.raises(ValueError, match=r"^prior must hold .* one, but it is"):
            distribution("prior", bad)


def test_count():
    assert count("n", np.int64(3)) == 3
    assert type(count("n", np.int64(3))) is int
    assert count("n", 0, low=0, high=0) == 0
    assert count("n", 5, high=5) == 5


@pytest.mark.parametrize("value", [1.0, 1.5, "1", None, True, np.float64(1)])
def test_count_wants_a_whole_number(value):
    with pytest.raises(ValueError, match="n must be a whole number"):
        count("n", value)


def test_count_names_its_bounds():
    with pytest.raises(ValueError, match="n must be at least 1, but it is 0"):
        count("n", 0)
    with pytest.raises(ValueError, match="n must be between 1 and 4, but it is 5"):
        count("n", 5, high=4)


def test_the_axes_of_an_ensemble():
    assert ensemble("members", None) == ()
    assert ensemble("members", 3) == (3,)
    with pytest.raises(ValueError, match="members must be at least 1"):
        ensemble("members", 0)


def test_interval():
    assert interval(-1, 0.5) == (-1, 0.5)
    for low, high, name in [(1, 1, "low"), (2, 1, "low"), (np.nan, 1, "low"), (0, np.inf, "high")]:
        with pytest.raises(ValueError, match=f"^{name} must"):
            interval(low, high)
