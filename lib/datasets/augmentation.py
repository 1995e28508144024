r"""Augmentation: random changes of an input that leave its label true.

A *transform* is a pure function (x, rng) -> x_new of the shape of x, (..., n, d): n signals of d coordinates.
It draws anew for every signal, leaves x as it is, and raises a `ValueError` if x is no array of such numbers
or rng no generator.  `augmented` applies one to every batch of a stream, so that no epoch sees the same
inputs twice.
"""

from collections.abc import Callable, Iterator
from functools import wraps

import numpy as np
from numpy.typing import NDArray

from lib.checks import count, finite, generator, nonnegative, numbers

Transform = Callable[[NDArray, np.random.Generator], NDArray]


def _checked(transform: Transform) -> Transform:
    """Have a transform look at its arguments first; what is not finite comes out not finite."""

    @wraps(transform)
    def checked(x: NDArray, rng: np.random.Generator) -> NDArray:
        x = numbers("x", x)
        if x.ndim == 0 or x.shape[-1] == 0:
            raise ValueError(f"x must have shape (..., n, d), d at least 1, but it is {x.shape}")
        return transform(x, generator("rng", rng))

    return checked


def shift(left: int, right: int, *, wrap: bool = False) -> Transform:
    r"""Move each signal by a whole number of coordinates.

    .. math:: x'_j = x_{j - s}, \qquad s \sim U\{-\text{left}, \dots, \text{right}\}

    Parameters
    ----------
    left, right
        Most coordinates that a signal moves to the left and to the right.
    wrap
        What fills the places left free: by default the value at that end, repeated, and what is moved out is
        lost; with True what was moved out at the other end, as on a circle.

    Returns
    -------
    Transform
        (x, rng) -> x_new.

    Raises
    ------
    ValueError
        If left or right is no whole number, or negative.

    Notes
    -----
    It keeps the label as long as no part of the signal that matters is moved out, or torn in two.

    Examples
    --------
    >>> shift(0, 1)(np.array([[1.0, 2.0, 3.0]] * 2), np.random.default_rng(3))
    array([[1., 1., 2.],
           [1., 2., 3.]])
    """
    left, right = count("left", left, low=0), count("right", right, low=0)

    @_checked
    def transform(x: NDArray, rng: np.random.Generator) -> NDArray:
        d = x.shape[-1]
        place = np.arange(d) - rng.integers(-left, right + 1, size=(*x.shape[:-1], 1))
        return np.take_along_axis(x, place % d if wrap else place.clip(0, d - 1), axis=-1)

    return transform


def scale(low: float, high: float) -> Transform:
    r"""Multiply each signal by a factor.

    .. math:: x' = u\, x, \qquad u \sim U(\text{low}, \text{high})

    Parameters
    ----------
    low, high
        Least and greatest factor, positive: a negative one would turn the signal over.

    Returns
    -------
    Transform
        (x, rng) -> x_new.

    Raises
    ------
    ValueError
        If not 0 < low <= high, or one of them is not finite.

    Examples
    --------
    >>> scale(2, 2)(np.array([[1.0, 3.0]]), np.random.default_rng(0))
    array([[2., 6.]])
    """
    low, high = finite("low", low, ndim=0).item(), finite("high", high, ndim=0).item()
    if not 0 < low <= high:
        raise ValueError(f"low must be positive and not above high, but they are {low} and {high}")
    return _checked(lambda x, rng: x * rng.uniform(low, high, size=(*x.shape[:-1], 1)))


def shear(most: float) -> Transform:
    r"""Add to each signal a straight line through its middle.

    .. math:: x'_j = x_j + u \Big(\frac{j}{d - 1} - \frac12\Big), \qquad
              u \sim U(-\text{most}, \text{most})

    Parameters
    ----------
    most
        Greatest rise from end to end, in units of x.

    Returns
    -------
    Transform
        (x, rng) -> x_new.

    Raises
    ------
    ValueError
        If most is negative or not finite.

    Examples
    --------
    >>> shear(0)(np.array([[1.0, 3.0]]), np.random.default_rng(0))
    array([[1., 3.]])
    """
    most = nonnegative("most", most, ndim=0)
    finite("most", 2 * most)  # the length of the interval

    @_checked
    def transform(x: NDArray, rng: np.random.Generator) -> NDArray:
        line = np.linspace(-0.5, 0.5, x.shape[-1])
        return x + rng.uniform(-most, most, size=(*x.shape[:-1], 1)) * line

    return transform


def jitter(eta: float) -> Transform:
    r"""Add independent normal noise to each coordinate.

    .. math:: x'_j = x_j + \eta\, \xi_j, \qquad \xi_j \sim N(0, 1)

    Parameters
    ----------
    eta
        Standard deviation of the noise, in units of x.

    Returns
    -------
    Transform
        (x, rng) -> x_new.

    Raises
    ------
    ValueError
        If eta is negative or not finite.

    Examples
    --------
    >>> jitter(0)(np.array([[1.0, 3.0]]), np.random.default_rng(0))
    array([[1., 3.]])
    """
    eta = nonnegative("eta", eta, ndim=0)
    return _checked(lambda x, rng: x + eta * rng.normal(size=x.shape))


def chain(*transforms: Transform) -> Transform:
    """Apply transforms one after the other, the first one first.

    Parameters
    ----------
    transforms
        Each takes what the one before it gives.

    Returns
    -------
    Transform
        (x, rng) -> x_new; without transforms it gives x itself.

    Examples
    --------
    >>> chain(scale(2, 2), scale(3, 3))(np.array([[1.0]]), np.random.default_rng(0))
    array([[6.]])
    """

    def transform(x: NDArray, rng: np.random.Generator) -> NDArray:
        for step in transforms:
            x = step(x, rng)
        return x

    return transform


def augmented(
    batches: Iterator[tuple[NDArray, ...]], transform: Transform, rng: np.random.Generator
) -> Iterator[tuple[NDArray, ...]]:
    """Transform the inputs of every batch and leave the rest of it, the labels, alone.

    Parameters
    ----------
    batches
        Tuples (x, ...), as `lib.optim.training.minibatches` yields them.
    transform
        (x, rng) -> x_new.
    rng
        Source of randomness of the transform.

    Yields
    ------
    tuple of NDArray
        (x_new, ...), one for each batch.

    Raises
    ------
    ValueError
        If rng is no generator.

    Examples
    --------
    >>> batches = iter([(np.array([[1.0]]), np.array([7]))])
    >>> x, y = next(augmented(batches, scale(2, 2), np.random.default_rng(0)))
    >>> x.tolist(), y.tolist()
    ([[2.0]], [7])
    """
    generator("rng", rng)
    return ((transform(x, rng), *rest) for x, *rest in batches)
