"""Numbers that an experiment produced are glued into the prose, never typed.

No test can know where a number comes from. This one asks for less: a decimal, a percentage or a factor that
is typed in the prose of a notebook stands in the code of that notebook too, as a setting or in a check, so
that it cannot go stale alone. What does not is listed here, with the reason. A number in a caption is in the
code, or in the output, of a cell beside the figure; one in an alternative text may also be
read off the picture. And where that text says "56 at width 48", a line of the picture goes through the point.
"""

import re
from itertools import chain

import numpy as np
import pytest

from lib.book.plotting import FIGURE_DATA
from tools.notebooks import ROOT, find_all, loads

EXACT = "the value of a formula that stands beside it"
CITED = "somebody else's number, cited there"
BAND = "the quantiles that lib.book.plotting.band draws"
ALLOWED = {
    "01-gradients": {"0.15": EXACT, "0.85": EXACT, "3.16": EXACT, "80%": BAND},
    "02-initialization": {"1.44": EXACT, "0.5772": "Euler's constant", "90%": BAND},
    "03-decision-theory": {"0.4": EXACT},
    "05-double-descent": {
        "15%": "a setting, the default of lib.experiments.double_descent.Setting",
        **dict.fromkeys(["32%", "68%", "94%", "5.5%"], CITED),
        "0.02": "another convention for the rate",
        "13.5%": EXACT,
        "80%": BAND,
    },
    "06-regularization": {"80%": BAND},
    "06b-data-time-averages": {"0.37": EXACT, "2.72": EXACT, "80%": BAND},
    "errata": {
        **dict.fromkeys(["3.16", "13.6", "0.98", "19.8"], EXACT),
        **dict.fromkeys(["32%", "68%", "94%"], CITED),
    },
    "reproductions": {
        **dict.fromkeys(["2.4", "3.6", "95.4%"], EXACT),
        **dict.fromkeys(["6.11", "6.17", "9.4"], "places in a book"),
        "0.01": "a setting of lib.experiments.published",
        **dict.fromkeys(["32%", "68%", "64.6%", "65.1%", "66.0%"], CITED),
        **dict.fromkeys(["47.7", "50.1%", "54.6", "55.8%", "46.3", "45.9%"], CITED),
        **dict.fromkeys(["94%", "91%", "96%", "56%", "57%", "92.3%", "89.1%", "58.7%", "53.3%"], CITED),
    },
    "speed": dict.fromkeys(["0.01", "0.1", "0.9"], "settings of benchmarks/"),
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


SPACED = r"(?<![\w.])(\d+(?: \d{3})*(?:\.\d+)?)"
POINT = re.compile(
    rf"(?:(about|above) )?{SPACED}(?: per cent)? (at|near|beyond) "
    rf"(?:exactly |about |widths? |step |pass |degree )?{SPACED}(?![\d.]*\w)"
)


def lines(figure, logarithmic):
    """Yield the lines of a figure, as (x, y), also as a logarithmic axis shows them if one is."""
    for part in (part for axes in figure["axes"] for part in axes["drawn"]):
        if part["kind"] == "line" and part["n"] > 2:  # no marks on an axis
            drawn = np.array(part["columns"], dtype=float)
            x, y = drawn[:, np.isfinite(drawn).all(axis=0)]
            x, y = x[np.argsort(x)], y[np.argsort(x)]
            for xs in (x, 10.0 ** np.clip(x, -300, 300))[: 1 + logarithmic]:
                for ys in (y, 10.0 ** np.clip(y, -300, 300))[: 1 + logarithmic]:
                    yield xs, ys


def goes_through(point, figure, logarithmic):
    """Tell whether a line of the figure goes through a point that its description names."""
    roughly, height, where, place = (part.replace(" ", "") for part in point)
    y, x = float(height), float(place)
    digits = len(height.partition(".")[2]) if y < 1000 else len(height.rstrip("0")) - len(height)
    room = (1 if roughly == "about" else 0.5) * 10.0**-digits
    for xs, ys in lines(figure, logarithmic):
        seen = {"at": [x], "near": np.linspace(0.9 * x, 1.1 * x, 41), "beyond": xs[xs >= x]}[where]
        seen = [one for one in seen if xs[0] * 0.999 <= one <= xs[-1] * 1.001]
        heights = np.interp(seen, xs, ys)
        if np.any(heights > y) if roughly == "above" else np.any(np.abs(heights - y) <= 1.0002 * room):
            return True
    return False


DESCRIBED = [
    (point, cell)
    for cells in NOTEBOOKS.values()
    for cell in cells
    if "figure" in cell.metadata.get("mystnb", {})
    for point in POINT.findall(cell.metadata.mystnb.image.alt)
]


@pytest.mark.parametrize(
    ("point", "cell"), DESCRIBED, ids=lambda given: getattr(given, "id", "-".join(given))
)
def test_what_a_description_reads_off_a_line_is_on_it(point, cell):
    assert goes_through(point, cell.outputs[0].data[FIGURE_DATA], logarithmic(cell))


def test_the_points_of_a_description():
    text = "falls to 56 per cent at width 48, is about 0.5 near 30, above 10 at exactly 400, 1 000 beyond 4"
    assert POINT.findall(text) == [
        ("", "56", "at", "48"),
        ("about", "0.5", "near", "30"),
        ("above", "10", "at", "400"),
        ("", "1 000", "beyond", "4"),
    ]
    line = {"kind": "line", "n": 3, "columns": [[1.0, 2.0, 3.0], [56.4, 10.0, 3.0]]}
    figure = {"axes": [{"drawn": [line]}]}
    for point in [
        ("", "56", "at", "1"),
        ("", "33", "at", "1.5"),
        ("", "3", "beyond", "2"),
        ("above", "56", "near", "1"),
    ]:
        assert goes_through(point, figure, False)
    for point in [
        ("", "57", "at", "1"),
        ("", "56", "at", "2"),
        ("", "56", "beyond", "2"),
        ("above", "57", "at", "1"),
    ]:
        assert not goes_through(point, figure, False)
    assert goes_through(("", "1000", "at", "1000"), figure, True)
    assert not goes_through(("", "100", "at", "1000"), figure, True)


def logarithmic(cell):
    """Tell whether a cell, or a helper of chapter 5 that it calls, makes an axis logarithmic."""
    return bool(re.search(r"log|draw_sweep\(", cell.source))


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
        values = drawn(cell.outputs[0].data[FIGURE_DATA], logarithmic(cell))
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
