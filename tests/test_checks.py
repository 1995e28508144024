"""Checks let good values through unchanged, and name the bad ones."""

import numpy as np
import pytest

from lib.checks import count, finite, fraction, interval, nonnegative, positive

NOT_NUMBERS = [float("nan"), float("inf"), -float("inf"), [1.0, float("nan")], "1", None, 1j, object()]


@pytest.mark.parametrize("check", [finite, nonnegative, positive, fraction])
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
        assert check("weight", value) is value
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


def test_interval():
    assert interval(-1, 0.5) == (-1, 0.5)
    for low, high, name in [(1, 1, "low"), (2, 1, "low"), (np.nan, 1, "low"), (0, np.inf, "high")]:
        with pytest.raises(ValueError, match=f"^{name} must"):
            interval(low, high)
