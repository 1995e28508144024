"""Transformers: their parts by hand, their size, their gradient, and who sees whom."""

import numpy as np
import pytest
from helpers import check_gradient

from lib.nn.losses import cross_entropy
from lib.nn.networks import objective, predictor
from lib.nn.params import leaves, ravel
from lib.nn.transformers import block, embedding, mean_token, patches, positions, residual_stream, transformer


def adjoint(layer, params, h, rng):
    """Compare <w, J dh> with <J^T w, dh> for a layer that is linear in its input."""
    f, pullback = layer.apply(params, h)
    w = rng.normal(size=f.shape)
    np.testing.assert_allclose((w * f).sum(), (pullback(w)[1] * h).sum(), rtol=1e-12)


def test_an_embedding_counts_every_occurrence(rng):
    layer, x = embedding(3, 2), np.array([[0, 2], [2, 2]])
    (E,) = layer.init(rng)
    f, pullback = layer.apply((E,), x)
    assert f.tolist() == E[[0, 2, 2, 2]].tolist()
    ((dE,), dx) = pullback(np.array([[1.0, 0.0], [0.0, 1.0], [10.0, 0.0], [0.0, 100.0]]))
    assert dE.tolist() == [[1.0, 0.0], [0.0, 0.0], [10.0, 101.0]]
    assert dx.shape == x.shape


@pytest.mark.parametrize("wrong", [3, -1, 0.5])
def test_an_embedding_refuses_what_is_no_token(rng, wrong):
    layer = embedding(3, 2)
    with pytest.raises(ValueError, match="tokens are whole numbers"):
        layer.apply(layer.init(rng), np.array([[0, wrong]]))


def test_positions_are_added_in_every_sequence_and_learn_from_all():
    P = np.array([[1.0], [2.0]])
    f, pullback = positions(2, 1).apply((P,), np.zeros((6, 1)))
    assert f.ravel().tolist() == [1, 2, 1, 2, 1, 2]
    ((dP,), dh) = pullback(np.arange(6.0)[:, None])
    assert dP.ravel().tolist() == [6, 9]
    assert dh.ravel().tolist() == list(range(6))


@pytest.mark.parametrize("lead", [(), (2,)])
def test_patches_and_means_have_the_right_adjoints(rng, lead):
    x = rng.normal(size=(*lead, 3, 10))
    for size, stride, T in ((4, 2, 4), (4, 4, 2), (2, 3, 3)):
        layer = patches(size, stride)
        f, _ = layer.apply((), x)
        assert f.shape == (*lead, 3 * T, size)
        assert f[..., 1, :].tolist() == x[..., 0, stride : stride + size].tolist()
        adjoint(layer, (), x, rng)
        adjoint(mean_token(T), (), f, rng)


def test_a_block_whose_last_matrices_are_zero_is_the_identity(rng):
    layer, h = block(3, 4, 2), rng.normal(size=(6, 4))
    (norm, (qkv, out)), (norm2, (first, act, (Omega, b))) = layer.init(rng)
    params = (norm, (qkv, 0 * out)), (norm2, (first, act, (0 * Omega, b)))
    assert layer.apply(params, h)[0].tolist() == h.tolist()


def test_post_norm_ends_on_the_sphere(rng):
    layer, h = block(3, 4, norm="post"), rng.normal(size=(6, 4))
    f, _ = layer.apply(layer.init(rng), h)
    np.testing.assert_allclose(np.square(f).sum(axis=1), 4, rtol=1e-4)


@pytest.mark.parametrize("places", ["learned", "rotary", "none"])
@pytest.mark.parametrize("norm", ["pre", "post", "none"])
@pytest.mark.parametrize("members", [None, 3])
def test_gradient(rng, places, norm, members):
    model = transformer(5, 3, 4, 2, depth=2, hidden=6, places=places, norm=norm)
    lead = () if members is None else (members,)
    theta = model.start(rng, members) + rng.normal(0, 0.1, (*lead, model.size))
    x, y = rng.integers(5, size=(*lead, 2, 3)), rng.integers(5, size=(*lead, 6))
    value, gradient = objective(model, cross_entropy)
    # Through layer norms the loss bends strongly: a tenth of a step for the central difference.
    check_gradient(lambda t: value(t / 10, x, y), gradient(theta, x, y) / 10, 10 * theta, rng)


@pytest.mark.parametrize("places", ["learned", "rotary", "none"])
def test_leak_and_reach(rng, places):
    model, x = transformer(5, 6, 8, 2, depth=2, places=places), rng.integers(5, size=(2, 6))
    theta, other = model.start(rng), x.copy()
    other[0, 2] = (other[0, 2] + 1) % 5
    predict = predictor(model)
    moved = np.any(predict(theta, x) != predict(theta, other), axis=1)
    assert np.flatnonzero(moved).tolist() == [2, 3, 4, 5]


def test_the_size_is_what_one_counts():
    # A published one: GPT-2 has 124 439 808, with biases in its attention, too.
    V, T, d, depth = 50257, 1024, 768, 12
    per_block = 2 * 2 * d + 4 * d * d + 8 * d * d + 4 * d + d
    ours = V * d + T * d + depth * per_block + 2 * d + V * d + V
    published = V * d + T * d + depth * (per_block + 4 * d) + 2 * d  # the read-out is the embedding
    assert published == 124_439_808
    assert transformer(7, 3, 4, depth=2).size == 7 * 4 + 3 * 4 + 2 * (16 + 64 + 128 + 16 + 4) + 8 + 28 + 7
    assert ours > published


def test_the_read_out_starts_small_and_params_are_stream_and_end(rng):
    model = transformer(5, 3, 8)
    stream, (norm, (Omega, b)) = model.init(rng)
    assert sum(leaf.size for leaf in leaves(stream)) == residual_stream(5, 3, 8).size
    assert norm[0].shape == (8,)
    assert abs(Omega).max() < 0.3
    assert b.tolist() == [0] * 5
    theta = ravel(model.init(rng))
    f = predictor(model)(theta, np.array([[0, 1, 2]]))
    assert abs(f).max() < 1
