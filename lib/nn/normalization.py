"""Layers that put what passes through them on one scale."""

import numpy as np
from numpy.typing import NDArray

from lib.checks import count, ensemble, nonnegative
from lib.nn.layers import Layer, input_checked


@input_checked(ndim=2)
def layer_norm(d: int, eps: float = 1e-5) -> Layer:
    r"""Shift and scale each row to mean 0 and variance 1, then by a gain and a shift that are learned.

    .. math:: f = g \odot u + b, \qquad u = \frac{h - \bar h}{\sqrt{\sigma^2 + \epsilon}}, \qquad
              \sigma^2 = \frac1d \sum_j (h_j - \bar h)^2

    .. math:: \frac{\partial L}{\partial h} = \frac1{\sqrt{\sigma^2 + \epsilon}} \Big(w
              - \overline{w} - u\, \overline{w u}\Big), \qquad w = g \odot \frac{\partial L}{\partial f}

    Parameters
    ----------
    d
        Entries of a row.
    eps
        Keeps the denominator from zero.

    Returns
    -------
    Layer
        With params (gain, shift), each of shape (..., d), at first ones and zeros; h and f of shape
        (..., n, d).

    Raises
    ------
    ValueError
        If d is no positive whole number, or eps is negative.

    Notes
    -----
    Ba, Kiros and Hinton (2016).  Nothing is remembered from batch to batch: rows do not know of each other.

    Examples
    --------
    >>> layer = layer_norm(4, eps=0)
    >>> layer.apply((np.ones(4), np.zeros(4)), np.array([[1.0, 1.0, 3.0, 3.0]]))[0]
    array([[-1., -1.,  1.,  1.]])
    """
    d, eps = count("d", d), nonnegative("eps", eps, ndim=0)

    def init(rng: np.random.Generator, members: int | None = None) -> tuple:
        shape = (*ensemble("members", members), d)
        return np.ones(shape), np.zeros(shape)

    def apply(params: tuple, h: NDArray) -> tuple:
        gain, shift = (param[..., None, :] for param in params)
        mean = np.full(d, 1 / d, h.dtype)  # A product with a vector is several times faster than a mean.
        centred = h - (h @ mean)[..., None]
        inverse = 1 / np.sqrt((centred * centred) @ mean + eps)[..., None]
        u = centred * inverse

        def pullback(df: NDArray) -> tuple:
            w, ones = gain * df, np.ones(df.shape[-2], df.dtype)
            dh = inverse * (w - (w @ mean)[..., None] - u * ((w * u) @ mean)[..., None])
            return (np.vecmat(ones, df * u), np.vecmat(ones, df)), dh

        return gain * u + shift, pullback

    return Layer(init, apply)
