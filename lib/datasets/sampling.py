"""Which rows are used for what, and which of their labels are wrong."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lib.checks import (
    count,
    ensemble,
    generator,
    proportion,
    whole,
)


def corrupt_labels(y: ArrayLike, share: float, rng: np.random.Generator, n_classes: int = 10) -> NDArray:
    r"""Give a share of the examples a wrong class, each of the others being equally likely.

    Parameters
    ----------
    y
        Classes, whole numbers in 0 ... n_classes - 1, of shape (n,).
    share
        Share of the examples that change, in [0, 1]: their number is share * n, rounded.
    rng
        Source of randomness: first it chooses the examples, then their new classes.
    n_classes
        Number of classes, at least 2.

    Returns
    -------
    NDArray
        The classes with so many of them wrong, of shape (n,).

    Raises
    ------
    ValueError
        If y holds no classes, share lies outside [0, 1], or rng is no generator.

    Notes
    -----
    To draw the new class among all would leave one in n_classes of those chosen as it was.

    Examples
    --------
    >>> y = np.arange(100) % 10
    >>> int((corrupt_labels(y, 0.15, np.random.default_rng(0)) != y).sum())
    15
    """
    n_classes, rng = count("n_classes", n_classes, low=2), generator("rng", rng)
    y = whole("y", y, high=n_classes - 1, ndim=1).copy()
    wrong = rng.choice(len(y), round(proportion("share", share) * len(y)), replace=False)
    y[wrong] = (y[wrong] + rng.integers(1, n_classes, len(wrong))) % n_classes
    return y


def split_rows(
    n: int, *sizes: int, rng: np.random.Generator, members: int | None = None
) -> tuple[NDArray, ...]:
    r"""Deal the rows of a data set to sets that have none in common: to train on, to validate on, ...

    Parameters
    ----------
    n
        Number of examples.
    sizes
        How many rows each set gets; together at most n.
    rng
        Source of randomness: one permutation for each member.
    members
        Number of such deals; without it there is one.

    Returns
    -------
    tuple of NDArray
        Row numbers in 0 ... n - 1, of shape (size,), or (members, size), one array for each size.

    Raises
    ------
    ValueError
        If there is no size, one is no positive whole number, their sum exceeds n, members < 1, or rng is no
        generator.

    Examples
    --------
    >>> train, held_out = split_rows(5, 3, 2, rng=np.random.default_rng(0))
    >>> sorted([*train.tolist(), *held_out.tolist()])
    [0, 1, 2, 3, 4]
    """
    n, rng, sizes = count("n", n), generator("rng", rng), [count("sizes", size) for size in sizes]
    if not 0 < sum(sizes) <= n:
        raise ValueError(f"sizes must be at least one number, and at most n = {n} together, but are {sizes}")
    order = rng.permuted(np.broadcast_to(np.arange(n), (*ensemble("members", members), n)), axis=-1)
    return tuple(np.split(order[..., : sum(sizes)], np.cumsum(sizes)[:-1], axis=-1))
