"""Run every notebook on other kernels, numbers of threads and versions, and store what became of its cells.

    python -m tools.matrix                                 the whole matrix; about an hour
    python -m tools.matrix --only nehalem-1                one configuration; may be repeated
    python -m tools.matrix chapters/01-gradients.ipynb     these notebooks in every configuration

What is found goes into results/matrix.json, in place of what was there for the same notebooks in the same
configurations; then appendix/reproducibility.ipynb, which draws it, is refreshed.  The exit code is 1 unless
every cell of every run agrees with what the notebook stores.  A kernel that the processor lacks cannot run,
and is reported so.

The environments of other versions are made in _build/matrix, and used again while they fit.  Where matplotlib
is not the pinned one, figures are compared by their data alone: other versions set letters otherwise.

Every notebook runs in a pytest of its own, in every configuration, as many at a time as there are cores; one
that is given two threads counts as two.
"""

import argparse
import ast
import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from nbformat import NotebookNode

from benchmarks.machine import FORCED_KERNEL
from lib.experiments.sweeps import write_atomically
from tools import execution, notebooks
from tools.nbval_tolerance import widest
from tools.notebooks import ROOT

RESULTS = ROOT / "results" / "matrix.json"
PAGE = ROOT / "appendix" / "reproducibility.ipynb"
BUILD = ROOT / "_build" / "matrix"
VARIED = ("numpy", "matplotlib")  # the packages whose versions are varied


class Configuration(NamedTuple):
    """What a run of the notebooks is asked to use."""

    name: str
    kernel: str
    threads: int = 1
    vectors: bool = True  # False: NumPy's own loops without the processor's AVX
    versions: str = "pinned"  # or the newest or oldest that pyproject.toml admits


CONFIGURATIONS = (
    *(
        Configuration(f"{kernel.lower()}-{threads}", kernel, threads)
        for kernel in ("Haswell", "Sandybridge", "Nehalem")
        for threads in (1, 2)
    ),
    Configuration("skylakex-1", "SkylakeX"),
    Configuration("plain-1", "Nehalem", vectors=False),
    Configuration("newest", "Haswell", versions="newest"),
    Configuration("oldest", "Haswell", versions="oldest"),
)

# What a run has in fact, asked in its own environment.  The product shows whether the kernel can run here.
PROBE = """
import json, sys
import matplotlib, numpy as np
from benchmarks.machine import kernel, openblas
np.ones((64, 64)) @ np.ones((64, 64))
vectors = np.show_config(mode="dicts")["SIMD Extensions"].get("found", [])
json.dump({"kernel": kernel(), "threads": openblas().get("num_threads"), "vectors": vectors,
           "numpy": np.__version__, "matplotlib": matplotlib.__version__}, sys.stdout)
"""


def read(name: str) -> str:
    """Return the content of a file of the checkout."""
    return (ROOT / name).read_text(encoding="utf-8")


def pinned(package: str) -> str:
    """Return the version of a package that requirements.txt pins."""
    return re.search(rf"^{package}==(.+)$", read("requirements.txt"), re.M)[1]


def lower_bound(package: str) -> str:
    """Return the oldest version of a package that pyproject.toml admits."""
    dependencies = tomllib.loads(read("pyproject.toml"))["project"]["dependencies"]
    (bound,) = (d.removeprefix(f"{package}>=") for d in dependencies if d.startswith(f"{package}>="))
    return bound


def overridden(text: str, versions: str) -> str:
    """Return requirements in which the varied packages have their lower bound for a pin, or no pin."""
    lines = []
    for line in text.splitlines():
        package = line.partition("==")[0]
        if package not in VARIED:
            lines.append(line)
        elif versions == "oldest":
            lines.append(f"{package}=={lower_bound(package)}")
        else:  # the newest that -e . and all others admit
            lines.append(package)
    return "\n".join(lines) + "\n"


def install(versions: str) -> Path:
    """Return the Python of an environment with these versions, and make or mend that first."""
    if versions == "pinned":
        return Path(sys.executable)
    folder = BUILD / versions
    python, stamp = folder / "bin" / "python", folder / ".installed"
    requirements = overridden(read("requirements.txt"), versions)
    constraints = re.sub(rf"^({'|'.join(VARIED)})==.*\n", "", read("constraints.txt"), flags=re.M)
    wanted = "".join((sys.version, requirements, constraints, read("pyproject.toml")))
    fits = stamp.exists() and stamp.read_text("utf-8") == wanted
    if fits and versions == "oldest":
        return python
    print(f"installing the {versions} {' and '.join(VARIED)} into {folder.relative_to(ROOT)}", flush=True)
    if not fits:
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
    stamp.unlink(missing_ok=True)  # it is made last: an interrupted installation does not count
    (folder / "requirements.txt").write_text(requirements, "utf-8")
    (folder / "constraints.txt").write_text(constraints, "utf-8")
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--upgrade"]
    own = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    subprocess.run([*pip, "-r", folder / "requirements.txt"], cwd=ROOT, env=own, check=True)
    stamp.write_text(wanted, "utf-8")
    return python


def environment(configuration: Configuration) -> dict[str, str]:
    """Return the variables of a run; nothing that the user set may choose another kernel."""
    own = {name: value for name, value in os.environ.items() if name not in FORCED_KERNEL}
    own |= {
        "OPENBLAS_CORETYPE": configuration.kernel,
        "OPENBLAS_NUM_THREADS": str(configuration.threads),
        "OMP_NUM_THREADS": str(configuration.threads),
        "PYTHONPATH": str(ROOT),
    }
    own.pop("NPY_DISABLE_CPU_FEATURES", None)
    return own


def probe(python: Path, variables: dict[str, str]) -> dict | None:
    """Return what a run in this environment has, or None if the processor cannot run its kernel."""
    command = [python, "-c", PROBE]
    run = subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True, check=False)
    if run.returncode < 0:  # a signal: an illegal instruction
        return None
    if run.returncode:
        raise RuntimeError(f"cannot ask {python} for its kernel:\n{run.stderr}")
    return json.loads(run.stdout)


def prepare(configuration: Configuration, python: Path) -> tuple[dict, dict[str, str]]:
    """Return what a configuration has in fact, and the variables of its runs.

    Raises
    ------
    RuntimeError
        If it has not what is asked, though the processor could run it.
    """
    variables = environment(configuration)
    found = probe(python, variables)
    if found and not configuration.vectors:
        variables["NPY_DISABLE_CPU_FEATURES"] = " ".join(found["vectors"])
        found = probe(python, variables)
    if found is None or found["kernel"] != configuration.kernel:
        return {"lacking": True}, variables
    if found["threads"] != configuration.threads or (found["vectors"] and not configuration.vectors):
        raise RuntimeError(f"{configuration.name} has {found['threads']} threads and {found['vectors']}")
    found["vectors"] = configuration.vectors  # which ones is a matter of the machine
    found["figures"] = "pixels" if found["matplotlib"] == pinned("matplotlib") else "data"
    return found, variables


def run(name: str, python: Path, variables: dict[str, str], figures: str, path: str) -> dict:
    """Run a notebook in the configuration of this name; return what became of its cells."""
    report, log = (BUILD / name / f"{Path(path).stem}.{kind}" for kind in ("json", "log"))
    report.parent.mkdir(parents=True, exist_ok=True)
    report.unlink(missing_ok=True)
    # What the process that compares is warned of is none of the notebooks' business; their own warnings are.
    options = ["-q", "-p", "no:cacheprovider", "-W", "ignore", f"--nbval-figures={figures}"]
    command = [python, "-m", "tools.tied", str(os.getpid()), "pytest", *options]
    command += [f"--nbval-report={report}", path]
    now = digest(ROOT / path)  # it may be edited meanwhile
    with log.open("w", encoding="utf-8") as output:
        pytest = subprocess.run(command, cwd=ROOT, env=variables, stdout=output, stderr=output, check=False)
    if pytest.returncode not in (0, 1) or not report.exists():
        raise RuntimeError(f"pytest ended with {pytest.returncode}; see {log.relative_to(ROOT)}")
    return {"digest": now, **json.loads(report.read_text("utf-8"))[path]}


def cells(path: Path) -> list[NotebookNode]:
    """Return the cells of a notebook that are compared."""
    book = notebooks.loads(path.read_text(encoding="utf-8"))
    return [cell for cell in book.cells if cell.cell_type == "code" and cell.source.strip()]


def digest(path: Path) -> str:
    """Return a digest of these cells and of the text that they give: what was found holds for no others.

    A change of lib that is seen in no text is not seen here, nor is whence in lib a cell imports.  Figures do
    not count, whose data have digits that another machine would not store, nor does what `PAGE` draws from
    the results.
    """
    texts = []
    for cell in cells(path):
        texts.append(without_imports(cell.source))
        texts += [text for output in cell.outputs for text in printed(output) if path != PAGE]
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:16]


def without_imports(source: str) -> str:
    """Return the code of a cell without its imports from lib and without empty lines.

    Comments stay: they declare tolerances.
    """
    rest = source
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom):
            modules = [node.module or ""]
        elif isinstance(node, ast.Import):
            modules = [name.name for name in node.names]
        else:
            continue
        if all(module.partition(".")[0] == "lib" for module in modules):
            rest = rest.replace(ast.get_source_segment(source, node), "", 1)
    return "\n".join(line for line in rest.splitlines() if line.strip())


def printed(output: NotebookNode) -> list[str]:
    """Return the text of an output: what is printed, shown as a table, or glued."""
    if output.output_type == "stream":
        return [output.text]
    return [text for kind, text in sorted(output.get("data", {}).items()) if "text/" in kind]


def failed_in(entry: dict, path: str) -> bool:
    """Tell whether a run of a notebook left a cell that did not agree."""
    return not entry["compared"] == entry["passed"] == len(cells(ROOT / path)) or bool(entry["failed"])


def merged(stored: dict, new: dict[str, dict], book: Iterable[str]) -> dict:
    """Return the stored results with new ones in their places, in order, and without what is gone.

    What was found on another kernel, or with other versions, does not count any more.
    """
    result = {}
    for name in (configuration.name for configuration in CONFIGURATIONS):
        old, now = stored.get(name), new.get(name)
        if old is None and now is None:
            continue
        head = {key: value for key, value in (now or old).items() if key != "notebooks"}
        kept = old and {key: value for key, value in old.items() if key != "notebooks"} == head
        found = {**(old["notebooks"] if kept else {}), **(now["notebooks"] if now else {})}
        result[name] = {**head, "notebooks": {path: found[path] for path in book if path in found}}
    return result


def total(found: dict) -> dict:
    """Return what became of the cells of all notebooks of one configuration together."""
    entries = list(found["notebooks"].values())
    together = {key: sum(entry[key] for entry in entries) for key in ("compared", "passed", "declaring")}
    together |= {key: max((entry[key] for entry in entries), default=0) for key in ("pixels", "data")}
    together["failed"] = sum(len(entry["failed"]) for entry in entries)
    together["widest"] = widest([entry["widest"] for entry in entries])
    return together


def summary(results: dict[str, dict]) -> list[list[str]]:
    """Return the table of results: a row of text for each configuration, under a head."""
    head = ["configuration", "kernel", "threads", "NumPy", "matplotlib", "cells", "passed", "failed"]
    rows = [[*head, "grey levels off", "figures' data off", "tolerances"]]
    for name, found in results.items():
        if found.get("lacking"):
            rows.append([name, "not on this processor", *[""] * (len(rows[0]) - 2)])
            continue
        all_ = total(found)
        kernel = found["kernel"] + ("" if found["vectors"] else ", no AVX in NumPy")
        row = [name, kernel, *(found[key] for key in ("threads", "numpy", "matplotlib"))]
        row += [all_[key] for key in ("compared", "passed", "failed")]
        row += [all_["pixels"] if found["figures"] == "pixels" else "not compared", all_["data"]]
        ceilings = [f"{kind} {value:g}" for kind, value in all_["widest"].items()]
        rows.append([*row, ", ".join([str(all_["declaring"]), *ceilings])])
    return [[str(entry) for entry in row] for row in rows]


def print_table(rows: list[list[str]]) -> None:
    """Print rows in columns."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print(" | ".join(f"{entry:{width}}" for entry, width in zip(row, widths, strict=True)).rstrip())


def read_results() -> dict[str, dict]:
    """Return what is stored, by configuration."""
    return json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}


def dumps(results: dict[str, dict]) -> str:
    """Return what is stored as a file: a line for each notebook in each configuration."""
    blocks = []
    for name, found in results.items():
        head = json.dumps({key: value for key, value in found.items() if key != "notebooks"})
        lines = [f"{json.dumps(path)}: {json.dumps(entry)}" for path, entry in found["notebooks"].items()]
        blocks.append(f'{json.dumps(name)}: {head[:-1]}, "notebooks": {{\n' + ",\n".join(lines) + "\n}}")
    return "{\n" + ",\n".join(blocks) + "\n}\n"


def draw_page() -> bool:
    """Execute the page that draws what is stored, so that the two agree; tell whether it could be."""
    command = [sys.executable, "-m", "tools.refresh", PAGE]
    return subprocess.run(command, cwd=ROOT, check=False).returncode == 0


def run_all(
    chosen: Sequence[Configuration], pythons: dict[str, Path], paths: Sequence[str], jobs: int
) -> tuple[dict[str, dict], int]:
    """Run notebooks in configurations; return what was found, and 1 if a run broke or 130 after Ctrl-C.

    What is finished by then is kept, and no run survives.
    """
    new: dict[str, dict] = {}
    variables, status = {}, 0
    for configuration in chosen:
        try:
            found, variables[configuration] = prepare(configuration, pythons[configuration.versions])
            new[configuration.name] = {**found, "notebooks": {}}
        except (RuntimeError, OSError) as error:
            status = 1
            print(f"matrix: {configuration.name}: {error}", file=sys.stderr)
    able = [c for c in chosen if not new.get(c.name, {"lacking": True}).get("lacking")]
    longest = notebooks.longest_first(map(Path, paths))
    tasks = [(configuration, path.as_posix()) for path in longest for configuration in able]

    def start(task: tuple[Configuration, str]) -> dict:
        configuration, path = task
        shared = execution.environment(configuration.threads < jobs and len(tasks) > 1)
        figures = new[configuration.name]["figures"]
        python = pythons[configuration.versions]
        return run(configuration.name, python, variables[configuration] | shared, figures, path)

    try:
        with execution.abandoned(ThreadPoolExecutor(jobs)) as pool:
            ended = execution.side_by_side(pool, start, tasks, jobs, lambda task: task[0].threads)
            for number, ((configuration, path), future) in enumerate(ended, 1):
                where = f"{configuration.name}: {path}"
                try:
                    entry = new[configuration.name]["notebooks"][path] = future.result()
                    cells = f"{entry['passed']} of {entry['compared']} cells agree"
                    print(f"{where}: {cells} ({number} of {len(tasks)})", flush=True)
                except (RuntimeError, OSError) as error:
                    status = 1
                    print(f"matrix: {where}: {error}", file=sys.stderr)
    except KeyboardInterrupt:
        status = 130
        print("matrix: interrupted; what was finished is kept", file=sys.stderr)
    return {name: found for name, found in new.items() if found["notebooks"] or "lacking" in found}, status


def parsed(
    arguments: Sequence[str] | None, book: Sequence[str]
) -> tuple[list[Configuration], list[str], int]:
    """Return the configurations, the notebooks and the number of jobs that the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m tools.matrix", description=__doc__.splitlines()[0])
    names = [configuration.name for configuration in CONFIGURATIONS]
    parser.add_argument("notebooks", nargs="*", type=Path, help="notebooks (default: all of the book)")
    only = f"one of {', '.join(names)}"
    parser.add_argument("--only", metavar="NAME", action="append", choices=names, help=only)
    parser.add_argument("--jobs", type=int, default=execution.cores(), help="cores to use (%(default)s)")
    options = parser.parse_args(arguments)
    paths = [os.path.relpath(path.resolve(), ROOT) for path in options.notebooks] or list(book)
    if unknown := [path for path in paths if path not in book]:
        parser.error(f"no notebook of the book: {', '.join(unknown)}")
    if options.jobs < 1:
        parser.error(f"--jobs must be at least 1, got {options.jobs}")
    return [c for c in CONFIGURATIONS if c.name in (options.only or names)], paths, options.jobs


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the part of the matrix that the command line asks for; return the exit code."""
    book = [path.relative_to(ROOT).as_posix() for path in notebooks.find_all()]
    chosen, paths, jobs = parsed(arguments, book)
    try:
        pythons = {versions: install(versions) for versions in dict.fromkeys(c.versions for c in chosen)}
    except subprocess.CalledProcessError as error:
        print(f"matrix: the installation failed: {' '.join(map(str, error.cmd))}", file=sys.stderr)
        return 2
    new, status = run_all(chosen, pythons, paths, jobs)
    if new:  # not before: the page that draws the results is among the notebooks
        results = merged(read_results(), new, book)
        write_atomically(RESULTS, dumps(results).encode())
        drawn = draw_page()
        status = status or int(not drawn)
        print_table(summary({name: found for name, found in results.items() if name in new}))
    for name, found in new.items():
        for path, entry in found["notebooks"].items():
            status = status or int(failed_in(entry, path))
            for cell, problem in entry["failed"].items():
                print(f"{name}: {path}, {cell}: {problem}")
    return status


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C
    sys.exit(main())
