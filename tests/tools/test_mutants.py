"""The planted faults can be planted, and the chapters that must notice them exist."""

import pytest

from tools.mutants import read_mutants
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
