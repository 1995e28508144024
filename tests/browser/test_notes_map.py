"""The built map from the lecture notes: every link ends on what it says: a formula, a figure, a check."""

import re
from collections import Counter
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from bs4 import BeautifulSoup, Tag
from lecture_notes import EQUATIONS, FIGURES, LISTINGS, PROBLEMS, PROMISES, SECTIONS, UNNUMBERED, item, label
from pages import HTML

PAGE = HTML / "appendix" / "notes-map.html"
KINDS = {
    "equation": ("div.math", "equation-"),
    "figure": ("figure", ""),
    "problem": ("div.exercise", ""),
    "listing": ("div.cell", ""),
}


@cache
def parsed(path: Path) -> BeautifulSoup:
    return BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")


def target(link: Tag) -> Tag:
    """Return the element that a link of the map leads to."""
    address = urlsplit(link["href"])
    page = parsed((PAGE.parent / unquote(address.path)).resolve() if address.path else PAGE)
    element = page.find(id=unquote(address.fragment)) if address.fragment else page.find("h1")
    assert element is not None, f"{link['href']} leads nowhere"
    return element


@cache
def rows() -> list[tuple[str, list[Tag]]]:
    """Return the cells of every row, with the chapter of the notes to which it belongs."""
    found = []
    for row in parsed(PAGE).select("article tbody tr"):
        heading = row.find_previous("h2").get_text()
        chapter = re.match(r"Chapter (\d)", heading)
        found.append((chapter[1] if chapter else heading, row.find_all("td")))
    return found


@cache
def items() -> list[tuple[str, str, list[Tag]]]:
    return [
        (*item(cells[0].get_text(), chapter), cells) for chapter, cells in rows() if chapter in ("1", "2")
    ]


def test_every_item_of_the_notes_is_a_row_of_the_page() -> None:
    there = Counter((kind, name) for kind, name, _ in items() if kind != "unnumbered")
    wanted = {"equation": EQUATIONS, "figure": FIGURES, "problem": PROBLEMS, "listing": LISTINGS}
    assert there == Counter((kind, name) for kind, names in wanted.items() for name in names)
    assert sum(kind == "unnumbered" for kind, _, _ in items()) == len(UNNUMBERED)
    assert sum(chapter.startswith("What") for chapter, _ in rows()) == len(PROMISES)


def test_every_section_of_the_notes_is_on_the_page() -> None:
    text = " ".join(parsed(PAGE).select_one("article").get_text(" ").split()).replace("’", "'")
    for number, title in SECTIONS.items():
        assert re.search(rf"(?<![\d.]){re.escape(number)}:? {re.escape(title)}\b", text), f"{number} {title}"


@pytest.mark.parametrize("kind", KINDS)
def test_places_are_of_the_right_kind(kind: str) -> None:
    selector, prefix = KINDS[kind]
    for found, name, cells in items():
        if found == kind:
            (link,) = cells[1].select("a")
            assert target(link) in parsed(page_of(link)).select(selector), f"{name}: no {selector}"
            assert urlsplit(link["href"]).fragment == prefix + label(kind, name)


def test_unnumbered_formulas_have_a_place_and_promises_that_are_kept_too() -> None:
    for kind, name, cells in items():
        if kind == "unnumbered":
            assert cells[1].select("a"), name
    for chapter, cells in rows():
        if chapter.startswith("What") and not cells[1].get_text().startswith("not kept"):
            assert cells[1].select("a"), cells[0].get_text()


def test_every_check_is_a_cell_that_can_fail() -> None:
    for _, name, cells in items():
        links = cells[2].select("a")
        assert links, name
        for link in links:
            cell = target(link)
            assert "cell" in cell["class"], f"{name}: {link['href']} is no cell"
            source = cell.select_one(".cell_input").get_text()
            assert re.search(r"\b(check\(|assert )", source), f"{name}: {link['href']} checks nothing"


def test_every_link_of_the_page_ends_somewhere() -> None:
    links = parsed(PAGE).select("article a.reference.internal")
    assert len(links) > 200
    for link in links:
        target(link)


def page_of(link: Tag) -> Path:
    return (PAGE.parent / unquote(urlsplit(link["href"]).path)).resolve()
