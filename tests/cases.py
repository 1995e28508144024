"""Good arguments for every public function of `lib`: what `test_bad_input` corrupts, one argument at a time.

A `Case` holds the arguments that are tried and, in its lambda, those that are not: functions, flags and
names.  Where a function returns a generator or another function, the lambda goes on to the numbers it gives.
"""

import contextlib
import math
from collections.abc import Callable
from itertools import pairwise
from typing import NamedTuple
from unittest.mock import MagicMock

import numpy as np

from lib import checks
from lib.book import claims, plotting
from lib.datasets import augmentation, densities, mnist1d, points, sampling
from lib.experiments import double_descent, published, sweeps
from lib.generative import bijections, transport
from lib.nn import ensembling, finetuning, initialization, layers, losses, networks, params
from lib.optim import gradient_flow, optimizers, schedules, training
from lib.stats import (
    bias_variance,
    decision,
    decision_losses,
    divergences,
    linear_models,
    quadrature,
    transfer,
)


class Case(NamedTuple):
    """A way to call a public function.

    Parameters
    ----------
    function
        "module.name".
    call
        Takes the arguments below by name; returns numbers, or tuples and dictionaries of numbers.
    good
        Arguments that are right.
    shape
        Takes the same arguments; returns the documented shapes of what `call` returns, in its order.
    loose
        Names of arguments, or all of them, that may make the result infinite or nan if they are huge, or nan
        themselves, because `lib.optim.training` is who says so: see the docstring of `test_bad_input`.
    free
        Names of whole numbers that decide neither how long a loop nor how large an array is: any is tried.
    """

    function: str
    call: Callable
    good: dict[str, object]
    shape: Callable
    loose: tuple[str, ...] = ()
    free: tuple[str, ...] = ()


CASES: list[Case] = []


def case(
    function: Callable,
    shape: Callable,
    *,
    call: Callable | None = None,
    loose: str = "",
    free: str = "",
    **good: object,
):
    """Add a case; without `call` the function itself is called."""
    name = f"{function.__module__.removeprefix('lib.')}.{function.__name__}"
    CASES.append(Case(name, call or function, good, shape, tuple(loose.split()), tuple(free.split())))


def rng() -> np.random.Generator:
    """Return a new source of randomness: a call leaves none behind that the next one would see."""
    return np.random.default_rng(0)


def size(*values: object, **named: object) -> list[tuple[int, ...]]:
    """Return the shapes of the arguments."""
    return [np.shape(value) for value in (*values, *named.values())]


def several(*values: object) -> tuple[int, ...]:
    """Return the shape to which the arguments broadcast."""
    return np.broadcast_shapes(*size(*values))


def lead(value: object, own: int) -> tuple[int, ...]:
    """Return the shape without the last axes."""
    return np.shape(value)[: np.ndim(value) - own]


def sets(members: int | None, **_: object) -> tuple[int, ...]:
    """Return the leading axes of an ensemble."""
    return () if members is None else (members,)


def batch_shapes(members: tuple[int, ...], rows: int, array: object) -> list[tuple[int, ...]]:
    """Return the shapes of a batch of an array and of labels."""
    return [(*members, rows, *np.shape(array)[1:]), (*members, rows)]


def leaf_shapes(tree: object) -> list[tuple[int, ...]]:
    """Return the shapes of the leaves of a tree."""
    return (
        [shape for branch in tree for shape in leaf_shapes(branch)] if isinstance(tree, tuple) else size(tree)
    )


def n_leaves(tree: object) -> int:
    """Return the number of parameters in a tree."""
    return sum(math.prod(shape) for shape in leaf_shapes(tree))


def several_sets(theta: object, X: object, y: object) -> tuple[int, ...]:
    """Return the leading axes of a linear model's loss."""
    return np.broadcast_shapes(lead(theta, 1), lead(X, 2))


def run(layer: layers.Layer, h: np.ndarray) -> tuple:
    """Return the first parameters of a layer and its output."""
    first = layer.init(rng())
    return first, layer.apply(first, h)[0]


# Numbers that every precision holds exactly.
VECTOR = np.array([0.5, -1.0, 2.0, 0.25])
MATRIX = np.array([[1.0, 0.5], [1.0, -1.0], [1.0, 2.0], [1.0, 0.25]])
MANY = np.stack([MATRIX + k for k in range(3)])  # (3, 4, 2)
LABELS = np.array([0, 1, 1, 0])
PRIOR = np.array([0.25, 0.75])
TABLE = np.array([[0.5, 0.25, 0.25], [0.125, 0.125, 0.75]])
TREE = ((np.array([[1.0], [2.0]]), np.array([0.5, 0.25])), (), (np.array([[1.0, -1.0]]), np.array([0.0])))
THETA = params.ravel(TREE)
PATH = np.array([[4.0], [3.0], [1.0], [0.0], [-1.0], [2.0]])


def held(**given: object) -> tuple:
    """Make a claim, true or not."""
    with contextlib.suppress(AssertionError):
        claims.check("it holds", **given)
    return ()


# --- checks, claims ---
for check in (
    checks.numbers,
    checks.finite,
    checks.real,
    checks.nonnegative,
    checks.positive,
    checks.fraction,
):
    loose = "value" * (check is checks.numbers)
    case(check, size, call=lambda value, f=check: f("value", value), value=TABLE, loose=loose)
case(checks.distribution, size, call=lambda value: checks.distribution("value", value), value=TABLE)
case(checks.proportion, size, call=lambda value: checks.proportion("value", value), value=0.5)
case(checks.count, size, call=lambda value: checks.count("value", value), value=3)
case(checks.whole, size, call=lambda value: checks.whole("value", value), value=LABELS)
case(
    checks.ensemble,
    lambda members: [()] * (members is not None),
    call=lambda members: checks.ensemble("members", members),
    members=3,
)
case(checks.interval, size, low=-1.0, high=2.0)
case(checks.generator, lambda rng: [], call=lambda rng: checks.generator("rng", rng) and (), rng=rng())
case(
    checks.as_array,
    lambda value: [],
    call=lambda value: checks.as_array("value", value).shape and (),
    value=MATRIX,
)
case(
    checks.broadcasting,
    lambda **_: [()],
    call=lambda **given: len(checks.broadcasting(**given)),
    a=MATRIX,
    b=VECTOR[:2],
)
case(
    checks.choice,
    lambda value: [],
    call=lambda value: checks.choice("value", value, ["a", "b"]) and (),
    value="a",
)
case(
    claims.check,
    lambda **_: [],
    call=held,
    actual=VECTOR,
    expected=VECTOR,
    rtol=0.5,
    atol=0.25,
)

case(claims.same_digits, lambda printed, value: size(value), printed="0.5", value=0.5)
case(claims.within_spread, lambda **_: [()], printed="0.5", sample=VECTOR, deviations=2.0)

# --- params, quadrature, initialization ---
case(params.leaves, leaf_shapes, call=lambda tree: tuple(params.leaves(tree)), tree=TREE, loose="tree")
case(params.ravel, lambda tree, batch_ndim: [(n_leaves(tree),)], tree=TREE, batch_ndim=0, loose="tree")
case(
    params.unraveler,
    leaf_shapes,
    call=lambda tree: params.unraveler(tree)(np.arange(float(n_leaves(tree)))),
    tree=TREE,
)
case(
    params.unraveler,
    lambda theta: [(*lead(theta, 1), *own) for own in leaf_shapes(TREE)],
    loose="theta",
    call=lambda theta: params.unraveler(TREE)(theta),
    theta=np.stack([THETA, 2 * THETA]),
)
case(quadrature.normal_nodes, lambda n: [(n,), (n,)], n=4)
case(initialization.variance, lambda **_: [()], free="d_out d_in", d_out=4, d_in=2, gain=1.5, mode="fan_avg")
case(
    initialization.gain_for,
    lambda activation: [()],
    call=lambda activation: initialization.gain_for(lambda z: activation),
    activation=np.cos(quadrature.normal_nodes()[0]).astype(np.float16).astype(float),
)
case(
    initialization.variance_scaling,
    lambda **_: [(4, 2)],
    call=lambda **given: initialization.variance_scaling(**given)(rng(), 4, 2),
    gain=1.5,
    mode="fan_out",
    distribution="uniform",
)
case(
    initialization.orthogonal,
    lambda gain, d_out, d_in, **more: [(*sets(**more), d_out, d_in)],
    call=lambda gain, **given: initialization.orthogonal(gain)(**given),
    gain=1.5,
    rng=rng(),
    d_out=4,
    d_in=2,
    members=3,
)
case(
    initialization.variance_scaling,
    lambda d_out, d_in, **more: [(*sets(**more), d_out, d_in)],
    call=lambda **given: initialization.variance_scaling()(**given),
    rng=rng(),
    d_out=4,
    d_in=2,
    members=3,
)

# --- layers, networks ---
case(
    layers.input_checked,
    lambda ndim: [],
    call=lambda ndim: layers.input_checked(ndim) and (),
    free="ndim",
    ndim=2,
)
case(
    layers.linear,
    lambda d_in, d_out: [(d_out, d_in), (d_out,), (4, d_out)],
    call=lambda d_in, d_out: run(layers.linear(d_in, d_out), np.ones((4, d_in))),
    d_in=2,
    d_out=3,
)
case(
    layers.linear,
    lambda h: [(*lead(h, 1), 3)],
    loose="h",
    call=lambda h: run(layers.linear(2, 3), h)[-1],
    h=MANY,
)
for activation in (layers.relu, layers.tanh, layers.gelu):
    case(activation, size, loose="h", call=lambda h, make=activation: run(make(), h)[-1], h=MANY)
case(
    layers.dropout,
    lambda rate, rng, h: size(h),
    loose="h",
    call=lambda rate, rng, h: run(layers.dropout(rate, rng), h)[-1],
    rate=0.5,
    rng=rng(),
    h=MATRIX,
)
case(
    layers.residual,
    size,
    loose="h",
    call=lambda h: run(layers.residual(layers.serial(layers.linear(2, 2), layers.relu())), h)[-1],
    h=MANY,
)
case(
    layers.serial,
    lambda h: [(*lead(h, 1), 3)],
    loose="h",
    call=lambda h: run(layers.serial(layers.tanh(), layers.linear(2, 3)), h)[-1],
    h=MANY,
)
case(
    networks.mlp,
    lambda widths: [(4, 2)],
    call=lambda widths: run(networks.mlp(2, widths, 2), MATRIX)[-1],
    widths=3,
)
NETWORK = networks.mlp(1, 2, 1)
case(
    networks.predictor,
    lambda theta, x: [(*np.broadcast_shapes(lead(theta, 1), lead(x, 2)), np.shape(x)[-2], 1)],
    loose="theta x",
    call=lambda theta, x: networks.predictor(NETWORK)(theta, x),
    theta=np.stack([THETA, 2 * THETA, -THETA]),
    x=MATRIX[:, 1:],
)
case(
    networks.objective,
    lambda theta, x, y: [lead(theta, 1), np.shape(theta)],
    loose="theta x y",
    call=lambda theta, x, y: tuple(f(theta, x, y) for f in networks.objective(NETWORK, losses.squared_error)),
    theta=np.stack([THETA, 2 * THETA, -THETA]),
    x=MATRIX[:, 1:],
    y=VECTOR[:, None],
)

# --- losses ---
case(losses.squared_error, lambda f, y: [lead(f, 2)], loose="f y", f=MANY, y=MATRIX)
case(losses.squared_error_gradient, lambda f, y: size(f), loose="f y", f=MANY, y=MATRIX)
case(losses.log_softmax, size, f=MATRIX)
case(losses.cross_entropy, lambda f, y: [lead(f, 2)], loose="f", f=MANY, y=LABELS)
case(losses.cross_entropy_gradient, lambda f, y: size(f), loose="f", f=MANY, y=LABELS)
case(losses.error_rate, lambda f, y: [lead(f, 2)], f=MANY, y=LABELS)
for loss in (decision_losses.absolute_loss, decision_losses.squared_loss):
    case(loss, lambda **both: [several(*both.values())], theta=MATRIX, theta_hat=MATRIX[::-1])
case(
    decision_losses.power_loss,
    lambda theta, theta_hat, q: [several(theta, theta_hat)],
    theta=MATRIX,
    theta_hat=MATRIX[::-1],
    q=1.5,
)
case(
    decision_losses.zero_one_loss,
    lambda theta, theta_hat, width: [several(theta, theta_hat)],
    theta=MATRIX,
    theta_hat=MATRIX[::-1],
    width=0.5,
)
for loss in (decision_losses.cross_entropy_loss, decision_losses.kl_loss):
    case(loss, lambda **both: [several(*both.values())[:-1]], theta=TABLE, theta_hat=TABLE[::-1])

# --- schedules, optimizers, flows ---
case(
    schedules.constant,
    lambda alpha, t: size(alpha),
    free="t",
    call=lambda alpha, t: schedules.constant(alpha)(t),
    alpha=0.5,
    t=2,
)
case(
    schedules.step_decay,
    lambda alpha, **_: size(alpha),
    free="every t",
    call=lambda t, **given: schedules.step_decay(**given)(t),
    alpha=0.5,
    every=2,
    factor=0.25,
    t=2,
)
case(
    schedules.inverse_time,
    lambda alpha, **_: size(alpha),
    loose="alpha tau",
    free="t",
    call=lambda t, **given: schedules.inverse_time(**given)(t),
    alpha=0.5,
    tau=2.0,
    t=2,
)
case(
    schedules.cosine,
    lambda alpha, **_: size(alpha),
    loose="alpha",
    free="n_steps t",
    call=lambda t, **given: schedules.cosine(**given)(t),
    alpha=0.5,
    n_steps=4,
    t=2,
)


def descend(optimizer: Callable) -> Callable:
    """Return the first iterates on a quadratic bowl, as a function of the other arguments."""
    return lambda **given: training.trajectory(optimizer(lambda theta: 2 * theta, **given), 3)


def path(theta: object, **_: object) -> list[tuple[int, ...]]:
    """Return the shape of the start and three steps."""
    return [(4, *np.shape(theta))]


case(optimizers.sgd, path, call=descend(optimizers.sgd), theta=MATRIX, alpha=0.25)
for optimizer in (optimizers.momentum, optimizers.nesterov):
    case(optimizer, path, call=descend(optimizer), theta=MATRIX, alpha=VECTOR[:, None] ** 2, beta=0.5)
case(
    optimizers.adam,
    path,
    call=descend(optimizers.adam),
    theta=MATRIX,
    alpha=0.25,
    beta=0.5,
    gamma=0.75,
    eps=0.5,
)
case(
    optimizers.adamw,
    path,
    call=descend(optimizers.adamw),
    theta=MATRIX,
    alpha=0.25,
    beta=0.5,
    gamma=0.75,
    eps=0.5,
    decay=0.125,
)
case(gradient_flow.gradient_flow, path, call=descend(gradient_flow.gradient_flow), theta=MATRIX, step=0.25)
case(
    gradient_flow.hessian_vector,
    lambda theta, v: size(theta),
    call=lambda **given: gradient_flow.hessian_vector(lambda theta: theta**3, **given),
    theta=MATRIX,
    v=MATRIX[::-1],
)
case(
    gradient_flow.modified_loss,
    lambda alpha: [(4,)],
    loose="alpha",
    alpha=0.5,
    call=lambda alpha: gradient_flow.modified_loss(lambda u: (u**2).sum(-1), lambda u: 2 * u, alpha)(MATRIX),
)
case(
    gradient_flow.modified_gradient,
    lambda alpha: [(4, 2)],
    loose="alpha",
    alpha=0.5,
    call=lambda alpha: gradient_flow.modified_gradient(lambda u: 2 * u, alpha)(MATRIX),
)

# --- linear models ---
case(linear_models.line_features, lambda x: [(len(x), 2)], x=VECTOR)
for features in (linear_models.polynomial_features, linear_models.legendre_features):
    case(
        features,
        lambda x, degree, low, high: [(*np.shape(x), degree + 1)],
        x=MATRIX,
        degree=2,
        low=-1.0,
        high=2.0,
    )
case(linear_models.relu_features, lambda x, Omega: [(*lead(x, 1), len(Omega))], x=MATRIX, Omega=MATRIX[1:])
case(
    linear_models.mse,
    lambda theta, X, y: [several_sets(theta, X, y)],
    loose="theta X y",
    theta=MANY[:, 0],
    X=MATRIX,
    y=VECTOR,
)
case(
    linear_models.mse_gradient,
    lambda theta, X, y: size(theta),
    loose="theta X y",
    theta=MANY[:, 0],
    X=MATRIX,
    y=VECTOR,
)
case(linear_models.mse_hessian, lambda X: [(*lead(X, 2), np.shape(X)[-1], np.shape(X)[-1])], X=MANY)
for fit in (linear_models.least_squares, linear_models.least_squares_qr):
    case(fit, lambda X, y: [(*lead(y, 1), np.shape(X)[-1])], X=MATRIX, y=MANY[..., 1])
case(
    linear_models.ridge,
    lambda X, y, penalty: [(*lead(y, 1), np.shape(X)[-1])],
    X=MATRIX,
    y=MANY[..., 1],
    penalty=np.array([0.5, 2.0]),
)
case(
    linear_models.soft_threshold,
    lambda u, threshold: [several(u, threshold)],
    u=MATRIX,
    threshold=VECTOR[:, None] ** 2,
)
case(
    linear_models.lasso,
    lambda X, y, **_: [(*lead(y, 1), np.shape(X)[-1])],
    X=MATRIX,
    y=MANY[..., 1],
    penalty=np.array([0.5, 1.0, 2.0]),
    tolerance=2.0**-20,
    max_sweeps=100,
)

# --- data, augmentation ---
case(
    points.line,
    lambda n, **_: [(n,), (n,)],
    n=4,
    rng=rng(),
    intercept=1.0,
    slope=3.0,
    sigma=2.0,
    low=-1.0,
    high=6.0,
)
case(
    points.sine,
    lambda n, members, **_: [(*sets(members), n)] * 2,
    n=4,
    rng=rng(),
    amplitude=4.0,
    sigma=1.0,
    low=-1.0,
    high=5.0,
    design="random",
    members=3,
)
case(mnist1d.mnist1d_templates, lambda: [(10, 12)])
case(
    mnist1d.mnist1d_steps,
    lambda y, length, padding, **_: [(len(y), 12 + padding[1])] * 5 + [(len(y), length)],
    y=LABELS,
    rng=np.random.RandomState(0),
    length=5,
    padding=(2, 6),
    scale=0.5,
    max_shift=4,
    correlated_noise=0.25,
    noise=0.125,
    shear=0.75,
)
case(
    mnist1d.mnist1d,
    lambda n_train, n_test, seed, length, **_: [(n_train, length), (n_train,), (n_test, length), (n_test,)],
    n_train=20,
    n_test=10,
    seed=3,
    length=5,
    padding=(2, 6),
    scale=0.5,
    noise=0.125,
)
case(sampling.corrupt_labels, lambda y, **_: size(y), y=LABELS, share=0.5, rng=rng(), n_classes=3)
case(
    sampling.split_rows,
    lambda n, sizes, rng, members: [(*sets(members), 2), (*sets(members), sizes)],
    call=lambda n, sizes, **given: sampling.split_rows(n, 2, sizes, **given),
    n=9,
    sizes=3,
    rng=rng(),
    members=2,
)


def transformed(transform: Callable) -> Callable:
    """Return a transformed input as a function of the arguments of the transform and its own."""
    return lambda x, rng, **given: transform(**given)(x, rng)


def of_x(x: object, **_: object) -> list[tuple[int, ...]]:
    """Return the shape of x."""
    return size(x)


for transform, loose, given in (
    (augmentation.shift, "x", {"left": 2, "right": 1}),
    (augmentation.scale, "x high", {"low": 0.5, "high": 2.0}),
    (augmentation.shear, "x", {"most": 0.5}),
    (augmentation.jitter, "x eta", {"eta": 0.5}),
):
    free = "left right" * (transform is augmentation.shift)
    case(transform, of_x, call=transformed(transform), loose=loose, free=free, **given, x=MANY, rng=rng())
case(
    augmentation.chain,
    of_x,
    call=transformed(lambda: augmentation.chain(augmentation.jitter(0.5), augmentation.shift(2, 1))),
    loose="x",
    x=MANY,
    rng=rng(),
)
case(
    augmentation.augmented,
    lambda rng: [(4, 2), (4,)],
    rng=rng(),
    call=lambda rng: next(augmentation.augmented(iter([(MATRIX, LABELS)]), augmentation.jitter(0.5), rng)),
)

# --- decision ---
case(decision.binomial, lambda n, theta: [(*np.shape(theta), n + 1)], n=3, theta=PRIOR)
case(decision.beta_rule, lambda n, **_: [(n + 1,)], n=3, a=1.5, b=0.5)
case(
    decision.exact_risk,
    lambda theta, estimates, probabilities: [(*lead(estimates, 1), len(theta))],
    call=lambda **given: decision.exact_risk(decision_losses.squared_loss, **given),
    theta=PRIOR,
    estimates=MANY[:, :3, 0],
    probabilities=TABLE,
)
case(decision.monte_carlo_risk, lambda losses: [np.shape(losses)[1:]] * 2, losses=MATRIX)
case(decision.maximum_risk, lambda risk: [lead(risk, 1)], risk=MATRIX)
case(decision.bayes_risk, lambda risk, prior: [lead(risk, 1)], risk=MATRIX, prior=PRIOR)
case(decision.posterior, lambda prior, probabilities: size(probabilities), prior=PRIOR, probabilities=TABLE)
case(
    decision.posterior_mean,
    lambda probabilities, **_: [np.shape(probabilities)[1:]],
    theta=PRIOR,
    prior=PRIOR,
    probabilities=TABLE,
)
case(
    decision.bayes_estimator,
    lambda probabilities, **_: [np.shape(probabilities)[1:]],
    call=lambda **given: decision.bayes_estimator(decision_losses.absolute_loss, **given),
    theta=PRIOR,
    prior=PRIOR,
    probabilities=TABLE,
    candidates=VECTOR,
)
case(decision.least_squares_risk, lambda **_: [()], X=MATRIX, sigma=0.5)
case(
    decision.least_norm_risk,
    lambda **given: [several(*given.values())],
    # Infinity is a right answer here.
    call=lambda **given: np.where(np.isposinf(risk := decision.least_norm_risk(**given)), 0, risk),
    n=np.array([5, 9]),
    p=np.array([[2], [12]]),
    sigma=np.array([0.5, 2.0]),
    norm=2.0,
)
case(decision.james_stein, lambda x, sigma: size(x), x=TABLE, sigma=0.25)
case(
    decision.james_stein_risk,
    lambda distance, **_: size(distance),
    free="d",
    distance=TABLE,
    d=4,
    sigma=0.5,
)

# --- ensembles, transfer ---
case(
    bias_variance.linear_model,
    lambda penalty, x, y, x_new: [(*lead(y, 1), len(x_new))],
    call=lambda penalty, x, y, x_new: bias_variance.linear_model(linear_models.line_features, penalty)(x, y)(
        x_new
    ),
    penalty=0.5,
    x=VECTOR,
    y=MANY[..., 1],
    x_new=VECTOR[1:],
)
case(
    bias_variance.nearest_neighbours,
    lambda k, x, y, x_new: [(*lead(y, 1), len(x_new))],
    call=lambda k, x, y, x_new: bias_variance.nearest_neighbours(k)(x, y)(x_new),
    k=2,
    x=VECTOR,
    y=MANY[..., 1],
    x_new=VECTOR[1:],
)
case(
    bias_variance.nearest_neighbours,
    lambda x, y: size(y),
    call=lambda x, y: bias_variance.nearest_neighbours(2)(x, y)(VECTOR),
    x=MANY[..., 0] * VECTOR,
    y=MANY[..., 1],
)
case(
    bias_variance.smoother,
    lambda x, x_new: [(len(x_new), len(x))],
    x=VECTOR,
    x_new=VECTOR[1:],
    call=lambda x, x_new: bias_variance.smoother(bias_variance.nearest_neighbours(2), x, x_new),
)
case(
    bias_variance.smoother_error,
    lambda f_new, **_: [np.shape(f_new)] * 2,
    W=TABLE,
    f=VECTOR[:3],
    f_new=PRIOR,
    sigma=0.5,
)
case(bias_variance.decompose, lambda **_: [()] * 10, predictions=MANY[..., 1], f=VECTOR, y_new=MANY[..., 0])
case(
    bias_variance.decompose,
    lambda predictions: [np.shape(predictions)[1:]] * 10,
    predictions=MATRIX,
    call=lambda predictions: bias_variance.decompose(predictions, MATRIX[0], pointwise=True),
)
case(bias_variance.split_variance, lambda predictions: [()] * 4, predictions=MANY)
case(
    bias_variance.cross_validation,
    lambda x, y, n_folds, rng: [lead(y, 1)],
    call=lambda **given: bias_variance.cross_validation(bias_variance.nearest_neighbours(1), **given),
    x=VECTOR,
    y=MANY[..., 1],
    n_folds=2,
    rng=rng(),
)
case(sampling.bootstrap, lambda n, members, rng: [(members, n)], n=4, members=3, rng=rng())
for average in (ensembling.mean_outputs, ensembling.mean_probabilities):
    case(average, lambda f: [np.shape(f)[1:]], f=MANY)
case(
    transfer.ridge_towards,
    lambda X, y, penalty, source: [(*np.broadcast_shapes(lead(y, 1), lead(source, 1)), np.shape(X)[-1])],
    X=MATRIX,
    y=MANY[..., 1],
    penalty=0.5,
    source=MANY[:, 0],
)
case(transfer.ridge_filter, lambda s, penalty: size(s), s=TABLE, penalty=TABLE[0])
case(transfer.descent_filter, lambda s, **_: size(s), free="n steps", s=TABLE, n=4, alpha=0.5, steps=3)
case(
    transfer.transfer_risk,
    lambda **_: [()] * 3,
    X=MATRIX,
    delta=VECTOR[:2],
    sigma=0.5,
    source_covariance=np.eye(2),
    call=lambda **given: transfer.transfer_risk(
        filter_factors=lambda s: transfer.ridge_filter(s, 0.5), **given
    ),
)
case(
    transfer.transfer_risk,
    lambda filter_factors: [()] * 3,
    call=lambda filter_factors: transfer.transfer_risk(MATRIX, lambda s: filter_factors, VECTOR[:2], 0.5),
    filter_factors=np.array([0.5, 0.25]),
)
case(
    sampling.balanced_rows,
    lambda y, per_class, members, **_: [(*sets(members), len(np.unique(y)) * per_class)],
    y=LABELS,
    per_class=1,
    rng=rng(),
    members=3,
)
case(
    finetuning.split_head,
    lambda theta: [(*lead(theta, 1), 4), (*lead(theta, 1), 3)],
    call=lambda theta: finetuning.split_head(theta, NETWORK),
    loose="theta",
    theta=np.stack([THETA, THETA]),
)
case(
    finetuning.trainable,
    lambda **_: [(7,)],
    call=lambda frozen: finetuning.trainable(NETWORK, frozen),
    frozen=1,
)
case(
    finetuning.masked,
    lambda mask: [several(mask, VECTOR)],
    loose="mask",
    mask=np.array([0.0, 1.0, 1.0, 0.0]),
    call=lambda mask: finetuning.masked(lambda theta: theta, mask)(VECTOR),
)

# --- training, double descent, sweeps, pictures ---
case(
    training.minibatches,
    lambda arrays, batch_size, rows, **_: batch_shapes(lead(rows, 1), batch_size, arrays),
    call=lambda arrays, **given: next(training.minibatches(arrays, LABELS, **given)),
    arrays=MATRIX,
    batch_size=2,
    rng=rng(),
    rows=LABELS,
    loose="arrays",
)
case(
    training.minibatches,
    lambda batch_size, rng, members: [(*sets(members), batch_size, 2)],
    call=lambda **given: next(training.minibatches(MATRIX, **given)),
    batch_size=2,
    rng=rng(),
    members=3,
)
case(
    training.random_batches,
    lambda arrays, batch_size, members, **_: batch_shapes(sets(members), batch_size, arrays),
    call=lambda arrays, **given: next(training.random_batches(arrays, LABELS, **given)),
    arrays=MATRIX,
    batch_size=2,
    rng=rng(),
    members=3,
    loose="arrays",
)
case(
    training.record,
    lambda n_steps, every: [(1,), (n_steps // every + 1,)],
    call=lambda **given: training.record(iter(PATH), loss=lambda theta: theta[0], **given),
    free="every",
    n_steps=5,
    every=2,
)
case(
    training.record,
    lambda loss: [(1,), (3, *np.shape(loss))],
    call=lambda loss: training.record(iter(PATH), 5, 2, loss=lambda theta: loss),
    loss=MATRIX,
)
case(
    training.trajectory,
    lambda n_steps: [(n_steps + 1, 1)],
    call=lambda n_steps: training.trajectory(iter(PATH), n_steps),
    n_steps=4,
)
case(
    training.early_stopping,
    lambda **_: [(1,), (), (), ()],
    patience=2,
    max_steps=4,
    every=1,
    call=lambda **given: training.early_stopping(iter(PATH), lambda theta: (theta[..., 0] - 2) ** 2, **given),
    free="patience max_steps every",
)
case(
    training.early_stopping,
    lambda score: [(2, 1), (2,), (2,), (2,)],
    call=lambda score: training.early_stopping(
        iter(np.stack([PATH, PATH], axis=1)), lambda theta: score, patience=2, max_steps=4
    ),
    score=VECTOR[:2],
)
SETTING = double_descent.Setting(width=3, members=2, n_train=20, n_test=10, epochs=2, batch_size=10, every=1)
case(
    double_descent.checked,
    lambda **_: [],
    call=lambda **given: double_descent.checked(SETTING._replace(**given)) and (),
    **SETTING._asdict(),
)
case(
    double_descent.train,
    lambda members, epochs, every, **_: (
        [(n_records := epochs // (every or epochs) + 1,)] + [(n_records, members)] * 6
    ),
    call=lambda **given: double_descent.train(SETTING._replace(**given)),
    **SETTING._asdict(),
)
case(
    double_descent.network,
    lambda width: [(4, 10)],
    call=lambda width: run(double_descent.network(width), np.ones((4, 40)))[-1],
    width=3,
)
case(double_descent.n_parameters, lambda width: [()], width=3)
case(sweeps.sweep, lambda jobs: [], call=lambda jobs: tuple(sweeps.sweep(np.sqrt, [], jobs=jobs)), jobs=1)

case(
    published.pytorch_start,
    lambda widths, rng, members: [(members, sum((a + 1) * b for a, b in pairwise(map(int, widths))))],
    widths=(3, 2, 1),
    rng=rng(),
    members=2,
)
case(
    published.checked,
    lambda **_: [],
    call=lambda **given: published.checked(published.Descent(3)._replace(**given)) and (),
    width=3,
    members=2,
    epochs=2,
    every=1,
    seed=0,
)
case(
    published.checked,
    lambda **_: [],
    call=lambda **given: published.checked(published.Baseline("residual")._replace(**given)) and (),
    free="steps every",
    model="logistic",
    members=2,
    steps=2,
    every=1,
    seed=0,
)
case(published.redrawn_labels, lambda n_test: [(4000,)], n_test=10)
case(
    published.baseline_network,
    lambda model: [(4, 10)],
    call=lambda model: run(published.baseline_network(model)[0], np.ones((4, 40)))[-1],
    model="residual",
)


def drawn(draw: Callable) -> Callable:
    """Draw on axes that take whatever they are given, so that only `lib` can object."""

    def call(**given: object) -> tuple:
        ax = MagicMock()
        ax.plot.return_value = [MagicMock()]
        draw(ax, **given)
        return ()

    return call


case(
    plotting.contours,
    lambda **_: [],
    call=drawn(lambda ax, **given: plotting.contours(ax, lambda u: np.tanh(np.abs(u)).sum(-1), **given)),
    low=np.array([-1.0, -2.0]),
    high=np.array([1.0, 2.0]),
    levels=4,
)
case(
    plotting.band,
    lambda **_: [],
    call=drawn(lambda ax, **given: plotting.band(ax, label="mean", **given)),
    x=VECTOR,
    samples=MATRIX,
)


# --- densities, divergences ---
def parts(mixture: densities.Mixture) -> tuple:
    """Return the weights, means and scales of a mixture."""
    return mixture.weights, mixture.means, mixture.scales


def part_shapes(k: int, d: int) -> list[tuple[int, ...]]:
    """Return their shapes."""
    return [(k,), (k, d), (k,)]


case(
    densities.two_moons,
    lambda sigma, nodes: part_shapes(2 * int(nodes), 2),
    call=lambda sigma, nodes: parts(densities.two_moons(sigma, nodes)),
    sigma=0.25,
    nodes=5,
)
case(
    densities.ring,
    lambda k, radius, scale: part_shapes(int(k), 2),
    call=lambda k, radius, scale: parts(densities.ring(k, radius, scale)),
    k=5,
    radius=2.0,
    scale=0.25,
)
case(
    densities.blobs,
    lambda scales, distance: part_shapes(len(scales), 2),
    call=lambda scales, distance: parts(densities.blobs(scales, distance)),
    scales=np.array([0.5, 0.25]),
    distance=2.0,
)
case(
    quadrature.grid_nodes,
    lambda low, high, n: [(int(n) ** len(low), len(low)), ()],
    low=np.array([-1.0, 0.0]),
    high=np.array([1.0, 4.0]),
    n=3,
)
case(divergences.entropy, lambda log_p, volume: [lead(log_p, 1)], log_p=MATRIX, volume=0.25)
case(
    divergences.kl,
    lambda log_p, log_q, volume: [several(log_p, log_q)[:-1]],
    log_p=MATRIX,
    log_q=-MATRIX,
    volume=0.25,
)
case(
    divergences.gaussian_entropy,
    lambda covariance: [lead(covariance, 2)],
    covariance=np.array([[2.0, 0.5], [0.5, 1.0]]),
)
case(
    divergences.volume_preserving_ceiling,
    lambda log_p, volume, d: [lead(log_p, 1)],
    log_p=MATRIX,
    volume=0.25,
    d=2,
)


# --- bijections, transport ---
def pushed(flow: bijections.Bijection, x: np.ndarray) -> tuple:
    """Return the noise, the log-determinants, and what the inverse makes of the points."""
    params = flow.init(rng())
    return *flow.apply(params, x)[0], flow.inverse(params, x)


def pushed_shapes(x: object) -> list[tuple[int, ...]]:
    """Return their shapes."""
    return [np.shape(x), lead(x, 1), np.shape(x)]


def tried(kind: bijections.Transformer) -> tuple:
    """Return what an increasing function makes of some numbers, and what its inverse does."""
    c = np.full((4, kind.size), 0.5)
    return *kind.forward(c, VECTOR)[0], kind.inverse(c, VECTOR)


def coupled(split: int) -> bijections.Bijection:
    """Return a coupling of four coordinates."""
    split = checks.count("split", split, high=3)
    kind = bijections.affine()
    return bijections.coupling(split, networks.mlp(split, 3, (4 - split) * kind.size), kind)


POINTS = np.concatenate([MANY, -MANY], axis=-1)  # (3, 4, 4)
case(
    bijections.affine, lambda bound: [(4,)] * 3, call=lambda bound: tried(bijections.affine(bound)), bound=2.0
)
case(
    bijections.spline,
    lambda **_: [(4,)] * 3,
    call=lambda **given: tried(bijections.spline(**given)),
    bins=3,
    bound=2.0,
    floor=0.125,
)
for make in (bijections.triangular, bijections.planar):
    case(
        make,
        lambda d: pushed_shapes(np.ones((3, int(d)))),
        call=lambda d, make=make: pushed(make(d), np.ones((3, d))),
        d=2,
    )
case(
    bijections.autoregressive,
    lambda d, hidden: pushed_shapes(np.ones((3, int(d)))),
    call=lambda d, hidden: pushed(bijections.autoregressive(d, hidden, bijections.affine()), np.ones((3, d))),
    d=2,
    hidden=5,
)
case(
    bijections.coupling,
    lambda split: pushed_shapes(MATRIX.T),
    call=lambda split: pushed(coupled(split), MATRIX.T),
    split=1,
)
for function, flow in (
    (bijections.triangular, bijections.triangular(4)),
    (bijections.planar, bijections.planar(4)),
    (bijections.flip, bijections.flip()),
    (bijections.coupling, coupled(2)),
    (bijections.autoregressive, bijections.autoregressive(4, 6, bijections.spline(3))),
    (bijections.chain, bijections.chain(coupled(1), bijections.flip(), coupled(3))),
):
    case(
        function,
        pushed_shapes,
        loose="x",
        call=lambda x, flow=flow: pushed(flow, x),
        x=POINTS,
    )
case(
    bijections.masked,
    lambda mask: [(3, 2), (3,), (4, 3)],
    call=lambda mask: run(bijections.masked(layers.linear(2, 3), mask), MATRIX),
    mask=np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]),
    loose="mask",
)
case(bijections.normal_log_density, lambda z: [lead(z, 1)], loose="z", z=MANY)
case(
    bijections.likelihood,
    lambda theta, x: [(*lead(theta, 1), np.shape(x)[-2]), np.shape(theta)],
    loose="theta x",
    call=lambda theta, x: tuple(f(theta, x) for f in bijections.likelihood(bijections.triangular(2))),
    theta=np.stack([np.arange(5.0), -np.arange(5.0)]) / 4,
    x=MATRIX,
)
TWO = densities.Mixture([0.5, 0.5], [[-1.0, 0.0], [1.0, 0.5]], [0.5, 1.0])
case(
    transport.interpolate,
    lambda z, x, t: size(x),
    z=MATRIX,
    x=-2 * MATRIX,
    t=np.array([0.0, 0.25, 0.5, 1.0]),
)
case(
    transport.interpolated,
    lambda t: part_shapes(2, 2),
    call=lambda t: parts(transport.interpolated(TWO, t)),
    t=0.25,
)
case(
    transport.mixture_field,
    lambda x, t: [np.shape(x), lead(x, 1)],
    loose="x",
    call=lambda x, t: transport.mixture_field(TWO)(x, t),
    x=MANY,
    t=0.25,
)
case(
    transport.network_field,
    lambda theta, x, t: [
        (*np.broadcast_shapes(lead(theta, 1), lead(x, 2)), np.shape(x)[-2], *own) for own in ((1,), ())
    ],
    loose="theta x",
    call=lambda theta, x, t: transport.network_field(networks.mlp(2, 1), theta)(x, t),
    theta=np.array([0.5, 1.0, -1.0]),
    x=MATRIX[:, 1:],
    t=0.25,
)
for method in ("euler", "midpoint", "runge_kutta"):
    case(
        transport.integrate,
        lambda x, **_: size(x),
        call=lambda method=method, **given: transport.integrate(lambda x, t: -x, method=method, **given),
        x=MATRIX,
        n_steps=3,
        start=0.5,
        end=0.25,
    )
case(
    transport.flow_log_density,
    lambda x, n_steps: [lead(x, 1)],
    call=lambda x, n_steps: transport.flow_log_density(transport.mixture_field(TWO), x, n_steps),
    x=MANY,
    n_steps=2,
)
case(
    transport.matching_batches,
    lambda batch_size, rng, members: [
        (*sets(members), int(batch_size), 3),
        (*sets(members), int(batch_size), 2),
    ],
    call=lambda **given: next(transport.matching_batches(TWO, **given)),
    batch_size=3,
    rng=rng(),
    members=2,
)

# Public functions without such arguments, and why.
NOTHING_TO_SPOIL = {
    **dict.fromkeys(["book.plotting.setup", "generative.bijections.additive"], "no arguments"),
    **dict.fromkeys(
        [
            "experiments.published.train",
            "optim.training.stochastic",
            "nn.layers.no_parameters",
            "checks.representable",
            "experiments.sweeps.dependencies",
            "book.plotting.source",
            "book.plotting.table",
        ],
        "functions, layers, names and texts alone",
    ),
    **dict.fromkeys(
        [
            "experiments.published.train_baseline",
            "experiments.published.train_descent",
        ],
        "settings of long runs: `test_published`",
    ),
    **dict.fromkeys(
        [
            "book.plotting.figure_data",
            "book.plotting.decades",
            "book.widgets.share_styles",
            "book.widgets.svg",
            "book.widgets.explorer",
        ],
        "objects of matplotlib",
    ),
    **dict.fromkeys(
        [
            "experiments.sweeps.fingerprint",
            "experiments.sweeps.write_atomically",
            "experiments.command_line.main",
            "experiments.sweeps.end_with",
            "experiments.sweeps.try_to_write_into",
        ],
        "files and a command line: `test_sweeps`",
    ),
}
