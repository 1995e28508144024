"""Sphinx extension: what stands where on a page, for somebody who reads it.

- A figure comes before its code, and the folded cells that set it up join that code.
- Code that stands open can be folded: ``_static/layers.js`` folds and unfolds all of it.
- "Where the notes differ" has a class of its own, and the word "Proof." is set off.
- The rows of the notation page have ids, so that the search can lead to them.

``_config.yml`` registers it.
"""

from docutils import nodes
from myst_nb.sphinx_ import HideCodeCellNode
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.writers.html import HTMLTranslator

from tools.previews import NOTATION

NOTES_DIFFER = "Where the notes differ"


class FoldableCode(nodes.Element):
    """Code of a cell that is shown, until the reader asks for the story alone."""


def visit_foldable_code(translator: HTMLTranslator, node: FoldableCode) -> None:
    """Open the element: without a script, it stays open."""
    translator.body.append('<details class="code" open>\n<summary>code</summary>\n')


def depart_foldable_code(translator: HTMLTranslator, node: FoldableCode) -> None:
    """Close the element."""
    translator.body.append("</details>\n")


class ReadingOrder(SphinxPostTransform):
    """Put what a cell gives before the code that is folded, and make open code foldable."""

    default_priority = 210  # after HideInputCells of myst-nb, which has 199
    formats = ("html",)

    def run(self, **kwargs: object) -> None:
        """Change the document in place."""
        for cell in list(self.document.findall(_is_cell)):
            code = cell.children[0] if cell.children else None
            if isinstance(code, HideCodeCellNode):
                folds_all = len(cell.children) == 1 and len(code.children) > 1
                code["prompt_show"] = code["prompt_hide"] = "code and result" if folds_all else "code"
                if len(cell.children) > 1:
                    _output_first(cell)
            elif code is not None and code.get("nb_element") == "cell_code_source":
                cell.replace(code, FoldableCode("", code.deepcopy()))
        for box in self.document.findall(nodes.admonition):
            if box.children and box.children[0].astext() == NOTES_DIFFER:
                box["classes"].append("notes-differ")
            if "proof" in box["ids"]:
                _set_off(box, "Proof. ")
        if self.env.docname == NOTATION:
            for n, row in enumerate(self.document.findall(nodes.row), start=1):
                row["ids"].append(f"symbol-{n}")


def _set_off(box: nodes.admonition, word: str) -> None:
    """Set the word with which a box begins in italics."""
    text = next(box.findall(nodes.Text), None)
    if text is not None and text.startswith(word):
        parent, place = text.parent, text.parent.index(text)
        parent[place : place + 1] = [nodes.emphasis("", word), nodes.Text(text[len(word) :])]


def _is_cell(node: nodes.Node) -> bool:
    return isinstance(node, nodes.container) and node.get("nb_element") == "cell_code"


def _sets_up(node: nodes.Node) -> bool:
    """Tell whether a node is a cell of folded code that shows nothing."""
    if not _is_cell(node) or len(node.children) != 1:
        return False
    [code] = node.children
    return isinstance(code, HideCodeCellNode) and len(code.children) == 1


def _output_first(cell: nodes.container) -> None:
    """Move the folded code of a cell to its end, together with that of the cells that set it up."""
    code, parent = cell.children[0], cell.parent
    cell.remove(code)
    cell.append(code)
    while (place := parent.index(cell)) > 0 and _sets_up(before := parent[place - 1]):
        parent.remove(before)
        code.insert(0, before.children[0].children)


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect the extension."""
    app.add_node(FoldableCode, html=(visit_foldable_code, depart_foldable_code))
    app.add_post_transform(ReadingOrder)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
