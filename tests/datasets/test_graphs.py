"""Graphs: matrices by hand and by identities, the block model by its counts, the club by what is known."""

import numpy as np
import pytest

from lib.datasets.graphs import (
    _below_diagonal,
    block_model,
    graph,
    karate_club,
    laplacian,
    matrix,
    mean_weights,
    node_features,
    symmetric_weights,
    union,
)

HOUSE = graph([(0, 1), (1, 2), (2, 3), (3, 0), (0, 4), (1, 4)], 6)  # node 5 stands alone


def consistent(g):
    """Tell whether a graph is sorted, and each edge the reverse of its reverse."""
    order = np.lexsort((g.source, g.target))
    return (
        np.array_equal(order, np.arange(len(order)))
        and np.array_equal(g.target[g.reverse], g.source)
        and np.array_equal(g.source[g.reverse], g.target)
    )


@pytest.mark.parametrize("g", [HOUSE, HOUSE.with_loops(), union(HOUSE, HOUSE.with_loops()), karate_club()[0]])
def test_edges_are_sorted_and_know_their_other_direction(g):
    assert consistent(g)


def test_the_order_of_the_edges_does_not_matter(rng):
    edges = np.array([(1, 0), (1, 2), (3, 2), (0, 3), (4, 0), (1, 4)])
    np.testing.assert_array_equal(matrix(graph(rng.permutation(edges), 6)), matrix(HOUSE))


def test_sums_are_products_with_the_matrix(rng):
    for g in (HOUSE, HOUSE.with_loops()):
        w, h = rng.normal(size=len(g.target)), rng.normal(size=(3, 6, 2))
        np.testing.assert_allclose(
            g.sum_into(w[:, None] * h[..., g.source, :]), matrix(g, w) @ h, rtol=1e-13, atol=1e-14
        )


def test_a_graph_without_edges_sums_to_zero():
    g, _ = block_model(4, 0, 0, np.random.default_rng(0))
    np.testing.assert_array_equal(g.sum_into(np.ones((2, 0, 3))), np.zeros((2, 4, 3)))


def test_loops_count_once_and_only_once():
    looped = HOUSE.with_loops()
    np.testing.assert_array_equal(matrix(looped), matrix(HOUSE) + np.eye(6))
    np.testing.assert_array_equal(looped.degrees, HOUSE.degrees + 1)
    with pytest.raises(ValueError, match="graph"):
        looped.with_loops()


def test_the_laplacian_is_a_sum_of_squares(rng):
    x = rng.normal(size=6)
    pairs = HOUSE.target < HOUSE.source
    expected = np.square(x[HOUSE.target[pairs]] - x[HOUSE.source[pairs]]).sum()
    np.testing.assert_allclose(x @ laplacian(HOUSE) @ x, expected, rtol=1e-13)
    assert (np.linalg.eigvalsh(laplacian(HOUSE)) < 1e-12).sum() == 2  # two components


def test_normalizations():
    looped = HOUSE.with_loops()
    d = looped.degrees
    S, P = matrix(looped, symmetric_weights(looped)), matrix(looped, mean_weights(looped))
    np.testing.assert_array_equal(S, S.T)
    np.testing.assert_allclose(S @ np.sqrt(d), np.sqrt(d), rtol=1e-14)
    np.testing.assert_allclose(P.sum(axis=1), 1, rtol=1e-14)
    assert np.linalg.eigvalsh(S)[0] >= -1 + 2 / d.max()


def test_a_union_is_block_diagonal():
    both = matrix(union(HOUSE, karate_club()[0]))
    np.testing.assert_array_equal(both[:6, :6], matrix(HOUSE))
    assert both[:6, 6:].sum() == both[6:, :6].sum() == 0


def test_pairs_below_the_diagonal():
    i, j = np.tril_indices(40, -1)
    np.testing.assert_array_equal(_below_diagonal(np.arange(len(i))), [i, j])
    i = np.array([2**26, 2**26 + 1, 10**8])  # where a root is rounded
    np.testing.assert_array_equal(_below_diagonal(i * (i - 1) // 2), [i, 0 * i])
    np.testing.assert_array_equal(_below_diagonal(i * (i - 1) // 2 - 1), [i - 1, i - 2])


def test_the_block_model_has_the_edges_that_it_promises():
    n, c_in, c_out = 1001, 9.0, 3.0
    counts = []
    for seed in range(100):
        g, y = block_model(n, c_in, c_out, np.random.default_rng(seed))
        assert consistent(g)
        assert (g.target != g.source).all()
        assert len({*zip(g.target.tolist(), g.source.tolist(), strict=True)}) == len(g.target)
        same = y[g.target] == y[g.source]
        counts.append([same.sum() / 2, (~same).sum() / 2])
    first, second = 501, 500
    pairs = np.array([first * (first - 1) // 2 + second * (second - 1) // 2, first * second])
    p = np.array([c_in, c_out]) / n
    z = (np.mean(counts, axis=0) - pairs * p) / np.sqrt(pairs * p * (1 - p) / 100)
    assert (np.abs(z) < 4).all()


def test_every_pair_is_as_likely_as_any_other():
    total = sum(matrix(block_model(7, 3.5, 1.75, np.random.default_rng(seed))[0]) for seed in range(4000))
    _, y = block_model(7, 3.5, 1.75, np.random.default_rng(0))
    p = np.where(np.equal.outer(y, y), 0.5, 0.25) * (1 - np.eye(7))
    assert np.abs(total / 4000 - p).max() < 4.5 * (0.25 / 4000) ** 0.5


def test_hints_have_their_mean_and_variance(rng):
    y = np.repeat([1, -1], 50_000)
    x = node_features(y, 0.3, rng)
    assert abs((x * y).mean() - 0.3) < 4 / 100_000**0.5
    assert abs(x.var() - 1.09) < 0.03


def test_the_karate_club():
    club, y = karate_club()
    assert np.sort(club.degrees)[::-1][:5].tolist() == [17, 16, 12, 10, 9]
    A = matrix(club)
    assert round(np.trace(A @ A @ A) / 6) == 45  # triangles
    np.testing.assert_allclose(np.linalg.eigvalsh(laplacian(club))[1], 0.468525, atol=1e-6)
    modularity = A - np.outer(club.degrees, club.degrees) / club.degrees.sum()
    np.testing.assert_allclose(y @ modularity @ y / (2 * club.degrees.sum()), 0.358235, atol=1e-6)


@pytest.mark.parametrize("edges", [[(0, 0)], [(0, 1), (1, 0)], [(0, 3)], [(0, 1, 2)], [0, 1], [(0.0, 1.0)]])
def test_edges_that_are_none(edges):
    with pytest.raises(ValueError, match="edges"):
        graph(edges, 3)


def test_there_is_a_graph_in_a_union():
    with pytest.raises(ValueError, match="graphs"):
        union()
