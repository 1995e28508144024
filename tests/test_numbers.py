"""Numbers that an experiment produced are glued into the prose, never typed.

No test can know where a number comes from. This one asks for less: a decimal, a percentage or a factor that
is typed in the prose of a notebook stands in the code of that notebook too, as a setting or in a check, so
that it cannot go stale alone. What does not is listed here, with the reason. A number in a caption is in the
code, or in the output, of a cell beside the figure; one in an alternative text may also be
read off the picture.
"""

import re
from itertools import chain

import numpy as np
import pytest

from lib.plotting import FIGURE_DATA
from tools.notebooks import ROOT, find_all, loads

EXACT = "the value of a formula that stands beside it"
CITED = "somebody else's number, cited there"
BAND = "the quantiles that lib.plotting.band draws"
ALLOWED = {
    "01-gradients": {"0.15": EXACT, "0.85": EXACT, "3.16": EXACT, "80%": BAND},
    "02-initialization": {"1.44": EXACT, "0.5772": "Euler's constant", "90%": BAND},
    "03-decision-theory": {"0.4": EXACT},
    "05-double-descent": {
        "15%": "a setting, the default of lib.double_descent.Setting",
        **dict.fromkeys(["32%", "68%", "94%", "5.5%"], CITED),
        "0.02": "another convention for the rate",
        "13.5%": EXACT,
        "80%": BAND,
    },
    "06-regularization": {"0.37": EXACT, "2.72": EXACT, "80%": BAND},
    "errata": {
        **dict.fromkeys(["3.16", "13.6", "0.98", "19.8"], EXACT),
        **dict.fromkeys(["32%", "68%", "94%"], CITED),
    },
    "reproductions": {
        **dict.fromkeys(["2.4", "3.6", "95.4%"], EXACT),
        **dict.fromkeys(["6.11", "6.17", "9.4"], "places in a book"),
        "0.01": "a setting of lib.published",
        **dict.fromkeys(["32%", "68%", "64.6%", "65.1%", "66.0%"], CITED),
        **dict.fromkeys(["47.7", "50.1%", "54.6", "55.8%", "46.3", "45.9%"], CITED),
        **dict.fromkeys(["94%", "91%", "96%", "56%", "57%", "92.3%", "89.1%", "58.7%", "53.3%"], CITED),
    },
    "speed": dict.fromkeys(["0.01", "0.9"], "settings of benchmarks/"),
}
BESIDE = 6  # code cells on either side of a figure

NUMBER = r"(?<![\w.,^])\d+(?:[ ,]\d{3})*(?:\.\d+)?(?![\d.]*\w)"
TYPED = re.compile(
    rf"({NUMBER})\s*\\?,?\\?%"
    rf"|({NUMBER}) (?:times|percentage points|per cent|percent|seconds|minutes)\b"
    rf"|by a factor(?: of)? ({NUMBER})"
    r"|(?<![\w.,^])(\d+\.\d+)(?![.\d]*\w)"
)
NO_PROSE = [
    r"^(`{3,})(?:\{eval-rst\}|\w+).*?^\1",  # blocks of code
    r"^\$\$.*?^\$\$.*?$",
    r"\{[\w:]+\}`[^`]*`",  # numbers that are glued, links, citations
    r"``.+?``|`[^`\n]*`",
    r"\]\([^)\s]*\)",
    r"^(?:#+|\|) \d[\d.]* ",  # headings of the notes
    r"\([12]\.\d\d?\)",  # equations of the notes, and other places in texts
    r"(?:[Ss]ection|[Ff]igure|[Ff]ig\.|[Nn]otebook|§)s?\s?\d[\d.]*(?:(?:,| to| and)\s\d[\d.]*)*",
]
LITERAL = re.compile(r"(?<![\w.])\d[\d_]*(?:,\d{3})*\.?\d*(?:e[-+]?\d+)?(?:\s?%)?")
NOTEBOOKS = {path.stem: loads(path.read_text(encoding="utf-8")).cells for path in find_all()}
PAGES = sorted((ROOT / "appendix").glob("*.md"))


def typed(text):
    """Return the decimals, percentages and factors that are typed in a text."""
    for pattern in NO_PROSE:
        text = re.sub(pattern, " ", text, flags=re.S | re.M)
    found = [match.groups() for match in TYPED.finditer(text)]
    return [re.sub("[ ,]", "", next(filter(None, groups))) + "%" * bool(groups[0]) for groups in found]


def literals(text):
    """Return the numbers that code or output writes out, and a percentage for each share."""
    numbers = {re.sub(r"[_,\s]", "", number) for number in LITERAL.findall(text)}
    shares = [float(number) for number in numbers if re.fullmatch(r"0\.\d+", number)]
    return numbers | {f"{100 * share:.10g}%" for share in shares}


def printed(cell):
    return "".join(output.text for output in cell.outputs if output.output_type == "stream")


def drawn(figure, logarithmic):
    """Return the coordinates in a figure, the extents of its parts, and what a logarithmic axis shows."""
    columns = [c for axes in figure["axes"] for part in axes["drawn"] for c in part["columns"] if len(c)]
    columns = [np.array(column, dtype=float) for column in columns]
    values = np.concatenate([np.zeros(1), *columns, [np.ptp(column) for column in columns]])
    return np.concatenate([np.abs(values), 10.0 ** np.clip(values, -300, 300) if logarithmic else []])


def can_be_read_off(number, values):
    digits = len(number.rstrip("%").partition(".")[2])
    return np.any(np.abs(values - float(number.rstrip("%"))) <= 0.5001 * 10.0**-digits)


def loose(name):
    """Return every number of a notebook for which nothing answers, with its cell."""
    code = [cell for cell in NOTEBOOKS[name] if cell.cell_type == "code"]
    known = literals("\n".join(cell.source for cell in code))
    for cell in NOTEBOOKS[name]:
        if cell.cell_type == "markdown":
            yield from ((number, cell.id) for number in typed(cell.source) if number not in known)
    for i, cell in enumerate(code):
        options = cell.metadata.get("mystnb", {})
        if "figure" not in options:
            continue
        beside = code[max(0, i - BESIDE) : i + BESIDE + 1]
        known = literals("\n".join(chain.from_iterable((near.source, printed(near)) for near in beside)))
        values = drawn(cell.outputs[0].data[FIGURE_DATA], 'scale="log"' in cell.source)
        caption, seen = typed(options["figure"]["caption"]), typed(options["image"]["alt"])
        yield from ((n, f"caption of {cell.id}") for n in caption if n not in known)
        yield from (
            (n, f"picture {cell.id}") for n in seen if n not in known and not can_be_read_off(n, values)
        )


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_no_number_of_a_notebook_is_only_typed(name):
    allowed = ALLOWED.get(name, {})
    assert [found for found in loose(name) if found[0] not in allowed] == []


def test_no_exception_is_out_of_date():
    needed = {name: {number for number, _ in loose(name)} for name in ALLOWED}
    assert {name: set(numbers) for name, numbers in ALLOWED.items()} == needed


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_no_number_is_typed_on_a_page_without_cells(path):
    assert typed(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("The error falls to 0.37, by 12 %, that is $1 - q = 63\\,\\%$.", ["0.37", "12%", "63%"]),
        ("It is 30 times faster, by a factor of 1000, in 2.5 seconds.", ["30", "1000", "2.5"]),
        ("So $\\kappa \\approx 60.8$, or 10 000 times.", ["60.8", "10000"]),
        ("See (1.3), section 2.2.1, Figures 1.2 and 1.3, notebook 8.2, {eq}`a-1.5`.", []),
        ("{glue:text}`x0.5` of `0.5`, [here](a-0.5), version 1.6.0, 30 points.", []),
        ("```python\nx = 0.5\n```\n\n$$\nx = 0.5\n$$ (eq)\n", []),
    ],
)
def test_what_counts_as_typed(text, numbers):
    assert typed(text) == numbers


def test_what_answers_for_a_number():
    assert {"0.15", "15%", "4000", "1e-3", "13.05%"} <= literals("a(0.15, 4_000), 1e-3  13.05%")
    figure = {"axes": [{"drawn": [{"columns": [[1.0, 1.433], [2.0, 2.0]]}]}]}
    assert can_be_read_off("0.43", drawn(figure, False))
    assert not can_be_read_off("0.44", drawn(figure, True))
    assert can_be_read_off("100", drawn(figure, True))
    assert not can_be_read_off("100", drawn(figure, False))
