r"""Two published experiments on MNIST-1D, at its authors' settings, with several networks instead of one.

The *baselines* are logistic regression and a perceptron with a residual connection; *double descent* trains
perceptrons of several widths, with and without wrong labels.

From the shell::

    python -m lib.experiments published --help
"""

from collections.abc import Iterator
from itertools import cycle, pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lib.checks import choice, count, generator
from lib.datasets.mnist1d import mnist1d, mnist1d_steps
from lib.nn.layers import Layer, linear, relu, residual, serial
from lib.nn.losses import cross_entropy, error_rate
from lib.nn.networks import mlp, objective, predictor
from lib.optim.optimizers import adam, momentum
from lib.optim.training import minibatches, record, stochastic

N_TRAIN, BATCH_SIZE, DATA_SEED = 4000, 100, 42
STEPS_OF_AN_EPOCH = N_TRAIN // BATCH_SIZE


class Baseline(NamedTuple):
    """All that decides a run of the baselines.

    Parameters
    ----------
    model
        "logistic" or "residual".
    shuffled
        Whether the 40 coordinates are put in a random order, the authors' own.
    members
        Networks trained in one pass, each with its own first weights.
    steps
        Steps between the first, numbered 0, and the last.
    every
        Steps between two records, a divisor of `steps`.
    seed
        Decides the first weights.
    """

    model: str
    shuffled: bool = False
    members: int = 10
    steps: int = 6000
    every: int = 1000
    seed: int = 0


class Descent(NamedTuple):
    """All that decides a run of double descent.

    Parameters
    ----------
    width
        Units in each of the two hidden layers.
    wrong_labels
        Whether training labels are drawn anew, each with probability 0.15.
    members
        Networks trained in one pass, each with its own first weights and order of the examples.
    epochs
        Passes through the training examples.
    every
        Epochs between two records, a divisor of `epochs`.
    seed
        Decides the first weights and the orders, independently for each width.
    """

    width: int
    wrong_labels: bool = True
    members: int = 4
    epochs: int = 500
    every: int = 100
    seed: int = 0


def pytorch_start(widths: tuple[int, ...], rng: np.random.Generator, members: int) -> NDArray:
    r"""Draw first weights and biases as PyTorch does if it is told nothing.

    .. math:: \Omega_{ij},\, b_i \sim U\Big(-\frac1{\sqrt{D_\text{in}}},\, \frac1{\sqrt{D_\text{in}}}\Big)

    Parameters
    ----------
    widths
        Units of each layer from the input to the output; at least two numbers.
    rng
        Source of randomness.
    members
        Number of networks.

    Returns
    -------
    NDArray
        theta, of shape (members, P), for linear layers of these widths, one after the other.

    Raises
    ------
    ValueError
        If there are fewer than two widths, a number is no positive whole number, or rng is no generator.

    Notes
    -----
    A sixth of He's variance, and biases that are not zero.

    Examples
    --------
    >>> theta = pytorch_start((4, 3, 2), np.random.default_rng(0), members=5)
    >>> theta.shape, bool(np.abs(theta[:, :15]).max() < 1 / 2)
    ((5, 23), True)
    """
    members, rng = count("members", members), generator("rng", rng)
    if not isinstance(widths, tuple) or len(widths) < 2:
        raise ValueError(f"widths must hold the input's and the output's size, but it is {widths}")
    widths = [count("widths", width) for width in widths]
    drawn = [
        rng.uniform(-(d_in**-0.5), d_in**-0.5, (members, d_out * (d_in + 1)))
        for d_in, d_out in pairwise(widths)
    ]
    return np.concatenate(drawn, axis=1)


def redrawn_labels(n_test: int = 12000) -> NDArray:
    """Training labels of MNIST-1D of which some were drawn anew, as the authors drew them.

    Each label, with probability 0.15, is replaced by one of all ten, the right one included.  The dice are
    those that made the data set; they go on where it ended.

    Parameters
    ----------
    n_test
        Number of test examples of that data set.

    Returns
    -------
    NDArray
        Of shape (4000,).

    Raises
    ------
    ValueError
        If 4000 + n_test is no multiple of 10.

    Examples
    --------
    >>> int((redrawn_labels(0) != mnist1d(4000, 0).y).sum())
    566
    """
    n = N_TRAIN + count("n_test", n_test, low=0)
    if n % 10:
        raise ValueError(f"4000 + n_test must be a multiple of 10, but it is {n}")
    rng = np.random.RandomState(DATA_SEED)
    y = np.repeat(np.arange(10), n // 10)
    mnist1d_steps(y, rng)
    y = y[rng.permutation(n)][:N_TRAIN]
    for i in range(N_TRAIN):
        if rng.random_sample() < 0.15:
            y[i] = rng.randint(10)
    return y


def baseline_network(model: str) -> tuple[Layer, tuple[int, ...]]:
    r"""Return the network of a baseline, and the widths of its linear layers.

    .. math:: h_1 = a[\Omega_1 x + b_1], \qquad h_2 = h_1 + a[\Omega_2 h_1 + b_2], \qquad
              f = \Omega_3 h_2 + b_3, \qquad a[z] = \max(z, 0)

    Parameters
    ----------
    model
        "residual" for this one, with 100 units in h_1 and h_2; "logistic" for a linear layer alone.

    Returns
    -------
    network : Layer
        From (..., n, 40) to (..., n, 10).
    widths : tuple of int
        What `pytorch_start` takes.

    Raises
    ------
    ValueError
        If there is no such model.
    """
    if choice("model", model, ["logistic", "residual"]) == "logistic":
        return linear(40, 10), (40, 10)
    block = residual(serial(linear(100, 100), relu()))
    return serial(linear(40, 100), relu(), block, linear(100, 10)), (40, 100, 100, 10)


def train_baseline(setting: Baseline) -> dict[str, NDArray]:
    """Train a baseline as its authors did: Adam with rate 0.01, batches of 100 in the order of the examples.

    Parameters
    ----------
    setting
        What to train, and how long.

    Returns
    -------
    dict
        "step": the number of the last step, from 0, of shape (T,); and of shape (T, members) each,
        "train_error" and "test_error", shares in [0, 1], and "test_loss", the cross-entropy in nats.

    Raises
    ------
    ValueError
        If an entry of the setting is out of its range.
    lib.optim.training.DivergenceError
        If a member leaves the finite numbers.

    Notes
    -----
    Greydanus and Kobak (2024).

    Examples
    --------
    >>> history = train_baseline(Baseline("logistic", members=2, steps=20, every=10))
    >>> history["step"].tolist(), history["test_error"].shape
    ([0, 10, 20], (3, 2))
    """
    setting = checked(setting)
    network, widths = baseline_network(setting.model)
    x, y, x_test, y_test = mnist1d(N_TRAIN, 1000, seed=DATA_SEED)
    if setting.shuffled:
        order = np.random.RandomState(DATA_SEED).permutation(x.shape[1])
        x, x_test = x[:, order], x_test[:, order]
    theta = pytorch_start(widths, np.random.default_rng(setting.seed), setting.members)
    starts = range(0, N_TRAIN, BATCH_SIZE)
    batches = cycle([(x[i : i + BATCH_SIZE], y[i : i + BATCH_SIZE]) for i in starts])
    _, gradient = objective(network, cross_entropy)
    iterates = adam(stochastic(gradient, batches), theta, alpha=1e-2)
    next(iterates)  # They look after the step of a number, not before.
    history = _scored(iterates, network, setting.steps, setting.every, (x, y), (x_test, y_test))
    return {"step": history.pop("t"), **history}


def train_descent(setting: Descent) -> dict[str, NDArray]:
    """Train perceptrons of one width as the authors did: momentum 0.9, Polyak's rate 0.01, batches of 100.

    Parameters
    ----------
    setting
        What to train, and how long.

    Returns
    -------
    dict
        "epoch", of shape (T,); and of shape (T, members) each, "train_error" and "test_error", shares in
        [0, 1], and "test_loss", the cross-entropy in nats.  Wrong labels are in the training set alone.

    Raises
    ------
    ValueError
        If an entry of the setting is out of its range.
    lib.optim.training.DivergenceError
        If a member leaves the finite numbers.

    Notes
    -----
    Greydanus and Kobak (2024): 4000 examples to train on and 12,000 to test on.

    Examples
    --------
    >>> history = train_descent(Descent(3, members=2, epochs=2, every=1))
    >>> history["epoch"].tolist(), history["test_error"].shape
    ([0, 1, 2], (3, 2))
    """
    setting = checked(setting)
    x, y, x_test, y_test = mnist1d(N_TRAIN, 12000, seed=DATA_SEED)
    if setting.wrong_labels:
        y = redrawn_labels(12000)
    widths = (40, setting.width, setting.width, 10)
    rng = np.random.default_rng(np.random.SeedSequence(setting.seed, spawn_key=(setting.width,)))
    theta = pytorch_start(widths, rng, setting.members)
    network = mlp(*widths)
    _, gradient = objective(network, cross_entropy)
    batches = minibatches(x, y, batch_size=BATCH_SIZE, rng=rng, members=setting.members)
    iterates = momentum(stochastic(gradient, batches), theta, alpha=0.1, beta=0.9)
    steps, every = (n * STEPS_OF_AN_EPOCH for n in (setting.epochs, setting.every))
    history = _scored(iterates, network, steps, every, (x, y), (x_test, y_test))
    return {"epoch": history.pop("t") // STEPS_OF_AN_EPOCH, **history}


def checked(setting: Baseline | Descent) -> Baseline | Descent:
    """Return the setting if a run of it could start, else raise a `ValueError` that names the entry.

    Parameters
    ----------
    setting
        A baseline, or a width of double descent.

    Returns
    -------
    Baseline or Descent
        The same, in Python's own numbers.

    Raises
    ------
    ValueError
        If an entry is out of its range, or every does not divide steps or epochs.
    """
    if isinstance(setting, Baseline):
        choice("model", setting.model, ["logistic", "residual"])
    least = {"width": 1, "members": 1, "steps": 0, "epochs": 1, "every": 1}
    sizes = {
        name: count(name, getattr(setting, name), low)
        for name, low in least.items()
        if name in setting._fields
    }
    length = "steps" if isinstance(setting, Baseline) else "epochs"
    if sizes[length] % sizes["every"]:
        raise ValueError(f"every must divide {length}, {sizes[length]}, but it is {sizes['every']}")
    return setting._replace(seed=count("seed", setting.seed, low=0, high=2**128 - 1), **sizes)


def _scored(
    iterates: Iterator[NDArray], network: Layer, steps: int, every: int, train: tuple, test: tuple
) -> dict[str, NDArray]:
    predict = predictor(network)
    return record(
        iterates,
        steps,
        every,
        train_error=lambda theta: error_rate(predict(theta, train[0]), train[1]),
        test_error=lambda theta: error_rate(predict(theta, test[0]), test[1]),
        test_loss=lambda theta: cross_entropy(predict(theta, test[0]), test[1]),
    )[1]


def train(setting: Baseline | Descent) -> dict[str, NDArray]:
    """Train what a setting describes.

    Parameters
    ----------
    setting
        A baseline, or a width of double descent.

    Returns
    -------
    dict
        As of `train_baseline` or `train_descent`.

    Raises
    ------
    ValueError
        If an entry of the setting is out of its range.
    lib.optim.training.DivergenceError
        If a member leaves the finite numbers.
    """
    return train_baseline(setting) if isinstance(setting, Baseline) else train_descent(setting)
