"""The planted faults can be planted, and what counts as noticing them."""

import pytest

from tools.mutants import KILLED, SURVIVED, read_mutants, survives
from tools.notebooks import ROOT


@pytest.mark.parametrize("mutant", read_mutants(), ids=lambda mutant: mutant["name"])
def test_a_fault_has_one_place_and_changes_it(mutant):
    assert mutant.keys() - {"chapter"} == {"name", "file", "old", "new"}
    assert (ROOT / mutant["file"]).read_text(encoding="utf-8").count(mutant["old"]) == 1
    assert mutant["new"] != mutant["old"]


def test_no_two_faults_share_a_name():
    names = [mutant["name"] for mutant in read_mutants()]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(
    ("mutant", "unit_tests", "chapters", "expected"),
    [
        ({}, KILLED, SURVIVED, False),
        ({}, SURVIVED, KILLED, True),
        ({"chapter": True}, KILLED, KILLED, False),
        ({"chapter": True}, KILLED, SURVIVED, True),
        ({"chapter": False}, KILLED, SURVIVED, False),
    ],
)
def test_a_fault_survives_what_must_notice_it(mutant, unit_tests, chapters, expected):
    assert survives(mutant, {"unit tests": unit_tests, "chapters": chapters}) is expected
