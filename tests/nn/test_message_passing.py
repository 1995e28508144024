"""Layers on graphs: dense matrices as the judge, adjoints, derivatives, permutations, closed forms."""

import numpy as np
import pytest
from helpers import check_gradient

from lib.datasets.graphs import graph, matrix, mean_weights, symmetric_weights, union
from lib.nn.layers import linear, relu, serial, tanh
from lib.nn.message_passing import beside, gcn, graph_attention, identity, neighbour_layer, propagate
from lib.nn.params import ravel

HOUSE = graph([(0, 1), (1, 2), (2, 3), (3, 0), (0, 4), (1, 4)], 6)  # node 5 stands alone
LAYERS = {
    "sum": propagate(HOUSE),
    "mean": propagate(HOUSE, mean_weights(HOUSE)),
    "gcn": gcn(HOUSE, 3, 4, 2, activation=tanh),
    "neighbours": serial(neighbour_layer(HOUSE, 3, 4), tanh(), neighbour_layer(HOUSE, 4, 2)),
    "beside": beside(identity(), linear(3, 2), propagate(HOUSE)),
    "static": graph_attention(HOUSE, 3, 4),
    "dynamic": graph_attention(HOUSE.with_loops(), 3, 4, dynamic=True),
}


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("lead", [(), (3,)])
def test_the_pullback(rng, name, lead):
    layer, h = LAYERS[name], rng.normal(size=(*lead, 6, 3))
    theta = rng.normal(size=(*lead, layer.size))
    f, pullback = layer.apply(layer.unravel(theta), h)
    w = rng.normal(size=f.shape)
    dparams, dh = pullback(w)

    def value(theta, h):
        return (w * layer.apply(layer.unravel(theta), h)[0]).sum(axis=(-2, -1))

    check_gradient(lambda x: value(theta, x), dh, h, rng, axes=2)
    if layer.size:
        check_gradient(lambda t: value(t, h), ravel(dparams, batch_ndim=len(lead)), theta, rng)


@pytest.mark.parametrize("name", LAYERS)
def test_members_that_share_the_features(rng, name):
    layer, h = LAYERS[name], rng.normal(size=(6, 3))
    theta = layer.start(rng, members=3) if layer.size else np.zeros((3, 0))
    f, pullback = layer.apply(layer.unravel(theta), h)
    for k in range(3):
        one, pull = layer.apply(layer.unravel(theta[k]), h)
        np.testing.assert_allclose(f[k] if f.ndim == 3 else f, one, rtol=1e-13, atol=1e-14)
        if layer.size:
            grad = ravel(pullback(np.ones(f.shape))[0], batch_ndim=1)[k]
            np.testing.assert_allclose(grad, ravel(pull(np.ones(one.shape))[0]), rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("weights", [None, "symmetric", "mean", "random"])
def test_propagate_is_a_product_and_its_pullback_the_adjoint(rng, weights):
    w = {
        None: None,
        "symmetric": symmetric_weights(HOUSE),
        "mean": mean_weights(HOUSE),
        "random": rng.normal(size=12),
    }[weights]
    S, h, df = matrix(HOUSE, w), rng.normal(size=(6, 3)), rng.normal(size=(6, 3))
    f, pullback = propagate(HOUSE, w).apply((), h)
    np.testing.assert_allclose(f, S @ h, rtol=1e-13, atol=1e-14)
    (_, dh) = pullback(df)
    np.testing.assert_allclose(dh, S.T @ df, rtol=1e-13, atol=1e-14)
    np.testing.assert_allclose((f * df).sum(), (h * dh).sum(), rtol=1e-12)


def test_gcn_is_its_formula(rng):
    network, h = gcn(HOUSE, 3, 4, 2), rng.normal(size=(6, 3))
    theta = rng.normal(size=network.size)
    _, (Omega1, b1), _, _, (Omega2, b2) = network.unravel(theta)
    A = matrix(HOUSE) + np.eye(6)
    S = A / np.sqrt(np.outer(A.sum(axis=0), A.sum(axis=0)))
    expected = S @ np.maximum(S @ h @ Omega1.T + b1, 0) @ Omega2.T + b2
    np.testing.assert_allclose(network.apply(network.unravel(theta), h)[0], expected, rtol=1e-12)


@pytest.mark.parametrize("dynamic", [False, True])
def test_attention_is_its_formula(rng, dynamic):
    looped, h = HOUSE.with_loops(), rng.normal(size=(6, 3))
    layer = graph_attention(looped, 3, 4, dynamic)
    theta = rng.normal(size=layer.size)
    Omega, v, w, b = layer.unravel(theta)
    u = h @ Omega.T
    expected = np.zeros((6, 4))

    def leaky(z):
        return np.where(z > 0, z, 0.2 * z)

    for i in range(6):
        near = np.flatnonzero(matrix(looped)[i])
        scores = [
            w[0] @ leaky(v @ h[i] + u[j]) if dynamic else leaky(v[0] @ u[i] + w[0] @ u[j]) for j in near
        ]
        alpha = np.exp(scores) / np.exp(scores).sum()
        expected[i] = alpha @ u[near] + b
    np.testing.assert_allclose(layer.apply(layer.unravel(theta), h)[0], expected, rtol=1e-12)


def test_attention_does_not_overflow(rng):
    layer = graph_attention(HOUSE, 3, 4)
    f, _ = layer.apply(layer.init(rng), 1e4 * rng.normal(size=(6, 3)))
    assert np.isfinite(f).all()


@pytest.mark.parametrize("name", ["gcn", "neighbours", "static", "dynamic"])
def test_nodes_have_no_names(rng, name):
    make = {
        "gcn": lambda g: gcn(g, 3, 4, 2),
        "neighbours": lambda g: neighbour_layer(g, 3, 4),
        "static": lambda g: graph_attention(g.with_loops(), 3, 4),
        "dynamic": lambda g: graph_attention(g, 3, 4, dynamic=True),
    }[name]
    order, forward = rng.permutation(6), HOUSE.target < HOUSE.source
    renamed = graph(np.stack([order[HOUSE.target], order[HOUSE.source]], axis=1)[forward], 6)
    theta, h = rng.normal(size=make(HOUSE).size), rng.normal(size=(6, 3))
    moved = np.empty_like(h)
    moved[order] = h
    f = make(HOUSE).apply(make(HOUSE).unravel(theta), h)[0]
    g = make(renamed).apply(make(renamed).unravel(theta), moved)[0]
    np.testing.assert_allclose(g[order], f, rtol=1e-12, atol=1e-13)


def test_graphs_side_by_side_do_not_hear_each_other(rng):
    h = rng.normal(size=(12, 3))
    params = gcn(HOUSE, 3, 4, 2).init(rng)
    both = gcn(union(HOUSE, HOUSE), 3, 4, 2).apply(params, h)[0]
    alone = [gcn(HOUSE, 3, 4, 2).apply(params, part)[0] for part in (h[:6], h[6:])]
    np.testing.assert_allclose(both, np.concatenate(alone), rtol=1e-13)


def test_a_node_alone_hears_nothing(rng):
    h = rng.normal(size=(6, 3))
    np.testing.assert_array_equal(propagate(HOUSE).apply((), h)[0][5], np.zeros(3))
    layer = graph_attention(HOUSE, 3, 4)
    Omega, v, w, _ = layer.init(rng)
    b = np.arange(4.0)
    np.testing.assert_array_equal(layer.apply((Omega, v, w, b), h)[0][5], b)


def test_float32_stays(rng):
    h = rng.normal(size=(6, 3)).astype(np.float32)
    assert propagate(HOUSE).apply((), h)[0].dtype == np.float32
    assert propagate(HOUSE, mean_weights(HOUSE)).apply((), h)[0].dtype == np.float32
    for dynamic in (False, True):
        layer = graph_attention(HOUSE, 3, 4, dynamic)
        theta = rng.normal(size=layer.size).astype(np.float32)
        f, pullback = layer.apply(layer.unravel(theta), h)
        assert f.dtype == np.float32
        assert pullback(f)[1].dtype == np.float32


def test_what_does_not_fit(rng):
    with pytest.raises(ValueError, match="h must fit"):
        propagate(HOUSE).apply((), np.ones((7, 3)))
    with pytest.raises(ValueError, match="weights"):
        propagate(HOUSE, np.ones(3))
    with pytest.raises(ValueError, match="widths"):
        gcn(HOUSE, 3)
    with pytest.raises(ValueError, match="layers"):
        beside()
    assert beside(relu()).size == 0
