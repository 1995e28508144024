"""Belief propagation: exact on trees, by enumeration; local; symmetric; the known limit of weak hints."""

from itertools import product

import numpy as np
import pytest

from lib.datasets.graphs import block_model, graph, node_features
from lib.stats.belief_propagation import believe, correlation, message

TREE = graph([(0, 1), (0, 2), (1, 3), (1, 4), (2, 5)], 7)  # and a node on its own


def enumerated(tree, r, prior):
    """Return the posterior log-odds of all nodes, weighing every labelling."""
    y = np.array(list(product([-1, 1], repeat=tree.n)))
    agreement = (y[:, tree.target] * y[:, tree.source]).sum(axis=1) / 2
    weight = np.exp(np.arctanh(r) * agreement + y @ prior / 2)
    return np.array([np.log(weight[s > 0].sum() / weight[s < 0].sum()) for s in y.T])


@pytest.mark.parametrize("r", [0.6, -0.6, 0.0])
def test_exact_on_a_tree(rng, r):
    prior = rng.normal(size=7)
    np.testing.assert_allclose(believe(TREE, r, prior, 4)[-1], enumerated(TREE, r, prior), rtol=1e-12)


def test_after_k_rounds_the_posterior_of_what_is_k_steps_away(rng):
    prior = rng.normal(size=7)
    near = np.array([1, 0, 3, 4])  # one step from node 1
    star = graph([(0, 1), (0, 2), (0, 3)], 4)
    expected = enumerated(star, 0.5, prior[near])[0]
    np.testing.assert_allclose(believe(TREE, 0.5, prior, 1)[1, 1], expected, rtol=1e-12)


def test_starts_with_the_prior_and_settles_on_a_tree(rng):
    prior = rng.normal(size=7)
    history = believe(TREE, 0.5, prior, 6)
    np.testing.assert_array_equal(history[0], prior)
    np.testing.assert_allclose(history[4], history[6], rtol=1e-14)


def test_classes_have_no_names(rng):
    g, y = block_model(60, 5, 2, rng)
    prior = 2 * node_features(y, 1.0, rng)
    np.testing.assert_allclose(believe(g, 0.4, -prior, 3), -believe(g, 0.4, prior, 3), rtol=1e-13)


def test_messages():
    odds = np.array([-50.0, -1.0, 0.0, 1.0, 50.0])
    np.testing.assert_allclose(message(odds, 0.5)[[0, -1]], [-np.log(3), np.log(3)])  # a neighbour for sure
    np.testing.assert_array_equal(message(odds, 0.0), np.zeros(5))
    np.testing.assert_allclose(message(odds, -0.3), -message(odds, 0.3))
    np.testing.assert_allclose(message(1e-6, 0.3) / 1e-6, 0.3, rtol=1e-9)


def test_correlation():
    assert correlation(5, 1) == 4 / 6
    assert correlation(0, 2) == -1


def test_what_it_does_not_take():
    with pytest.raises(ValueError, match="loops"):
        believe(TREE.with_loops(), 0.5, np.zeros(7), 1)
    with pytest.raises(ValueError, match="prior"):
        believe(TREE, 0.5, np.zeros(6), 1)
    with pytest.raises(ValueError, match="c_in and c_out"):
        correlation(0, 0)
