"""Velocity fields and solvers: the field against a simulation, orders of the solvers, laws that are known."""

import numpy as np
import pytest

from lib.datasets.densities import Mixture, ring
from lib.generative.bijections import normal_log_density
from lib.generative.transport import (
    flow_log_density,
    integrate,
    interpolate,
    interpolated,
    matching_batches,
    mixture_field,
    network_field,
)
from lib.nn.layers import tanh
from lib.nn.losses import squared_error
from lib.nn.networks import mlp, objective, predictor

THREE = Mixture([0.5, 0.3, 0.2], [[0.0, 1.0], [2.0, -1.0], [-1.0, -2.0]], [0.5, 1.0, 0.75])
ROUND = Mixture([1.0], [[1.0, -2.0]], 0.5)


def test_interpolated_law_is_that_of_the_interpolation(rng):
    x, z = THREE.sample(40_000, rng), rng.normal(size=(40_000, 2))
    law = interpolated(THREE, 0.6)
    now = interpolate(z, x, 0.6)
    np.testing.assert_allclose(now.mean(axis=0), law.mean, atol=0.03)
    np.testing.assert_allclose(np.cov(now.T), law.covariance, atol=0.05)


def test_at_its_ends_the_law_is_noise_and_data():
    x = np.random.default_rng(0).normal(size=(5, 2))
    np.testing.assert_allclose(interpolated(THREE, 0.0).log_density(x), normal_log_density(x), rtol=1e-13)
    np.testing.assert_allclose(interpolated(THREE, 1.0).log_density(x), THREE.log_density(x), rtol=1e-14)


@pytest.mark.parametrize("t", [0.0, 0.3, 0.8, 1.0])
def test_divergence_is_the_trace_of_the_jacobian(t, rng):
    field, x = mixture_field(THREE), rng.normal(size=(9, 2))
    _, divergence = field(x, t)
    trace = sum(field(x + 1e-30j * e, t)[0][:, i].imag / 1e-30 for i, e in enumerate(np.eye(2)))
    np.testing.assert_allclose(divergence, trace, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("t", [0.2, 0.5, 0.9])
def test_the_field_is_the_score_in_other_words(t, rng):
    x = rng.normal(size=(9, 2))
    expected = (x + (1 - t) * interpolated(THREE, t).score(x)) / t
    np.testing.assert_allclose(mixture_field(THREE)(x, t)[0], expected, rtol=1e-11)


def test_the_field_satisfies_the_continuity_equation(rng):
    # d/dt log p_t = -div u - u . grad log p_t.
    x, t, h = rng.normal(size=(9, 2)), 0.4, 1e-5
    u, divergence = mixture_field(THREE)(x, t)
    later, earlier = interpolated(THREE, t + h), interpolated(THREE, t - h)
    change = (later.log_density(x) - earlier.log_density(x)) / (2 * h)
    expected = -divergence - (u * interpolated(THREE, t).score(x)).sum(axis=-1)
    np.testing.assert_allclose(change, expected, atol=1e-7)


def test_the_field_is_the_mean_velocity_of_those_who_pass(rng):
    x, z = THREE.sample(200_000, rng), rng.normal(size=(200_000, 2))
    here = np.array([0.5, 0.3])
    near = np.square(interpolate(z, x, 0.5) - here).sum(axis=-1) < 0.1**2
    u = mixture_field(THREE)(here, 0.5)[0]
    spread = (x - z)[near].std(axis=0) / np.sqrt(near.sum())
    np.testing.assert_array_less(np.abs((x - z)[near].mean(axis=0) - u), 4 * spread + 0.02)


@pytest.mark.parametrize(("method", "order"), [("euler", 1), ("midpoint", 2), ("runge_kutta", 4)])
def test_order_of_the_solvers(method, order):
    # x' = x cos t from 1: x(1) = e^{sin 1}.
    errors = [
        abs(float(integrate(lambda x, t: x * np.cos(t), np.array(1.0), n, method)) - np.exp(np.sin(1)))
        for n in (20, 40)
    ]
    assert np.log2(errors[0] / errors[1]) == pytest.approx(order, abs=0.15)


def test_there_and_back(rng):
    u = mixture_field(THREE)
    x = rng.normal(size=(5, 2))
    there = integrate(lambda x, t: u(x, t)[0], x, 200)
    back = integrate(lambda x, t: u(x, t)[0], there, 200, start=1.0, end=0.0)
    np.testing.assert_allclose(back, x, atol=1e-6)


def test_of_one_normal_law_the_flow_is_known(rng):
    # x(t) = t m + sqrt(v_t) z.
    z = rng.normal(size=(5, 2))
    end = integrate(lambda x, t: mixture_field(ROUND)(x, t)[0], z, 100)
    np.testing.assert_allclose(end, ROUND.means[0] + 0.5 * z, atol=1e-7)


def test_log_density_of_the_exact_field(rng):
    law = ring()
    x = law.sample(50, rng)
    claimed = flow_log_density(mixture_field(law), x, 80)
    np.testing.assert_allclose(claimed.mean(), law.log_density(x).mean(), atol=1e-5)


def test_eulers_promise_for_one_normal_law():
    # A step back multiplies by 1 - h slope, and claims h slope for its logarithm, with the sign changed.
    n, s = 10, 0.2
    law = Mixture([1.0], [[0.0]], s)
    times = 1 - np.arange(n) / n
    slopes = (times * s**2 - (1 - times)) / ((1 - times) ** 2 + (times * s) ** 2)
    x0 = np.prod(1 - slopes / n) * 0.3
    expected = -(x0**2) / 2 - np.log(2 * np.pi) / 2 - slopes.sum() / n
    claimed = flow_log_density(mixture_field(law), np.array([[0.3]]), n, "euler")
    np.testing.assert_allclose(claimed, expected, rtol=1e-12)


@pytest.mark.parametrize("members", [None, 3])
def test_network_field(members, rng):
    network = mlp(3, 8, 2, activation=tanh)
    theta = network.start(rng, members)
    x = rng.normal(size=(*theta.shape[:-1], 6, 2))
    u, divergence = network_field(network, theta)(x, 0.25)
    t = np.full((*x.shape[:-1], 1), 0.25)
    np.testing.assert_array_equal(u, predictor(network)(theta, np.concatenate([x, t], axis=-1)))
    h = 1e-6
    trace = sum(
        (
            network_field(network, theta)(x + h * e, 0.25)[0]
            - network_field(network, theta)(x - h * e, 0.25)[0]
        )[..., i]
        / (2 * h)
        for i, e in enumerate(np.eye(2))
    )
    np.testing.assert_allclose(divergence, trace, atol=1e-8)


def test_the_loss_is_its_floor_plus_the_distance_to_the_field(rng):
    # E|v - (X_1 - Z)|^2 = E|v - u|^2 + E|u - (X_1 - Z)|^2, here for v = a network that has learned nothing.
    network = mlp(3, 8, 2, activation=tanh)
    theta = network.start(rng)
    value, _ = objective(network, squared_error)
    field = mixture_field(THREE)
    x, z = THREE.sample(4000, rng), rng.normal(size=(4000, 2))
    sums = np.zeros(3)
    for t in np.linspace(0.025, 0.975, 20):
        now = interpolate(z, x, t)
        inputs = np.concatenate([now, np.full((4000, 1), t)], axis=-1)
        u, v = field(now, t)[0], predictor(network)(theta, inputs)
        sums += value(theta, inputs, x - z), squared_error(v, u), squared_error(u, x - z)
    assert sums[0] / 20 == pytest.approx((sums[1] + sums[2]) / 20, abs=0.15)


@pytest.mark.parametrize("members", [None, 2])
def test_matching_batches(members):
    batches = matching_batches(THREE, 5, np.random.default_rng(3), members)
    inputs, velocity = next(batches)
    lead = () if members is None else (members,)
    assert inputs.shape == (*lead, 5, 3)
    assert velocity.shape == (*lead, 5, 2)
    again = np.random.default_rng(3)
    x = THREE.sample(5, again, members)
    z, t = again.normal(size=x.shape), again.random((*lead, 5))
    np.testing.assert_array_equal(inputs[..., 2], t)
    np.testing.assert_allclose(inputs[..., :2], (1 - t)[..., None] * z + t[..., None] * x, rtol=1e-14)
    np.testing.assert_array_equal(velocity, x - z)
    assert not np.array_equal(next(batches)[0], inputs)


def test_bad_times_and_points_are_named():
    field = mixture_field(THREE)
    with pytest.raises(ValueError, match=r"^t must"):
        field(np.zeros((1, 2)), 1.5)
    with pytest.raises(ValueError, match=r"^x must"):
        field(np.zeros((1, 3)), 0.5)
