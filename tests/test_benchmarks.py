"""The benchmark runs, and compares like with like; how long it takes is nobody's promise."""

import json
import os
import sys
from itertools import islice

import numpy as np
import pytest

from benchmarks import __main__ as benchmarks
from benchmarks import machine, measure, ours, transformer
from lib.experiments.double_descent import n_parameters
from lib.nn.losses import cross_entropy
from lib.nn.networks import objective


@pytest.fixture(scope="module")
def results():
    scales = {"width": ([4, 8], 2), "examples": ([200, 400], 1)}
    return benchmarks.benchmark(
        widths=(9, 12), sweep_widths=(2, 3), members=(1, 2), rounds=1, epochs=1, scales=scales
    )


def test_a_small_run_measures_every_contender(results):
    rows = [row for row in results["steps"] if row["way"] in ("ours", "products")]
    kinds = {(row["way"], row["width"], row["members"], row["dtype"]) for row in rows}
    assert len(kinds) == len(rows) == 2 * 2 * 2 * 2
    assert all(row["best"] == row["median"] > 0 for row in results["steps"]), "there is one round"
    assert [row["width"] for row in results["comparison"]] == [9, 12]
    assert all(row[kind] > 0 for row in results["comparison"] for kind in ("bound", "products", "ensemble"))
    assert all(run["seconds"] > 0 for run in results["sweep"]["runs"])
    assert {run["members"] for run in results["sweep"]["runs"]} == {1, 2}
    assert results["machine"]["numpy"] == np.__version__
    assert [len(row["ours"]) for row in results["comparison"]] == [2, 2]
    assert {name: len(row["best"]) for name, row in results["scaling"].items()} == {"width": 2, "examples": 2}


def test_the_fastest_of_the_rounds_counts_beside_the_median(monkeypatch):
    times = iter([9.0, 9.0, 4e-6, 8e-6, 2e-6, 8e-6, 3e-6, 6e-6])  # the warm-up, then three rounds
    monkeypatch.setattr(ours, "seconds_per_step", lambda steps, n: next(times))
    one, two = measure.Contender("ours", 3), measure.Contender("ours", 3, members=2)
    found = measure.take_turns([one, two], epochs=1, rounds=3)
    assert [(row["members"], row["best"], row["median"]) for row in found] == [(1, 2.0, 3.0), (2, 3.0, 4.0)]


def test_an_ensemble_is_compared_with_its_own_products_and_the_peak():
    def row(way, members, best, width=10, dtype="float32"):
        return {"way": way, "width": width, "members": members, "dtype": dtype, "best": best}

    steps = [row("ours", 1, 30.0), row("ours", 4, 9.0), row("products", 1, 2.0), row("products", 4, 5.0)]
    steps += [row("ours", 4, 1.0, width=20), row("ours", 4, 1.0, dtype="float64")]
    found = benchmarks.compare(10, steps, gflops=50.0)
    # 2 operations for each of 100 (3 * 200 + 2 * 400) multiplications, at 50 000 in a microsecond.
    expected = {"one": 30.0, "ensemble": 9.0, "members": 4, "products": 5.0, "bound": 5.6, "notebook": None}
    assert expected.items() <= found.items()


def test_results_have_the_form_of_the_stored_file_which_the_appendix_draws(results):
    stored = json.loads(benchmarks.RESULTS.read_text(encoding="utf-8"))
    assert stored.keys() == results.keys()
    assert stored["machine"].keys() == results["machine"].keys()
    assert stored["steps"][0].keys() == results["steps"][0].keys()
    assert stored["comparison"][0].keys() == results["comparison"][0].keys()
    assert stored["sweep"]["runs"][0].keys() == results["sweep"]["runs"][0].keys()
    assert stored["scaling"]["width"].keys() == results["scaling"]["width"].keys()
    assert stored["scaling"].keys() == measure.SCALES.keys()
    assert [row["width"] for row in stored["comparison"]] == list(benchmarks.WIDTHS)
    assert stored["bars"] == json.loads(json.dumps(benchmarks.BARS))


def test_the_report_names_processor_kernel_and_widths(results):
    text = benchmarks.report(results)
    for part in (
        machine.processor(),
        machine.kernel(),
        "ours, float64, 2 at once",
        "share of the peak",
        "examples",
    ):
        assert part in text


def test_a_run_from_the_shell_stores_what_it_prints(results, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(benchmarks, "benchmark", lambda **options: results | {"options": options})
    benchmarks.main(["--whole", "--rounds", "3", "--output", str(tmp_path / "results.json")])
    stored = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))
    assert stored["options"] == {"rounds": 3, "whole": True}
    assert stored["steps"] == results["steps"]
    assert capsys.readouterr().out.strip() == benchmarks.report(results).strip()


def test_it_begins_again_as_a_worker_with_the_kernel_of_the_processor(monkeypatch):
    begun = []
    monkeypatch.setattr(os, "execve", lambda program, arguments, environment: begun.append(environment))
    monkeypatch.setattr(sys, "argv", ["benchmarks", "--whole"])
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Nehalem")
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "2")
    benchmarks.as_a_worker()
    (environment,) = begun
    assert "OPENBLAS_CORETYPE" not in environment
    assert environment["OPENBLAS_NUM_THREADS"] == "1"
    assert "intra_op_parallelism_threads=1" in environment["XLA_FLAGS"]
    for name in machine.FORCED_KERNEL:
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    benchmarks.as_a_worker()
    assert len(begun) == 1


def test_the_kernel_has_a_name_where_numpy_has_openblas():
    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]["name"]
    told = "threadpoolctl does not know this OpenBLAS: look for a newer one, or ask NumPy's library by ctypes"
    assert ("openblas" in blas) == (machine.kernel() != "unknown"), told
    if "openblas" in blas:
        assert machine.openblas()["num_threads"] >= 1


def test_multiplications_by_hand():
    # 40-2-2-10: there 80 + 4 + 20 for each of 100 examples, back twice that but for the input's 80.
    assert ours.multiplications(2) == 100 * (104 + 2 * 104 - 80)


def test_the_timed_steps_are_training():
    x, y = measure.data()
    steps = measure.start(measure.Contender("ours", width=20, members=2))
    theta = next(steps)
    assert theta.shape == (2, n_parameters(20))
    assert theta.dtype == np.float32
    value, _ = ours.loss(20)
    before = value(theta, x, y)
    for _ in range(5 * measure.STEPS):
        theta = next(steps)
    assert (value(theta, x, y) < 0.9 * before).all()


def test_pytorch_trains_the_same_network():
    pytest.importorskip("torch")
    from benchmarks import pytorch

    assert pytorch.largest_difference(*measure.data(), width=20, n_steps=200) < 1e-10


@pytest.mark.parametrize("way", ["notebook", "tuned, fused", "tuned, foreach"])
def test_every_way_of_pytorch_trains(way):
    pytest.importorskip("torch")
    losses = measure.start(measure.Contender(way, width=20))
    epochs = [np.mean([next(losses).item() for _ in range(measure.STEPS)]) for _ in range(5)]
    assert epochs[-1] < 0.95 * epochs[0]


def test_jax_trains_the_same_networks():
    pytest.importorskip("jax")
    from benchmarks import with_jax

    assert with_jax.largest_difference(*measure.data(), width=20, members=3) < 1e-12


def test_the_timed_steps_of_jax_are_those_that_were_compared():
    jax = pytest.importorskip("jax")
    from benchmarks import with_jax

    x, y = measure.data()
    order = next(with_jax.orders(len(x), 2))
    recorded, _ = with_jax.recorded(with_jax.first_state(7, 2, "float64"), x, y, order)
    timed = with_jax.unrecorded(with_jax.first_state(7, 2, "float64"), x, y, order)
    for mine, its in zip(*map(jax.tree.leaves, (recorded, timed)), strict=True):
        np.testing.assert_allclose(mine, its, rtol=1e-12, atol=1e-15)


def test_another_network_is_no_comparison():
    benchmarks.same("JAX", 1e-12)
    with pytest.raises(ArithmeticError, match="differ from JAX's by 1e-03"):
        benchmarks.same("JAX", 1e-3)


def test_a_slope_is_that_of_the_largest_sizes():
    sizes = np.array([1, 10, 100, 200, 400])
    assert measure.slope(sizes, [9, 9, *3.0 * sizes[2:] ** 1.5]) == pytest.approx(1.5)


@pytest.mark.skipif(not machine.STATUS.exists(), reason="only Linux tells how much memory a process has had")
def test_memory_is_beyond_what_was_imported():
    # Weights, momentum and gradient of four networks of width 400 alone are 3 * 4 * 181 210 * 4 bytes.
    assert measure.memory(measure.Contender("ours", 400, 4)) > 8.7


def test_a_transformer_trains_as_it_is_timed():
    steps = transformer.steps(transformer.Contender("ours", width=8, members=2, dtype="float64"))
    value, _ = objective(transformer.model(8), cross_entropy)
    (words, following), *_ = transformer.batches(1)
    *_, last = islice(steps, 200)
    assert last.shape[0] == 2
    assert (value(last, words, following) < 0.95 * np.log(3)).all()


def test_ratios_compare_like_with_like():
    def row(way, width, members, dtype, best):
        return transformer.Contender(way, width, members, dtype)._asdict() | {"best": best}

    rows = [row("ours", 32, 1, "float32", 30.0), row("ours", 32, 5, "float64", 20.0)]
    assert transformer.ratios(rows) == {}
    rows += [row("pytorch", 32, 1, "float32", 60.0), row("pytorch", 32, 1, "float64", 80.0)]
    assert transformer.ratios(rows) == {(32, "float32", 1): 0.5, (32, "float64", 5): 0.25}
    assert "0.25" in transformer.report({"bar": 2, "steps": rows})


def test_a_small_run_measures_a_transformer():
    rows = transformer.measure(widths=(4,), rounds=1, n=5)
    assert {(row["dtype"], row["members"]) for row in rows if row["way"] == "ours"} == {
        (dtype, members) for dtype in ("float32", "float64") for members in (1, 5)
    }
    assert all(row["best"] == row["median"] > 0 for row in rows), "there is one round"


def test_pytorch_trains_the_same_transformer():
    pytest.importorskip("torch")
    from benchmarks import pytorch_transformer

    assert pytorch_transformer.largest_difference(width=8, n_steps=50) < 1e-12
