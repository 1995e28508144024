"""Networks built from layers, and their loss as a function of the flat parameter vector."""

from collections.abc import Callable
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from lib.checks import count, finite
from lib.nn.initialization import Initializer
from lib.nn.layers import HE, Layer, linear, relu, serial
from lib.nn.losses import Loss
from lib.nn.params import ravel


def mlp(*widths: int, activation: Callable[[], Layer] = relu, weights: Initializer = HE) -> Layer:
    """Multilayer perceptron: linear layers with an activation between them, none after the last.

    Parameters
    ----------
    widths
        Units of each layer from the input to the output; at least two numbers.
    activation
        Makes the layer between two linear ones.
    weights
        Draws the first weights of every linear layer, He's way by default.

    Returns
    -------
    Layer
        The network, from (..., n, widths[0]) to (..., n, widths[-1]).

    Raises
    ------
    ValueError
        If there are fewer than two widths, or one is no positive whole number.
    """
    if len(widths) < 2:
        raise ValueError(f"widths must hold the input's and the output's size, but it is {widths}")
    widths = [count("widths", width) for width in widths]
    pairs = [(linear(d_in, d_out, weights), activation()) for d_in, d_out in pairwise(widths)]
    return serial(*[layer for pair in pairs for layer in pair][:-1])


def predictor(network: Layer) -> Callable[[NDArray, NDArray], NDArray]:
    r"""Return the outputs of a network as a function of the flat theta.

    .. math:: f_\theta(x)

    Parameters
    ----------
    network
        The model.

    Returns
    -------
    Callable
        Function of theta (..., P) and x (n, d), or (..., n, d) with an input for each member of the
        ensemble: the outputs, of shape (..., n, K).  It raises a `ValueError` if x is not finite, or the
        shapes do not fit.

    Examples
    --------
    >>> line = mlp(1, 1)
    >>> predict = predictor(line)
    >>> predict(np.array([[2.0, 1.0], [0.0, 5.0]]), np.array([[3.0]]))
    array([[[7.]],
    <BLANKLINE>
           [[5.]]])
    """
    return _named(lambda theta, x: network.apply(network.unravel(theta), _inputs(theta, x))[0])


def objective(network: Layer, loss: Loss) -> tuple[Callable, Callable]:
    r"""Loss of a network, and its gradient, as functions of the flat theta.

    .. math:: L(\theta) = \text{loss}\big(f_\theta(x),\, y\big), \qquad \nabla_\theta L(\theta)

    Parameters
    ----------
    network
        The model.
    loss
        One of `lib.nn.losses`, or another (f, y) -> L with its derivative dL/df as the attribute `gradient`.

    Returns
    -------
    value, gradient : Callable
        Functions of theta (..., P), x (n, d) and y: the loss, of shape (...), and its gradient,
        of the shape of theta.  With leading axes, x (..., n, d) and y, each member of the ensemble
        has its own data.  Both raise a `ValueError` if x or y is not finite, or the shapes do not fit.
    """

    @_named
    def value(theta: NDArray, x: NDArray, y: NDArray) -> NDArray:
        f, _ = network.apply(network.unravel(theta), _inputs(theta, x))
        return loss(f, y)

    @_named
    def gradient(theta: NDArray, x: NDArray, y: NDArray) -> NDArray:
        f, pullback = network.apply(network.unravel(theta), _inputs(theta, x))
        dparams, _ = pullback(loss.gradient(f, y))
        return ravel(dparams, batch_ndim=np.ndim(theta) - 1)

    return value, gradient


def _inputs(theta: NDArray, x: NDArray) -> NDArray:
    x = finite("x", x)
    if not 2 <= x.ndim <= np.ndim(theta) + 1:
        raise ValueError(
            f"x must have shape (n, d), or (..., n, d) like theta {np.shape(theta)}, but it is {x.shape}"
        )
    return x


def _named(function: Callable) -> Callable:
    """Have the errors of a function of theta, x and perhaps y name these, too, not only what is inside."""

    def named(*arrays: NDArray, **more: NDArray) -> NDArray:
        try:
            return function(*arrays, **more)
        except ValueError as error:
            given = dict(zip(["theta", "x", "y"], arrays, strict=False)) | more
            sizes = [f"{name} is {getattr(array, 'shape', array)}" for name, array in given.items()]
            raise ValueError(f"{error} ({', '.join(sizes)})") from error

    return named
