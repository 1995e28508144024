"""The labels that tie a chapter to the lecture notes: every one there, once, on the right kind of thing."""

import re

import pytest

from tools.notebooks import ROOT, loads

EXPECTED = {
    "01-gradients": [
        *(f"notes-eq-1-{k}" for k in range(1, 13)),
        *(f"notes-fig-1-{k}" for k in range(1, 6)),
        *(f"notes-problem-1-{k}" for k in range(1, 5)),
        *(f"notes-listing-1-{name}" for name in ("sgd", "momentum", "nesterov", "adam")),
    ],
    "02-initialization": [
        *(f"notes-eq-1-{k}" for k in range(13, 25)),
        "notes-fig-1-6",
        *(f"notes-problem-1-{k}" for k in (5, 6)),
    ],
    "03-decision-theory": [
        *(f"notes-eq-2-{k}" for k in range(1, 6)),
        "notes-fig-2-1",
        *(f"notes-problem-2-{k}" for k in (1, 2)),
    ],
    "04-bias-variance": [
        *(f"notes-eq-2-{k}" for k in range(6, 14)),
        *(f"notes-fig-2-{k}" for k in (2, 3)),
    ],
    "05-double-descent": [
        *(f"notes-fig-2-{k}" for k in (4, 5)),
        *(f"notes-problem-2-{k}" for k in (3, 4)),
    ],
    "06-regularization": [
        *(f"notes-eq-2-{k}" for k in range(14, 25)),
        "notes-fig-2-7",
        "notes-problem-2-5",
    ],
    "06b-data-time-averages": [f"notes-fig-2-{k}" for k in (6, 8, 9)],
}
PATTERNS = {
    "equation": r"^\$\$ \((notes-eq-[\w-]+)\)$",
    "problem": r"^`{3,}\{exercise\}.*\n(?::.*\n)*?:label: (notes-problem-[\w-]+)$",
    "listing": r"^\((notes-listing-[\w-]+)\)=$",
}


@pytest.mark.parametrize(("chapter", "expected"), EXPECTED.items())
def test_labels_of_the_lecture_notes(chapter, expected):
    cells = loads((ROOT / "chapters" / f"{chapter}.ipynb").read_text(encoding="utf-8")).cells
    prose = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    labels = [label for pattern in PATTERNS.values() for label in re.findall(pattern, prose, re.M)]
    names = [cell.metadata.get("mystnb", {}).get("figure", {}).get("name", "") for cell in cells]
    labels += [name for name in names if name.startswith("notes-fig-")]
    assert sorted(labels) == sorted(expected)
