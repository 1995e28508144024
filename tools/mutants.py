"""Plant faults in the library, one at a time, and report which tests notice.

    python -m tools.mutants [--only NAME]... [--jobs N] [--skip-chapters]

The faults are listed in tests/mutants.toml.  Each is planted in a copy of the checkout, never in the
checkout itself.  There the unit tests of each module run, with its doctests, and then the chapters, by
their own outputs and checks, until one notices: first the chapter that the fault names, if it names one,
which must notice.  A chapter that never runs the function with the fault in it is passed over: a run without
faults, under coverage, tells, when it is first asked for, which those are.

Each verdict is stored in results/mutants.json as soon as it is there, in place of the one before; with
--skip-chapters nothing is stored.

The exit code is 1 if more than one fault in twenty survives all tests, or if a chapter does not notice what
it must, and 2 if a run tells nothing: tests that fail without a fault, or that never ran.
"""

import argparse
import ast
import hashlib
import json
import os
import queue
import shutil
import subprocess
import sys
import tempfile
import threading
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import NamedTuple

from coverage import CoverageData

from lib.experiments.sweeps import try_to_write_into, write_atomically
from tools import execution
from tools.notebooks import CELL_TIMEOUT, ROOT, find_all

RESULTS = ROOT / "results" / "mutants.json"
ENOUGH = 0.95  # of the faults must be noticed
PATIENCE = CELL_TIMEOUT  # seconds for one run of pytest; a fault may make a loop endless
SURVIVED = "SURVIVED"
SHARED = execution.environment(many=True)  # of a chapter that does not have the machine to itself

# Put beside the copy's `lib`, this is imported by every Python process that starts there.
MEASURE_COVERAGE = "import coverage\n\ncoverage.process_startup()\n"


class Verdict(NamedTuple):
    """Who noticed a fault: the unit tests or not, and the first chapter or none."""

    units: bool
    chapter: str | None
    reached: bool  # a chapter runs the function that holds the fault


def read_mutants() -> list[dict]:
    """Return the faults in the order of their file."""
    return tomllib.loads((ROOT / "tests/mutants.toml").read_text(encoding="utf-8"))["mutant"]


def digest(mutant: dict) -> str:
    """Return a digest of a fault: a verdict holds for no other, wherever in lib the line lies."""
    return hashlib.sha256("\0".join((mutant["old"], mutant["new"])).encode()).hexdigest()[:16]


def read_results() -> dict[str, dict]:
    """Return what is stored, by the name of the fault."""
    return json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}


def store(mutant: dict, found: Verdict) -> None:
    """Put a verdict in its place among those that are stored, and drop those of faults that are gone."""
    results = read_results() | {mutant["name"]: {"fault": digest(mutant), **found._asdict()}}
    names = [name for name in (mutant["name"] for mutant in read_mutants()) if name in results]
    lines = [f"{json.dumps(name)}: {json.dumps(results[name])}" for name in names]
    write_atomically(RESULTS, ("{\n" + ",\n".join(lines) + "\n}\n").encode())


def make_copy(target: Path) -> Path:
    """Copy every file that git knows or would add, and make sure that it is the copy that would be tested."""
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listing, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    for name in filter(None, names.split("\0")):
        if (ROOT / name).is_file():  # a deleted file is still listed until the deletion is staged
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, target / name)
    (target / "sitecustomize.py").write_text(MEASURE_COVERAGE)
    imported = run(["-c", "import lib; print(lib.__file__)"], target).stdout.strip()
    if not Path(imported).is_relative_to(target):
        raise RuntimeError(f"the tests would import {imported or 'no lib at all'}, not the copy in {target}")
    return target


def run(arguments: list[str], copy: Path, **environment: str) -> subprocess.CompletedProcess:
    """Run Python in the copy, whose `lib` comes before the installed one."""
    # Without bytecode: two faults planted within a second could share one.
    environment = {**os.environ, "PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1", **environment}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=copy,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )


def noticed(paths: Iterable[str], copy: Path, **environment: str) -> bool:
    """Run pytest on the paths until a test fails, or time is up; else anything but a pass is an error.

    With -x a module that cannot be imported is a failed test to pytest.
    """
    options = ["-x", "-q", "-p", "no:cacheprovider"]
    try:
        result = run(["-m", "pytest", *paths, *options], copy, **environment)
    except subprocess.TimeoutExpired:
        return True
    if result.returncode not in (0, 1):
        raise RuntimeError(
            f"pytest {' '.join(paths)} ended with {result.returncode}:\n{result.stdout}{result.stderr}"
        )
    return result.returncode == 1


def unit_tests(subject: str) -> list[str]:
    """Return the file of unit tests of a module of `lib`, or of all of it, whatever folder it lies in."""
    return [path.relative_to(ROOT).as_posix() for path in ROOT.glob(f"tests/**/test_{subject}.py")]


@contextmanager
def planted(mutant: dict, copy: Path) -> Iterator[None]:
    """Have the new text in the place of the old one for a while."""
    path = copy / mutant["file"]
    original = path.read_text(encoding="utf-8")
    if original.count(mutant["old"]) != 1:
        raise RuntimeError(
            f"{mutant['name']}: its old text occurs {original.count(mutant['old'])} times, not once"
        )
    path.write_text(original.replace(mutant["old"], mutant["new"]), encoding="utf-8")
    try:
        yield
    finally:
        path.write_text(original, encoding="utf-8")


def lines_at_risk(mutant: dict, source: str) -> set[int]:
    """Return the lines of the smallest statement that holds all that changes.

    Of a function it is the body: its head runs when the module is imported.
    """
    old, new = mutant["old"], mutant["new"]
    same = [a == b for a, b in zip(old, new, strict=False)]
    before = same.index(False) if False in same else len(same)
    same = [a == b for a, b in zip(old[before:][::-1], new[before:][::-1], strict=False)]
    after = same.index(False) if False in same else len(same)
    start = source.index(old)
    first, last = (source.count("\n", 0, start + at) + 1 for at in (before, len(old) - after))
    statements = [
        range(node.body[0].lineno if isinstance(node, ast.FunctionDef) else node.lineno, node.end_lineno + 1)
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.stmt) and node.lineno <= first <= last <= node.end_lineno
    ]
    return set(min(statements, key=len, default=range(1, source.count("\n") + 2)))


def covered_lines(chapter: str, copy: Path) -> dict[str, set[int]]:
    """Run a chapter without a fault; return the lines of each file of `lib` that it, or a worker, ran."""
    data = copy / "coverage" / Path(chapter).stem
    data.parent.mkdir(exist_ok=True)
    settings = data.with_suffix(".ini")
    settings.write_text(
        f"[run]\nparallel = true\nsigterm = true\ndata_file = {data}\nsource = {copy / 'lib'}\n"
    )
    # Not by pytest: nbval kills its kernels, and with them what they have measured.
    path = copy / chapter
    stored = path.read_bytes()
    refresh = ["-m", "tools.refresh", chapter]
    executed = run(refresh, copy, COVERAGE_PROCESS_START=str(settings), **SHARED)
    if executed.returncode:
        raise RuntimeError(f"{chapter} fails without any fault:\n{executed.stderr}")
    if path.read_bytes() != stored:
        path.write_bytes(stored)
        if noticed([chapter], copy, **SHARED):
            raise RuntimeError(f"{chapter} fails without any fault")
    found: dict[str, set[int]] = {}
    for path in data.parent.glob(f"{data.name}.*.*"):
        measured = CoverageData(str(path))
        measured.read()
        for name in measured.measured_files():
            key = Path(name).relative_to(copy).as_posix()
            found.setdefault(key, set()).update(measured.lines(name))
    if not found.get("lib/book/claims.py"):  # which every chapter imports
        raise RuntimeError(f"the kernel of {chapter} left no trace")
    return found


class Chapter:
    """What is found out about a chapter without a fault when it is first asked for, and once."""

    def __init__(self, path: str) -> None:
        self.path, self.stem, self.lock = path, Path(path).stem, threading.Lock()
        self.sound, self.lines = False, None

    def notices(self, fault: AbstractContextManager, copy: Path) -> bool:
        """Tell whether the chapter fails with a fault; without one it passes, or there is no telling."""
        with self.lock:
            if not self.sound and noticed([self.path], copy, **SHARED):
                raise RuntimeError(f"{self.path} fails without any fault")
            self.sound = True
        with fault:
            return noticed([self.path], copy, **SHARED)

    def runs(self, file: str, lines: set[int], copy: Path) -> bool:
        """Tell whether the chapter runs any of these lines of a file."""
        with self.lock:
            if self.lines is None:
                self.lines = covered_lines(self.path, copy)
                self.sound = True
        return bool(lines & self.lines.get(file, set()))


def examine(mutant: dict, units: list[str], chapters: list[Chapter], copy: Path) -> Verdict:
    """Plant a fault, see who notices, and take it out again.

    The chapter that must notice is asked first; which lines the others run matters only if it does not.
    """
    source = (copy / mutant["file"]).read_text(encoding="utf-8")
    own = [mutant["file"], *unit_tests(Path(mutant["file"]).stem)]
    others = [path for path in units if path not in own]
    with planted(mutant, copy):
        by_units = noticed(own, copy) or noticed(others, copy)
    named = [chapter for chapter in chapters if chapter.stem == mutant.get("chapter")]
    for chapter in named:
        if chapter.notices(planted(mutant, copy), copy):
            return Verdict(by_units, chapter.stem, True)
    at_risk = lines_at_risk(mutant, source)
    reached = [chapter for chapter in chapters if chapter.runs(mutant["file"], at_risk, copy)]
    for chapter in reached:
        if chapter not in named and chapter.notices(planted(mutant, copy), copy):
            return Verdict(by_units, chapter.stem, True)
    return Verdict(by_units, None, bool(reached))


def report(verdicts: dict[str, Verdict], must: dict[str, str]) -> tuple[str, bool]:
    """Return the summary of a run, and whether it is good enough; `must` has who must notice which fault."""
    total = len(verdicts)
    survivors = [name for name, found in verdicts.items() if not found.units and not found.chapter]
    by_units = sum(found.units for found in verdicts.values())
    by_chapters = sum(found.chapter is not None for found in verdicts.values())
    reached = sum(found.reached for found in verdicts.values())
    overlooked = {name: chapter for name, chapter in must.items() if verdicts[name].chapter != chapter}
    share = f"{by_chapters} by the chapters alone ({by_chapters / total:.0%}), which run into {reached}"
    lines = [
        f"{total - len(survivors)} of {total} faults noticed ({1 - len(survivors) / total:.0%})",
        f"{by_units} by the unit tests",
        *([share] if reached else []),
        *(f"survived: {name}" for name in survivors),
        *(f"not noticed by {chapter}, which must: {name}" for name, chapter in overlooked.items()),
    ]
    return "\n".join(lines), total - len(survivors) >= ENOUGH * total and not overlooked


def examine_all(mutants: dict[str, dict], jobs: int, skip_chapters: bool) -> dict[str, Verdict]:
    """Examine faults, some at a time, each in a copy of its own; print and store each verdict as it comes."""
    verdicts = {}
    with tempfile.TemporaryDirectory() as folder, execution.abandoned(ThreadPoolExecutor(jobs)) as pool:
        copies: queue.SimpleQueue[Path] = queue.SimpleQueue()
        for number in range(jobs):
            copies.put(make_copy(Path(folder).resolve() / str(number)))

        def start(task: tuple):
            function, *arguments = task
            copy = copies.get()
            try:
                return function(*arguments, copy)
            finally:
                copies.put(copy)

        def results(tasks: Iterable[tuple]):
            ended = execution.side_by_side(pool, start, tasks, jobs)
            return ((task, future.result()) for task, future in ended)

        modules = [path.stem for path in sorted(ROOT.glob("lib/**/*.py")) if path.stem != "__init__"]
        subjects = [*modules, "extremes", "bad_input"]
        units = [*(path for subject in subjects for path in unit_tests(subject)), "lib"]
        paths = [path for path in find_all() if path.parent.name == "chapters" and not skip_chapters]
        chapters = [Chapter(f"chapters/{path.name}") for path in paths]
        ((_, unsound),) = results([(noticed, units)])
        if unsound:
            raise RuntimeError(f"the unit tests fail without any fault, or take more than {PATIENCE} s")
        width = max(map(len, mutants))
        print(f"{'fault':{width}} | unit tests | chapter")
        for (_, mutant, *_), found in results((examine, m, units, chapters) for m in mutants.values()):
            name = mutant["name"]
            verdicts[name] = found
            if not skip_chapters:
                store(mutant, found)
            chapter = found.chapter or (SURVIVED if found.reached else "-")
            print(f"{name:{width}} | {'noticed' if found.units else SURVIVED:10} | {chapter}", flush=True)
    return {name: verdicts[name] for name in mutants}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the faults that the command line asks for; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tools.mutants", description=__doc__.splitlines()[0])
    parser.add_argument("--only", metavar="NAME", action="append", help="plant this fault; may be repeated")
    jobs = {"type": int, "default": execution.cores(), "help": "faults at a time (%(default)s)"}
    parser.add_argument("--jobs", metavar="N", **jobs)
    parser.add_argument("--skip-chapters", action="store_true", help="run the unit tests alone")
    options = parser.parse_args(arguments)
    if options.jobs < 1:
        parser.error(f"--jobs must be at least 1, got {options.jobs}")

    mutants = {mutant["name"]: mutant for mutant in read_mutants()}
    names = options.only or list(mutants)
    if unknown := [name for name in names if name not in mutants]:
        parser.error(f"no fault is named {', '.join(unknown)}; there are: {', '.join(mutants)}")
    chosen = {name: mutants[name] for name in names}
    must = {} if options.skip_chapters else {n: m["chapter"] for n, m in chosen.items() if "chapter" in m}
    try:
        if not options.skip_chapters:
            try_to_write_into(RESULTS.parent)
        text, good = report(examine_all(chosen, options.jobs, options.skip_chapters), must)
    except (RuntimeError, OSError, subprocess.SubprocessError) as error:  # a full disk, no git, no end
        print(f"mutants: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        kept = "" if options.skip_chapters else "; what was finished is stored"
        print(f"mutants: interrupted{kept}", file=sys.stderr)
        return 130
    print(text)
    return int(not good)


if __name__ == "__main__":
    sys.exit(main())
