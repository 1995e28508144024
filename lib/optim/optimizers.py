r"""Optimizers: each is a generator of iterates theta_0, theta_1, ..., and its body is its update equations.

Recording, stopping and plotting belong to whoever consumes the iterates (`lib.optim.training`).
`gradient(theta)` is called once a step, at the point that the optimizer chooses.  Every iterate is a
fresh array.  The shape of theta is free; leading axes are an ensemble, and alpha, beta and gamma may be
arrays that broadcast to it, so that each member has its own.  Running means have the precision of theta, and
iterates keep it, if the gradient and these arrays have it too.
"""

import inspect
from collections.abc import Callable, Iterator
from functools import wraps
from itertools import count

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lib.checks import finite, fraction, nonnegative, positive
from lib.optim.schedules import Schedule, constant

Gradient = Callable[[NDArray], NDArray]
Rate = float | NDArray | Schedule

_CHECKS = {"beta": fraction, "gamma": fraction, "eps": positive, "decay": nonnegative}


def _checked(optimizer: Callable) -> Callable:
    """Check the arguments when the optimizer is called, not when its first iterate is taken.

    It also turns a number alpha into a schedule, and has every gradient and rate looked at, so that
    the bodies below hold nothing but equations.
    """
    signature = inspect.signature(optimizer)

    @wraps(optimizer)
    def start(*args: object, **kwargs: object) -> Iterator[NDArray]:
        given = signature.bind(*args, **kwargs)
        given.apply_defaults()
        values = given.arguments
        # A copy, so that what becomes of the caller's array changes no iterate.
        values["theta"] = finite("theta", values["theta"]).copy()
        shape = values["theta"].shape
        for name, check in _CHECKS.items():
            if name in values:
                values[name] = _fitted(name, check(name, values[name]), shape)
        gradient, alpha = values["gradient"], values["alpha"]

        def checked_gradient(theta: NDArray) -> NDArray:
            g = gradient(theta)
            if np.shape(g) != shape:
                raise ValueError(f"gradient must return the shape of theta, {shape}, but it is {np.shape(g)}")
            return g

        def checked_rate(t: int) -> float | NDArray:
            name = f"alpha at t = {t}"
            return _fitted(name, nonnegative(name, alpha(t)), shape)

        values["gradient"] = checked_gradient
        values["alpha"] = (
            checked_rate
            if callable(alpha)
            else constant(_fitted("alpha", nonnegative("alpha", alpha), shape))
        )
        return optimizer(**values)

    return start


def _fitted(name: str, value: ArrayLike, shape: tuple[int, ...]) -> float | NDArray:
    """Return a number as Python's own, which widens no float32, or an array that broadcasts to theta."""
    array = np.asarray(value)
    if array.ndim == 0:
        return array.item()
    try:
        np.broadcast_to(array, shape)
    except ValueError:
        message = f"{name} must broadcast to the shape of theta, {shape}, but its shape is {array.shape}"
        raise ValueError(message) from None
    return array


@_checked
def sgd(gradient: Gradient, theta: ArrayLike, alpha: Rate) -> Iterator[NDArray]:
    r"""Gradient descent; stochastic if `gradient` is that of a random batch.

    .. math:: \theta_{t+1} = \theta_t - \alpha_t\, g_t, \qquad g_t = \nabla L_{\mathcal B_t}(\theta_t)

    Parameters
    ----------
    gradient
        theta -> g, of the shape of theta.
    theta
        The start, theta_0.
    alpha
        Learning rate, a number or a schedule t -> alpha_t.

    Yields
    ------
    NDArray
        theta_0, theta_1, ... without end.

    Raises
    ------
    ValueError
        If alpha is negative, theta is not finite, or the gradient's shape is not that of theta.

    Notes
    -----
    Robbins and Monro (1951); the notes, section 1.1.

    Examples
    --------
    >>> iterates = sgd(lambda theta: 2 * theta, [1.0], alpha=0.25)
    >>> [next(iterates).item() for t in range(4)]
    [1.0, 0.5, 0.25, 0.125]
    """
    for t in count():
        yield theta
        theta = theta - alpha(t) * gradient(theta)


@_checked
def momentum(gradient: Gradient, theta: ArrayLike, alpha: Rate, beta: ArrayLike = 0.9) -> Iterator[NDArray]:
    r"""Gradient descent along an exponential moving average of the gradients.

    .. math:: m_{t+1} = \beta m_t + (1 - \beta) g_t, \qquad m_0 = 0, \qquad
              \theta_{t+1} = \theta_t - \alpha_t\, m_{t+1}

    Parameters
    ----------
    gradient
        theta -> g, of the shape of theta.
    theta
        The start, theta_0.
    alpha
        Learning rate, a number or a schedule t -> alpha_t.
    beta
        Memory, in [0, 1); 0 gives `sgd`.

    Yields
    ------
    NDArray
        theta_0, theta_1, ... without end.

    Raises
    ------
    ValueError
        If alpha is negative, beta lies outside [0, 1), theta is not finite, or the gradient's shape
        is not that of theta.

    Notes
    -----
    Equation (1.3) of the notes.  Polyak (1964) has no factor 1 - beta: his rate is alpha (1 - beta).

    Examples
    --------
    >>> iterates = momentum(lambda theta: 2 * theta, [1.0], alpha=0.5, beta=0.5)
    >>> [next(iterates).item() for t in range(4)]
    [1.0, 0.5, 0.0, -0.25]
    """
    m = np.zeros_like(theta)
    for t in count():
        yield theta
        m *= beta
        m += (1 - beta) * gradient(theta)
        theta = theta - alpha(t) * m


@_checked
def nesterov(gradient: Gradient, theta: ArrayLike, alpha: Rate, beta: ArrayLike = 0.9) -> Iterator[NDArray]:
    r"""Momentum that takes the gradient where the momentum alone would carry it.

    .. math:: g_t = \nabla L_{\mathcal B_t}(\theta_t - \alpha_t \beta m_t), \qquad
              m_{t+1} = \beta m_t + (1 - \beta) g_t, \qquad
              \theta_{t+1} = \theta_t - \alpha_t\, m_{t+1}

    Parameters
    ----------
    gradient
        theta -> g, of the shape of theta.
    theta
        The start, theta_0.
    alpha
        Learning rate, a number or a schedule t -> alpha_t.
    beta
        Memory, in [0, 1); 0 gives `sgd`.

    Yields
    ------
    NDArray
        theta_0, theta_1, ... without end.

    Raises
    ------
    ValueError
        If alpha is negative, beta lies outside [0, 1), theta is not finite, or the gradient's shape
        is not that of theta.

    Notes
    -----
    Equation (1.5) of the notes with its sign put right.  It is the scheme of Nesterov (1983) with the
    rate alpha (1 - beta) and a constant beta.

    Examples
    --------
    >>> iterates = nesterov(lambda theta: 2 * theta, [1.0], alpha=0.5, beta=0.5)
    >>> [next(iterates).item() for t in range(4)]
    [1.0, 0.5, 0.125, -0.03125]
    """
    m = np.zeros_like(theta)
    for t in count():
        yield theta
        ahead = theta - alpha(t) * beta * m
        m *= beta
        m += (1 - beta) * gradient(ahead)
        theta = theta - alpha(t) * m


@_checked
def adam(
    gradient: Gradient,
    theta: ArrayLike,
    alpha: Rate = 1e-3,
    beta: ArrayLike = 0.9,
    gamma: ArrayLike = 0.999,
    eps: float = 1e-8,
) -> Iterator[NDArray]:
    r"""Adaptive moment estimation: momentum, scaled entry by entry by the size of recent gradients.

    .. math:: m_{t+1} = \beta m_t + (1 - \beta) g_t, \qquad
              v_{t+1} = \gamma v_t + (1 - \gamma) g_t^2, \qquad m_0 = v_0 = 0

    .. math:: \hat m = \frac{m_{t+1}}{1 - \beta^{t+1}}, \qquad
              \hat v = \frac{v_{t+1}}{1 - \gamma^{t+1}}, \qquad
              \theta_{t+1} = \theta_t - \alpha_t \frac{\hat m}{\sqrt{\hat v} + \epsilon}

    Parameters
    ----------
    gradient
        theta -> g, of the shape of theta.
    theta
        The start, theta_0.
    alpha
        Learning rate, a number or a schedule t -> alpha_t: about the length of a step in each entry,
        in units of theta.
    beta
        Memory of the gradient, in [0, 1).
    gamma
        Memory of its square, in [0, 1).
    eps
        Floor of the denominator, in units of the gradient.

    Yields
    ------
    NDArray
        theta_0, theta_1, ... without end.

    Raises
    ------
    ValueError
        If alpha is negative, beta or gamma lies outside [0, 1), eps is not positive, theta is not
        finite, or the gradient's shape is not that of theta.

    Notes
    -----
    Equations (1.6)-(1.12) of the notes, with the exponents put right; Kingma and Ba (2015), algorithm
    1, where beta and gamma are called beta_1 and beta_2.

    Examples
    --------
    >>> iterates = adam(lambda theta: 2 * theta, [1.0], alpha=0.1)
    >>> [round(next(iterates).item(), 3) for t in range(3)]
    [1.0, 0.9, 0.8]
    """
    m = np.zeros_like(theta)
    v = np.zeros_like(theta)
    for t in count():
        yield theta
        g = gradient(theta)
        m *= beta
        m += (1 - beta) * g
        v *= gamma
        v += (1 - gamma) * g**2
        m_hat = m / (1 - beta ** (t + 1))
        v_hat = v / (1 - gamma ** (t + 1))
        theta = theta - alpha(t) * m_hat / (np.sqrt(v_hat) + eps)


@_checked
def adamw(
    gradient: Gradient,
    theta: ArrayLike,
    alpha: Rate = 1e-3,
    beta: ArrayLike = 0.9,
    gamma: ArrayLike = 0.999,
    eps: float = 1e-8,
    decay: ArrayLike = 1e-2,
) -> Iterator[NDArray]:
    r"""Adam with decoupled weight decay: the parameters shrink by a share that no gradient scales.

    .. math:: m_{t+1} = \beta m_t + (1 - \beta) g_t, \qquad
              v_{t+1} = \gamma v_t + (1 - \gamma) g_t^2, \qquad m_0 = v_0 = 0

    .. math:: \hat m = \frac{m_{t+1}}{1 - \beta^{t+1}}, \qquad
              \hat v = \frac{v_{t+1}}{1 - \gamma^{t+1}}, \qquad
              \theta_{t+1} = (1 - \alpha_t w)\, \theta_t - \alpha_t \frac{\hat m}{\sqrt{\hat v} + \epsilon}

    Parameters
    ----------
    gradient
        theta -> g, of the shape of theta: that of the loss alone, without a penalty.
    theta
        The start, theta_0.
    alpha
        Learning rate, a number or a schedule t -> alpha_t.
    beta
        Memory of the gradient, in [0, 1).
    gamma
        Memory of its square, in [0, 1).
    eps
        Floor of the denominator, in units of the gradient.
    decay
        w, not negative: a step takes the share alpha_t w of every parameter; 0 gives `adam`.

    Yields
    ------
    NDArray
        theta_0, theta_1, ... without end.

    Raises
    ------
    ValueError
        If alpha or decay is negative, beta or gamma lies outside [0, 1), eps is not positive, theta
        is not finite, or the gradient's shape is not that of theta.

    Notes
    -----
    Loshchilov and Hutter (2019), algorithm 2, whose lambda is alpha w here.  `adam` on the loss plus
    w/2 times the squared norm of theta is another method: there the penalty's gradient is divided by
    the root of v-hat along with the rest.

    Examples
    --------
    >>> iterates = adamw(lambda theta: 2 * theta, [1.0], alpha=0.1, decay=0.5)
    >>> [round(next(iterates).item(), 3) for t in range(2)]
    [1.0, 0.85]
    """
    m = np.zeros_like(theta)
    v = np.zeros_like(theta)
    for t in count():
        yield theta
        g = gradient(theta)
        m *= beta
        m += (1 - beta) * g
        v *= gamma
        v += (1 - gamma) * g**2
        m_hat = m / (1 - beta ** (t + 1))
        v_hat = v / (1 - gamma ** (t + 1))
        theta = (1 - alpha(t) * decay) * theta - alpha(t) * m_hat / (np.sqrt(v_hat) + eps)
