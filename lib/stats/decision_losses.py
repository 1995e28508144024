"""Losses of an estimate: what it costs to answer theta_hat where the truth is theta.

Each returns L(theta, theta_hat), whose average over the data is the risk: `lib.stats.decision`.  The losses
that train a network stand in `lib.nn.losses`.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lib.checks import (
    broadcasting,
    distribution,
    nonnegative,
    positive,
    real,
    representable,
)


@representable("theta", "theta_hat")
def absolute_loss(theta: ArrayLike, theta_hat: ArrayLike) -> NDArray:
    r"""Absolute error of each entry; its sum over a vector is the L1 norm of the error.

    .. math:: L(\theta, \hat\theta) = |\theta - \hat\theta|

    Parameters
    ----------
    theta, theta_hat
        The truth and its estimate; shapes broadcast.  For a vector parameter, sum over its axis.

    Returns
    -------
    NDArray
        L, of the broadcast shape, in units of theta.

    Raises
    ------
    ValueError
        If an argument is not finite, shapes do not broadcast, or L is too large.

    Notes
    -----
    Its expectation is least at a median.  Fractions stay exact.

    Examples
    --------
    >>> absolute_loss(1.0, [0.5, 3.0])
    array([0.5, 2. ])
    """
    theta, theta_hat = _pair(theta, theta_hat)
    return np.abs(theta - theta_hat)


@representable("theta", "theta_hat")
def squared_loss(theta: ArrayLike, theta_hat: ArrayLike) -> NDArray:
    r"""Squared error of each entry; its sum over a vector is the squared Euclidean norm of the error.

    .. math:: L(\theta, \hat\theta) = (\theta - \hat\theta)^2

    Parameters
    ----------
    theta, theta_hat
        The truth and its estimate; shapes broadcast.  For a vector parameter, sum over its axis.

    Returns
    -------
    NDArray
        L, of the broadcast shape, in units of theta squared.

    Raises
    ------
    ValueError
        If an argument is not finite, shapes do not broadcast, or L is too large.

    Notes
    -----
    Its expectation is least at the mean.  Fractions stay exact.

    Examples
    --------
    >>> squared_loss(1.0, [0.5, 3.0])
    array([0.25, 4.  ])
    """
    theta, theta_hat = _pair(theta, theta_hat)
    return (theta - theta_hat) ** 2


@representable("theta", "theta_hat", "q")
def power_loss(theta: ArrayLike, theta_hat: ArrayLike, q: float) -> NDArray:
    r"""Power q of the absolute error of each entry; its sum over a vector is the Lq norm to the power q.

    .. math:: L(\theta, \hat\theta) = |\theta - \hat\theta|^q

    Parameters
    ----------
    theta, theta_hat
        The truth and its estimate; shapes broadcast.  For a vector parameter, sum over its axis.
    q
        The power, above 0: 1 is the absolute error, 2 the squared error.

    Returns
    -------
    NDArray
        L, of the broadcast shape, in units of theta to the power q.

    Raises
    ------
    ValueError
        If q is not positive, an argument is not finite, shapes do not broadcast, or L is too large.

    Notes
    -----
    No norm unless q is 1: at twice the error it is 2**q times as large.

    Examples
    --------
    >>> power_loss(1.0, [0.5, 3.0], q=3)
    array([0.125, 8.   ])
    """
    positive("q", q, ndim=0)
    return absolute_loss(theta, theta_hat) ** q


@representable("theta", "theta_hat")
def zero_one_loss(theta: ArrayLike, theta_hat: ArrayLike, width: float = 0.0) -> NDArray:
    r"""Loss that counts misses: one if the estimate is further than `width` from the truth, else zero.

    .. math:: L(\theta, \hat\theta) = [\,|\theta - \hat\theta| > w\,]

    Parameters
    ----------
    theta, theta_hat
        The truth and its estimate; shapes broadcast.
    width
        w, how near counts as a hit, in units of theta; 0 asks for the exact value.

    Returns
    -------
    NDArray
        L, 0.0 or 1.0, of the broadcast shape.

    Raises
    ------
    ValueError
        If width is negative, an argument is not finite, or shapes do not broadcast.

    Notes
    -----
    Its expectation is least at the middle of the most probable interval of length 2w: for small w, a mode.

    Examples
    --------
    >>> zero_one_loss(1.0, [1.0, 1.1, 3.0], width=0.25)
    array([0., 0., 1.])
    """
    theta, theta_hat = _pair(theta, theta_hat)
    with np.errstate(over="ignore"):  # An infinite difference is a miss.
        return (np.abs(theta - theta_hat) > nonnegative("width", width, ndim=0)).astype(float)


def _pair(theta: ArrayLike, theta_hat: ArrayLike) -> tuple[NDArray, NDArray]:
    theta, theta_hat = real("theta", theta), real("theta_hat", theta_hat)
    broadcasting(theta=theta, theta_hat=theta_hat)
    return theta, theta_hat


def cross_entropy_loss(theta: ArrayLike, theta_hat: ArrayLike) -> NDArray:
    r"""Cross-entropy of two distributions on K outcomes.

    .. math:: L(\theta, \hat\theta) = -\sum_{k=1}^K \theta_k \log \hat\theta_k

    Parameters
    ----------
    theta, theta_hat
        The true and the estimated probabilities, of shape (..., K); shapes broadcast.

    Returns
    -------
    NDArray
        L, in nats, of shape (...): infinite where an outcome that occurs was given probability 0.

    Raises
    ------
    ValueError
        If an argument is no distribution, or shapes do not broadcast.

    Notes
    -----
    With theta = theta_hat it is the entropy, not zero.  `cross_entropy` is its mean over the rows of a batch,
    with theta the observed class and theta_hat the softmax of the outputs.

    Examples
    --------
    >>> round(float(cross_entropy_loss([1.0, 0.0], [0.25, 0.75]) / np.log(2)), 12)
    2.0
    """
    theta, theta_hat = _distributions(theta, theta_hat)
    with np.errstate(divide="ignore"):
        # An outcome that never occurs costs nothing: 0 log 0 is 0.
        return -(theta * np.log(np.where(theta > 0, theta_hat, 1))).sum(axis=-1)


def kl_loss(theta: ArrayLike, theta_hat: ArrayLike) -> NDArray:
    r"""Kullback–Leibler divergence from the estimated to the true distribution on K outcomes.

    .. math:: L(\theta, \hat\theta) = \sum_{k=1}^K \theta_k \log \frac{\theta_k}{\hat\theta_k}

    Parameters
    ----------
    theta, theta_hat
        The true and the estimated probabilities, of shape (..., K); shapes broadcast.  Their order matters.

    Returns
    -------
    NDArray
        L, in nats, of shape (...): infinite where an outcome that occurs was given probability 0.

    Raises
    ------
    ValueError
        If an argument is no distribution, or shapes do not broadcast.

    Notes
    -----
    Cross-entropy minus the entropy of theta; never negative, zero only if the two are equal.

    Examples
    --------
    >>> round(float(kl_loss([1.0, 0.0], [0.25, 0.75]) / np.log(2)), 12)
    2.0
    """
    theta, theta_hat = _distributions(theta, theta_hat)
    occurs = theta > 0
    with np.errstate(divide="ignore"):
        log_ratio = np.log(np.where(occurs, theta, 1)) - np.log(np.where(occurs, theta_hat, 1))
    return (theta * log_ratio).sum(axis=-1)


def _distributions(theta: ArrayLike, theta_hat: ArrayLike) -> tuple[NDArray, NDArray]:
    theta = distribution("theta", theta).astype(float)
    theta_hat = distribution("theta_hat", theta_hat).astype(float)
    broadcasting(theta=theta, theta_hat=theta_hat)
    return theta, theta_hat
