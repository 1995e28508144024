"""Transformers: tokens become rows, blocks of attention and perceptrons add to them, a read-out ends it."""

import numpy as np
from numpy.typing import NDArray

from lib.checks import choice, count, ensemble
from lib.nn.attention import self_attention
from lib.nn.initialization import variance_scaling
from lib.nn.layers import Layer, input_checked, linear, no_parameters, relu, residual, serial
from lib.nn.normalization import layer_norm

SMALL = variance_scaling(gain=0.1)
PLACES = ("learned", "rotary", "none")
NORMS = ("pre", "post", "none")


@input_checked(ndim=2)
def embedding(vocabulary: int, d: int) -> Layer:
    r"""Look up a row for each token.

    .. math:: h_i = E_{x_i}, \qquad
              \frac{\partial L}{\partial E_k} = \sum_{i:\, x_i = k} \frac{\partial L}{\partial h_i}

    Parameters
    ----------
    vocabulary
        V, number of different tokens.
    d
        Width of a row.

    Returns
    -------
    Layer
        With params (E,), of shape (..., V, d), at first standard normal; x of shape (..., B, T) holds whole
        numbers in 0 ... V-1 (as floats, too); h has shape (..., B T, d): the sequences one under the other.
        Its `apply` raises a `ValueError` if x holds something else.

    Raises
    ------
    ValueError
        If a size is no positive whole number.

    Examples
    --------
    >>> E = np.array([[1.0, 0.0], [0.0, 2.0]])
    >>> embedding(2, 2).apply((E,), np.array([[0, 1, 1]]))[0]
    array([[1., 0.],
           [0., 2.],
           [0., 2.]])
    """
    vocabulary, d = count("vocabulary", vocabulary), count("d", d)

    def init(rng: np.random.Generator, members: int | None = None) -> tuple:
        return (rng.normal(size=(*ensemble("members", members), vocabulary, d)),)

    def apply(params: tuple, x: NDArray) -> tuple:
        (E,) = params
        chosen = (x.reshape(*x.shape[:-2], -1)[..., None] == np.arange(vocabulary)).astype(E.dtype)
        if chosen.sum() != x.size:
            raise ValueError(f"tokens are whole numbers in 0 ... {vocabulary - 1}")
        return chosen @ E, lambda dh: ((chosen.mT @ dh,), np.zeros(x.shape, dh.dtype))

    return Layer(init, apply)


@input_checked(ndim=2)
def positions(T: int, d: int) -> Layer:
    r"""Add to each token a row that belongs to its place, and is learned.

    .. math:: f_{bt} = h_{bt} + P_t, \qquad
              \frac{\partial L}{\partial P_t} = \sum_b \frac{\partial L}{\partial f_{bt}}

    Parameters
    ----------
    T
        Number of places, tokens of a sequence.
    d
        Width of a row.

    Returns
    -------
    Layer
        With params (P,), of shape (..., T, d), at first standard normal; h and f of shape (..., B T, d).

    Raises
    ------
    ValueError
        If a size is no positive whole number.

    Examples
    --------
    >>> positions(2, 1).apply((np.array([[10.0], [20.0]]),), np.ones((4, 1)))[0].ravel().tolist()
    [11.0, 21.0, 11.0, 21.0]
    """
    T, d = count("T", T), count("d", d)

    def init(rng: np.random.Generator, members: int | None = None) -> tuple:
        return (rng.normal(size=(*ensemble("members", members), T, d)),)

    def apply(params: tuple, h: NDArray) -> tuple:
        (P,), sequences = params, (*h.shape[:-2], -1, T, d)
        if h.shape[-1] != d:
            raise ValueError(f"rows have width {d}")
        f = h.reshape(sequences) + P[..., None, :, :]
        return f.reshape(*f.shape[:-3], -1, d), lambda df: (
            (df.reshape(*df.shape[:-2], -1, T, d).sum(axis=-3),),
            df,
        )

    return Layer(init, apply)


@input_checked(ndim=2)
def patches(size: int, stride: int) -> Layer:
    r"""Cut rows into windows, each of which is a token.

    .. math:: f_{t} = (x_{ts}, \dots, x_{ts + \text{size} - 1}), \qquad t = 0, \dots, T - 1, \qquad
              T = 1 + \lfloor (D - \text{size}) / s \rfloor

    Parameters
    ----------
    size
        Numbers in a window.
    stride
        s, from the start of a window to that of the next; below `size`, windows overlap.

    Returns
    -------
    Layer
        Without parameters; x of shape (..., B, D), f of shape (..., B T, size).  Its `apply` raises a
        `ValueError` if a row is shorter than a window.

    Raises
    ------
    ValueError
        If a number is no positive whole number.

    Examples
    --------
    >>> patches(2, 1).apply((), np.array([[1.0, 2.0, 3.0]]))[0]
    array([[1., 2.],
           [2., 3.]])
    """
    size, stride = count("size", size), count("stride", stride)

    def apply(_: tuple, x: NDArray) -> tuple:
        windows = np.arange(0, x.shape[-1] - size + 1, stride)[:, None] + np.arange(size)
        if windows.size == 0:
            raise ValueError(f"a row must hold a window of size {size}")

        def pullback(df: NDArray) -> tuple:
            dx = np.zeros((*df.shape[:-2], *x.shape[-2:]), df.dtype)
            df = df.reshape(*dx.shape[:-1], *windows.shape)
            for t, window in enumerate(windows):
                dx[..., window] += df[..., t, :]
            return (), dx

        return x[..., windows].reshape(*x.shape[:-2], -1, size), pullback

    return Layer(no_parameters, apply)


@input_checked(ndim=2)
def mean_token(T: int) -> Layer:
    r"""Replace the tokens of each sequence by their mean.

    .. math:: f = \frac1T \sum_t h_t

    Parameters
    ----------
    T
        Tokens of a sequence.

    Returns
    -------
    Layer
        Without parameters; h of shape (..., B T, d), f of shape (..., B, d).

    Raises
    ------
    ValueError
        If T is no positive whole number.

    Examples
    --------
    >>> mean_token(2).apply((), np.array([[1.0], [2.0], [5.0], [7.0]]))[0].tolist()
    [[1.5], [6.0]]
    """
    T = count("T", T)

    def apply(_: tuple, h: NDArray) -> tuple:
        f = h.reshape(*h.shape[:-2], -1, T, h.shape[-1]).mean(axis=-2)
        return f, lambda df: ((), np.repeat(df / T, T, axis=-2))

    return Layer(no_parameters, apply)


def block(
    T: int,
    d: int,
    heads: int = 1,
    *,
    hidden: int | None = None,
    norm: str = "pre",
    causal: bool = True,
    rotary: bool = False,
) -> Layer:
    r"""Block of a transformer: attention looks at other tokens, a perceptron at each alone, and both add.

    .. math:: h \mapsto h + g(\text{LN}\,h), \qquad h \mapsto \text{LN}(h + g(h)), \qquad h \mapsto h + g(h)

    for the norm "pre", "post" and "none", first with g the attention, then with g the perceptron.

    Parameters
    ----------
    T, d, heads, causal, rotary
        As for `self_attention`.
    hidden
        Units of the perceptron, 4 d by default; with 0 there is none.
    norm
        Where the layer norm stands.

    Returns
    -------
    Layer
        From (..., B T, d) to (..., B T, d).

    Raises
    ------
    ValueError
        If a size is no positive whole number, heads does not divide d, or norm is unknown.

    Notes
    -----
    Vaswani et al. (2017) with "post"; "pre" is what most have used since Radford et al. (2019).
    """
    choice("norm", norm, NORMS)
    hidden = 4 * count("d", d) if hidden is None else count("hidden", hidden, low=0)
    parts = [self_attention(T, d, heads, causal=causal, rotary=rotary)]
    if hidden:
        parts.append(serial(linear(d, hidden), relu(), linear(hidden, d)))
    if norm == "pre":
        parts = [serial(layer_norm(d), part) for part in parts]
    layers = [residual(part) for part in parts]
    if norm == "post":
        layers = [serial(layer, layer_norm(d)) for layer in layers]
    return serial(*layers)


def residual_stream(
    vocabulary: int,
    T: int,
    d: int,
    heads: int = 1,
    depth: int = 1,
    *,
    places: str = "learned",
    **options: object,
) -> Layer:
    """Make a transformer without its end: tokens become rows, and blocks add to them.

    Parameters
    ----------
    vocabulary
        V, number of different tokens.
    T, d, heads
        As for `self_attention`.
    depth
        Number of blocks.
    places
        How a token knows where it stands: "learned" adds `positions`, "rotary" turns queries and keys, "none"
        leaves it to the mask.
    options
        Of `block`: hidden, norm, causal.

    Returns
    -------
    Layer
        From tokens (..., B, T) to rows (..., B T, d).  Its params are those of the embedding, of the
        positions if there are any, and of the blocks.

    Raises
    ------
    ValueError
        If a size is no positive whole number, heads does not divide d, or places or norm is unknown.
    """
    choice("places", places, PLACES)
    start = [embedding(vocabulary, d), *([positions(T, d)] if places == "learned" else [])]
    blocks = [block(T, d, heads, rotary=places == "rotary", **options) for _ in range(count("depth", depth))]
    return serial(*start, *blocks)


def transformer(
    vocabulary: int,
    T: int,
    d: int,
    heads: int = 1,
    depth: int = 1,
    *,
    places: str = "learned",
    norm: str = "pre",
    **options: object,
) -> Layer:
    r"""Make a language model: for each token, scores of the one that follows.

    Parameters
    ----------
    vocabulary, T, d, heads, depth, places, norm, options
        As for `residual_stream`.

    Returns
    -------
    Layer
        From tokens (..., B, T) to scores (..., B T, V).  Its params are (those of the residual stream, those
        of the read-out): a `layer_norm`, if norm is "pre", and a `linear` layer with small weights.

    Raises
    ------
    ValueError
        If a size is no positive whole number, heads does not divide d, or places or norm is unknown.

    Examples
    --------
    >>> model = transformer(vocabulary=3, T=10, d=32, hidden=64)
    >>> model.size
    8995
    """
    stream = residual_stream(vocabulary, T, d, heads, depth, places=places, norm=norm, **options)
    end = [layer_norm(d)] if norm == "pre" else []
    return serial(stream, serial(*end, linear(d, vocabulary, SMALL)))
