"""The normal form of a notebook."""

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from helpers import PATIENCE
from nbclient import NotebookClient
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_output
from notebook_parts import executed, notebook

from tools.notebooks import (
    CELL_TIMEOUT,
    KERNEL_TIMEOUT,
    METADATA,
    ROOT,
    WIDGET_VIEW,
    dumps,
    find_all,
    find_pages,
    loads,
    normalise,
    prepare_kernels,
    write,
)


def ids(book: NotebookNode) -> list[str]:
    return [cell["id"] for cell in normalise(book).cells]


def test_normal_form_is_a_fixed_point_of_reading_and_writing():
    text = dumps(normalise(notebook(executed("1 + 1", new_output("stream", text="2\n")))))
    assert dumps(normalise(loads(text))) == text
    assert text.endswith("}\n")
    assert text.startswith('{\n "cells"')


def test_what_changes_from_run_to_run_is_dropped():
    view = new_output("display_data", data={WIDGET_VIEW: {"model_id": "a1b2"}, "text/plain": "Explorer"})
    book = notebook(executed("show()", view, execution={"iopub.status.idle": "2025"}, tags=["hide-input"]))
    book.metadata["widgets"] = {"state": {}}
    book.metadata["language_info"] = {"name": "python", "version": "3.11.7"}
    normal = normalise(book)
    assert normal.metadata == METADATA
    assert normal.cells[0].metadata == {"tags": ["hide-input"]}
    assert normal.cells[0].outputs[0].data == {"text/plain": "Explorer"}
    assert WIDGET_VIEW in book.cells[0].outputs[0].data, "the argument must not change"


def test_cell_ids_are_kept_derived_where_missing_and_never_shared():
    cells = [new_code_cell("x = 1", id="own") for _ in range(2)] + [new_code_cell("x = 1")]
    del cells[2]["id"]
    found = ids(notebook(*cells))
    assert found[0] == "own"
    assert len(set(found)) == 3
    assert found == ids(notebook(*cells))


def test_a_derived_id_depends_on_the_source():
    found = set()
    for source in ("x = 1", "x = 2"):
        cell = new_code_cell(source)
        del cell["id"]
        found.update(ids(notebook(cell)))
    assert len(found) == 2


@pytest.mark.parametrize("text", ["", "[]", "{}", json.dumps({"nbformat": 3, "worksheets": []})])
def test_anything_but_a_notebook_of_format_4_is_refused(text):
    with pytest.raises(ValueError, match=r"notebook|nbformat"):
        loads(text)


def test_write_replaces_the_file_and_leaves_nothing_else(tmp_path):
    path = tmp_path / "a.ipynb"
    path.write_text("old", encoding="utf-8")
    write(path, "new α\n")
    assert path.read_bytes() == "new α\n".encode()
    assert list(tmp_path.iterdir()) == [path]


TOC = """\
root: intro
parts:
  - chapters:
      - file: chapters/02-b
        sections:
          - file: chapters/01-a
  - chapters:
      - file: appendix/notation
"""


def test_the_pages_of_the_book_are_those_that_the_table_of_contents_lists(tmp_path):
    names = ["intro.ipynb", "chapters/02-b.ipynb", "chapters/01-a.ipynb"]
    others = ["chapters/Untitled.ipynb", "chapters/01-a-Copy1.ipynb", "stray.ipynb", "chapters/notes.md"]
    for name in [*names, *others, "appendix/notation.md"]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "_toc.yml").write_text(TOC)
    assert [path.relative_to(tmp_path).as_posix() for path in find_all(tmp_path)] == names
    assert find_pages(tmp_path) == [*find_all(tmp_path), tmp_path / "appendix" / "notation.md"]
    (tmp_path / "appendix" / "notation.md").unlink()
    with pytest.raises(
        FileNotFoundError, match=r"_toc\.yml lists appendix/notation, and there is no such page"
    ):
        find_pages(tmp_path)


def test_the_table_of_contents_lists_every_notebook_that_is_kept_in_the_repository():
    if not (ROOT / ".git").exists():
        pytest.skip("not a repository: nothing tells the book's notebooks from a reader's own")
    kept = subprocess.run(
        ["git", "ls-files", "*.ipynb"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert sorted(kept.stdout.split()) == sorted(path.relative_to(ROOT).as_posix() for path in find_all())


def test_the_tests_know_the_notebooks_of_the_book_and_leave_a_readers_own_alone():
    book = [path.relative_to(ROOT).as_posix() for path in find_all()]
    own = ROOT / "chapters" / f"Untitled-{os.getpid()}.ipynb"
    own.write_text(dumps(notebook(new_code_cell("x = 1"))), encoding="utf-8")
    try:
        assert collected() == sorted(book)
        assert collected(own) == [own.relative_to(ROOT).as_posix()], "named, it is tested"
    finally:
        own.unlink()


def collected(*paths):
    """Return the notebooks in which pytest finds tests."""
    options = ["--collect-only", "-q", "-p", "no:cacheprovider"]
    command = [sys.executable, "-m", "pytest", *options, *paths]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE)
    assert run.returncode == 0, run.stdout + run.stderr
    return sorted(set(re.findall(r"^(\S+\.ipynb)::", run.stdout, re.M)))


def test_the_build_leaves_a_readers_own_pages_alone():
    config = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
    assert config["only_build_toc_files"] is True


def test_every_way_to_run_a_notebook_has_the_same_time_out():
    pytest_options = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["pytest"]
    options = pytest_options["ini_options"]["addopts"].split()
    assert f"--nbval-cell-timeout={CELL_TIMEOUT}" in options
    assert f"--nbval-kernel-startup-timeout={KERNEL_TIMEOUT}" in options
    config = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
    assert config["execute"]["timeout"] == CELL_TIMEOUT


def test_a_kernel_imports_the_lib_of_this_checkout_whichever_is_installed(monkeypatch, tmp_path):
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "__init__.py").touch()
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    prepare_kernels()
    book = notebook(new_code_cell("import lib; print(lib.__file__)"))
    NotebookClient(book, kernel_name="python3", resources={"metadata": {"path": ROOT / "chapters"}}).execute()
    assert Path(book.cells[0].outputs[0].text.strip()).is_relative_to(ROOT)


def test_preparing_twice_keeps_what_the_user_set_and_adds_nothing(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", "elsewhere")
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "2")
    for _ in range(2):
        prepare_kernels()
    assert os.environ["PYTHONPATH"] == f"{ROOT}{os.pathsep}elsewhere"
    assert os.environ["OPENBLAS_NUM_THREADS"] == "2"


HOSTILE = {
    "MPLBACKEND": "agg",
    "MATPLOTLIBRC": "{folder}/matplotlibrc",
    "MPLCONFIGDIR": "{folder}",
    "IPYTHONDIR": "{folder}",
    "PYTHONOPTIMIZE": "1",
    "PYTHONIOENCODING": "cp1252",
    "PYTHONSAFEPATH": "1",
    "PYTHONWARNINGS": "error",
}
ASKED = """\
import sys, matplotlib, matplotlib.pyplot as plt
look = plt.rcParams["lines.linewidth"]
print("inline" in matplotlib.get_backend(), look, sys.flags.optimize, sys.warnoptions)
print("start" in globals())
try:
    assert 1 == 2
except AssertionError:
    print("asserts")
plt.plot([1, 2])
plt.show()"""


def test_the_users_environment_does_not_choose_how_kernels_draw_and_run(monkeypatch, tmp_path):
    (tmp_path / "matplotlibrc").write_text("lines.linewidth: 7")
    start = tmp_path / "profile_default" / "startup" / "start.py"
    start.parent.mkdir(parents=True)
    start.write_text("start = True")
    for name, value in HOSTILE.items():
        monkeypatch.setenv(name, value.format(folder=tmp_path))
    prepare_kernels()
    book = notebook(new_code_cell(ASKED))
    NotebookClient(book, kernel_name="python3", resources={"metadata": {"path": ROOT / "chapters"}}).execute()
    printed, figure = book.cells[0].outputs
    assert printed.text.splitlines() == ["True 1.5 0 []", "False", "asserts"]
    assert "image/png" in figure.data


def test_pytest_that_would_skip_asserts_says_so_in_a_line():
    command = [sys.executable, "-O", "-m", "pytest", "-p", "no:cacheprovider", "tests/test_checks.py"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE)
    assert run.returncode != 0
    assert "Python runs optimized (-O, PYTHONOPTIMIZE)" in run.stdout + run.stderr
    assert "Traceback" not in run.stdout + run.stderr


def test_make_runs_python_as_the_project_means_it():
    hostile = {name: "1" for name in HOSTILE if name.startswith("PYTHON")}
    command = ["make", "--no-print-directory", "-f", "Makefile", "-f", "-", "ask"]
    quiet = {"input": "ask:\n\t@env\n", "capture_output": True, "text": True, "check": True}
    run = subprocess.run(command, cwd=ROOT, env={**os.environ, **hostile}, **quiet)
    assert "PATH=" in run.stdout
    assert [line for line in run.stdout.splitlines() if line.partition("=")[0] in hostile] == []
