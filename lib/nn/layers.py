r"""Layers as pairs (init, apply).

`init(rng)` draws the parameters, `init(rng, members)` those of an ensemble, on a leading axis.
`apply(params, h)` returns the output and its *pullback*: the function that takes dL/d(output) to
(dL/d(params), dL/dh).  There are no caches and no state: what the backward pass needs, the pullback
remembers.  `apply` raises a `ValueError` if h does not hold numbers, finite or not, or does not fit.

To an optimizer all parameters are one flat vector theta: `start` draws it, `unravel` takes it apart.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, wraps

import numpy as np
from numpy.typing import NDArray

from lib.checks import count, ensemble, fraction, generator, numbers
from lib.nn.initialization import Initializer, variance_scaling
from lib.nn.params import Tree, leaves, ravel, unraveler

HE = variance_scaling()


@dataclass(frozen=True)
class Layer:
    """A function with parameters, which may be one layer or a whole network.

    Parameters
    ----------
    init
        ``(rng, members=None) -> params``, the first parameters, as arrays or tuples of them.
    apply
        ``(params, h) -> (f, pullback)``.

    Examples
    --------
    >>> layer = linear(2, 1)
    >>> theta = layer.start(np.random.default_rng(0), members=4)
    >>> theta.shape, layer.size
    ((4, 3), 3)
    >>> Omega, b = layer.unravel(theta)
    >>> Omega.shape, b.shape
    ((4, 1, 2), (4, 1))
    """

    init: Callable
    apply: Callable

    def start(self, rng: np.random.Generator, members: int | None = None) -> NDArray:
        """Draw the first parameters as a flat theta, of shape (P,), or (members, P) for an ensemble."""
        return ravel(self.init(rng, members), batch_ndim=0 if members is None else 1)

    @cached_property
    def unravel(self) -> Callable[[NDArray], Tree]:
        """The function that takes theta, of shape (..., P), apart into params, views of it."""
        return unraveler(self._drawn_once(), "params")

    @cached_property
    def size(self) -> int:
        """Number of parameters, P."""
        return sum(leaf.size for leaf in leaves(self._drawn_once()))

    def _drawn_once(self) -> Tree:
        # Only the shapes matter: no layer has to declare them.
        return self.init(np.random.default_rng(0))


def input_checked(ndim: int = 0) -> Callable:
    """Decorate a function that makes a layer: the layer looks at its input first.

    So the bodies below hold nothing but equations.

    Parameters
    ----------
    ndim
        Number of axes that the input has at least.

    Returns
    -------
    Callable
        The decorator.

    Examples
    --------
    >>> @input_checked(ndim=2)
    ... def double() -> Layer:
    ...     return Layer(no_parameters, lambda params, h: (2 * h, lambda df: ((), 2 * df)))
    >>> double().apply((), np.array([1.0]))
    Traceback (most recent call last):
    ...
    ValueError: h must fit the layer, but its shape is (1,): it needs 2 axes at least
    """
    count("ndim", ndim, low=0)

    def decorate(make: Callable[..., Layer]) -> Callable[..., Layer]:
        @wraps(make)
        def made(*args: object, **kwargs: object) -> Layer:
            layer = make(*args, **kwargs)

            def checked(params: tuple, h: NDArray) -> tuple:
                # What every step of a training gives is known at a glance.
                if not (isinstance(h, np.ndarray) and h.dtype.char in "df"):
                    h = numbers("h", h)
                try:
                    if h.ndim < ndim:
                        raise ValueError(f"it needs {ndim} axes at least")
                    return layer.apply(params, h)
                except ValueError as error:
                    raise ValueError(f"h must fit the layer, but its shape is {h.shape}: {error}") from error

            return Layer(layer.init, checked)

        return made

    return decorate


def no_parameters(rng: np.random.Generator, members: int | None = None) -> tuple:
    """Return (): the `init` of a layer that has nothing to learn."""
    return ()


@input_checked(ndim=2)
def linear(d_in: int, d_out: int, weights: Initializer = HE) -> Layer:
    r"""Affine layer :math:`f = h\,\Omega^T + b`.

    .. math:: \frac{\partial L}{\partial \Omega} = \Big(\frac{\partial L}{\partial f}\Big)^T h, \qquad
              \frac{\partial L}{\partial b} = \sum_i \frac{\partial L}{\partial f_i}, \qquad
              \frac{\partial L}{\partial h} = \frac{\partial L}{\partial f}\, \Omega

    Parameters
    ----------
    d_in, d_out
        Number of inputs and outputs.
    weights
        Draws the first Omega, He's way by default; b starts at zero.

    Returns
    -------
    Layer
        With params (Omega, b) of shapes (..., d_out, d_in) and (..., d_out);
        h of shape (..., n, d_in); f of shape (..., n, d_out).

    Raises
    ------
    ValueError
        If a size is no positive whole number.
    """
    count("d_in", d_in), count("d_out", d_out)

    def init(rng: np.random.Generator, members: int | None = None) -> tuple:
        return weights(rng, d_out, d_in, members), np.zeros((*ensemble("members", members), d_out))

    def apply(params: tuple, h: NDArray) -> tuple:
        Omega, b = params

        def pullback(df: NDArray) -> tuple:
            ones = np.ones(df.shape[-2], df.dtype)  # A product with ones is several times faster than a sum.
            return (df.mT @ h, np.vecmat(ones, df)), df @ Omega

        return h @ Omega.mT + b[..., None, :], pullback

    return Layer(init, apply)


@input_checked()
def relu() -> Layer:
    r"""Rectified linear unit :math:`h = \max(f, 0)`, with derivative 0 at the kink.

    Returns
    -------
    Layer
        Without parameters; h has the shape of f.
    """

    def apply(_: tuple, f: NDArray) -> tuple:
        h = np.maximum(f, 0)
        return h, lambda dh: ((), dh * (h > 0))

    return Layer(no_parameters, apply)


@input_checked()
def tanh() -> Layer:
    r"""Hyperbolic tangent :math:`h = \tanh f`, with derivative :math:`1 - h^2`.

    Returns
    -------
    Layer
        Without parameters; h has the shape of f.
    """

    def apply(_: tuple, f: NDArray) -> tuple:
        h = np.tanh(f)
        return h, lambda dh: ((), dh * (1 - h**2))

    return Layer(no_parameters, apply)


@input_checked()
def gelu() -> Layer:
    r"""Gaussian error linear unit, in its tanh form.

    .. math:: h = \tfrac12 f\, (1 + \tanh u), \qquad u = \sqrt{2/\pi}\, (f + 0.044715 f^3), \qquad
              \frac{dh}{df} = \tfrac12 (1 + \tanh u) + \tfrac12 f\, (1 - \tanh^2 u)\, \frac{du}{df}

    Returns
    -------
    Layer
        Without parameters; h has the shape of f.

    Notes
    -----
    Hendrycks and Gimpel (2016).  It differs from f times the normal distribution function of f by less
    than 5e-4, and needs no error function.
    """
    c, d = math.sqrt(2 / math.pi), 0.044715  # Python's floats keep the precision of f.

    def apply(_: tuple, f: NDArray) -> tuple:
        g = np.clip(f, -30, 30)  # beyond, tanh is 1 to the last digit, and powers could overflow
        t = np.tanh(c * (g + d * (g * g * g)))  # as a power, g^3 takes thirty times as long

        def pullback(dh: NDArray) -> tuple:
            du = c * (1 + 3 * d * g**2)
            return (), dh * ((1 + t) + f * (1 - t**2) * du) / 2

        return f * ((1 + t) / 2), pullback

    return Layer(no_parameters, apply)


@input_checked()
def dropout(rate: float, rng: np.random.Generator) -> Layer:
    r"""Set each unit of each example to zero with probability `rate`, and enlarge those that are kept.

    .. math:: h' = \frac{z}{q}\, h, \qquad z \in \{0, 1\}, \qquad P(z = 1) = q = 1 - \text{rate}

    Parameters
    ----------
    rate
        Probability that a unit is dropped, in [0, 1).
    rng
        Source of randomness: each call of `apply` draws a mask of the shape of h.

    Returns
    -------
    Layer
        Without parameters; h' has the shape of h, and mean h.

    Raises
    ------
    ValueError
        If rate lies outside [0, 1) or is not finite, or rng is no generator.

    Notes
    -----
    Srivastava et al. (2014), with the factor 1/q in training instead of q afterwards.  A network for
    prediction is the same one without these layers: it has the same parameters.
    """
    q, rng = 1 - fraction("rate", rate, ndim=0), generator("rng", rng)

    def apply(_: tuple, h: NDArray) -> tuple:
        z = (rng.random(h.shape) < q).astype(h.dtype) / q
        return z * h, lambda dh: ((), z * dh)

    return Layer(no_parameters, apply)


def residual(layer: Layer) -> Layer:
    r"""Add to the input what a layer makes of it.

    .. math:: f(h) = h + g(h), \qquad
              \frac{\partial L}{\partial h} = \frac{\partial L}{\partial f}
              + \frac{\partial L}{\partial f}\, \frac{\partial g}{\partial h}

    Parameters
    ----------
    layer
        g, whose outputs have the shape of its inputs.

    Returns
    -------
    Layer
        With the params of g.  Its `apply` raises a `ValueError` if g does not keep the shape.

    Notes
    -----
    He et al. (2016).

    Examples
    --------
    >>> residual(relu()).apply((), np.array([-1.0, 2.0]))[0]
    array([-1.,  4.])
    """

    def apply(params: tuple, h: NDArray) -> tuple:
        g, pull = layer.apply(params, h)
        if g.shape != np.shape(h):
            raise ValueError(
                f"layer must keep the shape of its input, {np.shape(h)}, but it returns {g.shape}"
            )

        def pullback(df: NDArray) -> tuple:
            grad, dh = pull(df)
            return grad, df + dh

        return h + g, pullback

    return Layer(layer.init, apply)


def serial(*layers: Layer) -> Layer:
    r"""Chain layers; the pullback is the chain rule, applied from the last layer to the first.

    Parameters
    ----------
    layers
        Each takes what the one before it gives.

    Returns
    -------
    Layer
        With params the tuple of the layers' params.
    """

    def init(rng: np.random.Generator, members: int | None = None) -> tuple:
        return tuple(layer.init(rng, members) for layer in layers)

    def apply(params: tuple, h: NDArray) -> tuple:
        pullbacks = []
        for layer, layer_params in zip(layers, params, strict=True):
            h, pullback = layer.apply(layer_params, h)
            pullbacks.append(pullback)

        def pullback(dh: NDArray) -> tuple:
            grads = []
            for pull in reversed(pullbacks):
                grad, dh = pull(dh)
                grads.append(grad)
            return tuple(reversed(grads)), dh

        return h, pullback

    return Layer(init, apply)
