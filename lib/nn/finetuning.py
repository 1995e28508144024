"""Networks cut into body and head, and layers that are frozen."""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lib.checks import (
    count,
    finite,
    numbers,
)
from lib.nn.layers import Layer
from lib.nn.params import leaves


def split_head(theta: NDArray, network: Layer) -> tuple[NDArray, NDArray]:
    """Cut the flat parameters of a network in two: all layers but the last, and the last one.

    Parameters
    ----------
    theta
        Of shape (..., P).
    network
        A chain of layers.

    Returns
    -------
    body, head : NDArray
        Views into theta, of shapes (..., P - H) and (..., H); next to each other they are theta.

    Raises
    ------
    ValueError
        If theta does not end in the P parameters of the network.

    Examples
    --------
    >>> from lib.nn.networks import mlp
    >>> split_head(np.arange(7.0), mlp(1, 2, 1))
    (array([0., 1., 2., 3.]), array([4., 5., 6.]))
    """
    theta, sizes = numbers("theta", theta), _layer_sizes(network)
    if theta.shape[-1:] != (sum(sizes),):
        raise ValueError(f"theta must end in the {sum(sizes)} parameters of network, but it is {theta.shape}")
    cut = sum(sizes[:-1])
    return theta[..., :cut], theta[..., cut:]


def trainable(network: Layer, frozen: int) -> NDArray:
    """Return 0 for each parameter of the first `frozen` layers that have any, and 1 for all others.

    Parameters
    ----------
    network
        A chain of layers.
    frozen
        Number of layers that stay as they are, from 0 to all.

    Returns
    -------
    NDArray
        Mask, of shape (P,).

    Raises
    ------
    ValueError
        If there are not that many layers.

    Examples
    --------
    >>> from lib.nn.networks import mlp
    >>> trainable(mlp(1, 2, 1), frozen=1)
    array([0., 0., 0., 0., 1., 1., 1.])
    """
    sizes = [size for size in _layer_sizes(network) if size]
    count("frozen", frozen, low=0, high=len(sizes))
    return np.repeat(np.arange(len(sizes)) >= frozen, sizes).astype(float)


def _layer_sizes(network: Layer) -> list[int]:
    params = network.unravel(np.zeros(network.size))
    return [sum(leaf.size for leaf in leaves(layer)) for layer in params]


def masked(gradient: Callable[..., NDArray], mask: ArrayLike) -> Callable[..., NDArray]:
    r"""Return a gradient whose entries are zero where the mask is: those parameters are frozen.

    .. math:: g(\theta) = m \odot \nabla L(\theta)

    Parameters
    ----------
    gradient
        ``(theta, *batch) -> g``.
    mask
        Of shape (P,), or (..., P) with a mask for each member of an ensemble; as from `trainable`.

    Returns
    -------
    Callable
        ``(theta, *batch) -> g``.

    Raises
    ------
    ValueError
        If the mask is not finite; the result raises one if its last axis is not that of the gradient.

    Notes
    -----
    An optimizer of `lib.optim.optimizers` that is started with it never moves a frozen parameter: all its
    running means of that entry begin at zero and stay there.  Weight decay is no part of the gradient, and
    needs the mask, too: ``adamw(g, theta, decay=w * mask)``.
    """
    mask = finite("mask", mask)
    return lambda theta, *batch: mask * _as_long_as(mask, gradient(theta, *batch))


def _as_long_as(mask: NDArray, g: NDArray) -> NDArray:
    if mask.shape[-1:] != g.shape[-1:]:
        raise ValueError(f"mask must end in the parameters, {g.shape}, but its shape is {mask.shape}")
    return g
