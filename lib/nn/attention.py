r"""Attention: softmax weights, masks, heads, and ways to say where a token stands.

**A row is a token.**  Sequences of T tokens lie one under the other in h, of shape (..., B T, d).  So every
layer that treats rows one by one (`lib.nn.layers`) is a layer for sequences; only attention looks from row to
row, and cuts the rows into sequences for as long as it needs them.
"""

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from lib.checks import count, finite, numbers, positive
from lib.nn.initialization import Initializer, variance_scaling
from lib.nn.layers import Layer, input_checked

LECUN = variance_scaling(gain=1)


def softmax(s: NDArray) -> NDArray:
    r"""Probabilities in proportion to the exponentials of scores.

    .. math:: p_j = \frac{e^{s_j}}{\sum_k e^{s_k}}

    Parameters
    ----------
    s
        Scores, of shape (..., n); -inf rules an entry out.

    Returns
    -------
    NDArray
        p, of the shape of s.  Where all entries of a row are ruled out it is zero, and not nan.

    Raises
    ------
    ValueError
        If s holds no numbers, or its last axis is missing or empty.

    Examples
    --------
    >>> softmax(np.array([1000.0, 1000.0, -np.inf])).tolist()
    [0.5, 0.5, 0.0]
    """
    s = numbers("s", s)
    if s.shape[-1:] in ((), (0,)):
        raise ValueError(f"s must have scores in its last axis, but its shape is {s.shape}")
    return _softmax(s)


def _softmax(s: NDArray) -> NDArray:
    # With the largest subtracted nothing overflows, and a sum is at least 1 unless all is ruled out.
    top = np.maximum(s.max(axis=-1, keepdims=True), np.finfo(s.dtype).min)
    e = np.exp(s - top)
    return e / np.maximum(e.sum(axis=-1, keepdims=True), 1)


def causal_mask(n_queries: int, n_keys: int | None = None) -> NDArray:
    r"""Numbers to add to the scores so that nobody looks ahead.

    .. math:: M_{ij} = \begin{cases} 0 & j \le i + m - n \\ -\infty & \text{else} \end{cases}

    Parameters
    ----------
    n_queries
        n, number of tokens that look.
    n_keys
        m >= n, number of tokens that are looked at, the last n of which are the former: with m > n there is a
        past, a cache.  By default m = n.

    Returns
    -------
    NDArray
        M, of shape (n, m).

    Raises
    ------
    ValueError
        If a number is no positive whole number, or m < n.

    Examples
    --------
    >>> causal_mask(2, 3)
    array([[  0.,   0., -inf],
           [  0.,   0.,   0.]])
    """
    n = count("n_queries", n_queries)
    m = n if n_keys is None else count("n_keys", n_keys)
    if m < n:
        raise ValueError(f"n_keys must be at least n_queries, {n}, but it is {m}")
    i, j = np.arange(n)[:, None] + m - n, np.arange(m)
    return np.where(j <= i, 0.0, -np.inf)


def attention_weights(
    q: NDArray, k: NDArray, mask: NDArray | None = None, scale: float | None = None
) -> NDArray:
    r"""How much each query looks at each key.

    .. math:: P = \operatorname{softmax}(\tau\, q k^T + M)

    Parameters
    ----------
    q, k
        Queries (..., n, c) and keys (..., m, c).
    mask
        M, to be added to the scores, of a shape that broadcasts to (..., n, m): -inf hides a key.
    scale
        tau; 1/sqrt(c) by default.

    Returns
    -------
    NDArray
        P, of shape (..., n, m).  Each row sums to one.

    Raises
    ------
    ValueError
        If there are no numbers, or shapes do not fit.

    Examples
    --------
    >>> attention_weights(np.array([[0.0], [np.log(3)]]), np.array([[0.0], [1.0]])).round(12).tolist()
    [[0.5, 0.5], [0.25, 0.75]]
    """
    q, k = _fitting(q=q, k=k)
    scale = 1 / math.sqrt(q.shape[-1]) if scale is None else finite("scale", scale, ndim=0).item()
    s = scale * (q @ k.mT)
    if mask is not None:
        mask = numbers("mask", mask)
        if mask.dtype.kind == "c":
            raise ValueError(f"mask must hold real numbers, but its dtype is {mask.dtype}")
        try:
            s = s + np.broadcast_to(mask, s.shape).astype(s.dtype, copy=False)
        except ValueError:
            raise ValueError(
                f"mask must fit the scores of q and k, {s.shape}, but its shape is {mask.shape}"
            ) from None
    return _softmax(s)


def _fitting(**arrays: NDArray) -> list[NDArray]:
    """Return queries, keys and perhaps values, if their shapes fit."""
    arrays = {name: numbers(name, array) for name, array in arrays.items()}
    q, k, v = arrays["q"], arrays["k"], arrays.get("v", arrays["k"])
    if (
        min(q.ndim, k.ndim, v.ndim) < 2
        or q.shape[-1] != k.shape[-1]
        or k.shape[-2] != v.shape[-2]
        or 0 in k.shape
    ):
        shapes = ", ".join(f"{name} {array.shape}" for name, array in arrays.items())
        raise ValueError(
            f"q, k and v must have shapes (..., n, c), (..., m, c), (..., m, e), but they are {shapes}"
        )
    try:
        np.broadcast_shapes(*(array.shape[:-2] for array in arrays.values()))
    except ValueError as error:
        raise ValueError(f"q, k and v must have leading axes that broadcast: {error}") from None
    return list(arrays.values())


def attend(
    q: NDArray, k: NDArray, v: NDArray, mask: NDArray | None = None, scale: float | None = None
) -> tuple[NDArray, Callable]:
    r"""Attention: each query gets a weighted mean of the values.

    .. math:: f = P v, \qquad P = \operatorname{softmax}(\tau\, q k^T + M)

    .. math:: \frac{\partial L}{\partial v} = P^T \frac{\partial L}{\partial f}, \qquad
              \frac{\partial L}{\partial s_{ij}} = P_{ij} \Big(\frac{\partial L}{\partial P_{ij}}
              - \sum_k P_{ik} \frac{\partial L}{\partial P_{ik}}\Big), \qquad
              \frac{\partial L}{\partial P} = \frac{\partial L}{\partial f}\, v^T

    Parameters
    ----------
    q, k, v
        Queries (..., n, c), keys (..., m, c) and values (..., m, e).
    mask, scale
        As for `attention_weights`.

    Returns
    -------
    f : NDArray
        Of shape (..., n, e).
    pullback : Callable
        dL/df -> (dL/dq, dL/dk, dL/dv), for q, k, v with equal leading axes.

    Raises
    ------
    ValueError
        If there are no numbers, or shapes do not fit.

    Notes
    -----
    Vaswani et al. (2017), equation 1.

    Examples
    --------
    >>> f, _ = attend(np.zeros((1, 1)), np.zeros((2, 1)), np.array([[1.0], [3.0]]))
    >>> f
    array([[2.]])
    """
    q, k, v = _fitting(q=q, k=k, v=v)
    P = attention_weights(q, k, mask, scale)
    tau = 1 / math.sqrt(q.shape[-1]) if scale is None else float(scale)

    def pullback(df: NDArray) -> tuple:
        dP = df @ v.mT
        ds = tau * P * (dP - np.vecdot(P, dP)[..., None])
        return ds @ k, ds.mT @ q, P.mT @ df

    return P @ v, pullback


def attend_online(q: NDArray, k: NDArray, v: NDArray, scale: float | None = None, block: int = 16) -> NDArray:
    r"""Attention without the matrix of scores: keys pass by, a block at a time.

    Of the keys that have passed, three things are kept for each query: the largest score m, the sum l of
    :math:`e^{s - m}`, and the sum o of :math:`e^{s - m} v`.  Two such triples are joined by

    .. math:: m'' = \max(m, m'), \qquad l'' = e^{m - m''}\, l + e^{m' - m''}\, l', \qquad
              o'' = e^{m - m''}\, o + e^{m' - m''}\, o'

    Parameters
    ----------
    q, k, v, scale
        As for `attend`.
    block
        Number of keys that are looked at together.

    Returns
    -------
    NDArray
        What `attend` returns without a mask, o / l, of shape (..., n, e).

    Raises
    ------
    ValueError
        If there are no numbers, or shapes do not fit.

    Notes
    -----
    Milakov and Gimelshein (2018).

    Examples
    --------
    >>> attend_online(np.zeros((1, 1)), np.zeros((2, 1)), np.array([[1.0], [3.0]]), block=1)
    array([[2.]])
    """
    q, k, v = _fitting(q=q, k=k, v=v)
    tau = 1 / math.sqrt(q.shape[-1]) if scale is None else finite("scale", scale, ndim=0).item()
    m, total, o = np.full((*q.shape[:-1], 1), -np.inf, q.dtype), 0.0, 0.0
    for start in range(0, k.shape[-2], count("block", block)):
        part = slice(start, start + block)
        s = tau * (q @ k[..., part, :].mT)
        top = np.maximum(m, s.max(axis=-1, keepdims=True))
        shrink, e = np.exp(m - top), np.exp(s - top)
        total = shrink * total + e.sum(axis=-1, keepdims=True)
        o = shrink * o + e @ v[..., part, :]
        m = top
    return o / total


def elu_feature(x: NDArray) -> NDArray:
    r"""Feature map that makes every entry positive, for `linear_attention`.

    .. math:: \phi(x) = \begin{cases} 1 + x & x > 0 \\ e^x & \text{else} \end{cases}

    Parameters
    ----------
    x
        Numbers of any shape.

    Returns
    -------
    NDArray
        phi(x), of the shape of x.  Below -40 it stays at e^-40, so that no product of two is lost.

    Raises
    ------
    ValueError
        If x holds no numbers.

    Examples
    --------
    >>> elu_feature(np.array([0.0, 2.0])).tolist()
    [1.0, 3.0]
    """
    x = numbers("x", x)
    return np.where(x > 0, 1 + x, np.exp(np.clip(x, -40, 0)))


def linear_attention(q: NDArray, k: NDArray, v: NDArray) -> NDArray:
    r"""Causal attention whose weights are products of features, as a recurrent net.

    .. math:: f_t = \frac{\phi(q_t)^T S_t}{\phi(q_t)^T z_t}, \qquad
              S_t = S_{t-1} + \phi(k_t)\, v_t^T, \qquad z_t = z_{t-1} + \phi(k_t)

    Parameters
    ----------
    q, k, v
        Queries (..., n, c), keys (..., n, c) and values (..., n, e).

    Returns
    -------
    NDArray
        f, of shape (..., n, e): row t is the mean of the values up to t with weights
        :math:`\phi(q_t) \cdot \phi(k_j)`.  What is remembered of the past, S and z, does not grow with t.

    Raises
    ------
    ValueError
        If there are no numbers, or shapes do not fit.

    Notes
    -----
    Katharopoulos et al. (2020), whose phi is `elu_feature`.

    Examples
    --------
    >>> linear_attention(np.zeros((2, 1)), np.zeros((2, 1)), np.array([[1.0], [3.0]]))
    array([[1.],
           [2.]])
    """
    q, k, v = _fitting(q=q, k=k, v=v)
    if q.shape[-2] != k.shape[-2]:
        raise ValueError(f"q and k must have as many rows, but their shapes are {q.shape} and {k.shape}")
    g, h = elu_feature(q), elu_feature(k)
    S, z, rows = 0.0, 0.0, []
    for t in range(k.shape[-2]):
        S = S + h[..., t, :, None] * v[..., t, None, :]
        z = z + h[..., t, :]
        rows.append(np.vecmat(g[..., t, :], S) / np.vecdot(g[..., t, :], z)[..., None])
    return np.stack(rows, axis=-2)


def frequencies(c: int, base: float = 10_000.0) -> NDArray:
    r"""Angles by which pairs of coordinates turn from one place to the next.

    .. math:: \omega_i = \text{base}^{-2i/c}, \qquad i = 0, \dots, c/2 - 1

    Parameters
    ----------
    c
        Number of coordinates, even.
    base
        Above 0; the larger, the slower the last pair turns.

    Returns
    -------
    NDArray
        omega, of shape (c/2,), in radians per place.

    Raises
    ------
    ValueError
        If c is no even positive whole number, or base is not positive.

    Examples
    --------
    >>> frequencies(4)
    array([1.  , 0.01])
    """
    c = count("c", c)
    if c % 2:
        raise ValueError(f"c must be even, because coordinates turn in pairs, but it is {c}")
    base = positive("base", base, ndim=0)
    return base ** (-np.arange(0, c, 2) / c)


def sinusoids(t: NDArray, d: int, base: float = 10_000.0) -> NDArray:
    r"""Places as points on circles.

    .. math:: p(t) = (\sin \omega_0 t, \cos \omega_0 t, \sin \omega_1 t, \cos \omega_1 t, \dots)

    Parameters
    ----------
    t
        Places, of shape (T,).
    d
        Number of coordinates, even.
    base
        As for `frequencies`.

    Returns
    -------
    NDArray
        Of shape (T, d).

    Raises
    ------
    ValueError
        If t is no vector of finite numbers, d is not even, or base is not positive.

    Notes
    -----
    Vaswani et al. (2017), section 3.5.

    Examples
    --------
    >>> sinusoids([0, 1], 2).round(2)
    array([[0.  , 1.  ],
           [0.84, 0.54]])
    """
    t, d = finite("t", t, ndim=1), count("d", d)
    if d % 2:
        raise ValueError(f"d must be even, a sine and a cosine for each frequency, but it is {d}")
    angle = t[:, None] * frequencies(d, base)
    return np.stack([np.sin(angle), np.cos(angle)], axis=-1).reshape(len(t), d)


def rotate(x: NDArray, t: NDArray, base: float = 10_000.0) -> NDArray:
    r"""Turn each pair of coordinates of row t by an angle that grows with t: rotary encoding.

    .. math:: x'_{2i} = x_{2i} \cos \omega_i t - x_{2i+1} \sin \omega_i t, \qquad
              x'_{2i+1} = x_{2i} \sin \omega_i t + x_{2i+1} \cos \omega_i t

    Parameters
    ----------
    x
        Queries or keys, of shape (..., n, c), with c even.
    t
        Their places, of shape (n,).  With -t the rotation is undone, and pulled back.
    base
        As for `frequencies`.

    Returns
    -------
    NDArray
        x', of the shape of x.

    Raises
    ------
    ValueError
        If x holds no numbers, c is odd, or there is not one place for each row.

    Notes
    -----
    Su et al. (2024).

    Examples
    --------
    >>> rotate(np.array([[1.0, 0.0], [1.0, 0.0]]), [0, np.pi / 2]).round(12).tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    x, t = numbers("x", x), finite("t", t, ndim=1)
    if x.ndim < 2 or x.shape[-2] != len(t) or x.shape[-1] % 2 or x.shape[-1] == 0:
        raise ValueError(f"x must have shape (..., {len(t)}, c), for t, with c even, but it is {x.shape}")
    angle = t[:, None] * frequencies(x.shape[-1], base)
    cos, sin = np.cos(angle).astype(x.dtype), np.sin(angle).astype(x.dtype)
    a, b = x[..., 0::2], x[..., 1::2]
    return np.stack([a * cos - b * sin, a * sin + b * cos], axis=-1).reshape(x.shape)


@input_checked(ndim=2)
def self_attention(
    T: int,
    d: int,
    heads: int = 1,
    *,
    causal: bool = True,
    rotary: bool = False,
    weights: Initializer = LECUN,
) -> Layer:
    r"""Layer in which the tokens of a sequence look at each other, with several heads side by side.

    .. math:: (q, k, v) = h\, \Omega_{qkv}^T, \qquad
              f = \big[\text{attend}(q^1, k^1, v^1), \dots, \text{attend}(q^H, k^H, v^H)\big]\, \Omega_{out}^T

    Parameters
    ----------
    T
        Number of tokens in a sequence.
    d
        Width of a token.
    heads
        H, a divisor of d: head a has the coordinates a c ... (a + 1) c - 1 of q, k and v, with c = d/H.
    causal
        Whether a token is kept from looking at those behind it.
    rotary
        Whether queries and keys are turned by their places (`rotate`).
    weights
        Draws the first weights.

    Returns
    -------
    Layer
        With params (Omega_qkv, Omega_out) of shapes (..., 3 d, d) and (..., d, d); h and f of shape
        (..., B T, d).

    Raises
    ------
    ValueError
        If a size is no positive whole number, heads does not divide d, or c is odd with rotary encoding.

    Notes
    -----
    Vaswani et al. (2017), section 3.2; without biases.

    Examples
    --------
    >>> layer = self_attention(T=3, d=4, heads=2)
    >>> f, _ = layer.apply(layer.init(np.random.default_rng(0)), np.ones((6, 4)))
    >>> f.shape  # two sequences of three tokens
    (6, 4)
    """
    T, d, heads = count("T", T), count("d", d), count("heads", heads)
    c = _head_width(d, heads, rotary)
    mask, t = causal_mask(T) if causal else None, np.arange(T)

    def init(rng: np.random.Generator, members: int | None = None) -> tuple:
        return weights(rng, 3 * d, d, members), weights(rng, d, d, members)

    def split(x: NDArray) -> NDArray:
        return x.reshape(*x.shape[:-2], -1, T, heads, c).swapaxes(-3, -2)  # (..., B, H, T, c)

    def join(x: NDArray) -> NDArray:
        return x.swapaxes(-3, -2).reshape(*x.shape[:-4], -1, d)  # (..., B T, d)

    def apply(params: tuple, h: NDArray) -> tuple:
        Omega_qkv, Omega_out = params
        q, k, v = map(split, np.split(h @ Omega_qkv.mT, 3, axis=-1))
        if rotary:
            q, k = rotate(q, t), rotate(k, t)
        mixed, pull = attend(q, k, v, mask)
        joined = join(mixed)

        def pullback(df: NDArray) -> tuple:
            dq, dk, dv = pull(split(df @ Omega_out))
            if rotary:
                dq, dk = rotate(dq, -t), rotate(dk, -t)
            dqkv = np.concatenate([join(dq), join(dk), join(dv)], axis=-1)
            return (dqkv.mT @ h, df.mT @ joined), dqkv @ Omega_qkv

        return joined @ Omega_out.mT, pullback

    return Layer(init, apply)


def _head_width(d: int, heads: int, rotary: bool) -> int:
    if d % heads or (rotary and d // heads % 2):
        parts = "into parts of even width" if rotary else "into equal parts"
        raise ValueError(f"heads must divide d {parts}, but heads is {heads} and d is {d}")
    return d // heads


def attend_next(
    params: tuple, h: NDArray, cache: tuple | None = None, *, heads: int = 1, rotary: bool = False
) -> tuple[NDArray, NDArray, tuple]:
    r"""Causal self-attention for the next tokens of sequences, whose past is remembered as keys and values.

    Parameters
    ----------
    params
        (Omega_qkv, Omega_out) of a `self_attention`, without leading axes.
    h
        The next m tokens of each sequence, of shape (..., m, d).
    cache
        Keys and values of the t tokens before them, each of shape (..., H, t, c); None at the start.
    heads, rotary
        As for `self_attention`.

    Returns
    -------
    f : NDArray
        Outputs of the m tokens, of shape (..., m, d): what the layer gives for all t + m tokens, in its
        last m rows.
    weights : NDArray
        How much each of them looks at all so far, of shape (..., H, m, t + m).
    cache : tuple of NDArray
        Keys and values of all t + m tokens.

    Raises
    ------
    ValueError
        If there are no numbers, or shapes do not fit.

    Examples
    --------
    >>> layer, h = self_attention(T=3, d=4, heads=2), np.random.default_rng(0).normal(size=(3, 4))
    >>> params = layer.init(np.random.default_rng(1))
    >>> cache, rows = None, []
    >>> for token in h:
    ...     f, _, cache = attend_next(params, token[None], cache, heads=2)
    ...     rows.append(f[0])
    >>> bool(np.allclose(rows, layer.apply(params, h)[0]))
    True
    """
    (Omega_qkv, Omega_out), h = params, numbers("h", h)
    d = Omega_out.shape[-1]
    c = _head_width(d, count("heads", heads), rotary)
    if h.ndim < 2 or h.shape[-1] != d or h.size == 0:
        raise ValueError(f"h must have shape (..., m, {d}), and not be empty, but it is {h.shape}")
    q, k, v = (
        part.reshape(*h.shape[:-1], heads, c).swapaxes(-3, -2)
        for part in np.split(h @ Omega_qkv.mT, 3, axis=-1)
    )
    m, past = h.shape[-2], 0 if cache is None else cache[0].shape[-2]
    if rotary:
        t = np.arange(past, past + m)  # where the new tokens stand, not 0 ... m-1
        q, k = rotate(q, t), rotate(k, t)
    if cache is not None:
        if cache[0].shape[:-2] != k.shape[:-2]:
            raise ValueError(
                f"h must have the leading axes of the cache, {cache[0].shape}, but it is {h.shape}"
            )
        k, v = np.concatenate([cache[0], k], axis=-2), np.concatenate([cache[1], v], axis=-2)
    weights = attention_weights(q, k, causal_mask(m, past + m))
    joined = (weights @ v).swapaxes(-3, -2).reshape(h.shape)
    return joined @ Omega_out.mT, weights, (k, v)
