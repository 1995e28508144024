"""What nbval executed and found equal is what the book is built from: nothing else, and nothing half."""

import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell
from notebook_parts import notebook
from tiny_book import build, quiet

from tools import book, cache
from tools.execution import execute
from tools.nbval_tolerance import NotebookCell
from tools.notebooks import ROOT, dumps, loads, normalise

pytest_plugins = "pytester"

SLACK = 300  # seconds that a busy machine may take for what takes a few

# The PNG is always the same, and compared. The SVG, which the page shows, tells one execution from another.
FIGURE = """\
import base64, io, uuid
from IPython.display import display
from PIL import Image
buffer = io.BytesIO()
Image.new("RGBA", (8, 8)).save(buffer, "png")
svg = f'<svg xmlns="http://www.w3.org/2000/svg"><desc>{uuid.uuid4()}</desc></svg>'
png = base64.b64encode(buffer.getvalue()).decode()
display({"image/png": png, "image/svg+xml": svg}, raw=True)
_ = open("executed", "a").write(".")"""
NUMBER = "print(open('number').read())"


@pytest.fixture
def project(pytester):
    """Return the root of a book of one page, whose outputs are stored."""
    root = pytester.path
    (root / "lib").mkdir()
    for name in ("lib/a.py", "requirements.txt", "constraints.txt"):
        (root / name).touch()
    (root / "number").write_text("17")
    (root / "_toc.yml").write_text("root: index\n")
    pytester.makeconftest('pytest_plugins = ["tools.nbval_tolerance", "tools.nbval_side_by_side"]')
    store(root / "index.ipynb", new_markdown_cell("# Title"), new_code_cell(FIGURE), new_code_cell(NUMBER))
    (root / "executed").unlink()
    return root


def store(path, *cells):
    """Write a notebook with its outputs."""
    executed = execute(path, normalise(notebook(*cells)), widgets=True)
    path.write_text(dumps(normalise(executed)), encoding="utf-8")


def nbval(pytester, *options, tests="index.ipynb"):
    """Run the page as `make test` does, but in this process."""
    flags = ("--nbval", "--nbval-current-env", "--nbval-keep", "-p", "no:cacheprovider", "-q")
    return pytester.runpytest_inprocess(*flags, *options, tests).ret


def kept(project):
    """Return the notebooks in the cache."""
    files = cache.all_caches(project).glob("*/executed/*/base.ipynb")
    return [loads(file.read_text(encoding="utf-8")) for file in files]


def pictures(project):
    """Return the names of the pictures of the page, which MyST-NB makes of their digests."""
    page = (project / "_build" / "html" / "index.html").read_text(encoding="utf-8")
    return re.findall(r'src="_images/(\w+)\.svg"', page)


@pytest.fixture
def compared(monkeypatch):
    """Return the digests of the pictures that nbval's outputs hold when they are compared, as they come."""
    digests, compare = [], NotebookCell.compare_outputs

    def spy(cell, test, ref, skip_compare=None):
        data = [output.data for output in test if "data" in output]
        svgs = [each["image/svg+xml"] for each in data if "image/svg+xml" in each]
        digests.extend(hashlib.sha256(svg.encode()).hexdigest() for svg in svgs)
        return compare(cell, test, ref, skip_compare)

    monkeypatch.setattr(NotebookCell, "compare_outputs", spy)
    return digests


@quiet
def test_the_pictures_of_a_page_are_those_that_were_compared(pytester, project, compared):
    assert nbval(pytester) == 0
    assert build(project) == (0, "")
    assert pictures(project) == compared != []
    assert (project / "executed").read_text() == ".", "the build executed again"
    assert build(project) == (0, "")
    assert nbval(pytester) == 0
    assert (project / "executed").read_text() == "..", "a test always executes"
    assert build(project) == (0, "")
    assert pictures(project) == compared[1:], "the page is of an older execution"
    assert (project / "executed").read_text() == ".."


@quiet
def test_a_planted_difference_is_neither_stored_nor_built(pytester, project, compared):
    assert nbval(pytester) == 0
    (project / "number").write_text("18")
    assert nbval(pytester) == 1
    assert kept(project) == []
    (project / "number").write_text("17")
    assert build(project) == (0, "")
    assert len(kept(project)) == 1
    assert pictures(project)
    assert not set(pictures(project)) & set(compared)
    assert "<pre>17\n" in (project / "_build" / "html" / "index.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "option", ["--deselect=index.ipynb::Cell 1", "--nbval-lax"], ids=["a part", "not compared"]
)
def test_a_notebook_that_was_not_compared_in_every_cell_is_not_kept(pytester, project, option):
    assert nbval(pytester, option) == 0
    assert kept(project) == []


def test_one_cell_is_no_notebook(pytester, project):
    first = json.loads((project / "index.ipynb").read_text())["cells"][1]
    assert nbval(pytester, tests=f"index.ipynb::Cell 0 ({first['id']})") == 0
    assert kept(project) == []


@pytest.mark.parametrize("comment", ["NBVAL_SKIP", "NBVAL_IGNORE_OUTPUT"])
def test_a_notebook_with_a_cell_that_is_passed_over_is_not_kept(pytester, project, comment):
    store(project / "index.ipynb", new_code_cell(f"# {comment}\n1"), new_code_cell("2"))
    assert nbval(pytester) == 0
    assert kept(project) == []


def test_without_the_option_nothing_is_kept(pytester, project):
    assert pytester.runpytest_inprocess("--nbval", "--nbval-current-env", "-q").ret == 0
    assert not (project / "_build").exists()


def test_a_test_that_is_killed_keeps_nothing(project):
    waits = "import os, time\nopen('begun', 'w').close()\nif os.path.exists('wait'): time.sleep(600)"
    store(project / "index.ipynb", new_code_cell("1"), new_code_cell(waits), new_code_cell("2"))
    (project / "begun").unlink()
    (project / "wait").touch()
    options = ["--nbval", "--nbval-current-env", "--nbval-keep", "-q"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "pytest", *options]
    with subprocess.Popen(command, cwd=project, env=environment, stdout=subprocess.DEVNULL) as process:
        end = time.monotonic() + SLACK
        while not (project / "begun").exists() and time.monotonic() < end:
            assert process.poll() is None
            time.sleep(0.05)
        process.send_signal(signal.SIGKILL)
    assert kept(project) == []


def test_what_ran_with_another_lib_is_not_for_this_one(pytester, project):
    before = cache.state(project).folder
    changes = "_ = open('lib/a.py', 'a').write('#')"
    store(project / "index.ipynb", new_code_cell(changes))
    (project / "lib" / "a.py").write_text("")
    assert nbval(pytester) == 0
    assert len(kept(project)) == 1
    assert before.exists()
    assert not cache.state(project).folder.exists()


WIDGETS = """\
import ipywidgets as widgets
from IPython.display import display
display(widgets.HTML("<b>1</b>"))
out = widgets.Output()
with out:
    print("captured")
display(out)"""
OUTPUTS = """\
print("a")
display("shown")
6 * 7"""


def test_the_recorder_makes_what_the_build_would_make(pytester, project):
    path = project / "index.ipynb"
    store(path, new_code_cell(WIDGETS), new_code_cell(OUTPUTS), new_code_cell("1 / 1"))
    assert nbval(pytester) == 0
    (recorded,) = kept(project)
    made = execute(path, loads(path.read_text(encoding="utf-8")), widgets=True)
    assert _without_ids(recorded) == _without_ids(made)
    assert "captured" in str(recorded.metadata.widgets)
    assert [cell.execution_count for cell in recorded.cells] == [1, 2, 3]


def _without_ids(executed):
    """Return the outputs and the states of widgets without the random ids of models and requests."""

    def text(part):
        return re.sub(r"[0-9a-f]{8}-?[0-9a-f-]{24,}(_\w+)?", "id", json.dumps(part, sort_keys=True))

    (widgets,) = executed.metadata.widgets.values()
    outputs = [cell.outputs for cell in executed.cells if cell.cell_type == "code"]
    return text(outputs), sorted(map(text, widgets["state"].values()))


def test_only_what_is_whole_and_fresh_is_built_from(project):
    now = cache.State(project / "cache", "the notebooks")
    reads, other = (notebook(new_code_cell(code)) for code in ("open('a.ipynb')", "1"))
    cache.keep(reads, Path("reads.ipynb"), now)
    cache.keep(other, Path("other.ipynb"), now)
    cache.mend(now)
    assert cache.holds(reads, now.folder)
    cache.mend(now._replace(notebooks="others"))
    assert not cache.holds(reads, now.folder)
    assert cache.holds(other, now.folder)
    (file,) = now.folder.glob("executed/*/base.ipynb")
    file.write_text(file.read_text()[:-2])
    cache.mend(now)
    assert not cache.holds(other, now.folder)


@quiet
def test_a_build_executes_what_is_missing_side_by_side_and_reports_what_fails(project, monkeypatch):
    monkeypatch.setattr(book, "cores", lambda: 2)
    meet = "import time\nwhile not os.path.exists({!r}): time.sleep(0.05)"
    for name, other in [("a", "b"), ("b", "a")]:
        code = f"import os; open({name!r}, 'w').close()\n{meet.format(other)}\nprint(6 * 7)"
        page = notebook(new_markdown_cell("# Title"), new_code_cell(code))
        page.metadata["orphan"] = True
        (project / f"{name}.ipynb").write_text(dumps(page))
    assert build(project) == (0, "")
    for name in "ab":
        assert "<pre>42\n" in (project / "_build" / "html" / f"{name}.html").read_text()
    assert len(kept(project)) == 3
    (project / "a.ipynb").write_text(dumps(notebook(new_markdown_cell("# A"), new_code_cell("1 / 0"))))
    code, errors = build(project)
    assert code != 0
    assert "Executing notebook failed: CellExecutionError" in errors
