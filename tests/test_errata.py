"""The page of errata: every entry complete, and tied to the chapters in both directions."""

import re

import pytest

from tools.notebooks import ROOT, loads

CELLS = loads((ROOT / "appendix" / "errata.ipynb").read_text(encoding="utf-8")).cells
CHAPTERS = {
    path.stem: loads(path.read_text(encoding="utf-8")).cells
    for path in sorted((ROOT / "chapters").glob("*.ipynb"))
}

SLIPS = {69}  # a list of slips of the pen: nothing to execute, and no one place in a chapter

HEADING = re.compile(r"^### E(\d+) · \S", re.M)
ENTRY = re.compile(r"^\(erratum-e(\d+)\)=\n### E(\d+) · \S", re.M)
ROW = re.compile(r"^\| \{ref\}`E(\d+) <erratum-e\d+>` \|", re.M)
LINK = re.compile(r"\{ref\}`E(\d+) <erratum-e(\d+)>`")
ROLE = re.compile(r"\{(?:ref|eq|numref|doc|prf:ref)\}`(?:[^`<]*<)?([^`<>]+)>?`")
REMARK = re.compile(r"^([`:]{3,})\{admonition\} Where the notes differ\n(.*?)^\1$", re.M | re.S)


def _prose(cells):
    return "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")


def _entries():
    """Return {number: its cells}; an entry reaches to the next one, or to the next group."""
    entries, current = {}, None
    for cell in CELLS:
        if cell.cell_type == "markdown":
            if found := ENTRY.search(cell.source):
                current = entries.setdefault(int(found[1]), [])
            elif re.search(r"^#{1,3} ", cell.source, re.M):
                current = None
        if current is not None:
            current.append(cell)
    return entries


def _labels_of_chapters():
    labels = {f"/chapters/{name}" for name in CHAPTERS}
    for cells in CHAPTERS.values():
        prose = _prose(cells)
        for pattern in (r"^\(([\w-]+)\)=$", r"^\s*\$\$ \(([\w-]+)\)$", r"^:label: ([\w-]+)$"):
            labels.update(re.findall(pattern, prose, re.M))
        labels.update(cell.metadata.get("mystnb", {}).get("figure", {}).get("name", "") for cell in cells)
    return labels


ENTRIES = _entries()
REMARKS = [
    pytest.param(remark, id=f"{name}-{k}")
    for name, cells in CHAPTERS.items()
    for k, (_, remark) in enumerate(REMARK.findall(_prose(cells)))
]


def test_every_number_is_there_once_under_its_own_anchor():
    anchors = [(int(anchor), int(number)) for anchor, number in ENTRY.findall(_prose(CELLS))]
    assert [pair for pair in anchors if pair[0] != pair[1]] == []
    numbers = sorted(number for _, number in anchors)
    assert numbers == sorted({int(number) for number in HEADING.findall(_prose(CELLS))})
    assert len(numbers) == len(set(numbers))
    assert sorted(set(range(1, 70)) - set(numbers)) == []


def test_a_cell_holds_one_entry_at_most():
    assert [cell.id for cell in CELLS if len(HEADING.findall(cell.source)) > 1] == []


def test_numbers_rise_within_a_group():
    for group in re.split(r"^## ", _prose(CELLS), flags=re.M):
        numbers = [int(number) for number in HEADING.findall(group)]
        assert numbers == sorted(numbers), group.partition("\n")[0]


def test_the_tables_list_every_entry_once():
    assert sorted(int(number) for number in ROW.findall(_prose(CELLS))) == sorted(ENTRIES)


@pytest.mark.parametrize("number", sorted(ENTRIES.keys() - SLIPS))
def test_an_entry_executes_its_evidence(number):
    code = [cell.source for cell in ENTRIES[number] if cell.cell_type == "code"]
    assert code
    assert all(re.search(r"\bcheck\(|\bassert\b|\braise AssertionError", source) for source in code)


@pytest.mark.parametrize("number", sorted(ENTRIES.keys() - SLIPS))
def test_an_entry_says_what_the_notes_say_and_what_is_right(number):
    prose = _prose(ENTRIES[number])
    assert "**The notes**" in prose
    assert "**Right**" in prose


@pytest.mark.parametrize("number", sorted(ENTRIES.keys() - SLIPS))
def test_an_entry_leads_to_a_chapter(number):
    assert _labels_of_chapters().intersection(ROLE.findall(_prose(ENTRIES[number])))


@pytest.mark.parametrize("remark", REMARKS)
def test_a_remark_leads_to_its_evidence(remark):
    assert {int(number) for number, _ in LINK.findall(remark)} & ENTRIES.keys()


def test_the_remarks_are_found():
    mentions = sum(_prose(cells).count("{admonition} Where the notes differ") for cells in CHAPTERS.values())
    assert len(REMARKS) == mentions > 0


def test_every_erratum_is_linked_from_a_chapter():
    linked = {int(number) for cells in CHAPTERS.values() for number, _ in LINK.findall(_prose(cells))}
    assert ENTRIES.keys() - linked == SLIPS & ENTRIES.keys()


def test_links_are_called_what_they_lead_to():
    prose = "\n".join(map(_prose, [CELLS, *CHAPTERS.values()]))
    assert [pair for pair in LINK.findall(prose) if pair[0] != pair[1]] == []
