"""Compare the outputs of notebooks within the tolerances that their cells declare.

A pytest plugin on top of nbval, which collects the notebooks, runs their cells and reports. What
nbval is too strict about (last digits, ids of widgets) and too lax about (images, cells that were
never executed, swallowed time-outs) is judged here; how far apart two outputs are is measured in
`tools.output_distance`.

Exact is the rule: a cell that declares nothing must print the same text to the letter. A cell
declares a tolerance in comments on lines of their own, or in its metadata (not in this book: see
`tools.check_notebooks`)::

    # NBVAL_RTOL: 1e-4      numbers in text and in figure data, relative to the reference
    # NBVAL_ATOL: 1e-6      the same, absolute; the larger of the two holds
    # NBVAL_PNG: 4          a picture's worst 16×16 tile, in grey levels out of 255

    {"nbval": {"rtol": 1e-4, "atol": 1e-6, "png": 4}}

A tolerance loosens numbers and the white space around them, never words. A decimal may be off by
half a unit of its last digit on top, an integer may not: 500 becomes 501 only where 1 is allowed.
Two things are never exact, because renderers and libraries round: pictures (2 grey levels) and
the data behind a figure (1e-5 of each array's largest number).

Three options. Another matplotlib sets its letters otherwise: ``--nbval-figures=data`` compares a figure
by its data alone, and only a picture that has none by its pixels. ``--nbval-report=FILE`` stores what
was found, by notebook. ``--nbval-keep`` puts a notebook whose cells were all executed, and all agreed,
into the cache from which the book is built (see `tools.cache`), as it came out of its kernel.
"""

import copy
import json
import math
import os
import re
import time
from collections.abc import Iterator
from pathlib import Path
from queue import Empty
from typing import Any

import numpy as np
import pytest
from nbval.plugin import IPyNbCell, IPyNbFile, comment_markers, metadata_tags
from PIL import Image

from lib.book.plotting import FIGURE_DATA
from tools import cache
from tools.execution import Recorder, environment
from tools.notebooks import KERNEL_TIMEOUT, WIDGET_VIEW
from tools.output_distance import (
    GLUE,
    Tolerance,
    decode,
    difference,
    figure_distance,
    is_number,
    pixel_distance,
    tile_distance,
)

CAPTURED = ("stream", "display_data", "execute_result", "clear_output")


def commented_tolerances(source: str) -> Iterator[tuple[str, float]]:
    """Yield the name and value of each ``# NBVAL_...: value`` line."""
    for line in source.splitlines():
        found = re.search(r"#\s*(nbval_.*)", line, re.IGNORECASE)
        if not found:
            continue
        comment = found[1].strip()
        if line[: found.start()].strip("# \t"):
            raise ValueError(f"'# {comment}' must stand on a line of its own")
        if comment in comment_markers:  # nbval's own: NBVAL_SKIP and the like
            continue
        pair = re.fullmatch(r"NBVAL_(RTOL|ATOL|PNG):\s*(\S+)", comment)
        if not pair:
            raise ValueError(f"unknown or malformed declaration '# {comment}'")
        try:
            yield pair[1].lower(), float(pair[2])
        except ValueError:
            raise ValueError(f"{pair[2]!r} in '# {comment}' is not a number") from None


def declared_tolerances(cell) -> dict[str, float]:
    """Return what a cell's comments and metadata declare, by name.

    Raises ValueError for what nobody would act on: a tolerance of an unknown name, an impossible
    value, a second declaration of the same, an unknown tag of nbval's.
    """
    for tag in cell.metadata.get("tags", []):
        if tag.startswith("nbval") and tag not in metadata_tags:
            raise ValueError(f"unknown tag {tag!r}")
    metadata = cell.metadata.get("nbval", {})
    if not isinstance(metadata, dict):
        raise ValueError(f"metadata 'nbval' must be a mapping, got {metadata!r}")
    declared = {}
    for name, value in [*metadata.items(), *commented_tolerances(cell.source)]:
        if name not in Tolerance._fields:
            raise ValueError(f"unknown tolerance {name!r}; known are rtol, atol and png")
        if name in declared:
            raise ValueError(f"{name} is declared twice")
        if not is_number(value) or not 0 <= value < math.inf:
            raise ValueError(f"{name} must be a number, finite and not negative, got {value!r}")
        declared[name] = float(value)
    return declared


def reference_problem(cell, options: dict) -> str | None:
    """Return why a stored cell cannot serve as a reference, or None when it can."""
    if options["skip"] or not cell.source.strip():
        return None
    if cell.execution_count is None:
        return "The cell was never executed; run make refresh"
    if not options["check_exception"] and any(o.output_type == "error" for o in cell.outputs):
        return "The stored output is an error, and no NBVAL_RAISES_EXCEPTION says that it should be"
    try:
        declared_tolerances(cell)
    except ValueError as error:
        return f"Bad nbval declaration: {error}"
    return None


def flatten(outputs: list) -> dict[tuple[int, str], Any]:
    """Return what is compared of the outputs, by (number, mime type).

    Streams get number 0: where among the outputs they are flushed is a matter of timing. The view
    of a widget is a random id, and is not stored. Where a figure is given as SVG, for the page,
    and as PNG, only the PNG is compared.
    """
    flat = {(0, o.name): o.text for o in outputs if o.output_type == "stream"}
    for number, output in enumerate((o for o in outputs if o.output_type != "stream"), 1):
        if output.output_type == "error":
            parts = {"ename": output.ename, "evalue": output.evalue}
        else:
            ignored = {WIDGET_VIEW} | ({"image/svg+xml"} if "image/png" in output.data else set())
            parts = {mime: value for mime, value in output.data.items() if mime not in ignored}
            if output.metadata:  # holds the name that a value is glued under
                parts["metadata"] = output.metadata
        flat |= {(number, mime): value for mime, value in parts.items()}
    return flat


def has_data(number: int, mime: str, outputs: dict[tuple[int, str], Any]) -> bool:
    """Tell whether an output is a picture beside which the data that it draws are given."""
    prefix = GLUE if mime.startswith(GLUE) else ""
    return mime == f"{prefix}image/png" and (number, f"{prefix}{FIGURE_DATA}") in outputs


def measure(mime: str, new: Any, ref: Any, found: dict[str, Any]) -> None:
    """Note in ``found`` how far two outputs lie apart that are not equal, but agree."""
    mime = mime.removeprefix(GLUE)
    if mime == "image/png":
        found["pixels"] = max(found["pixels"], float(tile_distance(decode(new), decode(ref))))
    elif mime == FIGURE_DATA:
        found["data"] = max(found["data"], float(figure_distance(new, ref)))


def save_pictures(new: np.ndarray, ref: np.ndarray, stem: Path) -> str:
    """Write the expected and the actual picture and their difference; return where, in words."""
    pictures = {"expected": ref, "actual": new}
    if new.shape == ref.shape:
        pictures["difference"] = 255 - pixel_distance(new, ref)
    stem.parent.mkdir(parents=True, exist_ok=True)
    for name, picture in pictures.items():
        Image.fromarray(picture.astype(np.uint8)).save(f"{stem}-{name}.png")
    return f"see {stem}-{{{','.join(pictures)}}}.png"


class NotebookCell(IPyNbCell):
    """A code cell as a test."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.output_timeout = min(KERNEL_TIMEOUT, self.config.option.nbval_cell_timeout)

    def runtest(self) -> None:
        """Run the cell; fail it also for a bad reference and for a time-out that it swallows."""
        self.parent.begin(self.cell_num)
        problem = reference_problem(self.cell, self.options)
        if problem:
            self.options["check"] = False  # it runs all the same: later cells need its names
        timeout, timed_out_before = self.config.option.nbval_cell_timeout, self.parent.timed_out
        self.parent.deadline = time.monotonic() + timeout + self.output_timeout
        super().runtest()
        if self.parent.timed_out and not timed_out_before:
            problem = f"Timeout of {timeout:g} seconds exceeded, and the interrupt swallowed"
        if problem:
            self.raise_cell_error(problem)
        if self.options["check"]:
            self.parent.agreed.add(self.cell_num)

    def compare_outputs(self, test: list, ref: list, skip_compare=None) -> bool:
        """Compare in the place of nbval, which allows no tolerance and skips images."""
        declared = declared_tolerances(self.cell)
        found = {"declared": declared, "pixels": 0.0, "data": 0.0}
        self.user_properties.append(("nbval", found))  # for the summary and the report
        data_alone = self.config.option.nbval_figures == "data"
        new, old = ({k: self.sanitize(v) for k, v in flatten(o).items()} for o in (test, ref))
        report = []
        for number, mime in sorted(new.keys() | old.keys()):
            key, where = (number, mime), f"output {number}, {mime}" if number else mime
            if key not in new:
                report.append(f"{where}: missing; expected {str(old[key])[:200]}")
            elif key not in old:
                report.append(f"{where}: not expected; got {str(new[key])[:200]}")
            elif data_alone and has_data(number, mime, new) and has_data(number, mime, old):
                continue
            elif problem := difference(mime, new[key], old[key], Tolerance(**declared)):
                report.append(f"{where}: {problem}")
                if mime.removeprefix(GLUE) == "image/png":
                    stem = self.picture_stem(number)
                    report.append(save_pictures(decode(new[key]), decode(old[key]), stem))
            elif new[key] != old[key]:
                measure(mime, new[key], old[key], found)
        first_line = self.cell.source.strip().partition("\n")[0]
        heading = f"{self.name}, In [{self.cell.execution_count}]: {first_line}"
        self.comparison_traceback = [heading, *report]
        found["problems"] = report
        return not report

    def picture_stem(self, number: int) -> Path:
        """Return where the pictures of a failed comparison go, but for the ends of their names."""
        suffix = f"-output{number}" if number > 1 else ""
        name = f"{self.path.stem}-cell{self.cell_num}{suffix}"
        return self.config.rootpath / "_build" / "nbval" / name


class NotebookFile(IPyNbFile):
    """A notebook as a collector of cells that share a kernel."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.deadline = math.inf  # of the running cell
        self.capturing: dict[str, str] = {}  # Output widget -> the request whose output it takes
        self.recorder: Recorder | None = None
        self.begun: set[int] = set()
        self.agreed: set[int] = set()

    def setup(self) -> None:
        """Start the kernel; close our side of its stderr, which nbval opens and forgets."""
        keeps = self.config.option.nbval_keep
        state = cache.state(self.config.rootpath) if keeps else None
        with pytest.MonkeyPatch.context() as patch:
            for name, value in environment("PYTEST_XDIST_WORKER" in os.environ).items():
                patch.setenv(name, value)  # for the kernel, not for the unit tests
            super().setup()
        self.kernel.km._launch_args["stderr"].close()
        if keeps:
            self.state, self.recorder = state, Recorder(self.nb, self.kernel.kc)

    def begin(self, number: int) -> None:
        """Note that a code cell begins."""
        self.begun.add(number)
        if self.recorder:
            self.recorder.begin(number)

    def teardown(self) -> None:
        """Stop the kernel; keep what it said if all cells agreed, and nothing if one did not."""
        super().teardown()
        if self.recorder is None:
            return
        if len(self.agreed) == len(self.recorder.cells):
            cache.keep(self.recorder.executed(), self.path, self.state)
        elif self.begun - self.agreed:
            cache.forget(self.nb, self.state.folder)

    def collect(self) -> Iterator[NotebookCell]:
        """Yield nbval's cells as ours, under their ids: counting cells by eye is tedious."""
        for item in super().collect():
            name = f"{item.name} ({item.cell.id})" if "id" in item.cell else item.name
            yield NotebookCell.from_parent(
                self, name=name, cell_num=item.cell_num, cell=item.cell, options=item.options
            )

    def get_kernel_message(self, timeout: float | None = None, stream: str = "iopub") -> dict:
        """Return the next message, disguised where an Output widget captures it.

        What a widget captures is no output of the cell. nbval does not know this, but it ignores
        every message whose type begins with "comm". A captured error stays an error.
        Empty makes nbval stop the kernel: a cell that swallows its interrupt may print for ever.
        """
        if time.monotonic() > self.deadline:
            raise Empty
        message = super().get_kernel_message(timeout, stream)
        if self.recorder:
            self.recorder.hear(message)
        content, kind = message["content"], message["msg_type"]
        if kind == "comm_msg" and "msg_id" in (state := content["data"].get("state", {})):
            self.capturing[content["comm_id"]] = state["msg_id"]
        if kind in CAPTURED and message["parent_header"].get("msg_id") in self.capturing.values():
            message = {**message, "msg_type": "comm_captured"}
        return message


@pytest.hookimpl(wrapper=True)
def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> Iterator[None]:
    """Put our collector in the place of nbval's."""
    collectors = yield
    return [
        NotebookFile.from_parent(parent, path=file_path) if type(c) is IPyNbFile else c for c in collectors
    ]


def pytest_addoption(parser) -> None:
    """Add the options to nbval's."""
    group = parser.getgroup("nbval")
    group.addoption(
        "--nbval-figures",
        choices=["pixels", "data"],
        default="pixels",
        help="compare figures by pixels and data, or, under another matplotlib, by their data alone",
    )
    group.addoption("--nbval-report", type=Path, metavar="FILE", help="store what was found, as JSON")
    group.addoption("--nbval-keep", action="store_true", help="let the book be built of what agreed")


def pytest_terminal_summary(terminalreporter) -> None:
    """Say how many cells were compared and how wide the tolerances are; store the report."""
    reports = [report for reports in terminalreporter.stats.values() for report in reports]
    reports = [report for report in reports if getattr(report, "when", None) == "call"]
    if path := terminalreporter.config.option.nbval_report:
        path.write_text(json.dumps(by_notebook(reports), indent=1) + "\n", encoding="utf-8")
    properties = (dict(report.user_properties) for report in reports)
    compared = [p["nbval"]["declared"] for p in properties if "nbval" in p]
    declaring = [declared for declared in compared if declared]
    summary = f"nbval: {len(compared)} cells compared; {len(declaring)} declare a tolerance"
    for name, value in widest(declaring).items():
        summary += f", widest {name} {value:g}"
    if compared:
        terminalreporter.write_line(summary)


def widest(declared: list[dict[str, float]]) -> dict[str, float]:
    """Return the widest of each kind of tolerance that is declared."""
    return {
        name: max(tolerances[name] for tolerances in declared if name in tolerances)
        for name in Tolerance._fields
        if any(name in tolerances for tolerances in declared)
    }


def by_notebook(reports: list[pytest.TestReport]) -> dict[str, dict]:
    """Return, for each notebook, what became of its cells.

    Of those that passed, the largest distance that was no failure: of pictures in grey levels, of the
    data behind figures as a share of their scale. Of those that did not pass, the first thing wrong.
    """
    found: dict[str, dict] = {}
    empty = {"compared": 0, "passed": 0, "failed": {}, "declaring": 0, "widest": {}, "pixels": 0, "data": 0}
    for report in sorted(reports, key=lambda report: report.nodeid):
        notebook, _, cell = report.nodeid.partition(".ipynb::")
        if not cell:
            continue
        entry = found.setdefault(f"{notebook}.ipynb", copy.deepcopy(empty))
        seen = dict(report.user_properties).get("nbval")
        if seen:
            entry["compared"] += 1
            entry["declaring"] += bool(seen["declared"])
            entry["widest"] = widest([entry["widest"], seen["declared"]])
        if report.passed and seen:
            entry["passed"] += 1
            for kind in ("pixels", "data"):
                entry[kind] = max(entry[kind], float(f"{seen[kind]:.1e}"))
        elif not report.passed:
            # Of an exception, nbval's report ends with the last line of the traceback.
            last_line = re.sub("\x1b\\[[0-9;]*m", "", str(report.longrepr)).strip().rpartition("\n")[2]
            problems = (seen or {}).get("problems") or [last_line]
            entry["failed"][cell] = problems[0].partition("\n")[0][:200]
    return found
