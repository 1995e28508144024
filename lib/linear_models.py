"""Linear models: features, the mean squared error and its derivatives, and the least-squares fit."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lib.checks import finite


def line_features(x: ArrayLike) -> NDArray:
    """Design matrix of a straight line: row i is (1, x_i).

    Parameters
    ----------
    x
        Inputs, of shape (n,).

    Returns
    -------
    NDArray
        X, of shape (n, 2).

    Raises
    ------
    ValueError
        If x holds a nan or an infinity, or is no vector.

    Examples
    --------
    >>> line_features([2.0, 5.0])
    array([[1., 2.],
           [1., 5.]])
    """
    x = finite("x", x)
    if x.ndim != 1:
        raise ValueError(f"x must be a vector, but its shape is {x.shape}")
    return np.stack([np.ones_like(x), x], axis=1)


def _checked(theta: ArrayLike, X: ArrayLike, y: ArrayLike) -> tuple[NDArray, NDArray, NDArray]:
    """Return the three as arrays whose shapes fit: (..., p), (..., n, p), (..., n) with n at least 1."""
    theta, X, y = np.asarray(theta), _design(X), np.asarray(y)
    if y.shape != X.shape[:-1]:
        raise ValueError(f"y must have one entry for each row of X, {X.shape[:-1]}, but it is {y.shape}")
    if theta.ndim == 0 or theta.shape[-1] != X.shape[-1]:
        raise ValueError(f"theta must end in the {X.shape[-1]} columns of X, but it is {theta.shape}")
    own = X.shape[:-2]
    if own and theta.shape[:-1][-len(own) :] != own:
        raise ValueError(
            f"X must be one matrix, or one for each member of theta, {theta.shape}, not {X.shape}"
        )
    return theta, X, finite("y", y)


def _design(X: ArrayLike) -> NDArray:
    X = finite("X", X)
    if X.ndim < 2 or X.shape[-2] == 0:
        raise ValueError(f"X must have shape (..., n, p) with n at least 1, but it is {X.shape}")
    return X


def mse(theta: ArrayLike, X: ArrayLike, y: ArrayLike) -> NDArray:
    r"""Mean squared error of the linear model.

    .. math:: L(\theta) = \frac1n \|y - X\theta\|^2

    Parameters
    ----------
    theta
        Parameters, of shape (..., p); leading axes are an ensemble.
    X
        Design matrix, of shape (..., n, p): one for all members, or each its own.
    y
        Responses, of shape (..., n).

    Returns
    -------
    NDArray
        L, of shape (...), in units of y squared.

    Raises
    ------
    ValueError
        If shapes do not fit, or X or y holds a nan.

    Notes
    -----
    Equation (1.1) of the notes divided by n: a mean, so that the batch size does not scale it.

    Examples
    --------
    >>> float(mse([1.0, 0.0], [[1.0, 0.0], [1.0, 1.0]], [0.0, 3.0]))
    2.5
    """
    theta, X, y = _checked(theta, X, y)
    residual = np.matvec(X, theta) - y
    return np.square(residual).mean(axis=-1)


def mse_gradient(theta: ArrayLike, X: ArrayLike, y: ArrayLike) -> NDArray:
    r"""Gradient of the mean squared error.

    .. math:: \nabla L(\theta) = \frac2n X^T (X\theta - y)

    Parameters
    ----------
    theta
        Parameters, of shape (..., p); leading axes are an ensemble.
    X
        Design matrix, of shape (..., n, p): one for all members, or each its own.
    y
        Responses, of shape (..., n).

    Returns
    -------
    NDArray
        Gradient, of the shape of theta.

    Raises
    ------
    ValueError
        If shapes do not fit, or X or y holds a nan.

    Notes
    -----
    Equation (1.2) of the notes, with its factor 2 and divided by n.

    Examples
    --------
    >>> mse_gradient([1.0, 0.0], [[1.0, 0.0], [1.0, 1.0]], [0.0, 3.0])
    array([-1., -2.])
    """
    theta, X, y = _checked(theta, X, y)
    n = y.shape[-1]
    return 2 / n * np.vecmat(np.matvec(X, theta) - y, X)


def mse_hessian(X: ArrayLike) -> NDArray:
    r"""Hessian of the mean squared error: constant, and never indefinite.

    .. math:: H = \frac2n X^T X

    Parameters
    ----------
    X
        Design matrix, of shape (..., n, p).

    Returns
    -------
    NDArray
        H, of shape (..., p, p).

    Raises
    ------
    ValueError
        If X is no matrix with at least one row, or holds a nan.

    Examples
    --------
    >>> mse_hessian([[1.0, 0.0], [1.0, 2.0]])
    array([[2., 2.],
           [2., 4.]])
    """
    X = _design(X)
    return 2 / X.shape[-2] * (X.mT @ X)


def least_squares(X: ArrayLike, y: ArrayLike) -> NDArray:
    r"""Parameters of least norm among those that minimize the squared error.

    .. math:: \hat\theta = X^+ y, \qquad \text{which is } (X^T X)^{-1} X^T y
              \text{ when the columns of } X \text{ are independent}

    Parameters
    ----------
    X
        Design matrix, of shape (n, p).
    y
        Responses, of shape (n,).

    Returns
    -------
    NDArray
        theta-hat, of shape (p,).

    Raises
    ------
    ValueError
        If shapes do not fit, or X or y holds a nan.

    Examples
    --------
    >>> least_squares([[1.0, 0.0], [1.0, 1.0], [1.0, 2.0]], [1.0, 4.0, 7.0]).round(12)
    array([1., 3.])
    """
    _, X, y = _checked(np.zeros(np.shape(X)[-1:]), X, y)
    # Through the singular values of X: the normal equations would square its condition number.
    return np.linalg.lstsq(X, y)[0]
