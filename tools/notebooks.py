"""The notebooks of the book: where they are, the environment of their kernels, and how they are stored.

A notebook in normal form holds nothing that changes from one run or machine to the next, so that two
executions of the same code give the same bytes.
"""

import hashlib
import importlib
import json
import os
from collections.abc import Iterable
from pathlib import Path

import nbformat
from nbformat import NotebookNode

ROOT = Path(__file__).resolve().parents[1]

# Seconds that a cell may take, for the tests, the build and all tools: what even a machine with eight busy
# processes a core does not need, so that only a kernel that hangs meets it.
CELL_TIMEOUT = 3600
KERNEL_TIMEOUT = 600  # the same, for a kernel to start, and to send what a cell that has ended has printed

# Those that take more than a minute, the longest first: they begin first where notebooks run side by side.
LONGEST = ("05-double-descent", "07-transfer-learning", "06b-data-time-averages")
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"

METADATA = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {"name": "python", "pygments_lexer": "ipython3"},
}

# What front ends note about a run or about the state of their window.
FLEETING_CELL_METADATA = {"ExecuteTime", "collapsed", "execution", "scrolled", "trusted"}

# At the book's sizes a second BLAS thread gains nothing, and on a busy machine it can cost a factor
# of 100. A progress bar must leave nothing in a stored output. Matplotlib's folder is always writable,
# and no matplotlibrc of the user's changes a figure.
KERNEL_ENVIRONMENT = {
    "MPLCONFIGDIR": str(ROOT / "_build" / ".matplotlib"),
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "TQDM_DISABLE": "1",
}


def prepare_kernels() -> None:
    """Set the environment that kernels started by this process inherit; the user's own wins.

    Except that they import the ``lib`` of this checkout, whichever one is installed.
    """
    for name, value in KERNEL_ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    paths = [str(ROOT), *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    os.environ["PYTHONPATH"] = os.pathsep.join(dict.fromkeys(paths))  # each once
    # Finds the machine's fonts, once. A kernel that had to would say so on standard error.
    importlib.import_module("matplotlib.font_manager")


def find_all(root: Path = ROOT) -> list[Path]:
    """Return every notebook of the book under ``root``, in reading order."""
    folders = (root, root / "chapters", root / "appendix")
    return [path for folder in folders for path in sorted(folder.glob("*.ipynb"))]


def longest_first(paths: Iterable[Path]) -> list[Path]:
    """Return each path once, in the order to begin: then all cores are done at about the same time."""
    ranks = {stem: rank for rank, stem in enumerate(LONGEST)}
    return sorted(dict.fromkeys(paths), key=lambda path: ranks.get(path.stem, len(ranks)))


def loads(text: str) -> NotebookNode:
    """Parse a notebook of format 4 without adding anything, in particular no random cell ids."""
    try:
        found = json.loads(text).get("nbformat")
    except (json.JSONDecodeError, AttributeError) as error:
        raise ValueError(f"not a notebook: {error}") from error
    if found != 4:
        raise ValueError(f"nbformat must be 4, got {found!r}")
    return nbformat.v4.reads(text)


def dumps(notebook: NotebookNode) -> str:
    """Return the text of a notebook file as Jupyter writes it, without nbformat's silent repairs."""
    return nbformat.v4.writes(notebook) + "\n"


def write(path: Path, text: str) -> None:
    """Replace a file in one step, so that an interruption leaves either the old or the new one.

    What is unfinished has a fixed name: a second writer is refused, and the next refresh removes it.

    Raises
    ------
    OSError
        If it cannot be written; the message names the file and the reason.
    """
    temporary = unfinished(path)
    try:
        with temporary.open("x", encoding="utf-8", newline="\n") as file:
            try:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
                temporary.replace(path)
            except OSError:
                temporary.unlink()  # never that of another, to whom open("x") leaves it
                raise
    except OSError as error:
        raise OSError(f"cannot write {path}: {error.strerror}") from None


def unfinished(path: Path) -> Path:
    """Return where the new text of a file stands until all of it is there; a kill may leave it behind."""
    return path.with_name(path.name + ".new")


def normalise(notebook: NotebookNode) -> NotebookNode:
    """Return a copy of ``notebook`` in normal form."""
    kept = {key: value for key, value in notebook.metadata.items() if key != "widgets"}
    cells, taken = [], set()
    for cell in notebook.cells:
        cell = _normal_cell(cell)
        cell["id"] = _cell_id(cell, taken)
        taken.add(cell["id"])
        cells.append(cell)
    return nbformat.from_dict(
        {"cells": cells, "metadata": {**kept, **METADATA}, "nbformat": 4, "nbformat_minor": 5}
    )


def _normal_cell(cell: dict) -> dict:
    cell = dict(cell)
    cell["metadata"] = {
        key: value for key, value in cell["metadata"].items() if key not in FLEETING_CELL_METADATA
    }
    if "outputs" in cell:
        cell["outputs"] = [_normal_output(output) for output in cell["outputs"]]
    return cell


def _normal_output(output: dict) -> dict:
    """Drop the view of a widget, a random id, and the SVG of a figure whose PNG is there.

    The build draws the SVG anew; the tests compare the PNG.
    """
    output = dict(output)
    if "data" in output:
        dropped = {WIDGET_VIEW, *(["image/svg+xml"] if "image/png" in output["data"] else [])}
        output["data"] = {key: value for key, value in output["data"].items() if key not in dropped}
    return output


def _cell_id(cell: dict, taken: set[str]) -> str:
    """Return the cell's own id, or one derived from its source where it has none or shares it."""
    own, attempt = cell.get("id"), 0
    while not own or own in taken:
        own = hashlib.sha256(f"{attempt}\n{cell['source']}".encode()).hexdigest()[:8]
        attempt += 1
    return own
