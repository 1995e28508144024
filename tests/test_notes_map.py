"""The map from the lecture notes: everything that they contain is on it, once, with a place and a check."""

import re
from collections import Counter
from itertools import pairwise

import pytest
from lecture_notes import (
    EQUATIONS,
    FIGURES,
    LISTINGS,
    PROBLEMS,
    PROMISES,
    SECTIONS,
    UNNUMBERED,
    WITHOUT_TEXT,
    item,
    label,
)

from tools.notebooks import ROOT, find_all, loads

PAGE = (ROOT / "appendix" / "notes-map.md").read_text(encoding="utf-8")
LINK = re.compile(r"\{[\w:]+\}`(?:[^`<]*<)?/?([\w./-]+)>?`")
INVENTORY = {
    "equation": EQUATIONS,
    "figure": list(FIGURES),
    "problem": PROBLEMS,
    "listing": list(LISTINGS),
    "unnumbered": UNNUMBERED,
}


def read(page):
    """Return the sections with the paragraph below each, and the rows, each with its chapter."""
    sections, rows, chapter = {}, [], ""
    for block in page.split("\n\n"):
        if found := re.match(r"##+ (?:Chapter )?(\d[\d.]*):? (.+)", block):
            chapter, current = found[1][0], found.groups()
            assert current not in sections, f"{current} is there twice"
            sections[current] = ""
        elif block.startswith("## "):
            chapter = current = block[3:]
        elif block.startswith("|"):
            lines = [line.strip("| ").split(" | ") for line in block.rstrip().split("\n")[2:]]
            rows += [(chapter, [cell.strip(" |") for cell in line]) for line in lines]
        elif chapter:
            sections[current] = sections.get(current, "") + block
    return sections, rows


SECTIONS_THERE, ROWS = read(PAGE)
ITEMS = [(*item(row[0], chapter), row) for chapter, row in ROWS if chapter in ("1", "2")]
ANCHORS = {}  # label of a check -> the sources of the cells that come after it, in each place where it is set
for path in find_all():
    cells = loads(path.read_text(encoding="utf-8")).cells
    for cell, following in pairwise(cells):
        for name in re.findall(r"^\((check-[\w-]+)\)=$", cell.source, re.M):
            at_the_end = cell.source.endswith(f"({name})=") and following.cell_type == "code"
            ANCHORS.setdefault(name, []).append(following.source if at_the_end else "")


@pytest.mark.parametrize("kind", INVENTORY)
def test_every_item_of_the_notes_is_on_the_map_once(kind):
    assert Counter(name for found, name, _ in ITEMS if found == kind) == Counter(INVENTORY[kind])


def test_every_section_of_the_notes_is_on_the_map_once():
    with_place = [name for name, below in SECTIONS_THERE.items() if "In the book: {" in below]
    without = [tuple(row[0].split(" ", 1)) for chapter, row in ROWS if chapter == "Chapters 3 to 8"]
    assert Counter(with_place) == Counter((n, t) for n, t in SECTIONS.items() if n not in WITHOUT_TEXT)
    assert Counter(without) == Counter((n, t) for n, t in SECTIONS.items() if n in WITHOUT_TEXT)


@pytest.mark.parametrize(("kind", "name", "row"), ITEMS, ids=[name for _, name, _ in ITEMS])
def test_every_item_has_its_place_and_a_check_that_can_fail(kind, name, row):
    _, place, check, *errata = row
    assert LINK.findall(place) == [label(kind, name)] or (kind == "unnumbered" and LINK.findall(place))
    assert LINK.findall(check)
    for anchor in LINK.findall(check):
        (source,) = ANCHORS[anchor]
        assert re.search(r"\b(check\(|assert )", source), f"nothing is checked below {anchor}"
    for text, number in re.findall(r"\{ref\}`(\S+) <erratum-e(\d+)>`", "".join(errata)):
        assert text == f"E{number}"


def test_the_panels_of_the_figures_are_named():
    for kind, name, row in ITEMS:
        if kind == "figure":
            panels = re.findall(r"\(([a-c])\)", row[0])
            assert panels == [FIGURES[name][k] for k in (0, -1) if FIGURES[name]]


@pytest.mark.parametrize(("promise", "kept"), PROMISES.items())
def test_every_promise_is_on_the_map_once(promise, kept):
    ((_, place),) = (row for chapter, row in ROWS if chapter.startswith("What") and promise in row[0])
    assert re.match(rf"{kept}\b", place)
    assert kept == "not kept" or LINK.findall(place)


def test_the_map_promises_nothing_else():
    assert len([row for chapter, row in ROWS if chapter.startswith("What")]) == len(PROMISES)


def test_every_anchor_of_a_check_is_used_and_unique():
    linked = {name for name in LINK.findall(PAGE) if name.startswith("check-")}
    assert linked == ANCHORS.keys()
    assert [name for name, places in ANCHORS.items() if len(places) > 1] == []


def test_every_erratum_is_linked():
    page = (ROOT / "appendix" / "errata.ipynb").read_text(encoding="utf-8")
    there = set(re.findall(r"\((erratum-e\d+)\)=", page))
    assert set(re.findall(r"<(erratum-e\d+)>", PAGE)) == there
