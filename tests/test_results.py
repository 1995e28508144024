"""The stored double descents of full size: each is what its command gives, as far as a test can run it."""

import json

import numpy as np
import pytest
from helpers import settings_of

from lib.experiments.double_descent import Setting, n_parameters, train
from tools.notebooks import ROOT

FOLDER = ROOT / "results"
STORED = ["double-descent-mnist1d-clean.json", "double-descent-mnist1d.json"]


def test_these_files_are_stored():
    assert sorted(path.name for path in FOLDER.glob("double-descent-*.json")) == STORED


def test_the_commands_are_the_published_experiments():
    names = (f"double-descent-{name}.json" for name in ("udl", "mnist1d", "mnist1d-clean"))
    udl, noisy, clean = map(settings_of, names)
    assert len(udl) == 28
    assert {(s.n_train, s.n_test, s.label_noise, s.epochs, s.alpha, s.beta) for s in udl} == {
        (4000, 4000, 0.15, 1000, 0.1, 0.9)
    }
    assert [s.width for s in noisy] == np.unique(np.geomspace(2, 300, 20, dtype=int)).tolist()
    assert {(s.n_train, s.n_test, s.label_noise, s.epochs, s.alpha, s.beta) for s in noisy} == {
        (4000, 12000, 0.15, 500, 0.1, 0.9)
    }
    assert clean == [setting._replace(label_noise=0.0) for setting in noisy]


@pytest.mark.parametrize("name", STORED)
def test_stored_results(name):
    assert (FOLDER / name).stat().st_size < 200_000
    stored = json.loads((FOLDER / name).read_text(encoding="utf-8"))
    wanted = settings_of(name)
    assert [Setting(**run["setting"]) for run in stored["runs"]] == wanted
    for run, setting in zip(stored["runs"], wanted, strict=True):
        assert run["parameters"] == n_parameters(setting.width)
        assert run["epoch"] == list(range(0, setting.epochs + 1, setting.every))
        for key, n in (("train_error", setting.n_train), ("test_error", setting.n_test)):
            counts = np.array(run[key]) * n
            assert counts.shape == (len(run["epoch"]), setting.members)
            np.testing.assert_allclose(counts, counts.round(), rtol=0, atol=1e-8)
    # The first record of a narrow and of a wider network, computed again.
    for run in (stored["runs"][1], stored["runs"][8]):
        setting = Setting(**run["setting"])
        again = train(setting._replace(epochs=setting.every))
        for key in ("train_error", "test_error", "train_loss", "test_loss", "norm"):
            np.testing.assert_allclose(again[key], run[key][:2], rtol=1e-9, err_msg=key)
