"""A claim is printed when it holds and stops the run when it does not."""

import os
import subprocess
import sys

import numpy as np
import pytest

from lib.book.claims import check, same_digits, within_spread


def test_a_claim_that_holds_is_printed_without_the_digits_of_its_error(capsys):
    check("two sides agree", 1 + 1e-10, 1, rtol=1e-9)
    check("arrays agree", [[1.0, 2.0]], np.array([[1.0, 2.001]]), atol=0.01)
    assert capsys.readouterr().out == (
        "✓ two sides agree (to within 1e-09 of its size)\n✓ arrays agree (to within 0.01)\n"
    )


@pytest.mark.parametrize(
    ("actual", "expected", "tolerance", "passes"),
    [
        (1.25, 1, {"atol": 0.25}, True),
        (0.7, 1, {"atol": 0.25}, False),
        (-5, -4, {"rtol": 0.25}, True),
        (-5.1, -4, {"rtol": 0.25}, False),
        (6, 4, {"rtol": 0.25, "atol": 1}, True),
        (6.1, 4, {"rtol": 0.25, "atol": 1}, False),
        (1e-300, 0, {"rtol": 0.25}, False),
        ([1.0, 1.0, 1.5], 1, {"atol": 0.25}, False),
        ([1.0, 1.0, 1.5], [1.0, 1.0, 1.5], {"atol": 0.25}, True),
        (float("nan"), 1, {"rtol": 0.25, "atol": 9}, False),
        (float("inf"), 1, {"rtol": 0.25, "atol": 9}, False),
    ],
)
def test_the_bound_is_the_sum_of_both_tolerances(actual, expected, tolerance, passes, capsys):
    if passes:
        check("two sides agree", actual, expected, **tolerance)
    else:
        with pytest.raises(AssertionError, match=r"^two sides agree: .* should be "):
            check("two sides agree", actual, expected, **tolerance)
        assert capsys.readouterr().out == ""


def test_the_worst_entry_is_shown():
    with pytest.raises(AssertionError, match="agree: 7 should be 3"):
        check("agree", [[1.0, 2.5], [7.0, 4.0]], [[1.0, 2.0], [3.0, 4.0]], atol=0.1)
    with pytest.raises(AssertionError, match="agree: nan should be 3"):
        check("agree", [9.0, np.nan], 3, atol=0.1)


@pytest.mark.parametrize(
    ("actual", "expected", "tolerance", "name"),
    [
        ([1.0, 2.0], [1.0], {"atol": 1}, "expected"),
        (1.0, [1.0], {"atol": 1}, "expected"),
        ([], 1, {"atol": 1}, "actual"),
        (1.0, float("inf"), {"rtol": 1}, "expected"),
        (1.0, float("nan"), {"rtol": 1}, "expected"),
        (1.0, 1.0, {}, "rtol"),
        (1.0, 1e300, {"rtol": 1e300}, "rtol"),
        (1.0, 1.0, {"atol": -1}, "atol"),
        (1.0, 1.0, {"atol": float("inf")}, "atol"),
    ],
)
def test_a_claim_that_cannot_fail_is_refused(actual, expected, tolerance, name):
    with pytest.raises(ValueError, match=name):
        check("agree", actual, expected, **tolerance)


@pytest.mark.parametrize(
    ("printed", "value", "same"),
    [
        ("7.07", 7.0679, True),
        ("7.07", 7.0651, True),
        ("7.07", 7.0649, False),
        ("7.07", 7.0751, False),
        ("-.2078", -0.20781, True),
        ("-.2078", 0.20781, False),
        ("1.25e-4", 1.2478e-4, True),
        ("1.25e-4", 1.2448e-4, False),
        ("0.20", 0.206, False),
        ("0.2", 0.206, True),
        ("2840", 2840.258, True),
        ("2840", 2841.0, False),
        ("410", 410, True),
        ("5.47", 1e30, False),
    ],
)
def test_the_digits_that_were_printed(printed, value, same):
    assert same_digits(printed, value) is same


@pytest.mark.parametrize(
    ("printed", "deviations", "near"),
    [
        # Mean 2, standard deviation 1.
        ("4.05", 2.0, False),
        ("4.00", 2.0, True),
        ("4.0", 1.94, False),
        ("4.0", 1.96, True),  # half a unit of the last digit on top
        ("4", 1.51, True),
        ("4", 1.49, False),
        ("0.00", 2.0, True),
        ("-0.05", 2.0, False),
    ],
)
def test_near_enough_to_the_mean_of_a_sample(printed, deviations, near):
    assert within_spread(printed, np.array([1.0, 2.0, 3.0]), deviations) is near


def test_the_spread_is_that_of_a_sample_not_of_a_population():
    assert within_spread("3.40", [1.0, 3.0], deviations=0.99)  # mean 2, deviation 1.414, not 1
    assert not within_spread("3.40", [1.0, 3.0], deviations=0.98)


@pytest.mark.parametrize("printed", ["", "five", "nan", "inf", None, 4.0])
def test_a_printed_number_is_a_text_of_digits(printed):
    for judge in (lambda: same_digits(printed, 1.0), lambda: within_spread(printed, [1.0, 2.0], 2)):
        with pytest.raises(ValueError, match=r"^printed must be a"):
            judge()


def test_what_has_no_spread_or_is_no_number():
    with pytest.raises(ValueError, match=r"^sample must hold at least two"):
        within_spread("1", [1.0], 2)
    with pytest.raises(ValueError, match=r"^sample must be finite"):
        within_spread("1", [1.0, float("nan")], 2)
    with pytest.raises(ValueError, match=r"^deviations must be positive"):
        within_spread("1", [1.0, 2.0], 0)
    with pytest.raises(ValueError, match=r"^value must be finite"):
        same_digits("1", float("inf"))


def test_a_check_prints_where_the_console_lacks_its_tick():
    code = "from lib.book.claims import check; check('α is one', 1, 1, rtol=1e-9)"
    environment = {**os.environ, "PYTHONIOENCODING": "cp1252"}
    run = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert run.stdout == "? ? is one (to within 1e-09 of its size)\n"
