r"""Continuous flows: velocity fields that carry noise to data, and how far solvers get with them.

A field is a function of x, of shape (..., d), and of the time t, one number: it returns the velocity u, of
the shape of x, and its divergence, of shape (...).  Time runs from noise, t = 0, to data, t = 1.
"""

from collections.abc import Callable, Iterator
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lib.checks import choice, count, ensemble, finite, generator, numbers, proportion, representable
from lib.datasets.densities import Mixture
from lib.generative.bijections import normal_log_density
from lib.nn.layers import Layer

Field = Callable[[NDArray, float], tuple[NDArray, NDArray]]


def interpolate(z: NDArray, x: NDArray, t: ArrayLike) -> NDArray:
    r"""Return points on the straight lines from noise to data.

    .. math:: X_t = (1 - t)\, Z + t X_1

    Parameters
    ----------
    z, x
        Noise and data, of shape (..., d).
    t
        Times in [0, 1], of shape (...), one for each point, or one for all.

    Returns
    -------
    NDArray
        Of shape (..., d).

    Raises
    ------
    ValueError
        If a number is not finite, t leaves [0, 1], or the shapes do not fit.

    Examples
    --------
    >>> interpolate(np.zeros((2, 1)), np.ones((2, 1)), [0.25, 0.5]).ravel().tolist()
    [0.25, 0.5]
    """
    z, x, t = finite("z", z), finite("x", x), finite("t", t)
    if z.shape != x.shape or z.ndim == 0:
        raise ValueError(f"z and x must have the same shape (..., d), but they have {z.shape} and {x.shape}")
    if t.shape not in {(), z.shape[:-1]} or np.any((t < 0) | (t > 1)):
        raise ValueError(f"t must hold times in [0, 1], one or of shape {z.shape[:-1]}, but it is {t}")
    t = t[..., None]
    return (1 - t) * z + t * x


def interpolated(mixture: Mixture, t: float) -> Mixture:
    r"""Return the law of X_t = (1 - t) Z + t X_1 for data from a mixture and standard normal noise.

    .. math:: p_t = \sum_k w_k\, N\big(t m_k,\; v_k I\big), \qquad v_k = (1 - t)^2 + t^2 s_k^2

    Parameters
    ----------
    mixture
        The law of X_1.
    t
        Time in [0, 1].

    Returns
    -------
    Mixture
        The law of X_t: at t = 0 standard normal, at t = 1 the mixture.

    Raises
    ------
    ValueError
        If t lies outside [0, 1].
    """
    t = proportion("t", t)
    return Mixture(mixture.weights, t * mixture.means, np.hypot(1 - t, t * mixture.scales))


def mixture_field(mixture: Mixture) -> Field:
    r"""Return the velocity field that carries noise to a mixture along straight lines, on average.

    .. math:: u(x, t) = \mathbb E[X_1 - Z \mid X_t = x] = \sum_k r_k(x)\, \Big(m_k
              + \frac{t s_k^2 - (1 - t)}{v_k}\, (x - t m_k)\Big)

    Parameters
    ----------
    mixture
        The law of X_1.

    Returns
    -------
    Callable
        (x, t) -> u, div u, with x of shape (..., d) and t in [0, 1].  It raises a `ValueError` if x does not
        end in d coordinates, or t lies outside [0, 1].

    Notes
    -----
    r_k are the responsibilities of `interpolated`.  The best answer to the regression of flow matching
    (Lipman and others, 2023; Albergo and Vanden-Eijnden, 2023).

    Examples
    --------
    >>> field = mixture_field(Mixture([1.0], [[3.0]], 0.5))
    >>> [part.tolist() for part in field(np.array([[0.0], [1.0]]), 0.0)]  # at first all go to the mean
    [[[3.0], [2.0]], [-1.0, -1.0]]
    """

    def field(x: NDArray, t: float) -> tuple[NDArray, NDArray]:
        now = interpolated(mixture, t)
        x, v = numbers("x", x), now.scales**2
        slope = (t * mixture.scales**2 - (1 - t)) / v
        r = now.responsibilities(x)
        velocity = r @ (mixture.means - slope[:, None] * now.means) + (r @ slope)[..., None] * x
        # A responsibility changes by r_k times what the score of its component is above the mean one.
        away = x[..., None, :] - now.means
        u_k = mixture.means + slope[:, None] * away
        score_k = -away / v[:, None]
        score = (r[..., None] * score_k).sum(axis=-2)
        shift = (r * (score_k * u_k).sum(axis=-1)).sum(axis=-1) - (score * velocity).sum(axis=-1)
        return velocity, mixture.d * (r @ slope) + shift

    return field


def network_field(network: Layer, theta: NDArray) -> Field:
    r"""Return the velocity field of a network of x and t, and its divergence.

    .. math:: u(x, t) = f_\theta(x, t), \qquad \operatorname{div} u = \sum_{i=1}^d
              \frac{\partial f_i}{\partial x_i}

    Parameters
    ----------
    network
        From d + 1 numbers, the last of which is t, to d.
    theta
        Its parameters, of shape (..., P).

    Returns
    -------
    Callable
        (x, t) -> u, div u, with x of shape (n, d), or (..., n, d) with points for each member.  The
        divergence is exact, by d pullbacks.

    Raises
    ------
    ValueError
        If theta does not fit the network.
    """
    params = network.unravel(theta)

    def field(x: NDArray, t: float) -> tuple[NDArray, NDArray]:
        x, t = numbers("x", x), proportion("t", t)
        try:
            f, pull = network.apply(params, np.concatenate([x, np.full((*x.shape[:-1], 1), t)], axis=-1))
        except ValueError as error:
            raise ValueError(f"theta {np.shape(theta)} and x {x.shape} must fit: {error}") from error
        divergence = 0.0
        for i in range(f.shape[-1]):
            unit = np.zeros_like(f)
            unit[..., i] = 1
            _, row = pull(unit)
            divergence = divergence + row[..., i]
        return f, divergence

    return field


def _euler(u: Callable, x: NDArray, t: float, end: float) -> NDArray:
    return x + (end - t) * u(x, t)


def _midpoint(u: Callable, x: NDArray, t: float, end: float) -> NDArray:
    h = end - t
    return x + h * u(x + h / 2 * u(x, t), t + h / 2)


def _runge_kutta(u: Callable, x: NDArray, t: float, end: float) -> NDArray:
    h = end - t
    a = u(x, t)
    b = u(x + h / 2 * a, t + h / 2)
    c = u(x + h / 2 * b, t + h / 2)
    d = u(x + h * c, end)
    return x + h / 6 * (a + 2 * b + 2 * c + d)


_SOLVERS = {"euler": _euler, "midpoint": _midpoint, "runge_kutta": _runge_kutta}


@representable("x", "n_steps", "start", "end")
def integrate(
    u: Callable[[NDArray, float], NDArray],
    x: NDArray,
    n_steps: int,
    method: str = "runge_kutta",
    *,
    start: float = 0.0,
    end: float = 1.0,
) -> NDArray:
    r"""Follow an ordinary differential equation by equal steps.

    .. math:: \frac{dx}{dt} = u(x, t), \qquad h = \frac{\text{end} - \text{start}}{\text{n\_steps}}

    Parameters
    ----------
    u
        (x, t) -> velocity, of the shape of x.
    x
        Where it begins, of any shape.
    n_steps
        Number of steps.
    method
        "euler", of order one; "midpoint", of order two; "runge_kutta", of order four.
    start, end
        Times; backwards if end is the earlier one.

    Returns
    -------
    NDArray
        Where it ends, of the shape of x.

    Raises
    ------
    ValueError
        If n_steps is no positive whole number, method is unknown, x, start or end is not finite, or x leaves
        the floating-point numbers.

    Examples
    --------
    >>> round(float(integrate(lambda x, t: x, np.array(1.0), 100)), 6)
    2.718282
    """
    x, n_steps = finite("x", x), count("n_steps", n_steps)
    step = _SOLVERS[choice("method", method, _SOLVERS)]
    start, end = finite("start", start, ndim=0).item(), finite("end", end, ndim=0).item()
    for t, after in pairwise(np.linspace(start, end, n_steps + 1).tolist()):
        x = step(u, x, t, after)
    return x


@representable("x", "n_steps")
def flow_log_density(field: Field, x: NDArray, n_steps: int, method: str = "runge_kutta") -> NDArray:
    r"""Logarithm of the density into which a field carries standard normal noise.

    .. math:: \log q_1(x_1) = \log\varphi(x_0) - \int_0^1 \operatorname{div} u(x_t, t)\, dt

    Parameters
    ----------
    field
        (x, t) -> u, div u.
    x
        Points x_1, of shape (..., d).
    n_steps, method
        As for `integrate`: back from t = 1 to t = 0, with the divergence along the way.

    Returns
    -------
    NDArray
        Of shape (...): of the solver's promise, which is not the density of what the solver draws.

    Raises
    ------
    ValueError
        If x is not finite or holds no points, n_steps is no positive whole number, or method is unknown.

    Notes
    -----
    Chen, Rubanova, Bettencourt and Duvenaud (2018).
    """
    x = finite("x", x)
    if x.ndim == 0 or x.size == 0:
        raise ValueError(f"x must have shape (..., d), with a point at least, but it is {x.shape}")

    def augmented(y: NDArray, t: float) -> NDArray:
        u, divergence = field(y[..., :-1], t)
        return np.concatenate([u, divergence[..., None]], axis=-1)

    y = np.concatenate([x, np.zeros((*x.shape[:-1], 1))], axis=-1)
    y = integrate(augmented, y, n_steps, method, start=1.0, end=0.0)
    return normal_log_density(y[..., :-1]) + y[..., -1]


def matching_batches(
    mixture: Mixture, batch_size: int, rng: np.random.Generator, members: int | None = None
) -> Iterator[tuple[NDArray, NDArray]]:
    r"""Yield fresh batches for flow matching without end: where, when, and which way.

    .. math:: \big((X_t, t),\; X_1 - Z\big), \qquad t \sim U(0, 1), \qquad Z \sim N(0, I)

    Parameters
    ----------
    mixture
        The law of X_1.
    batch_size
        Rows in a batch.
    rng
        Source of randomness: first the data are drawn, then the noise, then the times.
    members
        Size of an ensemble in which each member has its own batch.

    Yields
    ------
    input, velocity : NDArray
        Of shape (..., batch_size, d + 1), the last number being t, and (..., batch_size, d): with the squared
        error a regression problem, whose best answer is `mixture_field`.

    Raises
    ------
    ValueError
        If batch_size or members is no positive whole number, or rng no generator.
    """
    shape = (*ensemble("members", members), count("batch_size", batch_size))
    rng = generator("rng", rng)

    def batches() -> Iterator[tuple[NDArray, NDArray]]:
        while True:
            x = mixture.sample(batch_size, rng, members)
            z, t = rng.normal(size=x.shape), rng.random(shape)
            yield np.concatenate([interpolate(z, x, t), t[..., None]], axis=-1), x - z

    return batches()
