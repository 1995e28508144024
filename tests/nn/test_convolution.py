"""Convolutional layers against loops, against arithmetic by hand, and against their own adjoints."""

import itertools
import math

import numpy as np
import pytest
from helpers import check_gradient

from lib.nn.convolution import (
    average_pooling,
    blur_pooling,
    circulant,
    convolution,
    flatten,
    fold,
    global_average_pooling,
    input_size,
    locally_connected,
    max_pooling,
    output_size,
    pad,
    receptive_field,
    transposed_convolution,
    unflatten,
    unfold,
)
from lib.nn.layers import linear, relu, serial
from lib.nn.losses import cross_entropy
from lib.nn.networks import objective
from lib.nn.params import leaves, ravel

SIGNAL, IMAGE = (3, 11, 2), (3, 9, 8, 2)
LAYERS = {  # name: layer, shape of its input
    "signal": (convolution(2, 4, 3), SIGNAL),
    "stride": (convolution(2, 4, 3, stride=2), SIGNAL),
    "stride and dilation": (convolution(2, 4, 3, stride=2, dilation=2), SIGNAL),
    "zeros": (convolution(2, 4, 3, stride=2, padding=2), SIGNAL),
    "ring": (convolution(2, 4, 5, padding=2, padding_mode="circular"), SIGNAL),
    "one tap": (convolution(2, 4, 1), SIGNAL),
    "image": (convolution(2, 4, (3, 2), stride=2), IMAGE),
    "image on a torus": (convolution(2, 3, (3, 3), padding=1, padding_mode="circular"), IMAGE),
    "transposed signal": (transposed_convolution(2, 4, 3, stride=2, output_padding=1), SIGNAL),
    "transposed, dilated": (transposed_convolution(2, 4, 3, dilation=2), SIGNAL),
    "transposed image": (transposed_convolution(2, 4, (3, 2), stride=2), IMAGE),
    "local signal": (locally_connected(2, 4, 11, 3, stride=2), SIGNAL),
    "local image": (locally_connected(2, 4, (9, 8), (3, 2), stride=2), IMAGE),
    "zeros alone": (pad(2, 1), SIGNAL),
    "ring alone": (pad(0, 3, mode="circular"), SIGNAL),
    "a whole turn": (pad(8, 3, 2, mode="circular"), IMAGE),
    "max": (max_pooling(3, stride=2), SIGNAL),
    "max of an image": (max_pooling((2, 3), stride=1), IMAGE),
    "mean": (average_pooling(2), SIGNAL),
    "blur": (blur_pooling(np.outer([1, 2, 1], [1, 3]) / 16, stride=2), IMAGE),
    "global mean": (global_average_pooling(2), IMAGE),
    "flatten": (flatten(3), IMAGE),
    "unflatten": (unflatten((11, 2)), (3, 22)),
}
every_layer = pytest.mark.parametrize(("layer", "shape"), LAYERS.values(), ids=LAYERS)


def drawn(layer, rng, members=None):
    """Draw parameters of a layer, biases too."""
    theta = layer.start(rng, members) if layer.size else np.zeros((*((members,) if members else ()), 0))
    return layer.unravel(theta + 0.1 * rng.normal(size=theta.shape))


# --- Every layer ---


@every_layer
def test_pullbacks_are_derivatives(layer, shape, rng):
    params, h = drawn(layer, rng), rng.normal(size=shape)
    f, pullback = layer.apply(params, h)
    df = rng.normal(size=f.shape)
    grads, dh = pullback(df)
    check_gradient(lambda h: (df * layer.apply(params, h)[0]).sum(), dh, h, rng, axes=h.ndim)
    if layer.size:
        value = lambda theta: (df * layer.apply(layer.unravel(theta), h)[0]).sum()  # noqa: E731
        check_gradient(value, ravel(grads), ravel(params), rng)


@every_layer
def test_members_of_an_ensemble_are_as_alone(layer, shape, rng):
    params, h = drawn(layer, rng, members=4), rng.normal(size=(4, *shape))
    for given in (h, h[0]) if layer.size else (h,):  # each its own input, or all the same
        f, pullback = layer.apply(params, given)
        df = rng.normal(size=f.shape)
        grads, dh = pullback(df)
        for m in range(4):
            one = layer.unravel(ravel(params, batch_ndim=1)[m]) if layer.size else ()
            alone, pull_alone = layer.apply(one, h[m] if given is h else h[0])
            np.testing.assert_allclose(f[m], alone, rtol=1e-12, atol=1e-13)
            grads_alone, dh_alone = pull_alone(df[m])
            np.testing.assert_allclose(dh[m], dh_alone, rtol=1e-12, atol=1e-13)
            for many, single in zip(leaves(grads), leaves(grads_alone), strict=True):
                np.testing.assert_allclose(many[m], single, rtol=1e-12, atol=1e-13)


@every_layer
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_precision_is_kept_and_nothing_is_changed(layer, shape, dtype, rng):
    params = drawn(layer, rng)
    params = tuple(p.astype(dtype) for p in params)
    h = rng.normal(size=shape).astype(dtype)
    kept = h.copy()
    f, pullback = layer.apply(params, h)
    df = np.ones_like(f)
    first, second = pullback(df), pullback(df)
    np.testing.assert_array_equal(first[1], second[1])
    np.testing.assert_array_equal(h, kept)
    np.testing.assert_array_equal(df, 1)
    assert {f.dtype, first[1].dtype, *(g.dtype for g in leaves(first[0]))} == {np.dtype(dtype)}


# --- Convolution ---


@pytest.mark.parametrize(("k", "s", "p", "d"), list(itertools.product([1, 2, 3], [1, 2, 3], [0, 2], [1, 2])))
@pytest.mark.parametrize("n", [7, 8, 9])
def test_convolution_of_a_signal_is_a_loop(n, k, s, p, d, rng):
    layer = convolution(2, 3, k, stride=s, padding=p, dilation=d)
    Omega, b = drawn(layer, rng)
    h = rng.normal(size=(4, n, 2))
    padded = np.concatenate([np.zeros((4, p, 2)), h, np.zeros((4, p, 2))], axis=1)
    kernel = Omega.reshape(3, k, 2)
    i, f = 0, []
    while i + d * (k - 1) < n + 2 * p:
        f.append(b + sum(padded[:, i + d * t] @ kernel[:, t].T for t in range(k)))
        i += s
    assert len(f) == output_size(n, k, s, p, d)
    np.testing.assert_allclose(layer.apply((Omega, b), h)[0], np.stack(f, axis=1), rtol=1e-12, atol=1e-13)


def test_convolution_of_an_image_is_a_loop(rng):
    layer = convolution(2, 3, (3, 2), stride=2, dilation=2)
    Omega, b = drawn(layer, rng)
    h, kernel = rng.normal(size=(4, 9, 8, 2)), Omega.reshape(3, 3, 2, 2)
    f = np.zeros((4, 3, 3, 3))
    for i, j in itertools.product(range(3), range(3)):
        f[:, i, j] = b
        for t, u in itertools.product(range(3), range(2)):
            f[:, i, j] += h[:, 2 * i + 2 * t, 2 * j + 2 * u] @ kernel[:, t, u].T
    np.testing.assert_allclose(layer.apply((Omega, b), h)[0], f, rtol=1e-12, atol=1e-13)


def test_it_is_a_correlation_a_unit_comes_out_as_the_kernel_turned_round():
    unit = np.zeros((1, 5, 1))
    unit[0, 2] = 1
    f, _ = convolution(1, 1, 3).apply((np.array([[1.0, 2.0, 3.0]]), np.zeros(1)), unit)
    assert f.ravel().tolist() == [3, 2, 1]


def test_on_a_ring_it_commutes_with_every_shift(rng):
    for layer, h, axes in [
        (convolution(2, 3, 5, padding=2, padding_mode="circular"), rng.normal(size=(2, 9, 2)), 1),
        (
            convolution(2, 3, (3, 3), padding=1, padding_mode="circular"),
            rng.normal(size=(2, 6, 5, 2)),
            (1, 2),
        ),
    ]:
        params = drawn(layer, rng)
        for r in range(1, 5):
            shift = r if axes == 1 else (r, -1)
            rolled = np.roll(layer.apply(params, h)[0], shift, axes)
            np.testing.assert_allclose(layer.apply(params, np.roll(h, shift, axes))[0], rolled, atol=1e-12)


def test_the_fan_in_counts_the_taps(rng):
    Omega, b = convolution(25, 400, (3, 3)).init(rng)
    assert Omega.shape == (400, 225)
    assert b.tolist() == [0.0] * 400
    assert Omega.var() == pytest.approx(2 / 225, rel=4 * np.sqrt(2 / Omega.size))
    Omega, _ = locally_connected(25, 40, 12, 3).init(rng)
    assert Omega.var() == pytest.approx(2 / 75, rel=4 * np.sqrt(2 / Omega.size))
    # Three patches of stride one reach an output, or on average one and a half of stride two.
    for stride, fan_in in [(1, 75), (2, 37.5), (4, 25)]:
        Omega, _ = transposed_convolution(25, 400, 3, stride=stride).init(rng)
        assert Omega.shape == (25, 1200)
        assert Omega.var() == pytest.approx(2 / fan_in, rel=4 * np.sqrt(2 / Omega.size))


def test_counts_of_parameters():
    assert convolution(3, 64, (3, 3)).size == 64 * 27 + 64
    assert locally_connected(3, 64, (8, 8), (3, 3)).size == 36 * (64 * 27 + 64)
    assert transposed_convolution(64, 3, (3, 3)).size == 64 * 27 + 3


def test_local_kernels_that_are_all_the_same_are_a_convolution(rng):
    shared, own = convolution(2, 3, (3, 2), stride=2), locally_connected(2, 3, (9, 8), (3, 2), stride=2)
    Omega, b = drawn(shared, rng)
    h = rng.normal(size=IMAGE)
    places = (math.prod([output_size(9, 3, 2), output_size(8, 2, 2)]), 1, 1)
    f, _ = own.apply((np.tile(Omega, places), np.tile(b, places[:2])), h)
    np.testing.assert_allclose(f, shared.apply((Omega, b), h)[0], rtol=1e-12, atol=1e-13)


def test_it_trains_within_a_network_of_flat_examples(rng):
    network = serial(unflatten((8, 1)), convolution(1, 3, 3), relu(), global_average_pooling(), linear(3, 2))
    value, gradient = objective(network, cross_entropy)
    theta, x, y = network.start(rng, members=3), rng.normal(size=(5, 8)), np.array([0, 1, 1, 0, 1])
    assert theta.shape == (3, 3 * 3 + 3 + 3 * 2 + 2)
    check_gradient(lambda theta: value(theta, x, y), gradient(theta, x, y), theta, rng)


# --- Patches and adjoints ---


@pytest.mark.parametrize(("k", "s", "d"), list(itertools.product([1, 2, 3], [1, 2, 4], [1, 2])))
def test_fold_is_the_adjoint_of_unfold(k, s, d, rng):
    for positions, size in [((9,), (k,)), ((9, 7), (k, 2))]:
        h = rng.normal(size=(2, *positions, 3))
        patches = unfold(h, size, s, d)
        p = rng.normal(size=patches.shape)
        left, right = (patches * p).sum(), (h * fold(p, positions, size, s, d)).sum()
        assert left == pytest.approx(right, rel=1e-12, abs=1e-12)


def test_patches_begin_with_the_channels_of_the_first_tap():
    h = np.arange(8.0).reshape(4, 2)
    assert unfold(h, 3).tolist() == [[0, 1, 2, 3, 4, 5], [2, 3, 4, 5, 6, 7]]


def test_folding_ones_counts_the_patches_that_read_a_position():
    assert fold(np.ones((4, 3)), 9, 3, stride=2).ravel().tolist() == [1, 1, 2, 1, 2, 1, 2, 1, 1]


@pytest.mark.parametrize(("s", "extra", "d"), [(1, 0, 1), (2, 0, 1), (2, 1, 1), (3, 2, 1), (1, 0, 2)])
@pytest.mark.parametrize("size", [3, (3, 2)])
def test_a_transposed_convolution_is_the_adjoint(size, s, extra, d, rng):
    there = convolution(4, 2, size, stride=s, dilation=d)
    back = transposed_convolution(2, 4, size, stride=s, dilation=d, output_padding=extra)
    taps = np.atleast_1d(size)
    Omega = rng.normal(size=(2, 4 * taps.prod()))
    y = rng.normal(size=(1, *[5] * len(taps), 2))
    x = rng.normal(size=(1, *[input_size(5, k, s, d) + extra for k in taps.tolist()], 4))
    left = (there.apply((Omega, np.zeros(2)), x)[0] * y).sum()
    assert left == pytest.approx((x * back.apply((Omega, np.zeros(4)), y)[0]).sum(), abs=1e-12)


def test_a_transposed_convolution_adds_its_bias_everywhere_and_its_extra_at_the_far_end():
    layer = transposed_convolution(1, 1, 2, stride=3, output_padding=2)
    f, _ = layer.apply((np.array([[1.0, 2.0]]), np.array([10.0])), np.array([[[1.0], [3.0]]]))
    assert f.ravel().tolist() == [11, 12, 10, 13, 16, 10, 10]


def test_circulant_is_the_convolution_on_a_ring(rng):
    w, x = rng.normal(size=(2, 7)), rng.normal(size=7)
    by_fourier = np.fft.ifft(np.fft.fft(w) * np.fft.fft(x)).real
    np.testing.assert_allclose(circulant(w) @ x, by_fourier, rtol=1e-12, atol=1e-12)
    T, S = circulant(w[0]), circulant(np.eye(7)[1])
    np.testing.assert_allclose(T @ S, S @ T, atol=1e-13)
    assert (S @ x).tolist() == np.roll(x, 1).tolist()


# --- Sizes ---


def test_sizes_count_places():
    for n, k, s, d in itertools.product(range(1, 12), [1, 2, 3], [1, 2, 3], [1, 2]):
        places = [i for i in range(0, n, s) if i + d * (k - 1) < n]
        if not places:
            with pytest.raises(ValueError, match=r"^kernel_size must fit"):
                output_size(n, k, s, 0, d)
            continue
        assert output_size(n, k, s, 0, d) == len(places)
        assert output_size(n, k, s, 1, d) == output_size(n + 2, k, s, 0, d)
        least = input_size(len(places), k, s, d)
        assert least <= n < least + s
        assert output_size(least, k, s, dilation=d) == len(places)


def test_receptive_fields_of_networks_that_everybody_knows():
    # Araujo, Norris and Sim (2019), table 1.
    alexnet = [(11, 4), (3, 2), (5, 1), (3, 2), (3, 1), (3, 1), (3, 1), (3, 2)]
    vgg = [layer for n in (2, 2, 3, 3, 3) for layer in [(3, 1)] * n + [(2, 2)]]
    assert receptive_field(*np.transpose(alexnet)) == 195
    assert receptive_field(*np.transpose(vgg)) == 212


def test_the_receptive_field_is_what_reaches_an_output():
    kernels, strides, dilations = [3, 2, 3], [2, 1, 2], [1, 3, 2]
    r = receptive_field(kernels, strides, dilations)
    h, reach = np.zeros((1, 60, 1)), []
    layers = [
        convolution(1, 1, k, s, dilation=d) for k, s, d in zip(kernels, strides, dilations, strict=True)
    ]
    network = serial(*layers)
    params = tuple((np.ones((1, k)), np.zeros(1)) for k in kernels)
    for j in range(60):
        h[:] = 0
        h[0, j] = 1
        reach.append(network.apply(params, h)[0][0, 0, 0] != 0)
    assert np.flatnonzero(reach)[[0, -1]].tolist() == [0, r - 1]


# --- Pooling and padding ---


def test_pooling_by_hand():
    h = np.array([[[1.0], [5.0], [2.0], [2.0], [7.0]]])
    assert max_pooling(2).apply((), h)[0].ravel().tolist() == [5, 2]
    assert max_pooling(3, stride=1).apply((), h)[0].ravel().tolist() == [5, 5, 7]
    assert average_pooling(2).apply((), h)[0].ravel().tolist() == [3, 2]
    assert blur_pooling([1.0, 0.0, 10.0], 2).apply((), h)[0].ravel().tolist() == [21, 72]
    assert global_average_pooling().apply((), h)[0].tolist() == [[17 / 5]]


def test_of_equal_values_the_first_gets_the_gradient():
    h = np.zeros((1, 6, 1))
    _, pullback = max_pooling(2).apply((), h)
    assert pullback(np.ones((1, 3, 1)))[1].ravel().tolist() == [1, 0, 1, 0, 1, 0]
    _, pullback = max_pooling(3, stride=1).apply((), np.array([[[0.0], [9.0], [0.0], [0.0]]]))
    assert pullback(np.ones((1, 2, 1)))[1].ravel().tolist() == [0, 2, 0, 0]


def test_padding_by_hand():
    h = np.arange(1.0, 7.0).reshape(1, 2, 3, 1)
    zeros = pad(1, 0, 2).apply((), h)[0][0, ..., 0]
    assert zeros.tolist() == [[0, 0, 0, 0], [0, 1, 2, 3], [0, 4, 5, 6]]
    ring = pad(0, 2, 2, mode="circular").apply((), h)[0][0, ..., 0]
    assert ring.tolist() == [[1, 2, 3, 1, 2], [4, 5, 6, 4, 5], [1, 2, 3, 1, 2], [4, 5, 6, 4, 5]]


def test_a_copy_on_a_ring_hands_its_gradient_back():
    _, pullback = pad(2, 1, mode="circular").apply((), np.zeros((1, 4, 1)))
    assert pullback(np.arange(7.0).reshape(1, 7, 1))[1].ravel().tolist() == [2 + 6, 3, 4 + 0, 5 + 1]


def test_flatten_undoes_unflatten(rng):
    h = rng.normal(size=(2, 5, 12))
    up, _ = unflatten((3, 2, 2)).apply((), h)
    assert up.shape == (2, 5, 3, 2, 2)
    np.testing.assert_array_equal(flatten(3).apply((), up)[0], h)


# --- What is refused ---


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda: convolution(0, 1, 3), "c_in"),
        (lambda: convolution(1, 0, 3), "c_out"),
        (lambda: convolution(1, 1, ()), "kernel_size"),
        (lambda: convolution(1, 1, (3, 0)), "kernel_size"),
        (lambda: convolution(1, 1, 3, padding_mode="reflect"), "padding_mode"),
        (lambda: transposed_convolution(1, 1, 3, stride=2, output_padding=2), "output_padding"),
        (lambda: locally_connected(1, 1, (9, 9), 3), "positions"),
        (lambda: max_pooling((2, 3)), "stride"),
        (lambda: pad(1, 1, mode="reflect"), "mode"),
        (lambda: blur_pooling([]), "kernel"),
        (lambda: receptive_field([3, 3], [1]), "kernel_sizes"),
    ],
)
def test_bad_settings_are_named(make, name):
    with pytest.raises(ValueError, match=rf"^{name}"):
        make()


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (convolution(1, 1, 3), (5, 1)),
        (convolution(1, 1, (3, 3)), (2, 9, 1)),
        (convolution(1, 1, 9), (2, 8, 1)),
        (convolution(2, 1, 3), (2, 8, 1)),
        (locally_connected(1, 1, 9, 3), (2, 8, 1)),
        (pad(5, 0, mode="circular"), (2, 4, 1)),
        (max_pooling((2, 2)), (4, 1)),
        (max_pooling(5), (2, 4, 1)),
        (unflatten((2, 3)), (2, 5)),
        (flatten(3), (2, 5)),
        (global_average_pooling(2), (5, 1)),
    ],
)
def test_what_does_not_fit_is_refused(layer, shape, rng):
    with pytest.raises(ValueError, match=r"^h must fit the layer, but its shape is"):
        layer.apply(layer.init(rng), np.zeros(shape))
