"""What several test modules need."""

from collections.abc import Callable, Iterator
from itertools import islice

import numpy as np
from numpy.typing import NDArray


def take(iterates: Iterator[NDArray], n: int) -> list[NDArray]:
    """Return the first n items."""
    return list(islice(iterates, n))


def check_gradient(
    value: Callable[[NDArray], NDArray],
    gradient: NDArray,
    at: NDArray,
    rng: np.random.Generator,
    axes: int = 1,
) -> None:
    """Compare a gradient with the derivative of the value along random directions, in two ways.

    The value maps (*lead, *own) to (*lead,), where `own` are the last `axes` axes.  A central difference
    is good to about 1e-9; the complex step Im value(x + ihu) / h has no cancellation: it is exact.
    """
    assert gradient.shape == at.shape
    own = tuple(range(-axes, 0))
    for _ in range(5):
        direction = rng.normal(size=at.shape)
        slope = (gradient * direction).sum(axis=own)
        h = 1e-5
        central = (value(at + h * direction) - value(at - h * direction)) / (2 * h)
        np.testing.assert_allclose(central, slope, rtol=1e-7, atol=1e-8)
        exact = value(at + 1e-30j * direction).imag / 1e-30
        np.testing.assert_allclose(exact, slope, rtol=1e-11, atol=1e-13)
