"""Statistical decision theory: the risk of an estimator, exact or simulated, and rules that make it small.

A problem with finitely many outcomes x is a table: ``probabilities[i, j]`` is f(x_j; theta_i), one row for
each parameter, one column for each outcome.  A rule is the vector of its estimates, one for each outcome.
From a table of fractions the risk is computed exactly.
"""

from collections.abc import Callable
from math import comb

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lib.checks import (
    broadcasting,
    count,
    distribution,
    finite,
    nonnegative,
    positive,
    real,
    representable,
    whole,
)


def binomial(n: int, theta: ArrayLike) -> NDArray:
    r"""Probabilities of k heads in n tosses.

    .. math:: f(k; \theta) = \binom nk\, \theta^k (1 - \theta)^{n-k}, \qquad k = 0, \dots, n

    Parameters
    ----------
    n
        Number of tosses, at most 500: beyond, powers leave the range of floating point.
    theta
        Probabilities of heads, in [0, 1], of shape (...).  Fractions stay exact.

    Returns
    -------
    NDArray
        Table of shape (..., n + 1).

    Raises
    ------
    ValueError
        If n is no whole number in 1 ... 500, or theta leaves [0, 1] or is not finite.

    Examples
    --------
    >>> binomial(2, [0.5, 1.0])
    array([[0.25, 0.5 , 0.25],
           [0.  , 0.  , 1.  ]])
    """
    n = count("n", n, 1, 500)
    theta = real("theta", theta)[..., None]
    if theta.dtype == np.float32:
        theta = theta.astype(float)  # which can hold the number of ways to choose 100 of 200
    if np.any((theta < 0) | (theta > 1)):
        raise ValueError(f"theta must lie in [0, 1], but it is {theta[..., 0]}")
    k = np.arange(n + 1)
    ways = np.array([comb(n, heads) for heads in range(n + 1)], dtype=theta.dtype)
    return ways * theta**k * (1 - theta) ** (n - k)


@representable("a", "b")
def beta_rule(n: int, a: float, b: float) -> NDArray:
    r"""Estimates of a coin's probability of heads, as if a heads and b tails had been seen beforehand.

    .. math:: \hat\theta(k) = \frac{k + a}{n + a + b}, \qquad k = 0, \dots, n

    Parameters
    ----------
    n
        Number of tosses.
    a, b
        Imaginary heads and tails, not negative.  Fractions stay exact.

    Returns
    -------
    NDArray
        Estimates, of shape (n + 1,).

    Raises
    ------
    ValueError
        If n is no whole number above 0, or a or b is negative or not finite.

    Notes
    -----
    The posterior mean under the prior Beta(a, b).  With a = b = 0 it is maximum likelihood, with a = b = 1
    Laplace's rule; with a = b = sqrt(n)/2 it is minimax under squared error (Hodges and Lehmann 1950).

    Examples
    --------
    >>> beta_rule(3, 1, 1)
    array([0.2, 0.4, 0.6, 0.8])
    """
    n, a, b = count("n", n), real("a", a), real("b", b)
    for name, value in [("a", a), ("b", b)]:
        if value.ndim or value < 0:
            raise ValueError(f"{name} must be one number, not negative, but it is {value}")
    return (np.arange(n + 1) + a) / (n + a + b)


@representable("theta", "estimates", infinite=True)
def exact_risk(
    loss: Callable[[NDArray, NDArray], NDArray],
    theta: ArrayLike,
    estimates: ArrayLike,
    probabilities: ArrayLike,
) -> NDArray:
    r"""Risk of a rule, by enumeration of the outcomes.

    .. math:: R(\theta_i, \hat\theta) = \sum_j f(x_j; \theta_i)\, L(\theta_i, \hat\theta(x_j))

    Parameters
    ----------
    loss
        L(theta, theta_hat), for instance `lib.stats.decision_losses.squared_loss`; shapes broadcast.
    theta
        Parameters, of shape (T,).
    estimates
        One for each outcome, of shape (..., m); leading axes are an ensemble of rules.
    probabilities
        The table f(x_j; theta_i), of shape (T, m).

    Returns
    -------
    NDArray
        R, of shape (..., T), in units of the loss.

    Raises
    ------
    ValueError
        If shapes do not fit, or a row of probabilities is no distribution.

    Notes
    -----
    Equation (2.1) of the notes.

    Examples
    --------
    >>> from lib.stats.decision_losses import squared_loss
    >>> theta = np.array([0.5, 1.0])
    >>> exact_risk(squared_loss, theta, beta_rule(2, 0, 0), binomial(2, theta))
    array([0.125, 0.   ])
    """
    theta, probabilities = _table(theta, probabilities)
    estimates = _rule(estimates, probabilities)
    losses = loss(theta[:, None], estimates[..., None, :])
    return (probabilities * losses).sum(axis=-1)


def _rule(estimates: ArrayLike, probabilities: NDArray) -> NDArray:
    """Return the estimates as an array, if there is one for each outcome."""
    estimates = real("estimates", estimates)
    if estimates.shape[-1:] != probabilities.shape[1:]:
        raise ValueError(
            f"estimates must end in the outcomes, {probabilities.shape}, but it is {estimates.shape}"
        )
    return estimates


def _table(theta: ArrayLike, probabilities: ArrayLike) -> tuple[NDArray, NDArray]:
    """Return theta, or its prior, and probabilities as arrays of shapes (T,) and (T, m)."""
    theta, probabilities = real("theta", theta), distribution("probabilities", probabilities)
    if theta.ndim != 1 or probabilities.ndim != 2 or len(probabilities) != len(theta):
        raise ValueError(
            f"probabilities must have a row for each theta and its prior, {theta.shape}, but it is "
            f"{probabilities.shape}"
        )
    return theta, probabilities


@representable("losses")
def monte_carlo_risk(losses: ArrayLike) -> tuple[NDArray, NDArray]:
    r"""Risk estimated from the losses on S independent data sets, and the standard error of that estimate.

    .. math:: \bar L = \frac1S \sum_{s=1}^S L_s, \qquad
              \text{s.e.} = \sqrt{\frac1{S(S - 1)} \sum_{s=1}^S (L_s - \bar L)^2}

    Parameters
    ----------
    losses
        Of shape (S, ...), one row for each data set, S at least 2.

    Returns
    -------
    risk, standard_error : NDArray
        Each of shape (...), in units of the loss.

    Raises
    ------
    ValueError
        If there are fewer than two rows, or a loss is not finite.

    Examples
    --------
    >>> risk, error = monte_carlo_risk([1.0, 3.0])
    >>> float(risk), float(error)
    (2.0, 1.0)
    """
    losses = _data_sets(losses)
    standard_deviation = losses.std(axis=0, ddof=1)
    return losses.mean(axis=0), standard_deviation / np.sqrt(len(losses))


def _data_sets(losses: ArrayLike) -> NDArray:
    losses = finite("losses", losses)
    if losses.ndim == 0 or len(losses) < 2:
        raise ValueError(f"losses must hold at least two data sets, but its shape is {losses.shape}")
    return losses


def maximum_risk(risk: ArrayLike) -> NDArray:
    r"""Largest risk over the parameters of a table.

    .. math:: R_{\max}(\hat\theta) = \max_i R(\theta_i, \hat\theta)

    Parameters
    ----------
    risk
        Of shape (..., T), as from `exact_risk`.

    Returns
    -------
    NDArray
        Of shape (...).

    Raises
    ------
    ValueError
        If a risk is no finite number, or there is none.

    Notes
    -----
    Equation (2.2) of the notes, on a grid: never above the supremum over all parameters.

    Examples
    --------
    >>> float(maximum_risk([0.0, 0.25, 0.0]))
    0.25
    """
    risk = real("risk", risk)
    if risk.ndim == 0 or risk.shape[-1] == 0:
        raise ValueError(f"risk must have one entry for each theta, but its shape is {risk.shape}")
    return risk.max(axis=-1)


@representable("risk")
def bayes_risk(risk: ArrayLike, prior: ArrayLike) -> NDArray:
    r"""Risk averaged over a prior.

    .. math:: R_{\mathrm{Bayes}}(\pi, \hat\theta) = \sum_i \pi_i\, R(\theta_i, \hat\theta)

    Parameters
    ----------
    risk
        Of shape (..., T), as from `exact_risk`.
    prior
        Probabilities of the T parameters, or the weights of a quadrature over them, of shape (T,); sum 1.

    Returns
    -------
    NDArray
        Of shape (...).

    Raises
    ------
    ValueError
        If prior is no distribution, or risk has not one entry for each of its parameters or is not finite.

    Notes
    -----
    Equation (2.3) of the notes, whose f is our prior.

    Examples
    --------
    >>> float(bayes_risk([0.0, 0.25, 0.0], [0.25, 0.5, 0.25]))
    0.125
    """
    risk, prior = real("risk", risk), distribution("prior", prior)
    if prior.ndim != 1 or risk.shape[-1:] != prior.shape:
        raise ValueError(f"risk must end in the shape of prior, {prior.shape}, but it is {risk.shape}")
    return (risk * prior).sum(axis=-1)


def posterior(prior: ArrayLike, probabilities: ArrayLike) -> NDArray:
    r"""Probabilities of the parameters, given each outcome: Bayes' theorem.

    .. math:: \pi(\theta_i \mid x_j) = \frac{\pi_i f(x_j; \theta_i)}{\sum_l \pi_l f(x_j; \theta_l)}

    Parameters
    ----------
    prior
        Probabilities of the parameters, of shape (T,).
    probabilities
        The table f(x_j; theta_i), of shape (T, m).

    Returns
    -------
    NDArray
        Of shape (T, m); each column sums to one.

    Raises
    ------
    ValueError
        If shapes do not fit, an argument holds no distributions, or an outcome cannot occur under the prior.

    Examples
    --------
    >>> posterior([0.5, 0.5], [[1.0, 0.0], [0.25, 0.75]])
    array([[0.8, 0. ],
           [0.2, 1. ]])
    """
    prior = distribution("prior", prior)
    _, probabilities = _table(prior, probabilities)
    joint = prior[:, None] * probabilities
    marginal = joint.sum(axis=0)
    if np.any(marginal == 0):
        raise ValueError(f"prior must make every outcome possible, but {np.sum(marginal == 0)} are not")
    return joint / marginal


@representable("theta")
def posterior_mean(theta: ArrayLike, prior: ArrayLike, probabilities: ArrayLike) -> NDArray:
    r"""Bayes rule under squared error: the mean of the posterior, for each outcome.

    .. math:: \hat\theta(x_j) = \sum_i \theta_i\, \pi(\theta_i \mid x_j)

    Parameters
    ----------
    theta
        Parameters, of shape (T,).
    prior
        Their probabilities, of shape (T,).
    probabilities
        The table f(x_j; theta_i), of shape (T, m).

    Returns
    -------
    NDArray
        Estimates, of shape (m,).

    Raises
    ------
    ValueError
        If shapes do not fit, or an argument that should holds no distributions.

    Examples
    --------
    >>> posterior_mean([0.0, 1.0], [0.5, 0.5], [[1.0, 0.0], [0.25, 0.75]])
    array([0.2, 1. ])
    """
    theta, probabilities = _table(theta, probabilities)
    return (theta[:, None] * posterior(prior, probabilities)).sum(axis=0)


@representable("theta", "candidates")
def bayes_estimator(
    loss: Callable[[NDArray, NDArray], NDArray],
    theta: ArrayLike,
    prior: ArrayLike,
    probabilities: ArrayLike,
    candidates: ArrayLike,
) -> NDArray:
    r"""Bayes rule under any loss: for each outcome, the candidate of least posterior expected loss.

    .. math:: \hat\theta(x_j) = \operatorname*{arg\,min}_u \sum_i \pi(\theta_i \mid x_j)\, L(\theta_i, u)

    Parameters
    ----------
    loss
        L(theta, theta_hat); shapes broadcast.
    theta
        Parameters, of shape (T,).
    prior
        Their probabilities, of shape (T,).
    probabilities
        The table f(x_j; theta_i), of shape (T, m).
    candidates
        Estimates u to choose from, of shape (C,).

    Returns
    -------
    NDArray
        Estimates, of shape (m,); of equally good candidates, the first.

    Raises
    ------
    ValueError
        If shapes do not fit, an argument that should holds no distributions, or theta or a candidate is not
        finite.

    Examples
    --------
    >>> from lib.stats.decision_losses import zero_one_loss
    >>> bayes_estimator(zero_one_loss, [0.0, 1.0], [0.5, 0.5], [[0.6, 0.4], [0.4, 0.6]], [0.0, 1.0])
    array([0., 1.])
    """
    theta, probabilities = _table(theta, probabilities)
    candidates = finite("candidates", candidates)
    if candidates.ndim != 1 or candidates.size == 0:
        raise ValueError(f"candidates must be a vector, not empty, but its shape is {candidates.shape}")
    expected = posterior(prior, probabilities).T @ loss(theta[:, None], candidates)
    return candidates[expected.argmin(axis=1)]


@representable("X", "sigma")
def least_squares_risk(X: ArrayLike, sigma: float) -> float:
    r"""Risk of the least-squares fit under squared error, with X fixed and noise of variance sigma squared.

    .. math:: R(\theta, \hat\theta) = \mathbb E \|\hat\theta - \theta\|^2
              = \sigma^2 \operatorname{tr} (X^T X)^{-1}

    Parameters
    ----------
    X
        Design matrix, of shape (n, p), with independent columns.
    sigma
        Standard deviation of the noise, in units of y.

    Returns
    -------
    float
        R, the same for every theta.

    Raises
    ------
    ValueError
        If X is no matrix, its columns are dependent, sigma is negative, or a number is not finite.

    Notes
    -----
    Problem 1 of the notes' chapter 2.

    Examples
    --------
    >>> round(least_squares_risk(np.ones((25, 1)), sigma=2.0), 12)
    0.16
    """
    X, sigma = finite("X", X, ndim=2), nonnegative("sigma", sigma, ndim=0)
    if X.size == 0 or np.linalg.matrix_rank(X) < X.shape[1]:
        raise ValueError(f"X must have independent columns, at least one, but its shape is {X.shape}")
    # The eigenvalues of the inverse of X'X are one over the squares of the singular values of X.
    return float(sigma**2 * np.sum(1 / np.linalg.svd(X, compute_uv=False) ** 2))


@representable("sigma", "norm", infinite=True)
def least_norm_risk(n: ArrayLike, p: ArrayLike, sigma: ArrayLike, norm: ArrayLike = 1.0) -> NDArray:
    r"""Risk of the least-squares fit of least norm, when the inputs are random: independent standard normal.

    .. math:: R = \mathbb E \|\hat\theta - \theta\|^2 = \begin{cases}
              \dfrac{\sigma^2 p}{n - p - 1} & p \le n - 2 \\[2ex]
              \|\theta\|^2 \Big(1 - \dfrac np\Big) + \dfrac{\sigma^2 n}{p - n - 1} & p \ge n + 2
              \end{cases}

    and between, where the middle fraction has no finite mean, infinite unless sigma is 0.

    Parameters
    ----------
    n, p
        Number of examples and of parameters, whole numbers above 0; shapes broadcast, here and below.
    sigma
        Standard deviation of the noise, in units of y.
    norm
        Norm of the true theta, of which the risk depends on nothing else.

    Returns
    -------
    NDArray
        R: the expected squared error of a prediction at a fresh input, against the true mean.

    Raises
    ------
    ValueError
        If n or p is no whole number above 0, sigma or norm is negative or not finite, or shapes do not
        broadcast.

    Notes
    -----
    Proved in chapter 5 of the book.  Its limit for large n and p: Hastie et al. (2022).

    Examples
    --------
    >>> least_norm_risk(40, [20, 40, 80], sigma=0.5).round(4)
    array([0.2632,    inf, 0.7564])
    """
    n, p = whole("n", n, low=1).astype(int), whole("p", p, low=1).astype(int)
    broadcasting(n=n, p=p, sigma=sigma, norm=norm)
    variance, square = np.square(nonnegative("sigma", sigma)), np.square(nonnegative("norm", norm))
    bias2 = square * np.maximum(1 - n / p, 0)
    spare = np.abs(n - p) - 1
    noise = variance * np.minimum(n, p) / np.maximum(spare, 1)
    return bias2 + np.where((spare > 0) | (variance == 0), noise, np.inf)


@representable("x", "sigma")
def james_stein(x: ArrayLike, sigma: float = 1.0, *, positive_part: bool = False) -> NDArray:
    r"""James and Stein's estimate of the mean vector of one normal observation.

    .. math:: \hat\theta(x) = \left(1 - \frac{(d - 2)\,\sigma^2}{\|x\|^2}\right) x,
              \qquad x \sim N(\theta, \sigma^2 I_d)

    Parameters
    ----------
    x
        Observations, of shape (..., d) with d at least 3, none of them zero.
    sigma
        Standard deviation of each entry.
    positive_part
        Replace a negative factor by zero, so that no estimate points away from x.

    Returns
    -------
    NDArray
        Estimates, of the shape of x.

    Raises
    ------
    ValueError
        If d < 3, sigma is not positive, or an x is zero or not finite.

    Notes
    -----
    James and Stein (1961).  Its risk is below that of x itself for every theta: `james_stein_risk`.

    Examples
    --------
    >>> james_stein([2.0, 0.0, 0.0])
    array([1.5, 0. , 0. ])
    """
    x, sigma = _observation(x), positive("sigma", sigma, ndim=0)
    d = x.shape[-1]
    square = np.square(x).sum(axis=-1, keepdims=True)
    factor = 1 - (d - 2) * sigma**2 / square
    if positive_part:
        factor = np.maximum(factor, 0)
    return factor * x


def _observation(x: ArrayLike) -> NDArray:
    x = finite("x", x)
    if x.ndim == 0 or x.shape[-1] < 3:
        raise ValueError(f"x must have at least 3 entries on its last axis, but its shape is {x.shape}")
    if not np.all(np.any(x, axis=-1)):
        raise ValueError("x must not be zero")
    return x


@representable("distance", "sigma")
def james_stein_risk(distance: ArrayLike, d: int, sigma: float = 1.0) -> NDArray:
    r"""Risk of `james_stein` (without positive part) under squared error.

    .. math:: R(\theta) = \sigma^2 \Big(d - (d - 2)^2 \int_0^1 v^{d-3}
              e^{-(1 - v^2) \|\theta\|^2 / 2\sigma^2} \,dv\Big)

    Parameters
    ----------
    distance
        The norm of theta, of shape (...): the risk depends on nothing else.
    d
        Dimension, at least 3.
    sigma
        Standard deviation of each entry of the observation.

    Returns
    -------
    NDArray
        R, of shape (...).

    Raises
    ------
    ValueError
        If distance is negative, d is no whole number above 2, sigma is not positive, or a number is not
        finite.

    Notes
    -----
    The integral is the expectation of sigma squared over the squared norm of x.  What is computed is the risk
    with this integral by parts, because nothing cancels there, however large d is:

    .. math:: R(\theta) = 2 \sigma^2 + (d - 2) \|\theta\|^2 \int_0^1 v^{d-1}
              e^{-(1 - v^2) \|\theta\|^2 / 2\sigma^2} \,dv

    Examples
    --------
    >>> james_stein_risk([0.0], d=10).round(10)
    array([2.])
    """
    distance = np.asarray(nonnegative("distance", distance))
    d, sigma = count("d", d, 3), positive("sigma", sigma, ndim=0)
    half = np.square(distance / sigma)[..., None] / 2
    # The nodes go where the integrand is: beyond w = 1 - v = `far` the exponential, or the power, is below
    # e^-50.  Near 1, where large d has all of it, v would have lost the digits that w still has.
    share = 50 / np.maximum(half, 50)
    far = np.minimum(share / (1 + np.sqrt(1 - share)), -np.expm1(-50 / (d - 1)))
    nodes, weights = np.polynomial.legendre.leggauss(100)
    w = far * (nodes + 1) / 2
    integrand = np.exp((d - 1) * np.log1p(-w) - half * w * (2 - w))
    integral = (weights * integrand).sum(axis=-1) * far[..., 0] / 2
    return sigma**2 * (2 + (d - 2) * 2 * half[..., 0] * integral)
