"""Colour refinement: what it tells apart and what not, by known examples and known counts."""

import numpy as np
import pytest

from lib.datasets.graphs import Graph, graph, karate_club, union
from lib.nn.colour_refinement import refine


def cycle(n):
    return graph([(i, (i + 1) % n) for i in range(n)], n)


def classes(graphs, **more):
    """Return the number of graphs of one size that refinement tells apart."""
    colours = refine(union(*graphs), **more).reshape(len(graphs), -1)
    return len(np.unique(np.sort(colours, axis=1), axis=0))


def test_a_hexagon_looks_like_two_triangles():
    assert classes([cycle(6), union(cycle(3), cycle(3))]) == 1


def test_a_path_is_no_star():
    path, star = graph([(0, 1), (1, 2), (2, 3)], 4), graph([(0, 1), (0, 2), (0, 3)], 4)
    assert classes([path, star], rounds=1) == 2
    assert classes([path, star], rounds=0) == 1


def test_trees_are_told_apart():
    trees = [graph([(0, 1)], 2)]
    counts = []
    for n in range(3, 9):
        grown = []
        for tree in trees:
            forward = tree.target < tree.source
            edges = np.stack([tree.target[forward], tree.source[forward]], axis=1)
            grown += [graph([*edges.tolist(), (i, n - 1)], n) for i in range(n - 1)]
        colours = np.sort(refine(union(*grown)).reshape(len(grown), n), axis=1)
        trees = [grown[k] for k in np.unique(colours, axis=0, return_index=True)[1]]
        counts.append(len(trees))
    assert counts == [1, 2, 3, 6, 11, 23]  # A000055


def test_a_permutation_permutes_the_colours(rng):
    club, _ = karate_club()
    order = rng.permutation(34)
    edges = np.stack([order[club.target], order[club.source]], axis=1)[club.target < club.source]
    renamed = graph(edges, 34)
    both = refine(union(club, renamed))
    np.testing.assert_array_equal(both[:34], both[34:][order])


def test_own_colour_and_the_neighbours_are_told_apart():
    colours = refine(union(graph([(0, 1)], 2)), colours=[1, 2], rounds=1)
    assert len(set(colours.tolist())) == 2


def test_rounds_are_enough_and_stop():
    path = graph([(i, i + 1) for i in range(8)], 9)
    np.testing.assert_array_equal(refine(path), refine(path, rounds=100))
    np.testing.assert_array_equal(refine(path), [0, 1, 2, 3, 4, 3, 2, 1, 0])
    assert len(set(refine(path, rounds=1).tolist())) == 2


def test_no_edges():
    empty = np.zeros(0, int)
    np.testing.assert_array_equal(refine(Graph(3, empty, empty, empty)), [0, 0, 0])


def test_one_colour_for_each_node():
    with pytest.raises(ValueError, match="colours"):
        refine(cycle(3), colours=[0, 1])
