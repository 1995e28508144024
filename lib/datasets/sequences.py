r"""Sequences: sources whose entropy is known at every place, and tokens made of pairs of tokens.

A **hidden Markov source** is an array T of shape (K, S, S): in state s it emits the letter k and goes to the
state s' with probability T[k, s, s'].  A word is a row of letters, whole numbers in 0 ... K-1; entropies are
in nats.
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lib.checks import as_array, count, finite, generator, proportion, whole

MOST_WORDS = 2**20


def mess3(stay: float = 0.9, clear: float = 0.85) -> NDArray:
    r"""Return a source with three states and three letters, which nobody can tell from finitely many letters.

    Its state stays with probability `stay`, or else goes to either of the other two; it then emits the letter
    of its new state with probability `clear`, or else either of the other two.

    .. math:: T^k_{ss'} = P(s' \mid s)\, P(k \mid s')

    Parameters
    ----------
    stay, clear
        The two probabilities.

    Returns
    -------
    NDArray
        T, of shape (3, 3, 3).

    Raises
    ------
    ValueError
        If a probability lies outside [0, 1].

    Notes
    -----
    Marzen and Crutchfield (2017); Shai et al. (2024).

    Examples
    --------
    >>> T = mess3(0.9, 0.85)
    >>> T[0, 0].round(6).tolist(), T.sum(axis=(0, 2)).round(12).tolist()
    ([0.765, 0.00375, 0.00375], [1.0, 1.0, 1.0])
    """

    def three(name: str, same: float) -> NDArray:
        same = proportion(name, same)
        return np.where(np.eye(3, dtype=bool), same, (1 - same) / 2)

    move, emit = three("stay", stay), three("clear", clear)
    return move[None] * emit.T[:, None, :]


def markov_source(P: ArrayLike) -> NDArray:
    r"""Return a Markov chain as a source: its letters are its states.

    .. math:: T^k_{ss'} = P_{ss'}\, [k = s']

    Parameters
    ----------
    P
        Probabilities of the next letter, of shape (K, K): row s after the letter s.

    Returns
    -------
    NDArray
        T, of shape (K, K, K).

    Raises
    ------
    ValueError
        If P is no square matrix whose rows are distributions.

    Examples
    --------
    >>> markov_source([[0.25, 0.75], [1.0, 0.0]])[1].tolist()
    [[0.0, 0.75], [0.0, 0.0]]
    """
    P = finite("P", P, ndim=2)
    if (
        P.shape[0] != P.shape[1]
        or P.size == 0
        or np.any((P < 0) | (P > 2))
        or np.any(abs(P.sum(axis=1) - 1) > 1e-9)
    ):
        raise ValueError(f"P must be square, with rows that sum to one, but it is {P}")
    return P[None] * np.eye(len(P))[:, None, :]


def _source(T: ArrayLike) -> NDArray:
    T = finite("T", T, ndim=3)
    if (
        T.shape[1] != T.shape[2]
        or T.size == 0
        or np.any((T < 0) | (T > 2))
        or np.any(abs(T.sum(axis=(0, 2)) - 1) > 1e-9)
    ):
        raise ValueError(
            f"T must have shape (K, S, S), with probabilities that sum to one for each state, but it is {T}"
        )
    return T


def _words(T: NDArray, words: ArrayLike) -> NDArray:
    words = as_array("words", words)
    if words.ndim != 2 or len(words) == 0 or (words.size and words.dtype.kind not in "iu"):
        raise ValueError(
            f"words must have shape (n, t), of whole numbers, but it is {words.dtype} of {words.shape}"
        )
    return whole("words", words, high=len(T) - 1) if words.size else words.astype(int)


def stationary(T: ArrayLike) -> NDArray:
    r"""Distribution of the state that one step does not change.

    .. math:: \pi \sum_k T^k = \pi, \qquad \sum_s \pi_s = 1

    Parameters
    ----------
    T
        The source, of shape (K, S, S).

    Returns
    -------
    NDArray
        pi, of shape (S,).  If there are several, one of them.

    Raises
    ------
    ValueError
        If T is no source.

    Examples
    --------
    >>> stationary(markov_source([[0.5, 0.5], [1.0, 0.0]])).round(6).tolist()
    [0.666667, 0.333333]
    """
    P = _source(T).sum(axis=0)
    equations = np.vstack([P.T - np.eye(len(P)), np.ones(len(P))])
    pi = np.linalg.lstsq(equations, np.eye(len(P) + 1)[-1])[0]
    return np.maximum(pi, 0) / np.maximum(pi, 0).sum()


def sample_words(T: ArrayLike, n: int, length: int, rng: np.random.Generator) -> NDArray:
    """Draw words from a source that started long ago.

    Parameters
    ----------
    T
        The source, of shape (K, S, S).
    n
        Number of words.
    length
        Letters of a word.
    rng
        Source of randomness.

    Returns
    -------
    NDArray
        Whole numbers in 0 ... K-1, of shape (n, length).

    Raises
    ------
    ValueError
        If T is no source, n or length is no positive whole number, or rng is no generator.

    Examples
    --------
    >>> flip = markov_source([[0.0, 1.0], [1.0, 0.0]])
    >>> sample_words(flip, 2, 5, np.random.default_rng(0)).tolist()
    [[0, 1, 0, 1, 0], [1, 0, 1, 0, 1]]
    """
    T, n, length, rng = _source(T), count("n", n), count("length", length), generator("rng", rng)
    K, S, _ = T.shape
    steps = np.cumsum(T.swapaxes(0, 1).reshape(S, K * S), axis=1)  # row s: all (k, s')
    state, words = _draw(np.cumsum(stationary(T))[None], np.zeros(n, int), rng), np.empty((n, length), int)
    for t in range(length):
        words[:, t], state = np.divmod(_draw(steps, state, rng), S)
    return words


def _draw(cumulative: NDArray, row: NDArray, rng: np.random.Generator) -> NDArray:
    """Draw a column for each row, with probabilities whose cumulative sums are given."""
    u = rng.random(len(row)) * cumulative[row, -1]
    return (cumulative[row] <= u[:, None]).sum(axis=1)


def beliefs(T: ArrayLike, words: ArrayLike) -> NDArray:
    r"""Return what is known of the state after each letter of a word: the forward algorithm.

    .. math:: b_0 = \pi, \qquad b_t = \frac{b_{t-1} T^{x_t}}{b_{t-1} T^{x_t} \mathbf 1}

    Parameters
    ----------
    T
        The source, of shape (K, S, S).
    words
        Of shape (n, t).

    Returns
    -------
    NDArray
        b, of shape (n, t + 1, S): probabilities of the states after 0, 1, ..., t letters.

    Raises
    ------
    ValueError
        If T is no source, or words holds something else than letters, or a word that cannot occur.

    Examples
    --------
    >>> beliefs(mess3(0.9, 0.85), [[0]]).round(3).tolist()
    [[[0.333, 0.333, 0.333], [0.85, 0.075, 0.075]]]
    """
    return _forward(T, words)[0]


def _forward(T: ArrayLike, words: ArrayLike) -> tuple[NDArray, NDArray]:
    """Return the beliefs, and the probability of each letter given those before it, (n, t)."""
    T = _source(T)
    words = _words(T, words)
    b = [np.broadcast_to(stationary(T), (len(words), T.shape[1]))]
    chances = []
    for letters in words.T:
        alpha = np.vecmat(b[-1], T[letters])
        chance = alpha.sum(axis=1)
        if np.any(chance <= 1e-200):
            raise ValueError("words must be possible, but one of them cannot occur")
        b.append(alpha / chance[:, None])
        chances.append(chance)
    return np.stack(b, axis=1), np.reshape(chances, words.T.shape).T


def next_letter(T: ArrayLike, words: ArrayLike) -> NDArray:
    r"""Probabilities of the letter that follows each beginning of a word: nobody can predict better.

    .. math:: P(X_{t+1} = k \mid x_1, \dots, x_t) = b_t\, T^k \mathbf 1

    Parameters
    ----------
    T, words
        As for `beliefs`.

    Returns
    -------
    NDArray
        Of shape (n, t + 1, K): after 0, 1, ..., t letters.

    Raises
    ------
    ValueError
        As `beliefs` does.

    Examples
    --------
    >>> next_letter(mess3(0.9, 0.85), [[0]]).round(4).tolist()
    [[[0.3333, 0.3333, 0.3333], [0.6737, 0.1632, 0.1632]]]
    """
    return beliefs(T, words) @ finite("T", T).sum(axis=2).T


def word_probabilities(T: ArrayLike, words: ArrayLike) -> NDArray:
    r"""Probability of each word.

    .. math:: P(x_1, \dots, x_t) = \pi\, T^{x_1} \cdots T^{x_t} \mathbf 1

    Parameters
    ----------
    T, words
        As for `beliefs`.

    Returns
    -------
    NDArray
        Of shape (n,).

    Raises
    ------
    ValueError
        As `beliefs` does.

    Examples
    --------
    >>> round(float(word_probabilities(mess3(), all_words(3, 4)).sum()), 12)
    1.0
    """
    return _forward(T, words)[1].prod(axis=1)


def all_words(K: int, length: int) -> NDArray:
    """Return all words of so many letters, in the order of a dictionary.

    Parameters
    ----------
    K
        Number of letters.
    length
        Letters of a word.

    Returns
    -------
    NDArray
        Of shape (K**length, length).

    Raises
    ------
    ValueError
        If K or length is no positive whole number, or there are more than a million words.

    Examples
    --------
    >>> all_words(2, 2).tolist()
    [[0, 0], [0, 1], [1, 0], [1, 1]]
    """
    K, length = count("K", K), count("length", length)
    if length * np.log2(K) > np.log2(MOST_WORDS) or length > 64:
        raise ValueError(
            f"K and length must leave at most {MOST_WORDS} words of 64 letters, not {K} and {length}"
        )
    return np.indices((K,) * length).reshape(length, -1).T


def entropy_floors(T: ArrayLike, length: int) -> NDArray:
    r"""Conditional entropies of a source: the least loss of any predictor that sees so many letters.

    .. math:: H_t = -\sum_{x_1 \dots x_{t+1}} P(x_1, \dots, x_{t+1}) \log P(x_{t+1} \mid x_1, \dots, x_t)

    Parameters
    ----------
    T
        The source, of shape (K, S, S).
    length
        How many floors: t = 0, ..., length - 1.

    Returns
    -------
    NDArray
        H, in nats, of shape (length,).  It falls, to the entropy rate of the source.

    Raises
    ------
    ValueError
        If T is no source, length is no positive whole number, or there are more than a million words.

    Notes
    -----
    The sum runs over all words, so there is no error but round-off.

    Examples
    --------
    >>> entropy_floors(markov_source([[0.5, 0.5], [0.5, 0.5]]), 3) / np.log(2)
    array([1., 1., 1.])
    """
    T = _source(T)
    K, S, _ = T.shape
    if count("length", length) * np.log2(max(K, 2)) > np.log2(MOST_WORDS):
        raise ValueError(f"length must leave at most {MOST_WORDS} words of {K} letters, but it is {length}")
    alpha, floors = stationary(T)[None], []  # a row for each word: its probability with each last state
    for _ in range(length):
        longer = np.einsum("ws,ksr->wkr", alpha, T)
        joint = longer.sum(axis=2)
        total = joint.sum(axis=1, keepdims=True)
        occurs = joint > 0
        ratio = np.divide(joint, total, where=occurs, out=np.ones_like(joint))
        floors.append(-(joint * np.log(ratio)).sum())
        alpha = longer.reshape(-1, S)
    return np.array(floors)


def bpe_train(data: bytes, merges: int) -> list[tuple[int, int]]:
    """Byte-pair encoding: make the most frequent pair of neighbours a token, again and again.

    Parameters
    ----------
    data
        Text, as bytes: the tokens 0 ... 255.
    merges
        How many pairs, at most: fewer if no pair occurs twice any more.

    Returns
    -------
    list of tuple
        Pair number i becomes the token 256 + i.  Of equally frequent pairs it is the one that occurs first.

    Raises
    ------
    ValueError
        If data is no bytes, or merges is negative or no whole number.

    Notes
    -----
    Gage (1994); Sennrich, Haddow and Birch (2016).

    Examples
    --------
    >>> bpe_train(b"abababcab", 2)
    [(97, 98), (256, 256)]
    """
    tokens, pairs = list(_bytes("data", data)), []
    for new in range(256, 256 + count("merges", merges, low=0)):
        counts: dict[tuple[int, int], int] = {}
        for pair in pairwise(tokens):
            counts[pair] = counts.get(pair, 0) + 1
        if max(counts.values(), default=0) < 2:
            break
        best = max(counts, key=counts.__getitem__)
        tokens, pairs = merge_pair(tokens, best, new), [*pairs, best]
    return pairs


def _bytes(name: str, value: object) -> bytes:
    if not isinstance(value, bytes | bytearray):
        raise ValueError(f"{name} must be bytes, but it is {value!r}")
    return bytes(value)


def merge_pair(tokens: Sequence[int], pair: tuple[int, int], new: int) -> list[int]:
    """Replace a pair of neighbours by a token, from left to right.

    Parameters
    ----------
    tokens
        Whole numbers.
    pair
        Two of them.
    new
        What takes their place.

    Returns
    -------
    list of int
        The new tokens.

    Examples
    --------
    >>> merge_pair([1, 1, 1, 2], (1, 1), 9)
    [9, 1, 2]
    """
    merged, i = [], 0
    while i < len(tokens):
        found = tuple(tokens[i : i + 2]) == tuple(pair)
        merged.append(new if found else tokens[i])
        i += 2 if found else 1
    return merged


def bpe_encode(data: bytes, pairs: Sequence[tuple[int, int]]) -> list[int]:
    """Encode bytes as tokens, with the merges in the order in which they were learned.

    Parameters
    ----------
    data
        Any bytes.
    pairs
        From `bpe_train`.

    Returns
    -------
    list of int
        Tokens.

    Raises
    ------
    ValueError
        If data is no bytes.

    Examples
    --------
    >>> bpe_encode(b"abcab", [(97, 98)])
    [256, 99, 256]
    """
    tokens = list(_bytes("data", data))
    for new, pair in enumerate(pairs, 256):
        tokens = merge_pair(tokens, pair, new)
    return tokens


def bpe_decode(tokens: Sequence[int], pairs: Sequence[tuple[int, int]]) -> bytes:
    """Return the bytes that tokens spell.

    Parameters
    ----------
    tokens
        Whole numbers in 0 ... 255 + len(pairs).
    pairs
        From `bpe_train`.

    Returns
    -------
    bytes
        The inverse of `bpe_encode`: decode(encode(data)) == data.

    Raises
    ------
    ValueError
        If a token is unknown.

    Examples
    --------
    >>> bpe_decode([256, 99], [(97, 98)])
    b'abc'
    """
    words = [bytes([byte]) for byte in range(256)]
    for a, b in pairs:
        words.append(words[a] + words[b])
    if not all(isinstance(token, int | np.integer) and 0 <= token < len(words) for token in tokens):
        raise ValueError(f"tokens must be whole numbers in 0 ... {len(words) - 1}, but they are {tokens}")
    return b"".join(words[token] for token in tokens)
