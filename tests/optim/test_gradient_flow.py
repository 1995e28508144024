"""Gradient flow and modified losses: closed forms, orders of accuracy, and derivatives by other means."""

import inspect

import numpy as np
import pytest
from helpers import check_gradient, take

from lib.nn.layers import tanh
from lib.nn.losses import cross_entropy
from lib.nn.networks import mlp, objective
from lib.optim.gradient_flow import gradient_flow, hessian_vector, modified_gradient, modified_loss
from lib.optim.optimizers import sgd
from lib.optim.training import trajectory

EIGENVALUES = np.array([0.5, 1.0, 3.0])


def bowl(theta):
    return EIGENVALUES * theta


@pytest.fixture
def network(rng):
    """Return value, gradient and start of a small network on a few points."""
    layers = mlp(2, 4, 3, activation=tanh)
    theta = layers.start(rng)
    value, gradient = objective(layers, cross_entropy)
    x, y = rng.normal(size=(6, 2)), rng.integers(3, size=6)
    return lambda theta: value(theta, x, y), lambda theta: gradient(theta, x, y), theta


def order(errors):
    """Return the slopes between neighbours of errors that belong to steps which halve."""
    return np.log2(np.array(errors[:-1]) / errors[1:])


# --- The flow ---


def test_one_step_of_the_flow_is_the_series_of_the_exponential_to_the_fourth_term():
    # For L = theta^2 / 2 and h = 1/2: 1 - 1/2 + 1/8 - 1/48 + 1/384.
    _, after = take(gradient_flow(lambda theta: theta, [1.0], 0.5), 2)
    assert after.item() == pytest.approx(1 - 1 / 2 + 1 / 8 - 1 / 48 + 1 / 384, rel=1e-15)


def test_the_flow_of_a_bowl_is_exponential(rng):
    start = rng.normal(size=3)
    times = 0.01 * np.arange(201)
    path = trajectory(gradient_flow(bowl, start, 0.01), 200)
    np.testing.assert_allclose(path, start * np.exp(-times[:, None] * EIGENVALUES), rtol=1e-7)


def test_the_error_of_the_flow_has_order_four(network):
    _, gradient, start = network
    ends = [trajectory(gradient_flow(gradient, start, 1 / n), n)[-1] for n in (4, 8, 16, 256)]
    errors = [np.linalg.norm(end - ends[-1]) for end in ends[:-1]]
    np.testing.assert_allclose(order(errors), 4, atol=0.4)


def test_the_loss_never_rises_along_the_flow(network):
    value, gradient, start = network
    losses = [value(theta) for theta in take(gradient_flow(gradient, start, 0.1), 60)]
    assert (np.diff(losses) < 0).all()


def test_the_start_is_not_mutated_and_iterates_are_fresh(rng):
    start = rng.normal(size=3)
    before = start.copy()
    iterates = gradient_flow(bowl, start, 0.1)
    start[:] = 77
    kept = take(iterates, 5)
    np.testing.assert_array_equal(kept[0], before)
    assert not any(np.shares_memory(a, b) for i, a in enumerate(kept) for b in kept[:i])


def test_an_ensemble_flows_as_its_members_do(network, rng):
    _, gradient, start = network
    starts = start + 0.1 * rng.normal(size=(3, start.size))
    together = take(gradient_flow(gradient, starts, 0.1), 10)[-1]
    alone = [take(gradient_flow(gradient, one, 0.1), 10)[-1] for one in starts]
    np.testing.assert_allclose(together, alone, rtol=1e-12, atol=1e-14)


# --- Hessian times vector ---


def test_hessian_vector_of_a_bowl():
    np.testing.assert_allclose(hessian_vector(bowl, np.ones(3), [1.0, -2.0, 1.0]), [0.5, -2, 3], rtol=1e-15)


def test_hessian_vector_is_the_difference_of_gradients_and_symmetric(network, rng):
    _, gradient, theta = network
    u, v = rng.normal(size=(2, theta.size))
    h = 1e-5
    central = (gradient(theta + h * v) - gradient(theta - h * v)) / (2 * h)
    np.testing.assert_allclose(hessian_vector(gradient, theta, v), central, rtol=1e-6, atol=1e-9)
    assert u @ hessian_vector(gradient, theta, v) == pytest.approx(
        v @ hessian_vector(gradient, theta, u), rel=1e-12
    )


@pytest.mark.parametrize("size", [1e300, 1e16, 1e-16, 1e-290, 1e-300])
def test_hessian_vector_of_a_direction_of_any_length(network, rng, size):
    _, gradient, theta = network
    v = rng.normal(size=theta.size)
    np.testing.assert_allclose(
        hessian_vector(gradient, theta, size * v), size * hessian_vector(gradient, theta, v), rtol=1e-11
    )
    np.testing.assert_allclose(
        hessian_vector(bowl, np.ones(3), size * np.ones(3)), size * EIGENVALUES, rtol=1e-15
    )
    assert not hessian_vector(bowl, np.ones(3), np.zeros(3)).any()


# --- The modified loss ---


def test_modified_loss_by_hand():
    # L = theta^2, so |grad L|^2 = 4 theta^2: at theta = 3 with alpha = 0.1, 9 + 0.025 * 36 = 9.9.
    loss = modified_loss(lambda theta: theta[..., 0] ** 2, lambda theta: 2 * theta, 0.1)
    assert loss(np.array([3.0])) == pytest.approx(9.9, rel=1e-15)
    # Its derivative is 2 theta + 0.05 * 2 * 2 theta = 6.6.
    assert modified_gradient(lambda theta: 2 * theta, 0.1)(np.array([3.0])) == pytest.approx(6.6, rel=1e-15)


def test_the_modified_gradient_is_that_of_the_modified_loss(network, rng):
    value, gradient, theta = network
    loss, alpha = modified_loss(value, gradient, 0.3), 0.3
    modified = modified_gradient(gradient, alpha)(theta)
    for _ in range(5):
        v, h = rng.normal(size=theta.size), 1e-5
        slope = (loss(theta + h * v) - loss(theta - h * v)) / (2 * h)
        assert modified @ v == pytest.approx(slope, rel=1e-6)
    check_gradient(value, gradient(theta), theta, rng)


def test_without_a_rate_nothing_is_modified(network):
    value, gradient, theta = network
    assert modified_loss(value, gradient, 0)(theta) == value(theta)
    np.testing.assert_array_equal(modified_gradient(gradient, 0)(theta), gradient(theta))


def test_the_rate_of_decay_on_a_bowl_is_the_series_of_a_logarithm():
    # -log(1 - alpha lambda) / alpha = lambda + alpha lambda^2 / 2 + alpha^2 lambda^3 / 3 + ...
    alpha = 1e-3
    rate = modified_gradient(bowl, alpha)(np.ones(3))
    np.testing.assert_allclose(rate, -np.log1p(-alpha * EIGENVALUES) / alpha, rtol=4e-6)


@pytest.mark.parametrize(("modify", "expected"), [(False, 1), (True, 2)])
def test_the_order_at_which_descent_follows_the_flow(network, modify, expected):
    _, gradient, start = network
    errors = []
    for n in (16, 32, 64):
        velocity = modified_gradient(gradient, 1 / n) if modify else gradient
        flow = trajectory(gradient_flow(velocity, start, 1 / n), n)[-1]
        errors.append(np.linalg.norm(flow - trajectory(sgd(gradient, start, 1 / n), n)[-1]))
    np.testing.assert_allclose(order(errors), expected, atol=0.1)


# --- Bad arguments ---

GOOD = {
    gradient_flow: {"gradient": bowl, "theta": np.ones(3), "step": 0.1},
    hessian_vector: {"gradient": bowl, "theta": np.ones(3), "v": np.ones(3)},
    modified_loss: {"value": np.sum, "gradient": bowl, "alpha": 0.1},
    modified_gradient: {"gradient": bowl, "alpha": 0.1},
}
BAD = [
    *[("step", value) for value in (0, -0.1, float("nan"), None)],
    *[("alpha", value) for value in (-0.1, float("nan"), None)],
    *[("theta", value) for value in ([1.0, float("nan"), 1.0], None)],
    *[("v", value) for value in ([1.0, float("inf"), 1.0], np.ones(2))],
]


@pytest.mark.parametrize(
    ("function", "name", "value"),
    [(f, name, value) for f in GOOD for name, value in BAD if name in inspect.signature(f).parameters],
)
def test_a_bad_argument_is_named_at_the_call(function, name, value):
    with pytest.raises(ValueError, match=f"^{name} must"):
        function(**{**GOOD[function], name: value})
