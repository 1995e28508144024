"""The same task with JAX, compiled: an epoch is one call.  Needs `jax`, which the book does not."""

import os
from collections.abc import Callable, Iterator

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import NDArray

from benchmarks import ours
from benchmarks.ours import BATCH, first_weights
from lib.experiments.double_descent import network

jax.config.update("jax_enable_x64", True)  # else it would round float64 down without a word
if hasattr(os, "sched_setaffinity"):
    # JAX's threads stay on the cores on which they are born: on one.
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(cores)})
    jax.devices()
    os.sched_setaffinity(0, cores)


def loss(theta: list, x: Array, y: Array) -> Array:
    """Mean cross-entropy of one network with the weights and biases theta."""
    h = x
    for Omega, b in theta[:-1]:
        h = jax.nn.relu(h @ Omega.T + b)
    Omega, b = theta[-1]
    log_p = jax.nn.log_softmax(h @ Omega.T + b)
    return -jnp.take_along_axis(log_p, y[:, None], axis=1).mean()


def step(state: tuple, batch: tuple) -> tuple[tuple, Array]:
    """Make a step on one batch; return also the loss before it."""
    theta, m = state
    value, g = jax.value_and_grad(loss)(theta, *batch)
    m = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, m, g)
    return (jax.tree.map(lambda theta, m: theta - 0.1 * m, theta, m), m), value


def epoch(state: tuple, x: Array, y: Array, order: Array) -> tuple[tuple, Array]:
    """Make a step for each row of `order`, the examples of its batch; return also the losses."""
    return jax.lax.scan(lambda state, rows: step(state, (x[rows], y[rows])), state, order)


def of_members(function: Callable) -> Callable:
    """Compile an epoch of an ensemble: members have their own state and order, and share the examples."""
    return jax.jit(jax.vmap(function, in_axes=(0, None, None, 0)), donate_argnums=0)


recorded = of_members(epoch)
unrecorded = of_members(lambda *arguments: epoch(*arguments)[0])  # The compiler leaves the losses out.


def first_state(width: int, members: int, dtype: str) -> tuple:
    """Return the first weights and biases, those of `lib`, and a momentum of zeros."""
    theta = [
        tuple(map(jnp.asarray, layer))
        for layer in network(width).unravel(first_weights(width, members).astype(dtype))
        if layer
    ]
    return theta, jax.tree.map(jnp.zeros_like, theta)


def orders(n: int, members: int) -> Iterator[NDArray]:
    """Yield the batches of an epoch, of shape (members, steps, BATCH): those of `lib`."""
    rng = np.random.default_rng(1)
    while True:
        order = rng.permuted(np.broadcast_to(np.arange(n), (members, n)), axis=-1)
        yield order.reshape(members, -1, BATCH)


def steps(x: NDArray, y: NDArray, width: int, members: int, dtype: str) -> Iterator[None]:
    """Train an ensemble without end; the first step of an epoch makes them all."""
    state, x, y = first_state(width, members, dtype), jnp.asarray(x.astype(dtype)), jnp.asarray(y)
    for order in orders(len(x), members):
        state = jax.block_until_ready(unrecorded(state, x, y, order))
        yield from [None] * order.shape[1]


def largest_difference(x: NDArray, y: NDArray, width: int, members: int) -> float:
    """Train the library's networks and JAX's for an epoch, on the same batches, both in float64.

    Returns the largest difference of their losses, in nats, which only round-off may cause.
    """
    order = next(orders(len(x), members))
    _, losses = recorded(first_state(width, members, "float64"), jnp.asarray(x), jnp.asarray(y), order)
    batches = [(x[rows], y[rows]) for rows in order.swapaxes(0, 1)]
    value, _ = ours.loss(width)
    iterates = ours.iterates(first_weights(width, members), width, iter(batches))
    found = [value(theta, *batch) for theta, batch in zip(iterates, batches, strict=False)]
    return float(np.abs(np.stack(found, axis=1) - losses).max())
