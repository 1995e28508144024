"""Points about a curve: a line, a sine, with noise."""

import numpy as np
from numpy.typing import NDArray

from lib.checks import (
    choice,
    count,
    ensemble,
    finite,
    generator,
    interval,
    nonnegative,
    representable,
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
