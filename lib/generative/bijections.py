r"""Normalizing flows: bijections with a log-determinant, as layers that have an inverse.

A flow goes from data to noise.  ``apply(params, x)`` returns ``(z, logdet)``, with the logarithm of the
determinant of the Jacobian dz/dx at each point, and the *pullback* that takes
``(dL/dz, dL/dlogdet)`` to ``(dL/dparams, dL/dx)``; ``inverse(params, z)`` returns x.  Here x and z have shape
(..., n, d), logdet (..., n), and leading axes are an ensemble, as in `lib.nn.layers`.

The density that a flow gives to a point is that of its image under the normal distribution, times the
determinant: `likelihood`.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lib.checks import count, ensemble, finite, numbers, positive
from lib.nn.layers import Layer, linear, no_parameters, serial, tanh
from lib.nn.params import ravel

LOG_2PI = math.log(2 * math.pi)


@dataclass(frozen=True)
class Bijection(Layer):
    """A one-to-one function with parameters, from data to noise.

    Parameters
    ----------
    init
        ``(rng, members=None) -> params``, as for a `Layer`: `start`, `unravel` and `size` are its, too.
    apply
        ``(params, x) -> ((z, logdet), pullback)``.
    inverse
        ``(params, z) -> x``.

    Examples
    --------
    >>> flow = triangular(2)
    >>> params = flow.unravel(np.array([1.0, 0.0, 0.0, 0.0, 4.0]))  # b, s, and what is below the diagonal
    >>> (z, logdet), _ = flow.apply(params, np.array([[2.0, 3.0]]))
    >>> z.tolist(), logdet.tolist(), flow.inverse(params, z).tolist()
    ([[1.0, 7.0]], [0.0], [[2.0, 3.0]])
    """

    inverse: Callable


@dataclass(frozen=True)
class Transformer:
    """An increasing function of one number, whose parameters a network computes.

    Parameters
    ----------
    size
        Number of its parameters, c.
    forward
        ``(c, x) -> ((z, log dz/dx), pull)``, with c of shape (..., size), x, z and log dz/dx (...), and
        ``pull(dL/dz, dL/dlog) -> (dL/dc, dL/dx)``.
    inverse
        ``(c, z) -> x``.
    """

    size: int
    forward: Callable
    inverse: Callable


def _checked(make: Callable[..., Bijection]) -> Callable[..., Bijection]:
    """Decorate a function that makes a bijection: what it makes looks at x and at z first."""

    @wraps(make)
    def made(*args: object, **kwargs: object) -> Bijection:
        flow = make(*args, **kwargs)
        return Bijection(flow.init, _points("x", flow.apply), _points("z", flow.inverse))

    return made


def _points(name: str, function: Callable) -> Callable:
    def looked(params: tuple, points: NDArray) -> tuple:
        points = numbers(name, points)
        try:
            if points.ndim < 2:
                raise ValueError("it needs 2 axes at least")
            return function(params, points)
        except ValueError as error:
            raise ValueError(
                f"{name} must fit the bijection, but its shape is {points.shape}: {error}"
            ) from error

    return looked


def _width(points: NDArray, d: int) -> NDArray:
    if points.shape[-1] != d:
        raise ValueError(f"it needs {d} coordinates")
    return points


# --- Increasing functions of one number ---


def additive() -> Transformer:
    r"""Shift: :math:`z = x - t`, with c = (t).  It keeps volumes.

    Returns
    -------
    Transformer
        Of size 1.

    Notes
    -----
    Dinh, Krueger and Bengio (2014): NICE.
    """

    def forward(c: NDArray, x: NDArray) -> tuple:
        z = x - c[..., 0]
        return (z, np.zeros_like(z)), lambda dz, _: (-dz[..., None], dz)

    return Transformer(1, forward, lambda c, z: z + c[..., 0])


def affine(bound: float = 3.0) -> Transformer:
    r"""Shift and scale.

    .. math:: z = (x - t)\, e^{-s}, \qquad \log\frac{dz}{dx} = -s, \quad t = c_1, \quad s = B \tanh\frac{c_2}B

    Parameters
    ----------
    bound
        B: no scale leaves e^-B ... e^B, so that none runs away.

    Returns
    -------
    Transformer
        Of size 2.

    Raises
    ------
    ValueError
        If bound lies outside 1e-6 ... 100.

    Notes
    -----
    Dinh, Sohl-Dickstein and Bengio (2017): RealNVP.
    """
    bound = _between("bound", bound, 1e-6, 100)

    def forward(c: NDArray, x: NDArray) -> tuple:
        th = np.tanh(c[..., 1] / bound)
        shrink = np.exp(-bound * th)
        z = (x - c[..., 0]) * shrink

        def pull(dz: NDArray, dlog: NDArray) -> tuple:
            return np.stack([-dz * shrink, -(dz * z + dlog) * (1 - th**2)], axis=-1), dz * shrink

        return (z, -bound * th), pull

    return Transformer(2, forward, lambda c, z: c[..., 0] + z * np.exp(bound * np.tanh(c[..., 1] / bound)))


def spline(bins: int = 8, bound: float = 3.0, floor: float = 1e-3) -> Transformer:
    r"""Monotone rational-quadratic spline on [-B, B], and the identity outside.

    .. math:: z = z_k + h\, \frac{s t^2 + \delta_k q}{Q}, \qquad
              \frac{dz}{dx} = s^2\, \frac{\delta_{k+1} t^2 + 2 s q + \delta_k (1 - t)^2}{Q^2}, \qquad
              q = t (1 - t), \qquad Q = s + (\delta_k + \delta_{k+1} - 2 s)\, q

    in a bin of width w and height h, with slope s = h / w, slopes delta at its ends, and t = (x - x_k) / w.

    Parameters
    ----------
    bins
        Number of bins.
    bound
        B.
    floor
        Least width and height of a bin, as shares of 2B, and least slope at a knot.

    Returns
    -------
    Transformer
        Of size 3 bins - 1: widths, heights and inner slopes, all of them equal, and the identity, at c = 0.

    Raises
    ------
    ValueError
        If bins is no whole number in 1 ... 1000, bound lies outside 1e-6 ... 1e6, or floor is not positive
        or not below 1 / bins.

    Notes
    -----
    Gregory and Delbourgo (1982); Durkan, Bekasov, Murray and Papamakarios (2019).  For positive slopes both
    Q and dz/dx are positive, because q is at most 1/4.
    """
    bins, bound, floor = (
        count("bins", bins, high=1000),
        _between("bound", bound, 1e-6, 1e6),
        _floor(floor, bins),
    )
    size, least = 2 * bound, floor
    shift = math.log(math.expm1(1 - floor))  # so that slopes start at 1
    K = bins

    def knots(c: NDArray) -> tuple:
        """Return where the bins begin and how long they are, in x and in z, and the slopes at all knots."""
        shares = _softmax(c[..., :K]), _softmax(c[..., K : 2 * K])
        width, height = (size * (least + (1 - K * least) * share) for share in shares)
        inner = least + _softplus(c[..., 2 * K :] + shift)
        one = np.ones((*inner.shape[:-1], 1), inner.dtype)
        return *_begins(width), *_begins(height), np.concatenate([one, inner, one], axis=-1), shares

    def _begins(length: NDArray) -> tuple:
        return np.cumsum(length, axis=-1) - length - bound, length

    def in_bin(k: NDArray, x0: NDArray, w: NDArray, z0: NDArray, h: NDArray, delta: NDArray) -> tuple:
        return *(_at(a, k) for a in (x0, w, z0, h, delta)), _at(delta, k + 1)

    def forward(c: NDArray, x: NDArray) -> tuple:
        *table, shares = knots(c)
        inside = np.abs(x.real) < bound
        kept = np.where(inside, x, 0)  # not nan, not even where it does not matter
        k = _bin_of(kept, table[0])
        x0, w, z0, h, d0, d1 = in_bin(k, *table)
        s, t = h / w, (kept - x0) / w
        q, e = t * (1 - t), d0 + d1 - 2 * s
        N, Q, M = s * t**2 + d0 * q, s + e * q, d1 * t**2 + 2 * s * q + d0 * (1 - t) ** 2
        z = np.where(inside, z0 + h * N / Q, x)
        log = np.where(inside, 2 * np.log(s) + np.log(M) - 2 * np.log(Q), 0)

        def pull(dz: NDArray, dlog: NDArray) -> tuple:
            a, b = np.where(inside, dz, 0), np.where(inside, dlog, 0)
            dM, dQ, dN = b / M, -a * h * N / Q**2 - 2 * b / Q, a * h / Q
            dq, de = dN * d0 + dQ * e + dM * 2 * s, dQ * q
            dt = 2 * dN * s * t + dM * (2 * d1 * t - 2 * d0 * (1 - t)) + dq * (1 - 2 * t)
            ds = dN * t**2 + dQ + dM * 2 * q + 2 * b / s - 2 * de
            d_first, d_second = dN * q + dM * (1 - t) ** 2 + de, dM * t**2 + de
            dh, dw, dx0 = a * N / Q + ds / w, -(ds * s + dt * t) / w, -dt / w
            # A bin's own length counts inside of it, the lengths before it where it begins.
            own, before, knot = np.arange(K) == k, np.arange(K) < k, np.arange(K + 1)
            lengths = [own * u[..., None] + before * v[..., None] for u, v in ((dw, dx0), (dh, a))]
            slopes = (knot == k) * d_first[..., None] + (knot == k + 1) * d_second[..., None]
            softmax = [
                size * (1 - K * least) * p * (g - (g * p).sum(axis=-1, keepdims=True))
                for g, p in zip(lengths, shares, strict=True)
            ]
            softplus = slopes[..., 1:-1] * _sigmoid(c[..., 2 * K :] + shift)
            return np.concatenate([*softmax, softplus], axis=-1), np.where(inside, dt / w, dz)

        return (z, log), pull

    def inverse(c: NDArray, z: NDArray) -> NDArray:
        *table, _ = knots(c)
        inside = np.abs(z.real) < bound
        kept = np.where(inside, z, 0)
        k = _bin_of(kept, table[2])
        x0, w, z0, h, d0, d1 = in_bin(k, *table)
        s, v = h / w, kept - z0
        e = d0 + d1 - 2 * s
        a, b, minus_c = h * (s - d0) + v * e, h * d0 - v * e, s * v
        t = 2 * minus_c / (b + np.sqrt(b**2 + 4 * a * minus_c))  # the root without cancellation
        return np.where(inside, x0 + t * w, z)

    return Transformer(3 * bins - 1, forward, inverse)


def _between(name: str, value: float, low: float, high: float) -> float:
    if not low <= finite(name, value, ndim=0) <= high:
        raise ValueError(f"{name} must lie between {low:g} and {high:g}, but it is {value}")
    return float(value)


def _floor(floor: float, bins: int) -> float:
    if not positive("floor", floor, ndim=0) < 1 / bins:
        raise ValueError(f"floor must be below 1 / bins, {1 / bins:.3g}, but it is {floor}")
    return float(floor)


def _softmax(a: NDArray) -> NDArray:
    p = np.exp(a - a.real.max(axis=-1, keepdims=True))
    return p / p.sum(axis=-1, keepdims=True)


def _softplus(a: NDArray) -> NDArray:
    """Return log(1 + e^a), without overflow, and for complex steps as well."""
    return np.where(a.real > 0, a, 0) + np.log1p(np.exp(np.where(a.real > 0, -a, a)))


def _sigmoid(a: NDArray) -> NDArray:
    return np.exp(-_softplus(-a))


def _bin_of(value: NDArray, begins: NDArray) -> NDArray:
    """Return the number of the bin that holds a value, with an axis for `_at`."""
    return (value.real[..., None] >= begins.real[..., 1:]).sum(axis=-1)[..., None]


def _at(table: NDArray, k: NDArray) -> NDArray:
    return np.take_along_axis(table, k, axis=-1)[..., 0]


# --- Bijections of d numbers ---


@_checked
def triangular(d: int) -> Bijection:
    r"""Affine map with a triangular matrix.

    .. math:: z = L\,(x - b), \qquad L_{ii} = e^{s_i}, \qquad L_{ij} = 0 \text{ for } j > i, \qquad
              \log|\det L| = \sum_i s_i

    Parameters
    ----------
    d
        Number of coordinates.

    Returns
    -------
    Bijection
        With params (b, s, the entries of L below its diagonal, row after row); it starts as the identity.

    Raises
    ------
    ValueError
        If d is no whole number in 1 ... 1000.
    """
    d = count("d", d, high=1000)
    below = np.tril_indices(d, -1)

    def init(rng: np.random.Generator, members: int | None = None) -> tuple:
        lead = ensemble("members", members)
        return np.zeros((*lead, d)), np.zeros((*lead, d)), np.zeros((*lead, len(below[0])))

    def matrix(s: NDArray, rest: NDArray) -> NDArray:
        L = np.exp(s)[..., None] * np.eye(d, dtype=s.dtype)
        L[..., *below] = rest
        return L

    def apply(params: tuple, x: NDArray) -> tuple:
        b, s, rest = params
        L, centred = matrix(s, rest), _width(x, d) - b[..., None, :]
        z = centred @ L.mT

        def pullback(grad: tuple) -> tuple:
            dz, dlogdet = grad
            dL, dx = dz.mT @ centred, dz @ L
            ds = np.diagonal(dL, axis1=-2, axis2=-1) * np.exp(s) + dlogdet.sum(axis=-1, keepdims=True)
            return (-dx.sum(axis=-2), ds, dL[..., *below]), dx

        return (z, np.broadcast_to(s.sum(axis=-1, keepdims=True), z.shape[:-1])), pullback

    def inverse(params: tuple, z: NDArray) -> NDArray:
        b, s, rest = params
        return np.linalg.solve(matrix(s, rest), _width(z, d).mT).mT + b[..., None, :]

    return Bijection(init, apply, inverse)


@_checked
def flip() -> Bijection:
    """Reverse the order of the coordinates, so that the next coupling changes what the last one kept.

    Returns
    -------
    Bijection
        Without parameters.
    """
    return Bijection(
        no_parameters,
        lambda params, x: (
            (x[..., ::-1], np.zeros(x.shape[:-1], x.dtype)),
            lambda grad: ((), grad[0][..., ::-1]),
        ),
        lambda params, z: z[..., ::-1],
    )


@_checked
def coupling(split: int, net: Layer, kind: Transformer) -> Bijection:
    r"""Coupling layer: the first coordinates stay, and decide what happens to the others.

    .. math:: z_A = x_A, \qquad z_i = f\big(x_i;\; c_i(x_A)\big), \qquad
              \log\Big|\det\frac{\partial z}{\partial x}\Big| = \sum_{i \in B} \log\frac{dz_i}{dx_i}

    Parameters
    ----------
    split
        Number of coordinates that stay, A; B are the others.
    net
        Computes the parameters c, from `split` numbers `kind.size` ones for each coordinate of B in turn.
    kind
        The function f.

    Returns
    -------
    Bijection
        With the params of net.  One pass of the network either way.

    Raises
    ------
    ValueError
        If split is no positive whole number.

    Notes
    -----
    Dinh, Krueger and Bengio (2014).
    """
    split = count("split", split)

    def parts(params: tuple, points: NDArray) -> tuple:
        kept, changed = points[..., :split], points[..., split:]
        c, pull = net.apply(params, kept)
        return kept, changed, _for_each(c, changed.shape[-1], kind.size), pull

    def apply(params: tuple, x: NDArray) -> tuple:
        kept, changed, c, pull_net = parts(params, x)
        (moved, log), pull_kind = kind.forward(c, changed)
        kept = np.broadcast_to(kept, (*moved.shape[:-1], split))  # one x, many members

        def pullback(grad: tuple) -> tuple:
            dz, dlogdet = grad
            dc, dchanged = pull_kind(dz[..., split:], np.broadcast_to(dlogdet[..., None], moved.shape))
            dparams, dkept = pull_net(dc.reshape(*dc.shape[:-2], -1))
            return dparams, np.concatenate([dz[..., :split] + dkept, dchanged], axis=-1)

        return (np.concatenate([kept, moved], axis=-1), log.sum(axis=-1)), pullback

    def inverse(params: tuple, z: NDArray) -> NDArray:
        kept, changed, c, _ = parts(params, z)
        moved = kind.inverse(c, changed)
        return np.concatenate([np.broadcast_to(kept, (*moved.shape[:-1], split)), moved], axis=-1)

    return Bijection(net.init, apply, inverse)


def _for_each(c: NDArray, d: int, size: int) -> NDArray:
    """Deal the outputs of a network to d coordinates."""
    if d < 1 or c.shape[-1] != d * size:
        raise ValueError(f"{d} coordinates to change need {size} parameters each, not {c.shape[-1]} in all")
    return c.reshape(*c.shape[:-1], d, size)


def masked(layer: Layer, mask: ArrayLike) -> Layer:
    r"""Linear layer some of whose weights are zero for good: :math:`f = h\,(M \odot \Omega)^T + b`.

    Parameters
    ----------
    layer
        A layer with params (Omega, b), as `lib.nn.layers.linear` makes it.
    mask
        M, of zeros and ones, of the shape of Omega.

    Returns
    -------
    Layer
        With the params of the layer.  Its `apply` raises a `ValueError` if mask does not fit.

    Raises
    ------
    ValueError
        If mask is no matrix of finite numbers.
    """
    mask = finite("mask", mask, ndim=2)

    def apply(params: tuple, h: NDArray) -> tuple:
        Omega, b = params
        if Omega.shape[-2:] != mask.shape:
            raise ValueError(f"mask must have the shape of Omega, {Omega.shape[-2:]}, not {mask.shape}")
        f, pull = layer.apply((Omega * mask, b), h)

        def pullback(df: NDArray) -> tuple:
            (dOmega, db), dh = pull(df)
            return (dOmega * mask, db), dh

        return f, pullback

    return Layer(layer.init, apply)


@_checked
def autoregressive(d: int, hidden: int, kind: Transformer) -> Bijection:
    r"""Autoregressive layer: each coordinate is changed by a function that those before it decide.

    .. math:: z_i = f\big(x_i;\; c_i(x_1, \dots, x_{i-1})\big), \qquad
              \log\Big|\det\frac{\partial z}{\partial x}\Big| = \sum_i \log\frac{dz_i}{dx_i}

    Parameters
    ----------
    d
        Number of coordinates.
    hidden
        Units in each of the two hidden layers, with the activation tanh, at least d - 1.
    kind
        The function f.

    Returns
    -------
    Bijection
        One pass of the network to the noise, d passes back.

    Raises
    ------
    ValueError
        If d or hidden is no whole number in 1 ... 1000, or hidden is less than d - 1.

    Notes
    -----
    All c_i come out of one network, whose weights from later to earlier coordinates are masked (Germain,
    Gregor, Murray and Larochelle, 2015): a unit of degree m sees x_1 ... x_m.  As a map from data to noise
    the flow is MAF (Papamakarios, Pavlakou and Murray, 2017), from noise to data IAF (Kingma and others,
    2016).
    """
    d = count("d", d, high=1000)
    if count("hidden", hidden, high=1000) < d - 1:
        raise ValueError(f"hidden must be at least d - 1, {d - 1}, but it is {hidden}")
    coordinate, unit = np.arange(1, d + 1), np.arange(hidden) % max(d - 1, 1) + 1
    output = np.repeat(coordinate - 1, kind.size)  # c_i sees one coordinate less
    degrees = coordinate, unit, unit, output
    masks = [after[:, None] >= before for before, after in pairwise(degrees)]
    first, second, third = (
        masked(linear(len(before), len(after)), mask)
        for (before, after), mask in zip(pairwise(degrees), masks, strict=True)
    )
    net = serial(first, tanh(), second, tanh(), third)

    def parameters(params: tuple, x: NDArray) -> tuple:
        c, pull = net.apply(params, _width(x, d))
        return _for_each(c, d, kind.size), pull

    def apply(params: tuple, x: NDArray) -> tuple:
        c, pull_net = parameters(params, x)
        (z, log), pull_kind = kind.forward(c, x)

        def pullback(grad: tuple) -> tuple:
            dz, dlogdet = grad
            dc, direct = pull_kind(dz, np.broadcast_to(dlogdet[..., None], z.shape))
            dparams, through = pull_net(dc.reshape(*dc.shape[:-2], -1))
            return dparams, direct + through

        return (z, log.sum(axis=-1)), pullback

    def inverse(params: tuple, z: NDArray) -> NDArray:
        x = np.zeros_like(_width(z, d))
        for _ in range(d):  # after i passes the first i coordinates are right
            x = kind.inverse(parameters(params, x)[0], z)
        return x

    return Bijection(net.init, apply, inverse)


@_checked
def planar(d: int) -> Bijection:
    r"""Planar flow: a push along v that depends on one direction, w.

    .. math:: z = x + v \tanh(w^T x + b), \qquad v = u + \big(\log(1 + e^{w^T u}) - 1 - w^T u\big)\,
              \frac w{\|w\|^2}, \\
              \det\frac{\partial z}{\partial x} = 1 + w^T v\, (1 - \tanh^2) > 0

    Parameters
    ----------
    d
        Number of coordinates.

    Returns
    -------
    Bijection
        With params (w, u, b).  By the choice of v, w^T v > -1, so the map is one-to-one; its inverse is
        found by bisection.

    Raises
    ------
    ValueError
        If d is no whole number in 1 ... 1000.

    Notes
    -----
    Rezende and Mohamed (2015), with the square of the norm of w, which some of its programs lack.
    """
    d = count("d", d, high=1000)

    def init(rng: np.random.Generator, members: int | None = None) -> tuple:
        lead = ensemble("members", members)
        return rng.normal(0, 0.5, (*lead, d)), rng.normal(0, 0.5, (*lead, d)), np.zeros((*lead, 1))

    def parts(params: tuple) -> tuple:
        w, u, b = params
        wu, ww = (w * u).sum(axis=-1, keepdims=True), (w * w).sum(axis=-1, keepdims=True)
        soft = _softplus(wu)  # = 1 + w.v
        return w, u, b, wu, ww, soft, u + (soft - 1 - wu) * w / ww

    def along(w: NDArray, x: NDArray) -> NDArray:
        return (_width(x, d) * w[..., None, :]).sum(axis=-1)  # vecdot would conjugate a complex step

    def apply(params: tuple, x: NDArray) -> tuple:
        w, u, b, wu, ww, soft, v = parts(params)
        wv = soft - 1
        t = np.tanh(along(w, x) + b)
        p = 1 - t**2
        det = p * soft + t**2  # = 1 + p w.v, without cancellation

        def pullback(grad: tuple) -> tuple:
            dz, dlogdet = grad
            g = dlogdet / det
            da, dv = along(v, dz) * p - 2 * g * t * p * wv, (t[..., None] * dz).sum(axis=-2)
            df = (dv * w).sum(axis=-1, keepdims=True) / ww
            dwu = (df + (g * p).sum(axis=-1, keepdims=True)) * _sigmoid(wu) - df
            dw = (da[..., None] * x).sum(axis=-2) + (wv - wu) * (dv - 2 * df * w) / ww + dwu * u
            dx = dz + da[..., None] * w[..., None, :]
            return (dw, dv + dwu * w, da.sum(axis=-1, keepdims=True)), dx

        return (x + t[..., None] * v[..., None, :], np.log(det)), pullback

    def inverse(params: tuple, z: NDArray) -> NDArray:
        w, _, b, _, _, soft, v = parts(params)
        goal, wv = along(w, z) + b, soft - 1
        low, high = goal - np.abs(wv), goal + np.abs(wv)
        for _ in range(60):  # a + w.v tanh(a) increases with a
            middle = (low + high) / 2
            over = middle + wv * np.tanh(middle) > goal
            low, high = np.where(over, low, middle), np.where(over, middle, high)
        return z - np.tanh((low + high) / 2)[..., None] * v[..., None, :]

    return Bijection(init, apply, inverse)


def chain(*links: Bijection) -> Bijection:
    r"""One bijection after the other: log-determinants add up, the inverse goes backwards.

    .. math:: z = f_K \circ \dots \circ f_1(x), \qquad \log\Big|\det\frac{\partial z}{\partial x}\Big|
              = \sum_k \log|\det Df_k|

    Parameters
    ----------
    links
        Each takes what the one before it gives; at least one.

    Returns
    -------
    Bijection
        With params the tuple of the links' params.

    Raises
    ------
    ValueError
        If there are no links.
    """
    if not links:
        raise ValueError("links must hold one bijection at least")

    def init(rng: np.random.Generator, members: int | None = None) -> tuple:
        return tuple(link.init(rng, members) for link in links)

    def apply(params: tuple, x: NDArray) -> tuple:
        pullbacks, total = [], 0.0
        for link, link_params in zip(links, params, strict=True):
            (x, logdet), pull = link.apply(link_params, x)
            pullbacks.append(pull)
            total = total + logdet

        def pullback(grad: tuple) -> tuple:
            dx, dlogdet = grad
            dparams = []
            for pull in reversed(pullbacks):
                own, dx = pull((dx, dlogdet))
                dparams.append(own)
            return tuple(reversed(dparams)), dx

        return (x, total), pullback

    def inverse(params: tuple, z: NDArray) -> NDArray:
        for link, link_params in zip(reversed(links), reversed(params), strict=True):
            z = link.inverse(link_params, z)
        return z

    return Bijection(init, apply, inverse)


# --- Densities ---


def normal_log_density(z: NDArray) -> NDArray:
    r"""Logarithm of the standard normal density in d dimensions.

    .. math:: \log\varphi(z) = -\tfrac12 \|z\|^2 - \tfrac d2 \log 2\pi

    Parameters
    ----------
    z
        Points, of shape (..., d).

    Returns
    -------
    NDArray
        Of shape (...).

    Raises
    ------
    ValueError
        If z holds no points.

    Examples
    --------
    >>> normal_log_density(np.zeros((1, 2))).round(6)
    array([-1.837877])
    """
    z = numbers("z", z)
    if z.ndim == 0 or z.shape[-1] == 0:
        raise ValueError(f"z must have shape (..., d), but it is {z.shape}")
    return -np.square(z).sum(axis=-1) / 2 - z.shape[-1] / 2 * LOG_2PI


def likelihood(flow: Bijection) -> tuple[Callable, Callable]:
    r"""Log-density of a flow, and the gradient of its negative mean, as functions of the flat theta.

    .. math:: \log q_\theta(x) = \log\varphi\big(f_\theta(x)\big)
              + \log\Big|\det\frac{\partial f_\theta}{\partial x}\Big|, \\
              L(\theta) = -\frac1n \sum_{i=1}^n \log q_\theta(x_i)

    Parameters
    ----------
    flow
        The map f to the noise.

    Returns
    -------
    log_density, gradient : Callable
        Functions of theta (..., P) and x (n, d), or (..., n, d) with points for each member: log q at every
        point, of shape (..., n), and the gradient of L, of the shape of theta.  Both raise a `ValueError` if
        x is not finite, or the shapes do not fit.

    Examples
    --------
    >>> log_density, gradient = likelihood(triangular(1))
    >>> log_density(np.zeros(2), np.array([[0.0]])).round(6), gradient(np.zeros(2), np.array([[0.5]]))
    (array([-0.918939]), array([-0.5 , -0.75]))
    """

    def image(theta: NDArray, x: NDArray) -> tuple:
        theta, x = numbers("theta", theta), finite("x", x)
        if x.size == 0 or (x.ndim != 2 and x.shape[:-2] != theta.shape[:-1]):
            raise ValueError(
                f"x must have shape (n, d), or (..., n, d) like theta {theta.shape}, but it is {x.shape}"
            )
        try:
            return flow.apply(flow.unravel(theta), x)
        except ValueError as error:
            raise ValueError(f"theta {theta.shape} and x {x.shape} must fit the flow: {error}") from error

    def log_density(theta: NDArray, x: NDArray) -> NDArray:
        (z, logdet), _ = image(theta, x)
        return normal_log_density(z) + logdet

    def gradient(theta: NDArray, x: NDArray) -> NDArray:
        (z, logdet), pullback = image(theta, x)
        n = z.shape[-2]
        dparams, _ = pullback((z / n, np.full(logdet.shape, -1 / n)))
        return ravel(dparams, batch_ndim=np.ndim(theta) - 1)

    return log_density, gradient
