"""The page of reproductions: enough numbers, the right ones, and each verdict what its criterion says."""

import html
import re
from decimal import Decimal
from typing import NamedTuple

import pytest
from scipy.stats import t as student

from tools.notebooks import ROOT, loads

CELLS = loads((ROOT / "appendix" / "reproductions.ipynb").read_text(encoding="utf-8")).cells
MARKS = {"✓": True, "✗ no": False}

# What was published, group by group; a number may stand there twice.
PUBLISHED = {
    "losses": "7.07 10.28 12.367 0.119 1.0624e-5 11.452419564 2.020992572 7.0237e-5 9.563639387 4.1e-8 "
    "17.015457867 16.419",
    "attention": "0.94744244 1.64201168 1.61949281 -21.207 -17.812 1.248 -5.629",
    "sizes": "117 124 345 355 762 774 1542 1558 10.65",
    "optimizers": "5.0201 0.2134 0.1999 0.9363 0.7459 0.8009 1.25e-4 0.0731 0.00737 0.00187",
    "implicit": "-0.2269 -0.2078 -0.2089",
    "variance": "0.0358 0.2122 2840 2.038 1.221 0.951 522",
    "baselines": "410 15210 32 31.5 31.7 32 31.5 68 65.1 64.6 68 66.0",
    "descent": "47.24 54.05 54.02 45.47 41.02 41.66 41.24 37.25 5.47 0.00",
}


class Row(NamedTuple):
    """A row of a table, as the page shows it."""

    what: str
    theirs: str
    ours: str
    good: bool


def rows_of(cell):
    (output,) = [out for out in cell.outputs if "text/html" in out.get("data", {})]
    table = html.unescape(output.data["text/html"])
    found = [re.findall(r"<td>(.*?)</td>", row) for row in re.findall(r"<tr>(.*?)</tr>", table)[1:]]
    return [Row(what, theirs, ours, MARKS[mark]) for what, theirs, ours, mark in found]


TABLES = {
    re.search(r'^table\("(\w+)"\)$', cell.source, re.M)[1]: rows_of(cell)
    for cell in CELLS
    if cell.cell_type == "code" and re.search(r"^table\(", cell.source, re.M)
}
ROWS = [row for rows in TABLES.values() for row in rows]


def verdict(row):
    """Return what the criterion says of a row of the table, or None if its digits do not suffice."""
    theirs = Decimal(row.theirs)
    slack = Decimal((0, (1,), theirs.as_tuple().exponent)) / 2
    spread = re.fullmatch(r"(-?[\d.]+) ± ([\d.]+) \((\d+)\)", row.ours)
    if not spread:
        return abs(Decimal(row.ours) - theirs) <= slack
    mean, deviation, size = Decimal(spread[1]), Decimal(spread[2]), int(spread[3])
    reach = Decimal(student(size - 1).ppf(0.975) * (1 + 1 / size) ** 0.5)
    room = reach * deviation + slack - abs(mean - theirs)
    shown = Decimal("0.005") * (1 + reach)  # how much of it rounding may have hidden
    return None if abs(room) <= shown and deviation else room >= 0


def test_at_least_twenty_numbers_are_counted():
    assert len(ROWS) >= 20
    assert len({row.what for row in ROWS}) == len(ROWS)


@pytest.mark.parametrize("group", PUBLISHED)
def test_every_published_number_is_there(group):
    assert sorted(row.theirs for row in TABLES[group]) == sorted(PUBLISHED[group].split())


def test_there_is_no_other_table():
    assert TABLES.keys() == PUBLISHED.keys()


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.what}: {row.theirs}")
def test_the_verdict_follows_from_the_criterion(row):
    assert verdict(row) in (row.good, None)


def test_hardly_any_verdict_hangs_on_digits_that_are_not_shown():
    assert sum(verdict(row) is None for row in ROWS) <= 1


@pytest.mark.parametrize(
    ("theirs", "ours", "good"),
    [
        ("0.2134", "0.213405", True),
        ("0.2134", "0.213455", False),
        ("522", "522", True),
        ("522", "523", False),
        ("68", "64.22 ± 1.43 (20)", False),
        ("68", "65.22 ± 1.43 (20)", True),
        ("45.47", "48.24 ± 0.12 (4)", False),
        ("0.00", "0.00 ± 0.00 (4)", True),
    ],
)
def test_planted_rows(theirs, ours, good):
    assert verdict(Row("planted", theirs, ours, True)) is good


def test_the_counts_of_the_first_sentence_are_those_of_the_tables():
    (cell,) = [cell for cell in CELLS if cell.id == "count"]
    glued = {
        out.metadata["scrapbook"]["name"].removeprefix("application/papermill.record/"): out.data
        for out in cell.outputs
    }
    found = {name: int(next(iter(data.values())).strip("'")) for name, data in glued.items()}
    good = sum(row.good for row in ROWS)
    assert found == {"rep-counted": len(ROWS), "rep-yes": good, "rep-no": len(ROWS) - good}
