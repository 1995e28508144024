"""Checks of arguments: each returns the value it was given, or says which argument is wrong and why.

Of all of them, `name` is what the caller calls the argument; the message of the `ValueError` begins with it.
"""

from collections.abc import Callable, Collection, Iterator
from functools import wraps
from numbers import Integral, Rational

import numpy as np
from numpy.typing import ArrayLike, NDArray

MOST = 2**40  # No machine of today holds so many numbers: a count beyond it is a mistake.


def numbers(name: str, value: ArrayLike) -> NDArray:
    """Return `value` as an array of numbers, which need not be finite, nor real.

    For what is looked at in every step of a training: there it is `lib.optim.training` that names a nan, and
    tests differentiate by complex steps.

    Parameters
    ----------
    name
        What the caller calls the argument; the message begins with it.
    value
        Numbers of any shape; what is neither float32 nor complex becomes float64.

    Raises
    ------
    ValueError
        If an entry is no number.

    Examples
    --------
    >>> numbers("f", [1, float("nan")])
    array([ 1., nan])
    """
    if type(value) is np.ndarray and value.dtype.char in "df":  # as a rule, and then at once
        return value
    array = as_array(name, value)
    if array.dtype.kind not in "fc" or array.dtype.char in "eg":
        if array.dtype.kind not in "biuf":
            raise ValueError(f"{name} must hold numbers, but its dtype is {array.dtype}")
        array = _float64(array)
    return array


def finite(name: str, value: ArrayLike, ndim: int | None = None) -> NDArray:
    """Return `value` as an array of floats, if every entry is a finite number.

    Parameters
    ----------
    name
        What the caller calls the argument; the message begins with it.
    value
        Numbers of any shape; what is not float32 becomes float64.
    ndim
        Number of axes that it must have, if that matters.

    Raises
    ------
    ValueError
        If an entry is nan or infinite, or is no real number at all, or the number of axes is another.

    Examples
    --------
    >>> finite("theta", [1, 2])
    array([1., 2.])
    >>> finite("theta", [1, float("nan")])
    Traceback (most recent call last):
    ...
    ValueError: theta must be finite, but 1 of its 2 entries are nan or infinite
    """
    array = as_array(name, value)
    if array.dtype.char not in "df":
        if array.dtype.kind not in "biuf":
            raise ValueError(f"{name} must hold real numbers, but its dtype is {array.dtype}")
        array = _float64(array)
    bad = array.size - np.count_nonzero(np.isfinite(array))
    if bad:
        raise ValueError(f"{name} must be finite, but {bad} of its {array.size} entries are nan or infinite")
    return _with_axes(name, array, ndim)


def as_array(name: str, value: object) -> NDArray:
    """Return `value` as an array, whatever it holds, or raise a `ValueError` if it is ragged."""
    try:
        return np.asarray(value)
    except (ValueError, TypeError) as error:
        raise ValueError(f"{name} must be an array, or what NumPy can make one of: {error}") from None


def _float64(array: NDArray) -> NDArray:
    with np.errstate(over="ignore"):  # a longer float may be too large: infinite
        return array.astype(np.float64)


def _with_axes(name: str, array: NDArray, ndim: int | None) -> NDArray:
    if ndim is not None and array.ndim != ndim:
        wanted = {0: "one number", 1: "a vector", 2: "a matrix"}.get(ndim, f"an array of {ndim} axes")
        raise ValueError(f"{name} must be {wanted}, but its shape is {array.shape}")
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
    array = as_array(name, value)
    if array.dtype == object and array.size and all(isinstance(entry, Rational) for entry in array.flat):
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
    # What is far above one does not reach the sum, which cannot overflow then; a little may be round-off.
    if array.ndim == 0 or np.any((array < 0) | (array > 2)) or np.any(np.abs(array.sum(axis=-1) - 1) > 1e-9):
        raise ValueError(f"{name} must hold probabilities that sum to one, but it is {value}")
    return array


def nonnegative(name: str, value: ArrayLike, ndim: int | None = None) -> float | NDArray:
    """Return `value`, as `finite` does, if it is not below zero, else raise a `ValueError` that names it.

    One number comes back as Python's own, which widens no float32; likewise from the checks below.
    """
    array = finite(name, value, ndim)
    if (array < 0).any():
        raise ValueError(f"{name} must not be negative, but it is {value}")
    return array if array.ndim else array.item() + 0.0  # not -0.0


def positive(name: str, value: ArrayLike, ndim: int | None = None) -> float | NDArray:
    """Return `value`, as `finite` does, if it is above zero, else raise a `ValueError` that names it."""
    array = finite(name, value, ndim)
    if (array <= 0).any():
        raise ValueError(f"{name} must be positive, but it is {value}")
    return array if array.ndim else array.item()


def fraction(name: str, value: ArrayLike, ndim: int | None = None) -> float | NDArray:
    """Return `value`, as `finite` does, if it lies in [0, 1), else raise a `ValueError` that names it."""
    array = finite(name, value, ndim)
    if ((array < 0) | (array >= 1)).any():
        raise ValueError(f"{name} must lie in [0, 1), but it is {value}")
    return array if array.ndim else array.item()


def proportion(name: str, value: float) -> float:
    """Return `value` if it is one number in [0, 1], else raise a `ValueError` that names it."""
    number = finite(name, value, ndim=0).item()
    if not 0 <= number <= 1:
        raise ValueError(f"{name} must lie in [0, 1], but it is {value}")
    return number


def count(name: str, value: int, low: int = 1, high: int = MOST) -> int:
    """Return `value` if it is a whole number in [low, high], else raise a `ValueError` that names it."""
    if not isinstance(value, Integral) or isinstance(value, bool):
        raise ValueError(f"{name} must be a whole number, but it is {value!r}")
    if not low <= value <= high:
        bounds = f"at least {low}" if high == MOST and value < low else f"between {low} and {high}"
        raise ValueError(f"{name} must be {bounds}, but it is {value}")
    return int(value)


def whole(name: str, value: ArrayLike, low: int = 0, high: int = MOST, ndim: int | None = None) -> NDArray:
    """Return `value` as an array of whole numbers in [low, high], at least one, or raise a `ValueError`."""
    array = _with_axes(name, as_array(name, value), ndim)
    if array.dtype.kind not in "iu" or array.size == 0:
        raise ValueError(
            f"{name} must hold whole numbers, at least one, but its dtype is {array.dtype}, "
            f"its shape {array.shape}"
        )
    if array.min() < low or array.max() > high:
        raise ValueError(
            f"{name} must hold whole numbers in {low} ... {high}, not in {array.min()} ... {array.max()}"
        )
    return array


def choice(name: str, value: str, options: Collection[str]) -> str:
    """Return `value` if it is among the options, else raise a `ValueError` that names it and them."""
    if not isinstance(value, str) or value not in options:
        raise ValueError(f"{name} must be one of {', '.join(options)}, but it is {value!r}")
    return value


def generator(name: str, value: np.random.Generator, kind: type = np.random.Generator) -> np.random.Generator:
    """Return `value` if it is a generator of random numbers, else raise a `ValueError` that names it."""
    if not isinstance(value, kind):
        raise ValueError(f"{name} must be a numpy.random.{kind.__name__}, but it is {value!r}")
    return value


def ensemble(name: str, members: int | None) -> tuple[int, ...]:
    """Return the leading axes of an ensemble: ``(members,)``, or none if `members` is None."""
    return () if members is None else (count(name, members),)


def interval(low: float, high: float) -> tuple[float, float]:
    """Return the two if they are the ends of an interval, else raise a `ValueError` that names them."""
    low, high = finite("low", low, ndim=0).item(), finite("high", high, ndim=0).item()
    if not 0 < high - low < np.inf:
        raise ValueError(f"low must be below high, at a finite distance, but they are {low} and {high}")
    return low, high


def broadcasting(**arrays: ArrayLike) -> tuple[int, ...]:
    """Return the shape to which the named arrays broadcast, or raise a `ValueError` that names them."""
    shapes = {name: as_array(name, array).shape for name, array in arrays.items()}
    try:
        return np.broadcast_shapes(*shapes.values())
    except ValueError:
        listed = ", ".join(f"{name} {shape}" for name, shape in shapes.items())
        raise ValueError(
            f"{' and '.join(shapes)} must have shapes that broadcast, but they are {listed}"
        ) from None


class RangeError(ValueError):
    """A result leaves floating point; a function that calls another names its own arguments, too."""


def representable(*names: str, infinite: bool = False) -> Callable:
    """Decorate a function so that it raises a `RangeError` where its result leaves floating point.

    Parameters
    ----------
    names
        Arguments that decide how large the result is; the message begins with them.
    infinite
        Whether infinity may be the right answer.

    Examples
    --------
    >>> @representable("x")
    ... def square(x):
    ...     return np.square(x)
    >>> square(1e200)
    Traceback (most recent call last):
    ...
    lib.checks.RangeError: x must be of a size whose result is finite, but: overflow encountered in square
    """

    def decorate(function: Callable) -> Callable:
        @wraps(function)
        def guarded(*args: object, **kwargs: object) -> object:
            try:
                with np.errstate(over="raise", invalid="raise", divide="raise"):
                    result = function(*args, **kwargs)
                    # What LAPACK computes raises no flag.
                    if not infinite and not all(np.isfinite(part).all() for part in _arrays(result)):
                        raise FloatingPointError("the result is not finite")
                    return result
            except (FloatingPointError, OverflowError, RangeError) as error:
                raise RangeError(
                    f"{', '.join(names)} must be of a size whose result is finite, but: {error}"
                ) from None

        return guarded

    return decorate


def _arrays(result: object) -> Iterator[NDArray]:
    """Yield the arrays of floats in a result."""
    if isinstance(result, tuple | dict):
        for part in result.values() if isinstance(result, dict) else result:
            yield from _arrays(part)
    elif (array := np.asarray(result)).dtype.kind == "f":
        yield array
