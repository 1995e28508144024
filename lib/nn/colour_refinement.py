"""Colour refinement: what a message-passing network can tell apart at most."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lib.checks import count, whole
from lib.datasets.graphs import Graph


def refine(graph: Graph, rounds: int | None = None, colours: ArrayLike | None = None) -> NDArray:
    r"""Colour refinement, also called the Weisfeiler-Leman test of dimension 1.

    .. math:: c_i^{k+1} = c_j^{k+1} \iff c_i^k = c_j^k \ \text{ and }\
              \{\!\{c_u^k : u \sim i\}\!\} = \{\!\{c_u^k : u \sim j\}\!\}

    Parameters
    ----------
    graph
        The graph.  To compare several, give their `union`: colours mean the same in all of them.
    rounds
        Number of rounds; by default as many as change anything, n - 1 at most.
    colours
        First colours, whole numbers, of shape (n,); all equal by default.

    Returns
    -------
    NDArray
        Colours 0, 1, ... of shape (n,).

    Raises
    ------
    ValueError
        If rounds is negative or no whole number, or colours does not hold a whole number for each node.

    Notes
    -----
    Weisfeiler and Leman (1968).  No hashing: equal colours are equal neighbourhoods.

    Examples
    --------
    >>> from lib.datasets.graphs import graph
    >>> refine(graph([(0, 1), (1, 2), (2, 3), (3, 4)], 5)).tolist()
    [0, 1, 2, 1, 0]
    """
    if colours is None:
        colours = np.zeros(graph.n, int)
    colours = np.unique(whole("colours", colours, low=-(2**40), ndim=1), return_inverse=True)[1]
    if len(colours) != graph.n:
        raise ValueError(f"colours must hold {graph.n} numbers, one for each node, but it has {len(colours)}")
    for _ in range(graph.n - 1 if rounds is None else count("rounds", rounds, low=0)):
        finer = _refined(graph, colours)
        # Colours only ever split: as many as before are the same as before.
        if finer.max() == colours.max():
            break
        colours = finer
    return colours


def _refined(graph: Graph, colours: NDArray) -> NDArray:
    """Return the colours after one round: the number of each node's row (own colour, sorted neighbours)."""
    seen = colours[graph.source]
    place = np.arange(len(seen)) - np.searchsorted(graph.target, graph.target)  # among the edges of its node
    rows = np.full((graph.n, 1 + graph.degrees.max()), -1)
    rows[:, 0] = colours
    rows[graph.target, 1 + place] = seen[np.lexsort((seen, graph.target))]
    return np.unique(rows, axis=0, return_inverse=True)[1].reshape(-1)
