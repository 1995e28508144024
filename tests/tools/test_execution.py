"""Side by side: what begins when, what is told to kernels, what is said meanwhile, and how it ends."""

import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import resource_tracker
from pathlib import Path

import psutil
import pytest
from nbformat.v4 import new_output
from notebook_parts import executed, notebook

from tools import execution
from tools.execution import Seldom, abandoned, processes, side_by_side
from tools.notebooks import LONGEST, ROOT, dumps, find_all, longest_first

pytest_plugins = "pytester"


def test_the_longest_begin_first_and_the_others_keep_their_order():
    assert set(LONGEST) <= {path.stem for path in find_all()}, "no such notebook"
    paths = [Path("b.ipynb"), *(Path(f"{stem}.ipynb") for stem in reversed(LONGEST)), Path("a.ipynb")]
    assert [path.stem for path in longest_first([*paths, *paths])] == [*LONGEST, "b", "a"]


def test_there_is_room_for_as_much_as_there_are_cores():
    running, most, together = [], [], threading.Lock()

    def run(task):
        name, weight = task
        with together:
            running.append(weight)
            most.append((name, sum(running)))
        time.sleep(0.02)
        with together:
            running.remove(weight)
        return name

    tasks = [("a", 1), ("two", 2), ("b", 1), ("c", 1), ("three", 3)]
    with ThreadPoolExecutor(3) as pool:
        ended = {task: future.result() for task, future in side_by_side(pool, run, tasks, 2, lambda t: t[1])}
    assert ended == {task: task[0] for task in tasks}
    begun = [name for name, _ in most]
    assert begun[:2] == ["a", "b"], "where the next finds no room, one after it may"
    assert begun.index("two") < begun.index("three")
    assert all(total <= 2 for name, total in most if name != "three")
    assert dict(most)["three"] == 3, "what is larger than the room runs alone"


def test_what_is_abandoned_ends_at_once():
    sleep = [sys.executable, "-c", "import time; time.sleep(600)"]
    begun = threading.Event()

    def run(_):
        with subprocess.Popen(sleep) as child:
            begun.set()
        return child.returncode

    with pytest.raises(KeyboardInterrupt), abandoned(ThreadPoolExecutor(1)) as pool:  # noqa: PT012
        first, second = pool.submit(run, 1), pool.submit(run, 2)
        begun.wait()
        raise KeyboardInterrupt
    assert first.result() != 0
    assert second.cancelled()


def test_an_exception_ends_the_processes():
    resource_tracker.ensure_running()  # one for all processes that this one spawns; it stays
    before = set(psutil.Process().children())
    other = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    with pytest.raises(KeyboardInterrupt), processes(2) as pool:  # noqa: PT012
        pool.submit(time.sleep, 600)
        raise KeyboardInterrupt
    left = {child.pid for child in set(psutil.Process().children()) - before}
    alive = other.poll() is None
    other.communicate(b"\n")
    assert (left, alive) == ({other.pid}, True), "what was there before is none of its business"


def test_only_where_many_run_a_sweep_takes_one_process(monkeypatch):
    monkeypatch.delenv("LOKY_MAX_CPU_COUNT", raising=False)
    for workers, expected in [(1, None), (2, "1")]:
        with processes(workers) as pool:
            assert pool.submit(os.getenv, "LOKY_MAX_CPU_COUNT").result() == expected
    monkeypatch.setenv("LOKY_MAX_CPU_COUNT", "3")
    assert execution.environment(many=True) == {"LOKY_MAX_CPU_COUNT": "3"}, "the user's own wins"
    assert "LOKY_MAX_CPU_COUNT" not in execution.environment(many=False)


def test_seldom():
    assert Seldom(0).due()
    assert not Seldom(600).due()


TELLS = "import os; print(os.getenv('LOKY_MAX_CPU_COUNT'))"
SHARES = new_output("stream", text="1\n")
ONE = new_output("execute_result", {"text/plain": "1"}, execution_count=1)


def test_notebooks_run_in_processes_of_their_own_and_say_when_they_are_done(pytester, monkeypatch):
    monkeypatch.delenv("LOKY_MAX_CPU_COUNT", raising=False)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    pytester.makeconftest('pytest_plugins = ["tools.nbval_tolerance", "tools.nbval_side_by_side"]')
    pytester.makepyfile("import os\ndef test_a(): assert 'LOKY_MAX_CPU_COUNT' not in os.environ")
    for name, code, output in [("a", TELLS, SHARES), ("b", "3", ONE), (LONGEST[0], "1", ONE)]:
        (pytester.path / f"{name}.ipynb").write_text(dumps(notebook(executed(code, output))))
    options = ["-n", "1", "--dist", "loadfile", "--no-loadscope-reorder", "-q", "--color=no"]
    result = pytester.runpytest_subprocess("--nbval", "--nbval-current-env", *options)
    lines = [line for line in result.outlines if " of 3)" in line]
    assert [line.rpartition(",")[0] for line in lines] == [
        f"{LONGEST[0]}.ipynb: 1 cells, equal",
        "a.ipynb: 1 cells, equal",
        "b.ipynb: 1 cells, 1 FAILED",
    ]
    result.assert_outcomes(passed=3, failed=1)
