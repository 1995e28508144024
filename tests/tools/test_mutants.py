"""The planted faults can be planted, and the chapters that must notice them exist."""

import inspect

import pytest
from nbformat.v4 import new_code_cell, new_output
from notebook_parts import notebook

from lib.claims import check
from tools.mutants import Verdict, covered_lines, lines_at_risk, make_copy, read_mutants, report
from tools.notebooks import ROOT, dumps, find_all


@pytest.mark.parametrize("mutant", read_mutants(), ids=lambda mutant: mutant["name"])
def test_a_fault_has_one_place_and_changes_it(mutant):
    assert mutant.keys() - {"chapter"} == {"name", "file", "old", "new"}
    assert (ROOT / mutant["file"]).read_text(encoding="utf-8").count(mutant["old"]) == 1
    assert mutant["new"] != mutant["old"]
    assert mutant.get("chapter", "01-gradients") in {path.stem for path in find_all()}


def test_no_two_faults_share_a_name():
    names = [mutant["name"] for mutant in read_mutants()]
    assert len(set(names)) == len(names)


SOURCE = """\
def f(x):
    \"\"\"Return.\"\"\"
    if x < 0:
        raise ValueError(
            "x"
        )
    return x + 1
"""


@pytest.mark.parametrize(
    ("old", "new", "lines"),
    [
        ("return x + 1", "return x - 1", {7}),
        ("x < 0", "x <= 0", {3, 4, 5, 6}),
        ('"x"\n', '"y"\n', {4, 5, 6}),
        ("        )\n    return x + 1", "        )\n    x += 1\n    return x + 1", {7}),
        ("    if x < 0:\n", "    x = abs(x)\n    if x < 0:\n", {3, 4, 5, 6}),
        (
            '0:\n        raise ValueError(\n            "x"\n        )\n    return x + 1',
            "1: pass",
            {2, 3, 4, 5, 6, 7},
        ),
    ],
)
def test_the_smallest_statement_that_holds_the_change(old, new, lines):
    assert lines_at_risk({"old": old, "new": new}, SOURCE) == lines


def test_the_report_counts_survivors_and_names_a_chapter_that_sleeps():
    found = {f"fault {k}": Verdict(True, None, False) for k in range(18)}
    found |= {"in a chapter": Verdict(False, "01-gradients", True), "nobody": Verdict(False, None, True)}
    text, good = report(found, {"in a chapter": "01-gradients"})
    assert good
    assert text.splitlines() == [
        "19 of 20 faults noticed (95%)",
        "18 by the unit tests",
        "1 by the chapters alone (5%), which run into 2",
        "survived: nobody",
    ]
    text, good = report(found, {"in a chapter": "02-initialization"})
    assert not good
    assert text.endswith("not noticed by 02-initialization, which must: in a chapter")
    del found["fault 0"]
    assert not report(found, {})[1]


def test_the_lines_that_the_kernel_of_a_chapter_runs_are_known(tmp_path):
    copy = make_copy(tmp_path / "copy")
    said = new_output("stream", name="stdout", text="✓ one (to within 0.1)\n")
    source = "from lib.claims import check\n\ncheck('one', 1, 1, atol=0.1)"
    tiny = notebook(new_code_cell(source, id="cell", outputs=[said], execution_count=1))
    (copy / "chapters/tiny.ipynb").write_text(dumps(tiny), encoding="utf-8")
    found = covered_lines("chapters/tiny.ipynb", copy)["lib/claims.py"]
    lines, start = inspect.getsourcelines(check)
    assert start + len(lines) - 1 in found
