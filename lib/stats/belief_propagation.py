"""Belief propagation: what all hints together say of each node of a tree, by messages along its edges."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lib.checks import count, finite, representable
from lib.datasets.graphs import Graph


@representable("c_in", "c_out")
def correlation(c_in: float, c_out: float) -> float:
    r"""Mean of the product of the classes of two neighbours in the block model.

    .. math:: r = E[y_i y_j] = \frac{c_{\rm in} - c_{\rm out}}{c_{\rm in} + c_{\rm out}}

    Parameters
    ----------
    c_in, c_out
        As in `lib.datasets.graphs.block_model`, not both zero.

    Returns
    -------
    float
        r, in [-1, 1].

    Raises
    ------
    ValueError
        If c_in or c_out is negative or not finite, or both are zero.

    Examples
    --------
    >>> correlation(3, 1)
    0.5
    """
    c_in, c_out = (finite(name, c, ndim=0).item() for name, c in {"c_in": c_in, "c_out": c_out}.items())
    if min(c_in, c_out) < 0 or max(c_in, c_out) == 0:
        raise ValueError(
            f"c_in and c_out must not be negative, nor both zero, but they are {c_in} and {c_out}"
        )
    return (c_in - c_out) / (c_in + c_out)


def message(odds: ArrayLike, r: float) -> NDArray:
    r"""Return what a node may conclude from a neighbour's log-odds alone.

    .. math:: \ell \mapsto 2 \operatorname{artanh}\!\big(r \tanh \tfrac{\ell}2\big)

    Parameters
    ----------
    odds
        Log-odds that the neighbour has class +1, of any shape.
    r
        Mean of the product of the classes of two neighbours, in (-1, 1).

    Returns
    -------
    NDArray
        Log-odds that the node has class +1, of the shape of odds.

    Raises
    ------
    ValueError
        If odds is not finite, or r lies outside (-1, 1).

    Notes
    -----
    Bayes' rule: neighbours have the same class with probability (1 + r) / 2.

    Examples
    --------
    >>> p = 0.9 * 0.8 + 0.1 * 0.2  # the neighbour is +1 with probability .8, and neighbours agree with .9
    >>> bool(np.isclose(message(np.log(0.8 / 0.2), r=0.8), np.log(p / (1 - p))))
    True
    """
    r = finite("r", r, ndim=0).item()
    if not -1 < r < 1:
        raise ValueError(f"r must lie in (-1, 1), but it is {r}")
    return 2 * np.arctanh(r * np.tanh(finite("odds", odds) / 2))


def believe(graph: Graph, r: float, prior: ArrayLike, rounds: int) -> NDArray:
    r"""Belief propagation for two classes: what is known of each node after 0, 1, ... rounds.

    .. math:: \ell_i = \ell_i^0 + \sum_{j \sim i} m_{j \to i}, \qquad
              m_{j \to i} = 2 \operatorname{artanh}\!\big(r \tanh \tfrac12 (\ell_j - m_{i \to j})\big)

    Parameters
    ----------
    graph
        Without loops.
    r
        Mean of the product of the classes of two neighbours, in (-1, 1): see `correlation`.
    prior
        Log-odds of class +1 from each node's own hint, of shape (n,); 2 mu x for a hint x ~ N(mu y, 1).
    rounds
        After k rounds each node has heard of all that is at most k steps away.

    Returns
    -------
    NDArray
        Log-odds of class +1, of shape (rounds + 1, n).

    Raises
    ------
    ValueError
        If prior does not hold a finite number for each node, r lies outside (-1, 1), rounds is negative or no
        whole number, or graph has a loop.

    Notes
    -----
    Pearl (1988).  On a tree this is the posterior given all that is at most k steps away: no function of that
    neighbourhood is more often right.  A node does not hear its own words back: l_j - m_{i -> j}.

    Examples
    --------
    >>> from lib.datasets.graphs import graph
    >>> pair = graph([(0, 1)], 2)
    >>> believe(pair, 0.5, [2.0, 0.0], rounds=1).round(3).tolist()
    [[2.0, 0.0], [2.0, 0.802]]
    """
    prior, rounds = finite("prior", prior, ndim=1), count("rounds", rounds, low=0)
    if len(prior) != graph.n:
        raise ValueError(f"prior must hold {graph.n} numbers, one for each node, but it has {len(prior)}")
    if (graph.target == graph.source).any():
        raise ValueError("graph must have no loops")
    m, odds = np.zeros(len(graph.source)), prior
    history = [odds]
    for _ in range(rounds):
        m = message(odds[graph.source] - m[graph.reverse], r)
        odds = prior + graph.sum_into(m[:, None])[:, 0]
        history.append(odds)
    return np.array(history)
