r"""Graphs as lists of edges: their matrices, and some that are drawn by chance or by hand.

A graph of n nodes keeps each edge {i, j} in both directions, sorted by the node into which it leads.  What
is summed over neighbours is then a sum over stretches of one list: time and memory grow with the number of
edges, not with n^2.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lib.checks import count, finite, generator, positive, whole


@dataclass(frozen=True, eq=False)
class Graph:
    """An undirected graph; `graph` makes one of a list of edges.

    Parameters
    ----------
    n
        Number of nodes, which are called 0 ... n - 1.
    target, source
        Edge e leads from source[e] into target[e]; sorted by target, then by source.
    reverse
        The place of the same edge in the other direction; a loop is its own.

    Examples
    --------
    >>> path = graph([(0, 1), (1, 2)], 3)
    >>> path.target.tolist(), path.source.tolist(), path.reverse.tolist()
    ([0, 1, 1, 2], [1, 0, 2, 1], [1, 0, 3, 2])
    >>> path.degrees.tolist(), path.with_loops().degrees.tolist()
    ([1, 2, 1], [2, 3, 2])
    """

    n: int
    target: NDArray
    source: NDArray
    reverse: NDArray

    @cached_property
    def degrees(self) -> NDArray:
        """Number of edges into each node, of shape (n,); a loop counts once."""
        return np.bincount(self.target, minlength=self.n)

    @cached_property
    def _stretches(self) -> tuple[NDArray, NDArray]:
        """The nodes that have edges, and the place where the edges of each begin."""
        nodes = np.flatnonzero(self.degrees)
        return nodes, np.searchsorted(self.target, nodes)

    def sum_into(self, m: NDArray) -> NDArray:
        r"""Sum what the edges carry, at the nodes into which they lead.

        .. math:: f_i = \sum_{e \to i} m_e

        Parameters
        ----------
        m
            A row for each edge, of shape (..., E, d).

        Returns
        -------
        NDArray
            Of shape (..., n, d); zero where there is no edge.
        """
        nodes, starts = self._stretches
        f = np.zeros((*m.shape[:-2], self.n, m.shape[-1]), m.dtype)
        if len(nodes):
            f[..., nodes, :] = np.add.reduceat(m, starts, axis=-2)
        return f

    def with_loops(self) -> "Graph":
        """Return the same graph with an edge from each node to itself, which must have none.

        Raises
        ------
        ValueError
            If the graph has a loop: a second one would count twice.
        """
        if (self.target == self.source).any():
            raise ValueError("graph must have no loops, but it has some already")
        forward = self.target > self.source
        i = np.concatenate([self.target[forward], np.arange(self.n)])
        j = np.concatenate([self.source[forward], np.arange(self.n)])
        return _both_directions(i, j, self.n)


def _both_directions(i: NDArray, j: NDArray, n: int) -> Graph:
    """Return the graph of the edges {i, j}, each of which is given once."""
    proper = i != j
    target, source = np.concatenate([i, j[proper]]), np.concatenate([j, i[proper]])
    order = np.lexsort((source, target))
    target, source = target[order], source[order]
    # Sorted by source, the edges come in the order of their other directions.
    return Graph(n, target, source, np.argsort(np.lexsort((target, source))))


def graph(edges: ArrayLike, n: int) -> Graph:
    """Make a graph of its edges.

    Parameters
    ----------
    edges
        Pairs {i, j} of different nodes, each given once in either order, of shape (m, 2).
    n
        Number of nodes.

    Returns
    -------
    Graph
        With 2 m directed edges.

    Raises
    ------
    ValueError
        If edges does not hold pairs of nodes 0 ... n - 1, or has a loop, or an edge twice.

    Examples
    --------
    >>> graph([(0, 1), (1, 0)], 2)
    Traceback (most recent call last):
    ...
    ValueError: edges must hold each edge once, but 1 of the 2 are there before
    """
    n, edges = count("n", n), whole("edges", edges, ndim=2).astype(int)
    if edges.max() >= n:
        raise ValueError(f"edges must join nodes below n = {n}, but one is {edges.max()}")
    if edges.shape[1] != 2:
        raise ValueError(f"edges must have shape (m, 2), but it is {edges.shape}")
    i, j = edges.T
    if (i == j).any():
        raise ValueError(f"edges must join different nodes, but {int((i == j).sum())} are loops")
    again = len(edges) - len(np.unique(np.sort(edges, axis=1), axis=0))
    if again:
        raise ValueError(f"edges must hold each edge once, but {again} of the {len(edges)} are there before")
    return _both_directions(i, j, n)


def union(*graphs: Graph) -> Graph:
    """Lay graphs side by side: one graph, without an edge between them.

    Parameters
    ----------
    graphs
        One at least; the nodes of each follow those of the one before.

    Returns
    -------
    Graph
        With the sum of their nodes and edges.

    Raises
    ------
    ValueError
        If there is none.

    Examples
    --------
    >>> edge = graph([(0, 1)], 2)
    >>> union(edge, edge).source.tolist()
    [1, 0, 3, 2]
    """
    if not graphs:
        raise ValueError("graphs must hold one at least")
    nodes = np.cumsum([0, *(one.n for one in graphs)])
    edges = np.cumsum([0, *(len(one.target) for one in graphs)])
    return Graph(
        int(nodes[-1]),
        np.concatenate([one.target + first for one, first in zip(graphs, nodes[:-1], strict=True)]),
        np.concatenate([one.source + first for one, first in zip(graphs, nodes[:-1], strict=True)]),
        np.concatenate([one.reverse + first for one, first in zip(graphs, edges[:-1], strict=True)]),
    )


def matrix(graph: Graph, weights: ArrayLike | None = None) -> NDArray:
    r"""Return the matrix of a graph whose edges have weights: without them, its adjacency matrix A.

    .. math:: S_{ij} = w_e \text{ if } e \text{ leads from } j \text{ into } i, \text{ else } 0

    Parameters
    ----------
    graph
        The graph, a small one: the matrix is dense.
    weights
        One for each directed edge, of shape (E,); all one by default.

    Returns
    -------
    NDArray
        S, of shape (n, n).

    Raises
    ------
    ValueError
        If weights is not finite, or has another shape.

    Examples
    --------
    >>> matrix(graph([(0, 1), (1, 2)], 3)).tolist()
    [[0.0, 1.0, 0.0], [1.0, 0.0, 1.0], [0.0, 1.0, 0.0]]
    """
    S = np.zeros((graph.n, graph.n))
    S[graph.target, graph.source] = 1.0 if weights is None else one_each(graph, weights)
    return S


def one_each(graph: Graph, weights: ArrayLike) -> NDArray:
    """Return the weights if there is one for each directed edge, else raise a `ValueError`."""
    weights = finite("weights", weights)
    if weights.shape != graph.target.shape:
        raise ValueError(f"weights must have shape {graph.target.shape}, but it is {weights.shape}")
    return weights


def laplacian(graph: Graph) -> NDArray:
    r"""Return the Laplacian of a graph.

    .. math:: \mathcal L = D - A, \qquad x^T \mathcal L x = \sum_{\{i, j\}} (x_i - x_j)^2

    Parameters
    ----------
    graph
        The graph, a small one: the matrix is dense.

    Returns
    -------
    NDArray
        Of shape (n, n).

    Examples
    --------
    >>> laplacian(graph([(0, 1)], 2)).tolist()
    [[1.0, -1.0], [-1.0, 1.0]]
    """
    return np.diag(graph.degrees) - matrix(graph)


def symmetric_weights(graph: Graph) -> NDArray:
    r"""Weights of the edges in the symmetric normalization.

    .. math:: w_{ij} = \frac1{\sqrt{d_i d_j}}, \qquad S = D^{-1/2} A D^{-1/2}

    Parameters
    ----------
    graph
        The graph.  For a graph convolutional network it has its loops already: the degrees count them.

    Returns
    -------
    NDArray
        Of shape (E,).

    Examples
    --------
    >>> symmetric_weights(graph([(0, 1), (1, 2)], 3).with_loops()).round(3).tolist()
    [0.5, 0.408, 0.408, 0.333, 0.408, 0.408, 0.5]
    """
    d = graph.degrees
    return 1 / np.sqrt(d[graph.target] * d[graph.source])


def mean_weights(graph: Graph) -> NDArray:
    r"""Weights of the edges in the mean over the neighbours.

    .. math:: w_{ij} = \frac1{d_i}, \qquad P = D^{-1} A

    Parameters
    ----------
    graph
        The graph.

    Returns
    -------
    NDArray
        Of shape (E,).

    Examples
    --------
    >>> mean_weights(graph([(0, 1), (1, 2)], 3)).tolist()
    [1.0, 0.5, 0.5, 1.0]
    """
    return 1 / graph.degrees[graph.target]


def block_model(n: int, c_in: float, c_out: float, rng: np.random.Generator) -> tuple[Graph, NDArray]:
    r"""Draw a graph with two hidden classes: the stochastic block model.

    .. math:: P(\{i, j\} \text{ is an edge}) = \frac1n \begin{cases} c_{\rm in} & y_i = y_j \\
              c_{\rm out} & y_i \ne y_j \end{cases} \qquad \text{independently of each other}

    Parameters
    ----------
    n
        Number of nodes.  The first half, and one more if n is odd, is of class +1, the rest of class -1.
    c_in, c_out
        A node has c_in / 2 neighbours of its own class, c_out / 2 of the other, on average, if n is large.
    rng
        Source of randomness: the edges between the classes are drawn, then within the first, then the second.

    Returns
    -------
    graph : Graph
        The edges; time and memory grow with their number.
    y : NDArray
        Classes, +1 or -1, of shape (n,).

    Raises
    ------
    ValueError
        If n is no whole number or below 2, c_in or c_out lies outside 0 ... n, or rng is no generator.

    Notes
    -----
    Holland, Laskey and Leinhardt (1983).  The number of edges of a block is binomial, and given it all sets
    of pairs are equally likely: no pair that is no edge is looked at.

    Examples
    --------
    >>> complete, y = block_model(4, 4, 0, np.random.default_rng(0))  # each class knows its own
    >>> y.tolist(), complete.source.tolist()
    ([1, 1, -1, -1], [1, 0, 3, 2])
    """
    n, rng = count("n", n, low=2), generator("rng", rng)
    p_in, p_out = _probability("c_in", c_in, n), _probability("c_out", c_out, n)
    first, second = n - n // 2, n // 2
    between = np.add(np.divmod(_pairs(first * second, p_out, rng), second), [[0], [first]])
    blocks = [
        _below_diagonal(_pairs(first * (first - 1) // 2, p_in, rng)),
        first + _below_diagonal(_pairs(second * (second - 1) // 2, p_in, rng)),
        between,
    ]
    i, j = np.concatenate(blocks, axis=1)
    return _both_directions(i, j, n), np.repeat([1, -1], [first, second])


def _probability(name: str, c: float, n: int) -> float:
    c = finite(name, c, ndim=0).item()
    if not 0 <= c <= n:
        raise ValueError(f"{name} must lie between 0 and n = {n}, but it is {c}")
    return c / n


def _pairs(total: int, p: float, rng: np.random.Generator) -> NDArray:
    """Choose each of 0 ... total - 1 with probability p."""
    return rng.choice(total, rng.binomial(total, p), replace=False, shuffle=False)


def _below_diagonal(k: NDArray) -> NDArray:
    """Return rows i, j, the k-th of the pairs (1, 0), (2, 0), (2, 1), (3, 0), ...: i (i - 1) / 2 + j = k."""
    i = ((1 + np.sqrt(1 + 8 * k)) / 2).astype(int)
    i -= i * (i - 1) // 2 > k  # the root may be rounded up
    return np.array([i, k - i * (i - 1) // 2])


def node_features(y: ArrayLike, mu: float, rng: np.random.Generator) -> NDArray:
    r"""Draw a weak hint of its class for each node.

    .. math:: x_i = \mu y_i + \varepsilon_i, \qquad \varepsilon_i \sim N(0, 1)

    Parameters
    ----------
    y
        Classes, +1 or -1, of shape (n,).
    mu
        Strength of the hint, positive.
    rng
        Source of randomness.

    Returns
    -------
    NDArray
        x, of shape (n,).

    Raises
    ------
    ValueError
        If y holds anything but +1 and -1, mu is not positive and finite, or rng is no generator.

    Examples
    --------
    >>> node_features([1, -1], 1e6, np.random.default_rng(0)).round(-3).tolist()
    [1000000.0, -1000000.0]
    """
    y, mu, rng = whole("y", y, low=-1, high=1, ndim=1), positive("mu", mu, ndim=0), generator("rng", rng)
    if (y == 0).any():
        raise ValueError("y must hold +1 and -1 alone, but there are zeros")
    return mu * y + rng.normal(size=len(y))


# Who is a friend of whom, each tie at its lower number; the members are counted from 1.
CLUB = {
    1: [2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 14, 18, 20, 22, 32],
    2: [3, 4, 8, 14, 18, 20, 22, 31],
    3: [4, 8, 9, 10, 14, 28, 29, 33],
    **{4: [8, 13, 14], 5: [7, 11], 6: [7, 11, 17], 7: [17], 9: [31, 33, 34], 10: [34], 14: [34]},
    **{15: [33, 34], 16: [33, 34], 19: [33, 34], 20: [34], 21: [33, 34], 23: [33, 34]},
    **{24: [26, 28, 30, 33, 34], 25: [26, 28, 32], 26: [32], 27: [30, 34], 28: [34], 29: [32, 34]},
    **{30: [33, 34], 31: [33, 34], 32: [33, 34], 33: [34]},
}
MR_HI = [1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 14, 17, 18, 20, 22]


def karate_club() -> tuple[Graph, NDArray]:
    """Return the friendships in a karate club that fell apart, and who went with whom.

    Returns
    -------
    graph : Graph
        34 members and 78 ties; member k of the source is node k - 1.
    y : NDArray
        +1 for the club of Mr. Hi (member 1), -1 for the officer's (member 34), of shape (34,).

    Notes
    -----
    Zachary (1977).  Member 9 leaned to the officer, but stayed with Mr. Hi.

    Examples
    --------
    >>> club, y = karate_club()
    >>> club.n, len(club.target) // 2, int(y.sum())
    (34, 78, 0)
    """
    edges = [(i - 1, j - 1) for i, friends in CLUB.items() for j in friends]
    return graph(edges, 34), np.where(np.isin(np.arange(1, 35), MR_HI), 1, -1)
