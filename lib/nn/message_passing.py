r"""Layers on graphs: the rows of h are the nodes.

One ingredient is new, `propagate`: each node takes a weighted sum over its neighbours.  Graph convolution
and the sum over neighbours beside a node's own features are that and `linear`; attention finds its weights
itself.
"""

from collections.abc import Callable
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lib.checks import count, ensemble, proportion
from lib.datasets.graphs import Graph, one_each, symmetric_weights
from lib.nn.initialization import Initializer
from lib.nn.layers import HE, Layer, input_checked, linear, no_parameters, relu, serial


def _one_row_each(graph: Graph, h: NDArray) -> None:
    if h.shape[-2] != graph.n:
        raise ValueError(f"it needs a row for each of the {graph.n} nodes")


@input_checked(ndim=2)
def propagate(graph: Graph, weights: ArrayLike | None = None) -> Layer:
    r"""Each node takes the weighted sum of its neighbours' features.

    .. math:: f = S h, \qquad f_i = \sum_{j \sim i} w_{ij} h_j, \qquad
              \frac{\partial L}{\partial h} = S^T \frac{\partial L}{\partial f}

    Parameters
    ----------
    graph
        The neighbours, and the node itself if it has its loop.
    weights
        One for each directed edge, of shape (E,): `symmetric_weights` or `mean_weights` of
        `lib.datasets.graphs`, say.  All one by default: S is the adjacency matrix.

    Returns
    -------
    Layer
        Without parameters; h and f of shape (..., n, d).

    Raises
    ------
    ValueError
        If weights has not one number for each directed edge.

    Examples
    --------
    >>> from lib.datasets.graphs import graph
    >>> path = graph([(0, 1), (1, 2)], 3)
    >>> propagate(path).apply((), np.array([[1.0], [10.0], [100.0]]))[0].tolist()
    [[10.0], [101.0], [10.0]]
    """
    w = None if weights is None else one_each(graph, weights)[:, None]
    back = None if w is None else w[graph.reverse]

    def total(h: NDArray, w: NDArray | None) -> NDArray:
        carried = np.take(h, graph.source, axis=-2)
        return graph.sum_into(carried if w is None else w.astype(h.dtype, copy=False) * carried)

    def apply(_: tuple, h: NDArray) -> tuple:
        _one_row_each(graph, h)
        return total(h, w), lambda df: ((), total(df, back))

    return Layer(no_parameters, apply)


@input_checked()
def identity() -> Layer:
    """Return the input as it is: the branch of `beside` that changes nothing.

    Returns
    -------
    Layer
        Without parameters; f = h.
    """
    return Layer(no_parameters, lambda _, h: (h, lambda df: ((), df)))


@input_checked(ndim=2)
def beside(*layers: Layer) -> Layer:
    r"""Lay the outputs of several layers on the same input side by side.

    .. math:: f = \big[f_1(h), f_2(h), \dots\big], \qquad
              \frac{\partial L}{\partial h} = \sum_k \frac{\partial L}{\partial f_k}
              \frac{\partial f_k}{\partial h}

    Parameters
    ----------
    layers
        One at least; their outputs have the same number of rows.

    Returns
    -------
    Layer
        With params the tuple of the layers' params.

    Raises
    ------
    ValueError
        If there is no layer.

    Examples
    --------
    >>> beside(identity(), relu()).apply(((), ()), np.array([[-1.0, 2.0]]))[0].tolist()
    [[-1.0, 2.0, 0.0, 2.0]]
    """
    if not layers:
        raise ValueError("layers must hold one at least")

    def init(rng: np.random.Generator, members: int | None = None) -> tuple:
        return tuple(layer.init(rng, members) for layer in layers)

    def apply(params: tuple, h: NDArray) -> tuple:
        f, pulls = zip(*[layer.apply(own, h) for layer, own in zip(layers, params, strict=True)], strict=True)
        cuts = np.cumsum([part.shape[-1] for part in f])[:-1]

        def pullback(df: NDArray) -> tuple:
            parts = np.split(df, cuts, axis=-1)
            grads, dh = zip(*[pull(part) for pull, part in zip(pulls, parts, strict=True)], strict=True)
            return grads, sum(dh)

        return np.concatenate(_same_members(f), axis=-1), pullback

    return Layer(init, apply)


def _same_members(f: tuple[NDArray, ...]) -> list[NDArray]:
    """Give an output that is the same for all members, because its layer has no parameters, their axis."""
    lead = np.broadcast_shapes(*(part.shape[:-1] for part in f))
    return [np.broadcast_to(part, (*lead, part.shape[-1])) for part in f]


def gcn(
    graph: Graph, *widths: int, activation: Callable[[], Layer] = relu, weights: Initializer = HE
) -> Layer:
    r"""Graph convolutional network.

    .. math:: h^{k+1} = a\big(\tilde S h^k \Omega_k^T + b_k\big), \qquad
              \tilde S = \tilde D^{-1/2} (A + I) \tilde D^{-1/2}

    Parameters
    ----------
    graph
        Without loops: they are added here, before the degrees are counted.
    widths
        Features of a node from the input to the output; at least two numbers.
    activation
        Makes the layer between two convolutions; there is none after the last.
    weights
        Draws the first weights of every linear layer, He's way by default.

    Returns
    -------
    Layer
        From (..., n, widths[0]) to (..., n, widths[-1]).

    Raises
    ------
    ValueError
        If there are fewer than two widths, or one is no positive whole number, or graph has a loop.

    Notes
    -----
    Kipf and Welling (2017).
    """
    if len(widths) < 2:
        raise ValueError(f"widths must hold the input's and the output's size, but it is {widths}")
    widths = [count("widths", width) for width in widths]
    looped = graph.with_loops()
    mix = propagate(looped, symmetric_weights(looped))
    triples = [(mix, linear(d_in, d_out, weights), activation()) for d_in, d_out in pairwise(widths)]
    return serial(*[layer for triple in triples for layer in triple][:-1])


def neighbour_layer(
    graph: Graph, d_in: int, d_out: int, weights: ArrayLike | None = None, first: Initializer = HE
) -> Layer:
    r"""Take a node's own features and, apart from them, the sum of its neighbours'.

    .. math:: f_i = \Omega\, \big[h_i, \textstyle\sum_{j \sim i} w_{ij} h_j\big] + b

    Parameters
    ----------
    graph
        Without loops, as a rule.
    d_in, d_out
        Features of a node before and after.
    weights
        Weights of the sum, as in `propagate`.
    first
        Draws the first Omega, of shape (d_out, 2 d_in).

    Returns
    -------
    Layer
        With the params of `linear`; from (..., n, d_in) to (..., n, d_out).

    Raises
    ------
    ValueError
        If a size is no positive whole number, or weights does not fit.

    Notes
    -----
    Hamilton, Ying and Leskovec (2017), there with a mean; with a sum, Morris et al. (2019).
    """
    d_in, d_out = count("d_in", d_in), count("d_out", d_out)
    return serial(beside(identity(), propagate(graph, weights)), linear(2 * d_in, d_out, first))


@input_checked(ndim=2)
def graph_attention(
    graph: Graph, d_in: int, d_out: int, dynamic: bool = False, slope: float = 0.2, weights: Initializer = HE
) -> Layer:
    r"""Graph attention, one head: the weights of the sum over neighbours depend on their features.

    .. math:: f_i = \sum_{j \sim i} \alpha_{ij} u_j + b, \qquad
              \alpha_{ij} = \frac{e^{s_{ij}}}{\sum_{k \sim i} e^{s_{ik}}}, \qquad u = h\, \Omega^T

    .. math:: s_{ij} = \operatorname{leaky}(v^T u_i + w^T u_j) \ \text{ (static)}, \qquad
              s_{ij} = w^T \operatorname{leaky}(V h_i + u_j) \ \text{ (dynamic)}

    Parameters
    ----------
    graph
        Each node looks at its neighbours, and at itself if it has its loop.
    d_in, d_out
        Features of a node before and after.
    dynamic
        Whether the activation comes before w or after it.
    slope
        Slope of the leaky activation below zero, in [0, 1].
    weights
        Draws the first Omega and V, and v and w as matrices of one row; b starts at zero.

    Returns
    -------
    Layer
        With params (Omega, V or v, w, b) of shapes (..., d_out, d_in), the same or (..., 1, d_out),
        (..., 1, d_out) and (..., d_out); from (..., n, d_in) to (..., n, d_out).  A node without an edge
        gets b.

    Raises
    ------
    ValueError
        If a size is no positive whole number, or slope lies outside [0, 1].

    Notes
    -----
    Velickovic et al. (2018); dynamic: Brody, Alon and Yahav (2022).
    """
    d_in, d_out, slope = count("d_in", d_in), count("d_out", d_out), proportion("slope", slope)
    target, source = graph.target, graph.source

    def init(rng: np.random.Generator, members: int | None = None) -> tuple:
        Omega = weights(rng, d_out, d_in, members)
        v = weights(rng, d_out, d_in, members) if dynamic else weights(rng, 1, d_out, members)
        w = weights(rng, 1, d_out, members)
        return Omega, v, w, np.zeros((*ensemble("members", members), d_out))

    def at(h: NDArray, nodes: NDArray) -> NDArray:
        return np.take(h, nodes, axis=-2)

    def back_to_sources(m: NDArray) -> NDArray:
        """Sum over the edges out of each node: those into it, in the other direction."""
        return graph.sum_into(np.take(m, graph.reverse, axis=-2))

    def apply(params: tuple, h: NDArray) -> tuple:
        Omega, v, w, b = params
        _one_row_each(graph, h)
        u = h @ Omega.mT
        if dynamic:
            z = at(h @ v.mT, target) + at(u, source)  # (..., E, d_out)
            leak = np.where(z.real > 0, 1, slope).astype(h.dtype, copy=False)
            s = (z * leak) @ w.mT  # (..., E, 1)
        else:
            z = at(u @ v.mT, target) + at(u @ w.mT, source)  # (..., E, 1)
            leak = np.where(z.real > 0, 1, slope).astype(h.dtype, copy=False)
            s = z * leak
        alpha = _softmax_into(graph, s)
        values = at(u, source)

        def pullback(df: NDArray) -> tuple:
            df_target = at(df, target)
            dalpha = (df_target * values).sum(axis=-1, keepdims=True)
            ds = alpha * (dalpha - at(graph.sum_into(alpha * dalpha), target))
            du = back_to_sources(alpha * df_target)
            if dynamic:
                dz = ds * leak * w
                dw = ds.mT @ (z * leak)
                dq = graph.sum_into(dz)
                du = du + back_to_sources(dz)
                dv, dh = dq.mT @ h, dq @ v
            else:
                dz = ds * leak
                left, right = graph.sum_into(dz), back_to_sources(dz)
                du = du + left * v + right * w
                dv, dw, dh = left.mT @ u, right.mT @ u, 0
            return (du.mT @ h, dv, dw, df.sum(axis=-2)), dh + du @ Omega

        return graph.sum_into(alpha * values) + b[..., None, :], pullback

    return Layer(init, apply)


def _softmax_into(graph: Graph, s: NDArray) -> NDArray:
    """Softmax over the edges into each node, of scores (..., E, 1)."""
    nodes, starts = graph._stretches
    largest = np.zeros((*s.shape[:-2], graph.n, 1), s.real.dtype)
    if len(nodes):
        largest[..., nodes, :] = np.maximum.reduceat(s.real, starts, axis=-2)
    p = np.exp(s - np.take(largest, graph.target, axis=-2))
    return p / np.take(graph.sum_into(p), graph.target, axis=-2)
