"""Optimizers: first steps by hand, theory that they must meet, and promises about their iterates."""

import inspect

import numpy as np
import pytest
from helpers import take

from lib.optim.optimizers import adam, adamw, momentum, nesterov, sgd

OPTIMIZERS = [sgd, momentum, nesterov, adam, adamw]
every_optimizer = pytest.mark.parametrize("optimizer", OPTIMIZERS)


def bowl(rng, size=4):
    """Return the gradient of a quadratic with eigenvalues from 0.5 to 2, and a start."""
    rotation = np.linalg.qr(rng.normal(size=(size, size)))[0]
    hessian = rotation * np.linspace(0.5, 2, size) @ rotation.T
    return lambda theta: theta @ hessian, rng.normal(size=size)


# --- First steps by hand, for L = theta^2, so that g = 2 theta, from theta_0 = 1 with alpha = 0.1 ---


def steps_from_one(optimizer, **settings):
    return [
        theta.item() for theta in take(optimizer(lambda theta: 2 * theta, [1.0], alpha=0.1, **settings), 3)
    ]


def test_sgd_by_hand():
    # 1 - 0.1 * 2 = 0.8; 0.8 - 0.1 * 1.6 = 0.64.
    assert steps_from_one(sgd) == pytest.approx([1, 0.8, 0.64], rel=1e-15)


def test_momentum_by_hand():
    # m_1 = 0.1 * 2 = 0.2, theta_1 = 1 - 0.02 = 0.98.
    # g_1 = 1.96, m_2 = 0.9 * 0.2 + 0.1 * 1.96 = 0.376, theta_2 = 0.98 - 0.0376.
    assert steps_from_one(momentum, beta=0.9) == pytest.approx([1, 0.98, 0.9424], rel=1e-15)


def test_nesterov_by_hand():
    # The first step has no momentum to look along: theta_1 = 0.98, m_1 = 0.2.
    # Looking ahead to 0.98 - 0.1 * 0.9 * 0.2 = 0.962: g_1 = 1.924, m_2 = 0.18 + 0.1924 = 0.3724.
    assert steps_from_one(nesterov, beta=0.9) == pytest.approx([1, 0.98, 0.94276], rel=1e-15)


def test_adam_by_hand():
    # With gamma = 0.99 and a large eps = 2, so that each symbol leaves its trace.
    # g_0 = 2: m_1 = 0.2, m-hat = 0.2 / 0.1 = 2; v_1 = 0.01 * 4 = 0.04, v-hat = 0.04 / 0.01 = 4.
    # theta_1 = 1 - 0.1 * 2 / (sqrt(4) + 2) = 0.95.
    # g_1 = 1.9: m_2 = 0.18 + 0.19 = 0.37, m-hat = 0.37 / (1 - 0.81) = 0.37 / 0.19;
    # v_2 = 0.99 * 0.04 + 0.01 * 3.61 = 0.0757, v-hat = 0.0757 / (1 - 0.9801), its root 1.95038973...
    # theta_2 = 0.95 - 0.1 * 1.94736842... / 3.95038973... = 0.9007043974...
    by_hand = [1, 0.95, 0.9007043974405840]
    assert steps_from_one(adam, beta=0.9, gamma=0.99, eps=2.0) == pytest.approx(by_hand, rel=1e-14)


def test_adamw_by_hand():
    # As above, and a step takes alpha w = 0.1 * 0.5 of theta: theta_1 = 0.95 * 1 - 0.05 = 0.9.
    # g_1 = 1.8: m_2 = 0.18 + 0.18 = 0.36, m-hat = 0.36 / 0.19;
    # v_2 = 0.99 * 0.04 + 0.01 * 3.24 = 0.072, v-hat = 0.072 / 0.0199, its root 1.90212145...
    # theta_2 = 0.95 * 0.9 - 0.1 * 1.89473684... / 3.90212145... = 0.806443496...
    by_hand = [1, 0.9, 0.855 - 0.1 * (36 / 19) / (np.sqrt(720 / 199) + 2)]
    found = steps_from_one(adamw, beta=0.9, gamma=0.99, eps=2.0, decay=0.5)
    assert found == pytest.approx(by_hand, rel=1e-14)


def test_adamw_without_gradient_only_decays():
    thetas = take(adamw(lambda theta: 0 * theta, [1.0, -8.0], lambda t: [0.5, 0.25][t], decay=0.5), 3)
    # (1 - 0.25) = 3/4, then (1 - 0.125) = 7/8 of that.
    np.testing.assert_array_equal(thetas, [[1, -8], [0.75, -6], [0.65625, -5.25]])


def test_adamw_without_decay_is_adam_to_the_last_bit(rng):
    gradient, start = bowl(rng)
    found = take(adamw(gradient, start, 0.1, decay=0), 50)
    np.testing.assert_array_equal(found, take(adam(gradient, start, 0.1), 50))


def test_a_large_gradient_decays_no_less_than_a_small_one():
    # What "decoupled" means: with entries scaled by 10^6 Adam's part is the same, and so is the decay.
    scale = np.array([1e-3, 1.0, 1e3])
    *_, last = take(adamw(lambda theta: scale * np.ones(3), np.ones(3), 0.01, eps=1e-300, decay=0.3), 50)
    np.testing.assert_allclose(last, last[0], rtol=1e-12)


def test_adam_without_eps_starts_with_alpha_whatever_the_scale():
    gradient = lambda theta: np.array([5.0, -3e-4, 2e6])  # noqa: E731
    _, first = take(adam(gradient, np.zeros(3), alpha=0.1, eps=1e-300), 2)
    np.testing.assert_allclose(first, [-0.1, 0.1, -0.1], rtol=1e-14)


# --- Theory ---


@pytest.mark.parametrize("beta", [0.0, 0.5, 0.9, 0.99])
def test_nesterov_is_the_two_sequence_form(rng, beta):
    # Nesterov (1983): a gradient step from y, then y runs ahead along the last displacement.
    gradient, start = bowl(rng)
    alpha, n = 0.3, 200
    theta, y = start, start
    expected = [theta]
    for _ in range(n):
        theta, before = y - alpha * (1 - beta) * gradient(y), theta
        y = theta + beta * (theta - before)
        expected.append(theta)
    found = take(nesterov(gradient, start, alpha, beta), n + 1)
    error = np.linalg.norm(np.subtract(found, expected), axis=1)
    assert (error <= 1e-14 * np.linalg.norm(start)).all()


def test_momentum_is_a_weighted_sum_of_all_gradients(rng):
    # Equation (1.4): m_{t+1} = (1 - beta) sum over n of beta^(t-n) g_n.
    g, alpha, beta = rng.normal(size=(30, 3)), 0.7, 0.8
    gradients = iter(g)
    thetas = take(momentum(lambda theta: next(gradients), np.zeros(3), alpha, beta), 31)
    for t in range(30):
        weights = (1 - beta) * beta ** (t - np.arange(t + 1))
        m = (thetas[t] - thetas[t + 1]) / alpha
        np.testing.assert_allclose(m, weights @ g[: t + 1], rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("optimizer", [momentum, nesterov])
def test_without_memory_they_are_sgd_to_the_last_bit(rng, optimizer):
    gradient, start = bowl(rng)
    found = take(optimizer(gradient, start, 0.3, beta=0), 50)
    np.testing.assert_array_equal(found, take(sgd(gradient, start, 0.3), 50))


def test_adam_is_the_efficient_form_of_its_paper(rng):
    # Kingma and Ba (2015), end of section 2: both corrections moved into the rate, eps scaled along.
    # The averages are written as sums over all gradients so far.
    gradient, theta = bowl(rng)
    alpha, beta, gamma, eps = 0.05, 0.8, 0.95, 1e-3
    found = take(adam(gradient, theta, alpha, beta, gamma, eps), 61)
    g = []
    for t in range(1, 61):
        g.append(gradient(theta))
        age = np.arange(t - 1, -1, -1)
        m = (1 - beta) * beta**age @ np.array(g)
        v = (1 - gamma) * gamma**age @ np.square(g)
        correction = np.sqrt(1 - gamma**t)
        theta = theta - alpha * correction / (1 - beta**t) * m / (np.sqrt(v) + eps * correction)
        np.testing.assert_allclose(found[t], theta, rtol=1e-12, atol=1e-14)


def test_adam_steps_by_alpha_if_the_gradient_is_constant():
    g = np.array([3.0, -0.04, 250.0])
    thetas = take(adam(lambda theta: g, np.zeros(3), alpha=0.01), 200)
    np.testing.assert_allclose(np.diff(thetas, axis=0), np.tile(-0.01 * np.sign(g), (199, 1)), rtol=1e-6)


BETAS = np.array([0.0, 0.5, 0.9, 0.95])[:, None]


@pytest.mark.parametrize(
    ("optimizer", "settings", "limit"),
    [
        (sgd, {}, 2 + 0 * BETAS),
        (momentum, {"beta": BETAS}, 2 * (1 + BETAS) / (1 - BETAS)),
        (nesterov, {"beta": BETAS}, 2 * (1 + BETAS) / ((1 + 2 * BETAS) * (1 - BETAS))),
    ],
)
@pytest.mark.parametrize("curvature", [1.0, 0.3])
def test_the_largest_stable_rate_on_a_quadratic(optimizer, settings, limit, curvature):
    # Bisection on runs: is theta smaller after 1000 steps than at the start?  All betas at once.
    low, high = np.zeros_like(BETAS), np.full_like(BETAS, 1000.0)
    while (high - low > 1e-4 * low).any():
        middle = (low + high) / 2
        with np.errstate(over="ignore", invalid="ignore"):
            *_, last = take(
                optimizer(lambda theta: curvature * theta, np.ones_like(BETAS), middle, **settings), 1001
            )
        stable = np.abs(last) < 1
        low, high = np.where(stable, middle, low), np.where(stable, high, middle)
    np.testing.assert_allclose(low, limit / curvature, rtol=1e-3)


# --- Schedules ---


@every_optimizer
def test_a_number_is_a_constant_schedule(rng, optimizer):
    gradient, start = bowl(rng)
    np.testing.assert_array_equal(
        take(optimizer(gradient, start, 0.1), 20), take(optimizer(gradient, start, lambda t: 0.1), 20)
    )


@every_optimizer
def test_step_t_takes_the_rate_of_t_from_zero_on(optimizer):
    # Under a constant gradient 1 the momentum after t + 1 steps is 1 - beta^(t+1), and Adam's is 1.
    rates = [0.1, 0.0, 0.4, 0.8]
    direction = [1 - 0.5 ** (t + 1) for t in range(4)] if optimizer in (momentum, nesterov) else [1] * 4
    settings = {"beta": 0.5} if optimizer is not sgd else {}
    settings |= {"decay": 0.0} if optimizer is adamw else {}
    thetas = take(optimizer(lambda theta: np.ones(1), [0.0], lambda t: rates[t], **settings), 5)
    np.testing.assert_allclose(-np.diff(thetas, axis=0)[:, 0], np.multiply(rates, direction), rtol=1e-7)


def test_nesterov_looks_ahead_by_the_rate_of_its_step():
    points = []
    rates = [0.1, 0.2, 0.4]
    thetas = take(
        nesterov(lambda theta: points.append(theta) or np.ones(1), [0.0], lambda t: rates[t], 0.5), 4
    )
    for t in range(3):
        m = 1 - 0.5**t
        np.testing.assert_allclose(points[t], thetas[t] - rates[t] * 0.5 * m, rtol=1e-15)


@every_optimizer
def test_a_schedule_that_turns_bad_is_named_with_its_step(optimizer):
    for bad in (-0.1, float("nan"), None, np.zeros(2)):
        iterates = optimizer(lambda theta: theta, [1.0], lambda t, bad=bad: 0.1 if t < 3 else bad)
        take(iterates, 4)
        with pytest.raises(ValueError, match="alpha at t = 3 must"):
            next(iterates)


# --- Promises about the iterates ---


@every_optimizer
def test_one_gradient_a_step_and_none_before_it_is_asked_for(optimizer):
    calls = []
    iterates = optimizer(lambda theta: calls.append(theta) or theta, [1.0, 2.0], 0.1)
    assert len(calls) == 0
    for t in range(5):
        next(iterates)
        assert len(calls) == t


@every_optimizer
def test_iterates_are_fresh_arrays_that_never_change(rng, optimizer):
    gradient, start = bowl(rng)
    kept, copies = [], []
    iterates = optimizer(gradient, start, 0.1)
    for _ in range(6):
        kept.append(next(iterates))
        copies.append(kept[-1].copy())
    np.testing.assert_array_equal(kept, copies)
    arrays = [start, *kept]
    assert not any(np.shares_memory(a, b) for i, a in enumerate(arrays) for b in arrays[:i])


@every_optimizer
def test_the_start_is_not_mutated_and_may_be_reused(rng, optimizer):
    gradient, start = bowl(rng)
    before = start.copy()
    iterates = optimizer(gradient, start, 0.1)
    expected = take(optimizer(gradient, before, 0.1), 5)
    np.testing.assert_array_equal(start, before)
    start[:] = 77
    np.testing.assert_array_equal(take(iterates, 5), expected)


@every_optimizer
def test_a_gradient_that_reuses_its_array_does_no_harm(rng, optimizer):
    gradient, start = bowl(rng)
    buffer = np.empty_like(start)

    def reusing(theta):
        buffer[:] = gradient(theta)
        return buffer

    np.testing.assert_array_equal(
        take(optimizer(reusing, start, 0.1), 10), take(optimizer(gradient, start, 0.1), 10)
    )


@every_optimizer
@pytest.mark.parametrize("number", [float, np.float64])
def test_float32_is_kept(optimizer, number):
    names = inspect.signature(optimizer).parameters.keys() & {"beta", "gamma", "eps", "decay"}
    settings = {name: number(0.5) for name in names}
    start = np.ones(2, np.float32)
    for alpha in (number(0.1), lambda t: number(0.1)):
        iterates = take(optimizer(lambda theta: theta, start, alpha, **settings), 4)
        assert [theta.dtype for theta in iterates] == [np.float32] * 4


@every_optimizer
@pytest.mark.parametrize("start", [[1, 2], np.array([1, 2]), 3, [[1.0], [2.0]]], ids=str)
def test_float64_is_the_default_and_the_shape_is_free(optimizer, start):
    for theta in take(optimizer(lambda theta: theta, start, 0.1), 3):
        assert theta.dtype == np.float64
        assert theta.shape == np.shape(start)


@every_optimizer
def test_an_ensemble_equals_separate_runs(rng, optimizer):
    gradient, _ = bowl(rng)
    start = rng.normal(size=(3, 4))
    # Sorted, because the order of a set changes from run to run.
    names = sorted(inspect.signature(optimizer).parameters.keys() & {"alpha", "beta", "gamma", "decay"})
    settings = {name: rng.uniform(0.1, 0.9, 3) for name in names}
    together = take(optimizer(gradient, start, **{name: s[:, None] for name, s in settings.items()}), 40)
    for i in range(3):
        alone = take(optimizer(gradient, start[i], **{name: s[i] for name, s in settings.items()}), 40)
        np.testing.assert_allclose(np.array(together)[:, i], alone, rtol=1e-11, atol=1e-13)


# --- Bad arguments ---

NAN = float("nan")
BAD = [
    *[("alpha", value) for value in (-0.1, NAN, float("inf"), "fast", None, [0.1, -0.1], [0.1, 0.1, 0.1])],
    *[("theta", value) for value in ([1.0, NAN], [float("inf"), 1.0], ["a", "b"], None, [1j, 0])],
    *[
        ("beta", value)
        for value in (-0.1, 1, 1.0, 1.5, NAN, None, [0.5, 1.0], [0.5, 0.5, 0.5], [[0.1], [0.2]])
    ],
    *[("gamma", value) for value in (-0.1, 1, 1.5, NAN, [0.9, 0.9, 0.9])],
    *[("eps", value) for value in (0, -1e-8, NAN, None)],
    *[("decay", value) for value in (-0.1, NAN, None, [0.1, 0.1, 0.1])],
]


@pytest.mark.parametrize(
    ("optimizer", "name", "value"),
    [(f, name, value) for f in OPTIMIZERS for name, value in BAD if name in inspect.signature(f).parameters],
)
def test_a_bad_argument_is_named_at_the_call(optimizer, name, value):
    with pytest.raises(ValueError, match=f"^{name} must"):
        optimizer(**{"gradient": lambda theta: theta, "theta": [1.0, 2.0], "alpha": 0.1, name: value})


@every_optimizer
@pytest.mark.parametrize("shape", [(), (1,), (3,), (1, 2), (2, 2)])
def test_a_gradient_of_another_shape_is_named(optimizer, shape):
    iterates = optimizer(lambda theta: np.ones(shape), [1.0, 2.0], 0.1)
    next(iterates)
    with pytest.raises(ValueError, match=r"^gradient must return the shape of theta, \(2,\)"):
        next(iterates)


@every_optimizer
def test_the_documentation_and_signature_survive_the_checks(optimizer):
    assert "gradient" in inspect.signature(optimizer).parameters
    assert optimizer.__doc__.count("math::") >= 1
