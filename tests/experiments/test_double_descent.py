"""The experiment against the same experiment written as a plain loop, and what its seeds decide."""

import numpy as np
import pytest

from lib.datasets.mnist1d import mnist1d
from lib.experiments import double_descent
from lib.experiments.double_descent import Setting, n_parameters, network, train
from lib.optim.training import DivergenceError

SMALL = Setting(width=5, members=2, n_train=130, n_test=70, epochs=4, batch_size=30, every=2)
CURVES = ("train_error", "train_error_on_wrong", "test_error", "train_loss", "test_loss", "norm")


def same(a, b):
    return all(np.array_equal(a[name], b[name]) for name in CURVES)


def forward(member, x):
    """Return the activations of both hidden layers of one network, and its probabilities."""
    (W1, b1), _, (W2, b2), _, (W3, b3) = member
    h1 = np.maximum(x @ W1.T + b1, 0)
    h2 = np.maximum(h1 @ W2.T + b2, 0)
    p = np.exp(h2 @ W3.T + b3)
    return h1, h2, p / p.sum(axis=1, keepdims=True)


def scores(member, x, y):
    """Return the error rate and the cross-entropy of one network."""
    _, _, p = forward(member, x)
    return np.mean(p.argmax(axis=1) != y), -np.log(p[range(len(y)), y]).mean()


def gradient(member, x, y):
    """Return the gradient of the cross-entropy of one network, by the chain rule."""
    (_, _), _, (W2, _), _, (W3, _) = member
    h1, h2, p = forward(member, x)
    d3 = (p - np.eye(10)[y]) / len(y)
    d2 = d3 @ W3 * (h2 > 0)
    d1 = d2 @ W2 * (h1 > 0)
    return [(d1.T @ x, d1.sum(axis=0)), (d2.T @ h1, d2.sum(axis=0)), (d3.T @ h2, d3.sum(axis=0))]


def spy(monkeypatch, setting):
    """Return what `train` hands to its pieces: the training set, the first batch and the first theta."""
    seen = {}

    def minibatches(x, y, **kwargs):
        seen["x"], seen["y"] = x, y
        batches = double_descent_minibatches(x, y, **kwargs)
        seen["batch"] = next(batches)
        return batches

    def momentum(gradient, theta, alpha, beta):
        seen["theta"] = theta
        return double_descent_momentum(gradient, theta, alpha, beta)

    double_descent_minibatches, double_descent_momentum = double_descent.minibatches, double_descent.momentum
    with monkeypatch.context() as patch:
        patch.setattr(double_descent, "minibatches", minibatches)
        patch.setattr(double_descent, "momentum", momentum)
        train(setting)
    return seen


def test_a_run_is_a_plain_loop_of_polyaks_momentum(monkeypatch):
    found, seen = train(SMALL), spy(monkeypatch, SMALL)
    x, y = seen["x"], seen["y"]
    _, _, x_test, y_test = mnist1d(130, 70)
    rng = np.random.default_rng(np.random.SeedSequence(0, spawn_key=(5,)))
    params = network(5).init(rng, 2)
    orders = [rng.permuted(np.broadcast_to(np.arange(130), (2, 130)), axis=-1) for _ in range(4)]
    assert found["epoch"].tolist() == [0, 2, 4]
    for m in range(2):
        member = [tuple(array[m].copy() for array in layer) for layer in params]
        velocity = [tuple(np.zeros_like(array) for array in layer) for layer in member[::2]]
        records = []
        for epoch in range(5):
            if epoch % 2 == 0:
                norm = np.sqrt(sum((array**2).sum() for layer in member for array in layer))
                records.append((*scores(member, x, y), *scores(member, x_test, y_test), norm))
            if epoch == 4:
                break
            for start in range(0, 130, 30):
                rows = orders[epoch][m, start : start + 30]
                slopes = gradient(member, x[rows], y[rows])
                for layer, v, g in zip(member[::2], velocity, slopes, strict=True):
                    for array, v_array, g_array in zip(layer, v, g, strict=True):
                        v_array[:] = 0.9 * v_array - 0.02 * g_array
                        array += v_array
        names = ("train_error", "train_loss", "test_error", "test_loss", "norm")
        for name, values in zip(names, np.transpose(records), strict=True):
            np.testing.assert_allclose(found[name][:, m], values, rtol=1e-10, err_msg=name)


def test_shapes_and_records():
    whole = train(SMALL._replace(every=1))
    assert whole["epoch"].tolist() == [0, 1, 2, 3, 4]
    assert all(whole[name].shape == (5, 2) for name in CURVES)
    ends = train(SMALL._replace(every=None))
    assert ends["epoch"].tolist() == [0, 4]
    for name in CURVES:
        np.testing.assert_array_equal(ends[name], whole[name][::4])


def test_errors_are_whole_numbers_of_examples():
    found = train(SMALL)
    for name, n in (("train_error", 130), ("test_error", 70)):
        counts = found[name] * n
        np.testing.assert_allclose(counts, counts.round(), atol=1e-9)
        # Not rounded to whole per cents.
        assert np.abs(100 * found[name] - np.round(100 * found[name])).max() > 0.1


@pytest.mark.parametrize("width", [1, 2, 48, 400])
def test_parameters_are_counted(width):
    assert n_parameters(width) == 40 * width + width + width * width + width + 10 * width + 10


def test_weights_are_hes_and_uniform(rng):
    (W1, b1), _, (W2, b2), _, (W3, b3) = network(300).init(rng)
    for W, fan_in in ((W1, 40), (W2, 300), (W3, 300)):
        bound = np.sqrt(6 / fan_in)
        assert 0.99 * bound < np.abs(W).max() <= bound
        assert W.var() == pytest.approx(2 / fan_in, rel=0.06)
    assert not any(b.any() for b in (b1, b2, b3))


def test_some_training_labels_are_wrong_and_no_test_label(monkeypatch):
    setting = SMALL._replace(n_train=400, n_test=100, label_noise=0.15, epochs=2)
    x, y, _, _ = mnist1d(400, 100)
    seen = spy(monkeypatch, setting)
    np.testing.assert_array_equal(seen["x"], x)
    assert (seen["y"] != y).sum() == 60
    # Another width learns the same wrong labels, another seed has others.
    np.testing.assert_array_equal(spy(monkeypatch, setting._replace(width=6))["y"], seen["y"])
    assert (spy(monkeypatch, setting._replace(seed=1))["y"] != seen["y"]).any()
    np.testing.assert_array_equal(spy(monkeypatch, setting._replace(label_noise=0.0))["y"], y)


def test_the_training_error_has_two_parts():
    found = train(SMALL)
    assert np.all(found["train_error_on_wrong"] < found["train_error"])
    # Twenty of the 130 labels are wrong; chance alone meets two, and hardly one is learned yet.
    np.testing.assert_allclose(130 * found["train_error_on_wrong"], 18, atol=5)
    wrong, right = (train(SMALL._replace(label_noise=share)) for share in (1.0, 0.0))
    np.testing.assert_array_equal(wrong["train_error_on_wrong"], wrong["train_error"])
    assert not right["train_error_on_wrong"].any()


def test_members_and_widths_and_seeds_are_independent(monkeypatch):
    settings = [SMALL, SMALL._replace(width=6), SMALL._replace(width=5, seed=1)]
    starts, orders = [], []
    for seen in (spy(monkeypatch, setting) for setting in settings):
        # The first layer's weights of all widths have the same distribution.
        starts += [theta[:200] for theta in seen["theta"]]
        orders += list(seen["batch"][0][:, :, 0])
    for draws in (starts, orders):
        for i, one in enumerate(draws):
            for other in draws[:i]:
                # No weight, and hardly an example, at the same place.
                assert np.isclose(one, other).mean() < 0.2
    correlations = np.corrcoef(starts)[np.triu_indices(6, 1)]
    assert np.abs(correlations).max() < 4 / np.sqrt(200)


def test_the_setting_alone_decides():
    first = train(SMALL)
    assert same(first, train(SMALL))
    changes = {"seed": 1, "data_seed": 1, "label_noise": 0.3, "alpha": 0.1, "beta": 0.8, "batch_size": 40}
    for name, value in changes.items():
        assert not same(first, train(SMALL._replace(**{name: value}))), name


def test_single_precision_stays_single(monkeypatch):
    single = SMALL._replace(dtype="float32")
    seen, found = spy(monkeypatch, single), train(single)
    assert {seen["theta"].dtype, seen["x"].dtype, found["norm"].dtype} == {np.dtype("float32")}
    double = train(SMALL)
    assert not np.array_equal(found["test_loss"], double["test_loss"])
    for name in ("train_loss", "test_loss", "norm"):
        np.testing.assert_allclose(found[name], double[name], rtol=1e-4)


def test_a_wide_network_learns_wrong_labels_by_heart():
    setting = Setting(width=60, n_train=200, n_test=200, label_noise=0.2, epochs=150, batch_size=20)
    found = train(setting)
    assert found["train_error"][-1].tolist() == [0, 0, 0, 0]
    assert found["test_error"][-1].min() > 0.4
    assert np.all(found["norm"][-1] > found["norm"][0])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"width": 0}, "width must be at least 1"),
        ({"width": 2.5}, "width must be a whole number"),
        ({"members": 0}, "members must"),
        ({"n_train": 0}, "n_train must"),
        ({"n_test": 0}, "n_test must"),
        ({"n_test": 71}, "n_train \\+ n_test must be a multiple of 10"),
        ({"label_noise": 1.5}, "label_noise must lie in"),
        ({"label_noise": float("nan")}, "label_noise must be finite"),
        ({"epochs": 0}, "epochs must"),
        ({"batch_size": 131}, "batch_size must be at most n_train, 130, but it is 131"),
        ({"alpha": 0}, "alpha must be positive"),
        ({"beta": 1}, "beta must lie in"),
        ({"dtype": "float16"}, "dtype must be"),
        ({"every": 3}, "every must divide epochs, 4, but it is 3"),
        ({"every": 0}, "every must"),
        ({"seed": -1}, "seed must"),
        ({"data_seed": 2**32}, "data_seed must"),
    ],
)
def test_bad_settings_are_named(change, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        train(SMALL._replace(**change))


def test_a_rate_that_is_too_large_is_reported():
    with pytest.raises(DivergenceError, match="the learning rate is too large"):
        train(SMALL._replace(alpha=1e200))
