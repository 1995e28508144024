"""Data sets, made by a formula and a generator of random numbers: nothing is downloaded."""

import numpy as np
from numpy.typing import NDArray

from lib.checks import count, finite, nonnegative


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
        If n < 1, sigma < 0, low is not below high, or a number is not finite.

    Notes
    -----
    The defaults are the data of the notes, section 1.1.

    Examples
    --------
    >>> x, y = line(3, np.random.default_rng(0), sigma=0.0)
    >>> bool(np.allclose(y, 3 * x + 1))
    True
    """
    count("n", n), nonnegative("sigma", sigma)
    finite("intercept", intercept), finite("slope", slope), finite("low", low), finite("high", high)
    if not low < high:
        raise ValueError(f"low must be below high, but they are {low} and {high}")
    x = rng.uniform(low, high, n)
    return x, intercept + slope * x + rng.normal(0, sigma, n)
