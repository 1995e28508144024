"""The normal form of a notebook."""

import json

import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_output
from notebook_parts import executed, notebook

from tools.notebooks import METADATA, WIDGET_VIEW, dumps, find_all, loads, normalise, write


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
