"""Decoding: maps of a distribution by hand, and a search against all texts."""

import numpy as np
import pytest

from lib.nn.decoding import beam_search, nucleus, temperature, top_k


def test_temperature_by_hand(rng):
    p = rng.dirichlet(np.ones(6), size=4)
    np.testing.assert_allclose(temperature(p, 1.0), p, rtol=1e-12)
    np.testing.assert_allclose(temperature([0.2, 0.8], 0.5), [1 / 17, 16 / 17], rtol=1e-14)
    np.testing.assert_allclose(temperature([0.2, 0.8], 1e9), [0.5, 0.5], rtol=1e-8)
    assert temperature([0.2, 0.8, 0.0], 1e-9).tolist() == [0, 1, 0]


def test_top_k_keeps_k():
    p = np.array([[0.1, 0.4, 0.4, 0.1], [0.7, 0.1, 0.1, 0.1]])
    np.testing.assert_allclose(top_k(p, 2), [[0, 0.5, 0.5, 0], [0.875, 0.125, 0, 0]], rtol=1e-14)
    np.testing.assert_allclose(top_k(p, 9), p, rtol=1e-14)


def test_a_nucleus_has_the_mass_and_no_token_more(rng):
    assert nucleus([0.5, 0.41, 0.09], 0.9).round(6).tolist() == [0.549451, 0.450549, 0.0]
    assert nucleus([0.09, 0.5, 0.41], 0.5).tolist() == [0, 1, 0]
    for p in rng.dirichlet(np.ones(8), size=50):
        kept = nucleus(p, 0.8) > 0
        assert p[kept].sum() >= 0.8
        assert p[kept].sum() - p[kept].min() < 0.8
        assert p[kept].min() >= p[~kept].max()


def chain(P, first):
    """Return the probabilities of the next letter of a Markov chain."""
    return lambda texts: P[texts[:, -1]] if texts.shape[1] else first[None]


def test_a_wide_beam_finds_the_most_probable_text(rng):
    for _ in range(20):
        P, first = rng.dirichlet(np.full(3, 0.3), size=3), rng.dirichlet(np.ones(3))
        texts, log_p = beam_search(chain(P, first), 4, 81)
        assert np.exp(log_p).sum() == pytest.approx(1)
        p = [first[a] * P[a, b] * P[b, c] * P[c, d] for a, b, c, d in texts]
        np.testing.assert_allclose(np.exp(log_p), p, rtol=1e-12)
        assert np.all(np.diff(log_p) <= 0)


def test_greedy_may_miss_it():
    P = np.array([[0.0, 0.5, 0.5], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    first = np.array([0.6, 0.4, 0.0])
    assert beam_search(chain(P, first), 2, 1)[0].tolist() == [[0, 1]]  # .3
    assert beam_search(chain(P, first), 2, 2)[0][0].tolist() == [1, 1]  # .4
