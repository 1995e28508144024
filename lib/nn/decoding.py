"""Decoding: what is said, once the probabilities of the next token are known."""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lib.checks import count, distribution, positive, representable


def temperature(p: ArrayLike, tau: float) -> NDArray:
    r"""Make a distribution sharper (tau below 1) or flatter.

    .. math:: q_j = \frac{p_j^{1/\tau}}{\sum_k p_k^{1/\tau}}

    Parameters
    ----------
    p
        Probabilities, of shape (..., V).
    tau
        Temperature, above 0.

    Returns
    -------
    NDArray
        q, of shape (..., V).

    Raises
    ------
    ValueError
        If p is no distribution, or tau is not positive.

    Examples
    --------
    >>> temperature([0.75, 0.25], tau=0.5).round(12).tolist()
    [0.9, 0.1]
    """
    p, tau = _probabilities(p), positive("tau", tau, ndim=0)
    with np.errstate(divide="ignore", under="ignore", over="ignore"):
        # Relative to the largest nothing overflows, and the largest stays 1: the sum is not zero.
        log_ratio = np.log(p) - np.log(p.max(axis=-1, keepdims=True))
        q = np.exp(np.where(log_ratio < 0, log_ratio / tau, 0))
    return q / q.sum(axis=-1, keepdims=True)


def top_k(p: ArrayLike, k: int) -> NDArray:
    r"""Keep the k most probable tokens.

    .. math:: q_j \propto p_j\, [\text{rank of } j \le k]

    Parameters
    ----------
    p
        Probabilities, of shape (..., V).
    k
        How many are kept, from 1 on; of equals, the first.

    Returns
    -------
    NDArray
        q, of shape (..., V).

    Raises
    ------
    ValueError
        If p is no distribution, or k is no positive whole number.

    Examples
    --------
    >>> top_k([0.5, 0.3, 0.2], k=2).round(12).tolist()
    [0.625, 0.375, 0.0]
    """
    p, k = _probabilities(p), count("k", k)
    return _kept(p, lambda ordered: np.broadcast_to(np.arange(p.shape[-1]) < k, p.shape))


def nucleus(p: ArrayLike, mass: float) -> NDArray:
    r"""Keep the fewest tokens, the most probable first, that have a given mass together.

    .. math:: q_j \propto p_j\, \Big[\sum_{i \text{ before } j} p_i < \text{mass}\Big]

    Parameters
    ----------
    p
        Probabilities, of shape (..., V).
    mass
        What the kept ones have at least, above 0 and at most 1.

    Returns
    -------
    NDArray
        q, of shape (..., V).

    Raises
    ------
    ValueError
        If p is no distribution, or mass is not in (0, 1].

    Notes
    -----
    Holtzman et al. (2020).

    Examples
    --------
    >>> nucleus([0.5, 0.3, 0.2], mass=0.6).round(12).tolist()
    [0.625, 0.375, 0.0]
    """
    p, mass = _probabilities(p), positive("mass", mass, ndim=0)
    if mass > 1:
        raise ValueError(f"mass must be at most 1, but it is {mass}")

    def few(ordered: NDArray) -> NDArray:
        before = np.zeros_like(ordered)
        before[..., 1:] = np.cumsum(ordered, axis=-1)[..., :-1]
        return before < mass

    return _kept(p, few)


@representable("p")
def _probabilities(p: ArrayLike) -> NDArray:
    p = distribution("p", p).astype(float)
    if p.size == 0:
        raise ValueError(f"p must not be empty, but its shape is {p.shape}")
    return p


def _kept(p: NDArray, choose: Callable[[NDArray], NDArray]) -> NDArray:
    """Set to zero what is not chosen among the probabilities in falling order, and divide by the sum."""
    order = np.argsort(-p, axis=-1, kind="stable")
    keep = np.empty(p.shape, bool)
    np.put_along_axis(keep, order, choose(np.take_along_axis(p, order, axis=-1)), axis=-1)
    q = np.where(keep, p, 0)
    return q / q.sum(axis=-1, keepdims=True)


def beam_search(following: Callable[[NDArray], NDArray], length: int, width: int) -> tuple[NDArray, NDArray]:
    r"""Look for a probable text: extend each of a few beginnings by every token, and keep the best few.

    Parameters
    ----------
    following
        Texts, whole numbers of shape (m, t) -> probabilities of the next token, of shape (m, V).
    length
        Number of tokens of a text.
    width
        How many are kept; 1 is greedy decoding.

    Returns
    -------
    texts : NDArray
        Of shape (m, length), with m at most `width`, the most probable first.
    log_p : NDArray
        Logarithms of their probabilities, of shape (m,).

    Raises
    ------
    ValueError
        If length or width is no positive whole number, or what follows is no distribution.

    Examples
    --------
    >>> coin = lambda texts: np.full((len(texts), 2), [0.25, 0.75])
    >>> texts, log_p = beam_search(coin, length=3, width=1)
    >>> texts.tolist(), np.exp(log_p).round(6).tolist()
    ([[1, 1, 1]], [0.421875])
    """
    length, width = count("length", length), count("width", width)
    texts, log_p = np.zeros((1, 0), int), np.zeros(1)
    for _ in range(length):
        p = distribution("following", following(texts)).astype(float)
        with np.errstate(divide="ignore"):
            scores = log_p[:, None] + np.log(p)
        best = np.argsort(-scores, axis=None, kind="stable")[:width]
        best = best[np.isfinite(scores.flat[best])]  # what is impossible is not kept
        parent, token = np.unravel_index(best, scores.shape)
        texts, log_p = np.column_stack([texts[parent], token]), scores.flat[best]
    return texts, log_p
