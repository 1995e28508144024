"""Sources: entropies by hand and by all words; byte pairs there and back."""

import math

import numpy as np
import pytest

from lib.datasets.sequences import (
    all_words,
    beliefs,
    bpe_decode,
    bpe_encode,
    bpe_train,
    entropy_floors,
    markov_source,
    merge_pair,
    mess3,
    next_letter,
    sample_words,
    stationary,
    word_probabilities,
)

GOLDEN = np.array([[[0.5, 0.0], [1.0, 0.0]], [[0.0, 0.5], [0.0, 0.0]]])  # never two ones in a row
EVEN = np.array([[[0.5, 0.0], [0.0, 0.0]], [[0.0, 0.5], [1.0, 0.0]]])  # ones in blocks of even length
CHAIN = markov_source([[0.9, 0.1], [0.4, 0.6]])


def test_mess3_emits_the_letter_of_its_new_state():
    T = mess3(0.9, 0.85)
    assert T[1, 0, 1] == pytest.approx(0.05 * 0.85)
    assert T[0, 0, 1] == pytest.approx(0.05 * 0.075)
    np.testing.assert_allclose(T.sum(axis=(0, 2)), 1, rtol=1e-15)


def test_stationary_by_hand():
    np.testing.assert_allclose(stationary(CHAIN), [0.8, 0.2], rtol=1e-13)
    np.testing.assert_allclose(stationary(mess3()), 1 / 3, rtol=1e-13)


def test_entropies_of_a_markov_chain_by_hand():
    def h(p):
        return -p * math.log(p) - (1 - p) * math.log(1 - p)

    rate = 0.8 * h(0.9) + 0.2 * h(0.4)
    np.testing.assert_allclose(entropy_floors(CHAIN, 5), [h(0.8), *[rate] * 4], rtol=1e-13)


def test_two_sources_with_two_thirds_of_a_bit():
    np.testing.assert_allclose(entropy_floors(GOLDEN, 5)[1:] / np.log(2), 2 / 3, rtol=1e-13)
    even = entropy_floors(EVEN, 16) / np.log(2)
    assert np.all(np.diff(even) < 1e-15)
    assert 0 < even[-1] - 2 / 3 < 2e-3


def test_floors_are_the_loss_of_the_best_predictor_over_all_words():
    T, words = mess3(), all_words(3, 6)
    p = word_probabilities(T, words)
    assert p.sum() == pytest.approx(1, rel=1e-13)
    chances = np.take_along_axis(next_letter(T, words)[:, :-1], words[..., None], axis=2)[..., 0]
    np.testing.assert_allclose(chances.prod(axis=1), p, rtol=1e-12)
    np.testing.assert_allclose(-p @ np.log(chances), entropy_floors(T, 6), rtol=1e-12)
    assert np.all(np.diff(entropy_floors(T, 9)) < 0)


def test_the_last_word_of_the_forward_algorithm_is_bayes(rng):
    # Sum over all paths of states, as the definition has it.
    T, word = mess3(0.7, 0.6), [2, 0, 1]
    paths = all_words(3, 4)
    chance = np.full(len(paths), 1 / 3)
    for t, k in enumerate(word):
        chance = chance * T[k, paths[:, t], paths[:, t + 1]]
    by_paths = np.array([chance[paths[:, -1] == s].sum() for s in range(3)]) / chance.sum()
    np.testing.assert_allclose(beliefs(T, [word])[0, -1], by_paths, rtol=1e-13)
    np.testing.assert_allclose(beliefs(T, [word])[0, 0], 1 / 3, rtol=1e-13)
    assert word_probabilities(T, [word])[0] == pytest.approx(chance.sum(), rel=1e-12)


def test_samples_have_the_probabilities_of_words(rng):
    T, n = mess3(0.8, 0.9), 40_000
    words = sample_words(T, n, 3, rng)
    counts = np.bincount(words @ [9, 3, 1], minlength=27)
    p = word_probabilities(T, all_words(3, 3))
    z = (counts - n * p) / np.sqrt(n * p * (1 - p))
    assert abs(z).max() < 4.5


def test_the_order_of_all_words():
    assert all_words(3, 2).tolist() == [[a, b] for a in range(3) for b in range(3)]


def test_impossible_words_and_too_many_are_refused():
    with pytest.raises(ValueError, match="words must be possible"):
        beliefs(markov_source([[0.0, 1.0], [1.0, 0.0]]), [[0, 0]])
    with pytest.raises(ValueError, match="length"):
        entropy_floors(mess3(), 30)
    with pytest.raises(ValueError, match="K and length"):
        all_words(3, 30)


TEXT = b"low lower lowest newer newest wider widest"


def test_byte_pairs_by_hand():
    assert bpe_train(b"abababcab", 9) == [(97, 98), (256, 256)]
    assert bpe_train(b"aaaa", 9) == [(97, 97)]
    assert bpe_train(b"abc", 9) == []
    assert bpe_train(b"xyxyabab", 1) == [(120, 121)], "of equals, the first"


def test_merges_count_after_the_last_merge():
    # After (a, b) the pair (b, a) is gone, though it was the second most frequent.
    assert bpe_train(b"ababababcdcd", 3) == [(97, 98), (256, 256), (99, 100)]


def test_a_merge_does_not_cross_symbols():
    assert merge_pair([ord("x"), 300, ord("b")], (ord("a"), ord("b")), 301) == [ord("x"), 300, ord("b")]
    assert merge_pair([1, 1, 1], (1, 1), 2) == [2, 1]


def test_bytes_come_back(rng):
    pairs = bpe_train(TEXT, 20)
    for data in (TEXT, b"", "Größe 😀".encode(), rng.bytes(200)):
        tokens = bpe_encode(data, pairs)
        assert bpe_decode(tokens, pairs) == data
        assert len(tokens) <= len(data)
    assert len(bpe_encode(TEXT, pairs)) < len(TEXT)


def test_tokens_need_not_come_back():
    pairs = [(97, 97)]
    assert bpe_encode(bpe_decode([97, 97], pairs), pairs) == [256]


def test_what_is_no_token_is_refused():
    with pytest.raises(ValueError, match="tokens"):
        bpe_decode([300], [])
    with pytest.raises(ValueError, match="data must be bytes"):
        bpe_train("text", 2)
