"""The edition on paper, tried on one chapter; ``make pdf`` asks the same of the whole book."""

import re
from pathlib import Path

import pytest
import yaml
from pages import HTML, NOTEBOOKS
from playwright.sync_api import Browser
from pypdf import PdfReader

from tools import paper, pdf
from tools.notebooks import ROOT

CHAPTER = "chapters/01-gradients"
pytestmark = pytest.mark.xdist_group("paper")


@pytest.fixture(scope="module")
def text() -> str:
    """Return the document of one chapter."""
    config = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
    return paper.document(HTML, [CHAPTER], config, "0.1.0")


@pytest.fixture(scope="module")
def printed(browser: Browser, text: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict]:
    """Print it as a book."""
    folder = tmp_path_factory.mktemp("paper")
    page = pdf.open_document(browser, text, folder)
    seen = pdf.print_book(page, folder / "book.pdf")
    page.close()
    return folder / "book.pdf", seen


def test_the_chapter_is_there_whole(printed):
    path, seen = printed
    assert pdf.faults(path, seen) == []
    book = PdfReader(path)
    assert len(book.pages) > 20
    sources = NOTEBOOKS[CHAPTER]
    figures = [label for label in seen["labels"] if label.startswith("Fig.")]
    assert len(figures) >= sum("plt.show()" in source for source in sources) > 5
    targets = [link for page in book.pages for link in pdf.links(page) if "target" in link]
    assert len(targets) > 50


def test_the_contents_know_the_pages(printed):
    path, _ = printed
    [solutions] = [
        page for name, page in pdf.destinations(PdfReader(path)).items() if name.endswith("all-solutions")
    ]
    assert re.search(rf"^Solutions\s+{solutions}\s", pdf.text_of(path), re.M)


def test_solutions_stand_at_the_end_and_explorers_are_strips(text):
    assert text.index("all-solutions") > text.rindex('class="exercise')
    assert text.count('class="strip"') == sum(source.count("explorer(") for source in NOTEBOOKS[CHAPTER])
    assert text.count('class="frame"') == 4 * text.count('class="strip"')


def test_what_is_wrong_is_found(browser: Browser, text: str, tmp_path: Path):
    broken = (
        '<p class="math">\\(\\frac{\\)</p><img src="nowhere.svg"><a href="file:///etc/hosts">out</a>'
        '<span class="caption-number" hidden>Fig. 9.99</span><a href="#nowhere">in</a></section></article>'
    )
    start, end = text.index('<article class="page"'), text.index("</body>")
    page = pdf.open_document(
        browser, f'{text[:start]}<article class="page"><section>{broken}{text[end:]}', tmp_path
    )
    page.pdf(path=tmp_path / "broken.pdf", **pdf.OPTIONS)
    found = pdf.faults(tmp_path / "broken.pdf", page.evaluate(pdf.SEEN))
    page.close()
    for what in ("formula", "no picture", "link to file:", "dead link", "Fig. 9.99 is missing"):
        assert any(what in fault for fault in found), (what, found)
