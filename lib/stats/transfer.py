r"""Transfer learning: estimates that begin at a source, their exact risk, networks cut into body and head.

The linear half works direction by direction.  With the singular values s_j of the design, a method is its
*filter*: the share r(s_j) of the way from the source to the least-squares fit that it goes in direction j.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lib.checks import (
    broadcasting,
    count,
    ensemble,
    finite,
    generator,
    nonnegative,
    numbers,
    representable,
    whole,
)
from lib.nn.layers import Layer
from lib.nn.params import leaves
from lib.stats.linear_models import ridge


class TransferRisk(NamedTuple):
    """The terms of the risk of a transferred estimate: risk = distance + source + noise."""

    distance: float
    source: float
    noise: float

    @property
    def risk(self) -> float:
        """The sum of the three."""
        return sum(self)


@representable("X", "y", "penalty", "source")
def ridge_towards(X: ArrayLike, y: ArrayLike, penalty: ArrayLike, source: ArrayLike) -> NDArray:
    r"""Parameters that minimize the squared error plus a penalty on their distance from a source.

    .. math:: \hat\theta = \arg\min_\theta\; \|y - X\theta\|^2 + \lambda\, \|\theta - \theta_S\|^2

    Parameters
    ----------
    X
        Design matrix, of shape (..., n, p): one for all data sets, or each its own.
    y
        Responses, of shape (..., n).
    penalty
        lambda, as for `lib.stats.linear_models.ridge`.
    source
        theta_S, of shape (p,), or (..., p) with a source for each data set.

    Returns
    -------
    NDArray
        theta-hat, of shape (..., p).

    Raises
    ------
    ValueError
        If source does not end in the columns of X or is not finite, or as `ridge` does.

    Notes
    -----
    With u = theta - theta_S it is ridge regression of what the source leaves over, y - X theta_S.  Chelba and
    Acero (2006); for networks Li, Grandvalet and Davoine (2018).

    Examples
    --------
    >>> ridge_towards([[1.0], [1.0]], [2.0, 4.0], penalty=2.0, source=[1.0]).round(12)
    array([2.])
    """
    X, y, source = _with_source(X, y, source)
    return source + ridge(X, y - np.matvec(X, source), penalty)


def _with_source(X: ArrayLike, y: ArrayLike, source: ArrayLike) -> tuple[NDArray, NDArray, NDArray]:
    """Return the three as arrays whose shapes fit: (..., n, p), (..., n), (..., p)."""
    X, y, source = finite("X", X), finite("y", y), finite("source", source)
    if X.ndim < 2 or X.size == 0:
        raise ValueError(f"X must have shape (..., n, p), with rows and columns, but it is {X.shape}")
    if source.ndim == 0 or source.shape[-1] != X.shape[-1]:
        raise ValueError(f"source must end in the columns of X, {X.shape}, but it is {source.shape}")
    if y.shape[-1:] != X.shape[-2:-1]:
        raise ValueError(f"y must end in the rows of X, {X.shape}, but it is {y.shape}")
    broadcasting(X=X[..., 0, 0], y=y[..., 0], source=source[..., 0])
    return X, y, source


@representable("s", "penalty")
def ridge_filter(s: ArrayLike, penalty: ArrayLike) -> NDArray:
    r"""Filter of `ridge_towards`.

    .. math:: r(s) = \frac{s^2}{s^2 + \lambda}, \qquad r(0) = 0

    Parameters
    ----------
    s
        Singular values of the design, of shape (...).
    penalty
        lambda, one number or one for each of s; 0 gives 1 wherever s is positive.

    Returns
    -------
    NDArray
        r, of the shape of s.

    Raises
    ------
    ValueError
        If s or the penalty is negative or not finite, or their shapes do not fit.

    Examples
    --------
    >>> ridge_filter([0.0, 1.0, 3.0], penalty=1.0)
    array([0. , 0.5, 0.9])
    """
    square, penalty = np.square(nonnegative("s", s)), nonnegative("penalty", penalty)
    if broadcasting(s=square, penalty=penalty) != square.shape:
        raise ValueError(
            f"penalty must broadcast to the shape of s, {square.shape}, but is {np.shape(penalty)}"
        )
    total = square + penalty
    return np.divide(square, total, out=np.zeros_like(square), where=total > 0)


@representable("s", "alpha", "steps")
def descent_filter(s: ArrayLike, n: int, alpha: float, steps: int) -> NDArray:
    r"""Filter of gradient descent on the mean squared error, begun at the source.

    .. math:: r(s) = 1 - \Big(1 - \frac{2\alpha s^2}{n}\Big)^k

    Parameters
    ----------
    s
        Singular values of the design, of shape (...).
    n
        Number of examples.
    alpha
        Learning rate.
    steps
        k.

    Returns
    -------
    NDArray
        r, of the shape of s.

    Raises
    ------
    ValueError
        If s or alpha is negative or not finite, n < 1 or steps < 0.

    Examples
    --------
    >>> descent_filter([0.0, 1.0], n=2, alpha=0.5, steps=2)
    array([0.  , 0.75])
    """
    n, steps, alpha = count("n", n), count("steps", steps, low=0), nonnegative("alpha", alpha, ndim=0)
    return 1 - (1 - 2 * alpha * np.square(nonnegative("s", s)) / n) ** steps


@representable("X", "filter_factors", "delta", "sigma", "source_covariance")
def transfer_risk(
    X: ArrayLike,
    filter_factors: Callable[[NDArray], NDArray],
    delta: ArrayLike,
    sigma: float,
    source_covariance: ArrayLike | None = None,
) -> TransferRisk:
    r"""Exact risk of an estimate with a filter, under squared error, for a fixed design.

    .. math:: \mathbb E \|\hat\theta - \theta_T\|^2 = \sum_j (1 - r_j)^2 \Delta_j^2
              + \sum_j (1 - r_j)^2\, v_j^T C v_j + \sigma^2 \sum_{s_j > 0} \frac{r_j^2}{s_j^2}

    Parameters
    ----------
    X
        Design matrix of the target, of shape (n, p), with right singular vectors v_j.
    filter_factors
        r: singular values of shape (p,), padded by zeros, -> shares of shape (p,).
    delta
        Delta = theta_T - theta_S, from the mean of the source's estimate to the target, of shape (p,);
        Delta_j is its entry along v_j.
    sigma
        Standard deviation of the target's noise.
    source_covariance
        C, the covariance of the source's estimate, of shape (p, p); without it the source is exact.

    Returns
    -------
    TransferRisk
        The three sums.

    Raises
    ------
    ValueError
        If shapes do not fit, sigma is negative, a number is not finite, or filter_factors(0) is not 0 or
        filter_factors(s) not finite and of the shape of s.

    Examples
    --------
    >>> transfer_risk(np.eye(2), lambda s: ridge_filter(s, 1.0), delta=[2.0, 0.0], sigma=1.0)
    TransferRisk(distance=1.0, source=0.0, noise=0.5)
    """
    X, delta, sigma = finite("X", X), finite("delta", delta), nonnegative("sigma", sigma, ndim=0)
    if X.ndim != 2 or X.size == 0:
        raise ValueError(f"X must be a matrix with rows and columns, but its shape is {X.shape}")
    if delta.shape != X.shape[1:]:
        raise ValueError(f"delta must have one entry for each column of X, {X.shape}, but is {delta.shape}")
    p = X.shape[1]
    C = np.zeros((p, p)) if source_covariance is None else finite("source_covariance", source_covariance)
    if C.shape != (p, p):
        raise ValueError(f"source_covariance must have a row and a column for each of X, but it is {C.shape}")
    _, s, Vt = np.linalg.svd(X, full_matrices=True)
    s = np.where(s > s.max(initial=0) * max(X.shape) * np.finfo(s.dtype).eps, s, 0)
    s = np.concatenate([s, np.zeros(p - len(s))])
    r = finite("filter_factors", filter_factors(s))
    if r.shape != s.shape:
        raise ValueError(f"filter_factors must keep the shape of s, {s.shape}, but it gives {r.shape}")
    if np.any(r[s == 0] != 0):
        raise ValueError("filter_factors must be 0 at 0: no example says anything about such a direction")
    left = (1 - r) ** 2
    spread = np.divide(r, s, out=np.zeros(p), where=s > 0)
    return TransferRisk(
        distance=float(left @ (Vt @ delta) ** 2),
        source=float(left @ np.einsum("jp,pq,jq->j", Vt, C, Vt)),
        noise=float(sigma**2 * np.sum(spread**2)),
    )


def balanced_rows(
    y: NDArray, per_class: int, rng: np.random.Generator, members: int | None = None
) -> NDArray:
    """Draw the rows of a training set with equally many examples of each class, none twice.

    Parameters
    ----------
    y
        Classes, of shape (n,).
    per_class
        Examples of each class.
    rng
        Source of randomness: each class is shuffled whole, so that with the same seed a smaller set is
        part of a larger one.
    members
        Number of sets; without it there is one.

    Returns
    -------
    NDArray
        Row numbers, of shape (K * per_class,) or (members, K * per_class), class after class.

    Raises
    ------
    ValueError
        If y is no vector of whole numbers from 0, members < 1, per_class lies outside 1 ... the size of the
        smallest class, or rng is no generator.

    Examples
    --------
    >>> y = np.array([0, 0, 0, 1, 1])
    >>> y[balanced_rows(y, 2, np.random.default_rng(0))]
    array([0, 0, 1, 1])
    """
    y, rng = whole("y", y, ndim=1), generator("rng", rng)
    classes = [np.flatnonzero(y == k) for k in np.unique(y)]
    smallest = min(len(rows) for rows in classes)
    if count("per_class", per_class) > smallest:
        raise ValueError(
            f"per_class must be at most {smallest}, the smallest class of y, but it is {per_class}"
        )
    lead = ensemble("members", members)
    decks = [rng.permuted(np.broadcast_to(rows, (*lead, len(rows))), axis=-1) for rows in classes]
    return np.concatenate([deck[..., :per_class] for deck in decks], axis=-1)


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
