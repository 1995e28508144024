"""Plant faults in the library, one at a time, and report which tests notice.

    python -m tools.mutants [--only NAME]... [--skip-chapters]

The faults are listed in tests/mutants.toml.  Each is planted in a copy of the checkout, never in the
checkout itself.  There the unit tests of each module run, those of bad input everywhere, and the doctests,
and then the chapter that the fault names, if it names one, alone, by its own outputs and checks.  Both must
notice.  The exit code is 1 if a fault survives what must notice it, and 2 if a run tells nothing: tests that
fail without a fault, or that never ran.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

from tools.notebooks import ROOT

SURVIVED, KILLED, NOT_ASKED = "SURVIVED", "killed", "-"


def read_mutants() -> list[dict]:
    """Return the faults in the order of their file."""
    return tomllib.loads((ROOT / "tests/mutants.toml").read_text(encoding="utf-8"))["mutant"]


def copy_checkout(target: Path) -> None:
    """Copy every file that git knows or would add."""
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listing, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    for name in filter(None, names.split("\0")):
        if (ROOT / name).is_file():  # a deleted file is still listed until the deletion is staged
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, target / name)


def run(arguments: list[str], copy: Path) -> subprocess.CompletedProcess:
    """Run Python in the copy, whose `lib` comes before the installed one."""
    # Without bytecode: two faults planted within a second could share one.
    environment = {**os.environ, "PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        [sys.executable, *arguments], cwd=copy, env=environment, capture_output=True, text=True, check=False
    )


def verdict(paths: list[str], copy: Path) -> str:
    """Run pytest on the paths; anything but a clean pass or a failed test is an error."""
    result = run(["-m", "pytest", *paths, "-x", "-q", "-p", "no:cacheprovider"], copy)
    if result.returncode not in (0, 1):
        stop(f"pytest {' '.join(paths)} ended with {result.returncode}:\n{result.stdout}{result.stderr}")
    return KILLED if result.returncode else SURVIVED


def stop(message: str) -> None:
    """Say why the whole run is worth nothing, and end it."""
    print(f"mutants: {message}", file=sys.stderr)
    sys.exit(2)


def plant(mutant: dict, copy: Path) -> str:
    """Replace the old text by the new one, and return the file as it was."""
    path = copy / mutant["file"]
    original = path.read_text(encoding="utf-8")
    if original.count(mutant["old"]) != 1:
        stop(f"{mutant['name']}: its old text occurs {original.count(mutant['old'])} times, not once")
    path.write_text(original.replace(mutant["old"], mutant["new"]), encoding="utf-8")
    return original


def main() -> int:
    """Run the faults that the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m tools.mutants", description=__doc__.splitlines()[0])
    parser.add_argument("--only", metavar="NAME", action="append", help="plant this fault; may be repeated")
    parser.add_argument("--skip-chapters", action="store_true", help="run the unit tests alone")
    options = parser.parse_args()

    mutants = {mutant["name"]: mutant for mutant in read_mutants()}
    names = options.only or mutants
    if unknown := [name for name in names if name not in mutants]:
        stop(f"no fault is named {', '.join(unknown)}; there are: {', '.join(mutants)}")
    chosen = [mutants[name] for name in names]

    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder).resolve()
        copy_checkout(copy)
        imported = run(["-c", "import lib; print(lib.__file__)"], copy).stdout.strip()
        if not Path(imported).is_relative_to(copy):
            stop(f"the tests would import {imported or 'no lib at all'}, not the copy in {copy}")
        subjects = [*(module.stem for module in sorted(copy.glob("lib/[!_]*.py"))), "extremes", "bad_input"]
        units = [*(f"tests/test_{subject}.py" for subject in subjects), "lib"]
        chapters = {
            mutant["name"]: f"chapters/{mutant['chapter']}.ipynb"
            for mutant in chosen
            if "chapter" in mutant and not options.skip_chapters
        }
        for paths in (units, *([path] for path in sorted(set(chapters.values())))):
            if verdict(paths, copy) is not SURVIVED:
                stop(f"{' '.join(paths)} fail without any fault")

        width = max(len(mutant["name"]) for mutant in chosen)
        print(f"{'mutant':{width}} | unit tests | chapter")
        survivors = 0
        for mutant in chosen:
            original = plant(mutant, copy)
            by_tests = verdict(units, copy)
            path = chapters.get(mutant["name"])
            by_chapter = verdict([path], copy) if path else NOT_ASKED
            (copy / mutant["file"]).write_text(original, encoding="utf-8")
            print(f"{mutant['name']:{width}} | {by_tests:10} | {by_chapter}", flush=True)
            survivors += SURVIVED in (by_tests, by_chapter)
    print(f"{len(chosen) - survivors} of {len(chosen)} faults noticed by all that must notice them")
    return int(survivors > 0)


if __name__ == "__main__":
    sys.exit(main())
