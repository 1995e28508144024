"""What stands where on a page."""

from docutils import nodes
from docutils.utils import new_document
from myst_nb.sphinx_ import HideCodeCellNode

from tools import pages


def cell(name, *, folded=True, shows=True):
    source = nodes.container("", nodes.literal_block(name, name), nb_element="cell_code_source")
    if folded:
        source = HideCodeCellNode("", source, prompt_show="Show code cell source", prompt_hide="")
    parts = [source] + ([nodes.container("", nb_element="cell_code_output")] if shows else [])
    return nodes.container("", *parts, nb_element="cell_code")


def arrange(*children):
    document = new_document("page")
    document += list(children)
    document.settings.env = type("Environment", (), {"docname": "page"})()
    pages.ReadingOrder(document).run()
    return document


def code(element):
    return [block.astext() for block in element.findall(nodes.literal_block)]


def test_a_figure_comes_before_its_code_and_that_of_its_set_up():
    document = arrange(
        nodes.paragraph("", "Question."),
        cell("imports", shows=False),
        cell("data", shows=False),
        cell("figure"),
    )
    assert len(document.children) == 2
    output, folded = document.children[1].children
    assert output["nb_element"] == "cell_code_output"
    assert folded["prompt_show"] == "code"
    assert code(folded) == ["imports", "data", "figure"]


def test_what_sets_up_something_else_stays():
    document = arrange(cell("imports", shows=False), nodes.paragraph("", "Text."), cell("figure"))
    assert len(document.children) == 3
    assert code(document.children[2]) == ["figure"]


def test_open_code_can_be_folded_and_stays_before_what_it_gives():
    document = arrange(cell("check", folded=False))
    foldable, output = document.children[0].children
    assert isinstance(foldable, pages.FoldableCode)
    assert code(foldable) == ["check"]
    assert output["nb_element"] == "cell_code_output"


def test_where_the_notes_differ_has_its_class_and_a_proof_its_word():
    remark = nodes.admonition("", nodes.title("", pages.NOTES_DIFFER), nodes.paragraph("", "Text."))
    proof = nodes.admonition("", nodes.paragraph("", "Proof. Add."), ids=["proof"])
    arrange(remark, proof)
    assert remark["classes"] == ["notes-differ"]
    word, rest = proof.children[0].children
    assert (type(word), word.astext(), rest.astext()) == (nodes.emphasis, "Proof. ", "Add.")
