r"""Initial weights of a layer: how large, and drawn from what.

An initializer is a function (rng, d_out, d_in, members=None) -> Omega, of shape (d_out, d_in), or
(members, d_out, d_in) for an ensemble.  The names are those of the deep-learning libraries: *fan-in* is the
number of inputs of a unit, *fan-out* the number of units that an input feeds.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from lib.checks import choice, count, ensemble, finite, generator, positive, representable
from lib.stats.quadrature import normal_nodes

Initializer = Callable[..., NDArray]

FANS = {
    "fan_in": lambda d_out, d_in: d_in,
    "fan_out": lambda d_out, d_in: d_out,
    "fan_avg": lambda d_out, d_in: (d_in + d_out) / 2,
}
# Each draws independent entries of variance 1.
DISTRIBUTIONS = {
    "normal": lambda rng, shape: rng.normal(size=shape),
    "uniform": lambda rng, shape: rng.uniform(-np.sqrt(3), np.sqrt(3), size=shape),
}


@representable("gain")
def variance(d_out: int, d_in: int, gain: float = 2**0.5, mode: str = "fan_in") -> float:
    r"""Variance of the weights that keeps a signal's size from layer to layer.

    .. math:: \sigma^2 = \frac{\text{gain}^2}{\text{fan}}, \qquad
              \text{fan} = D_\text{in},\; D_\text{out} \;\text{or}\; \tfrac12(D_\text{in} + D_\text{out})

    Parameters
    ----------
    d_out, d_in
        Rows and columns of Omega: units of the layer, and their inputs.
    gain
        What makes up for the activation (see `gain_for`): the square root of 2 for ReLU, 1 for none.
    mode
        "fan_in" keeps the forward pass level, "fan_out" the backward pass, "fan_avg" is a compromise.

    Returns
    -------
    float
        sigma squared.

    Raises
    ------
    ValueError
        If a size is no positive whole number, gain is not positive or not finite, or mode is unknown.

    Notes
    -----
    He et al. (2015), equations 10 and 14; Glorot and Bengio (2010), equation 12; the notes, equations
    (1.17), (1.18) and (1.24).

    Examples
    --------
    >>> round(variance(d_out=50, d_in=100), 6), round(variance(d_out=50, d_in=100, mode="fan_out"), 6)
    (0.02, 0.04)
    """
    d_out, d_in = count("d_out", d_out), count("d_in", d_in)
    gain, fan = positive("gain", gain, ndim=0), FANS[choice("mode", mode, FANS)]
    return gain**2 / fan(d_out, d_in)


def gain_for(activation: Callable[[NDArray], NDArray]) -> float:
    r"""Gain that makes up for what an activation does to the size of a standard normal signal.

    .. math:: \text{gain} = \big(\mathbb E\, a(Z)^2\big)^{-1/2}, \qquad Z \sim N(0, 1)

    Parameters
    ----------
    activation
        The function a, elementwise on arrays.  Its derivative in place of a gives the gain of the
        backward pass.

    Returns
    -------
    float
        The gain: pre-activations of variance 1 then give pre-activations of variance 1.

    Raises
    ------
    ValueError
        If the activation is nan or infinite at a node of the quadrature on [-10, 10], zero at all of
        them, so small or large that its square leaves floating point, or changes the shape of its input.

    Notes
    -----
    Computed by quadrature.  He et al. (2015) found the square root of 2 for ReLU.  For tanh many
    libraries use 5/3, a rule of thumb that is a little more.

    Examples
    --------
    >>> round(gain_for(lambda f: np.maximum(f, 0)), 6), round(gain_for(np.tanh), 6)
    (1.414214, 1.592537)
    """
    z, w = normal_nodes()
    a = finite("activation", activation(z))
    if a.shape != z.shape:
        raise ValueError(f"activation must keep the shape {z.shape} of its input, but it gives {a.shape}")
    mean_square = float(w @ representable("activation")(np.square)(a))
    if mean_square < np.finfo(float).tiny:
        raise ValueError("activation must not be zero everywhere, nor have a square that is")
    return mean_square**-0.5


def variance_scaling(gain: float = 2**0.5, mode: str = "fan_in", distribution: str = "normal") -> Initializer:
    r"""Return an initializer that draws independent weights of the `variance` of gain and mode.

    .. math:: \Omega_{ij} \sim N(0, \sigma^2) \qquad\text{or}\qquad
              \Omega_{ij} \sim U\big(-\sqrt3\,\sigma,\; \sqrt3\,\sigma\big)

    Parameters
    ----------
    gain, mode
        As for `variance`.  The defaults are He's initialization; gain 1 and "fan_avg" are Glorot's.
    distribution
        "normal" or "uniform".

    Returns
    -------
    Initializer
        (rng, d_out, d_in, members=None) -> Omega, of shape (d_out, d_in) or (members, d_out, d_in).

    Raises
    ------
    ValueError
        If gain is not positive or not finite, or mode or distribution is unknown.

    Examples
    --------
    >>> Omega = variance_scaling()(np.random.default_rng(0), 200, 100)
    >>> Omega.shape, round(float(Omega.var()), 3)
    ((200, 100), 0.02)
    """
    variance(1, 1, gain, mode)
    draw = DISTRIBUTIONS[choice("distribution", distribution, DISTRIBUTIONS)]

    def initializer(rng: np.random.Generator, d_out: int, d_in: int, members: int | None = None) -> NDArray:
        generator("rng", rng)
        sigma = np.sqrt(variance(d_out, d_in, gain, mode))
        return sigma * draw(rng, (*ensemble("members", members), d_out, d_in))

    return initializer


def orthogonal(gain: float = 1.0) -> Initializer:
    r"""Return an initializer that draws a matrix whose rows, or columns if they are fewer, are orthogonal.

    .. math:: \Omega\,\Omega^T = \text{gain}^2 I \;\text{ if } D_\text{out} \le D_\text{in}, \qquad
              \Omega^T\Omega = \text{gain}^2 I \;\text{ otherwise}

    Parameters
    ----------
    gain
        Length of those rows or columns.

    Returns
    -------
    Initializer
        (rng, d_out, d_in, members=None) -> Omega, of shape (d_out, d_in) or (members, d_out, d_in),
        uniform among such matrices.

    Raises
    ------
    ValueError
        If gain is not positive or not finite.

    Notes
    -----
    Saxe, McClelland and Ganguli (2014).  The signs make the distribution uniform (Mezzadri 2007).  An
    entry has variance gain squared over the larger of D_in and D_out.

    Examples
    --------
    >>> Omega = orthogonal()(np.random.default_rng(0), 2, 5)
    >>> np.allclose(Omega @ Omega.T, np.eye(2))
    True
    """
    gain = positive("gain", gain, ndim=0)

    @representable("gain")
    def initializer(rng: np.random.Generator, d_out: int, d_in: int, members: int | None = None) -> NDArray:
        generator("rng", rng)
        long, short = max(count("d_out", d_out), count("d_in", d_in)), min(d_out, d_in)
        Q, R = np.linalg.qr(rng.normal(size=(*ensemble("members", members), long, short)))
        Q = Q * np.sign(np.linalg.diagonal(R))[..., None, :]
        return gain * (Q if d_out >= d_in else Q.mT)

    return initializer
