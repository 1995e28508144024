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


def balanced_rows(
    y: NDArray, per_class: int, rng: np.random.Generator, members: int | None = None
) -> NDArray:
    """Draw the rows of a training set with equally many examples of each class, none twice.

    Parameters
    ----------
    y
        Classes, of shape (n,).
    per_class
        Examples of each class.
    rng
        Source of randomness: each class is shuffled whole, so that with the same seed a smaller set is
        part of a larger one.
    members
        Number of sets; without it there is one.

    Returns
    -------
    NDArray
        Row numbers, of shape (K * per_class,) or (members, K * per_class), class after class.

    Raises
    ------
    ValueError
        If y is no vector of whole numbers from 0, members < 1, per_class lies outside 1 ... the size of the
        smallest class, or rng is no generator.

    Examples
    --------
    >>> y = np.array([0, 0, 0, 1, 1])
    >>> y[balanced_rows(y, 2, np.random.default_rng(0))]
    array([0, 0, 1, 1])
    """
    y, rng = whole("y", y, ndim=1), generator("rng", rng)
    classes = [np.flatnonzero(y == k) for k in np.unique(y)]
    smallest = min(len(rows) for rows in classes)
    if count("per_class", per_class) > smallest:
        raise ValueError(
            f"per_class must be at most {smallest}, the smallest class of y, but it is {per_class}"
        )
    lead = ensemble("members", members)
    decks = [rng.permuted(np.broadcast_to(rows, (*lead, len(rows))), axis=-1) for rows in classes]
    return np.concatenate([deck[..., :per_class] for deck in decks], axis=-1)


def bootstrap(n: int, members: int, rng: np.random.Generator) -> NDArray:
    r"""Draw bootstrap samples: n of n rows with replacement, for each member anew.

    Parameters
    ----------
    n
        Number of examples.
    members
        Number of samples, M.
    rng
        Source of randomness.

    Returns
    -------
    NDArray
        Row numbers in 0 ... n - 1, of shape (members, n).  A sample misses a row with probability
        (1 - 1/n)^n, which tends to 1/e = 0.368.

    Raises
    ------
    ValueError
        If n or members is no positive whole number, or rng is no generator.

    Notes
    -----
    Efron (1979).  Breiman (1996) averages fits to such samples: bagging.  `lib.optim.training.minibatches`
    takes them as its rows.

    Examples
    --------
    >>> bootstrap(5, 2, np.random.default_rng(0)).shape
    (2, 5)
    """
    n, members, rng = count("n", n), count("members", members), generator("rng", rng)
    return rng.integers(n, size=(members, n))
