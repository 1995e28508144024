"""Losses, of two kinds that do not mix.

For training, `squared_error` and `cross_entropy` compare a model's output f with the response y.  The
derivative of such a loss is its attribute `gradient`: ``loss(f, y)`` is L, ``loss.gradient(f, y)`` is dL/df.
L is the mean over the n rows of the batch, so that a learning rate means the same for every batch size.
Leading axes of f are an ensemble; its members share y, or each has its own.  A nan or an infinity in f comes
out again, so that `lib.optim.training` can say at which step.

For decision theory, the functions whose names end in `_loss` compare a parameter with an estimate of it,
L(theta, theta_hat), and return the value alone.  Its average over the data is the risk: `lib.stats.decision`.
"""

from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lib.checks import (
    as_array,
    broadcasting,
    distribution,
    finite,
    nonnegative,
    numbers,
    positive,
    real,
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
