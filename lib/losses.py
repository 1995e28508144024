"""Losses of a model's output f against the response y: each returns its value and its gradient in f.

The value is the mean over the n rows of the batch, so that a learning rate means the same for every
batch size.  Leading axes of f are an ensemble; its members share y, or each has its own.
"""

import numpy as np
from numpy.typing import NDArray

from lib.checks import finite


def squared_error(f: NDArray, y: NDArray) -> tuple[NDArray, NDArray]:
    r"""Mean squared error and its gradient.

    .. math:: L = \frac1n \sum_{i=1}^n \|f_i - y_i\|^2, \qquad
              \frac{\partial L}{\partial f_i} = \frac2n (f_i - y_i)

    Parameters
    ----------
    f
        Outputs, of shape (..., n, K).
    y
        Responses, of shape (n, K), or (..., n, K) if each member of the ensemble has its own.

    Returns
    -------
    value : NDArray
        L, of shape (...).
    gradient : NDArray
        dL/df, of the shape of f.

    Raises
    ------
    ValueError
        If y is neither of the shape of f nor of its last axes, has no rows, or holds a nan.

    Examples
    --------
    >>> value, gradient = squared_error(np.array([[1.0], [3.0]]), np.array([[0.0], [1.0]]))
    >>> float(value), gradient.ravel().tolist()
    (2.5, [1.0, 2.0])
    """
    if y.ndim < 2 or f.shape[-y.ndim :] != y.shape or y.size == 0:
        raise ValueError(f"y must have the shape of f, {f.shape}, or of its last axes, but it is {y.shape}")
    residual = f - finite("y", y)
    n = y.shape[-2]
    return np.square(residual).sum(axis=(-2, -1)) / n, 2 / n * residual


def cross_entropy(f: NDArray, y: NDArray) -> tuple[NDArray, NDArray]:
    r"""Mean cross-entropy of the softmax of f, and its gradient.

    .. math:: L = -\frac1n \sum_{i=1}^n \log p_{i, y_i}, \qquad
              p_{ik} = \frac{e^{f_{ik}}}{\sum_j e^{f_{ij}}}, \qquad
              \frac{\partial L}{\partial f_{ik}} = \frac1n (p_{ik} - [k = y_i])

    Parameters
    ----------
    f
        Outputs before the softmax, of shape (..., n, K).
    y
        Classes, whole numbers in 0 ... K-1, of shape (n,), or (..., n) if each member has its own.

    Returns
    -------
    value : NDArray
        L, in nats, of shape (...).
    gradient : NDArray
        dL/df, of the shape of f.

    Raises
    ------
    ValueError
        If y does not hold one class in 0 ... K-1 for each row of f.

    Examples
    --------
    >>> value, gradient = cross_entropy(np.zeros((1, 2)), np.array([0]))
    >>> round(float(value), 6), gradient.tolist()
    (0.693147, [[-0.5, 0.5]])
    """
    if not 0 < y.ndim < f.ndim or f.shape[-y.ndim - 1 : -1] != y.shape or y.size == 0:
        raise ValueError(f"y must have one class for each row of f, {f.shape}, but its shape is {y.shape}")
    n, n_classes = f.shape[-2:]
    if y.dtype.kind not in "iu" or y.min() < 0 or y.max() >= n_classes:
        raise ValueError(f"y must hold whole numbers in 0 ... {n_classes - 1}")
    # Subtracting the largest output changes no probability and keeps exp from overflowing.
    shifted = f - f.max(axis=-1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    chosen = y[..., None] == np.arange(n_classes)
    gradient = np.exp(log_p) - chosen
    return -np.where(chosen, log_p, 0).sum(axis=(-2, -1)) / n, gradient / n
