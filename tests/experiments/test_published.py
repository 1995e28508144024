"""The published experiments at their authors' settings, and what is stored of them."""

import json

import numpy as np
import pytest
from helpers import settings_of

from lib.datasets.mnist1d import mnist1d
from lib.experiments import command_line, published
from lib.experiments.published import (
    Baseline,
    Descent,
    baseline_network,
    pytorch_start,
    redrawn_labels,
    train,
    train_baseline,
    train_descent,
)
from tools.notebooks import ROOT

FILE = ROOT / "results" / "published.json"


def test_the_start_is_that_of_the_library():
    # Uniform between -1/sqrt(fan-in) and 1/sqrt(fan-in), weights and biases alike.
    theta = pytorch_start((400, 100, 25), np.random.default_rng(0), members=3)
    first, second = theta[:, : 100 * 401], theta[:, 100 * 401 :]
    assert second.shape == (3, 25 * 101)
    for part, fan_in in ((first, 400), (second, 100)):
        assert 0.999 * fan_in**-0.5 < np.abs(part).max() < fan_in**-0.5
        assert part.var() == pytest.approx(1 / (3 * fan_in), rel=0.04)
        assert abs(part.mean()) < 4 * part.std() / part.size**0.5
    assert len(np.unique(theta[:, 0])) == 3
    biases = first[:, 100 * 400 :]
    assert biases.var() == pytest.approx(1 / (3 * 400), rel=0.25)


@pytest.mark.parametrize(("model", "parameters"), [("logistic", 410), ("residual", 15210)])
def test_the_baselines_have_as_many_parameters_as_published(model, parameters, rng):
    network, widths = baseline_network(model)
    assert network.size == parameters
    assert pytorch_start(widths, rng, 2).shape == (2, parameters)


def test_the_residual_network_is_its_equation(rng):
    network, _ = baseline_network("residual")
    (Omega_1, b_1), _, ((Omega_2, b_2), _), (Omega_3, b_3) = params = network.init(rng)
    x = rng.normal(size=(6, 40))
    h = np.maximum(x @ Omega_1.T + b_1, 0)
    h = h + np.maximum(h @ Omega_2.T + b_2, 0)
    np.testing.assert_allclose(network.apply(params, x)[0], h @ Omega_3.T + b_3, rtol=1e-12, atol=1e-12)


def test_labels_are_drawn_anew_from_all_ten():
    y, drawn = mnist1d(4000, 12000).y, redrawn_labels(12000)
    changed = np.flatnonzero(drawn != y)
    # 0.15 * 0.9 of 4000 are 540, with standard deviation 21.6.
    assert abs(len(changed) - 540) < 4 * 21.6
    shift = np.bincount((drawn - y)[changed] % 10, minlength=10)
    assert shift[0] == 0
    assert shift[1:].min() > 30


def test_a_step_of_a_baseline_by_hand():
    # After the first step every entry of Adam has moved by the rate, against the sign of its gradient.
    setting = Baseline("logistic", members=1, steps=0, every=1)
    found = train_baseline(setting)
    x, y, x_test, y_test = mnist1d(4000, 1000)
    theta = pytorch_start((40, 10), np.random.default_rng(0), 1)[0]
    Omega, b = theta[:400].reshape(10, 40), theta[400:]
    f = x[:100] @ Omega.T + b
    p = np.exp(f) / np.exp(f).sum(axis=1, keepdims=True) - np.eye(10)[y[:100]]
    Omega, b = Omega - 0.01 * np.sign(p.T @ x[:100]), b - 0.01 * np.sign(p.sum(axis=0))
    f = x_test @ Omega.T + b
    loss = (np.log(np.exp(f).sum(axis=1)) - f[np.arange(1000), y_test]).mean()
    np.testing.assert_allclose(found["test_loss"], [[loss]], rtol=1e-5)
    assert found["test_error"].item() == pytest.approx((f.argmax(axis=1) != y_test).mean(), abs=2e-3)


def test_shuffled_coordinates_are_as_easy_for_what_does_not_know_their_order():
    plain, mixed = (train(Baseline("logistic", m, members=3, steps=200, every=200)) for m in (False, True))
    assert np.all(plain["test_loss"] != mixed["test_loss"])
    np.testing.assert_allclose(plain["test_error"][-1], mixed["test_error"][-1], atol=0.05)


def test_wrong_labels_are_learnt_and_not_tested(monkeypatch):
    # If all labels were drawn anew as zeros, a network would learn to say zero, and be right once in ten.
    monkeypatch.setattr(published, "redrawn_labels", lambda n_test: np.zeros(4000, int))
    wrong = train_descent(Descent(5, members=2, epochs=2, every=2))
    assert np.all(wrong["train_error"][-1] == 0)
    np.testing.assert_allclose(wrong["test_error"][-1], 0.9, atol=0.01)
    right = train_descent(Descent(5, wrong_labels=False, members=2, epochs=2, every=2))
    assert np.all(right["train_error"][-1] > 0.5)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: baseline_network("cnn"), "^model must be"),
        (lambda: redrawn_labels(-1), "^n_test must be"),
        (lambda: redrawn_labels(3), "^4000 . n_test must be a multiple of 10"),
        (lambda: pytorch_start((3,), np.random.default_rng(0), 1), "^widths must hold"),
        (lambda: pytorch_start((3, 0), np.random.default_rng(0), 1), "^widths must be"),
        (lambda: pytorch_start((3, 2), np.random.default_rng(0), 0), "^members must be"),
        (lambda: train(Descent(0)), "^width must be"),
        (lambda: train(Descent(3, seed=-1)), "^seed must be"),
        (lambda: train(Baseline("logistic", seed=-1)), "^seed must be"),
        (lambda: train(Baseline("logistic", every=0)), "^every must be"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(ValueError, match=message):
        call()


LEGAL = [("seed", 0), ("seed", 2**63), ("steps", 0)]


@pytest.mark.parametrize("setting", [Baseline("logistic"), Descent(3)], ids=["baseline", "descent"])
@pytest.mark.parametrize("value", [0.5, "3", None, 1j, [3], np.nan, 0, -1, 2**63, True], ids=str)
def test_settings_that_are_no_counts_are_named(setting, value):
    for name in setting._fields:
        if name not in ("model", "shuffled", "wrong_labels") and (name, value) not in LEGAL:
            with pytest.raises(ValueError, match=rf"^{name} must be"):
                train(setting._replace(**{name: value}))


def test_the_last_record_is_the_end():
    for setting in (Baseline("logistic", steps=2500), Descent(3, epochs=99)):
        with pytest.raises(ValueError, match=r"^every must divide (steps, 2500|epochs, 99), but it is 10*$"):
            train(setting)
    assert published.checked(Baseline("residual", steps=0)).steps == 0


def test_the_file_holds_what_its_command_asks_for():
    runs = json.loads(FILE.read_text(encoding="utf-8"))["runs"]
    kinds = {"Baseline": Baseline, "Descent": Descent}
    assert [kinds[run["kind"]](**run["setting"]) for run in runs] == settings_of(FILE.name)
    for run in runs:
        counts = np.array(run["train_error"]) * 4000
        np.testing.assert_allclose(counts, counts.round(), atol=1e-8)
        assert np.shape(run["test_error"]) == (len(run["train_error"]), run["setting"]["members"])


@pytest.mark.parametrize("kind", ["Baseline", "Descent"])
def test_the_beginning_of_a_stored_run_computed_again(kind):
    runs = [r for r in json.loads(FILE.read_text(encoding="utf-8"))["runs"] if r["kind"] == kind]
    if kind == "Baseline":
        run = next(r for r in runs if r["setting"]["model"] == "residual")
        again = train(Baseline(**run["setting"] | {"steps": 0}))
    else:
        run = min(runs, key=lambda r: r["setting"]["width"])
        again = train(Descent(**run["setting"] | {"epochs": run["setting"]["every"]}))
    for name in ("train_error", "test_error", "test_loss"):
        length = len(again[name])
        np.testing.assert_allclose(again[name], run[name][:length], rtol=1e-9, err_msg=name)


def test_from_the_shell(tmp_path, monkeypatch, capsys):
    small = [Baseline("logistic", members=2, steps=2, every=1), Descent(2, members=2, epochs=1, every=1)]
    monkeypatch.setattr(command_line, "_plan", lambda options: small)
    output = tmp_path / "out.json"
    assert command_line.main(["published", "--jobs", "1", "--output", str(output)]) == 0
    assert [line[:24].strip() for line in capsys.readouterr().out.splitlines()] == [
        "run",
        "logistic",
        "k = 2, wrong labels",
    ]
    stored = json.loads(output.read_text(encoding="utf-8"))
    assert [run["kind"] for run in stored["runs"]] == ["Baseline", "Descent"]
    for run, setting in zip(stored["runs"], small, strict=True):
        assert run["test_error"] == train(setting)["test_error"].tolist()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--noisy", "0"], "width must be at least 1, but it is 0"),
        (["--clean", "3", "3"], "clean must be different"),
        (["--output", "{tmp}/none/out.json"], "cannot write into the folder {tmp}/none"),
    ],
)
def test_wrong_arguments_are_found_before_the_work(tmp_path, capsys, monkeypatch, arguments, message):
    monkeypatch.setattr(command_line, "sweep", None)
    assert command_line.main(["published", *(argument.format(tmp=tmp_path) for argument in arguments)]) == 2
    assert capsys.readouterr().err.startswith(f"sweeps: {message.format(tmp=tmp_path)}")
