"""Refreshing notebooks, with real kernels."""

import subprocess
import sys

import pytest
from helpers import PATIENCE
from nbformat.v4 import new_code_cell
from notebook_parts import notebook

from tools import refresh
from tools.check_notebooks import problems
from tools.notebooks import dumps, loads

GOOD = """\
import ipywidgets
from pathlib import Path
print(Path.cwd().name)
ipywidgets.IntSlider()"""


def save(path, *sources):
    text = dumps(notebook(*map(new_code_cell, sources)))
    path.write_text(text, encoding="utf-8")
    return text


def test_a_refreshed_notebook_is_in_order_and_a_second_refresh_changes_nothing(tmp_path):
    path = tmp_path / "good.ipynb"
    save(path, GOOD, "6 * 7")
    assert refresh.refresh(path)
    once = path.read_text(encoding="utf-8")
    assert problems(once) == []
    first, second = loads(once).cells
    assert first.outputs[0].text == f"{tmp_path.name}\n", "a kernel runs in the folder of its notebook"
    assert list(first.outputs[1].data) == ["text/plain"], "no view of the widget is stored"
    assert second.outputs[0].data == {"text/plain": "42"}
    assert not refresh.refresh(path)
    assert path.read_text(encoding="utf-8") == once


def test_stock_nbval_accepts_a_refreshed_notebook(tmp_path):
    path = tmp_path / "good.ipynb"
    save(path, GOOD)
    refresh.refresh(path)
    nbval = [sys.executable, "-m", "pytest", "--nbval", "--nbval-current-env", "-q", "good.ipynb"]
    run = subprocess.run(nbval, cwd=tmp_path, capture_output=True, text=True, timeout=PATIENCE)
    assert run.returncode == 0, run.stdout
    assert "1 passed" in run.stdout


@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        ("1 / 0", "ZeroDivisionError"),
        ("import sys; print('careful', file=sys.stderr)", "cell 0 wrote to standard error:\ncareful"),
        ("import os, signal; os.kill(os.getppid(), signal.SIGKILL)", "process pool was terminated"),
    ],
)
def test_a_notebook_that_fails_stays_as_it_was(tmp_path, capsys, source, complaint):
    path = tmp_path / "bad.ipynb"
    before = save(path, source)
    assert refresh.main([str(path)]) == 1
    assert path.read_text(encoding="utf-8") == before
    error = capsys.readouterr().err
    assert f"{path}: not refreshed" in error
    assert complaint in error


def test_a_cell_may_take_as_long_as_is_said_and_no_longer(tmp_path, capsys):
    path = tmp_path / "slow.ipynb"
    save(path, f"import time; time.sleep({PATIENCE})")
    assert refresh.main(["--timeout", "1", str(path)]) == 1
    assert "A cell timed out" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        refresh.main(["--timeout", "0", str(path)])
    assert "--timeout must be at least 1, got 0" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["missing.ipynb", "notes.txt"])
def test_a_wrong_name_is_a_usage_error_that_names_it(tmp_path, capsys, name):
    (tmp_path / "notes.txt").touch()
    with pytest.raises(SystemExit) as stopped:
        refresh.main([str(tmp_path / name)])
    assert stopped.value.code == 2
    assert name in capsys.readouterr().err
