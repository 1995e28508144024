r"""Entropies and divergences, in nats: of normal distributions by formula, of others by quadrature.

On a grid (`lib.stats.quadrature.grid_nodes`) a density is the vector of its logarithms at the nodes; an
expectation is a sum over the nodes, weighted with the density times the volume of a cell.
"""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lib.checks import broadcasting, count, finite, positive, representable


@representable("log_p", "volume")
def entropy(log_p: NDArray, volume: float) -> NDArray:
    r"""Differential entropy of a density on a grid.

    .. math:: h(p) = -\int p \log p

    Parameters
    ----------
    log_p
        Logarithm of the density at the nodes, of shape (..., N).
    volume
        Of a cell of the grid.

    Returns
    -------
    NDArray
        In nats, of shape (...).  No model of data with the density p has a smaller expected negative
        log-likelihood.

    Raises
    ------
    ValueError
        If log_p is not finite or too large, or volume not positive.

    Examples
    --------
    >>> round(float(entropy(np.zeros(10), 0.1)), 12) + 0.0  # uniform on an interval of length 1
    0.0
    """
    log_p, volume = _nodes("log_p", log_p), positive("volume", volume, ndim=0)
    return -(np.exp(log_p) * log_p).sum(axis=-1) * volume


@representable("log_p", "log_q", "volume")
def kl(log_p: NDArray, log_q: NDArray, volume: float) -> NDArray:
    r"""Kullback-Leibler divergence of two densities on a grid.

    .. math:: \mathrm{KL}(p \,\|\, q) = \int p\, (\log p - \log q)

    Parameters
    ----------
    log_p, log_q
        Logarithms of the densities at the nodes, of shape (..., N), or shapes that broadcast to it.
    volume
        Of a cell of the grid.

    Returns
    -------
    NDArray
        In nats, of shape (...): what a model q of data with the density p lacks.

    Raises
    ------
    ValueError
        If log_p or log_q is not finite or too large, they do not fit, or volume is not positive.

    Examples
    --------
    >>> half = np.log([2.0, 2.0, 1e-9, 1e-9])  # on the left half of an interval of length 1
    >>> round(float(kl(half, np.zeros(4), 0.25)), 6)
    0.693147
    """
    log_p, log_q = _nodes("log_p", log_p), _nodes("log_q", log_q)
    broadcasting(log_p=log_p, log_q=log_q)
    if log_p.shape[-1] != log_q.shape[-1]:
        raise ValueError(f"log_q must have the {log_p.shape[-1]} nodes of log_p, not {log_q.shape[-1]}")
    return (np.exp(log_p) * (log_p - log_q)).sum(axis=-1) * positive("volume", volume, ndim=0)


@representable("covariance")
def gaussian_entropy(covariance: ArrayLike) -> NDArray:
    r"""Differential entropy of a normal distribution.

    .. math:: h = \tfrac12 \log\det(2\pi e\, \Sigma)

    Parameters
    ----------
    covariance
        Sigma, symmetric and positive definite, of shape (..., d, d).

    Returns
    -------
    NDArray
        In nats, of shape (...).  Among all distributions with this covariance the normal one has the largest.

    Raises
    ------
    ValueError
        If covariance is not square, not symmetric or not positive definite.

    Examples
    --------
    >>> round(float(gaussian_entropy(np.eye(2))), 6)
    2.837877
    """
    Sigma = finite("covariance", covariance)
    if Sigma.ndim < 2 or Sigma.shape[-1] != Sigma.shape[-2] or Sigma.shape[-1] == 0:
        raise ValueError(f"covariance must have shape (..., d, d), but it is {Sigma.shape}")
    if not np.allclose(Sigma, Sigma.mT, rtol=1e-9, atol=0):
        raise ValueError("covariance must be symmetric")
    try:
        # Of L L^T = Sigma the determinant is that of L squared.
        root = np.diagonal(np.linalg.cholesky(Sigma), axis1=-2, axis2=-1)
    except np.linalg.LinAlgError:
        raise ValueError("covariance must be positive definite") from None
    return np.log(root).sum(axis=-1) + root.shape[-1] / 2 * (1 + math.log(2 * math.pi))


@representable("log_p", "volume", "d")
def volume_preserving_ceiling(log_p: NDArray, volume: float, d: int) -> NDArray:
    r"""Return the best score of any flow that keeps volumes, whatever its depth.

    .. math:: \mathbb E[-\log q(X)] \;\ge\; \frac d2\Big(1 + \log\frac{2\pi\, \mathbb E R^2}d\Big), \qquad
              \omega_d R^d = V(X) = \mathrm{Leb}\{x : p(x) > p(X)\}

    Parameters
    ----------
    log_p
        Logarithm of the density of X at the nodes of a grid, of shape (..., N).
    volume
        Of a cell of the grid.
    d
        Number of dimensions of the grid.

    Returns
    -------
    NDArray
        In nats, of shape (...): no x -> f(x) with constant determinant that carries the data to a standard
        normal distribution can promise less, and some come as near as one likes.

    Raises
    ------
    ValueError
        If log_p is not finite or too large, volume is not positive, or d no whole number in 1 ... 100.

    Notes
    -----
    omega_d is the volume of the unit ball.  The balls about the origin, which are the most likely sets of
    their size under the normal distribution, can at best be the images of the superlevel sets of p (the
    bathtub principle, Lieb and Loss, 1.14).

    Examples
    --------
    >>> from lib.stats.quadrature import grid_nodes
    >>> x, volume = grid_nodes([-8.0, -8.0], [8.0, 8.0], 200)
    >>> log_p = -np.square(x).sum(axis=-1) / 2 - np.log(2 * np.pi)
    >>> bool(np.isclose(volume_preserving_ceiling(log_p, volume, 2), gaussian_entropy(np.eye(2)), rtol=1e-3))
    True
    """
    log_p, volume = _nodes("log_p", log_p), positive("volume", volume, ndim=0)
    d = count("d", d, high=100)
    p = volume * np.exp(-np.sort(-log_p, axis=-1))
    V = volume * (np.arange(p.shape[-1]) + 0.5)  # half of its own cell counts
    omega = math.pi ** (d / 2) / math.gamma(d / 2 + 1)
    return d / 2 * (1 + np.log(2 * math.pi / d * (p * (V / omega) ** (2 / d)).sum(axis=-1)))


def _nodes(name: str, value: ArrayLike) -> NDArray:
    value = finite(name, value)
    if value.ndim == 0 or value.shape[-1] == 0:
        raise ValueError(f"{name} must have shape (..., N), with a node at least, but it is {value.shape}")
    return value
