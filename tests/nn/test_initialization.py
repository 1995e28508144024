"""Initial weights have the variance, the distribution and the orthogonality that they promise."""

import math

import numpy as np
import pytest

from lib.nn.initialization import gain_for, orthogonal, variance, variance_scaling
from lib.nn.layers import linear
from lib.nn.networks import mlp


@pytest.mark.parametrize(
    ("gain", "mode", "expected"),
    [
        (np.sqrt(2), "fan_in", 2 / 100),
        (np.sqrt(2), "fan_out", 2 / 400),
        (np.sqrt(2), "fan_avg", 2 / 250),
        (1.0, "fan_avg", 2 / (100 + 400)),  # Glorot's
        (3.0, "fan_in", 9 / 100),
    ],
)
def test_the_variance_is_gain_squared_over_the_fan(gain, mode, expected):
    assert variance(d_out=400, d_in=100, gain=gain, mode=mode) == pytest.approx(expected, rel=1e-15)


@pytest.mark.parametrize("distribution", ["normal", "uniform"])
@pytest.mark.parametrize("mode", ["fan_in", "fan_out", "fan_avg"])
def test_independent_weights_have_mean_zero_and_that_variance(rng, distribution, mode):
    Omega = variance_scaling(1.5, mode, distribution)(rng, 300, 200)
    expected = variance(300, 200, 1.5, mode)
    assert Omega.shape == (300, 200)
    # Standard errors over N = 60 000 entries: sigma/sqrt(N), and at most sigma^2 sqrt(2/N).
    assert abs(Omega.mean()) < 4 * np.sqrt(expected / Omega.size)
    assert Omega.var() == pytest.approx(expected, rel=4 * np.sqrt(2 / Omega.size))


def test_the_distributions_are_told_apart_by_their_fourth_moment(rng):
    kurtosis = {}
    for distribution in ("normal", "uniform"):
        Omega = variance_scaling(distribution=distribution)(rng, 300, 300)
        kurtosis[distribution] = np.mean(Omega**4) / np.mean(Omega**2) ** 2
    # Its variance is 24/N for normal and 1.32/N for uniform numbers; four standard errors of N = 90 000.
    assert kurtosis["normal"] == pytest.approx(3, abs=4 * np.sqrt(24 / 90_000))
    assert kurtosis["uniform"] == pytest.approx(9 / 5, abs=4 * np.sqrt(1.32 / 90_000))


def test_uniform_weights_stay_within_root_three_sigma(rng):
    Omega = variance_scaling(distribution="uniform")(rng, 50, 60)
    assert np.abs(Omega).max() <= np.sqrt(3 * variance(50, 60))


@pytest.mark.parametrize(("d_out", "d_in"), [(7, 7), (3, 8), (8, 3), (1, 5)])
def test_orthogonal_rows_or_columns(rng, d_out, d_in):
    Omega = orthogonal(gain=2.0)(rng, d_out, d_in)
    assert Omega.shape == (d_out, d_in)
    product = Omega @ Omega.T if d_out <= d_in else Omega.T @ Omega
    np.testing.assert_allclose(product, 4 * np.eye(min(d_out, d_in)), atol=1e-13)


def test_orthogonal_matrices_are_uniform_so_the_trace_has_mean_zero_and_variance_one(rng):
    draw = orthogonal()
    traces = [np.trace(draw(rng, 5, 5)) for _ in range(4000)]
    # Without the correction of signs the diagonal of Q would be biased.
    assert abs(np.mean(traces)) < 4 / np.sqrt(4000)
    assert np.var(traces) == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize("draw", [variance_scaling(), variance_scaling(distribution="uniform"), orthogonal()])
def test_members_of_an_ensemble_are_different_draws(rng, draw):
    Omega = draw(rng, 3, 5, members=4)
    assert Omega.shape == (4, 3, 5)
    assert len(np.unique(Omega[:, 0, 0])) == 4
    with pytest.raises(ValueError, match="members must be"):
        draw(rng, 3, 5, members=0)


@pytest.mark.parametrize("mode", ["fan_in", "fan_out", "fan_avg"])
@pytest.mark.parametrize("distribution", ["normal", "uniform"])
def test_members_have_the_variance_of_a_single_draw(rng, mode, distribution):
    Omega = variance_scaling(1.5, mode, distribution)(rng, 30, 20, members=100)
    expected = variance(30, 20, 1.5, mode)
    assert Omega.var() == pytest.approx(expected, rel=4 * np.sqrt(2 / Omega.size))


def test_an_ensemble_of_one_keeps_its_axis(rng):
    for draw in (variance_scaling(), orthogonal()):
        assert draw(rng, 3, 5, members=1).shape == (1, 3, 5)


@pytest.mark.parametrize("members", [None, 4000])
def test_orthogonal_matrices_are_uniform_on_the_circle(rng, members):
    draw = orthogonal()
    Omega = np.array([draw(rng, 2, 2) for _ in range(4000)]) if members is None else draw(rng, 2, 2, members)
    angle = np.arctan2(Omega[:, 1, 0], Omega[:, 0, 0])
    for k in range(1, 5):  # Of a uniform angle, cos(k angle) has mean 0 and variance 1/2.
        assert abs(np.cos(k * angle).mean()) < 4 * np.sqrt(0.5 / len(angle))
        assert abs(np.sin(k * angle).mean()) < 4 * np.sqrt(0.5 / len(angle))
    assert abs(np.sign(np.linalg.det(Omega)).mean()) < 4 / np.sqrt(len(Omega))


def test_orthogonal_members_are_orthogonal_each(rng):
    for Omega in orthogonal(gain=2.0)(rng, 3, 5, members=4):
        np.testing.assert_allclose(Omega @ Omega.T, 4 * np.eye(3), atol=1e-13)


def test_the_same_seed_gives_the_same_weights():
    for draw in (variance_scaling(), orthogonal()):
        first, second = (draw(np.random.default_rng(3), 4, 6) for _ in range(2))
        np.testing.assert_array_equal(first, second)


def test_a_layer_and_a_network_begin_with_the_weights_they_are_given(rng):
    def ones(rng, d_out, d_in, members=None):
        return np.ones((d_out, d_in))

    Omega, b = linear(2, 3, ones).init(rng)
    np.testing.assert_array_equal(Omega, np.ones((3, 2)))
    np.testing.assert_array_equal(b, np.zeros(3))
    (first, _), _, (second, _) = mlp(2, 3, 4, weights=ones).init(rng)
    assert (first == 1).all()
    assert second.shape == (4, 3)


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda: variance(0, 3), "d_out"),
        (lambda: variance(3, 2.5), "d_in"),
        (lambda: variance(3, 3, gain=0.0), "gain"),
        (lambda: variance(3, 3, mode="fan"), "mode"),
        (lambda: variance_scaling(gain=-1.0), "gain"),
        (lambda: variance_scaling(mode="fan_inn"), "mode"),
        (lambda: variance_scaling(distribution="cauchy"), "distribution"),
        (lambda: orthogonal(gain=np.nan), "gain"),
        (lambda: orthogonal()(np.random.default_rng(0), 0, 3), "d_out"),
    ],
)
def test_bad_arguments_are_named(make, name):
    with pytest.raises(ValueError, match=f"^{name} must"):
        make()


@pytest.mark.parametrize(
    ("activation", "expected"),
    [
        (lambda f: np.maximum(f, 0), np.sqrt(2)),
        (lambda f: np.maximum(f, 0.1 * f), np.sqrt(2 / (1 + 0.1**2))),
        (lambda f: f, 1.0),
        (np.sign, 1.0),
        (np.sin, np.sqrt(2 / (1 - np.exp(-2)))),
        (lambda f: np.exp(f / 2), np.exp(-1 / 4)),
    ],
)
def test_gains_against_closed_forms(activation, expected):
    assert gain_for(activation) == pytest.approx(expected, rel=1e-9)


def test_the_gain_keeps_the_variance_of_a_wide_layer(rng):
    h = np.tanh(rng.normal(size=(2000, 300)))
    f = h @ variance_scaling(gain_for(np.tanh))(rng, 400, 300).T
    assert f.var() == pytest.approx(1, abs=0.03)


def test_an_activation_without_a_gain_is_refused():
    with pytest.raises(ValueError, match="activation must not be zero"):
        gain_for(lambda f: 0 * f)
    with pytest.raises(ValueError, match="activation must be finite"), np.errstate(invalid="ignore"):
        gain_for(np.sqrt)


def test_a_kink_off_zero_costs_the_spacing_squared():
    phi, inside = math.exp(-1 / 2) / math.sqrt(2 * math.pi), math.erf(1 / math.sqrt(2))
    expected = (inside - 2 * phi + 1 - inside) ** -0.5
    assert gain_for(lambda f: np.clip(f, -1, 1)) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("gain", [[1.0, 2.0], np.array([1.0]), 0.0, -1.0, float("nan")])
def test_a_gain_is_one_positive_number(gain):
    for make in (variance_scaling, orthogonal, lambda gain: variance(3, 2, gain)):
        with pytest.raises(ValueError, match=r"^gain must be"):
            make(gain)


def test_a_mode_is_a_word():
    with pytest.raises(ValueError, match=r"^mode must be one of fan_in, fan_out, fan_avg"):
        variance_scaling(mode=["fan_in"])
