"""Parameters as one flat vector theta of shape (..., P), and as the structure that a model reads.

A structure ("tree") is an array or a tuple of trees.  Leading axes of theta are an ensemble: theta of
shape (S, P) holds S settings of the same P parameters, and every model in this library accepts it.
"""

import math
from collections.abc import Callable, Iterator
from itertools import pairwise, repeat

import numpy as np
from numpy.typing import NDArray

from lib.checks import count, numbers

Tree = NDArray | tuple


def leaves(tree: Tree, name: str = "tree") -> Iterator[NDArray]:
    """Yield the arrays of a tree from left to right.

    Parameters
    ----------
    tree
        An array, or a tuple of trees.
    name
        What the caller calls it; a message begins with it.

    Yields
    ------
    NDArray
        Each array, unchanged if it holds floats.

    Raises
    ------
    ValueError
        If there is something else than numbers in the tree.

    Examples
    --------
    >>> [leaf.shape for leaf in leaves((np.zeros((3, 2)), (np.zeros(3), ())))]
    [(3, 2), (3,)]
    """
    if isinstance(tree, tuple):
        for branch in tree:
            yield from leaves(branch, name)
    else:
        yield numbers(name, tree)


def ravel(tree: Tree, batch_ndim: int = 0) -> NDArray:
    """Flatten a tree into theta, keeping `batch_ndim` leading axes.

    Parameters
    ----------
    tree
        Arrays of shape ``(*lead, *own)``, all with the same `lead` of length `batch_ndim`.
    batch_ndim
        Number of leading axes that count the members of an ensemble.

    Returns
    -------
    NDArray
        theta, of shape ``(*lead, P)``.

    Raises
    ------
    ValueError
        If the tree holds no array, or something else, or its arrays differ in their leading axes.

    Examples
    --------
    >>> ravel((np.array([[1., 2.]]), np.array([3.])))
    array([1., 2., 3.])
    """
    arrays, batch_ndim = list(leaves(tree)), count("batch_ndim", batch_ndim, low=0)
    if not arrays:
        raise ValueError("tree must hold at least one array")
    lead = arrays[0].shape[:batch_ndim]
    if len(lead) < batch_ndim or any(array.shape[:batch_ndim] != lead for array in arrays):
        shapes = [array.shape for array in arrays]
        raise ValueError(
            f"tree must have the same batch_ndim = {batch_ndim} leading axes in all arrays, but has {shapes}"
        )
    return np.concatenate(
        [array.reshape(*lead, math.prod(array.shape[batch_ndim:])) for array in arrays], axis=-1
    )


def unraveler(tree: Tree, name: str = "tree") -> Callable[[NDArray], Tree]:
    """Return the inverse of `ravel` for trees of this structure.

    Parameters
    ----------
    tree
        The structure: its shapes matter, its values do not.
    name
        What the caller calls it, for messages.

    Returns
    -------
    Callable
        unravel(theta), with theta of shape (..., P): a tree of views into theta, each of shape
        ``(..., *own)``.  It raises a `ValueError` if theta holds no numbers or its last axis is not P.

    Raises
    ------
    ValueError
        If there is something else than numbers in the tree.

    Examples
    --------
    >>> unraveler((np.zeros((1, 2)), np.zeros(1)))(np.arange(3.))
    (array([[0., 1.]]), array([2.]))
    """
    shapes = [leaf.shape for leaf in leaves(tree, name)]
    cuts = np.cumsum([0, *map(math.prod, shapes)]).tolist()
    slices = [slice(*pair) for pair in pairwise(cuts)]
    structure = _filled(tree, repeat(None))  # and not the arrays themselves

    def unravel(theta: NDArray) -> Tree:
        theta = numbers("theta", theta)
        if theta.shape[-1:] != (cuts[-1],):
            raise ValueError(
                f"theta must end in the {cuts[-1]} entries of {name}, but its shape is {theta.shape}"
            )
        lead = theta.shape[:-1]
        parts = [theta[..., one].reshape(lead + shape) for one, shape in zip(slices, shapes, strict=True)]
        return _filled(structure, iter(parts))

    return unravel


def _filled(structure: object, values: Iterator) -> object:
    """Return nested tuples with their leaves, from left to right, replaced by the values."""
    # A function inside of `unravel` that calls itself would be a cycle, and keep theta alive.
    if isinstance(structure, tuple):
        return tuple([_filled(branch, values) for branch in structure])
    return next(values)
