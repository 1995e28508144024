"""Sweeps whose processes are killed, whose files are damaged and whose code changes, and their command."""

import errno
import importlib.util
import os
import pickle
import re
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np
import psutil
import pytest
from helpers import PATIENCE, entry_of, equal, wait_until
from joblib import parallel_config
from tqdm.std import tqdm

from lib.experiments import sweeps
from lib.experiments.double_descent import Setting, train
from lib.experiments.sweeps import SweepError, dependencies, fingerprint, sweep, write_atomically

SETTINGS = [Setting(width, members=2, n_train=100, n_test=100, epochs=3, every=1) for width in (9, 2, 5, 30)]
ROOT = Path(__file__).parents[2]


def square(x):
    return x * x


def slow_then_fast(x):
    time.sleep(0.3 if x == 0 else 0)
    return x


def threads(name):
    return os.environ.get(name)


def seven_fails(x):
    if x == 7:
        raise ZeroDivisionError("seven")
    return x


def dies_once(setting):
    """Train, but kill this very process the first time that the folder is seen."""
    folder, own = setting
    if own.width == 5:
        attempts = len(list(folder.glob("attempt*")))
        (folder / f"attempt{attempts}").touch()
        if attempts == 0:
            os.kill(os.getpid(), signal.SIGKILL)
    return train(own)


def dies(_):
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.fixture(scope="module")
def serial():
    """Return what the settings give one after the other, in this process."""
    return [train(setting) for setting in SETTINGS]


# --- Results ---


@pytest.mark.parametrize("jobs", [1, 2, 3])
def test_any_number_of_processes_gives_the_same_bits(serial, jobs):
    assert equal(sweep(train, SETTINGS, jobs=jobs), serial)


def test_results_are_in_the_order_of_the_settings():
    assert sweep(slow_then_fast, range(5), jobs=2) == [0, 1, 2, 3, 4]
    assert sweep(square, iter([3, 1, 3]), jobs=2) == [9, 1, 9]
    assert sweep(square, [], jobs=2) == []


def leaves_ctrl_c_to_its_parent(_):
    return signal.getsignal(signal.SIGINT) == signal.SIG_IGN


def test_a_process_does_not_hear_ctrl_c():
    # What interrupts a worker between two settings would print a traceback before the sweep's own words.
    assert sweep(leaves_ctrl_c_to_its_parent, [0], jobs=1) == [True]


def test_each_process_has_one_blas_thread(monkeypatch):
    names = ["OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"]
    for name in names:
        monkeypatch.setenv(name, "3")
    for jobs in (1, 2):
        assert sweep(threads, names, jobs=jobs) == ["1", "1", "1"]


def test_work_is_done_elsewhere_and_nothing_stays_behind():
    pids = sweep(whoami, range(4), jobs=2)
    assert os.getpid() not in pids
    assert not any(psutil.pid_exists(pid) for pid in pids)


def whoami(_):
    return os.getpid()


def test_a_process_has_not_to_import_what_takes_seconds():
    assert sweep(has_imported, ["lib", "nbformat", "distributed"], jobs=1) == [True, False, False]


def has_imported(name):
    return name in sys.modules


@pytest.mark.parametrize("disable", ["", "1"])
def test_a_notebook_sweeps_its_own_functions_and_shows_a_bar_if_it_is_to(monkeypatch, disable):
    # Here, because each worker imports this file.
    from nbclient import NotebookClient
    from nbformat.v4 import new_code_cell, new_notebook

    monkeypatch.setenv("TQDM_DISABLE", disable)
    cell = """from lib.experiments.sweeps import sweep
factor = 3
def triple(x):
    return factor * x
print(sweep(triple, [1, 2], jobs=1, progress="triples"))"""
    notebook = new_notebook(cells=[new_code_cell(cell)])
    NotebookClient(notebook, kernel_name="python3", coalesce_streams=True).execute()
    texts = {output.name: output.text for output in notebook.cells[0].outputs}
    assert texts.pop("stdout") == "[3, 6]\n"
    if disable:
        assert not texts
    else:
        assert "triples: 100%" in texts["stderr"]
        assert "2/2" in texts["stderr"]


@pytest.mark.parametrize("jobs", [0, -1, 1.5])
def test_bad_jobs_are_named(jobs):
    with pytest.raises(ValueError, match=r"^jobs must"):
        sweep(square, [1], jobs=jobs)


def test_the_progress_bar_counts_what_was_there(tmp_path, capsys, monkeypatch):
    sweep(square, [1, 2], jobs=1, cache=tmp_path, progress="squares")
    monkeypatch.setattr(sweeps, "tqdm", partial(tqdm, disable=False))
    sweep(square, [1, 2, 3], jobs=1, cache=tmp_path, progress="squares")
    out, err = capsys.readouterr()
    assert out == ""
    assert "squares:  67%" in err
    assert "3/3" in err


# --- Failures ---


def test_a_setting_that_fails_is_named_and_the_others_are_kept(tmp_path):
    with pytest.raises(SweepError) as failure:
        sweep(seven_fails, [6, 7, 8], jobs=1, cache=tmp_path)
    assert str(failure.value) == "1 of 3 settings failed\n7: ZeroDivisionError: seven"
    assert failure.value.results == [6, None, 8]
    assert len(list(tmp_path.iterdir())) == 2


def test_a_wrong_width_is_named():
    with pytest.raises(SweepError, match=r"Setting\(width=0,.*ValueError: width must be at least 1"):
        sweep(train, [SETTINGS[0]._replace(width=0)], jobs=1)


def test_a_killed_process_is_reported_and_a_second_start_finishes(tmp_path, serial):
    (tmp_path / "cache").mkdir()
    settings = [(tmp_path, setting) for setting in SETTINGS]
    with pytest.raises(
        SweepError, match=r"a process ended early: A worker process.*unexpectedly terminated"
    ) as failure:
        sweep(dies_once, settings, jobs=1, cache=tmp_path / "cache")
    # One process takes the settings in turn: the third one killed it.
    assert equal(failure.value.results[:2], serial[:2])
    assert failure.value.results[2:] == [None, None]
    kept = {path: path.stat().st_mtime_ns for path in (tmp_path / "cache").iterdir()}
    assert len(kept) == 2
    assert equal(sweep(dies_once, settings, jobs=1, cache=tmp_path / "cache"), serial)
    assert kept.items() <= {path: path.stat().st_mtime_ns for path in (tmp_path / "cache").iterdir()}.items()


def test_a_worker_with_other_code_is_not_believed(monkeypatch):
    monkeypatch.setattr(sweeps, "fingerprint", lambda modules: "other")
    with pytest.raises(SweepError, match="lib or NumPy is not that of the sweep"):
        sweep(square, [1], jobs=1)


# --- The cache ---


def test_what_is_kept_is_not_computed_again(tmp_path, serial, monkeypatch):
    assert equal(sweep(train, SETTINGS[:2], jobs=1, cache=tmp_path / "new" / "folder"), serial[:2])
    assert equal(sweep(train, SETTINGS, jobs=1, cache=tmp_path / "new" / "folder"), serial)
    monkeypatch.setattr(sweeps.ProcessPoolExecutor, "submit", None)
    assert equal(sweep(train, SETTINGS[::-1], jobs=1, cache=str(tmp_path / "new" / "folder")), serial[::-1])


def test_every_entry_of_a_setting_has_its_own_result(tmp_path):
    changes = {name: 7 for name in Setting._fields if name not in ("dtype", "alpha", "beta", "label_noise")}
    changes |= {"dtype": "float32", "alpha": 0.3, "beta": 0.7, "label_noise": 0.7}
    settings = [SETTINGS[0], *(SETTINGS[0]._replace(**{name: value}) for name, value in changes.items())]
    assert len({entry_of(tmp_path, train, setting) for setting in settings}) == 1 + len(Setting._fields)
    # Numbers that are equal but not the same, and large arrays that print alike.
    zeros, nearly = np.zeros(5000), np.zeros(5000)
    nearly[2500] = 1e-300
    different = [1, 1.0, True, "1", zeros, nearly, zeros.astype("float32")]
    assert len({entry_of(tmp_path, square, setting) for setting in different}) == len(different)
    assert entry_of(tmp_path, square, 1) != entry_of(tmp_path, seven_fails, 1)


def test_changed_code_has_its_own_results(tmp_path, monkeypatch):
    copy = shutil.copytree(sweeps.LIB, tmp_path / "lib")
    monkeypatch.setattr(sweeps, "LIB", copy)
    entries = [entry_of(tmp_path, train, SETTINGS[0])]
    for name in ("book/plotting", "nn/losses", "stats/quadrature", "checks"):
        with (copy / f"{name}.py").open("a") as file:
            file.write("# changed\n")
        entries.append(entry_of(tmp_path, train, SETTINGS[0]))
    monkeypatch.setattr(np, "__version__", "0.0.0")
    entries.append(entry_of(tmp_path, train, SETTINGS[0]))
    # The pictures have nothing to do with it; the rest has, also what is imported by what is imported.
    assert [a == b for a, b in pairwise(entries)] == [True, False, False, False, False]


def test_a_function_that_changes_is_run_again(tmp_path):
    path = tmp_path / "own.py"

    def load(text):
        path.write_text(text)
        spec = importlib.util.spec_from_file_location("own", path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return entry_of(tmp_path, module.f, 1)

    first = load("def helper(x):\n    return x\n\ndef f(x):\n    return helper(x)\n")
    assert load("def helper(x):\n    return 2 * x\n\ndef f(x):\n    return helper(x)\n") != first


def test_dependencies_are_followed():
    own = "checks datasets datasets.mnist1d datasets.sampling experiments experiments.double_descent"
    own += " nn nn.initialization nn.layers nn.losses nn.networks nn.params"
    own += " optim optim.optimizers optim.schedules optim.training stats stats.quadrature"
    own = ["lib", *(f"lib.{name}" for name in own.split())]
    assert dependencies(train) == tuple(own)
    # This file imports lib.experiments.sweeps from lib and as lib.experiments.sweeps; np.sqrt has no file.
    assert dependencies(square) == tuple(sorted({"lib.experiments.sweeps", *own}))
    everything = dependencies(np.sqrt)
    assert len(everything) == len(list(sweeps.LIB.rglob("*.py")))
    # What this process has imported is what was found by reading.
    loaded = "print(*(name for name in sys.modules if name.partition('.')[0] == 'lib'))"
    code = f"import sys, lib.experiments.double_descent; {loaded}"
    imported = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert sorted(imported.split()) == own


def test_dependencies_are_followed_into_rooms(tmp_path, monkeypatch):
    """A change of any file on the way is a change of the code: a room's own, and what that imports."""
    files = {
        "lib/__init__.py": "",
        "lib/nn/__init__.py": "",
        "lib/nn/layers.py": "from lib.nn import params\nfrom lib.stats.fits import fit\ndef f(x): return x\n",
        "lib/nn/params.py": "import lib.checks\n",
        "lib/nn/other.py": "",
        "lib/stats/__init__.py": "import lib.stats.risks as r\n",
        "lib/stats/fits.py": "def fit(): pass\n",
        "lib/stats/risks.py": "",
        "lib/checks.py": "",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(sweeps, "LIB", tmp_path / "lib")
    monkeypatch.setattr(sweeps, "_source", lambda function: tmp_path / "lib" / "nn" / "layers.py")
    found = dependencies(square)
    reached = "checks nn nn.layers nn.params stats stats.fits stats.risks"
    assert found == ("lib", *(f"lib.{name}" for name in reached.split()))
    before = fingerprint(found)
    for name in files:
        (tmp_path / name).write_text(files[name] + "# changed\n")
        assert (fingerprint(found) != before) == (name != "lib/nn/other.py"), name
        (tmp_path / name).write_text(files[name])


def test_only_functions_that_a_file_defines_are_kept(tmp_path):
    space = {}
    exec("def f(x):\n    return x", space)
    for function in (lambda x: x, np.sqrt, space["f"], partial(square)):
        with pytest.raises(ValueError, match=r"^function must be defined by a module"):
            sweep(function, [1.0], jobs=1, cache=tmp_path)


def damaged(content, other):
    yield b""
    yield content[:20]
    yield content[:-1]
    yield content + b"\0"
    yield other
    yield pickle.dumps("not ours")
    for place in (0, 40, len(content) // 2, len(content) - 1):
        flipped = bytearray(content)
        flipped[place] ^= 1
        yield bytes(flipped)


def test_a_damaged_entry_is_computed_again_with_a_warning(tmp_path, serial):
    sweep(train, SETTINGS[:2], jobs=1, cache=tmp_path)
    entry, other = (entry_of(tmp_path, train, setting) for setting in SETTINGS[:2])
    good = entry.read_bytes()
    for bad in damaged(good, other.read_bytes()):
        entry.write_bytes(bad)
        with pytest.warns(UserWarning, match=f"{entry.name} is damaged") as caught:
            assert sweeps._read(entry) is sweeps._MISSING
        assert len(caught) == 1
    with pytest.warns(UserWarning, match="is damaged") as caught:
        assert equal(sweep(train, SETTINGS[:2], jobs=1, cache=tmp_path), serial[:2])
    assert caught[0].filename == __file__
    assert entry.read_bytes() == good
    assert equal(sweep(train, SETTINGS[:2], jobs=1, cache=tmp_path), serial[:2])


def test_a_file_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    path, calls = tmp_path / "file", []
    write_atomically(path, b"before")

    def fails(_):
        # Nothing is visible before the bytes are on the disk.
        calls.append(path.read_bytes())
        raise OSError(errno.ENOSPC, "disk is full")

    monkeypatch.setattr(os, "fsync", fails)
    with pytest.raises(OSError, match=f"cannot write {path}: disk is full"):
        write_atomically(path, b"after")
    assert calls == [b"before"]
    assert path.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [path]


# --- The cluster ---


@pytest.fixture
def cluster(tmp_path):
    """Give joblib a Dask cluster of two processes on the loopback, on free ports."""
    from dask.distributed import Client, LocalCluster

    before = set(psutil.Process().children(recursive=True))
    with (
        LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",
            silence_logs="CRITICAL",
            local_directory=str(tmp_path / "dask"),
        ) as cluster,
        Client(cluster) as client,
        parallel_config(backend="dask"),
    ):
        yield client
    left = [p for p in set(psutil.Process().children(recursive=True)) - before if p.is_running()]
    assert not [p for p in left if "resource_tracker" not in " ".join(p.cmdline())]


def test_a_dask_worker_dies_and_nothing_is_lost(cluster, tmp_path, serial):
    (tmp_path / "cache").mkdir()
    settings = [(tmp_path, setting) for setting in SETTINGS]
    assert equal(sweep(dies_once, settings, cache=tmp_path / "cache"), serial)
    # It was begun twice: once by the worker that died, once by another.
    assert len(list(tmp_path.glob("attempt*"))) == 2
    assert len(list((tmp_path / "cache").iterdir())) == 4
    assert sweep(threads, ["OPENBLAS_NUM_THREADS"]) == ["1"]


def test_a_call_that_kills_every_dask_worker_is_reported(cluster):
    cluster.cluster.scheduler.allowed_failures = 1  # three without this
    with pytest.raises(SweepError, match=r"^1 of 1 settings failed\n1: KilledWorker"):
        sweep(dies, [1])


def test_a_dask_worker_without_the_module_is_reported(cluster):
    with pytest.raises(SweepError, match=r"(?s)^1 of 1 settings failed\n.*different environments"):
        sweep(square, [Unknown()])


class Unknown:
    """Travels as an object of a module that is nowhere."""

    def __reduce__(self):
        return importlib.import_module, ("a_module_that_is_nowhere",)


# --- The page that shows all this ---


def pieces(language):
    page = (ROOT / "appendix" / "beyond-one-machine.md").read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", page, re.M | re.S)


def test_the_code_of_the_page_runs(tmp_path):
    """Its commands start a scheduler and a worker, on the loopback and free ports; its Python is a script."""
    shared, here = str(tmp_path), tmp_path / "here"
    here.mkdir()
    _, *commands = [piece.strip().replace("/shared", shared) for piece in pieces("sh")]
    local = ["--host", "127.0.0.1", "--dashboard-address", "127.0.0.1:0"]
    options = {"scheduler": [*local, "--port", "0"], "worker": local}
    body = "".join(piece.replace("/shared", shared) for piece in pieces("python"))
    script = here / "page.py"
    script.write_text('if __name__ == "__main__":\n' + textwrap.indent(body, "    "), encoding="utf-8")
    environment = {**os.environ, "TMPDIR": shared}
    started = []
    try:
        for command in commands:
            program, role, *arguments = command.replace("--nworkers -1", "--nworkers 1").split()
            line = [sys.executable, "-m", program, role, *arguments, *options[role]]
            quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
            started.append(subprocess.Popen(line, cwd=tmp_path, env=environment, **quiet))
        wait_until((tmp_path / "scheduler.json").exists, "the scheduler is announced", started[0])
        how = {"cwd": here, "env": environment, "capture_output": True, "text": True, "timeout": PATIENCE}
        run = subprocess.run([sys.executable, script], **how)
    finally:
        for process in reversed(started):
            process.terminate()
            process.wait(PATIENCE)
    assert run.returncode == 0, run.stderr
    widths = [line.split()[0] for line in run.stdout.splitlines()]
    assert widths == ["5", "20", "80"]
    assert [len(list((folder / "sweeps").iterdir())) for folder in (here, tmp_path)] == [4, 3]
