"""A page that can be cited, mended, passed on and downloaded."""

import json
from urllib.parse import parse_qs, urlsplit

import pytest
from bs4 import BeautifulSoup
from jinja2 import Environment

from tools import sharing
from tools.notebooks import ROOT

TOOLS = (ROOT / "_templates" / "page-tools.html").read_text(encoding="utf-8")
BOOK = {"title": "A Book", "author": "The authors", "year": "2026", "version": "0.1.0"}


def test_a_page_is_cited():
    entry = sharing.citation(BOOK, "chapters/01-gradients", "Gradients", "1", "")
    assert entry.startswith("@incollection{executed-01-gradients,\n")
    assert "  chapter   = {1},\n" in entry
    assert "Version 0.1.0" in entry
    assert "url" not in entry
    assert "chapter" not in sharing.citation(BOOK, "intro", "Title", "", "")
    assert "{https://x.org/a.html}" in sharing.citation(BOOK, "a", "A", "", "https://x.org/a.html")


@pytest.mark.parametrize("repository", ["https://x.org/book", "https://x.org/book/", ""])
def test_a_mistake_is_reported_where_the_book_is_written(repository):
    address = sharing.report_address(repository, "Bias & variance", "Page: a\nBook: b\n")
    shown = (
        Environment(autoescape=True)
        .from_string(TOOLS)
        .render(citation="@x", report="Copy me", report_address=address, book_version="0.1.0")
    )
    if not repository:
        assert "Copy me" in shown
        assert "<a " not in shown
        return
    link = BeautifulSoup(shown, "html.parser").a["href"]
    assert link.startswith("https://x.org/book/issues/new?")
    asked = {"title": ["Bias & variance: "], "body": ["Page: a\nBook: b\n"]}
    assert parse_qs(urlsplit(link).query) == asked
    assert "Copy me" not in shown


def test_a_report_names_page_and_version():
    assert "Gradients (chapters/01-gradients)" in sharing.report(BOOK, "chapters/01-gradients", "Gradients")
    assert "version 0.1.0" in sharing.report(BOOK, "intro", "Title")


def test_the_head_escapes_and_leaves_out_what_is_empty():
    tags = sharing.head('A "title"', "About <it>", "A Book", "", "card.png")
    assert 'content="A &quot;title&quot;"' in tags
    assert "About &lt;it&gt;" in tags
    assert "og:url" not in tags
    assert tags.count("\n") == 6


def test_a_card_is_a_chapters_first_figure_and_has_its_size():
    card = sharing.card_of(ROOT / "chapters" / "01-gradients.ipynb")
    assert card.size == sharing.SIZE
    assert len(card.convert("RGB").getcolors(maxcolors=1000)) > 20
    assert sharing.card_of(ROOT / "appendix" / "notation.md") is None


def test_a_notebook_says_once_what_it_needs():
    before = json.dumps({"cells": [{"id": "title", "source": ["# Title"]}]})
    after = sharing.say_what_it_needs(before, "https://x.org/book")
    first, title = json.loads(after)["cells"]
    assert "from https://x.org/book, run `make lab`" in first["source"][0]
    assert title["id"] == "title"
    assert sharing.say_what_it_needs(after, "https://x.org/book") == after
    assert "whoever gave you the book" in sharing.say_what_it_needs(before, "")


def test_the_next_page_is_announced_by_its_first_figure(tmp_path):
    (tmp_path / "chapters").mkdir()
    (tmp_path / "chapters" / "02.html").write_text(
        '<figure class="a" id="b">\n<img alt="" src="../_images/x.svg"/>'
    )
    (tmp_path / "plain.html").write_text("<p>No figure.</p>")
    page = '<a class="right-next"\n   href="{}"\n   title="next page">\n<div>'
    first = sharing.lead_on(page.format("chapters/02.html"), "intro", tmp_path)
    assert "url('_images/x.svg')" in first
    assert "url('../_images/x.svg')" in sharing.lead_on(page.format("02.html"), "chapters/01", tmp_path)
    assert sharing.lead_on(first, "intro", tmp_path) == first
    assert "next-picture" not in sharing.lead_on(page.format("plain.html"), "intro", tmp_path)
