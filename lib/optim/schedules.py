"""Learning-rate schedules: functions of t = 0, 1, 2, ... that an optimizer takes in place of alpha.

They raise a `ValueError` if t is no such number.
"""

import math
from collections.abc import Callable

from numpy.typing import ArrayLike

from lib.checks import count, fraction, nonnegative, positive

Schedule = Callable[[int], ArrayLike]


def _from_zero(schedule: Schedule) -> Schedule:
    return lambda t: schedule(count("t", t, low=0))


def constant(alpha: ArrayLike) -> Schedule:
    r"""Return the schedule :math:`\alpha_t = \alpha`.

    Parameters
    ----------
    alpha
        Learning rate; an array gives each member of an ensemble its own.

    Returns
    -------
    Schedule
        t -> alpha.

    Raises
    ------
    ValueError
        If a rate is negative or not finite.
    """
    alpha = nonnegative("alpha", alpha)
    return _from_zero(lambda t: alpha)


def step_decay(alpha: ArrayLike, every: int, factor: float = 0.1) -> Schedule:
    r"""Return the schedule :math:`\alpha_t = \alpha\, \text{factor}^{\lfloor t/\text{every} \rfloor}`.

    Parameters
    ----------
    alpha
        First learning rate; an array gives each member of an ensemble its own.
    every
        Number of steps between two drops.
    factor
        What a drop multiplies the rate by, in [0, 1).

    Returns
    -------
    Schedule
        t -> alpha_t.

    Raises
    ------
    ValueError
        If alpha is negative or not finite, every < 1, or factor lies outside [0, 1) or is not finite.

    Examples
    --------
    >>> [step_decay(0.8, every=2, factor=0.5)(t) for t in range(5)]
    [0.8, 0.8, 0.4, 0.4, 0.2]
    """
    alpha, every, factor = (
        nonnegative("alpha", alpha),
        count("every", every),
        fraction("factor", factor, ndim=0),
    )
    return _from_zero(lambda t: alpha * factor ** (t // every))


def inverse_time(alpha: ArrayLike, tau: float) -> Schedule:
    r"""Return the schedule :math:`\alpha_t = \alpha\, \tau / (\tau + t)`, which falls like 1/t.

    Parameters
    ----------
    alpha
        First learning rate; an array gives each member of an ensemble its own.
    tau
        Number of steps after which the rate is halved.

    Returns
    -------
    Schedule
        t -> alpha_t.

    Raises
    ------
    ValueError
        If alpha is negative, tau is not positive, or one of them is not finite.

    Notes
    -----
    The sum of the rates diverges and the sum of their squares does not (Robbins and Monro 1951).

    Examples
    --------
    >>> [inverse_time(1.0, tau=1)(t) for t in range(4)]
    [1.0, 0.5, 0.3333333333333333, 0.25]
    """
    alpha, tau = nonnegative("alpha", alpha), positive("tau", tau, ndim=0)
    return _from_zero(lambda t: alpha * tau / (tau + t))


def cosine(alpha: ArrayLike, n_steps: int) -> Schedule:
    r"""Return :math:`\alpha_t = \tfrac12 \alpha (1 + \cos(\pi t / T))` for t up to T, and 0 after it.

    Parameters
    ----------
    alpha
        First learning rate; an array gives each member of an ensemble its own.
    n_steps
        T, the step at which the rate reaches 0.

    Returns
    -------
    Schedule
        t -> alpha_t.

    Raises
    ------
    ValueError
        If alpha is negative or not finite, or n_steps < 1.

    Notes
    -----
    Loshchilov and Hutter (2017), without restarts.

    Examples
    --------
    >>> [round(cosine(1.0, n_steps=4)(t), 3) for t in range(6)]
    [1.0, 0.854, 0.5, 0.146, 0.0, 0.0]
    """
    alpha, n_steps = nonnegative("alpha", alpha), count("n_steps", n_steps)
    return _from_zero(lambda t: alpha * (1 + math.cos(math.pi * min(t / n_steps, 1))) / 2)
