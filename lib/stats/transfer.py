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
    finite,
    nonnegative,
    representable,
)
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
