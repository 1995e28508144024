"""A claim is printed when it holds and stops the run when it does not."""

import numpy as np
import pytest

from lib.claims import check


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
