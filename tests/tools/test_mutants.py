"""The planted faults can be planted, their verdicts are stored, and the chapters that must notice them do."""

import inspect
import os
import shlex
import signal
import subprocess

import pytest
from helpers import wait_until
from nbformat.v4 import new_code_cell, new_output
from notebook_parts import notebook

from lib.book.claims import check
from tools import mutants
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


def test_a_verdict_holds_for_a_fault_wherever_it_lies():
    fault = {"name": "a", "file": "lib/a.py", "old": "x", "new": "y"}
    assert mutants.digest(fault) == mutants.digest(fault | {"file": "lib/room/a.py", "name": "b"})
    others = [{"old": "z"}, {"new": "z"}, {"old": "y", "new": "x"}]
    assert len({mutants.digest(fault | other) for other in [{}, *others]}) == 4


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
    source = "from lib.book.claims import check\n\ncheck('one', 1, 1, atol=0.1)"
    tiny = notebook(new_code_cell(source, id="cell", outputs=[said], execution_count=1))
    (copy / "chapters/tiny.ipynb").write_text(dumps(tiny), encoding="utf-8")
    found = covered_lines("chapters/tiny.ipynb", copy)["lib/book/claims.py"]
    lines, start = inspect.getsourcelines(check)
    assert start + len(lines) - 1 in found


def test_a_fault_with_which_a_module_cannot_be_imported_is_noticed(tmp_path):
    copy = make_copy(tmp_path / "copy")
    with (copy / "lib/optim/schedules.py").open("a", encoding="utf-8") as file:
        file.write("\nraise NameError\n")
    assert mutants.noticed(["lib/optim/schedules.py", "tests/optim/test_schedules.py"], copy)


def test_every_fault_has_a_verdict_and_enough_are_noticed():
    faults = {mutant["name"]: mutant for mutant in read_mutants()}
    stored = mutants.read_results()
    missing = [
        argument
        for name, mutant in faults.items()
        if stored.get(name, {}).get("fault") != mutants.digest(mutant)
        for argument in ("--only", name)
    ]
    assert not missing, f"examine them: .venv/bin/python -m tools.mutants {shlex.join(missing)}"
    verdicts = {name: Verdict(**{key: stored[name][key] for key in Verdict._fields}) for name in faults}
    must = {name: mutant["chapter"] for name, mutant in faults.items() if "chapter" in mutant}
    summary, good = report(verdicts, must)
    assert good, summary


@pytest.fixture
def quick(monkeypatch, tmp_path):
    """Let runs of the tool take no time; return what it examined and the path of what it stores."""
    monkeypatch.setattr(mutants, "RESULTS", tmp_path / "mutants.json")
    monkeypatch.setattr(mutants, "make_copy", lambda target: target)
    monkeypatch.setattr(mutants, "noticed", lambda *_, **__: False)
    names = [mutant["name"] for mutant in read_mutants()[:3]]
    return names, [argument for name in names for argument in ("--only", name)]


def test_verdicts_are_stored_as_they_come_and_others_are_kept(quick, monkeypatch, capsys):
    names, arguments = quick
    slow = names[0]

    def examine(mutant, *_):
        if mutant["name"] == slow:
            wait_until(lambda: len(mutants.read_results()) == 2, "the other two are stored")
        return Verdict(True, None, True)

    monkeypatch.setattr(mutants, "examine", examine)
    assert mutants.main(arguments) == 1, "a chapter sleeps"
    table = [line.split("|") for line in capsys.readouterr().out.splitlines() if "|" in line]
    assert [row[0].strip() for row in table] == ["fault", *names[1:], slow]
    stored = mutants.read_results()
    assert list(stored) == names, "in the order of their file"
    assert stored[slow] == {
        "fault": mutants.digest(read_mutants()[0]),
        "units": True,
        "chapter": None,
        "reached": True,
    }
    monkeypatch.setattr(mutants, "examine", lambda *_: Verdict(False, None, False))
    mutants.main([*arguments[:2], "--skip-chapters"])
    assert mutants.read_results() == stored, "a verdict without the chapters is none"
    mutants.main(arguments[:2])
    again = mutants.read_results()
    assert not again.pop(slow)["units"]
    assert again == {name: stored[name] for name in names[1:]}


def test_ctrl_c_keeps_the_verdicts_that_are_there(quick, monkeypatch, capsys):
    names, arguments = quick

    def examine(mutant, *_):
        if mutant["name"] == names[0]:
            return Verdict(True, "01-gradients", True)
        wait_until(mutants.read_results, "the first verdict is stored")
        os.kill(os.getpid(), signal.SIGINT)
        raise RuntimeError("pytest ended with 2")

    monkeypatch.setattr(mutants, "examine", examine)
    heard = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's & switches it off
    try:
        assert mutants.main(arguments) == 130
    finally:
        signal.signal(signal.SIGINT, heard)
    assert list(mutants.read_results()) == names[:1]
    assert capsys.readouterr().err == "mutants: interrupted; what was finished is stored\n"


def test_a_run_without_end_is_one_line(quick, monkeypatch, capsys):
    def endless(*_):
        raise subprocess.TimeoutExpired(["python", "-m", "tools.refresh"], mutants.PATIENCE)

    monkeypatch.setattr(mutants, "examine", endless)
    assert mutants.main(quick[1]) == 2
    error = capsys.readouterr().err
    command = "['python', '-m', 'tools.refresh']"
    assert error == f"mutants: Command '{command}' timed out after {mutants.PATIENCE} seconds\n"
