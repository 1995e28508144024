"""Linear models: features, the mean squared error and its derivatives, least squares and ridge regression."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lib.checks import broadcasting, count, finite, interval, nonnegative, numbers, positive, representable


def line_features(x: ArrayLike) -> NDArray:
    """Design matrix of a straight line: row i is (1, x_i).

    Parameters
    ----------
    x
        Inputs, of shape (n,).

    Returns
    -------
    NDArray
        X, of shape (n, 2).

    Raises
    ------
    ValueError
        If x is not finite, or is no vector.

    Examples
    --------
    >>> line_features([2.0, 5.0])
    array([[1., 2.],
           [1., 5.]])
    """
    x = finite("x", x, ndim=1)
    return np.stack([np.ones_like(x), x], axis=1)


@representable("x", "degree", "low", "high")
def polynomial_features(x: ArrayLike, degree: int, low: float = -1.0, high: float = 1.0) -> NDArray:
    r"""Design matrix of a polynomial: the powers of the input, scaled from [low, high] to [-1, 1].

    .. math:: X_{ij} = u_i^j, \qquad j = 0, \dots, k, \qquad
              u = \frac{2x - \text{low} - \text{high}}{\text{high} - \text{low}}

    Parameters
    ----------
    x
        Inputs, of shape (..., n); leading axes are an ensemble of data sets.
    degree
        k, at least 0.
    low, high
        Interval that becomes [-1, 1].

    Returns
    -------
    NDArray
        X, of shape (..., n, k + 1).

    Raises
    ------
    ValueError
        If x is a single number or not finite, degree is no whole number, or low is not below high.

    Examples
    --------
    >>> polynomial_features([0.0, 2.0, 3.0], 2, low=0, high=4)
    array([[ 1.  , -1.  ,  1.  ],
           [ 1.  ,  0.  ,  0.  ],
           [ 1.  ,  0.5 ,  0.25]])
    """
    u, degree = _scaled(x, low, high), count("degree", degree, low=0)
    return u[..., None] ** np.arange(degree + 1, dtype=u.dtype)


@representable("x", "degree", "low", "high")
def legendre_features(x: ArrayLike, degree: int, low: float = -1.0, high: float = 1.0) -> NDArray:
    r"""Design matrix of a polynomial in Legendre's basis, whose columns are orthogonal on the interval.

    .. math:: X_{ij} = P_j(u_i), \qquad P_0 = 1, \quad P_1 = u, \quad
              (j + 1) P_{j+1} = (2j + 1)\, u P_j - j P_{j-1}

    Parameters
    ----------
    x
        Inputs, of shape (..., n); leading axes are an ensemble of data sets.
    degree
        k, at least 0.
    low, high
        Interval that becomes [-1, 1]; u is the input scaled to it, as in `polynomial_features`.

    Returns
    -------
    NDArray
        X, of shape (..., n, k + 1).

    Raises
    ------
    ValueError
        If x is a single number or not finite, degree is no whole number, or low is not below high.

    Notes
    -----
    The columns span the same polynomials as the powers do, so least squares gives the same fit; but it
    loses far fewer digits, because they are nearly orthogonal.

    Examples
    --------
    >>> legendre_features([0.0, 2.0, 3.0], 2, low=0, high=4)
    array([[ 1.   , -1.   ,  1.   ],
           [ 1.   ,  0.   , -0.5  ],
           [ 1.   ,  0.5  , -0.125]])
    """
    u, degree = _scaled(x, low, high), count("degree", degree, low=0)
    P = [np.ones_like(u), u]
    for j in range(1, degree):
        P.append(((2 * j + 1) * u * P[j] - j * P[j - 1]) / (j + 1))
    return np.stack(P[: degree + 1], axis=-1)


@representable("x", "Omega")
def relu_features(x: ArrayLike, Omega: ArrayLike) -> NDArray:
    r"""Features of a hidden layer whose weights are fixed: only what follows them is trained.

    .. math:: \phi_j(x) = \max(\omega_j^T x,\, 0), \qquad j = 1, \dots, p

    Parameters
    ----------
    x
        Inputs, of shape (..., n, d).
    Omega
        Weights, of shape (p, d), row j being omega_j; as a rule drawn at random.

    Returns
    -------
    NDArray
        Design matrix, of shape (..., n, p).

    Raises
    ------
    ValueError
        If shapes do not fit, or an argument is not finite.

    Notes
    -----
    Rahimi and Recht (2007) proposed random features.

    Examples
    --------
    >>> relu_features([[1.0, 2.0]], [[1.0, 1.0], [1.0, -1.0]])
    array([[3., 0.]])
    """
    x, Omega = finite("x", x), finite("Omega", Omega)
    if x.ndim < 2 or Omega.ndim != 2 or Omega.shape[1] != x.shape[-1]:
        raise ValueError(f"Omega must have a column for each of x, {x.shape}, but its shape is {Omega.shape}")
    return np.maximum(x @ Omega.T, 0)


def _scaled(x: ArrayLike, low: float, high: float) -> NDArray:
    """Return x carried from [low, high] to [-1, 1]."""
    x = finite("x", x)
    if x.ndim == 0:
        raise ValueError(f"x must have shape (..., n), but it is the number {x}")
    low, high = interval(low, high)
    return (2 * x - low - high) / (high - low)


def _checked(theta: ArrayLike, X: ArrayLike, y: ArrayLike) -> tuple[NDArray, NDArray, NDArray]:
    """Return the three as arrays whose shapes fit: (..., p), (..., n, p), (..., n) with n at least 1."""
    theta, X, y = numbers("theta", theta), _design(X), finite("y", y)
    if y.shape != X.shape[:-1]:
        raise ValueError(f"y must have one entry for each row of X, {X.shape[:-1]}, but it is {y.shape}")
    if theta.ndim == 0 or theta.shape[-1] != X.shape[-1]:
        raise ValueError(f"theta must end in the columns of X, {X.shape}, but it is {theta.shape}")
    own = X.shape[:-2]
    if own and theta.shape[:-1][-len(own) :] != own:
        raise ValueError(
            f"X must be one matrix, or one for each member of theta, {theta.shape}, not {X.shape}"
        )
    return theta, X, y


def _design(X: ArrayLike) -> NDArray:
    X = finite("X", X)
    if X.ndim < 2 or X.shape[-2] == 0:
        raise ValueError(f"X must have shape (..., n, p) with n at least 1, but it is {X.shape}")
    return X


def mse(theta: ArrayLike, X: ArrayLike, y: ArrayLike) -> NDArray:
    r"""Mean squared error of the linear model.

    .. math:: L(\theta) = \frac1n \|y - X\theta\|^2

    Parameters
    ----------
    theta
        Parameters, of shape (..., p); leading axes are an ensemble.
    X
        Design matrix, of shape (..., n, p): one for all members, or each its own.
    y
        Responses, of shape (..., n).

    Returns
    -------
    NDArray
        L, of shape (...), in units of y squared.

    Raises
    ------
    ValueError
        If shapes do not fit, or X or y is not finite.

    Notes
    -----
    Equation (1.1) of the notes divided by n: a mean, so that the batch size does not scale it.

    Examples
    --------
    >>> float(mse([1.0, 0.0], [[1.0, 0.0], [1.0, 1.0]], [0.0, 3.0]))
    2.5
    """
    theta, X, y = _checked(theta, X, y)
    residual = np.matvec(X, theta) - y
    return np.square(residual).mean(axis=-1)


def mse_gradient(theta: ArrayLike, X: ArrayLike, y: ArrayLike) -> NDArray:
    r"""Gradient of the mean squared error.

    .. math:: \nabla L(\theta) = \frac2n X^T (X\theta - y)

    Parameters
    ----------
    theta
        Parameters, of shape (..., p); leading axes are an ensemble.
    X
        Design matrix, of shape (..., n, p): one for all members, or each its own.
    y
        Responses, of shape (..., n).

    Returns
    -------
    NDArray
        Gradient, of the shape of theta.

    Raises
    ------
    ValueError
        If shapes do not fit, or X or y is not finite.

    Notes
    -----
    Equation (1.2) of the notes, with its factor 2 and divided by n.

    Examples
    --------
    >>> mse_gradient([1.0, 0.0], [[1.0, 0.0], [1.0, 1.0]], [0.0, 3.0])
    array([-1., -2.])
    """
    theta, X, y = _checked(theta, X, y)
    n = y.shape[-1]
    return 2 / n * np.vecmat(np.matvec(X, theta) - y, X)


@representable("X")
def mse_hessian(X: ArrayLike) -> NDArray:
    r"""Hessian of the mean squared error: constant, and never indefinite.

    .. math:: H = \frac2n X^T X

    Parameters
    ----------
    X
        Design matrix, of shape (..., n, p).

    Returns
    -------
    NDArray
        H, of shape (..., p, p).

    Raises
    ------
    ValueError
        If X is no matrix with at least one row, or is not finite.

    Examples
    --------
    >>> mse_hessian([[1.0, 0.0], [1.0, 2.0]])
    array([[2., 2.],
           [2., 4.]])
    """
    X = _design(X)
    return 2 / X.shape[-2] * (X.mT @ X)


@representable("X", "y")
def least_squares(X: ArrayLike, y: ArrayLike) -> NDArray:
    r"""Parameters of least norm among those that minimize the squared error, for one data set or many.

    .. math:: \hat\theta = X^+ y = \sum_{j:\, s_j > 0} \frac{u_j^T y}{s_j}\, v_j,
              \qquad X = \sum_j s_j u_j v_j^T

    Parameters
    ----------
    X
        Design matrix, of shape (..., n, p): one for all data sets, or each its own.
    y
        Responses, of shape (..., n).

    Returns
    -------
    NDArray
        theta-hat, of shape (..., p).

    Raises
    ------
    ValueError
        If shapes do not fit, or X or y is not finite.

    Notes
    -----
    Moore and Penrose's inverse, by the singular values s of X: the normal equations would square its
    condition number.  A singular value below max(n, p) units of round-off of the largest counts as zero.
    With independent columns `least_squares_qr` is faster and gives the same.  To count example i with weight
    w_i, multiply row i of X and entry i of y by sqrt(w_i).

    Examples
    --------
    >>> least_squares([[1.0, 0.0], [1.0, 1.0], [1.0, 2.0]], [1.0, 4.0, 7.0]).round(12)
    array([1., 3.])
    >>> least_squares([[3.0, 4.0]], [[5.0], [10.0]]).round(12)
    array([[0.6, 0.8],
           [1.2, 1.6]])
    """
    X, y = _data_sets(X, y)
    U, s, Vt = np.linalg.svd(X, full_matrices=False)
    negligible = s <= max(X.shape[-2:]) * np.finfo(s.dtype).eps * s.max(axis=-1, keepdims=True, initial=0)
    coefficients = np.where(negligible, 0, np.vecmat(y, U) / np.where(negligible, 1, s))
    return np.vecmat(coefficients, Vt)


@representable("X", "y")
def least_squares_qr(X: ArrayLike, y: ArrayLike) -> NDArray:
    r"""Parameters that minimize the squared error, for many data sets at once and independent columns.

    .. math:: X = QR, \qquad R\,\hat\theta = Q^T y

    Parameters
    ----------
    X
        Design matrix, of shape (..., n, p): one for all data sets, or each its own.
    y
        Responses, of shape (..., n).

    Returns
    -------
    NDArray
        theta-hat, of shape (..., p).

    Raises
    ------
    ValueError
        If shapes do not fit, X or y is not finite, or the columns of an X depend on each other to working
        precision, as they must if n < p.

    Notes
    -----
    Q has orthonormal columns and R is triangular, so the error in theta grows with the condition number
    of X, not with its square as by the normal equations (Golub and Van Loan, Matrix Computations, 5.3).
    Where the minimizer is not unique, `least_squares` gives the shortest.

    Examples
    --------
    >>> X = line_features([0.0, 1.0, 2.0])
    >>> least_squares_qr(X, [[1.0, 4.0, 7.0], [5.0, 4.0, 3.0]]).round(12)
    array([[ 1.,  3.],
           [ 5., -1.]])
    """
    X, y = _data_sets(X, y)
    n, p = X.shape[-2:]
    if n < p:
        raise ValueError(f"X must have at least as many rows as columns, but its shape is {X.shape}")
    Q, R = np.linalg.qr(X)
    # Of a column that depends on those before it, the diagonal of R holds what round-off left of its size.
    pivots, sizes = np.abs(np.diagonal(R, axis1=-2, axis2=-1)), np.abs(R).max(axis=-2, initial=0)
    if p == 0 or np.any(pivots <= n * np.finfo(R.dtype).eps * sizes):
        raise ValueError("X must have independent columns; least_squares takes any X")
    return np.linalg.solve(R, np.vecmat(y, Q)[..., None])[..., 0]


@representable("X", "y", "penalty")
def ridge(X: ArrayLike, y: ArrayLike, penalty: ArrayLike) -> NDArray:
    r"""Parameters that minimize the squared error plus a penalty on their size.

    .. math:: \hat\theta = \arg\min_\theta\; \|y - X\theta\|^2 + \sum_j \lambda_j \theta_j^2
              = (X^T X + \operatorname{diag} \lambda)^{-1} X^T y

    Parameters
    ----------
    X
        Design matrix, of shape (..., n, p): one for all data sets, or each its own.
    y
        Responses, of shape (..., n).
    penalty
        lambda, not negative: a number, or one for each column, of shape (p,); 0 leaves a column free.

    Returns
    -------
    NDArray
        theta-hat, of shape (..., p).

    Raises
    ------
    ValueError
        If shapes do not fit, an argument is not finite, a penalty is negative, or the minimizer is not
        unique, as with penalty 0 and n < p.

    Notes
    -----
    Hoerl and Kennard (1970); the notes, equation (2.14).  The penalty is that of p more examples, whose
    inputs are the rows of the diagonal matrix with entries sqrt(lambda), and whose responses are 0; so
    it is solved as `least_squares_qr`, and no matrix is squared.  The error is round-off of the size of y
    over sqrt(lambda): at a huge lambda theta is tiny, and has few digits.  To count example i with weight
    w_i, multiply row i of X and entry i of y by sqrt(w_i).

    Examples
    --------
    >>> ridge([[1.0], [1.0]], [2.0, 4.0], penalty=1.0).round(12)
    array([2.])
    """
    X, y = _data_sets(X, y)
    p = X.shape[-1]
    root = np.sqrt(nonnegative("penalty", penalty)).astype(X.dtype)
    if root.shape not in ((), (p,)):
        raise ValueError(
            f"penalty must be a number, or one for each column of X, {X.shape}, not {root.shape}"
        )
    rows = np.broadcast_to(root * np.eye(p, dtype=X.dtype), (*X.shape[:-2], p, p))
    zeros = np.zeros((*y.shape[:-1], p), y.dtype)
    return least_squares_qr(np.concatenate([X, rows], axis=-2), np.concatenate([y, zeros], axis=-1))


@representable("u", "threshold")
def soft_threshold(u: ArrayLike, threshold: ArrayLike) -> NDArray:
    r"""Move numbers towards zero by a threshold, and stop there.

    .. math:: S_\tau(u) = \operatorname{sign}(u) \max(|u| - \tau, 0)
              = \arg\min_z\; \tfrac12 (z - u)^2 + \tau |z|

    Parameters
    ----------
    u
        Numbers of any shape.
    threshold
        tau, not negative; its shape and that of u broadcast.

    Returns
    -------
    NDArray
        S_tau(u), of the broadcast shape.

    Raises
    ------
    ValueError
        If an argument is not finite, or the threshold is negative.

    Notes
    -----
    Donoho and Johnstone (1994).

    Examples
    --------
    >>> soft_threshold([3.0, -0.5, -2.0], 1.0)
    array([ 2., -0., -1.])
    """
    u, threshold = finite("u", u), nonnegative("threshold", threshold)
    broadcasting(u=u, threshold=threshold)
    return _shrink(u, threshold)


@representable("X", "y", "penalty", "tolerance")
def lasso(
    X: ArrayLike, y: ArrayLike, penalty: ArrayLike, *, tolerance: float = 1e-8, max_sweeps: int = 10_000
) -> NDArray:
    r"""Parameters that minimize the squared error plus a penalty on their absolute values.

    .. math:: \hat\theta = \arg\min_\theta\; \|y - X\theta\|^2 + \lambda \sum_j |\theta_j|

    Coordinate by coordinate, in turn, until nothing moves:

    .. math:: \theta_j \leftarrow \frac{S_{\lambda/2}(X_j^T r)}{\|X_j\|^2}, \qquad
              r = y - \sum_{k \ne j} X_k \theta_k

    Parameters
    ----------
    X
        Design matrix, of shape (..., n, p): one for all data sets, or each its own; no column of zeros.
    y
        Responses, of shape (..., n).
    penalty
        lambda, positive: a number, or one for each data set, of a shape that broadcasts to (...).
    tolerance
        How far the conditions of optimality may be violated, as a share of the largest entry of X^T y.
    max_sweeps
        After so many turns through all columns it gives up.

    Returns
    -------
    NDArray
        theta-hat, of shape (..., p); coordinates that are out are exactly 0.

    Raises
    ------
    ValueError
        If shapes do not fit, an argument is not finite, a penalty is not positive, a column of X is zero,
        or max_sweeps turns did not suffice.

    Notes
    -----
    Tibshirani (1996); coordinate descent: Friedman et al. (2007).  The conditions of optimality are that
    2 X_j^T (y - X theta) is lambda sign(theta_j) where theta_j is not 0, and at most lambda in size
    where it is.

    Examples
    --------
    >>> lasso([[1.0, 0.0], [0.0, 2.0]], [3.0, 0.25], penalty=2.0)
    array([2., 0.])
    """
    X, y = _data_sets(X, y)
    half, tolerance = np.asarray(positive("penalty", penalty)) / 2, positive("tolerance", tolerance, ndim=0)
    count("max_sweeps", max_sweeps)
    if broadcasting(penalty=half, y=y[..., 0]) != y.shape[:-1]:
        raise ValueError(f"penalty must broadcast to the sets of y, {y.shape[:-1]}, but it is {half.shape}")
    squares = np.square(X).sum(axis=-2)
    if X.size == 0 or not squares.all():
        raise ValueError("X must have columns, and none of zeros")
    allowed = tolerance * np.abs(np.vecmat(y, X)).max(axis=-1, keepdims=True)
    theta, r = np.zeros((*y.shape[:-1], X.shape[-1])), y
    for _ in range(max_sweeps):
        for j in range(X.shape[-1]):
            column, before = X[..., j], theta[..., j].copy()
            theta[..., j] = _shrink(np.vecdot(column, r) + squares[..., j] * before, half) / squares[..., j]
            r = r - (theta[..., j] - before)[..., None] * column
        slope = np.vecmat(y - np.matvec(X, theta), X)
        # Where theta is 0, the slope may be anything up to half of lambda; elsewhere it must be that.
        excess = np.abs(slope - half[..., None] * np.sign(theta))
        excess = np.where(theta == 0, _shrink(np.abs(slope), half[..., None]), excess)
        if np.all(excess <= allowed):
            return theta + 0.0  # no -0.0 among the zeros
    scale = allowed / tolerance  # 0 where y is orthogonal to X: there theta = 0 is found at once
    left = np.divide(excess, scale, out=np.zeros_like(excess), where=scale > 0).max()
    raise ValueError(
        f"max_sweeps = {max_sweeps} turns through X did not reach the tolerance {tolerance}, but {left:.2g}"
    )


def _shrink(u: NDArray, threshold: NDArray) -> NDArray:
    return np.sign(u) * np.maximum(np.abs(u) - threshold, 0)


def _data_sets(X: ArrayLike, y: ArrayLike) -> tuple[NDArray, NDArray]:
    """Return X, of shape (..., n, p), and y, of shape (..., n), if X is one for all y or each has its own."""
    X, y = _design(X), finite("y", y)
    own = X.shape[:-1]
    if y.ndim < len(own) or y.shape[-1] != own[-1] or y.shape[y.ndim - len(own) :] != own:
        raise ValueError(f"y must have shape (..., n) that ends in {own}, as X does, but it is {y.shape}")
    return X, y
