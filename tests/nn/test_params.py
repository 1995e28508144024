"""Trees of arrays and flat vectors are two views of the same numbers."""

import numpy as np
import pytest

from lib.nn.params import leaves, ravel, unraveler


def example(rng, lead=()):
    """Draw a tree of P = 6 + 3 + 1 + 2 = 12 numbers, with an empty branch and a scalar leaf."""
    return ((rng.normal(size=(*lead, 2, 3)), rng.normal(size=(*lead, 3))), (), rng.normal(size=(*lead, 1, 1)),
            (rng.normal(size=(*lead, 2)),))  # fmt: skip


def test_leaves_come_from_left_to_right_and_are_not_copied(rng):
    tree = example(rng)
    found = list(leaves(tree))
    assert [leaf.shape for leaf in found] == [(2, 3), (3,), (1, 1), (2,)]
    assert found[0] is tree[0][0]
    assert list(leaves(())) == []


def test_ravel_lists_rows_in_order():
    tree = (np.array([[1.0, 2.0], [3.0, 4.0]]), (np.array([5.0]),))
    assert ravel(tree).tolist() == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("lead", [(), (4,), (2, 3)])
def test_unravel_inverts_ravel_with_any_leading_axes(rng, lead):
    unravel = unraveler(example(rng))
    tree = example(rng, lead)
    theta = ravel(tree, batch_ndim=len(lead))
    assert theta.shape == (*lead, 12)
    rebuilt = unravel(theta)
    assert [type(branch) for branch in rebuilt] == [tuple, tuple, np.ndarray, tuple]
    assert rebuilt[1] == ()
    for leaf, copy in zip(leaves(tree), leaves(rebuilt), strict=True):
        np.testing.assert_array_equal(leaf, copy)
        assert np.shares_memory(copy, theta)
    np.testing.assert_array_equal(ravel(rebuilt, batch_ndim=len(lead)), theta)


def test_precision_is_kept():
    theta = ravel((np.ones(2, np.float32), np.ones((1, 1), np.float32)))
    assert theta.dtype == np.float32
    assert unraveler(np.zeros(3))(theta).dtype == np.float32


def test_bad_arguments_are_named(rng):
    with pytest.raises(ValueError, match="tree must hold at least one array"):
        ravel(((), ()))
    with pytest.raises(ValueError, match="tree must have the same batch_ndim = 1 leading axes"):
        ravel((np.zeros((2, 3)), np.zeros(4)), batch_ndim=1)
    for name in ("tree", "params"):
        with pytest.raises(ValueError, match=f"^{name} must hold numbers"):
            list(leaves((np.zeros(2), (np.array(["a"]),)), name))
        with pytest.raises(ValueError, match=f"^{name} must hold numbers"):
            unraveler((np.zeros(2), np.array(["a"])), name)
    with pytest.raises(ValueError, match="theta must end in the 2 entries of params"):
        unraveler(np.zeros(2), "params")(np.zeros(3))
    unravel = unraveler(example(rng))
    for shape in [(11,), (13,), (12, 1), ()]:
        with pytest.raises(ValueError, match="theta must end in the 12 entries"):
            unravel(np.zeros(shape))


def test_a_leaf_may_be_a_single_number():
    tree = (np.array(2.0), np.array([3.0]))
    theta = ravel(tree)
    assert theta.tolist() == [2, 3]
    assert [leaf.shape for leaf in unraveler(tree)(np.stack([theta, theta]))] == [(2,), (2, 1)]
