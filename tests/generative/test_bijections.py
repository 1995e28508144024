"""Bijections: inverse both ways, log-determinants against the Jacobian, mass, gradients in two ways."""

import math

import numpy as np
import pytest
from helpers import check_gradient

from lib.generative.bijections import (
    Bijection,
    additive,
    affine,
    autoregressive,
    chain,
    coupling,
    flip,
    likelihood,
    masked,
    normal_log_density,
    planar,
    spline,
    triangular,
)
from lib.nn.layers import linear, tanh
from lib.nn.networks import mlp
from lib.optim.optimizers import adam
from lib.optim.training import record
from lib.stats.divergences import gaussian_entropy
from lib.stats.quadrature import grid_nodes

KINDS = {"additive": additive(), "affine": affine(), "spline": spline(5)}


def small(d_in, d_out):
    return mlp(d_in, 6, d_out, activation=tanh)


def coupled(split, d, kind):
    return coupling(split, small(split, (d - split) * kind.size), kind)


FLOWS = {
    **{f"coupling, {name}": (3, coupled(1, 3, kind)) for name, kind in KINDS.items()},
    **{f"coupling of five, {name}": (5, coupled(2, 5, kind)) for name, kind in KINDS.items()},
    **{f"autoregressive, {name}": (3, autoregressive(3, 7, kind)) for name, kind in KINDS.items()},
    "autoregressive, one": (1, autoregressive(1, 3, affine())),
    "triangular": (4, triangular(4)),
    "planar": (3, planar(3)),
    "flip": (3, chain(flip(), triangular(3))),
    "chain": (2, chain(coupled(1, 2, affine()), flip(), coupled(1, 2, spline(4)), flip(), planar(2))),
}
SPLINES = [flow for name, (_, flow) in FLOWS.items() if "spline" in name or name == "chain"]
every_flow = pytest.mark.parametrize(("d", "flow"), FLOWS.values(), ids=FLOWS)
ensembles = pytest.mark.parametrize("members", [None, 2])


def drawn(flow, rng, members):
    """Return parameters away from where training begins, at which some of them do nothing.

    They are small: where a spline is nearly flat, no inverse has twelve digits.
    """
    theta = flow.start(rng, members)
    return theta / 2 + 0.1 * rng.normal(size=theta.shape)


@ensembles
@every_flow
def test_inverse_both_ways(d, flow, members, rng):
    params = flow.unravel(drawn(flow, rng, members))
    points = 2 * rng.normal(size=(*(() if members is None else (members,)), 40, d))
    (z, _), _ = flow.apply(params, points)
    assert not np.allclose(z, points)
    np.testing.assert_allclose(flow.inverse(params, z), points, rtol=0, atol=1e-12)
    (back, _), _ = flow.apply(params, flow.inverse(params, points))
    np.testing.assert_allclose(back, points, rtol=0, atol=1e-12)


@ensembles
@every_flow
def test_logdet_is_that_of_the_jacobian(d, flow, members, rng):
    params = flow.unravel(drawn(flow, rng, members))
    x = 1.5 * rng.normal(size=(*(() if members is None else (members,)), 30, d))
    (_, logdet), _ = flow.apply(params, x)
    columns = [flow.apply(params, x + 1e-30j * e)[0][0].imag / 1e-30 for e in np.eye(d)]
    sign, expected = np.linalg.slogdet(np.stack(columns, axis=-1))
    flips = "flip" in [name for name, (_, other) in FLOWS.items() if other is flow]
    assert np.all(sign == ((-1) ** (d // 2) if flips else 1))
    np.testing.assert_allclose(logdet, expected, rtol=1e-11, atol=1e-11)


@ensembles
@every_flow
def test_pullback(d, flow, members, rng):
    theta = drawn(flow, rng, members)
    lead = theta.shape[:-1]
    x = 1.5 * rng.normal(size=(*lead, 9, d))
    (z, logdet), pullback = flow.apply(flow.unravel(theta), x)
    dz, dlogdet = rng.normal(size=z.shape), rng.normal(size=logdet.shape)

    def value(theta, x):
        (z, logdet), _ = flow.apply(flow.unravel(theta), x)
        return (dz * z).sum(axis=(-2, -1)) + (dlogdet * logdet).sum(axis=-1)

    dparams, dx = pullback((dz, dlogdet))
    flat = np.concatenate([leaf.reshape(*lead, -1) for leaf in _leaves(dparams)], axis=-1)
    # The slope of a spline has kinks, where a central difference is of no use; complex steps are exact there.
    judge = complex_steps if flow in SPLINES else check_gradient
    judge(lambda t: value(t, x), flat, theta, rng, axes=1)
    judge(lambda one: value(theta, one), dx, x, rng, axes=2)


def complex_steps(value, gradient, at, rng, axes):
    for _ in range(5):
        direction = rng.normal(size=at.shape)
        slope = (gradient * direction).sum(axis=tuple(range(-axes, 0)))
        np.testing.assert_allclose(value(at + 1e-30j * direction).imag / 1e-30, slope, rtol=1e-11, atol=1e-12)


def test_spline_by_finite_differences(rng):
    kind = spline(4)
    c, x = 0.3 * rng.normal(size=(7, kind.size)), np.array([-3.5, -2.2, -0.9, 0.3, 1.1, 2.6, 4.0])
    a, b = rng.normal(size=(2, 7))

    def value(c, x):
        (z, log), _ = kind.forward(c, x)
        return a * z + b * log

    dc, dx = kind.forward(c, x)[1](a, b)
    check_gradient(lambda one: value(one, x), dc, c, rng)
    check_gradient(lambda one: value(c, one[:, 0]), dx[:, None], x[:, None], rng)


def _leaves(tree):
    if isinstance(tree, tuple):
        return [leaf for branch in tree for leaf in _leaves(branch)]
    return [tree]


@every_flow
def test_members_are_what_they_are_alone(d, flow, rng):
    theta = drawn(flow, rng, 3)
    x = rng.normal(size=(8, d))  # one set of points for all
    (z, logdet), pullback = flow.apply(flow.unravel(theta), x)
    dz, dlogdet = rng.normal(size=(3, 8, d)), rng.normal(size=(3, 8))
    dparams, _ = pullback((dz, dlogdet))
    for one in range(3):
        (own_z, own_logdet), own_pullback = flow.apply(flow.unravel(theta[one]), x)
        np.testing.assert_allclose(z[one], own_z, rtol=1e-12, atol=1e-13)
        np.testing.assert_allclose(logdet[one], own_logdet, rtol=1e-12, atol=1e-13)
        own, _ = own_pullback((dz[one], dlogdet[one]))
        for leaf, alone in zip(_leaves(dparams), _leaves(own), strict=True):
            np.testing.assert_allclose(leaf[one], alone, rtol=1e-10, atol=1e-12)
        back = flow.inverse(flow.unravel(theta), z)[one]
        np.testing.assert_allclose(back, x, rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", ["chain", "flip", "planar"])
def test_total_mass_is_one(name, rng):
    flow = {
        "chain": FLOWS["chain"][1],
        "flip": chain(flip(), triangular(2)),
        "planar": chain(planar(2), planar(2)),
    }[name]
    log_density, _ = likelihood(flow)
    x, volume = grid_nodes([-12.0, -12.0], [12.0, 12.0], 400)
    mass = np.exp(log_density(drawn(flow, rng, 2), x)).sum(axis=-1) * volume
    # A spline's derivative has kinks, where the midpoint rule is of order two.
    np.testing.assert_allclose(mass, 1, rtol=0, atol=2e-4 if name == "chain" else 1e-9)


def test_affine_by_hand():
    c = np.array([[1.0, 3 * math.atanh(math.log(2) / 3)]])  # t = 1, s = log 2
    (z, log), pull = affine(3.0).forward(c, np.array([5.0]))
    np.testing.assert_allclose([z[0], log[0]], [2, -math.log(2)], rtol=1e-15)
    dc, dx = pull(np.array([1.0]), np.array([0.0]))
    np.testing.assert_allclose([dc[0, 0], dx[0]], [-0.5, 0.5], rtol=1e-15)
    assert affine(3.0).inverse(c, z)[0] == pytest.approx(5, rel=1e-15)


def test_the_scale_of_affine_does_not_run_away():
    (_, log), _ = affine(2.0).forward(np.array([[0.0, 1e6]]), np.array([1.0]))
    assert log.tolist() == [-2]


def test_spline_by_hand():
    # One inner knot: all bins equal at c = 0; then widths 3 : 1 over [-1, 1], heights equal, slope 1 inside.
    kind = spline(2, bound=1.0, floor=1e-9)
    c = np.array([[math.log(3), 0.0, 0.0, 0.0, 0.0]])
    # First bin: x from -1 to 1/2, z from -1 to 0: s = 2/3, both slopes 1; at its middle t = 1/2, q = 1/4.
    s, q = 2 / 3, 1 / 4
    Q = s + (2 - 2 * s) * q
    (z, log), _ = kind.forward(c, np.array([-0.25]))
    np.testing.assert_allclose(z, -1 + (s / 4 + q) / Q, rtol=1e-8)
    np.testing.assert_allclose(np.exp(log), s**2 * (1 / 4 + 2 * s * q + 1 / 4) / Q**2, rtol=1e-8)


def test_spline_starts_as_the_identity_and_is_it_outside(rng):
    kind, x = spline(6, bound=2.0), np.linspace(-5, 5, 101)
    (z, log), pull = kind.forward(np.zeros((101, kind.size)), x)
    np.testing.assert_allclose(z, x, atol=1e-14)
    np.testing.assert_allclose(log, 0, atol=1e-13)
    c = rng.normal(size=(101, kind.size))
    outside = np.abs(x) >= 2
    (z, log), pull = kind.forward(c, x)
    np.testing.assert_array_equal(z[outside], x[outside])
    assert not log[outside].any()
    dc, dx = pull(np.ones(101), np.ones(101))
    assert not dc[outside].any()
    assert np.all(dx[outside] == 1)
    assert np.all(np.isfinite(dc))
    np.testing.assert_array_equal(kind.inverse(c, x)[outside], x[outside])


@pytest.mark.parametrize("far", [1e3, 1e150])
def test_spline_takes_points_far_out(far, rng):
    kind = spline(4)
    c = rng.normal(size=(2, kind.size))
    (z, log), pull = kind.forward(c, np.array([-far, far]))
    assert z.tolist() == kind.inverse(c, z).tolist() == [-far, far]
    assert log.tolist() == [0, 0]
    assert np.isfinite(pull(np.ones(2), np.ones(2))[0]).all()


def test_spline_at_its_knots(rng):
    kind = spline(5, bound=1.5)
    c = 2 * rng.normal(size=kind.size)
    e = np.exp(c[:5] - c[:5].max())
    knots = 1.5 * (2 * np.cumsum(1e-3 + (1 - 5e-3) * e / e.sum()) - 1)
    x = np.concatenate([[-1.5], knots, np.nextafter(knots, -9), np.nextafter(knots, 9)])
    table = np.broadcast_to(c, (len(x), kind.size))
    (z, log), _ = kind.forward(table, x)
    assert np.isfinite(log).all()
    np.testing.assert_allclose(kind.inverse(table, z), x, rtol=0, atol=1e-14)
    order = np.argsort(x)
    assert np.all(np.diff(z[order]) >= 0)


def test_triangular_can_be_the_whitening_of_any_covariance(rng):
    A = rng.normal(size=(3, 3))
    Sigma = A @ A.T + np.eye(3)
    L = np.linalg.inv(np.linalg.cholesky(Sigma))
    params = np.ones(3), np.log(np.diag(L)), L[np.tril_indices(3, -1)]
    x = rng.normal(size=(4, 3))
    (z, logdet), _ = triangular(3).apply(params, x)
    np.testing.assert_allclose(z, (x - 1) @ L.T, rtol=1e-12)
    expected = -np.linalg.slogdet(Sigma)[1] / 2
    np.testing.assert_allclose(logdet, expected, rtol=1e-12)


def test_maximum_likelihood_of_the_triangular_map_is_the_sample_covariance(rng):
    x = rng.normal(size=(50, 2)) @ np.array([[1.0, 0.6], [0.0, 0.5]]) + [1.0, -1.0]
    flow = triangular(2)
    log_density, gradient = likelihood(flow)
    theta, _ = record(adam(lambda theta: gradient(theta, x), flow.start(rng), alpha=0.03), 3000, every=3000)
    covariance = np.cov(x.T, bias=True)
    assert -log_density(theta, x).mean() == pytest.approx(float(gaussian_entropy(covariance)), abs=1e-9)


@pytest.mark.parametrize("d", [2, 4])
def test_autoregressive_jacobian_is_lower_triangular_and_full(d, rng):
    flow = autoregressive(d, 9, affine())
    params, x = flow.unravel(drawn(flow, rng, None)), rng.normal(size=(5, d))
    J = np.stack([flow.apply(params, x + 1e-30j * e)[0][0].imag / 1e-30 for e in np.eye(d)], axis=-1)
    above = np.triu(np.ones((d, d)), 1).astype(bool)
    assert not J[:, above].any()
    # A mask that is too strict would lose a dependence, and nobody would see it in the likelihood.
    assert np.all(J[:, ~above] != 0)


def test_the_first_coordinates_of_a_coupling_stay(rng):
    flow = coupled(2, 5, affine())
    x = rng.normal(size=(4, 5))
    (z, _), _ = flow.apply(flow.unravel(drawn(flow, rng, None)), x)
    np.testing.assert_array_equal(z[:, :2], x[:, :2])
    assert np.all(z[:, 2:] != x[:, 2:])


def test_additive_couplings_keep_volumes(rng):
    flow = chain(coupled(1, 2, additive()), flip(), coupled(1, 2, additive()))
    (_, logdet), _ = flow.apply(flow.unravel(drawn(flow, rng, 3)), rng.normal(size=(6, 2)))
    assert not logdet.any()


@pytest.mark.parametrize("u", [[-12.0, 0.0], [-3.0, 0.0], [0.5, 2.0]])
@pytest.mark.parametrize("w", [[0.5, 0.0], [2.0, 0.0]])
def test_planar_pushes_no_further_than_one_to_one(u, w):
    # w.v = softplus(w.u) - 1 is above -1; at x = 0 the determinant is 1 + w.v.
    w, u = np.array(w), np.array(u)
    (_, logdet), _ = planar(2).apply((w, u, np.zeros(1)), np.zeros((1, 2)))
    np.testing.assert_allclose(logdet, np.log(np.logaddexp(0, w @ u)), rtol=1e-9)


def test_masked_leaves_out_weights(rng):
    mask = np.array([[1, 0], [0, 1], [1, 1]])
    layer = masked(linear(2, 3), mask)
    params = layer.init(rng)
    f, pull = layer.apply(params, np.array([[1.0, 10.0]]))
    np.testing.assert_allclose(f, (params[0] * mask) @ [1.0, 10.0] + params[1] + np.zeros((1, 3)))
    (dOmega, _), _ = pull(np.ones((1, 3)))
    assert dOmega.tolist() == [[1, 0], [0, 10], [1, 10]]
    with pytest.raises(ValueError, match=r"^mask must have the shape of Omega"):
        masked(linear(2, 4), mask).apply((np.ones((4, 2)), np.zeros(4)), np.ones((1, 2)))


def test_likelihood_of_the_identity_is_normal(rng):
    flow = triangular(3)
    log_density, _ = likelihood(flow)
    x = rng.normal(size=(5, 3))
    np.testing.assert_allclose(log_density(flow.start(rng), x), normal_log_density(x), rtol=1e-14)
    np.testing.assert_allclose(normal_log_density(np.zeros(3)), -1.5 * math.log(2 * math.pi), rtol=1e-15)


@pytest.mark.parametrize("members", [None, 3])
def test_likelihood_gradient(members, rng):
    flow = chain(coupled(1, 2, affine()), flip(), coupled(1, 2, affine()))
    log_density, gradient = likelihood(flow)
    theta, x = drawn(flow, rng, members), rng.normal(size=(11, 2))
    check_gradient(lambda t: -log_density(t, x).mean(axis=-1), gradient(theta, x), theta, rng)


def test_starts_members_and_size():
    flow = chain(coupled(1, 2, affine()), flip())
    assert isinstance(flow, Bijection)
    theta = flow.start(np.random.default_rng(0), members=4)
    assert theta.shape == (4, flow.size)
    assert flow.size == (6 * 1 + 6) + (2 * 6 + 2)


@pytest.mark.parametrize("points", [np.ones(2), np.ones((3, 5))])
@every_flow
def test_points_that_do_not_fit_are_named(d, flow, points, rng):
    params = flow.init(rng)
    for name, function in (("x", flow.apply), ("z", flow.inverse)):
        if points.ndim == 1 or points.shape[-1] != d:
            with pytest.raises(ValueError, match=rf"\b{name} must fit the bijection"):
                function(params, points)


def test_a_chain_without_links_is_named():
    with pytest.raises(ValueError, match=r"^links must hold"):
        chain()
