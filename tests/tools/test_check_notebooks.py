"""Each rule for stored notebooks, broken one at a time."""

import copy

import pytest
from nbformat.v4 import new_code_cell, new_output
from notebook_parts import FIGURE, executed, image, notebook

from tools.check_notebooks import problems
from tools.notebooks import WIDGET_VIEW, dumps


def found(*cells, **metadata):
    book = notebook(*cells)
    book.metadata.update(metadata)
    return "\n".join(problems(dumps(book)))


def figure(count=1, **changes):
    """Return a figure cell with some of its metadata changed; None takes a key out."""
    metadata = copy.deepcopy(FIGURE)
    for path, value in changes.items():
        *parents, last = path.split("__")
        options = metadata["mystnb"]
        for parent in parents:
            options = options[parent]
        options[last] = value
        if value is None:
            del options[last]
    return executed("plt.show()", image(), count=count, **metadata)


def test_a_sound_notebook_has_no_problems():
    assert found(executed("print(1)", new_output("stream", text="1\n")), figure(count=2)) == ""


@pytest.mark.parametrize("cell", [new_code_cell("x", id="a"), executed("x", count=2)])
def test_every_cell_was_run_once_in_order(cell):
    assert "from top to bottom" in found(cell)


def test_a_file_not_in_normal_form():
    view = new_output("display_data", data={WIDGET_VIEW: {"model_id": "a"}, "text/plain": "Explorer"})
    assert "make refresh" in found(executed("x", view))
    assert "make refresh" in found(executed("x"), widgets={})
    assert "make refresh" in found(executed("x"), executed("y") | {"execution_count": 2})  # one id for both


@pytest.mark.parametrize(
    ("cell", "problem"),
    [
        (figure(figure__name=None), "without 'mystnb.figure.name'"),
        (figure(figure__caption=" "), "without 'mystnb.figure.caption'"),
        (figure(image__alt=None), "without 'mystnb.image.alt'"),
        (figure(image=None), "without 'mystnb.image.alt'"),
        (figure(figure__captoin="A bowl."), "unknown key 'mystnb.figure.captoin'"),
        (figure(figur={}), "unknown key 'mystnb.figur'"),
        (executed("plt.show()", image()), "without 'mystnb.figure.name'"),
        (executed("plt.show()", image(), image(), **FIGURE), "exactly one output"),
        (executed("x", **FIGURE), "exactly one output"),
        (executed("x", tags=["hide_input"]), "unknown tag 'hide_input'"),
        (executed("x", tags=["nbval-skip"]), "unknown tag 'nbval-skip'"),
        (executed("# NBVAL_IGNORE_OUTPUT\nx"), "NBVAL_IGNORE_OUTPUT"),
        (executed("# PYTEST_VALIDATE_IGNORE_OUTPUT\nx"), "IGNORE_OUTPUT"),
        (executed("x\n# NBVAL_SKIP"), "NBVAL_SKIP"),
        (executed("import sys; sys.path.insert(0, '..')"), "sys.path"),
        (executed("x", new_output("stream", name="stderr", text="!")), "standard error"),
        (executed("x", new_output("error", ename="KeyError", evalue="", traceback=[])), "KeyError"),
        (executed("x", new_output("stream", text="in /home/ann/book\n")), "'/home/ann/book"),
        (executed("x", new_output("stream", text="in C:\\Users\\ann\n")), "'C:\\\\Users"),
        (
            executed("x", new_output("display_data", data={"text/plain": "('/usr/lib',)"})),
            "path of one machine",
        ),
    ],
)
def test_each_rule(cell, problem):
    assert problem in found(cell)


REASON = "# The last digits depend on the processor.\n"


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        (REASON + "# NBVAL_RTOL: 0.011\nx", "declares rtol = 0.011; the widest allowed is 0.01"),
        (REASON + "# NBVAL_PNG: 8.5\nx", "declares png = 8.5; the widest allowed is 8"),
        ("# NBVAL_RTOL: 1e-4\nx", "'# NBVAL_RTOL: 1e-4' has no reason"),
        (REASON + "x\n# NBVAL_RTOL: 1e-4", "no reason"),
        (REASON + "\n# NBVAL_RTOL: 1e-4", "no reason"),
        ("#\n# NBVAL_RTOL: 1e-4", "no reason"),
        (REASON + "# NBVAL_RTOLL: 1e-4", "malformed declaration"),
    ],
)
def test_a_tolerance_is_narrow_and_has_a_reason(source, problem):
    assert problem in found(executed(source))


def test_a_tolerance_is_declared_where_it_is_seen():
    assert "in its metadata" in found(executed("x", nbval={"rtol": 1e-4}))


def test_declarations_in_a_row_share_their_reason():
    assert found(executed(REASON + "# NBVAL_RTOL: 1e-2\n# NBVAL_ATOL: 20\n# NBVAL_PNG: 8\nx")) == ""


@pytest.mark.parametrize("text", ["a/home/b", "https://x.org/home/b", "7/2", "1 / 2 per step"])
def test_other_slashes_are_no_paths(text):
    assert found(executed("x", new_output("stream", text=text))) == ""
