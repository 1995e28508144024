"""Layers against arithmetic done by hand; their gradients are checked in test_networks."""

import math
import weakref

import numpy as np
import pytest

from lib.nn.initialization import variance_scaling
from lib.nn.layers import dropout, gelu, linear, relu, residual, serial, tanh
from lib.nn.params import leaves


def test_linear_by_hand():
    # f = h Omega^T + b with Omega = [[1, 2], [3, 4], [5, 6]]: row (1, -1) gives (1-2, 3-4, 5-6) + b.
    params = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]), np.array([10.0, 20.0, 30.0])
    f, pullback = linear(2, 3).apply(params, np.array([[1.0, -1.0], [0.0, 2.0]]))
    assert f.tolist() == [[9.0, 19.0, 29.0], [14.0, 28.0, 42.0]]
    (dOmega, db), dh = pullback(np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 2.0]]))
    assert dOmega.tolist() == [[1.0, -1.0], [0.0, 0.0], [0.0, 4.0]]
    assert db.tolist() == [1.0, 0.0, 2.0]
    assert dh.tolist() == [[1.0, 2.0], [10.0, 12.0]]


def test_linear_starts_with_variance_two_over_its_inputs(rng):
    Omega, b = linear(50, 400).init(rng)
    assert Omega.shape == (400, 50)
    assert b.tolist() == [0.0] * 400
    # The sample variance of 20 000 normals has relative standard deviation sqrt(2/20 000) = 1 %.
    assert Omega.var() == pytest.approx(2 / 50, rel=0.04)
    assert abs(Omega.mean()) < 4 * np.sqrt(2 / 50 / Omega.size)


def test_relu_passes_the_positive_and_stops_the_rest():
    h, pullback = relu().apply((), np.array([[-2.0, 0.0, 3.0]]))
    assert h.tolist() == [[0.0, 0.0, 3.0]]
    params, df = pullback(np.array([[5.0, 6.0, 7.0]]))
    assert params == ()
    assert df.tolist() == [[0.0, 0.0, 7.0]]


def test_gelu_is_near_f_times_the_normal_distribution_function():
    f = np.linspace(-8, 8, 401)
    exact = np.array([t * (1 + math.erf(t / math.sqrt(2))) / 2 for t in f])
    difference = np.abs(gelu().apply((), f)[0] - exact).max()
    assert 4e-4 < difference < 5e-4


@pytest.mark.parametrize("activation", [tanh, gelu])
def test_smooth_activations_have_the_derivative_of_a_complex_step(activation):
    f = np.linspace(-4, 4, 81)
    _, pullback = activation().apply((), f)
    stepped, _ = activation().apply((), f + 1e-30j)
    stepped = stepped.imag / 1e-30
    np.testing.assert_allclose(pullback(np.full_like(f, 2.0))[1], 2 * stepped, rtol=1e-12, atol=1e-14)


def test_tanh_by_hand():
    h, pullback = tanh().apply((), np.array([0.0, math.log(2)]))
    np.testing.assert_allclose(h, [0, 0.6], rtol=1e-15)
    np.testing.assert_allclose(pullback(np.ones(2))[1], [1, 0.64], rtol=1e-15)


def test_serial_draws_and_applies_in_order(rng):
    network = serial(linear(2, 3), relu(), linear(3, 1))
    params = network.init(np.random.default_rng(7))
    again = np.random.default_rng(7)
    np.testing.assert_array_equal(params[0][0], linear(2, 3).init(again)[0])
    np.testing.assert_array_equal(params[2][0], linear(3, 1).init(again)[0])
    x = rng.normal(size=(5, 2))
    f, pullback = network.apply(params, x)
    (Omega_1, b_1), _, (Omega_2, b_2) = params
    np.testing.assert_allclose(f, np.maximum(x @ Omega_1.T + b_1, 0) @ Omega_2.T + b_2, rtol=1e-14)
    dparams, dx = pullback(np.ones((5, 1)))
    assert [len(grads) for grads in dparams] == [2, 0, 2]
    assert dx.shape == x.shape


def test_members_begin_on_a_leading_axis_and_take_one_pass(rng):
    network = serial(linear(2, 3), relu(), linear(3, 1))
    params = network.init(rng, members=4)
    (Omega_1, b_1), activation, (Omega_2, b_2) = params
    assert activation == ()
    assert [a.shape for a in (Omega_1, b_1, Omega_2, b_2)] == [(4, 3, 2), (4, 3), (4, 1, 3), (4, 1)]
    x = rng.normal(size=(5, 2))
    f, _ = network.apply(params, x)
    own = ((Omega_1[2], b_1[2]), (), (Omega_2[2], b_2[2]))
    np.testing.assert_allclose(f[2], network.apply(own, x)[0], rtol=1e-13)


def test_members_of_a_layer_are_different_draws_and_begin_without_bias(rng):
    Omega, b = linear(3, 5, variance_scaling(gain=3.0)).init(rng, members=400)
    assert len(np.unique(Omega[:, 0, 0])) == 400
    assert Omega.var() == pytest.approx(9 / 3, rel=4 * np.sqrt(2 / Omega.size))
    np.testing.assert_array_equal(b, np.zeros((400, 5)))


@pytest.mark.parametrize("activation", [relu, tanh, gelu])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_activations_keep_precision_and_their_argument(activation, dtype):
    f = np.linspace(-3, 3, 7, dtype=dtype)
    copy = f.copy()
    h, pullback = activation().apply((), f)
    (_, df) = pullback(np.ones_like(f))
    assert h.dtype == df.dtype == dtype
    np.testing.assert_array_equal(f, copy)


def test_residual_adds_its_input_forward_and_back():
    # f = h + 2 h_1 - h_2 in the first entry, h + 0 in the second.
    params = np.array([[2.0, -1.0], [0.0, 0.0]]), np.array([0.5, 0.0])
    f, pullback = residual(linear(2, 2)).apply(params, np.array([[3.0, 4.0]]))
    assert f.tolist() == [[3 + 6 - 4 + 0.5, 4.0]]
    (dOmega, db), dh = pullback(np.array([[1.0, 10.0]]))
    assert dOmega.tolist() == [[3.0, 4.0], [30.0, 40.0]]
    assert db.tolist() == [1.0, 10.0]
    assert dh.tolist() == [[1 + 2.0, 10 - 1.0]]


def test_residual_draws_as_its_layer_does_and_has_the_derivative_of_a_complex_step():
    block = residual(serial(linear(3, 3), tanh()))
    params = block.init(np.random.default_rng(3), members=2)
    np.testing.assert_array_equal(params[0][0], linear(3, 3).init(np.random.default_rng(3), members=2)[0])
    h, v, df = np.random.default_rng(4).normal(size=(3, 2, 5, 3))
    _, pullback = block.apply(params, h)
    along = block.apply(params, h + 1e-30j * v)[0].imag / 1e-30
    np.testing.assert_allclose((pullback(df)[1] * v).sum(), (df * along).sum(), rtol=1e-12)


def test_an_array_that_counts_its_products_is_taken_as_it_is(rng):
    class Counting(np.ndarray):
        products = 0

        def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
            Counting.products += ufunc is np.matmul
            plain = [one.view(np.ndarray) if isinstance(one, Counting) else one for one in inputs]
            return getattr(ufunc, method)(*plain, **kwargs).view(Counting)

    network = serial(linear(2, 3), relu(), linear(3, 1))
    network.apply(network.init(rng), np.ones((4, 2)).view(Counting))
    assert Counting.products == 2


def test_residual_wants_a_layer_that_keeps_the_shape():
    with pytest.raises(ValueError, match=r"^layer must keep the shape of its input, \(1, 2\)"):
        residual(linear(2, 1)).apply((np.ones((1, 2)), np.zeros(1)), np.ones((1, 2)))


def test_serial_wants_params_for_each_layer():
    with pytest.raises(ValueError, match="zip"):
        serial(relu(), relu()).apply(((),), np.zeros((1, 1)))


def test_nothing_is_mutated(rng):
    network = serial(linear(3, 4), relu())
    params, x, df = network.init(rng), rng.normal(size=(2, 3)), rng.normal(size=(2, 4))
    copies = params[0][0].copy(), x.copy(), df.copy()
    _, pullback = network.apply(params, x)
    first, second = pullback(df), pullback(df)
    np.testing.assert_array_equal(first[1], second[1])
    for array, copy in zip((params[0][0], x, df), copies, strict=True):
        np.testing.assert_array_equal(array, copy)


@pytest.mark.parametrize(("sizes", "name"), [((0, 1), "d_in"), ((1, -1), "d_out"), ((1.0, 1), "d_in")])
def test_bad_sizes_are_named(sizes, name):
    with pytest.raises(ValueError, match=name):
        linear(*sizes)


# --- A layer knows its parameters ---


def test_a_start_is_the_drawn_parameters_in_a_row():
    network = serial(linear(2, 3), relu(), linear(3, 1))
    for members, lead in [(None, ()), (4, (4,))]:
        params = network.init(np.random.default_rng(7), members)
        theta = network.start(np.random.default_rng(7), members)
        assert theta.shape == (*lead, network.size) == (*lead, 6 + 3 + 3 + 1)
        for leaf, own in zip(leaves(network.unravel(theta)), leaves(params), strict=True):
            np.testing.assert_array_equal(leaf, own)
            assert np.shares_memory(leaf, theta)


def test_a_layer_without_parameters_has_none_to_unravel():
    assert relu().size == 0
    assert relu().unravel(np.zeros((5, 0))) == ()


def test_theta_of_another_layer_is_refused():
    with pytest.raises(ValueError, match=r"^theta must end in the 3 entries of params"):
        linear(2, 1).unravel(np.zeros(4))


def test_shapes_are_learned_from_one_draw_that_is_not_kept():
    drawn = []

    def weights(rng, d_out, d_in, members=None):
        Omega = np.zeros((d_out, d_in))
        drawn.append(weakref.ref(Omega))
        return Omega

    layer = linear(3, 2, weights)
    for _ in range(3):
        layer.unravel(np.zeros(8))
    assert [reference() for reference in drawn] == [None]


# --- Dropout ---


def test_dropout_zeroes_or_enlarges_and_passes_the_gradient_of_the_kept(rng):
    h = rng.normal(size=(50, 40))
    before = h.copy()
    dropped, pullback = dropout(0.2, rng).apply((), h)
    np.testing.assert_array_equal(h, before)
    kept = dropped != 0
    np.testing.assert_allclose(dropped[kept], h[kept] / 0.8, rtol=1e-14)
    params, dh = pullback(np.full(h.shape, 4.0))
    assert params == ()
    np.testing.assert_allclose(dh, np.where(kept, 5.0, 0.0), rtol=1e-14)


@pytest.mark.parametrize("rate", [0.2, 0.5, 0.75])
def test_dropout_keeps_the_mean(rng, rate):
    h = np.full((20_000, 3), 2.0)
    dropped, _ = dropout(rate, rng).apply((), h)
    # A unit is 2/q with probability q: variance 4 (1 - q)/q.
    se = np.sqrt(4 * rate / (1 - rate) / len(h))
    assert np.abs(dropped.mean(axis=0) - 2).max() < 4 * se
    assert (dropped == 0).mean() == pytest.approx(rate, abs=4 * np.sqrt(rate * (1 - rate) / h.size))


def test_every_unit_of_every_example_of_every_member_has_its_own_mask(rng):
    dropped, _ = dropout(0.5, rng).apply((), np.ones((30, 40, 20)))
    for axis in range(3):
        # Two neighbours along an axis are dropped together with probability 1/4.
        first, second = (np.take(dropped == 0, side, axis) for side in (range(1, 20, 2), range(0, 19, 2)))
        together = (first & second).mean()
        assert together == pytest.approx(0.25, abs=4 * np.sqrt(0.25 * 0.75 / first.size))


def test_each_call_draws_a_new_mask_and_no_rate_is_the_identity(rng):
    layer, h = dropout(0.5, rng), np.ones((5, 20))
    assert not np.array_equal(layer.apply((), h)[0], layer.apply((), h)[0])
    np.testing.assert_array_equal(dropout(0, rng).apply((), h)[0], h)


def test_dropout_keeps_single_precision(rng):
    assert dropout(0.5, rng).apply((), np.ones((5, 2), np.float32))[0].dtype == np.float32


@pytest.mark.parametrize("rate", [-0.1, 1, float("nan")])
def test_a_bad_rate_is_named(rng, rate):
    with pytest.raises(ValueError, match=r"^rate must"):
        dropout(rate, rng)
