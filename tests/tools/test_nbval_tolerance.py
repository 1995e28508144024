"""Tests of the comparison of notebooks: the distances by themselves, the plugin on real notebooks.

Starting a kernel costs a second, so many cases share a notebook: one cell each, executed once to
make the reference, then altered in its source or in its stored outputs.
"""

import base64
import io
import json
import math
import re
import time
from collections.abc import Callable
from typing import NamedTuple

import nbformat
import numpy as np
import psutil
import pytest
from helpers import PATIENCE
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_notebook, new_output
from PIL import Image

from tools.nbval_tolerance import declared_tolerances, flatten, reference_problem
from tools.notebooks import WIDGET_VIEW
from tools.output_distance import (
    FIGURE_DATA,
    Tolerance,
    decode,
    difference,
    figure_differences,
    figure_distance,
    text_difference,
    tile_distance,
)

pytest_plugins = "pytester"

EXACT = Tolerance()
LOOSE = Tolerance(rtol=1e-4)


# --- Distances --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("new", "ref", "tol"),
    [
        ("loss 0.25 after 10 steps", "loss 0.25 after 10 steps", EXACT),
        ("loss 0.250001", "loss 0.25", LOOSE),
        ("loss 1.0001", "loss 1.00001", LOOSE),
        ("[1.         0.5]", "[0.99999 0.5]", LOOSE),  # NumPy aligns with spaces
        ("−1.00001e-3", "−1.00000e-3", LOOSE),
        ("It is 0.50001.", "It is 0.5.", LOOSE),  # a full stop is no decimal point
        ("0.124", "0.123", Tolerance(rtol=1e-2)),
        ("0.124", "0.123", Tolerance(atol=5e-4)),  # 0.1235 -+ 0.0005 prints either
        ("1e-17", "-3e-18", Tolerance(atol=1e-12)),
        ("12346 points", "12345 points", LOOSE),  # 1 in 12345 is within the declared 1e-4
        ("nan", "nan", LOOSE),
    ],
)
def test_text_that_agrees(new, ref, tol):
    assert text_difference(new, ref, tol) is None


@pytest.mark.parametrize(
    ("new", "ref", "tol", "message"),
    [
        ("0.250001", "0.25", EXACT, "off by 0.000001, allowed 0"),
        ("0.2501", "0.25", LOOSE, "number 1 was 0.25, is 0.2501: off by 0.0001, allowed 0.000075"),
        ("0.5 0.6 0.8", "0.5 0.5 0.5", LOOSE, "2 number(s) differ, most of all number 3"),
        ("0.58", "0.5", LOOSE, "off by 0.08"),  # the finer of the two last digits counts
        ("0.6", "0.5", LOOSE, "off by 0.1"),
        ("0.124", "0.123", Tolerance(atol=4e-4), "off by 0.001, allowed 0.0009"),
        ("501 steps", "500 steps", LOOSE, "off by 1, allowed 0.05"),
        ("501 steps", "500 steps", Tolerance(atol=0.9), "off by 1, allowed 0.9"),
        ("9007199254740993", "9007199254740992", Tolerance(atol=0.5), "off by 1"),
        ("-0.5", "0.5", LOOSE, "off by 1.0"),
        ("loss 0.5", "Loss 0.5", LOOSE, "words"),
        ("0.5 0.5", "0.5", LOOSE, "count of numbers"),
        ("nan", "0.5", Tolerance(atol=1e9), "words"),
        ("3.11.2", "3.11.1", Tolerance(atol=1e9), "words"),  # a version is a word
        ("2x4", "2x3", Tolerance(atol=1e9), "words"),  # and so is a shape
        ("\0", "1", LOOSE, "words"),
        ("0.5", "", LOOSE, "words"),
        ("0.50", "0.5", EXACT, "white space, or the way"),
        ("a  b", "a b", EXACT, "white space, or the way"),
    ],
)
def test_text_that_differs(new, ref, tol, message):
    assert message in text_difference(new, ref, tol)


def figure(**changes):
    """Return the data behind a figure of one axis with one line."""
    line = {"label": "loss", "x": [0, 1, 2, 3], "y": [1e-9, 0.5, None, -2.0], "width": 1.5}
    return {"axes": [{"title": "A", "lines": [line | changes]}]}


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"y": [2e-9, 0.500001, None, -2.0]},  # noise, on the scale of the array
        {"y": [1e-9, 0.5, None, -2.00001]},
        {"width": 1.500001},
        {"x": [0.0, 1.0, 2.0, 3.0]},
    ],
)
def test_figure_data_that_agree(changes):
    assert not list(figure_differences(figure(**changes), figure(), EXACT))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"y": [1e-9, 0.5, None, -2.002]}, "lines[0].y: off by 0.002 on a scale of 2, allowed 2e-"),
        ({"y": [1e-9, 0.5001, None, -2.0]}, "off by 0.0001"),
        ({"y": [1e-9, None, 0.5, -2.0]}, "nulls"),
        ({"y": [1e-9, 0.5, 0.0, -2.0]}, "nulls"),
        ({"y": [1e-9, 0.5, None, math.inf]}, "off by inf"),
        ({"y": [1e-9, 0.5, math.nan, -2.0]}, "nulls"),
        ({"y": [1e-9, 0.5, None, math.nan]}, "off by nan"),
        ({"y": [1e-9, 0.5, None]}, "lines[0].y: was"),
        ({"y": "none"}, "is none"),
        ({"y": None}, "is None"),
        ({"width": 1.51}, "width: off by 0.01"),
        ({"width": True}, "is True"),
        ({"label": "Loss"}, "label: was loss, is Loss"),
        ({"marker": "o"}, "lines[0]: was"),
        ({"x": [0, 1, 2, "3"]}, "x[3]: was 3, is 3"),
    ],
)
def test_figure_data_that_differ(changes, message):
    (problem,) = figure_differences(figure(**changes), figure(), EXACT)
    assert problem.startswith("figure.axes[0].lines[0]")
    assert message in problem


def test_a_declared_tolerance_loosens_figure_data():
    off = figure(y=[1e-9, 0.5, None, -2.002])
    assert not list(figure_differences(off, figure(), Tolerance(rtol=1e-2)))
    assert not list(figure_differences(off, figure(), Tolerance(atol=0.003)))
    assert list(figure_differences(off, figure(), Tolerance(rtol=9e-4, atol=0.0019)))


def test_an_infinite_reference_allows_nothing():
    assert list(figure_differences([math.inf, 3.0], [math.inf, 2.0], EXACT))
    assert list(figure_differences([1.0], [math.inf], EXACT))


def test_tile_distance():
    white = np.full((40, 50, 4), 255.0)
    one, two, line, clear = (white.copy() for _ in range(4))
    one[20, 20, :3] = 0
    two[20, 20:23, 1] = 0
    line[39, :] = 0  # a line in the last, incomplete row of tiles
    clear[:16, :16, 3] = 0
    assert tile_distance(white, white) == 0
    assert tile_distance(one, white) == 255 / 256
    assert tile_distance(two, white) == 3 * 255 / 256  # the worst channel counts
    assert tile_distance(line, white) == 255 / 16
    assert tile_distance(clear, white) == 255  # transparency counts


def encode(pixels):
    """Return the base64 text of a PNG."""
    buffer = io.BytesIO()
    Image.fromarray(pixels.astype(np.uint8)).save(buffer, "png")
    return base64.b64encode(buffer.getvalue()).decode()


def test_difference_by_mime_type():
    black, grey = (encode(np.full((20, 30, 4), [v, v, v, 255])) for v in (0, 3))
    half = encode(np.full((20, 15, 4), 0))
    assert "off by 3.00/255, allowed 2" in difference("image/png", grey, black, EXACT)
    assert difference("image/png", grey, black, Tolerance(png=3)) is None
    assert "was 30×20, is 15×20" in difference("image/png", half, black, EXACT)
    assert difference("application/papermill.record/image/png", grey, black, EXACT)
    assert difference(FIGURE_DATA, {"y": [1.000001]}, {"y": [1.0]}, EXACT) is None
    for mime in ("text/plain", "text/html", "text/latex", "text/markdown", "stdout", "stderr"):
        assert difference(mime, "0.50001", "0.5", EXACT)
        assert difference(mime, "0.50001", "0.5", LOOSE) is None
    assert difference("application/papermill.record/text/plain", "0.50001", "0.5", LOOSE) is None
    for mime in ("image/svg+xml", "image/jpeg", "application/javascript", "ename"):
        assert difference(mime, "0.50001", "0.5", LOOSE)
    assert difference("application/json", {"a": 0.50001}, {"a": 0.5}, LOOSE)


def test_a_text_difference_shows_both_sides():
    problem = difference("stdout", "a\nb 0.5\n", "a\nb 0.25\n", EXACT)
    assert "\n-b 0.25\n+b 0.5" in problem


# --- What a cell declares ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "metadata", "declared"),
    [
        ("x = 1  # an ordinary comment", {}, {}),
        ("# NBVAL_RTOL: 1e-4\nx", {}, {"rtol": 1e-4}),
        ("x\n  #NBVAL_ATOL: .5\n# NBVAL_PNG: 3", {}, {"atol": 0.5, "png": 3.0}),
        ("# NBVAL_IGNORE_OUTPUT\n# NBVAL_RTOL: 1e-4", {}, {"rtol": 1e-4}),
        ("# NBVAL_SKIP\n# NBVAL_CHECK_OUTPUT\n# NBVAL_RAISES_EXCEPTION", {}, {}),
        ("x", {"nbval": {"rtol": 1e-3, "png": 0}}, {"rtol": 1e-3, "png": 0.0}),
        ("x", {"tags": ["hide-input", "raises-exception", "nbval-skip"]}, {}),
        ("# NBVAL_ATOL: 1", {"nbval": {"rtol": 1e-3}}, {"rtol": 1e-3, "atol": 1.0}),
    ],
)
def test_declarations(source, metadata, declared):
    assert declared_tolerances(new_code_cell(source, metadata=metadata)) == declared


@pytest.mark.parametrize(
    ("source", "metadata", "message"),
    [
        ("# NBVAL_RTOLL: 1e-4", {}, "unknown or malformed declaration '# NBVAL_RTOLL: 1e-4'"),
        ("# NBVAL_RTOL 1e-4", {}, "malformed"),
        ("# NBVAL_RTOL:", {}, "malformed"),
        ("# nbval_rtol: 1e-4", {}, "malformed"),
        ("# NBVAL_IGNORE_OUTPUTS", {}, "unknown"),
        ("print(1)  # NBVAL_RTOL: 1e-4", {}, "line of its own"),
        ("print(1)  # NBVAL_SKIP", {}, "line of its own"),
        ("# NBVAL_RTOL: small", {}, "'small' in '# NBVAL_RTOL: small' is not a number"),
        ("# NBVAL_RTOL: -1e-4", {}, "rtol must be a number, finite and not negative, got -0.0001"),
        ("# NBVAL_RTOL: nan", {}, "got nan"),
        ("# NBVAL_RTOL: inf", {}, "got inf"),
        ("# NBVAL_RTOL: 1\n# NBVAL_RTOL: 2", {}, "rtol is declared twice"),
        ("# NBVAL_RTOL: 1", {"nbval": {"rtol": 1}}, "rtol is declared twice"),
        ("x", {"nbval": {"rtoll": 1}}, "unknown tolerance 'rtoll'"),
        ("x", {"nbval": {"rtol": "1e-4"}}, "got '1e-4'"),
        ("x", {"nbval": {"rtol": True}}, "got True"),
        ("x", {"nbval": 1e-4}, "must be a mapping"),
        ("x", {"tags": ["nbval-ignore-outputs"]}, "unknown tag"),
    ],
)
def test_bad_declarations(source, metadata, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        declared_tolerances(new_code_cell(source, metadata=metadata))


def test_reference_problem():
    plain, tagged, skipped = (
        {"skip": False, "check_exception": False},
        {"skip": False, "check_exception": True},
        {"skip": True, "check_exception": False},
    )
    error = new_output("error", ename="ValueError", evalue="no", traceback=[])
    never, failed = new_code_cell("1"), new_code_cell("1", execution_count=1, outputs=[error])
    assert "never executed; run make refresh" in reference_problem(never, plain)
    assert reference_problem(never, skipped) is None
    assert reference_problem(new_code_cell(" \n"), plain) is None
    assert "is an error" in reference_problem(failed, plain)
    assert reference_problem(failed, tagged) is None
    assert "Bad" in reference_problem(new_code_cell("# NBVAL_RTOL", execution_count=1), plain)


def test_flatten_drops_views_of_widgets_and_svg_beside_png():
    view = new_output("display_data", {WIDGET_VIEW: {"model_id": "a"}, "text/plain": "w"})
    both = new_output("display_data", {"image/png": "p", "image/svg+xml": "s"})
    svg = new_output("display_data", {"image/svg+xml": "s"}, metadata={"name": "n"})
    stderr = new_output("stream", name="stderr", text="w")
    assert flatten([both, stderr, svg, view]) == {
        (0, "stderr"): "w",
        (1, "image/png"): "p",
        (2, "metadata"): {"name": "n"},
        (2, "image/svg+xml"): "s",
        (3, "text/plain"): "w",
    }


# --- Whole notebooks --------------------------------------------------------------------------

SETUP = f"""\
%matplotlib inline
%config InlineBackend.figure_formats = ["png", "svg"]
import sys, time
import ipywidgets as widgets
import matplotlib.pyplot as plt
from IPython.core.formatters import BaseFormatter
from IPython.display import HTML, Latex, display
from traitlets import Unicode

class FigureData(BaseFormatter):
    format_type = Unicode({FIGURE_DATA!r})
    _return_type = dict

formatter = get_ipython().display_formatter.formatters[{FIGURE_DATA!r}] = FigureData()
formatter.for_type(plt.Figure, lambda figure: {{
    "lines": [{{"x": [*a.get_xdata()], "y": [*a.get_ydata()]}} for a in figure.axes[0].lines]
}})

def curve(shift=0.0, scale=1.0, data=False):
    formatter.enabled = data
    xs = [k / 50 for k in range(51)]
    plt.figure(figsize=(4, 3))
    plt.plot(xs, [scale * x * x + shift for x in xs])
    plt.ylim(0, 1)
    plt.show()
"""

WIDGETS = """\
slider = widgets.IntSlider(max=1)
stack = widgets.Stack([widgets.HTML("a"), widgets.HTML("b")], selected_index=0)
widgets.jslink((slider, "value"), (stack, "selected_index"))
display(slider, stack)
out = widgets.Output()
with out:
    print("captured")
    display(HTML("captured"))
    out.clear_output()
    print("captured again")
display(out)
def double(x):
    print("interact")
    return 2 * x
widgets.interact(double, x=3)
print("not captured")
slider
"""


def source(old, new):
    """Return an edit that changes a cell's source after it has been executed."""

    def edit(cell):
        assert old in cell.source
        cell.source = cell.source.replace(old, new)

    return edit


def forget(cell):
    """Make the cell look as if it had never been executed."""
    cell.update(execution_count=None, outputs=[])


def loosen(cell):
    """Declare a tolerance in the cell's metadata, and use it."""
    cell.metadata["nbval"] = {"atol": 0.01}
    cell.source = "1.509"


def drop_view(cell):
    """Drop the view of a widget from the stored output."""
    del cell.outputs[0].data[WIDGET_VIEW]


def change_pixels(count):
    """Return an edit that inverts pixels in one tile of the stored picture."""

    def edit(cell):
        pixels = decode(cell.outputs[0].data["image/png"])
        pixels[100, 96 : 96 + count, :3] = 255 - pixels[100, 96 : 96 + count, :3]
        cell.outputs[0].data["image/png"] = encode(pixels)

    return edit


class Case(NamedTuple):
    """A cell, how it is altered after the reference was made, and what the report must say."""

    name: str
    source: str
    edit: Callable | None = None
    messages: tuple[str, ...] = ()  # none: the cell must pass


CASES = [
    Case("setup", SETUP),
    Case("blank", " "),
    Case("same text", "print('loss', 1 / 3)\n2 / 3"),
    Case("same text with a tolerance", "# NBVAL_RTOL: 1e-3\nprint('loss', 1 / 3)"),
    Case(
        "number within its tolerance",
        "# NBVAL_RTOL: 1e-4\n# NBVAL_ATOL: 1e-6\nprint('loss', 0.25)",
        source("0.25", "0.25002"),
    ),
    Case(
        "number beyond its tolerance",
        "# NBVAL_RTOL: 1e-4\nprint('loss', 0.25)",
        source("0.25", "0.2501"),
        (
            "Cell 5: Cell outputs differ",
            "Cell 5 (cell-5), In [5]: # NBVAL_RTOL: 1e-4",
            "stdout: 1 number(s) differ, most of all number 1 was 0.25, is 0.2501",
            "off by 0.0001, allowed 0.000075",
            "-loss 0.25\n+loss 0.2501",
        ),
    ),
    Case("tolerance in metadata", "1.5", loosen),
    Case("number without tolerance", "1.5", source("1.5", "1.500001"), ("allowed 0",)),
    Case("integer", "# NBVAL_RTOL: 1e-4\n500", source("500", "501"), ("text/plain", "off by 1")),
    Case("word", "# NBVAL_RTOL: 1\nprint('a 1')", source("a", "b"), ("words", "-a 1\n+b 1")),
    Case("LaTeX", "Latex('$x^2$')", source("^2", "^3"), ("output 1, text/latex",)),
    Case("HTML", "HTML('<b>1</b>')", source("1", "2"), ("output 1, text/html",)),
    Case("same figure", "curve(data=True)"),
    Case(
        "curve moved by 0.1 %, by its picture",
        "curve()",
        source("()", "(shift=0.001)"),
        ("image/png: the worst 16×16 tile", "allowed 2", "-{expected,actual,difference}.png"),
    ),
    Case(
        "curve moved by 0.1 %, by its data",
        "# NBVAL_PNG: 255\ncurve(data=True)",
        source("curve(", "curve(shift=0.001, "),
        ("figure.lines[0].y: off by 0.001 on a scale of 1, allowed 1e-05",),
    ),
    Case(
        "curve scaled by 1.001",
        "# NBVAL_PNG: 255\ncurve(data=True)",
        source("curve(", "curve(scale=1.001, "),
        ("figure.lines[0].y: off by 0.001",),
    ),
    Case(
        "rounding noise in the data behind a figure",
        "curve(data=True)",
        source("curve(", "curve(scale=1 + 1e-7, "),
    ),
    Case("one changed pixel", "curve()", change_pixels(1)),
    Case("a few changed pixels", "curve()", change_pixels(8), ("image/png",)),
    Case("never executed", "before = 1", forget, ("never executed; run make refresh",)),
    Case("needs the cell before", "before"),
    Case("exception", "y = 1", source("1", "1 / 0"), ("ZeroDivisionError",)),
    Case(
        "exception that a widget captures",
        "with widgets.Output():\n    y = 1",
        source("1", "1 / 0"),
        ("ZeroDivisionError",),
    ),
    Case("expected exception", "# NBVAL_RAISES_EXCEPTION\n1 / 0"),
    Case(
        "another exception",
        "# NBVAL_RAISES_EXCEPTION\n1 / 0",
        source("1 / 0", "[][0]"),
        ("output 1, ename", "-ZeroDivisionError\n+IndexError"),
    ),
    Case(
        "no exception",
        "# NBVAL_RAISES_EXCEPTION\n1 / 0",
        source("1 / 0", "0"),
        ("output 1, ename: missing",),
    ),
    Case("stored error", "error = 1 / 0", source("1 / 0", "1"), ("The stored output is an error",)),
    Case("typo", "typo = 1", source("typo", "# NBVAL_RTOLL: 1\ntypo"), ("Bad nbval declaration",)),
    Case("needs the cell with the typo", "typo"),
    Case("missing output", "1", source("1", "pass"), ("text/plain: missing; expected 1",)),
    Case("extra output", "pass", source("pass", "1"), ("text/plain: not expected; got 1",)),
    Case("extra display", "display(1)", source("(1)", "(1), display(1)"), ("output 2",)),
    Case("missing mime type", "HTML('a')", source("HTML", "Latex"), ("text/html: missing",)),
    Case("new stderr", "pass", source("pass", "print(1, file=sys.stderr)"), ("stderr: not exp",)),
    Case(
        "glued under another name",
        "display(1, metadata={'name': 'a'})",
        source("'a'", "'b'"),
        ("metadata",),
    ),
    Case("ignored output", "# NBVAL_IGNORE_OUTPUT\n1", source("\n1", "\n2")),
    Case("widgets", WIDGETS),
    Case("widget whose view is not stored", "widgets.IntSlider()", drop_view),
    Case(
        "another widget",
        "widgets.IntSlider()",
        source("IntSlider", "FloatSlider"),
        ("-IntSlider(value=0)\n+FloatSlider(value=0.0",),
    ),
]


def make_notebook(path, cases):
    """Execute the cases' cells in a fresh kernel, alter them, and write them to a notebook."""
    notebook = new_notebook(
        cells=[new_code_cell(case.source, id=f"cell-{k}") for k, case in enumerate(cases)]
    )
    NotebookClient(notebook, kernel_name="python3", allow_errors=True, timeout=PATIENCE).execute()
    for case, cell in zip(cases, notebook.cells, strict=True):
        if case.edit:
            case.edit(cell)
    nbformat.write(notebook, path)


def run_notebooks(pytester, *options):
    """Run the notebooks by nbval; return pytest's result and the cells' reports by node id."""
    pytester.makeconftest('pytest_plugins = ["tools.nbval_tolerance"]')
    flags = ("--nbval", "--nbval-current-env", "--color=no", "-p", "no:cacheprovider")
    result = pytester.runpytest_inprocess(*flags, *options)
    reports = result.reprec.getreports("pytest_runtest_logreport")
    return result, {report.nodeid: report for report in reports if report.when == "call"}


def test_cells(pytester, subtests):
    make_notebook(pytester.path / "chapter.ipynb", CASES)
    result, reports = run_notebooks(pytester, f"--nbval-cell-timeout={PATIENCE}")
    for k, case in enumerate(CASES):
        with subtests.test(case.name):
            report = reports[f"chapter.ipynb::Cell {k} (cell-{k})"]
            assert report.outcome == ("failed" if case.messages else "passed")
            for message in case.messages:
                assert message in report.longreprtext
    with subtests.test("the pictures of a failed comparison are kept"):
        kept = {path.name for path in (pytester.path / "_build" / "nbval").iterdir()}
        failed = [k for k, case in enumerate(CASES) if "image/png" in str(case.messages)]
        kinds = ("expected", "actual", "difference")
        assert kept == {f"chapter-cell{k}-{kind}.png" for k in failed for kind in kinds}
    with subtests.test("summary"):
        tolerances = "8 declare a tolerance, widest rtol 1, widest atol 0.01, widest png 255"
        result.stdout.fnmatch_lines([f"nbval: 32 cells compared; {tolerances}"])


BY_DATA = [
    Case("setup", SETUP),
    Case(
        "the same curve in other letters",
        "plt.rcParams['font.size'] = 8\ncurve(data=True)\nplt.rcParams['font.size'] = 10",
        source("= 8", "= 12"),
    ),
    Case(
        "a moved curve",
        "curve(data=True)",
        source("curve(", "curve(shift=0.001, "),
        ("figure.lines[0].y: off by 0.001 on a scale of 1, allowed 1e-05",),
    ),
    Case("a curve moved a little", "curve(data=True)", source("curve(", "curve(shift=4e-6, ")),
    Case(
        "a picture without data",
        "curve()",
        source("()", "(shift=0.001)"),
        ("image/png: the worst 16×16 tile",),
    ),
    Case("no picture any more", "curve(data=True)", source("curve(", "0  # ("), ("image/png: missing",)),
    Case("text", "# NBVAL_ATOL: 0.1\nprint(0.25)", source("0.25", "0.5"), ("stdout: 1 number(s)",)),
    Case("exception", "y = 1", source("1", "1 / 0"), ("ZeroDivisionError",)),
]


def test_figures_by_their_data_alone_and_the_report(pytester, subtests):
    make_notebook(pytester.path / "chapter.ipynb", BY_DATA)
    report = pytester.path / "report.json"
    options = (f"--nbval-cell-timeout={PATIENCE}", f"--nbval-report={report}")
    _, reports = run_notebooks(pytester, "--nbval-figures=data", *options)
    for k, case in enumerate(BY_DATA):
        with subtests.test(case.name):
            report_of_cell = reports[f"chapter.ipynb::Cell {k} (cell-{k})"]
            assert report_of_cell.outcome == ("failed" if case.messages else "passed")
            for message in case.messages:
                assert message in report_of_cell.longreprtext
    found = json.loads(report.read_text(encoding="utf-8"))["chapter.ipynb"]
    failed = found.pop("failed")
    assert list(failed) == [f"Cell {k} (cell-{k})" for k, case in enumerate(BY_DATA) if case.messages]
    for message in ("off by 0.001", "missing", "ZeroDivisionError: division by zero"):
        assert any(message in first_problem for first_problem in failed.values())
    assert found == {
        "compared": 7,
        "passed": 3,
        "declaring": 1,
        "widest": {"atol": 0.1},
        "pixels": 0,
        "data": 4e-6,
    }
    with subtests.test("by default the letters are compared too"):
        _, reports = run_notebooks(pytester, *options)
        assert "image/png" in reports["chapter.ipynb::Cell 1 (cell-1)"].longreprtext


def test_figure_distance():
    assert figure_distance(figure(), figure()) == 0
    assert figure_distance(figure(y=[1e-9, 0.5, None, -2.002]), figure()) == pytest.approx(0.001)
    assert figure_distance({"a": [1.0], "b": 3}, {"a": [1.0], "b": 2}) == 0.5
    for other in (
        figure(label="Loss"),
        figure(y=[None, 0.5, 0.5, -2.0]),
        figure(y=[1e-9, 0.5, None, math.nan]),
    ):
        assert figure_distance(other, figure()) == math.inf
    assert figure_distance([1.0], [0.0]) == math.inf


def test_time_out(pytester):
    """A cell that takes too long fails, whatever it does about the interrupt; no kernel stays."""
    sleep = "import time\ntime.sleep(0)"
    swallow = "import time\ntry:\n    time.sleep(0)\nexcept KeyboardInterrupt:\n    pass"
    resist = (
        "import time\nlong = False\nwhile long:\n    try:\n"
        "        time.sleep(0.1)\n        print('again')\n    except:\n        pass"
    )
    for name, code, edit in [
        ("sleep", sleep, source("(0)", f"({2 * PATIENCE})")),
        ("swallow", swallow, source("(0)", f"({2 * PATIENCE})")),
        ("resist", resist, source("False", "True")),
    ]:
        make_notebook(pytester.path / f"{name}.ipynb", [Case(name, code, edit), Case("next", "1")])
    start, before = time.monotonic(), psutil.Process().children(recursive=True)
    _, reports = run_notebooks(pytester, "--nbval-cell-timeout=1")
    assert time.monotonic() - start < PATIENCE
    started = set(psutil.Process().children(recursive=True)) - set(before)
    _, alive = psutil.wait_procs(started, timeout=PATIENCE)
    assert not alive
    for name, message in [
        ("sleep", "Timeout of 1 seconds exceeded executing cell"),
        ("swallow", "Timeout of 1 seconds exceeded, and the interrupt swallowed"),
        ("resist", "Timeout of 1 seconds exceeded while executing cell"),
    ]:
        report = reports[f"{name}.ipynb::Cell 0 (cell-0)"]
        assert report.outcome == "failed"
        assert message in report.longreprtext


def test_no_summary_without_notebooks(pytester):
    pytester.makepyfile("def test_nothing(): pass")
    result, _ = run_notebooks(pytester)
    result.stdout.no_fnmatch_line("nbval: *")
