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


def test_find_all_goes_from_front_to_back(tmp_path):
    names = ["intro.ipynb", "chapters/01-a.ipynb", "chapters/02-b.ipynb", "appendix/errata.ipynb"]
    for name in [*reversed(names), "chapters/.ipynb_checkpoints/01-a.ipynb", "lib/x.ipynb"]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert [path.relative_to(tmp_path).as_posix() for path in find_all(tmp_path)] == names


def test_the_tests_and_the_table_of_contents_know_exactly_the_notebooks_of_the_book():
    book = [path.relative_to(ROOT).as_posix() for path in find_all()]
    collect = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider"]
    run = subprocess.run(collect, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE)
    assert run.returncode == 0, run.stdout + run.stderr
    assert sorted(set(re.findall(r"^(\S+\.ipynb)::", run.stdout, re.M))) == sorted(book)

    toc = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    chapters = [chapter for part in toc["parts"] for chapter in part["chapters"]]
    pages = [page["file"] for chapter in chapters for page in (chapter, *chapter.get("sections", []))]
    pages.append(toc["root"])
    assert sorted(f"{page}.ipynb" for page in pages if not (ROOT / f"{page}.md").exists()) == sorted(book)


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
