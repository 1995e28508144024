"""Small notebooks for the tests of the tools."""

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_output

from tools.notebooks import METADATA

FIGURE = {
    "mystnb": {"figure": {"name": "bowl", "caption": "A bowl."}, "image": {"alt": "A round bowl"}},
    "tags": ["hide-input"],
}


def notebook(*cells: NotebookNode) -> NotebookNode:
    """Return a notebook with these cells, and with the metadata of a stored one. Nothing is repaired."""
    return nbformat.from_dict(
        {"cells": cells, "metadata": dict(METADATA), "nbformat": 4, "nbformat_minor": 5}
    )


def executed(source: str, *outputs: NotebookNode, count: int = 1, **metadata: object) -> NotebookNode:
    """Return a code cell as it looks after its run."""
    return new_code_cell(
        source, id=f"cell-{count}", execution_count=count, outputs=list(outputs), metadata=metadata
    )


def image() -> NotebookNode:
    """Return the output of a figure cell."""
    return new_output("display_data", data={"image/svg+xml": "<svg/>", "text/plain": "<Figure>"})
