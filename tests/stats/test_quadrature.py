"""Expectations of a normal variable against closed forms."""

import math

import numpy as np
import pytest

from lib.stats.quadrature import grid_nodes, normal_nodes


@pytest.mark.parametrize("power", range(0, 13))
@pytest.mark.parametrize("n", [100, 4000])
def test_moments(n, power):
    z, w = normal_nodes(n)
    expected = 0 if power % 2 else math.prod(range(1, power, 2))
    assert w @ z**power == pytest.approx(expected, rel=1e-12, abs=1e-9)


def test_smooth_functions_to_round_off_and_kinks_to_the_spacing_squared():
    z, w = normal_nodes()
    assert w @ np.cos(3 * z) == pytest.approx(math.exp(-9 / 2), abs=1e-14)
    assert w @ np.maximum(z, 0) == pytest.approx(1 / math.sqrt(2 * math.pi), rel=2e-6)
    assert w @ (z > 0) == pytest.approx(1 / 2, abs=1e-14)


def test_nodes_are_symmetric_and_never_zero():
    z, w = normal_nodes(10)
    np.testing.assert_array_equal(z, -z[::-1])
    np.testing.assert_array_equal(w, w[::-1])
    assert z.shape == w.shape == (10,)
    assert np.all(z != 0)


@pytest.mark.parametrize("n", [0, 1, 7, -2, 2.0])
def test_bad_sizes_are_named(n):
    with pytest.raises(ValueError, match="n must be"):
        normal_nodes(n)


def test_grid_nodes_by_hand():
    x, volume = grid_nodes([0.0, -1.0], [2.0, 1.0], 2)
    assert x.tolist() == [[0.5, -0.5], [0.5, 0.5], [1.5, -0.5], [1.5, 0.5]]
    assert volume == 1


def test_grid_nodes_integrate_a_normal_density_with_cells_as_wide_as_its_deviation():
    x, volume = grid_nodes([-7.0, -7.0, -7.0], [7.0, 7.0, 7.0], 14)
    mass = volume * (np.exp(-np.square(x).sum(axis=-1) / 2)).sum() / (2 * np.pi) ** 1.5
    assert mass == pytest.approx(1, abs=2e-8)
