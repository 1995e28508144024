"""Body and head, and frozen layers that stay."""

import numpy as np
import pytest
from helpers import take

from lib.nn.finetuning import masked, split_head, trainable
from lib.nn.losses import cross_entropy
from lib.nn.networks import mlp, objective
from lib.nn.params import ravel
from lib.optim.optimizers import adam, adamw, momentum, nesterov, sgd


def test_body_and_head(rng):
    network = mlp(4, 3, 2)
    params = network.init(rng, 5)
    body, head = split_head(ravel(params, 1), network)
    np.testing.assert_array_equal(body, ravel(params[:-1], 1))
    np.testing.assert_array_equal(head, ravel(params[-1:], 1))


@pytest.mark.parametrize("optimizer", [sgd, momentum, nesterov, adam])
@pytest.mark.parametrize("frozen", [0, 1, 2])
def test_frozen_layers_stay_and_the_others_move(rng, optimizer, frozen):
    network = mlp(4, 6, 5, 3)
    theta = network.start(rng)
    x, y = rng.normal(size=(20, 4)), rng.integers(3, size=20)
    _, gradient = objective(network, cross_entropy)
    g = masked(gradient, trainable(network, frozen))
    last = take(optimizer(lambda theta: g(theta, x, y), theta, 0.01), 6)[-1]
    sizes = [24 + 6, 30 + 5, 15 + 3]
    moved = [bool(np.any(part)) for part in np.split(last != theta, np.cumsum(sizes)[:-1])]
    assert moved == [layer >= frozen for layer in range(3)]
    stay = sum(sizes[:frozen])
    np.testing.assert_array_equal(last[:stay], theta[:stay])


def test_weight_decay_needs_the_mask_too(rng):
    theta, mask = rng.normal(size=4), np.array([0.0, 1.0, 0.0, 1.0])
    g = masked(lambda theta: 2 * theta, mask)
    for decay, moved in [(0.1 * mask, mask), (0.1, np.ones(4))]:
        last = take(adamw(g, theta, 0.01, decay=decay), 6)[-1]
        np.testing.assert_array_equal(last != theta, moved)


def test_a_mask_for_each_member(rng):
    network = mlp(2, 3, 2)
    x, y = rng.normal(size=(8, 2)), rng.integers(2, size=8)
    _, gradient = objective(network, cross_entropy)
    theta = network.start(rng, 2)
    masks = np.stack([trainable(network, 0), trainable(network, 1)])
    g = masked(gradient, masks)(theta, x, y)
    np.testing.assert_array_equal(g[0], gradient(theta, x, y)[0])
    assert not np.any(g[1, :9])
    np.testing.assert_array_equal(g[1, 9:], gradient(theta, x, y)[1, 9:])
