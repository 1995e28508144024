"""Losses that train: they compare a model's output f with the response y.

The derivative of a loss is its attribute `gradient`: ``loss(f, y)`` is L, ``loss.gradient(f, y)`` is dL/df.
L is the mean over the n rows of the batch, so that a learning rate means the same for every batch size.
Leading axes of f are an ensemble; its members share y, or each has its own.  A nan or an infinity in f comes
out again, so that `lib.optim.training` can say at which step.

The losses of an estimate, which decision theory weighs, stand in `lib.stats.decision_losses`.
"""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from lib.checks import (
    as_array,
    finite,
    numbers,
    representable,
)


class Loss(Protocol):
    """A function of outputs and responses that knows its derivative, for `lib.nn.networks.objective`."""

    def __call__(self, f: NDArray, y: NDArray) -> NDArray:
        """Return L, of shape (...)."""

    def gradient(self, f: NDArray, y: NDArray) -> NDArray:
        """Return dL/df, of the shape of f."""


def squared_error(f: NDArray, y: NDArray) -> NDArray:
    r"""Mean squared error.

    .. math:: L = \frac1n \sum_{i=1}^n \|f_i - y_i\|^2

    Parameters
    ----------
    f
        Outputs, of shape (..., n, K).
    y
        Responses, of shape (n, K), or (..., n, K) if each member of the ensemble has its own.

    Returns
    -------
    NDArray
        L, of shape (...).

    Raises
    ------
    ValueError
        If y is neither of the shape of f nor of its last axes, has no rows, or is not finite.

    Examples
    --------
    >>> float(squared_error(np.array([[1.0], [3.0]]), np.array([[0.0], [1.0]])))
    2.5
    """
    f, y = _responses(f, y)
    n = y.shape[-2]
    return np.square(f - y).sum(axis=(-2, -1)) / n


def squared_error_gradient(f: NDArray, y: NDArray) -> NDArray:
    r"""Gradient of the mean squared error in the outputs, `squared_error.gradient`.

    .. math:: \frac{\partial L}{\partial f_i} = \frac2n (f_i - y_i)

    Parameters
    ----------
    f, y
        As for `squared_error`.

    Returns
    -------
    NDArray
        dL/df, of the shape of f.

    Raises
    ------
    ValueError
        As `squared_error` does.

    Examples
    --------
    >>> squared_error_gradient(np.array([[1.0], [3.0]]), np.array([[0.0], [1.0]])).ravel().tolist()
    [1.0, 2.0]
    """
    f, y = _responses(f, y)
    n = y.shape[-2]
    return 2 / n * (f - y)


squared_error.gradient = squared_error_gradient


def _responses(f: NDArray, y: NDArray) -> tuple[NDArray, NDArray]:
    """Return f and y if y has the shape of f or of its last axes, and rows."""
    f, y = numbers("f", f), finite("y", y)
    if y.ndim < 2 or f.shape[-y.ndim :] != y.shape or y.size == 0:
        raise ValueError(f"y must have the shape of f, {f.shape}, or of its last axes, but it is {y.shape}")
    return f, y


@representable("f")
def log_softmax(f: NDArray) -> NDArray:
    r"""Logarithm of the softmax of the outputs.

    .. math:: \log p_k = f_k - \log \sum_j e^{f_j}

    Parameters
    ----------
    f
        Outputs before the softmax, of shape (..., K).

    Returns
    -------
    NDArray
        Log-probabilities, of shape (..., K).  They are outputs with the same softmax.

    Raises
    ------
    ValueError
        If f is not finite, or holds no classes, or a log-probability leaves the floating-point numbers.

    Examples
    --------
    >>> log_softmax(np.array([0.0, 0.0])).round(6)
    array([-0.693147, -0.693147])
    """
    f = finite("f", f)
    if f.ndim == 0 or f.shape[-1] == 0:
        raise ValueError(f"f must have shape (..., K), K at least 1, but it is {f.shape}")
    # Subtracting the largest output changes no probability and keeps exp from overflowing.
    shifted = f - f.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


def cross_entropy(f: NDArray, y: NDArray) -> NDArray:
    r"""Mean cross-entropy of the softmax of f.

    .. math:: L = -\frac1n \sum_{i=1}^n \log p_{i, y_i}, \qquad
              p_{ik} = \frac{e^{f_{ik}}}{\sum_j e^{f_{ij}}}

    Parameters
    ----------
    f
        Outputs before the softmax, of shape (..., n, K).
    y
        Classes, whole numbers in 0 ... K-1, of shape (n,), or (..., n) if each member has its own.

    Returns
    -------
    NDArray
        L, in nats, of shape (...).

    Raises
    ------
    ValueError
        If y does not hold one class in 0 ... K-1 for each row of f.

    Examples
    --------
    >>> round(float(cross_entropy(np.zeros((1, 2)), np.array([0]))), 6)
    0.693147
    """
    f, chosen, _, total = _softmax_parts(f, y)
    minus_log_p = np.log(total) - np.where(chosen, f, 0).sum(axis=-2, keepdims=True)
    n = f.shape[-1]
    return minus_log_p.sum(axis=(-2, -1)) / n


def cross_entropy_gradient(f: NDArray, y: NDArray) -> NDArray:
    r"""Gradient of the mean cross-entropy in the outputs, `cross_entropy.gradient`.

    .. math:: \frac{\partial L}{\partial f_{ik}} = \frac1n (p_{ik} - [k = y_i])

    Parameters
    ----------
    f, y
        As for `cross_entropy`.

    Returns
    -------
    NDArray
        dL/df, of the shape of f.

    Raises
    ------
    ValueError
        As `cross_entropy` does.

    Examples
    --------
    >>> cross_entropy_gradient(np.zeros((1, 2)), np.array([0])).tolist()
    [[-0.5, 0.5]]
    """
    f, chosen, exp, total = _softmax_parts(f, y)
    n = f.shape[-1]
    return ((exp / total - chosen) / n).mT


cross_entropy.gradient = cross_entropy_gradient


def _softmax_parts(f: NDArray, y: NDArray) -> tuple[NDArray, ...]:
    """Return f, [k = y], e^f and its sum over k, with a row for each class and a column for each example.

    So every pass runs along whole rows, in half the time.
    """
    f = numbers("f", f)
    y = _classes(f, y)
    f = np.array(f.mT, order="C")
    # Subtracting the largest output changes no probability and keeps exp from overflowing.
    f -= f.max(axis=-2, keepdims=True)
    chosen = y[..., None, :] == np.arange(f.shape[-2])[:, None]
    exp = np.exp(f)
    return f, chosen, exp, exp.sum(axis=-2, keepdims=True)


def error_rate(f: NDArray, y: NDArray) -> NDArray:
    r"""Share of the rows that a classifier gets wrong when it answers with its largest output.

    .. math:: \frac1n \sum_{i=1}^n \big[\arg\max_k f_{ik} \ne y_i\big]

    Parameters
    ----------
    f
        Outputs, of shape (..., n, K).  Of equal outputs the first counts as the largest.
    y
        Classes, whole numbers in 0 ... K-1, of shape (n,), or (..., n) if each member has its own.

    Returns
    -------
    NDArray
        Of shape (...), in [0, 1].

    Raises
    ------
    ValueError
        If y does not hold one class in 0 ... K-1 for each row of f, or f is not finite.

    Examples
    --------
    >>> float(error_rate(np.array([[0.0, 2.0], [1.0, 0.5]]), np.array([1, 1])))
    0.5
    """
    f = finite("f", f)
    y = _classes(f, y)
    return (f.argmax(axis=-1) != y).mean(axis=-1)


def _classes(f: NDArray, y: NDArray) -> NDArray:
    """Return y if it holds one class in 0 ... K-1 for each row of f, of shape (..., n, K)."""
    y = as_array("y", y)
    if not 0 < y.ndim < f.ndim or f.shape[-y.ndim - 1 : -1] != y.shape or f.size == 0:
        raise ValueError(f"y must have one class for each row of f, {f.shape}, but its shape is {y.shape}")
    if y.dtype.kind not in "iu" or y.min() < 0 or y.max() >= f.shape[-1]:
        raise ValueError(f"y must hold whole numbers in 0 ... {f.shape[-1] - 1}, the classes of f")
    return y
