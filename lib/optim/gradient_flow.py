r"""Gradient flow, which gradient descent follows for small steps, and the loss whose flow it follows better.

A gradient is a function theta -> g, and theta may have any shape; to be differentiated here, the gradient
must be analytic and take complex numbers, as the products, sums and exponentials of NumPy do.
"""

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lib.checks import finite, nonnegative, positive, representable

Gradient = Callable[[NDArray], NDArray]


def gradient_flow(gradient: Gradient, theta: ArrayLike, step: float) -> Iterator[NDArray]:
    r"""Gradient flow at the times 0, h, 2h, ..., by the Runge-Kutta method of order four.

    .. math:: \dot\theta = -\nabla L(\theta)

    .. math:: k_1 = -\nabla L(\theta), \quad
              k_2 = -\nabla L(\theta + \tfrac h2 k_1), \quad
              k_3 = -\nabla L(\theta + \tfrac h2 k_2), \quad
              k_4 = -\nabla L(\theta + h k_3)

    .. math:: \theta(t + h) \approx \theta(t) + \tfrac h6 (k_1 + 2 k_2 + 2 k_3 + k_4)

    Parameters
    ----------
    gradient
        theta -> g, of the shape of theta.
    theta
        The start, theta(0).
    step
        h, in units of time: that of one step of gradient descent is its learning rate.

    Yields
    ------
    NDArray
        theta(0), theta(h), ... without end, so that `lib.optim.training` consumes it as it does an optimizer.

    Raises
    ------
    ValueError
        If theta is not finite, or step is not positive.

    Notes
    -----
    Kutta (1901).  The error at a fixed time is O(h^4).

    Examples
    --------
    >>> from lib.optim.training import trajectory
    >>> path = trajectory(gradient_flow(lambda theta: theta, [1.0], step=0.1), 10)
    >>> bool(abs(path[-1, 0] - np.exp(-1)) < 1e-6)
    True
    """
    theta, h = finite("theta", theta).copy(), positive("step", step, ndim=0)

    def iterates(theta: NDArray) -> Iterator[NDArray]:
        while True:
            yield theta
            k1 = -gradient(theta)
            k2 = -gradient(theta + h / 2 * k1)
            k3 = -gradient(theta + h / 2 * k2)
            k4 = -gradient(theta + h * k3)
            theta = theta + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)

    return iterates(theta)


@representable("theta", "v")
def hessian_vector(gradient: Gradient, theta: ArrayLike, v: ArrayLike) -> NDArray:
    r"""Hessian times a vector, without the Hessian: the derivative of the gradient along v.

    .. math:: H(\theta)\, v = \frac{d}{ds} \nabla L(\theta + s v)\Big|_{s=0}
              = \frac{\operatorname{Im} \nabla L(\theta + i h v)}h + O(h^2)

    Parameters
    ----------
    gradient
        theta -> g; analytic, and defined for complex theta.
    theta
        Where, of any shape.
    v
        Direction, of the shape of theta.

    Returns
    -------
    NDArray
        H v, of the shape of theta.

    Raises
    ------
    ValueError
        If theta or v is not finite, or their shapes differ.

    Notes
    -----
    Squire and Trapp (1998).  The complex step has no cancellation, so h may be so small that its error is
    nothing.  v is measured in units of the power of two next to its largest entry: that is exact, and h v
    stays within floating point, however large or small v is.

    Examples
    --------
    >>> hessian_vector(lambda theta: theta**3, [2.0, 1.0], [1.0, 5.0])
    array([12., 15.])
    """
    theta, v = finite("theta", theta), finite("v", v)
    if theta.shape != v.shape:
        raise ValueError(f"v must have the shape of theta, {theta.shape}, but it is {v.shape}")
    h, (_, power) = 1e-30, np.frexp(np.abs(v).max(initial=0))
    return np.ldexp(gradient(theta + 1j * h * np.ldexp(v, -power)).imag / h, power)


def modified_loss(
    value: Callable[[NDArray], NDArray], gradient: Gradient, alpha: float
) -> Callable[[NDArray], NDArray]:
    r"""Return the loss whose gradient flow gradient descent follows to one order more.

    .. math:: L_{\mathrm{GD}}(\theta) = L(\theta) + \frac\alpha4 \|\nabla L(\theta)\|^2

    Parameters
    ----------
    value
        theta (..., p) -> L, of shape (...).
    gradient
        theta (..., p) -> its gradient, of the shape of theta.
    alpha
        Learning rate of gradient descent; 0 gives L.

    Returns
    -------
    Callable
        theta (..., p) -> L_GD, of shape (...).

    Raises
    ------
    ValueError
        If alpha is negative or not finite.

    Notes
    -----
    Barrett and Dherin (2021); the notes, equation (2.22).

    Examples
    --------
    >>> loss = modified_loss(lambda theta: (theta**2).sum(-1), lambda theta: 2 * theta, alpha=0.5)
    >>> float(loss(np.array([1.0, 2.0])))
    7.5
    """
    alpha = nonnegative("alpha", alpha, ndim=0)
    return lambda theta: value(theta) + alpha / 4 * np.square(gradient(theta)).sum(axis=-1)


def modified_gradient(gradient: Gradient, alpha: float) -> Gradient:
    r"""Return the gradient of `modified_loss`.

    .. math:: \nabla L_{\mathrm{GD}} = \nabla L + \frac\alpha2 H \nabla L

    Parameters
    ----------
    gradient
        theta -> g; analytic, and defined for complex theta.
    alpha
        Learning rate of gradient descent.

    Returns
    -------
    Callable
        theta -> the gradient of L_GD, of the shape of theta.

    Raises
    ------
    ValueError
        If alpha is negative or not finite.

    Notes
    -----
    Barrett and Dherin (2021); the notes, equation (2.21).

    Examples
    --------
    >>> modified_gradient(lambda theta: 2 * theta, alpha=0.5)(np.array([1.0, 2.0]))
    array([3., 6.])
    """
    alpha = nonnegative("alpha", alpha, ndim=0)

    def modified(theta: NDArray) -> NDArray:
        g = gradient(theta)
        return g + alpha / 2 * hessian_vector(gradient, theta, g)

    return modified
