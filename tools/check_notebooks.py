"""What every stored notebook of the book must satisfy, beyond reproducing its numbers.

Sphinx and nbval pass over these in silence: a figure without alt text, a misspelt metadata key, a
cell that was never run, a path of somebody's machine.
"""

import re
from collections.abc import Iterator

from nbformat import NotebookNode

from tools.nbval_tolerance import declared_tolerances
from tools.notebooks import dumps, loads, normalise

IMAGES = {"image/svg+xml", "image/png", "image/jpeg", "image/gif"}

# The settings of a cell that the book uses, and their keys. MyST-NB ignores one that it does not know.
MYSTNB = {
    "figure": {"name", "caption"},
    "image": {"alt", "width", "align", "classes"},
}
TAGS = {"hide-cell", "hide-input", "hide-output", "remove-cell", "remove-input", "remove-output"}

# Marks by which nbval skips a cell or does not look at its output.
UNGUARDED = re.compile(r"^\s*#+\s*(NBVAL_SKIP|\w*IGNORE_OUTPUT|NBVAL_RAISES_EXCEPTION)\s*$", re.M)

DECLARATION = re.compile(r"^\s*#\s*NBVAL_\w+:")
WIDEST = {"rtol": 1e-2, "png": 8}

MACHINE_PATH = re.compile(
    r"(?<![\w.:/])/(?:home|opt|private|root|srv|tmp|usr|var|Users)/\w|\b[A-Za-z]:\\\\?\w|site-packages"
)


def problems(text: str) -> list[str]:
    """Return what is wrong with the notebook whose file has this content; nothing if all is well."""
    notebook = loads(text)
    return [*_file_problems(notebook, text), *_cell_problems(notebook)]


def _file_problems(notebook: NotebookNode, text: str) -> Iterator[str]:
    if dumps(normalise(notebook)) != text:
        yield "not in the form that `make refresh` stores"
    counts = [cell.execution_count for cell in notebook.cells if cell.cell_type == "code"]
    if counts != list(range(1, len(counts) + 1)):
        yield f"code cells were not run once each from top to bottom: {counts}"


def _cell_problems(notebook: NotebookNode) -> Iterator[str]:
    for number, cell in enumerate(notebook.cells):
        if cell.cell_type == "code":
            for check in (_source, _tolerances, _metadata, _outputs, _images):
                for problem in check(cell):
                    yield f"cell {number} ({cell.get('id', 'no id')}): {problem}"


def _source(cell: NotebookNode) -> Iterator[str]:
    if "sys.path" in cell.source:
        yield "changes sys.path; `lib` is installed"
    for mark in UNGUARDED.findall(cell.source):
        yield f"{mark} leaves its output unguarded"


def _tolerances(cell: NotebookNode) -> Iterator[str]:
    """Insist that a tolerance is declared in a comment, under its reason, and is no wider than its ceiling.

    Several declarations in a row share one reason. An absolute tolerance has no ceiling: that depends
    on the scale of the numbers.
    """
    try:
        declared = declared_tolerances(cell)
    except ValueError as error:
        yield str(error)
        return
    for name, value in declared.items():
        if value > WIDEST.get(name, value):
            yield f"declares {name} = {value:g}; the widest allowed is {WIDEST[name]:g}"
    if "nbval" in cell.metadata:
        yield "declares a tolerance in its metadata, where no reader sees it; use comments"
    explained = False
    for line in cell.source.splitlines():
        if not DECLARATION.match(line):
            explained = re.match(r"\s*#+\s*\w", line) is not None
        elif not explained:
            yield f"'{line.strip()}' has no reason in a comment line directly above it"


def _metadata(cell: NotebookNode) -> Iterator[str]:
    for tag in cell.metadata.get("tags", []):
        if tag not in TAGS:
            yield f"unknown tag {tag!r}"
    for key, options in cell.metadata.get("mystnb", {}).items():
        if key not in MYSTNB:
            yield f"unknown key 'mystnb.{key}'"
            continue
        for option in options:
            if option not in MYSTNB[key]:
                yield f"unknown key 'mystnb.{key}.{option}'"


def _outputs(cell: NotebookNode) -> Iterator[str]:
    for output in cell.outputs:
        if output.output_type == "error":
            yield f"stores an error: {output.ename}"
        if output.get("name") == "stderr":
            yield "stores standard error"
        for mime, shown in _texts(output):
            if found := MACHINE_PATH.search(shown):
                yield f"{mime} shows a path of one machine: {shown[found.start() :][:40]!r}"


def _texts(output: NotebookNode) -> Iterator[tuple[str, str]]:
    if output.output_type == "stream":
        yield "output", output.text
    for mime, content in output.get("data", {}).items():
        if isinstance(content, str) and not (mime in IMAGES and mime != "image/svg+xml"):
            yield mime, content


def _images(cell: NotebookNode) -> Iterator[str]:
    shown = sum(bool(IMAGES & output.get("data", {}).keys()) for output in cell.outputs)
    options = cell.metadata.get("mystnb", {})
    if not shown and not options.keys() & MYSTNB.keys():
        return
    for key, option in (("figure", "name"), ("figure", "caption"), ("image", "alt")):
        if not str(options.get(key, {}).get(option, "")).strip():
            yield f"a figure without 'mystnb.{key}.{option}'"
    if (shown, len(cell.outputs)) != (1, 1):
        yield f"a figure cell shows exactly one output, an image; this one has {len(cell.outputs)}"
