"""What a learner meets who opens a notebook in JupyterLab, runs it all, and moves an explorer.

nbval executes every cell of every notebook, in the same kernel. What is asked here is whether the front end
does its part: it opens the book, runs a whole notebook, shows no error and no line on standard error beside
its progress bars, moves an explorer. For that the notebooks that take less than a minute will do; with ALL=1
the others run too, whose sweeps start processes of their own.
"""

import os
import re
from pathlib import Path

import nbformat
import pytest
from lab import Lab, complaints
from playwright.sync_api import expect

from tools.notebooks import LONGEST, METADATA, ROOT, find_all, loads

NOTEBOOKS = [
    path.relative_to(ROOT).as_posix()
    for path in find_all()
    if path.stem not in LONGEST or os.environ.get("ALL") == "1"
]


@pytest.mark.parametrize("path", NOTEBOOKS)
def test_every_cell_runs_and_an_explorer_moves(lab: Lab, path: str) -> None:
    code = [
        cell for cell in loads((ROOT / path).read_text(encoding="utf-8")).cells if cell.cell_type == "code"
    ]
    lab.open(path)
    ran = lab.run_all(path)
    assert [cell["source"] for cell in ran] == [cell.source for cell in code]
    assert complaints(ran) == []
    explorers = [cell.id for cell in code if re.search(r"\bexplorer\(", cell.source)]
    if explorers:
        explorer = lab.explorer(path, explorers[0])
        slider = explorer.get_by_role("slider").first
        picture = explorer.locator("svg[role=img]:visible")
        expect(picture).to_have_count(1)
        before = picture.get_attribute("aria-label"), picture.inner_html()
        last = slider.get_attribute("aria-valuenow") == slider.get_attribute("aria-valuemax")
        slider.press("ArrowLeft" if last else "ArrowRight")
        expect(picture).not_to_have_attribute("aria-label", before[0])
        assert picture.inner_html() != before[1]
    lab.close(path)


def test_what_is_planted_is_found(lab: Lab, root: Path) -> None:
    """A cell that raises, those after it, and one that writes to standard error."""
    planted = {
        "raises": ["1 + 1", "raise ValueError('planted')", "2 + 2"],
        "warns": ["import sys; print('planted', file=sys.stderr)"],
    }
    found = {}
    for name, sources in planted.items():
        cells = [nbformat.v4.new_code_cell(source) for source in sources]
        nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=METADATA), root / f"{name}.ipynb")
        lab.open(f"{name}.ipynb")
        found[name] = complaints(lab.run_all(f"{name}.ipynb"))
        lab.close(f"{name}.ipynb")
    assert found == {
        "raises": ["code cell 2 raised ValueError: planted", "code cell 3 did not run"],
        "warns": ["code cell 1 wrote to standard error: planted\n"],
    }
