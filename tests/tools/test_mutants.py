"""The planted faults can be planted, and the chapters that must notice them exist."""

import pytest

from tools.mutants import Verdict, lines_at_risk, read_mutants, report
from tools.notebooks import ROOT, find_all


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
