"""Claims that a chapter makes and checks in the open."""

import numpy as np
from numpy.typing import ArrayLike, NDArray


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
    print(f"✓ {statement} (to within {' + '.join(bounds)})")


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
