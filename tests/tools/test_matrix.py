"""The matrix of configurations: what it asks for, what it stores, and that every cell of today was run."""

import json
import os
import platform
import signal
import subprocess
import sys

import psutil
import pytest
from nbformat.v4 import new_output
from notebook_parts import executed, notebook

from benchmarks import machine
from tools import matrix
from tools.matrix import CONFIGURATIONS, Configuration
from tools.notebooks import ROOT, dumps, find_all

BOOK = {
    path.relative_to(ROOT).as_posix(): (len(matrix.cells(path)), matrix.digest(path)) for path in find_all()
}
AGAIN = "a cell, its text or a pin changed, or a run is missing: see CONTRIBUTING.md, Which digits reproduce?"


def entry(**changes):
    plain = {
        "compared": 2,
        "passed": 2,
        "failed": {},
        "declaring": 0,
        "widest": {},
        "pixels": 0,
        "data": 1e-7,
    }
    return plain | changes


HEAD = {
    "kernel": "Haswell",
    "threads": 1,
    "vectors": True,
    "numpy": "2",
    "matplotlib": "3",
    "figures": "pixels",
}


@pytest.mark.parametrize("configuration", CONFIGURATIONS, ids=lambda configuration: configuration.name)
def test_every_cell_of_the_present_notebooks_was_run_and_agreed(configuration):
    found = matrix.read_results().get(configuration.name, {})
    if found.get("lacking"):
        assert configuration.kernel == "SkylakeX", "every x86-64 processor of today has the others"
        return
    ran = {path: (run["compared"], run["digest"]) for path, run in found.get("notebooks", {}).items()}
    assert ran == BOOK, AGAIN
    assert not [path for path, run in found["notebooks"].items() if matrix.failed_in(run, path)]
    asked = (configuration.kernel, configuration.threads, configuration.vectors)
    assert (found["kernel"], found["threads"], found["vectors"]) == asked
    for package in matrix.VARIED:
        if configuration.versions == "pinned":
            assert found[package] == matrix.pinned(package), AGAIN
        elif configuration.versions == "oldest":
            assert f"{found[package]}.".startswith(f"{matrix.lower_bound(package)}."), AGAIN


def test_the_digest_knows_the_text_that_was_compared(tmp_path, monkeypatch):
    def digest(source, text, glued, figure):
        outputs = [
            new_output("stream", text=text),
            new_output("display_data", {"application/papermill.record/text/plain": glued}),
            new_output("display_data", {"image/png": figure, "text/plain": "<Figure>"}),
        ]
        path = tmp_path / "a.ipynb"
        path.write_text(dumps(notebook(executed(source, *outputs))), encoding="utf-8")
        return matrix.digest(path)

    before = digest("1", "0.5", "'2'", "figure")
    assert digest("1", "0.5", "'2'", "another") == before
    changed = [("2", "0.5", "'2'"), ("1", "0.6", "'2'"), ("1", "0.5", "'3'")]
    assert before not in {digest(*texts, "figure") for texts in changed}
    monkeypatch.setattr(matrix, "PAGE", tmp_path / "a.ipynb")
    assert digest("1", "0.5", "'2'", "figure") == digest("1", "0.6", "'3'", "figure")
    assert digest("1", "0.5", "'2'", "figure") != digest("2", "0.5", "'2'", "figure")


def test_the_digest_does_not_know_where_in_lib_things_lie():
    rest = "import numpy as np\nx = sgd(np)  # NBVAL_RTOL: 1e-4"
    one = f"from lib.optimizers import sgd\n\n{rest}"
    moved = [
        f"from lib.optim.optimizers import (\n    sgd,\n)\n{rest}",
        f"import lib.optimizers as o\nfrom lib import sgd\n\n\n{rest}",
    ]
    assert {matrix.without_imports(source) for source in [one, *moved]} == {rest}
    others = ["import numpy as np", "from library import sgd", "x = 1  # from lib import sgd", "'import lib'"]
    assert [matrix.without_imports(source) for source in others] == others
    assert matrix.without_imports("if x:\n    import lib.data; x = 2") == "if x:\n    ; x = 2"


def test_the_configurations_have_names_of_their_own():
    assert len({configuration.name for configuration in CONFIGURATIONS}) == len(CONFIGURATIONS)
    asked = {(c.kernel, c.threads) for c in CONFIGURATIONS if c.versions == "pinned" and c.vectors}
    assert asked >= {(k, n) for k in ("Haswell", "Sandybridge", "Nehalem") for n in (1, 2)}
    assert {c.versions for c in CONFIGURATIONS} == {"pinned", "newest", "oldest"}


def test_only_the_varied_packages_lose_their_pins():
    text = (ROOT / "requirements.txt").read_text(encoding="utf-8")
    oldest, newest = (matrix.overridden(text, versions).splitlines() for versions in ("oldest", "newest"))
    assert set(oldest) - set(text.splitlines()) == {
        f"{package}=={matrix.lower_bound(package)}" for package in matrix.VARIED
    }
    assert set(newest) - set(text.splitlines()) == set(matrix.VARIED)
    assert len(oldest) == len(newest) == len(text.splitlines())


@pytest.mark.skipif(
    platform.machine() not in ("x86_64", "AMD64") or machine.kernel() == "unknown",
    reason="these are kernels of OpenBLAS for x86-64",
)
@pytest.mark.parametrize(("kernel", "threads"), [("Nehalem", 1), ("Sandybridge", 2)])
def test_the_kernel_that_runs_is_the_one_that_is_asked_for(kernel, threads, monkeypatch):
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Haswell")
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "7")
    asked = Configuration("some", kernel, threads)
    found = matrix.probe(sys.executable, matrix.environment(asked))
    assert (found["kernel"], found["threads"]) == (kernel, threads)


def test_a_kernel_that_the_processor_lacks_is_reported_and_does_not_run(monkeypatch):
    monkeypatch.setattr(matrix, "probe", lambda *_: {"kernel": "Haswell", "threads": 1, "vectors": []})
    asked = CONFIGURATIONS[[c.kernel for c in CONFIGURATIONS].index("SkylakeX")]
    monkeypatch.setattr(matrix, "run", lambda *_: pytest.fail("it must not run"))
    found, status = matrix.run_all([asked], {"pinned": sys.executable}, ["intro.ipynb"], 1)
    assert (found, status) == ({asked.name: {"lacking": True, "notebooks": {}}}, 0)
    died = [sys.executable, "-c", "import os, signal; os.kill(os.getpid(), signal.SIGILL)"]
    monkeypatch.undo()
    monkeypatch.setattr(matrix, "PROBE", died[-1])
    assert matrix.probe(sys.executable, {}) is None
    assert matrix.summary(found)[1][:2] == [asked.name, "not on this processor"]


def test_new_results_take_the_places_of_old_ones_and_no_others():
    old = {"haswell-1": {**HEAD, "notebooks": {"a": entry(passed=1), "b": entry(), "gone": entry()}}}
    new = {"haswell-1": {**HEAD, "notebooks": {"a": entry()}}}
    assert matrix.merged(old, new, ["a", "b"])["haswell-1"]["notebooks"] == {"a": entry(), "b": entry()}
    newer = {"haswell-1": {**HEAD, "numpy": "3", "notebooks": {"a": entry()}}}
    assert matrix.merged(old, newer, ["a", "b"])["haswell-1"]["notebooks"] == {"a": entry()}
    nehalem = {"nehalem-1": {**HEAD, "kernel": "Nehalem", "notebooks": {"a": entry()}}}
    assert list(matrix.merged(nehalem, old, ["a"])) == ["haswell-1", "nehalem-1"]
    assert matrix.merged({"no configuration": old}, {}, ["a"]) == {}


def test_the_table():
    failed = entry(passed=1, failed={"Cell 1": "off"}, pixels=1.5)
    declaring = entry(declaring=1, widest={"rtol": 1e-3})
    found = {"haswell-1": {**HEAD, "notebooks": {"a": failed, "b": declaring}}}
    row = ["haswell-1", "Haswell", "1", "2", "3", "4", "3", "1", "1.5", "1e-07", "1, rtol 0.001"]
    assert matrix.summary(found)[1] == row
    data = {"haswell-1": {**HEAD, "figures": "data", "notebooks": {"a": entry()}}}
    assert matrix.summary(data)[1][8] == "not compared"
    assert json.loads(matrix.dumps(found)) == found


@pytest.mark.parametrize(
    ("found", "code"),
    [
        (entry(), 0),
        (entry(passed=1, failed={"Cell 1": "off by 1"}), 1),
        (entry(compared=1, passed=1), 1),  # a cell that never ran
    ],
)
def test_the_exit_code(found, code, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(matrix, "RESULTS", tmp_path / "matrix.json")
    monkeypatch.setattr(matrix, "cells", lambda path: ["1", "2"])
    monkeypatch.setattr(matrix, "prepare", lambda *_: (HEAD, {}))
    monkeypatch.setattr(matrix, "run", lambda *_: found)
    drawn = []
    monkeypatch.setattr(matrix, "draw_page", lambda: drawn.append(matrix.RESULTS.exists()) or True)
    assert matrix.main(["--only", "haswell-1", "intro.ipynb"]) == code
    assert matrix.read_results()["haswell-1"]["notebooks"] == {"intro.ipynb": found}
    assert drawn == [True], "the page is drawn when the results are stored"
    shown = capsys.readouterr().out
    assert all(f"haswell-1: intro.ipynb, Cell 1: {problem}" in shown for problem in found["failed"].values())


def test_ctrl_c_keeps_what_is_finished_and_leaves_nothing_running(monkeypatch, tmp_path, capsys):
    def run(name, *_):
        if name == "haswell-1":
            return entry()
        with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(120)"]) as pytest_of_it:
            os.kill(os.getpid(), signal.SIGINT)
        raise RuntimeError(f"pytest ended with {pytest_of_it.returncode}")

    monkeypatch.setattr(matrix, "RESULTS", tmp_path / "matrix.json")
    monkeypatch.setattr(matrix, "prepare", lambda *_: (HEAD, {}))
    monkeypatch.setattr(matrix, "run", run)
    monkeypatch.setattr(matrix, "draw_page", lambda: True)
    heard = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's & switches it off
    try:
        assert (
            matrix.main(["--only", "haswell-1", "--only", "nehalem-1", "--jobs", "1", "intro.ipynb"]) == 130
        )
    finally:
        signal.signal(signal.SIGINT, heard)
    assert list(matrix.read_results()) == ["haswell-1"]
    assert "matrix: interrupted; what was finished is kept" in capsys.readouterr().err
    assert not [child for child in psutil.Process().children() if "time.sleep(120)" in child.cmdline()]


def test_an_installation_that_fails_is_an_error(monkeypatch, tmp_path, capsys):
    def fails(command, **_):
        raise subprocess.CalledProcessError(1, command)

    monkeypatch.setattr(matrix, "BUILD", ROOT / "_build" / "matrix-of-a-test")
    monkeypatch.setattr(matrix, "RESULTS", tmp_path / "matrix.json")
    monkeypatch.setattr(subprocess, "run", fails)
    assert matrix.main(["--only", "oldest"]) == 2
    assert "matrix: the installation failed: " in capsys.readouterr().err
    assert not matrix.RESULTS.exists()


@pytest.mark.parametrize("arguments", [["no.ipynb"], ["--jobs", "0"], ["--only", "z80"]])
def test_wrong_arguments(arguments, capsys):
    with pytest.raises(SystemExit) as stopped:
        matrix.main(arguments)
    assert stopped.value.code == 2
    assert arguments[-1] in capsys.readouterr().err
