"""Runs of an optimizer: which rows each step sees, and what is kept of the iterates."""

from collections.abc import Callable, Iterator
from itertools import islice
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from tqdm import tqdm  # not tqdm.auto: in notebooks its bar ignores TQDM_DISABLE

from lib.checks import as_array, count, ensemble, generator, numbers, whole


class DivergenceError(ArithmeticError):
    """The iterates left the finite numbers: the learning rate is too large for this loss."""


def minibatches(
    *arrays: NDArray,
    batch_size: int,
    rng: np.random.Generator,
    members: int | None = None,
    rows: NDArray | None = None,
) -> Iterator[tuple[NDArray, ...]]:
    """Yield batches of rows without end: each epoch visits every row once, in a new random order.

    Parameters
    ----------
    arrays
        Arrays with the same number n of rows, such as X and y.
    batch_size
        Rows in a batch, from 1 to n.  If it does not divide n, the last batch of each epoch holds
        the n mod batch_size rows that are left: no row is skipped.
    rng
        Source of randomness: one order is drawn per epoch and member.
    members
        Size of an ensemble in which each member has its own order; without it there is one order.
    rows
        Rows that an epoch visits, of shape (m,), or (members, m) if each member has its own, in place of all:
        a training set, say, or a bootstrap sample, in which a row may occur twice.

    Yields
    ------
    tuple of NDArray
        The same rows of each array: (batch_size, ...), or (members, batch_size, ...).

    Raises
    ------
    ValueError
        If the arrays differ in length or are missing, rows is not among theirs or comes with members,
        batch_size lies outside 1 ... n (of m, if there are rows), members < 1, or rng is no generator.

    Examples
    --------
    >>> batches = minibatches(np.arange(5), batch_size=2, rng=np.random.default_rng(0))
    >>> epoch = [next(batches)[0] for _ in range(3)]
    >>> [len(batch) for batch in epoch], sorted(np.concatenate(epoch).tolist())
    ([2, 2, 1], [0, 1, 2, 3, 4])
    """
    arrays, rng = _arrays(arrays), generator("rng", rng)
    total = len(arrays[0])
    if rows is None:
        deck = np.broadcast_to(np.arange(total), (*ensemble("members", members), total))
    else:
        deck = whole("rows", rows, high=total - 1)
        if members is not None or deck.ndim == 0:
            raise ValueError("rows must have shape (m,) or (members, m), and brings its members along")
    n = deck.shape[-1]
    everybody = (slice(None),) * (deck.ndim - 1)
    if count("batch_size", batch_size) > n:
        raise ValueError(
            f"batch_size must be at most the number of rows in arrays or rows, {n}, not {batch_size}"
        )

    def batches() -> Iterator[tuple[NDArray, ...]]:
        while True:
            order = rng.permuted(deck, axis=-1)
            # Dealt at once: a batch is a view.
            epoch = [array.take(order, axis=0) for array in arrays]
            for start in range(0, n, batch_size):
                batch = (*everybody, slice(start, start + batch_size))
                yield tuple(array[batch] for array in epoch)

    return batches()


def random_batches(
    *arrays: NDArray, batch_size: int, rng: np.random.Generator, members: int | None = None
) -> Iterator[tuple[NDArray, ...]]:
    """Yield batches of rows without end, each row drawn on its own: with replacement, no epochs.

    Parameters
    ----------
    arrays
        Arrays with the same number n of rows, such as X and y.
    batch_size
        Rows in a batch, at least 1.
    rng
        Source of randomness.
    members
        Size of an ensemble in which each member has its own rows; without it there is one batch.

    Yields
    ------
    tuple of NDArray
        The same rows of each array: (batch_size, ...), or (members, batch_size, ...).

    Raises
    ------
    ValueError
        If the arrays differ in length, are missing or are empty, batch_size < 1, members < 1, or rng is no
        generator.
    """
    arrays, rng = _arrays(arrays), generator("rng", rng)
    n, shape = len(arrays[0]), (*ensemble("members", members), count("batch_size", batch_size))

    def batches() -> Iterator[tuple[NDArray, ...]]:
        while True:
            rows = rng.integers(n, size=shape)
            yield tuple(array.take(rows, axis=0) for array in arrays)

    return batches()


def _arrays(arrays: tuple[ArrayLike, ...]) -> list[NDArray]:
    """Return the arrays if all have the same number of rows, and any."""
    arrays = [as_array("arrays", one) for one in arrays]
    lengths = {one.shape[:1] for one in arrays}
    if len(lengths) != 1 or lengths & {(), (0,)}:
        raise ValueError(
            f"arrays must have the same number of rows, at least 1, but have the shapes "
            f"{', '.join(str(one.shape) for one in arrays)}"
        )
    return arrays


def stochastic(
    gradient: Callable[..., NDArray], batches: Iterator[tuple[NDArray, ...]]
) -> Callable[[NDArray], NDArray]:
    r"""Return the gradient on the next batch, as a function of theta alone.

    .. math:: g_t(\theta) = \nabla L_{\mathcal B_t}(\theta)

    Parameters
    ----------
    gradient
        ``(theta, *batch) -> g``.
    batches
        Each call of the result takes one more, as `minibatches` yields them.

    Returns
    -------
    Callable
        theta -> g, ready for an optimizer.
    """
    return lambda theta: gradient(theta, *next(batches))


def record(
    iterates: Iterator[NDArray],
    n_steps: int,
    every: int = 1,
    progress: str | None = None,
    **metrics: Callable[[NDArray], object],
) -> tuple[NDArray, dict[str, NDArray]]:
    """Take n_steps of an optimizer and keep what the metrics say of its iterates.

    Parameters
    ----------
    iterates
        theta_0, theta_1, ..., from `lib.optim.optimizers`.
    n_steps
        Number of steps, T.
    every
        The metrics are evaluated at t = 0, every, 2 every, ... up to T.
    progress
        Label of a progress bar, for a long run; none without it.
    metrics
        name=function of theta.

    Returns
    -------
    theta : NDArray
        The last iterate, theta_T.
    history : dict
        {"t": the steps, name: the metric's values, stacked along the first axis}.

    Raises
    ------
    ValueError
        If n_steps < 0, every < 1, a metric is called "t" or gives no numbers, or the iterates end before.
    DivergenceError
        If an iterate or the value of a metric is not finite; the message says which and at which step.

    Examples
    --------
    >>> from lib.optim.optimizers import sgd
    >>> theta, history = record(sgd(lambda theta: 2 * theta, [1.0], alpha=0.25), 4, every=2, loss=sum)
    >>> theta.tolist(), history["t"].tolist(), history["loss"].tolist()
    ([0.0625], [0, 2, 4], [1.0, 0.25, 0.0625])
    """
    n_steps, every = count("n_steps", n_steps, low=0), count("every", every)
    if "t" in metrics:
        raise ValueError('a metric must not be called "t": that is the step')
    history: dict[str, list] = {"t": [], **{name: [] for name in metrics}}
    t, steps = -1, islice(iterates, n_steps + 1)
    if progress is not None:
        steps = tqdm(steps, progress, n_steps + 1, leave=False)
    # An overflow is about to be reported below, better than by a warning.
    with np.errstate(over="ignore", invalid="ignore"):
        for t, theta in enumerate(steps):
            _finite_at("theta", theta, t)
            if t % every == 0:
                history["t"].append(t)
                for name, metric in metrics.items():
                    history[name].append(_finite_at(name, metric(theta), t))
    if t < n_steps:
        raise ValueError(f"iterates must hold n_steps = {n_steps} steps, but they end after {t}")
    return theta, {name: as_array(name, values) for name, values in history.items()}


def _finite_at(name: str, value: object, t: int) -> object:
    if not np.isfinite(numbers(name, value)).all():
        if t == 0:
            raise DivergenceError(f"{name} is not finite at the start")
        raise DivergenceError(f"{name} is no longer finite at step {t}: the learning rate is too large")
    return value


def trajectory(iterates: Iterator[NDArray], n_steps: int) -> NDArray:
    """Return the first n_steps + 1 iterates, stacked along a new first axis.

    Parameters
    ----------
    iterates
        theta_0, theta_1, ..., from `lib.optim.optimizers`.
    n_steps
        Number of steps, T.

    Returns
    -------
    NDArray
        theta_0 ... theta_T, of shape ``(T + 1, *theta.shape)``.

    Raises
    ------
    ValueError
        If n_steps < 0, or the iterates end before.
    DivergenceError
        If an iterate is not finite.
    """
    return record(iterates, n_steps, theta=lambda theta: theta)[1]["theta"]


class Stopped(NamedTuple):
    """What early stopping returns: the best iterate, its step and score, and the step of the stop."""

    theta: NDArray
    step: NDArray
    score: NDArray
    stop: NDArray


def early_stopping(
    iterates: Iterator[NDArray],
    score: Callable[[NDArray], NDArray],
    patience: int,
    max_steps: int,
    every: int = 1,
) -> Stopped:
    r"""Follow an optimizer until its score has not improved for a while, and return the best iterate.

    .. math:: \hat t = \arg\min_{t \le T} s(\theta_t), \qquad
              T = \text{the first } t \text{ without a new least score in } (t - \text{patience}, t]

    Parameters
    ----------
    iterates
        theta_0, theta_1, ..., of shape (..., P), from `lib.optim.optimizers`.
    score
        theta -> s, of shape (...), less is better: a loss on validation data.
    patience
        Steps to wait for an improvement, at least `every`: else none would be looked for.
    max_steps
        Stop there at the latest.
    every
        The score is evaluated at t = 0, every, 2 every, ...

    Returns
    -------
    Stopped
        theta (..., P) and, each of shape (...), the step and the score of the best iterate, the earliest
        one if there are several, and the step of the stop.  Each member of an ensemble stops on its own,
        with the same result as alone.

    Raises
    ------
    ValueError
        If patience, max_steps or every is no positive whole number, patience is below every, the score is not
        of shape (...), or there is no iterate.
    DivergenceError
        If the score of a member that has not yet stopped is not finite.

    Notes
    -----
    Prechelt (1998).

    Examples
    --------
    >>> path = iter(np.array([[4.0], [3.0], [1.0], [0.0], [-1.0], [2.0]]))
    >>> found = early_stopping(path, lambda theta: (theta[..., 0] - 2) ** 2, patience=2, max_steps=9)
    >>> found.theta.tolist(), int(found.step), float(found.score), int(found.stop)
    ([3.0], 1, 1.0, 3)
    """
    patience, max_steps = count("patience", patience), count("max_steps", max_steps)
    t, every = -1, count("every", every)
    if patience < every:
        raise ValueError(f"patience must be at least every, {every}, but it is {patience}")
    for t, theta in enumerate(islice(iterates, max_steps + 1)):
        if t == 0:
            best, step, least = theta, np.zeros(theta.shape[:-1], int), np.full(theta.shape[:-1], np.inf)
            stop, running = step, np.ones(theta.shape[:-1], bool)
        stop = np.where(running, t, stop)
        if not t % every:
            s = np.where(running, _score_of(score, theta), 0)
            better = running & (_finite_at("score", s, t) < least)
            best, step, least = (
                np.where(better[..., None], theta, best),
                np.where(better, t, step),
                np.where(better, s, least),
            )
        running = t - step < patience
        if not running.any():
            break
    if t < 0:
        raise ValueError("iterates must hold at least one, but there is none")
    return Stopped(best, step, least, stop)


def _score_of(score: Callable[[NDArray], NDArray], theta: NDArray) -> NDArray:
    s = as_array("score", score(theta))
    if s.dtype.kind not in "biuf" or s.shape != theta.shape[:-1]:
        raise ValueError(
            f"score must give real numbers of shape {theta.shape[:-1]}, but they are {s.dtype} of {s.shape}"
        )
    return s
