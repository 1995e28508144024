r"""Convolutional layers: one small linear map, shared by all places of a signal or of an image.

A signal is h of shape (..., n, positions, C), an image (..., n, rows, columns, C): n examples, then one or
two axes of positions, and the channels last.  The number of axes is that of `kernel_size`: 3 or (3,) for
signals, (3, 3) for images.  Stride, padding and dilation are the same along all axes.

What is called convolution here is a correlation, as in all libraries of deep learning:

.. math:: f_i = b + \sum_t \Omega_t\, h_{si + dt}

with stride s and dilation d.  Omega has the shape (..., C_out, taps * C_in), so that a convolution is the
linear layer on the patches that `unfold` gathers.  Leading axes are an ensemble, as for every layer.
"""

import math
from functools import lru_cache, reduce
from itertools import product

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lib.checks import choice, count, ensemble, finite, whole
from lib.nn.initialization import Initializer
from lib.nn.layers import HE, Layer, input_checked, linear, no_parameters, serial

PADDING_MODES = "zeros", "circular"


def output_size(n: int, kernel_size: int, stride: int = 1, padding: int = 0, dilation: int = 1) -> int:
    r"""Count the places at which a kernel lies on n positions.

    .. math:: n_\text{out} = \left\lfloor \frac{n + 2p - d(k - 1) - 1}{s} \right\rfloor + 1

    Parameters
    ----------
    n
        Number of positions along one axis.
    kernel_size
        Number of taps along it, k.
    stride
        Distance of neighbouring places, s.
    padding
        Positions that are added at either end, p.
    dilation
        Distance of neighbouring taps, d.

    Returns
    -------
    int
        The number of outputs.  The positions that the last place does not reach are never read.

    Raises
    ------
    ValueError
        If a number is none, or kernel_size does not fit once.

    Examples
    --------
    >>> output_size(40, 3, stride=2), output_size(39, 3, stride=2)
    (19, 19)
    """
    n, stride, dilation = count("n", n), count("stride", stride), count("dilation", dilation)
    spare = n + 2 * count("padding", padding, low=0) - dilation * (count("kernel_size", kernel_size) - 1) - 1
    if spare < 0:
        raise ValueError(
            f"kernel_size must fit on n = {n} positions, with its dilation and the padding, "
            f"but {kernel_size} taps at a distance of {dilation} need {-spare} more"
        )
    return spare // stride + 1


def input_size(n: int, kernel_size: int, stride: int = 1, dilation: int = 1) -> int:
    r"""Count the positions on which a kernel lies at just n places: what a transposed convolution writes to.

    .. math:: s(n - 1) + d(k - 1) + 1

    Parameters
    ----------
    n
        Number of places along one axis.
    kernel_size, stride, dilation
        As for `output_size`.

    Returns
    -------
    int
        The least number of positions.  With up to s - 1 more of them there are as many places.

    Raises
    ------
    ValueError
        If a number is not a positive whole one.

    Examples
    --------
    >>> input_size(19, 3, stride=2)
    39
    """
    n, stride, dilation = count("n", n), count("stride", stride), count("dilation", dilation)
    return stride * (n - 1) + dilation * (count("kernel_size", kernel_size) - 1) + 1


def receptive_field(kernel_sizes: ArrayLike, strides: ArrayLike, dilations: ArrayLike | None = None) -> int:
    r"""Count the inputs from which one output of a stack of layers can be reached.

    .. math:: r = 1 + \sum_{l=1}^L d_l (k_l - 1) \prod_{m<l} s_m

    Parameters
    ----------
    kernel_sizes, strides, dilations
        Of the layers from the first to the last, each of shape (L,).  Pooling is a layer, too.  Without
        dilations they are 1.

    Returns
    -------
    int
        Length of the field along one axis.

    Raises
    ------
    ValueError
        If they do not hold positive whole numbers, as many strides and dilations as kernel_sizes.

    Notes
    -----
    Araujo, Norris and Sim (2019).

    Examples
    --------
    >>> receptive_field([3, 3, 3], [2, 2, 2])
    15
    """
    taps = whole("kernel_sizes", kernel_sizes, low=1, ndim=1).tolist()
    steps = whole("strides", strides, low=1, ndim=1).tolist()
    apart = [1] * len(taps) if dilations is None else whole("dilations", dilations, low=1, ndim=1).tolist()
    if not len(taps) == len(steps) == len(apart):
        raise ValueError(
            f"kernel_sizes, strides and dilations must be equally many, but they are {len(taps)}, "
            f"{len(steps)} and {len(apart)}"
        )
    jumps = [math.prod(steps[:layer]) for layer in range(len(steps))]
    return 1 + sum(d * (k - 1) * jump for d, k, jump in zip(apart, taps, jumps, strict=True))


def circulant(w: ArrayLike) -> NDArray:
    r"""Matrix of the convolution with w on a ring.

    .. math:: T_{ij} = w_{(i - j) \bmod n}, \qquad (Tx)_i = \sum_j w_{i - j}\, x_j

    Parameters
    ----------
    w
        Kernel, of shape (..., n).

    Returns
    -------
    NDArray
        T, of shape (..., n, n).

    Raises
    ------
    ValueError
        If w is not finite, or empty.

    Examples
    --------
    >>> circulant([1, 2, 3])
    array([[1., 3., 2.],
           [2., 1., 3.],
           [3., 2., 1.]])
    """
    w = finite("w", w)
    if w.ndim == 0 or w.shape[-1] == 0:
        raise ValueError(f"w must have shape (..., n), n at least 1, but it is {w.shape}")
    i = np.arange(w.shape[-1])
    return w[..., (i[:, None] - i) % len(i)]


def unfold(h: ArrayLike, kernel_size: int | tuple, stride: int = 1, dilation: int = 1) -> NDArray:
    r"""Gather the patches that a kernel sees (also known as im2col).

    .. math:: p_i = (h_{si},\; h_{si + d},\; \dots,\; h_{si + d(k - 1)})

    Parameters
    ----------
    h
        Of shape (..., *positions, C).
    kernel_size
        Taps along each axis of positions.
    stride, dilation
        Distances of places and of taps.

    Returns
    -------
    NDArray
        Patches, of shape (..., *places, taps * C), with the channels of the first tap first.

    Raises
    ------
    ValueError
        If h has too few axes, or kernel_size does not fit on its positions.

    Examples
    --------
    >>> unfold(np.arange(5.0)[:, None], kernel_size=3, stride=2)
    array([[0., 1., 2.],
           [2., 3., 4.]])
    """
    h, size = finite("h", h), _sizes(kernel_size)
    stride, dilation = count("stride", stride), count("dilation", dilation)
    if h.ndim <= len(size) or 0 in h.shape[-1 - len(size) : -1]:
        raise ValueError(
            f"h must have shape (..., *positions, C) for kernel_size {size}, but it is {h.shape}"
        )
    try:
        return _gather(h, size, stride, dilation)
    except ValueError as error:
        raise ValueError(f"h is too small, {h.shape}: {error}") from error


def fold(
    patches: ArrayLike, positions: int | tuple, kernel_size: int | tuple, stride: int = 1, dilation: int = 1
) -> NDArray:
    r"""Add every patch to the places that it comes from: the adjoint of `unfold` (also known as col2im).

    .. math:: \langle \text{unfold}(h),\, p \rangle = \langle h,\, \text{fold}(p) \rangle

    Parameters
    ----------
    patches
        Of shape (..., *places, taps * C).
    positions
        How many there are along each axis.
    kernel_size, stride, dilation
        As for `unfold`.

    Returns
    -------
    NDArray
        Of shape (..., *positions, C).  It is no inverse: where patches overlap, they add up.

    Raises
    ------
    ValueError
        If patches is not what `unfold` makes of so many positions.

    Examples
    --------
    >>> fold([[0, 1, 2], [2, 3, 4]], positions=5, kernel_size=3, stride=2).ravel()
    array([0., 1., 4., 3., 4.])
    """
    patches, size = finite("patches", patches), _sizes(kernel_size)
    stride, dilation = count("stride", stride), count("dilation", dilation)
    positions = _sizes(positions, "positions", like=size)
    places = [output_size(n, k, stride, dilation=dilation) for n, k in zip(positions, size, strict=True)]
    if (
        patches.ndim <= len(size)
        or [*patches.shape[-1 - len(size) : -1]] != places
        or patches.shape[-1] % math.prod(size)
    ):
        raise ValueError(
            f"patches must have {places} places for these positions, kernel_size, stride and dilation, and "
            f"channels for {math.prod(size)} taps, but its shape is {patches.shape}"
        )
    return _scatter(patches, positions, size, stride, dilation)


def _sizes(value: int | tuple, name: str = "kernel_size", like: tuple | None = None) -> tuple[int, ...]:
    """Return one whole number for each axis of positions."""
    sizes = np.atleast_1d(whole(name, value, low=1))
    if sizes.ndim > 1 or (like is not None and len(sizes) != len(like)):
        raise ValueError(f"{name} must have a number for each axis of kernel_size, but it is {value}")
    return tuple(sizes.tolist())


@lru_cache(maxsize=256)
def _read_by_tap(positions: tuple, size: tuple, stride: int, dilation: int) -> list[tuple[slice, ...]]:
    """Return, for each tap of the kernel, the positions that it reads; the first tap first."""
    axes = []
    for n, k in zip(positions, size, strict=True):
        last = stride * (output_size(n, k, stride, dilation=dilation) - 1)
        axes.append([slice(t * dilation, t * dilation + last + 1, stride) for t in range(k)])
    return list(product(*axes))


def _gather(h: NDArray, size: tuple, stride: int, dilation: int) -> NDArray:
    taps = _read_by_tap(h.shape[-1 - len(size) : -1], size, stride, dilation)
    return np.concatenate([h[..., *at, :] for at in taps], axis=-1)


def _scatter(patches: NDArray, positions: tuple, size: tuple, stride: int, dilation: int) -> NDArray:
    taps = _read_by_tap(positions, size, stride, dilation)
    channels = patches.shape[-1] // len(taps)
    h = np.zeros((*patches.shape[: -1 - len(size)], *positions, channels), patches.dtype)
    for t, at in enumerate(taps):
        h[..., *at, :] += patches[..., t * channels : (t + 1) * channels]  # patches overlap: they add up
    return h


def _rows(h: NDArray, d: int) -> NDArray:
    """Return (..., n, *positions, C), with d axes of positions, as (..., n * positions, C)."""
    return h.reshape(*h.shape[: -2 - d], -1, h.shape[-1])


def convolution(
    c_in: int,
    c_out: int,
    kernel_size: int | tuple,
    stride: int = 1,
    padding: int = 0,
    dilation: int = 1,
    padding_mode: str = "zeros",
    weights: Initializer = HE,
) -> Layer:
    r"""Convolutional layer: the `linear` layer on every patch.

    .. math:: f_i = b + \sum_t \Omega_t\, h_{si + dt}, \qquad
              \frac{\partial L}{\partial \Omega_t}
              = \sum_i \Big(\frac{\partial L}{\partial f_i}\Big)^T h_{si + dt}, \qquad
              \frac{\partial L}{\partial h}
              = \text{fold}\Big(\frac{\partial L}{\partial f}\, \Omega\Big)

    Parameters
    ----------
    c_in, c_out
        Number of channels of the input and of the output.
    kernel_size
        Number of taps along each axis of positions: 3 or (3,) for signals, (3, 3) for images.
    stride
        Distance of neighbouring places.
    padding
        Positions that are added at either end of each axis before.
    dilation
        Distance of neighbouring taps.
    padding_mode
        What is there: "zeros", or the other end, "circular", as on a ring.
    weights
        Draws the first Omega, He's way by default, with a fan-in of taps * c_in; b starts at zero.

    Returns
    -------
    Layer
        With params (Omega, b) of shapes (..., c_out, taps * c_in) and (..., c_out); h of shape
        (..., n, *positions, c_in); f of shape (..., n, *places, c_out).

    Raises
    ------
    ValueError
        If a number is none, or padding_mode is unknown; from `apply`, if kernel_size does not fit on h.

    Notes
    -----
    As PyTorch's Conv1d and Conv2d and Keras's layers of these names, with the channels last.

    Examples
    --------
    >>> layer = convolution(1, 1, kernel_size=3, padding=1)
    >>> h = np.array([[[0.0], [1.0], [0.0], [0.0]]])
    >>> layer.apply((np.array([[1.0, 2.0, 3.0]]), np.zeros(1)), h)[0].ravel()
    array([3., 2., 1., 0.])
    """
    size = _sizes(kernel_size)
    stride, dilation = count("stride", stride), count("dilation", dilation)
    inner = _valid_convolution(c_in, c_out, size, stride, dilation, weights)
    padding, mode = count("padding", padding, low=0), choice("padding_mode", padding_mode, PADDING_MODES)
    if padding == 0:
        return inner
    both = serial(pad(padding, padding, len(size), mode), inner)

    def apply(params: tuple, h: NDArray) -> tuple:
        f, pull = both.apply(((), params), h)

        def pullback(df: NDArray) -> tuple:
            (_, grad), dh = pull(df)
            return grad, dh

        return f, pullback

    return Layer(inner.init, apply)


@input_checked(ndim=3)
def _valid_convolution(
    c_in: int, c_out: int, size: tuple, stride: int, dilation: int, weights: Initializer
) -> Layer:
    c_in, c_out = count("c_in", c_in), count("c_out", c_out)
    d, dense = len(size), linear(math.prod(size) * c_in, c_out, weights)

    def apply(params: tuple, h: NDArray) -> tuple:
        _with_positions(h, d)
        patches = _gather(h, size, stride, dilation)
        places = patches.shape[-2 - d : -1]
        f, pull = dense.apply(params, _rows(patches, d))

        def pullback(df: NDArray) -> tuple:
            grad, dpatches = pull(_rows(df, d))
            dpatches = dpatches.reshape(*dpatches.shape[:-2], *places, -1)
            return grad, _scatter(dpatches, h.shape[-1 - d : -1], size, stride, dilation)

        return f.reshape(*f.shape[:-2], *places, c_out), pullback

    return Layer(dense.init, apply)


def _with_positions(h: NDArray, d: int) -> None:
    if h.ndim < d + 2 or 0 in h.shape[-1 - d : -1]:
        raise ValueError(f"it must have shape (..., n, *positions, C), with {d} axes of positions")


@input_checked(ndim=3)
def transposed_convolution(
    c_in: int,
    c_out: int,
    kernel_size: int | tuple,
    stride: int = 1,
    dilation: int = 1,
    output_padding: int = 0,
    weights: Initializer = HE,
) -> Layer:
    r"""Let each input write a patch: the pullback of a convolution from c_out to c_in channels, as a layer.

    .. math:: f = b + \text{fold}(h\,\Omega)

    Parameters
    ----------
    c_in, c_out
        Number of channels of the input and of the output.
    kernel_size, stride, dilation
        Of the convolution that goes the other way.
    output_padding
        Positions at the far end that no patch reaches, fewer than the stride: so many more than
        `input_size`.
    weights
        Draws the first Omega, which is then divided by the root of the number of patches that an output gets
        on average, taps / stride^d, if that is more than one; b starts at zero.

    Returns
    -------
    Layer
        With params (Omega, b) of shapes (..., c_in, taps * c_out) and (..., c_out); h of shape
        (..., n, *places, c_in); f of shape (..., n, *positions, c_out).

    Raises
    ------
    ValueError
        If a number is none, or output_padding is not below the stride.

    Notes
    -----
    As PyTorch's ConvTranspose1d and ConvTranspose2d, with the channels last.  It is the adjoint of the
    convolution, not its inverse.

    Examples
    --------
    >>> layer = transposed_convolution(1, 1, kernel_size=3, stride=2)
    >>> layer.apply((np.array([[1.0, 2.0, 3.0]]), np.zeros(1)), np.ones((1, 2, 1)))[0].ravel()
    array([1., 2., 4., 2., 3.])
    """
    size = _sizes(kernel_size)
    d, taps = len(size), math.prod(size)
    c_in, c_out = count("c_in", c_in), count("c_out", c_out)
    stride, dilation = count("stride", stride), count("dilation", dilation)
    if count("output_padding", output_padding, low=0) >= stride:
        raise ValueError(f"output_padding must be below the stride, {stride}, but it is {output_padding}")
    output_padding = int(output_padding)

    def init(rng: np.random.Generator, members: int | None = None) -> tuple:
        Omega = weights(rng, taps * c_out, c_in, members) * max(1.0, taps / stride**d) ** -0.5
        return np.ascontiguousarray(Omega.mT), np.zeros((*ensemble("members", members), c_out))

    def apply(params: tuple, h: NDArray) -> tuple:
        _with_positions(h, d)
        (Omega, b), places = params, h.shape[-1 - d : -1]
        positions = tuple(
            input_size(n, k, stride, dilation) + output_padding for n, k in zip(places, size, strict=True)
        )
        patches = _rows(h, d) @ Omega
        patches = patches.reshape(*patches.shape[:-2], *h.shape[-2 - d : -1], taps * c_out)
        bias = b.reshape(*b.shape[:-1], *(1,) * (d + 1), c_out)

        def pullback(df: NDArray) -> tuple:
            dpatches = _rows(_gather(df, size, stride, dilation), d)
            dh = dpatches @ Omega.mT
            db = _rows(df, d).sum(axis=-2)
            return (_rows(h, d).mT @ dpatches, db), dh.reshape(*dh.shape[:-2], *h.shape[-2 - d : -1], c_in)

        return _scatter(patches, positions, size, stride, dilation) + bias, pullback

    return Layer(init, apply)


@input_checked(ndim=3)
def locally_connected(
    c_in: int,
    c_out: int,
    positions: int | tuple,
    kernel_size: int | tuple,
    stride: int = 1,
    weights: Initializer = HE,
) -> Layer:
    r"""Convolution without sharing: a kernel, and a bias, for each place.

    .. math:: f_i = b_i + \sum_t \Omega_{i,t}\, h_{si + t}

    Parameters
    ----------
    c_in, c_out
        Number of channels of the input and of the output.
    positions
        Number of positions along each axis; it decides how many kernels there are.
    kernel_size, stride
        As for `convolution`.
    weights
        Draws the first Omega, He's way by default, with a fan-in of taps * c_in; b starts at zero.

    Returns
    -------
    Layer
        With params (Omega, b) of shapes (..., places, c_out, taps * c_in) and (..., places, c_out), places
        being the product over the axes; h of shape (..., n, *positions, c_in); f of shape
        (..., n, *places, c_out).

    Raises
    ------
    ValueError
        If a number is none, or kernel_size does not fit on positions.

    Notes
    -----
    As Keras's LocallyConnected1D and LocallyConnected2D.

    Examples
    --------
    >>> locally_connected(1, 1, positions=5, kernel_size=3).size, convolution(1, 1, kernel_size=3).size
    (12, 4)
    """
    size = _sizes(kernel_size)
    positions = _sizes(positions, "positions", like=size)
    c_in, c_out, stride = count("c_in", c_in), count("c_out", c_out), count("stride", stride)
    d, fan_in = len(size), math.prod(size) * c_in
    places = tuple(output_size(n, k, stride) for n, k in zip(positions, size, strict=True))
    P = math.prod(places)

    def init(rng: np.random.Generator, members: int | None = None) -> tuple:
        lead = ensemble("members", members)
        Omega = weights(rng, P * c_out, fan_in, members)
        return Omega.reshape(*lead, P, c_out, fan_in), np.zeros((*lead, P, c_out))

    def apply(params: tuple, h: NDArray) -> tuple:
        _with_positions(h, d)
        if h.shape[-1 - d : -1] != positions:
            raise ValueError(f"its positions must be {positions}")
        Omega, b = params
        patches = _gather(h, size, stride, 1)
        n = patches.shape[-2 - d]
        # The places come before the examples: a product for each.
        x = patches.reshape(*patches.shape[: -2 - d], n, P, fan_in).swapaxes(-2, -3)
        f = (x @ Omega.mT + b[..., None, :]).swapaxes(-2, -3)

        def pullback(df: NDArray) -> tuple:
            df = df.reshape(*df.shape[: -2 - d], n, P, c_out).swapaxes(-2, -3)
            dpatches = (df @ Omega).swapaxes(-2, -3)
            dpatches = dpatches.reshape(*dpatches.shape[:-2], *places, fan_in)
            return (df.mT @ x, df.sum(axis=-2)), _scatter(dpatches, positions, size, stride, 1)

        return f.reshape(*f.shape[:-2], *places, c_out), pullback

    return Layer(init, apply)


@input_checked(ndim=2)
def pad(before: int, after: int, d: int = 1, mode: str = "zeros") -> Layer:
    r"""Add positions at both ends of each of the d axes of positions.

    Parameters
    ----------
    before, after
        How many at the near and at the far end.
    d
        Number of axes of positions: 1 for signals, 2 for images.
    mode
        What stands there: "zeros", or the other end, "circular".  Its pullback hands the gradient of a copy
        back to what was copied.

    Returns
    -------
    Layer
        Without parameters; from (..., *positions, C) to (..., *(positions + before + after), C).

    Raises
    ------
    ValueError
        If a number is none, or mode is unknown; from `apply`, if a ring is shorter than what is added at
        one end.

    Examples
    --------
    >>> h = np.arange(1.0, 4.0)[:, None]
    >>> for mode in ("zeros", "circular"):
    ...     print(pad(2, 1, mode=mode).apply((), h)[0].ravel())
    [0. 0. 1. 2. 3. 0.]
    [2. 3. 1. 2. 3. 1.]
    """
    before, after = count("before", before, low=0), count("after", after, low=0)
    d = count("d", d)
    axes = tuple(range(-1 - d, -1))
    circular = choice("mode", mode, PADDING_MODES) == "circular"

    def apply(_: tuple, h: NDArray) -> tuple:
        if h.ndim < d + 1:
            raise ValueError(f"it must have shape (..., *positions, C), with d = {d} axes of positions")
        if circular:
            f = h
            for axis in axes:
                n = h.shape[axis]
                if max(before, after) > n:
                    raise ValueError(f"before and after, the padding, must fit on a ring of {n} positions")
                f = f.take(np.arange(-before, n + after), axis=axis, mode="wrap")
        else:
            shape, inside = list(h.shape), [slice(None)] * h.ndim
            for axis in axes:
                shape[axis] += before + after
                inside[axis] = slice(before, before + h.shape[axis])
            f = np.zeros(shape, h.dtype)
            f[tuple(inside)] = h

        def pullback(df: NDArray) -> tuple:
            for axis in axes:
                n, df = h.shape[axis], np.moveaxis(df, axis, 0)
                dh = df[before : before + n]
                if circular:  # what was copied collects from its copies
                    dh = dh.copy()
                    dh[n - before :] += df[:before]
                    dh[:after] += df[before + n :]
                df = np.moveaxis(dh, 0, axis)
            return (), df

        return f, pullback

    return Layer(no_parameters, apply)


@input_checked(ndim=2)
def max_pooling(kernel_size: int | tuple, stride: int | None = None) -> Layer:
    r"""Largest value of each window, channel by channel.

    .. math:: f_i = \max_t h_{si + t}

    Parameters
    ----------
    kernel_size
        Size of the window along each axis of positions.
    stride
        Distance of neighbouring windows; without it, the size of a window, which is then the same along all
        axes.

    Returns
    -------
    Layer
        Without parameters; from (..., *positions, C) to (..., *places, C).  The first of several equal values
        gets the whole gradient.

    Raises
    ------
    ValueError
        If a number is none; from `apply`, if kernel_size does not fit on h.

    Examples
    --------
    >>> max_pooling(2).apply((), np.array([[1.0], [3.0], [2.0], [2.0]]))[0].ravel()
    array([3., 2.])
    """
    size, stride = _window(kernel_size, stride)

    def apply(_: tuple, h: NDArray) -> tuple:
        taps = _windows(h, size, stride)
        f = reduce(np.maximum, [h[..., *at, :] for at in taps])

        def pullback(df: NDArray) -> tuple:
            dh, free = np.zeros(h.shape, df.dtype), np.ones(f.shape, bool)
            for at in taps:
                first = free & (h[..., *at, :] == f)
                dh[..., *at, :] += df * first
                free &= ~first
            return (), dh

        return f, pullback

    return Layer(no_parameters, apply)


@input_checked(ndim=2)
def blur_pooling(kernel: ArrayLike, stride: int = 1) -> Layer:
    r"""Convolve every channel with the same fixed kernel, and keep every s-th place.

    .. math:: f_i = \sum_t w_t\, h_{si + t}

    Parameters
    ----------
    kernel
        w, of shape (k,) for signals, (k, l) for images.
    stride
        Distance of neighbouring places.

    Returns
    -------
    Layer
        Without parameters; from (..., *positions, C) to (..., *places, C).

    Raises
    ------
    ValueError
        If kernel is not finite, or empty, or stride is no number; from `apply`, if kernel does not fit on h.

    Notes
    -----
    Zhang (2019), with (1, 2, 1) / 4.

    Examples
    --------
    >>> blur_pooling([0.25, 0.5, 0.25], stride=2).apply((), np.array([[0.0], [4.0], [0.0], [4.0], [0.0]]))[0]
    array([[2.],
           [2.]])
    """
    kernel, stride = finite("kernel", kernel), count("stride", stride)
    if kernel.ndim == 0 or kernel.size == 0:
        raise ValueError(f"kernel must have a weight at least, and an axis, but its shape is {kernel.shape}")
    size, w = kernel.shape, kernel.ravel().tolist()  # Python's floats keep the precision of h.

    def apply(_: tuple, h: NDArray) -> tuple:
        taps = _windows(h, size, stride, "kernel")

        def pullback(df: NDArray) -> tuple:
            dh = np.zeros(h.shape, df.dtype)
            for weight, at in zip(w, taps, strict=True):
                dh[..., *at, :] += weight * df
            return (), dh

        return sum(weight * h[..., *at, :] for weight, at in zip(w, taps, strict=True)), pullback

    return Layer(no_parameters, apply)


def average_pooling(kernel_size: int | tuple, stride: int | None = None) -> Layer:
    r"""Mean of each window, channel by channel.

    .. math:: f_i = \frac1k \sum_t h_{si + t}

    Parameters
    ----------
    kernel_size, stride
        As for `max_pooling`.

    Returns
    -------
    Layer
        Without parameters; from (..., *positions, C) to (..., *places, C).

    Raises
    ------
    ValueError
        As for `max_pooling`.

    Examples
    --------
    >>> average_pooling(2).apply((), np.array([[1.0], [3.0], [2.0], [2.0]]))[0].ravel()
    array([2., 2.])
    """
    size, stride = _window(kernel_size, stride)
    return blur_pooling(np.full(size, 1 / math.prod(size)), stride)


def _window(kernel_size: int | tuple, stride: int | None) -> tuple[tuple[int, ...], int]:
    size = _sizes(kernel_size)
    if math.prod(size) > 2**20:
        raise ValueError(f"kernel_size must be a window, but it is {kernel_size}")
    if stride is not None:
        return size, count("stride", stride)
    if len(set(size)) > 1:
        raise ValueError(f"stride must be given for a kernel_size with two numbers, {kernel_size}")
    return size, size[0]


def _windows(h: NDArray, size: tuple, stride: int, name: str = "kernel_size") -> list[tuple[slice, ...]]:
    if h.ndim <= len(size) or 0 in h.shape[-1 - len(size) : -1]:
        raise ValueError(f"{name} has {len(size)} axes: it must have shape (..., *positions, C)")
    try:
        return _read_by_tap(h.shape[-1 - len(size) : -1], size, stride, 1)
    except ValueError as error:
        raise ValueError(f"{name} {size}: {error}") from error


@input_checked(ndim=2)
def global_average_pooling(d: int = 1) -> Layer:
    r"""Mean over all positions, channel by channel.

    .. math:: f = \frac1n \sum_i h_i

    Parameters
    ----------
    d
        Number of axes of positions: 1 for signals, 2 for images.

    Returns
    -------
    Layer
        Without parameters; from (..., *positions, C) to (..., C).

    Raises
    ------
    ValueError
        If d is no positive whole number.

    Examples
    --------
    >>> global_average_pooling().apply((), np.array([[1.0, 0.0], [3.0, 1.0]]))[0]
    array([2. , 0.5])
    """
    d = count("d", d)
    axes = tuple(range(-1 - d, -1))

    def apply(_: tuple, h: NDArray) -> tuple:
        if h.ndim < d + 1:
            raise ValueError(f"it must have shape (..., *positions, C), with d = {d} axes of positions")
        n = math.prod(h.shape[axis] for axis in axes)
        if n == 0:
            raise ValueError("there must be a position")
        return h.mean(axis=axes), lambda df: ((), np.broadcast_to(np.expand_dims(df / n, axes), h.shape))

    return Layer(no_parameters, apply)


@input_checked(ndim=1)
def unflatten(sizes: tuple) -> Layer:
    r"""Give each example a shape: from (..., D) to (..., *sizes), such as (rows, columns, channels).

    Parameters
    ----------
    sizes
        Whole numbers whose product is D.

    Returns
    -------
    Layer
        Without parameters.

    Raises
    ------
    ValueError
        If sizes holds something else; from `apply`, if D is not its product.

    Notes
    -----
    As PyTorch's Unflatten.  `lib.nn.networks.objective` takes flat examples: there it is the first layer.

    Examples
    --------
    >>> unflatten((2, 3)).apply((), np.arange(6.0))[0]
    array([[0., 1., 2.],
           [3., 4., 5.]])
    """
    sizes = tuple(whole("sizes", sizes, low=1, ndim=1).tolist())

    def apply(_: tuple, h: NDArray) -> tuple:
        if h.shape[-1] != math.prod(sizes):
            raise ValueError(f"its last axis must have the {math.prod(sizes)} entries of sizes {sizes}")
        back = h.shape[-1]
        return (
            h.reshape(*h.shape[:-1], *sizes),
            lambda df: ((), df.reshape(*df.shape[: df.ndim - len(sizes)], back)),
        )

    return Layer(no_parameters, apply)


@input_checked()
def flatten(axes: int) -> Layer:
    r"""Put the last axes of each example into one: the inverse of `unflatten`.

    Parameters
    ----------
    axes
        How many: 2 for a signal with channels, 3 for an image with channels.

    Returns
    -------
    Layer
        Without parameters; from (..., *own) to (..., D), D the product of the last `axes` sizes.

    Raises
    ------
    ValueError
        If axes is no positive whole number.

    Examples
    --------
    >>> flatten(2).apply((), np.array([[0.0, 1.0], [2.0, 3.0]]))[0]
    array([0., 1., 2., 3.])
    """
    axes = count("axes", axes)

    def apply(_: tuple, h: NDArray) -> tuple:
        if h.ndim < axes:
            raise ValueError(f"it must have axes = {axes} axes at least")
        lead, own = h.shape[: h.ndim - axes], h.shape[h.ndim - axes :]
        f = h.reshape(*lead, math.prod(own))
        return f, lambda df: ((), df.reshape(*df.shape[:-1], *own))

    return Layer(no_parameters, apply)
