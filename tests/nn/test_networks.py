"""Networks: their shape, and the gradients of both losses through every layer."""

import gc
import weakref

import numpy as np
import pytest
from helpers import check_gradient, wait_until

from lib.nn.initialization import orthogonal
from lib.nn.layers import dropout, gelu, serial, tanh
from lib.nn.losses import cross_entropy, squared_error
from lib.nn.networks import mlp, objective, predictor
from lib.nn.params import leaves, ravel
from lib.optim.optimizers import adam, adamw, momentum, nesterov, sgd
from lib.optim.training import minibatches, record, stochastic

LOSSES = {"squared error": squared_error, "cross-entropy": cross_entropy}


def problem(rng, name, lead=()):
    """Return value(theta), gradient(theta) and a theta of shape (*lead, P) with biases off zero."""
    network = mlp(3, 5, 4, 2)
    theta = network.start(rng) + rng.normal(0, 0.3, (*lead, network.size))
    x = rng.normal(size=(7, 3))
    y = rng.normal(size=(7, 2)) if name == "squared error" else rng.integers(2, size=7)
    value, gradient = objective(network, LOSSES[name])
    return lambda theta: value(theta, x, y), lambda theta: gradient(theta, x, y), theta


def test_mlp_by_hand():
    # |x| = relu(x) + relu(-x): two hidden units and no ReLU after the sum, so that -|x| is reached.
    params = ((np.array([[1.0], [-1.0]]), np.zeros(2)), (), (np.array([[-1.0, -1.0]]), np.zeros(1)))
    f, _ = mlp(1, 2, 1).apply(params, np.array([[3.0], [-2.0]]))
    assert f.tolist() == [[-3.0], [-2.0]]


def test_mlp_has_a_linear_layer_for_each_pair_of_widths(rng):
    shapes = [leaf.shape for leaf in leaves(mlp(3, 5, 4, 2).init(rng))]
    assert shapes == [(5, 3), (5,), (4, 5), (4,), (2, 4), (2,)]


def test_mlp_puts_its_activation_between_the_layers_and_its_weights_in_all(rng):
    network = mlp(3, 5, 4, 2, activation=tanh, weights=orthogonal())
    params = network.init(rng)
    (Omega_0, b_0), _, (Omega_1, b_1), _, (Omega_2, b_2) = params
    for Omega in (Omega_0.T, Omega_1, Omega_2):
        np.testing.assert_allclose(Omega @ Omega.T, np.eye(len(Omega)), atol=1e-13)
    x = rng.normal(size=(6, 3))
    expected = np.tanh(np.tanh(x @ Omega_0.T + b_0) @ Omega_1.T + b_1) @ Omega_2.T + b_2
    np.testing.assert_allclose(network.apply(params, x)[0], expected, rtol=1e-12)


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("lead", [(), (3,), (2, 3)])
def test_gradient(rng, name, lead):
    value, gradient, theta = problem(rng, name, lead)
    assert value(theta).shape == lead
    check_gradient(value, gradient(theta), theta, rng)


@pytest.mark.parametrize("name", LOSSES)
def test_an_ensemble_equals_its_members(rng, name):
    value, gradient, theta = problem(rng, name, (4,))
    np.testing.assert_allclose(value(theta), [value(member) for member in theta], rtol=1e-12)
    np.testing.assert_allclose(
        gradient(theta), [gradient(member) for member in theta], rtol=1e-11, atol=1e-15
    )


@pytest.mark.parametrize("name", LOSSES)
def test_each_member_may_have_its_own_data(rng, name):
    network = mlp(3, 5, 2)
    value, gradient = objective(network, LOSSES[name])
    theta, x = network.start(rng) + rng.normal(0, 0.3, (4, network.size)), rng.normal(size=(4, 7, 3))
    y = rng.normal(size=(4, 7, 2)) if name == "squared error" else rng.integers(2, size=(4, 7))
    for inputs in (x, x[0]):
        own = list(zip(theta, np.broadcast_to(inputs, x.shape), y, strict=True))
        np.testing.assert_allclose(value(theta, inputs, y), [value(*each) for each in own], rtol=1e-12)
        np.testing.assert_allclose(
            gradient(theta, inputs, y), [gradient(*each) for each in own], rtol=1e-11, atol=1e-15
        )


def test_precision_is_kept(rng):
    network = mlp(2, 3, 1)
    value, gradient = objective(network, squared_error)
    theta = network.start(rng).astype(np.float32)
    x, y = rng.normal(size=(4, 2)).astype(np.float32), np.ones((4, 1), np.float32)
    assert value(theta, x, y).dtype == gradient(theta, x, y).dtype == np.float32
    assert gradient(theta.astype(float), x, y).dtype == np.float64


@pytest.mark.parametrize("widths", [(), (3,), (3, 0), (2.5, 1)])
def test_bad_widths_are_named(widths):
    with pytest.raises(ValueError, match="widths must"):
        mlp(*widths)


def test_bad_arguments_of_the_objective_are_named():
    for function in objective(mlp(2, 1), squared_error):
        with pytest.raises(ValueError, match=r"^x must be finite"):
            function(np.zeros(3), np.full((1, 2), np.nan), np.zeros((1, 1)))
        with pytest.raises(ValueError, match=r"^y must be finite"):
            function(np.zeros(3), np.zeros((1, 2)), np.full((1, 1), np.nan))
        with pytest.raises(ValueError, match=r"^y must have the shape"):
            function(np.zeros(3), np.zeros((2, 2)), np.zeros((3, 1)))
        with pytest.raises(ValueError, match=r"^theta must end in the 3 entries"):
            function(np.zeros(4), np.zeros((1, 2)), np.zeros((1, 1)))


def test_predictor_gives_the_outputs_of_each_member(rng):
    network = mlp(3, 4, 2)
    predict = predictor(network)
    theta, x = rng.normal(size=(5, network.size)), rng.normal(size=(5, 7, 3))
    f = predict(theta, x)
    assert f.shape == (5, 7, 2)
    for member in range(5):
        np.testing.assert_allclose(f[member], predict(theta[member], x[member]), rtol=1e-12)
    params = network.init(rng)
    np.testing.assert_array_equal(predict(ravel(params), x[0]), network.apply(params, x[0])[0])
    with pytest.raises(ValueError, match=r"^x must be finite"):
        predict(theta, np.full((1, 3), np.inf))
    for shape in [(3,), (1, 5, 7, 3)]:
        with pytest.raises(ValueError, match=r"^x must have shape \(n, d\), or \(\.\.\., n, d\) like theta"):
            predict(theta, np.zeros(shape))
    with pytest.raises(ValueError, match=r"^theta must hold numbers"):
        predict("text", x)


@pytest.mark.parametrize("name", LOSSES)
def test_a_gradient_lets_go_of_theta(rng, name):
    # What is in a cycle waits for the collector, and the memory of many steps with it.
    value, gradient, theta = problem(rng, name, (4,))
    left = weakref.ref(theta)
    gc.disable()
    try:
        value(theta), gradient(theta)
        del theta
        assert left() is None
    finally:
        gc.enable()


@pytest.mark.parametrize("optimizer", [sgd, momentum, nesterov, adam, adamw])
def test_a_run_leaves_nothing_to_the_garbage_collector(rng, optimizer):
    network = mlp(3, 5, 2, activation=lambda: serial(gelu(), dropout(0.5, rng)))
    value, gradient = objective(network, cross_entropy)
    x, y = rng.normal(size=(20, 3)), rng.integers(2, size=20)

    def run():
        batches = minibatches(x, y, batch_size=10, rng=rng, members=2)
        iterates = optimizer(stochastic(gradient, batches), network.start(rng, 2), 1e-3)
        record(iterates, 9, loss=lambda theta: value(theta, x, y))

    run()
    # What other tests have left may leave something itself when it goes.
    wait_until(lambda: gc.collect() == 0, "there is nothing else to collect")
    gc.disable()
    try:
        run()
        assert gc.collect() == 0
    finally:
        gc.enable()


def test_a_loss_of_ones_own_brings_its_derivative(rng):
    def cubes(f, y):
        return ((f - y) ** 3).sum()

    cubes.gradient = lambda f, y: 3 * (f - y) ** 2
    network = mlp(2, 3, 1)
    value, gradient = objective(network, cubes)
    theta, x, y = network.start(rng), rng.normal(size=(4, 2)), rng.normal(size=(4, 1))
    check_gradient(lambda theta: value(theta, x, y), gradient(theta, x, y), theta, rng)


def test_the_data_may_be_named(rng):
    network = mlp(2, 1)
    value, gradient = objective(network, squared_error)
    theta, x, y = rng.normal(size=3), rng.normal(size=(4, 2)), rng.normal(size=(4, 1))
    assert value(theta, x=x, y=y) == value(theta, x, y)
    np.testing.assert_array_equal(gradient(theta, y=y, x=x), gradient(theta, x, y))
    with pytest.raises(ValueError, match=r"x is \(4, 2\)"):
        value(theta, x=x, y=y[1:])
