"""MNIST-1D: ten shapes, padded, scaled, shifted, sheared and blurred into a data set of any size."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lib.checks import (
    count,
    generator,
    nonnegative,
    representable,
    whole,
)

# The ten shapes as their author drew them; `mnist1d_templates` puts them on their scale.
_DRAWN = [
    [5, 6, 6.5, 6.75, 7, 7, 7, 7, 6.75, 6.5, 6, 5],
    [5, 3, 3, 3.4, 3.8, 4.2, 4.6, 5, 5.4, 5.8, 5, 5],
    [5, 6, 6.5, 6.5, 6, 5.25, 4.75, 4, 3.5, 3.5, 4, 5],
    [5, 6, 6.5, 6.5, 6, 5, 5, 6, 6.5, 6.5, 6, 5],
    [5, 4.4, 3.8, 3.2, 2.6, 2.6, 5, 5, 5, 5, 5, 5],
    [5, 3, 3, 3, 3, 5, 6, 6.5, 6.5, 6, 4.5, 5],
    [5, 4, 3.5, 3.25, 3, 3, 3, 3, 3.25, 3.5, 4, 5],
    [5, 7, 7, 6.6, 6.2, 5.8, 5.4, 5, 4.6, 4.2, 5, 5],
    [5, 4, 3.5, 3.5, 4, 5, 5, 4, 3.5, 3.5, 4, 5],
    [5, 4, 3.5, 3.5, 4, 5, 5, 5, 5, 4.7, 4.3, 5],
]


class MNIST1D(NamedTuple):
    """The data set MNIST-1D: inputs x (n, length) and classes y (n,), to train on and to test on."""

    x: NDArray
    y: NDArray
    x_test: NDArray
    y_test: NDArray


def mnist1d_templates() -> NDArray:
    r"""Return the ten shapes of MNIST-1D: digits, drawn with one coordinate for each height of the pen.

    Returns
    -------
    NDArray
        Of shape (10, 12); row k is the digit k, and it starts and ends at zero.

    Notes
    -----
    Greydanus and Kobak (2024).

    Examples
    --------
    >>> mnist1d_templates()[3, :5].round(2)
    array([0.  , 0.27, 0.4 , 0.4 , 0.27])
    """
    drawn = np.array(_DRAWN)
    x = (drawn - drawn.mean(axis=1, keepdims=True)) / drawn.std(axis=1, keepdims=True)
    return (x - x[:, :1]) / 6


@representable("scale", "correlated_noise", "noise", "shear")
def mnist1d_steps(
    y: ArrayLike,
    rng: np.random.RandomState,
    *,
    length: int = 40,
    padding: tuple[int, int] = (36, 60),
    scale: float = 0.4,
    max_shift: int = 48,
    correlated_noise: float = 0.25,
    noise: float = 0.02,
    shear: float = 0.75,
) -> dict[str, NDArray]:
    r"""Make examples of MNIST-1D from their classes, and show each step of the making.

    Parameters
    ----------
    y
        Classes, whole numbers in 0 ... 9, of shape (n,).
    rng
        Source of randomness, of NumPy's old kind because the original's numbers come from it.  Each example
        draws, in this order: padding, scale, shift, both kinds of noise, shear.
    length
        Number of coordinates in the end.
    padding
        Least and greatest number p of zeros behind the 12 points of a template.  All is then stretched to
        12 + padding[1] coordinates, so that a larger p makes a narrower digit.
    scale
        The digit is multiplied by 1 + scale * u, with u uniform in [-1/2, 1/2).
    max_shift
        It is rolled to the right by a whole number of coordinates in 0 ... max_shift - 1.
    correlated_noise
        Standard deviation of the normal numbers that are smoothed (by a Gaussian whose standard deviation
        is 2 coordinates) and fill the place where there is no digit.
    noise
        Standard deviation of the independent normal noise everywhere.
    shear
        A line falling by shear * u from end to end is added, with u uniform in [-1/2, 1/2).

    Returns
    -------
    dict
        "stretched", "scaled", "shifted", "noisy", "sheared", each of shape (n, 12 + padding[1]), and
        "sampled", of shape (n, length).

    Raises
    ------
    ValueError
        If y holds no classes, rng is no such generator, or a knob is out of its range or not finite.

    Notes
    -----
    Greydanus and Kobak (2024).

    Examples
    --------
    >>> steps = mnist1d_steps([3, 3, 7], np.random.RandomState(0))
    >>> steps["stretched"].shape, steps["sampled"].shape
    ((3, 72), (3, 40))
    """
    y, rng = whole("y", y, high=9, ndim=1), generator("rng", rng, np.random.RandomState)
    if not isinstance(padding, Sequence) or len(padding) != 2:
        raise ValueError(f"padding must be a least and a greatest number, but it is {padding}")
    low = count("padding[0]", padding[0])
    high = count("padding[1]", padding[1], low=low)
    length, max_shift = count("length", length, low=2), count("max_shift", max_shift, high=2**31 - 1)
    scale, shear = nonnegative("scale", scale, ndim=0), nonnegative("shear", shear, ndim=0)
    noise = nonnegative("noise", noise, ndim=0)
    correlated_noise = nonnegative("correlated_noise", correlated_noise, ndim=0)

    width = mnist1d_templates().shape[1] + high
    u, shift, normal = _draws(len(y), width, max_shift, rng)
    zeros = low + (u[:, :1] * (high - low + 1)).astype(int)
    stretched = _stretched(y, zeros, width)
    scaled = stretched * (1 + scale * (u[:, 1:2] - 0.5))
    columns = (np.arange(width) - shift[:, None]) % width
    shifted = np.take_along_axis(scaled, columns, axis=1)
    background = correlated_noise * _smooth(normal[:, 0], sigma=2)
    noisy = np.where(shifted != 0, shifted, background) + noise * normal[:, 1]
    sheared = noisy - shear * (u[:, 2:] - 0.5) * np.linspace(-0.5, 0.5, width)
    return {
        "stretched": stretched,
        "scaled": scaled,
        "shifted": shifted,
        "noisy": noisy,
        "sheared": sheared,
        "sampled": _resample(sheared, length),
    }


def _draws(
    n: int, width: int, max_shift: int, rng: np.random.RandomState
) -> tuple[NDArray, NDArray, NDArray]:
    """Draw, example by example, uniform numbers (n, 3), shifts (n,) and normal numbers (n, 2, width)."""
    u, shift, normal = np.empty((n, 3)), np.empty(n, dtype=int), np.empty((n, 2, width))
    for i in range(n):
        u[i, :2] = rng.random_sample(2)
        shift[i] = rng.randint(max_shift)
        normal[i] = rng.standard_normal((2, width))
        u[i, 2] = rng.random_sample()
    return u, shift, normal


def _stretched(y: NDArray, zeros: NDArray, width: int) -> NDArray:
    """Read the templates of the classes, with zeros (n, 1) behind each, at `width` coordinates."""
    # The small number marks the digit, also where it is zero.
    marked = np.pad(mnist1d_templates() + 1e-8, ((0, 0), (0, 1)))
    points = np.arange(marked.shape[1])
    position = np.arange(width) * (marked.shape[1] - 2 + zeros) / (width - 1)
    stretched = np.empty((len(y), width))
    for digit in np.unique(y):
        stretched[y == digit] = np.interp(position[y == digit], points, marked[digit])
    return stretched


def _smooth(x: NDArray, sigma: float) -> NDArray:
    """Average each row with Gaussian weights up to 4 sigma away; the row is mirrored at its ends."""
    radius = int(4 * sigma)
    offsets = np.arange(-radius, radius + 1)
    weights = np.exp(-((offsets / sigma) ** 2) / 2)
    weights /= weights.sum()
    mirrored = np.pad(x, ((0, 0), (radius, radius)), mode="symmetric")
    return sum(w * mirrored[:, k : k + x.shape[1]] for k, w in enumerate(weights))


def _resample(x: NDArray, length: int) -> NDArray:
    """Read each row at `length` evenly spaced places from its first to its last, between points linearly."""
    place = np.linspace(0, x.shape[1] - 1, length)
    left = np.minimum(place.astype(int), x.shape[1] - 2)
    part = place - left
    return (1 - part) * x[:, left] + part * x[:, left + 1]


@representable("scale", "correlated_noise", "noise", "shear")
def mnist1d(
    n_train: int = 4000, n_test: int = 1000, *, shuffle: bool = False, seed: int = 42, **knobs: object
) -> MNIST1D:
    r"""MNIST-1D: ten hand-drawn shapes, each moved, scaled, sheared and disturbed at random.

    All coordinates together, of both sets, have mean 0 and standard deviation 1.

    Parameters
    ----------
    n_train, n_test
        Number of examples to train and to test on.  Their sum must be a multiple of 10: together the
        two sets hold every class equally often.
    shuffle
        Whether the coordinates are put in a random order, the same one for all examples.
    seed
        Of the random numbers, from 0 to 2**32 - 1; with another one all examples are others.
    knobs
        As for `mnist1d_steps`.

    Returns
    -------
    MNIST1D
        x (n_train, length), y (n_train,), x_test (n_test, length), y_test (n_test,).

    Raises
    ------
    ValueError
        If a size, the seed or a knob is out of its range.

    Notes
    -----
    Greydanus and Kobak (2024).  With the defaults it is the data set that they published, to rounding.

    Examples
    --------
    >>> x, y, x_test, y_test = mnist1d()
    >>> x.shape, y[:10].tolist()
    ((4000, 40), [2, 6, 4, 5, 6, 6, 6, 0, 3, 1])
    """
    n_train, n_test = count("n_train", n_train), count("n_test", n_test, low=0)
    seed, n = count("seed", seed, low=0, high=2**32 - 1), n_train + n_test
    if n % 10:
        raise ValueError(f"n_train + n_test must be a multiple of 10, the number of classes, but it is {n}")
    rng = np.random.RandomState(seed)
    y = np.repeat(np.arange(10), n // 10)
    x = mnist1d_steps(y, rng, **knobs)["sampled"]
    order = rng.permutation(n)
    x, y = x[order], y[order]
    if shuffle:
        x = x[:, rng.permutation(x.shape[1])]
    x = (x - x.mean()) / x.std()
    return MNIST1D(x[:n_train], y[:n_train], x[n_train:], y[n_train:])
