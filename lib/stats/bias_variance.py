r"""Many fits at once: what their errors are made of (bias, variance, noise), and how to estimate them.

A *fit* is a function (x, y) -> predict.  It takes the inputs, of shape (n,) or (S, n), and the responses
of S data sets, of shape (S, n), and solves for all of them in one batch; `predict(x_new)` is then of shape
(S, m), one row per data set.  Inputs are numbers.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lib.checks import count, finite, generator, nonnegative, representable
from lib.stats.linear_models import ridge

Fit = Callable[[NDArray, NDArray], Callable[[NDArray], NDArray]]


class Estimate(NamedTuple):
    """What a sample of data sets says of an average over all of them: a value and its standard error."""

    value: NDArray
    se: NDArray


class Decomposition(NamedTuple):
    """The terms of the expected squared error: error = bias2 + variance + noise + cross."""

    bias2: Estimate
    variance: Estimate
    noise: Estimate
    cross: Estimate
    error: Estimate


def linear_model(features: Callable[[NDArray], NDArray], penalty: ArrayLike = 0.0) -> Fit:
    r"""Return the fit by least squares, or by ridge regression, on features of the input.

    .. math:: \hat f(x) = \phi(x)^T \hat\theta, \qquad
              \hat\theta = \arg\min_\theta \sum_{i=1}^n \big(y_i - \phi(x_i)^T\theta\big)^2 +
              \sum_j \lambda_j\theta_j^2

    Parameters
    ----------
    features
        phi: x of shape (..., n) -> design matrix of shape (..., n, p).
    penalty
        lambda, as for `lib.stats.linear_models.ridge`; 0 is least squares.

    Returns
    -------
    Fit
        (x, y) -> predict.

    Raises
    ------
    ValueError
        If the penalty is negative or not finite; the fit raises one if its minimizer is not unique, x, y or
        x_new is not finite, or their shapes do not fit.

    Examples
    --------
    >>> from lib.stats.linear_models import polynomial_features
    >>> fit = linear_model(lambda x: polynomial_features(x, 1))
    >>> fit(np.array([0.0, 1.0]), np.array([[1.0, 3.0], [0.0, -1.0]]))(np.array([2.0])).round(12)
    array([[ 5.],
           [-2.]])
    """
    penalty = nonnegative("penalty", penalty)

    def fit(x: NDArray, y: NDArray) -> Callable[[NDArray], NDArray]:
        x, y = _examples(x, y)
        try:
            theta = ridge(features(x), y, penalty)
        except ValueError as error:
            raise ValueError(f"x, y must have one fit that is finite, but: {error}") from error
        return representable("x_new")(
            lambda x_new: np.matvec(features(finite("x_new", x_new, ndim=1)), theta)
        )

    return fit


def _examples(x: ArrayLike, y: ArrayLike) -> tuple[NDArray, NDArray]:
    """Return the inputs, of shape (n,) or (S, n), and the responses, (..., n), as arrays that fit."""
    x, y = finite("x", x), finite("y", y)
    if x.size == 0 or not 0 < x.ndim <= y.ndim or y.shape[y.ndim - x.ndim :] != x.shape:
        raise ValueError(
            f"y must end in the shape of x, with an example at least, but x is {x.shape}, y {y.shape}"
        )
    return x, y


def nearest_neighbours(k: int) -> Fit:
    r"""Return the fit that predicts the mean response of the k examples with the nearest inputs.

    .. math:: \hat f(x) = \frac1k \sum_{i \in N_k(x)} y_i

    Parameters
    ----------
    k
        Number of neighbours.  Of two at the same distance the first in the data set is nearer.

    Returns
    -------
    Fit
        (x, y) -> predict.

    Raises
    ------
    ValueError
        If k is no positive whole number; the fit raises one if k > n, or if x, y or x_new is not finite or
        their shapes do not fit.

    Examples
    --------
    >>> fit = nearest_neighbours(2)
    >>> fit(np.array([0.0, 1.0, 5.0]), np.array([1.0, 3.0, 8.0]))(np.array([0.4, 4.0]))
    array([2. , 5.5])
    """
    k = count("k", k)

    def fit(x: NDArray, y: NDArray) -> Callable[[NDArray], NDArray]:
        x, y = _examples(x, y)
        if k > x.shape[-1]:
            raise ValueError(f"k must be at most the number of examples in x, {x.shape[-1]}, but it is {k}")

        @representable("x", "y", "x_new")
        def predict(x_new: NDArray) -> NDArray:
            distance = np.abs(finite("x_new", x_new, ndim=1)[:, None] - x[..., None, :])
            nearest = np.argsort(distance, axis=-1, kind="stable")[..., :k]
            lead = (1,) * (y.ndim + 1 - nearest.ndim)
            return np.take_along_axis(y[..., None, :], nearest.reshape(*lead, *nearest.shape), -1).mean(-1)

        return predict

    return fit


def smoother(fit: Fit, x: NDArray, x_new: NDArray) -> NDArray:
    r"""Weights with which a fit that is linear in y averages the responses.

    .. math:: \hat f(x_\text{new}) = W y

    Parameters
    ----------
    fit
        Its predictions must be linear in y, as those of least squares, ridge and nearest neighbours are.
    x
        Inputs of the training data, of shape (n,).
    x_new
        Where the fit is evaluated, of shape (m,).

    Returns
    -------
    NDArray
        W, of shape (m, n): column j is the prediction for a response that is 1 at x_j and 0 elsewhere.

    Raises
    ------
    ValueError
        If x or x_new is no vector of finite numbers, or the fit is not linear in y: the predictions for
        y = 1, ..., n are not W y.

    Examples
    --------
    >>> smoother(nearest_neighbours(2), np.array([0.0, 1.0, 5.0]), np.array([0.4]))
    array([[0.5, 0.5, 0. ]])
    """
    x, x_new = finite("x", x, ndim=1), finite("x_new", x_new, ndim=1)
    n = len(x)
    W = fit(x, np.eye(n))(x_new).T
    probe = np.arange(1.0, n + 1)
    if not np.allclose(fit(x, probe[None])(x_new), W @ probe, rtol=1e-6, atol=1e-6 * n):
        raise ValueError("fit must be linear in y, but its predictions are not the sum of those for unit y")
    return W


@representable("W", "f", "f_new", "sigma")
def smoother_error(W: NDArray, f: NDArray, f_new: NDArray, sigma: float) -> tuple[NDArray, NDArray]:
    r"""Bias and variance of a linear smoother, exactly, over the noise in its responses.

    .. math:: b = W f - f_\text{new}, \qquad v = \sigma^2 \operatorname{diag}(W W^T)

    Parameters
    ----------
    W
        Weights, of shape (m, n).
    f
        The true function at the n inputs of the training data, which are fixed.
    f_new
        The true function where the prediction is made, of shape (m,).
    sigma
        Standard deviation of the noise, the same for all responses, and uncorrelated.

    Returns
    -------
    bias, variance : NDArray
        Each of shape (m,): in units of y, and of y squared.  The bias is not squared.

    Raises
    ------
    ValueError
        If sigma is negative, shapes do not fit, or an argument is not finite.

    Examples
    --------
    >>> bias, variance = smoother_error(np.array([[0.5, 0.5]]), np.array([0.0, 4.0]), np.array([1.0]), 2.0)
    >>> bias.tolist(), variance.tolist()
    ([1.0], [2.0])
    """
    W, f, f_new = finite("W", W, ndim=2), finite("f", f, ndim=1), finite("f_new", f_new, ndim=1)
    sigma = nonnegative("sigma", sigma, ndim=0)
    if W.shape != f_new.shape + f.shape:
        raise ValueError(
            f"W must have shape (m, n) for f_new {f_new.shape} and f {f.shape}, but is {W.shape}"
        )
    return W @ f - f_new, sigma**2 * np.square(W).sum(axis=-1)


@representable("predictions", "f", "y_new")
def decompose(
    predictions: NDArray, f: NDArray, y_new: NDArray | None = None, *, pointwise: bool = False
) -> Decomposition:
    r"""Bias squared, variance and noise, from the predictions of fits to S data sets.

    .. math::
        \bar f = \frac1S \sum_s \hat f_s, \qquad
        v = \frac1{S-1} \sum_s (\hat f_s - \bar f)^2, \qquad
        b^2 = (\bar f - f)^2 - \frac vS

        \text{noise} = \frac1S \sum_s (y_s - f)^2, \qquad
        \text{cross} = \frac2S \sum_s (\hat f_s - f)(f - y_s), \qquad
        \text{error} = \frac1S \sum_s (\hat f_s - y_s)^2

    Parameters
    ----------
    predictions
        Of shape (S, m): row s is the fit to data set s, at m inputs.
    f
        The true function there, of shape (m,), or (S, m) if each data set has inputs of its own.
    y_new
        Fresh responses there, of shape (S, m): drawn independently of the data sets.  Without them the
        error is measured against f, and noise and cross are 0.
    pointwise
        Whether to keep the m inputs apart.  Otherwise each term is averaged over them.

    Returns
    -------
    Decomposition
        Five estimates, each with its standard error over the data sets; values and errors of shape (m,)
        if pointwise, else ().  error = bias2 + variance + noise + cross, exactly; all but cross, which
        has mean 0 if y_new is fresh, estimate their namesakes without bias.

    Raises
    ------
    ValueError
        If there are fewer than three data sets, shapes do not fit, or a value is not finite.

    Notes
    -----
    The mean of S fits is itself uncertain, with variance v / S, which (mean - f)^2 contains: hence the
    correction, after which b^2 may come out below 0.  It is then the mean of the product of the deviations
    from f of two different data sets, and with C the covariance of the m predictions its variance is
    :math:`4\, b^T C b / S + 2\, \|C\|^2 / (S (S - 1))`, for products that average over the inputs; the
    standard error takes b and C from the sample, and is up to 1.4 times too wide where there is no bias.
    The others are those of a mean.  Equation (2.13) of the notes.

    Examples
    --------
    >>> fits = np.array([[0.0], [2.0], [4.0]])
    >>> [round(float(term.value), 6) for term in decompose(fits, np.array([1.0]))]
    [-0.333333, 4.0, 0.0, 0.0, 3.666667]
    """
    predictions, f = finite("predictions", predictions), finite("f", f)
    if predictions.ndim != 2 or len(predictions) < 3 or predictions.size == 0:
        raise ValueError(f"predictions must have shape (S, m), S at least 3, but it is {predictions.shape}")
    if f.shape not in (predictions.shape, predictions.shape[1:]):
        raise ValueError(
            f"f must have shape (m,) or (S, m) of predictions, {predictions.shape}, but it is {f.shape}"
        )
    y_new = np.broadcast_to(f, predictions.shape) if y_new is None else finite("y_new", y_new)
    if y_new.shape != predictions.shape:
        raise ValueError(
            f"y_new must have the shape of predictions, {predictions.shape}, but it is {y_new.shape}"
        )

    def average(terms: NDArray) -> NDArray:
        return terms if pointwise else terms.mean(axis=-1)

    S = len(predictions)
    mean = predictions.mean(axis=0)
    centred = predictions - mean
    bias = (predictions - f).mean(axis=0)
    variance = predictions.var(axis=0, ddof=1)
    bias2 = bias**2 - variance / S
    if pointwise:
        square, quadratic = variance**2, bias2 * variance
    else:
        m = len(mean)
        square = np.square(centred.T @ centred / (S - 1)).sum() / m**2
        quadratic = average(bias * centred).var(ddof=1) - square / S
    bias2_se = np.sqrt(4 * np.maximum(quadratic, 0) / S + 2 * square / (S * (S - 1)))
    return Decomposition(
        bias2=Estimate(average(bias2), bias2_se),
        variance=_mean(S / (S - 1) * average(centred**2)),
        noise=_mean(average((y_new - f) ** 2)),
        cross=_mean(2 * average((predictions - f) * (f - y_new))),
        error=_mean(average((predictions - y_new) ** 2)),
    )


@representable("predictions")
def split_variance(predictions: NDArray) -> tuple[Estimate, Estimate]:
    r"""Split the variance of a randomized fit by the law of total variance.

    .. math:: \operatorname{Var} \hat f =
              \underbrace{\mathbb E_{\mathcal D} \operatorname{Var}(\hat f \mid \mathcal D)}_\text{within} +
              \underbrace{\operatorname{Var}_{\mathcal D} \mathbb E(\hat f \mid \mathcal D)}_\text{between}

    Parameters
    ----------
    predictions
        Of shape (S, R, m): data set s was fitted R times, from independent initial weights, say.

    Returns
    -------
    within, between : Estimate
        Averaged over the m inputs, with the standard error over the data sets.  Both are unbiased; the
        second may come out below 0.

    Raises
    ------
    ValueError
        If the shape is not (S, R, m) with S at least 3 and R at least 2, or a value is not finite.

    Notes
    -----
    The mean of R fits still carries 1/R of the variance within, which is taken off the variance between.
    These are the estimates of a one-way analysis of variance with random effects.

    Examples
    --------
    >>> fits = np.array([[[0.0], [2.0]], [[4.0], [6.0]], [[8.0], [10.0]]])
    >>> [float(term.value) for term in split_variance(fits)]
    [2.0, 15.0]
    """
    predictions = finite("predictions", predictions)
    if predictions.ndim != 3 or len(predictions) < 3 or predictions.shape[1] < 2 or predictions.size == 0:
        raise ValueError(
            f"predictions must have shape (S, R, m), S at least 3, R at least 2, not {predictions.shape}"
        )
    S, R, _ = predictions.shape
    within = predictions.var(axis=1, ddof=1).mean(axis=-1)
    means = predictions.mean(axis=1)
    about_all = S / (S - 1) * np.square(means - means.mean(axis=0)).mean(axis=-1)
    return _mean(within), _mean(about_all - within / R)


@representable("x", "y")
def cross_validation(fit: Fit, x: NDArray, y: NDArray, n_folds: int, rng: np.random.Generator) -> NDArray:
    r"""Error of a fit on examples that were held out of it.

    .. math:: \text{CV} = \frac1n \sum_{i=1}^n \big(y_i - \hat f_{-F(i)}(x_i)\big)^2

    where F(i) is the fold of example i, and the fit is to all the other folds.

    Parameters
    ----------
    fit
        The method to be judged.
    x
        Inputs, of shape (n,).
    y
        Responses, of shape (..., n); leading axes are data sets, for which the folds are the same.
    n_folds
        From 2 to n; n leaves out one example at a time.
    rng
        Source of randomness: one permutation deals the examples to the folds.

    Returns
    -------
    NDArray
        CV, of shape (...), in units of y squared.

    Raises
    ------
    ValueError
        If x is no vector, y does not end in its length, one of them is not finite, n_folds lies outside
        2 ... n, or rng is no generator.

    Notes
    -----
    Stone (1974).  What is estimated is the error of fits to n - n / n_folds examples.

    Examples
    --------
    >>> x, y = np.array([0.0, 1.0, 3.0]), np.array([1.0, 2.0, 5.0])
    >>> float(cross_validation(nearest_neighbours(1), x, y, 3, np.random.default_rng(0)))
    3.6666666666666665
    """
    x, y = finite("x", x), finite("y", y)
    if x.ndim != 1 or y.shape[-1:] != x.shape:
        raise ValueError(f"y must have shape (..., n) for x of shape (n,), but they are {y.shape}, {x.shape}")
    if len(x) < 2:
        raise ValueError(f"x must hold at least 2 examples, but it holds {len(x)}")
    n_folds, rng = count("n_folds", n_folds, low=2, high=len(x)), generator("rng", rng)
    residual = np.empty(y.shape)
    for fold in np.array_split(rng.permutation(len(x)), n_folds):
        predict = fit(np.delete(x, fold), np.delete(y, fold, axis=-1))
        residual[..., fold] = y[..., fold] - predict(x[fold])
    return np.square(residual).mean(axis=-1)


def _mean(samples: NDArray) -> Estimate:
    """Return the mean over the first axis, of independent samples, and its standard error."""
    return Estimate(samples.mean(axis=0), samples.std(axis=0, ddof=1) / np.sqrt(len(samples)))
