"""Claims that a chapter makes and checks in the open."""

import math
import sys
from decimal import Decimal, InvalidOperation

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lib.checks import finite, positive, representable


def check(
    statement: str, actual: ArrayLike, expected: ArrayLike, *, rtol: float = 0.0, atol: float = 0.0
) -> None:
    r"""Print that a statement holds, or raise if it does not.

    .. math:: |\text{actual} - \text{expected}| \le \text{atol} + \text{rtol}\,|\text{expected}|

    Parameters
    ----------
    statement
        What is claimed, in words.
    actual
        One side: a number or an array.
    expected
        The other: a number, or an array of the shape of `actual`.
    rtol, atol
        What may lie between the two.  The difference itself is not printed: its digits are round-off or
        chance, and do not reproduce.

    Raises
    ------
    AssertionError
        If an entry differs by more, or is nan; the message gives the worst entry.
    ValueError
        If the claim could not fail: shapes that do not fit, nothing to compare, an expected value that is
        not finite, or no finite positive tolerance.

    Examples
    --------
    >>> check("three thirds are one", [1 / 3 + 2 / 3], 1, rtol=1e-15)
    ✓ three thirds are one (to within 1e-15 of its size)
    """
    actual, expected = _floats("actual", actual), _floats("expected", expected)
    rtol, atol = _tolerance("rtol", rtol), _tolerance("atol", atol)
    if expected.ndim and expected.shape != actual.shape:
        raise ValueError(
            f"expected must be a number or have actual's shape, {actual.shape}, but it is {expected.shape}"
        )
    if actual.size == 0 or not np.isfinite(expected).all():
        raise ValueError(
            f"actual must hold a number and expected be finite, but they are {actual}, {expected}"
        )
    with np.errstate(over="ignore"):  # An infinite difference fails, an infinite bound is refused.
        difference, allowed = np.abs(actual - expected), atol + rtol * np.abs(expected)
    if not np.isfinite(allowed).all() or rtol == atol == 0:
        raise ValueError(
            f"rtol or atol must be positive, and finite times expected, but they are {rtol} and {atol}"
        )
    if not np.all(difference <= allowed):
        wanted = np.broadcast_to(expected, actual.shape)
        worst = np.unravel_index(np.argmax(difference - allowed), actual.shape)
        raise AssertionError(
            f"{statement}: {actual[worst]:.10g} should be {wanted[worst]:.10g} (rtol={rtol:g}, atol={atol:g})"
        )
    bounds = [text for bound, text in [(rtol, f"{rtol:.2g} of its size"), (atol, f"{atol:.2g}")] if bound > 0]
    _print(f"✓ {statement} (to within {' + '.join(bounds)})")


def same_digits(printed: str, value: float) -> bool:
    """Tell whether a value, rounded to the last digit of a printed number, is that number.

    Parameters
    ----------
    printed
        The number as it was printed, such as "0.20", "-3" or "1.25e-4".
    value
        What ought to be the same.

    Returns
    -------
    bool
        True if it is.

    Raises
    ------
    ValueError
        If printed is no finite number, or value is not finite.

    Examples
    --------
    >>> same_digits("0.20", 0.1999), same_digits("0.20", 0.206)
    (True, False)
    """
    number = _number("printed", printed)
    return abs(Decimal(finite("value", value, ndim=0).item()) - number) <= _last_digit(number) / 2


@representable("printed", "sample", "deviations")
def within_spread(printed: str, sample: ArrayLike, deviations: float) -> bool:
    r"""Tell whether a printed number could belong to a sample: whether it is near enough to its mean.

    .. math:: |y - \bar x| \le r\, s + \tfrac12 u, \qquad s^2 = \frac1{n - 1} \sum_{i=1}^n (x_i - \bar x)^2

    Parameters
    ----------
    printed
        y as it was printed; u is a unit of its last digit.
    sample
        x, of shape (n,), with n at least 2.
    deviations
        r, in standard deviations of the sample.

    Returns
    -------
    bool
        True if it is.

    Raises
    ------
    ValueError
        If printed is no finite number, sample holds fewer than two or is not finite, or deviations is
        not positive.

    Notes
    -----
    For normal numbers, one more of them lies so near in a share q of all cases if r is the (1 + q)/2 quantile
    of Student's t with n - 1 degrees of freedom, times the root of 1 + 1/n.

    Examples
    --------
    >>> [within_spread(printed, [1.0, 2.0, 3.0], deviations=2) for printed in ("4.0", "4.2")]
    [True, False]
    """
    x = finite("sample", sample)
    if x.ndim != 1 or len(x) < 2:
        raise ValueError(f"sample must hold at least two numbers in a row, but its shape is {x.shape}")
    number, r = _number("printed", printed), positive("deviations", deviations, ndim=0)
    slack = float(_last_digit(number)) / 2
    return bool(abs(float(number) - x.mean()) <= r * x.std(ddof=1) + slack)


def _print(line: str) -> None:
    """Print a line; a console that lacks a letter, as Windows' may, shows a question mark for it."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    print(line.encode(encoding, "replace").decode(encoding))


def _number(name: str, text: str) -> Decimal:
    try:
        number = Decimal(text)
    except (InvalidOperation, TypeError, ValueError):
        raise ValueError(f"{name} must be a number in digits, but it is {text!r}") from None
    if not isinstance(text, str) or not (number.is_finite() and _fits(number) and _fits(_last_digit(number))):
        raise ValueError(f"{name} must be a finite number in digits, but it is {text!r}")
    return number


def _fits(number: Decimal) -> bool:
    return math.isfinite(float(number))


def _last_digit(number: Decimal) -> Decimal:
    return Decimal((0, (1,), number.as_tuple().exponent))


def _floats(name: str, value: ArrayLike) -> NDArray:
    """Return real numbers, fractions among them, as floats, which may be nan."""
    try:
        array = np.asarray(value)
        if array.dtype.kind in "biufO":
            return array.astype(float)
    except (TypeError, ValueError, OverflowError):
        pass
    raise ValueError(f"{name} must hold real numbers, but it is {value!r}")


def _tolerance(name: str, value: float) -> float:
    bound = _floats(name, value)
    if bound.ndim or not 0 <= bound < np.inf:
        raise ValueError(f"{name} must be one finite number, not negative, but it is {value}")
    return bound.item()
