"""The double-descent experiment: one width of network, trained on labels of which some are wrong."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lib.checks import choice, count, fraction, positive, proportion
from lib.datasets.mnist1d import mnist1d
from lib.datasets.sampling import corrupt_labels
from lib.nn.initialization import variance_scaling
from lib.nn.layers import Layer
from lib.nn.losses import cross_entropy, error_rate
from lib.nn.networks import mlp, objective, predictor
from lib.optim.optimizers import momentum
from lib.optim.training import DivergenceError, minibatches, record, stochastic

N_INPUTS, N_CLASSES = 40, 10  # of MNIST-1D


class Setting(NamedTuple):
    """All that decides a run of the experiment.

    Parameters
    ----------
    width
        Units in each of the two hidden layers.
    members
        Networks trained in one pass, each with its own first weights and its own order of the examples.
    n_train, n_test
        Number of examples to train and to test on.
    label_noise
        Share of the training examples with a wrong class.  The test classes are right.
    epochs
        Passes through the training examples.
    batch_size
        Examples in a step.
    alpha, beta
        Learning rate and memory of `lib.optim.optimizers.momentum`; Polyak's rate is alpha (1 - beta).
    dtype
        Precision of weights and inputs, "float64" or "float32".
    every
        Epochs between two records, a divisor of `epochs`; without it only the start and the end are kept.
    seed
        Decides the first weights and the orders, independently for each width, and which labels are wrong,
        alike for all widths.
    data_seed
        Decides the examples.
    """

    width: int
    members: int = 4
    n_train: int = 4000
    n_test: int = 4000
    label_noise: float = 0.15
    epochs: int = 200
    batch_size: int = 100
    alpha: float = 0.2
    beta: float = 0.9
    dtype: str = "float64"
    every: int | None = None
    seed: int = 0
    data_seed: int = 42


def checked(setting: Setting) -> Setting:
    """Return the setting if a run of it could start, else raise a `ValueError` that names the entry.

    Parameters
    ----------
    setting
        The setting.

    Returns
    -------
    Setting
        The same, in Python's own numbers.

    Raises
    ------
    ValueError
        If an entry is out of its range or not finite.
    """
    sizes = ("width", "members", "n_train", "n_test", "epochs", "batch_size")
    setting = setting._replace(
        **{name: count(name, getattr(setting, name)) for name in sizes},
        seed=count("seed", setting.seed, low=0, high=2**128 - 1),
        data_seed=count("data_seed", setting.data_seed, low=0, high=2**32 - 1),
        every=None if setting.every is None else count("every", setting.every),
        label_noise=proportion("label_noise", setting.label_noise),
        alpha=positive("alpha", setting.alpha, ndim=0),
        beta=fraction("beta", setting.beta, ndim=0),
        dtype=choice("dtype", setting.dtype, ["float64", "float32"]),
    )
    if setting.batch_size > setting.n_train:
        raise ValueError(
            f"batch_size must be at most n_train, {setting.n_train}, but it is {setting.batch_size}"
        )
    if (setting.n_train + setting.n_test) % N_CLASSES:
        raise ValueError(
            f"n_train + n_test must be a multiple of 10, but it is {setting.n_train + setting.n_test}"
        )
    if setting.every is not None and setting.epochs % setting.every:
        raise ValueError(f"every must divide epochs, {setting.epochs}, but it is {setting.every}")
    return setting


def network(width: int) -> Layer:
    """Return the multilayer perceptron 40-width-width-10 with ReLU, He's uniform weights and zero biases.

    Parameters
    ----------
    width
        Units in each hidden layer.

    Returns
    -------
    Layer
        From (..., n, 40) to (..., n, 10).

    Raises
    ------
    ValueError
        If width is no positive whole number.
    """
    count("width", width)
    return mlp(N_INPUTS, width, width, N_CLASSES, weights=variance_scaling(distribution="uniform"))


def n_parameters(width: int) -> int:
    r"""Count the weights and biases of the network.

    .. math:: P = k^2 + 52\,k + 10

    Parameters
    ----------
    width
        k, the units in each hidden layer.

    Returns
    -------
    int
        P.

    Raises
    ------
    ValueError
        If width is no positive whole number.

    Examples
    --------
    >>> n_parameters(48)
    4810
    """
    return network(width).size


def train(setting: Setting) -> dict[str, NDArray]:
    r"""Train an ensemble of networks of one width, and record how well it fits and predicts.

    Parameters
    ----------
    setting
        What to train, on what, how.

    Returns
    -------
    dict
        "epoch": 0, ..., of shape (T,); and of shape (T, members) each, "train_error" and "test_error",
        shares in [0, 1]; "train_error_on_wrong", the part of the training error that lies on wrong labels;
        "train_loss" and "test_loss", the cross-entropy in nats; "norm", the Euclidean norm of all weights and
        biases.  Training error and loss are against the labels that were trained on, wrong ones included.

    Raises
    ------
    ValueError
        If an entry of the setting is out of its range.
    lib.optim.training.DivergenceError
        If a member leaves the finite numbers.

    Notes
    -----
    Nakkiran et al. (2020), on the small data set of Greydanus and Kobak (2024).  The setting alone decides
    a run; the members of a larger ensemble are others than those of a smaller one.

    Examples
    --------
    >>> history = train(Setting(width=5, members=2, n_train=100, n_test=50, epochs=4, every=2))
    >>> history["epoch"].tolist(), history["test_error"].shape
    ([0, 2, 4], (3, 2))
    """
    setting = checked(setting)
    x, right, x_test, y_test = mnist1d(setting.n_train, setting.n_test, seed=setting.data_seed)
    y = corrupt_labels(right, setting.label_noise, np.random.default_rng(setting.seed))
    x, x_test = x.astype(setting.dtype), x_test.astype(setting.dtype)

    # Every width has a stream of its own, and none is that of the labels.
    rng = np.random.default_rng(np.random.SeedSequence(setting.seed, spawn_key=(setting.width,)))
    model = network(setting.width)
    theta = model.start(rng, setting.members).astype(setting.dtype)
    predict = predictor(model)
    _, gradient = objective(model, cross_entropy)
    batches = minibatches(x, y, batch_size=setting.batch_size, rng=rng, members=setting.members)
    iterates = momentum(stochastic(gradient, batches), theta, setting.alpha, setting.beta)

    def scores(theta: NDArray, x: NDArray, y: NDArray) -> tuple[NDArray, NDArray]:
        f = predict(theta, x)
        if not np.isfinite(f).all():
            raise DivergenceError("the outputs are no longer finite: alpha is too large")
        return error_rate(f, y), cross_entropy(f, y)

    steps = -(-setting.n_train // setting.batch_size)  # in an epoch; the last one may be smaller
    _, history = record(
        iterates,
        setting.epochs * steps,
        (setting.every or setting.epochs) * steps,
        train=lambda theta: scores(theta, x, y),
        test=lambda theta: scores(theta, x_test, y_test),
        on_wrong=lambda theta: np.mean((predict(theta, x).argmax(axis=-1) != y) & (y != right), axis=-1),
        norm=lambda theta: np.linalg.norm(theta, axis=-1),
    )
    train_error, train_loss = history["train"].swapaxes(0, 1)
    test_error, test_loss = history["test"].swapaxes(0, 1)
    return {
        "epoch": history["t"] // steps,
        "train_error": train_error,
        "train_error_on_wrong": history["on_wrong"],
        "test_error": test_error,
        "train_loss": train_loss,
        "test_loss": test_loss,
        "norm": history["norm"],
    }
