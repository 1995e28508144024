"""Attention: by hand, against its definition, and what may look at what."""

import numpy as np
import pytest
from helpers import check_gradient

from lib.nn.attention import (
    attend,
    attend_next,
    attend_online,
    attention_weights,
    causal_mask,
    elu_feature,
    frequencies,
    linear_attention,
    rotate,
    self_attention,
    sinusoids,
    softmax,
)

OPTIONS = [{}, {"causal": False}, {"rotary": True}, {"heads": 2}, {"heads": 2, "rotary": True}]


def inner(a, b, lead=0):
    """Sum of products over all but the leading axes, without conjugation."""
    return (a * b).sum(axis=tuple(range(lead, a.ndim)))


def test_softmax_by_hand():
    np.testing.assert_allclose(softmax(np.log([[1.0, 2.0, 5.0]])), [[0.125, 0.25, 0.625]], rtol=1e-15)


def test_softmax_survives_large_scores_and_rows_that_are_ruled_out():
    assert softmax(np.array([[1e4, -1e4], [-np.inf, -np.inf]])).tolist() == [[1.0, 0.0], [0.0, 0.0]]
    assert softmax(np.array([-1e4, -1e4], np.float32)).dtype == np.float32


def test_a_query_may_look_at_itself_and_before():
    visible = np.isfinite(causal_mask(3))
    assert visible.tolist() == [[True, False, False], [True, True, False], [True, True, True]]
    assert np.isfinite(causal_mask(2, 4)).sum(axis=1).tolist() == [3, 4]


def test_weights_are_their_definition(rng):
    q, k = rng.normal(size=(5, 4)), rng.normal(size=(6, 4))
    for i in range(5):
        e = np.array([np.exp(q[i] @ k[j] / 2) for j in range(6)])  # sqrt(4) = 2
        np.testing.assert_allclose(attention_weights(q, k)[i], e / e.sum(), rtol=1e-13)
    np.testing.assert_allclose(attention_weights(q, k, scale=0.0), 1 / 6, rtol=1e-15)


def test_keys_of_one_length_make_a_gaussian_kernel(rng):
    q, k = rng.normal(size=(5, 3)), rng.normal(size=(7, 3))
    k *= 2 / np.linalg.norm(k, axis=1, keepdims=True)
    kernel = np.exp(-0.7 * np.square(q[:, None] - k).sum(axis=2) / 2)
    kernel /= kernel.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(attention_weights(q, k, scale=0.7), kernel, rtol=1e-12)


@pytest.mark.parametrize("scale", [None, 0.7])
@pytest.mark.parametrize("mask", [None, causal_mask(3, 5)])
def test_the_pullback_of_attention(rng, scale, mask):
    q, k, v = rng.normal(size=(2, 3, 4)), rng.normal(size=(2, 5, 4)), rng.normal(size=(2, 5, 6))
    f, pullback = attend(q, k, v, mask, scale)
    w = rng.normal(size=f.shape)
    for i, d in enumerate(pullback(w)):

        def value(x, i=i):
            arguments = [*(q, k, v)]
            arguments[i] = x
            return inner(w, attend(*arguments, mask, scale)[0], lead=1)

        check_gradient(value, d, (q, k, v)[i], rng, axes=2)


def test_the_jacobian_in_closed_form(rng):
    # f_i = sum_j p_ij x_j with scores x_i^T A x_j: p_ij (I + (x_j - f_i) x_i^T A) + [i = j] C_i A^T.
    n, d = 4, 3
    x, A = rng.normal(size=(n, d)), rng.normal(size=(d, d))

    def pure(x):
        return attend(x @ A, x, x, scale=1.0)[0]

    P, f = attention_weights(x @ A, x, scale=1.0), pure(x)
    for i in range(n):
        for j in range(n):
            J = P[i, j] * (np.eye(d) + np.outer(x[j] - f[i], x[i] @ A))
            if i == j:
                centred = x - f[i]
                J = J + (centred.T * P[i]) @ centred @ A.T
            for a in range(d):
                step = x.astype(complex)
                step[j, a] += 1e-30j
                np.testing.assert_allclose(pure(step)[i].imag / 1e-30, J[:, a], rtol=1e-10, atol=1e-13)


def test_a_layer_is_its_definition(rng):
    # Loops over sequences, heads and queries, as in the equations.
    T, d, heads, c = 3, 4, 2, 2
    layer, h = self_attention(T, d, heads), rng.normal(size=(2 * T, d))
    W, Omega_out = layer.init(rng)
    expected = np.zeros_like(h)
    for b in range(2):
        rows = h[b * T : (b + 1) * T]
        q, k, v = rows @ W[:d].T, rows @ W[d : 2 * d].T, rows @ W[2 * d :].T
        for i in range(T):
            parts = []
            for a in range(heads):
                cut = slice(a * c, (a + 1) * c)
                p = softmax(q[i, cut] @ k[: i + 1, cut].T / np.sqrt(c))
                parts.append(p @ v[: i + 1, cut])
            expected[b * T + i] = np.concatenate(parts) @ Omega_out.T
    np.testing.assert_allclose(layer.apply((W, Omega_out), h)[0], expected, rtol=1e-12)


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("members", [None, 3])
def test_the_pullback_of_the_layer(rng, options, members):
    layer = self_attention(3, 4, **options)
    lead = () if members is None else (members,)
    theta, h = layer.start(rng, members), rng.normal(size=(*lead, 6, 4))
    f, pullback = layer.apply(layer.unravel(theta), h)
    w = rng.normal(size=f.shape)
    (dOmega_qkv, dOmega), dh = pullback(w)
    dtheta = np.concatenate([dOmega_qkv.reshape(*lead, -1), dOmega.reshape(*lead, -1)], axis=-1)
    check_gradient(lambda x: inner(w, layer.apply(layer.unravel(theta), x)[0], len(lead)), dh, h, rng, axes=2)
    check_gradient(lambda t: inner(w, layer.apply(layer.unravel(t), h)[0], len(lead)), dtheta, theta, rng)


@pytest.mark.parametrize("options", OPTIONS)
def test_who_sees_whom(rng, options):
    # Leak and reach: token 2 of the first sequence moves the outputs 2 ... 4 there, all of them, no others.
    layer, h = self_attention(5, 4, **options), rng.normal(size=(10, 4))
    params, other = layer.init(rng), h.copy()
    other[2] += 1
    moved = np.any(layer.apply(params, h)[0] != layer.apply(params, other)[0], axis=1)
    first = 2 if options.get("causal", True) else 0
    assert np.flatnonzero(moved).tolist() == list(range(first, 5))


def test_without_mask_and_places_tokens_may_be_permuted(rng):
    layer, h, order = self_attention(6, 4, 2, causal=False), rng.normal(size=(6, 4)), rng.permutation(6)
    params = layer.init(rng)
    np.testing.assert_allclose(layer.apply(params, h[order])[0], layer.apply(params, h)[0][order], rtol=1e-12)


def test_an_ensemble_equals_its_members(rng):
    layer, h = self_attention(3, 4, 2, rotary=True), rng.normal(size=(6, 4))
    theta = layer.start(rng, 3)
    together = layer.apply(layer.unravel(theta), h)[0]
    alone = [layer.apply(layer.unravel(one), h)[0] for one in theta]
    np.testing.assert_allclose(together, alone, rtol=1e-12)


def test_scores_of_the_first_weights_have_variance_one(rng):
    # Var(q.k)/c with |x|² = d and weights of variance 1/d: 1, whatever the number of heads.
    d, x = 64, rng.normal(size=(2, 64))
    x *= 8 / np.linalg.norm(x, axis=1, keepdims=True)
    for heads in (1, 4):
        c = d // heads
        W, _ = self_attention(2, d, heads).init(rng, 4000)
        q, k = W[:, :c] @ x[0], W[:, d : d + c] @ x[1]
        assert np.var(np.vecdot(q, k) / np.sqrt(c)) == pytest.approx(1, abs=0.15)


@pytest.mark.parametrize("block", [1, 3, 16])
def test_online_equals_at_once(rng, block):
    q, k, v = (rng.normal(size=(2, 7, 4)) for _ in range(3))
    for size in (1, 1e4):
        expected = attend(size * q, k, v)[0]
        np.testing.assert_allclose(
            attend_online(size * q, k, v, block=block), expected, rtol=1e-10, atol=1e-12
        )


def test_linear_attention_is_a_masked_product(rng):
    q, k, v = (rng.normal(size=(2, 7, 4)) for _ in range(3))
    W = np.tril(elu_feature(q) @ elu_feature(k).mT)
    expected = W @ v / W.sum(axis=-1, keepdims=True)
    np.testing.assert_allclose(linear_attention(q, k, v), expected, rtol=1e-12)


def test_the_feature_is_positive_and_smooth_at_zero():
    x = np.array([-50.0, -1e-9, 0.0, 1e-9, 3.0])
    assert np.all(elu_feature(x) > 0)
    np.testing.assert_allclose(elu_feature(x), [np.exp(-40), 1, 1, 1, 4], rtol=1e-8)


def test_sinusoids_by_hand():
    assert frequencies(6, base=1000.0).tolist() == pytest.approx([1, 0.1, 0.01])
    np.testing.assert_allclose(sinusoids([2], 4), [[np.sin(2), np.cos(2), np.sin(0.02), np.cos(0.02)]])


def test_products_of_sinusoids_see_differences():
    P = sinusoids(np.arange(20), 8)
    G = P @ P.T
    np.testing.assert_allclose(G[1:, 1:], G[:-1, :-1], atol=1e-13)


def test_rotary_scores_see_differences_and_lengths_are_kept(rng):
    q, k = rng.normal(size=(9, 6)), rng.normal(size=(9, 6))
    scores = [rotate(q, np.arange(s, s + 9)) @ rotate(k, np.arange(s, s + 9)).T for s in (0, 11)]
    np.testing.assert_allclose(scores[0], scores[1], atol=1e-13)
    np.testing.assert_allclose(np.linalg.norm(rotate(q, np.arange(9)), axis=1), np.linalg.norm(q, axis=1))


def test_rotation_turns_anticlockwise_and_back(rng):
    x, t = rng.normal(size=(3, 5, 4)), np.arange(5)
    z = x[..., 0::2] + 1j * x[..., 1::2]
    turned = z * np.exp(1j * t[:, None] * frequencies(4))
    np.testing.assert_allclose(rotate(x, t)[..., 0::2], turned.real, rtol=1e-12)
    np.testing.assert_allclose(rotate(x, t)[..., 1::2], turned.imag, rtol=1e-12)
    np.testing.assert_allclose(rotate(rotate(x, t), -t), x, rtol=1e-12)


@pytest.mark.parametrize("options", [{}, {"heads": 2}, {"heads": 2, "rotary": True}])
@pytest.mark.parametrize("chunk", [1, 2, 6])
def test_with_a_cache_the_outputs_are_the_same(rng, options, chunk):
    layer, h = self_attention(6, 4, **options), rng.normal(size=(3, 6, 4))
    params, cache, parts = layer.init(rng), None, []
    for start in range(0, 6, chunk):
        f, weights, cache = attend_next(params, h[:, start : start + chunk], cache, **options)
        parts.append(f)
        np.testing.assert_allclose(weights.sum(axis=-1), 1, rtol=1e-13)
    expected = layer.apply(params, h.reshape(-1, 4))[0].reshape(h.shape)
    np.testing.assert_allclose(np.concatenate(parts, axis=1), expected, rtol=1e-11, atol=1e-13)


def test_float32_stays_float32(rng):
    layer, h = self_attention(3, 4, 2, rotary=True), rng.normal(size=(6, 4)).astype(np.float32)
    params = tuple(part.astype(np.float32) for part in layer.init(rng))
    f, pullback = layer.apply(params, h)
    (dOmega_qkv, dOmega), dh = pullback(f)
    assert {f.dtype, dOmega_qkv.dtype, dOmega.dtype, dh.dtype} == {np.dtype(np.float32)}


def test_sizes_that_do_not_fit_are_named():
    with pytest.raises(ValueError, match="heads must divide d"):
        self_attention(3, 4, 3)
    with pytest.raises(ValueError, match="even"):
        self_attention(3, 6, 2, rotary=True)
    layer = self_attention(3, 4)
    params = layer.init(np.random.default_rng(0))
    with pytest.raises(ValueError, match="h must fit the layer"):
        layer.apply(params, np.ones((4, 4)))
    with pytest.raises(ValueError, match="c must be even"):
        frequencies(3)
