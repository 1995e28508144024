"""Run notebooks side by side in pytest-xdist's processes, the longest first, and say how far they are.

A pytest plugin.  `make test` gives the options that it needs::

    -n auto --dist loadfile --no-loadscope-reorder

Files go to the next free process in the order in which they stand: first the notebooks, then the unit tests,
which are short and fill the end.
"""

import os
import time
from collections import Counter

import pytest

from tools.execution import Seldom, cores
from tools.notebooks import longest_first


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Take all cores; without a second one, no further process."""
    return cores() if cores() > 1 else 0


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Put the tests into the order in which they are to begin."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        order = {path: k for k, path in enumerate(longest_first(item.path for item in items))}
        items.sort(key=lambda item: (item.path.suffix != ".ipynb", order[item.path]))


def pytest_configure(config: pytest.Config) -> None:
    """Say how far the notebooks are, where pytest's own lines would not tell."""
    if config.getoption("numprocesses", None) and not config.option.collectonly:
        config.pluginmanager.register(Progress(config))


class Progress:
    """Writes a line when a notebook is done, and now and then one with those that are at work."""

    def __init__(self, config: pytest.Config) -> None:
        self.config, self.seldom = config, Seldom()
        self.cells: Counter[str] = Counter()
        self.done: Counter[str] = Counter()
        self.failed: Counter[str] = Counter()
        self.began: dict[str, float] = {}
        self.finished = 0

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: list[str]) -> None:
        """Count the cells of each notebook; every process finds the same."""
        self.cells = Counter(notebook for notebook in map(self.notebook, ids) if notebook)

    def notebook(self, nodeid: str) -> str:
        """Return the notebook that a test belongs to, or nothing."""
        path = nodeid.partition("::")[0]
        return path if path.endswith(".ipynb") else ""

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """Note when a notebook begins."""
        if notebook := self.notebook(nodeid):
            self.began.setdefault(notebook, time.monotonic())

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        """Count a cell."""
        notebook = self.notebook(nodeid)
        if notebook:
            self.done[notebook] += 1
        if notebook and self.done[notebook] == self.cells[notebook]:
            self.finished += 1
            minutes, seconds = divmod(round(time.monotonic() - self.began.pop(notebook)), 60)
            result = f"{self.failed[notebook]} FAILED" if self.failed[notebook] else "equal"
            cells = f"{self.cells[notebook]} cells, {result}"
            number = f"{self.finished} of {len(self.cells)}"
            self.write(f"{notebook}: {cells}, {minutes}:{seconds:02} ({number})")
        elif self.seldom.due() and self.began:
            self.write("at work: " + ", ".join(f"{n} {self.done[n]}/{self.cells[n]}" for n in self.began))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count a failure."""
        self.failed[self.notebook(report.nodeid)] += report.failed

    def write(self, line: str) -> None:
        """Write a line of its own between the dots."""
        if terminal := self.config.pluginmanager.getplugin("terminalreporter"):
            if terminal._tw.width_of_current_line:
                terminal.write("\n")
            terminal.write_line(line)
