"""The task with `lib`, as a chapter would do it."""

import time
from collections.abc import Callable, Iterator
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from lib.experiments.double_descent import Setting, network
from lib.nn.losses import cross_entropy
from lib.nn.networks import objective
from lib.optim.optimizers import momentum
from lib.optim.training import minibatches, stochastic

BATCH = Setting(1).batch_size


def first_weights(width: int, members: int) -> NDArray:
    """Return theta_0 of shape (members, P), float64."""
    return network(width).start(np.random.default_rng(0), members)


def loss(width: int) -> tuple[Callable, Callable]:
    """Return the loss and its gradient, functions of (theta, x, y)."""
    return objective(network(width), cross_entropy)


def iterates(theta: NDArray, width: int, batches: Iterator) -> Iterator[NDArray]:
    """Return theta_0, theta_1, ..., each a step on the next batch."""
    _, gradient = loss(width)
    # Polyak's rate 0.01 is alpha (1 - beta).
    return momentum(stochastic(gradient, batches), theta, alpha=0.1, beta=0.9)


def steps(
    x: NDArray, y: NDArray, width: int, members: int, dtype: str, batch_size: int = BATCH
) -> Iterator[NDArray]:
    """Return the iterates of an ensemble, each member with its own order of the examples."""
    theta, x = first_weights(width, members).astype(dtype), x.astype(dtype)
    batches = minibatches(x, y, batch_size=batch_size, rng=np.random.default_rng(1), members=members)
    return iterates(theta, width, batches)


def products(width: int, members: int, dtype: str) -> Iterator[None]:
    """Do without end the matrix products of a step, and nothing else."""
    sizes = [(40, width), (width, width), (width, 10)]
    rng = np.random.default_rng(0)
    layers = [
        [rng.normal(size=(members, *shape)).astype(dtype) for shape in ((i, o)[::-1], (BATCH, i), (BATCH, o))]
        for i, o in sizes
    ]
    while True:
        yield
        for Omega, h, df in layers:
            h @ Omega.mT, df.mT @ h, df @ Omega


def multiplications(width: int) -> int:
    """Count those of a step that the weights' gradient needs: there, and twice back but for the input."""
    inner = width * width + 10 * width
    return BATCH * (3 * inner + 2 * 40 * width)


def seconds_per_step(steps: Iterator, n: int) -> float:
    """Time n steps, after one that warms up."""
    next(steps)
    start = time.perf_counter()
    for _ in islice(steps, n):
        pass
    return (time.perf_counter() - start) / n
