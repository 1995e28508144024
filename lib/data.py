"""Data sets, made by a formula and a generator of random numbers: nothing is downloaded."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lib.checks import (
    choice,
    count,
    ensemble,
    finite,
    generator,
    interval,
    nonnegative,
    proportion,
    representable,
    whole,
)


@representable("intercept", "slope", "sigma", "low", "high")
def line(
    n: int,
    rng: np.random.Generator,
    *,
    intercept: float = 1.0,
    slope: float = 3.0,
    sigma: float = 2.0,
    low: float = 0.0,
    high: float = 6.0,
) -> tuple[NDArray, NDArray]:
    r"""Points scattered about a straight line.

    .. math:: x_i \sim U(\text{low}, \text{high}), \qquad
              y_i = \text{intercept} + \text{slope}\; x_i + \varepsilon_i, \qquad
              \varepsilon_i \sim N(0, \sigma^2)

    Parameters
    ----------
    n
        Number of points.
    rng
        Source of randomness: first the n inputs are drawn, then the n errors.
    intercept, slope
        The line.
    sigma
        Standard deviation of the errors, in units of y.
    low, high
        Interval of the inputs.

    Returns
    -------
    x, y : NDArray
        Inputs and responses, each of shape (n,).

    Raises
    ------
    ValueError
        If n < 1, sigma < 0, low is not below high, a number is not finite, or rng is no generator.

    Notes
    -----
    The defaults are the data of the notes, section 1.1.

    Examples
    --------
    >>> x, y = line(3, np.random.default_rng(0), sigma=0.0)
    >>> bool(np.allclose(y, 3 * x + 1))
    True
    """
    n, sigma, rng = count("n", n), nonnegative("sigma", sigma, ndim=0), generator("rng", rng)
    intercept, slope = finite("intercept", intercept, ndim=0), finite("slope", slope, ndim=0)
    low, high = interval(low, high)
    x = rng.uniform(low, high, n)
    return x, intercept + slope * x + rng.normal(0, sigma, n)


@representable("amplitude", "sigma", "low", "high")
def sine(
    n: int,
    rng: np.random.Generator,
    *,
    amplitude: float = 4.0,
    sigma: float = 1.0,
    low: float = 0.0,
    high: float = 5.0,
    design: str = "fixed",
    members: int | None = None,
) -> tuple[NDArray, NDArray]:
    r"""Points scattered about a sine curve: one data set, or many at once.

    .. math:: y_i = \text{amplitude}\, \sin x_i + \varepsilon_i, \qquad \varepsilon_i \sim N(0, \sigma^2)

    Parameters
    ----------
    n
        Number of points of a data set.
    rng
        Source of randomness: first the inputs are drawn, if they are random, then the errors.
    amplitude
        Height of the curve.
    sigma
        Standard deviation of the errors, in units of y.
    low, high
        Interval of the inputs.
    design
        "fixed": the inputs are equally spaced from low to high, the same in every data set;
        "random": they are independent and uniform.
    members
        Number of data sets; without it there is one.

    Returns
    -------
    x, y : NDArray
        Inputs and responses, of shape (n,), or (members, n); the inputs of a fixed design have shape (n,).

    Raises
    ------
    ValueError
        If n < 1, members < 1, sigma < 0, low is not below high, a number is not finite, design is neither
        "fixed" nor "random", or rng is no generator.

    Notes
    -----
    The function of the notes' figures 2.2 and 2.3, which do not name n, sigma and the interval.

    Examples
    --------
    >>> x, y = sine(3, np.random.default_rng(0), low=0, high=np.pi, members=100)
    >>> x.shape, y.shape
    ((3,), (100, 3))
    """
    n, sigma, rng = count("n", n), nonnegative("sigma", sigma, ndim=0), generator("rng", rng)
    amplitude, (low, high) = finite("amplitude", amplitude, ndim=0), interval(low, high)
    choice("design", design, ["fixed", "random"])
    shape = (*ensemble("members", members), n)
    x = np.linspace(low, high, n) if design == "fixed" else rng.uniform(low, high, shape)
    return x, amplitude * np.sin(x) + rng.normal(0, sigma, shape)


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


def corrupt_labels(y: ArrayLike, share: float, rng: np.random.Generator, n_classes: int = 10) -> NDArray:
    r"""Give a share of the examples a wrong class, each of the others being equally likely.

    Parameters
    ----------
    y
        Classes, whole numbers in 0 ... n_classes - 1, of shape (n,).
    share
        Share of the examples that change, in [0, 1]: their number is share * n, rounded.
    rng
        Source of randomness: first it chooses the examples, then their new classes.
    n_classes
        Number of classes, at least 2.

    Returns
    -------
    NDArray
        The classes with so many of them wrong, of shape (n,).

    Raises
    ------
    ValueError
        If y holds no classes, share lies outside [0, 1], or rng is no generator.

    Notes
    -----
    To draw the new class among all would leave one in n_classes of those chosen as it was.

    Examples
    --------
    >>> y = np.arange(100) % 10
    >>> int((corrupt_labels(y, 0.15, np.random.default_rng(0)) != y).sum())
    15
    """
    n_classes, rng = count("n_classes", n_classes, low=2), generator("rng", rng)
    y = whole("y", y, high=n_classes - 1, ndim=1).copy()
    wrong = rng.choice(len(y), round(proportion("share", share) * len(y)), replace=False)
    y[wrong] = (y[wrong] + rng.integers(1, n_classes, len(wrong))) % n_classes
    return y


def split_rows(
    n: int, *sizes: int, rng: np.random.Generator, members: int | None = None
) -> tuple[NDArray, ...]:
    r"""Deal the rows of a data set to sets that have none in common: to train on, to validate on, ...

    Parameters
    ----------
    n
        Number of examples.
    sizes
        How many rows each set gets; together at most n.
    rng
        Source of randomness: one permutation for each member.
    members
        Number of such deals; without it there is one.

    Returns
    -------
    tuple of NDArray
        Row numbers in 0 ... n - 1, of shape (size,), or (members, size), one array for each size.

    Raises
    ------
    ValueError
        If there is no size, one is no positive whole number, their sum exceeds n, members < 1, or rng is no
        generator.

    Examples
    --------
    >>> train, held_out = split_rows(5, 3, 2, rng=np.random.default_rng(0))
    >>> sorted([*train.tolist(), *held_out.tolist()])
    [0, 1, 2, 3, 4]
    """
    n, rng, sizes = count("n", n), generator("rng", rng), [count("sizes", size) for size in sizes]
    if not 0 < sum(sizes) <= n:
        raise ValueError(f"sizes must be at least one number, and at most n = {n} together, but are {sizes}")
    order = rng.permuted(np.broadcast_to(np.arange(n), (*ensemble("members", members), n)), axis=-1)
    return tuple(np.split(order[..., : sum(sizes)], np.cumsum(sizes)[:-1], axis=-1))
