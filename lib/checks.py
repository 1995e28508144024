"""Checks of arguments: each returns the value it was given, or says which argument is wrong and why."""

from numbers import Integral, Rational

import numpy as np
from numpy.typing import ArrayLike, NDArray


def finite(name: str, value: ArrayLike) -> NDArray:
    """Return `value` as a floating array, of its own precision, if every entry is a finite number.

    Parameters
    ----------
    name
        What the caller calls the argument; the message begins with it.
    value
        Numbers of any shape; integers become float64.

    Raises
    ------
    ValueError
        If an entry is nan or infinite, or is no real number at all.

    Examples
    --------
    >>> finite("theta", [1, 2])
    array([1., 2.])
    >>> finite("theta", [1, float("nan")])
    Traceback (most recent call last):
    ...
    ValueError: theta must be finite, but 1 of its 2 entries are nan or infinite
    """
    array = np.asarray(value)
    if array.dtype.kind in "biu":
        array = array.astype(float)
    if array.dtype.kind != "f":
        raise ValueError(f"{name} must hold real numbers, but its dtype is {array.dtype}")
    bad = array.size - np.count_nonzero(np.isfinite(array))
    if bad:
        raise ValueError(f"{name} must be finite, but {bad} of its {array.size} entries are nan or infinite")
    return array


def real(name: str, value: ArrayLike) -> NDArray:
    """Return `value` as an array of fractions if all its entries are rational numbers, else as `finite` does.

    Parameters
    ----------
    name
        What the caller calls the argument; the message begins with it.
    value
        Numbers of any shape.  Fractions stay fractions, so that what is computed from them is exact.

    Raises
    ------
    ValueError
        If an entry is nan or infinite, or is no real number at all.

    Examples
    --------
    >>> from fractions import Fraction
    >>> real("theta", [0, Fraction(1, 3)])
    array([0, Fraction(1, 3)], dtype=object)
    >>> real("theta", [0, 0.5])
    array([0. , 0.5])
    """
    array = np.asarray(value)
    if array.dtype == object and all(isinstance(entry, Rational) for entry in array.flat):
        return array
    return finite(name, array)


def distribution(name: str, value: ArrayLike) -> NDArray:
    """Return `value`, as `real` does, if it is not negative and its last axis sums to one.

    Parameters
    ----------
    name
        What the caller calls the argument; the message begins with it.
    value
        Probabilities, of shape (..., K).

    Raises
    ------
    ValueError
        If an entry is negative or no finite real number, or a sum differs from one by more than 1e-9.

    Examples
    --------
    >>> distribution("prior", [0.25, 0.75])
    array([0.25, 0.75])
    """
    array = real(name, value)
    if array.ndim == 0 or np.any(array < 0) or np.any(np.abs(array.sum(axis=-1) - 1) > 1e-9):
        raise ValueError(f"{name} must hold probabilities that sum to one, but it is {value}")
    return array


def nonnegative(name: str, value: ArrayLike) -> ArrayLike:
    """Return `value` if it is finite and not below zero, else raise a `ValueError` that names it."""
    if np.any(finite(name, value) < 0):
        raise ValueError(f"{name} must not be negative, but it is {value}")
    return value


def positive(name: str, value: ArrayLike) -> ArrayLike:
    """Return `value` if it is finite and above zero, else raise a `ValueError` that names it."""
    if np.any(finite(name, value) <= 0):
        raise ValueError(f"{name} must be positive, but it is {value}")
    return value


def fraction(name: str, value: ArrayLike) -> ArrayLike:
    """Return `value` if it lies in [0, 1), else raise a `ValueError` that names it."""
    array = finite(name, value)
    if np.any((array < 0) | (array >= 1)):
        raise ValueError(f"{name} must lie in [0, 1), but it is {value}")
    return value


def count(name: str, value: int, low: int = 1, high: int | None = None) -> int:
    """Return `value` if it is a whole number in [low, high], else raise a `ValueError` that names it."""
    if not isinstance(value, Integral) or isinstance(value, bool):
        raise ValueError(f"{name} must be a whole number, but it is {value!r}")
    if value < low or (high is not None and value > high):
        bounds = f"at least {low}" if high is None else f"between {low} and {high}"
        raise ValueError(f"{name} must be {bounds}, but it is {value}")
    return int(value)


def ensemble(name: str, members: int | None) -> tuple[int, ...]:
    """Return the leading axes of an ensemble: ``(members,)``, or none if `members` is None."""
    return () if members is None else (count(name, members),)


def interval(low: float, high: float) -> tuple[float, float]:
    """Return the two if they are the ends of an interval, else raise a `ValueError` that names one."""
    finite("low", low), finite("high", high)
    if not low < high:
        raise ValueError(f"low must be below high, but they are {low} and {high}")
    return low, high
