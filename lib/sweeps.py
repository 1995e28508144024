"""Sweeps: one function, many settings, on all processors of a machine or of many, and nothing is lost.

The settings are independent, so they may run anywhere and in any order.  Every run has one BLAS thread, so
that its result does not depend on how many run beside it.  With a cache folder each result is on the disk as
soon as it is there; the sweep that was interrupted goes on where it stopped.

From the shell::

    python -m lib.sweeps double-descent --help
"""

import argparse
import ast
import functools
import hashlib
import inspect
import json
import os
import pickle
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import BrokenExecutor, Executor, as_completed
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import joblib
import numpy as np
from joblib.externals.loky import ProcessPoolExecutor
from joblib.parallel import get_active_backend
from numpy.typing import NDArray
from tqdm import tqdm  # not tqdm.auto: in notebooks its bar ignores TQDM_DISABLE

from lib.checks import count
from lib.double_descent import Setting, checked, n_parameters, train

# Read by OpenBLAS, OpenMP, MKL and Apple's library when a worker loads NumPy.
ONE_THREAD = dict.fromkeys(
    ["OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"], "1"
)
LIB = Path(__file__).resolve().parent
_MISSING = object()


class SweepError(RuntimeError):
    """Some settings failed.  `results` holds those of the others, in order, and None where there is none."""

    def __init__(self, message: str, results: list):
        super().__init__(message)
        self.results = results


def dependencies(function: Callable) -> tuple[str, ...]:
    """Names of the modules of `lib` that a function's module imports, directly or through others.

    Parameters
    ----------
    function
        Any function.

    Returns
    -------
    tuple of str
        Names of files of `lib`, with its own if it is there; all of them if no file defines the function.

    Examples
    --------
    >>> from lib.claims import check
    >>> dependencies(check)
    ('__init__', 'checks', 'claims')
    """
    sources = {path.stem: path for path in LIB.glob("*.py")}
    start = _source(function)
    if start is None:
        return tuple(sorted(sources))
    found = {"__init__", *(name for name, path in sources.items() if path == start)}
    unread = [start]
    while unread:
        new = _imports(unread.pop().read_bytes()) & sources.keys() - found
        found |= new
        unread += [sources[name] for name in new]
    return tuple(sorted(found))


def _imports(source: bytes) -> set[str]:
    """Return the names that a source imports from `lib`."""
    names = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names += [f"{node.module}.{alias.name}" for alias in node.names]
    return {name.split(".")[1] for name in names if name.startswith("lib.")}


def _source(function: Callable) -> Path | None:
    """Return the file that defines a function, if there is one."""
    path = Path(inspect.getsourcefile(function) or "") if inspect.isfunction(function) else Path()
    return path.resolve() if path.is_file() else None


def fingerprint(modules: tuple[str, ...]) -> str:
    """Digest of what results depend on besides settings: sources of `lib`, and NumPy's version.

    Parameters
    ----------
    modules
        Names of modules of `lib`.

    Returns
    -------
    str
        32 hexadecimal digits.
    """
    return joblib.hash((np.__version__, [(name, (LIB / f"{name}.py").read_bytes()) for name in modules]))


def sweep(
    function: Callable,
    settings: Iterable,
    *,
    jobs: int | None = None,
    cache: str | Path | None = None,
    progress: str | None = None,
) -> list:
    """Return [function(setting) for setting in settings], computed in parallel.

    Parameters
    ----------
    function
        Decides its result by the setting alone: no state, no global randomness.
    settings
        Whatever the function takes, one run each.  They travel to other processes by pickle.
    jobs
        Number of processes on this machine; without it one for each processor.  On a Dask cluster, within
        ``joblib.parallel_config(backend="dask")``, the cluster decides.
    cache
        Folder in which results are kept, and looked for; it is made if need be.  Results are pickles: use no
        folder to which people write whom you do not trust.
    progress
        Label of a progress bar; none without it.

    Returns
    -------
    list
        The results in the order of the settings, the same to the last bit whatever the number of processes.

    Raises
    ------
    ValueError
        If jobs is no positive whole number; or, with a cache, if no module defines the function:
        what a file does not hold cannot be seen to change.
    SweepError
        If settings failed; the message says which and why.  The others are finished, and kept.  A process of
        this machine that is killed takes all settings with it that are not finished.

    Warns
    -----
    UserWarning
        If an entry of the cache is damaged.  It is computed again.

    Notes
    -----
    A result is reused if the setting, NumPy's version, the function's own module and what that imports from
    `lib` are what they were.  What else the function may call is not looked at.

    Examples
    --------
    >>> sweep(np.sqrt, [4.0, 9.0], jobs=1)
    [np.float64(2.0), np.float64(3.0)]
    """
    settings = list(settings)
    results = [_MISSING] * len(settings)
    modules = dependencies(function)
    code = fingerprint(modules)
    if cache is not None:
        entries = [_entry(Path(cache), function, code, setting) for setting in settings]
        for i, entry in enumerate(entries):
            results[i] = _read(entry)
    missing = [i for i, result in enumerate(results) if result is _MISSING]
    failures = {}
    with _bar(progress, len(settings), len(settings) - len(missing)) as bar, _executor(jobs) as executor:
        index = {executor.submit(_run, function, settings[i], modules, code): i for i in missing}
        for future in as_completed(index):
            i = index[future]
            try:
                results[i] = future.result()
            except BrokenExecutor as error:
                # Every setting that was not finished breaks with it; which one is to blame is not known.
                failures[i] = f"a process ended early: {str(error).strip().splitlines()[0]}"
            except Exception as error:
                failures[i] = f"{settings[i]}: {type(error).__name__}: {error}"
            else:
                if cache is not None:
                    _write(entries[i], results[i])
            bar.update()
    if failures:
        reasons = dict.fromkeys(failures[i] for i in sorted(failures))
        message = "\n".join([f"{len(failures)} of {len(settings)} settings failed", *reasons])
        raise SweepError(message, [None if result is _MISSING else result for result in results])
    return results


# What a worker has imported, which is not what somebody writes into the files later.
_imported = functools.cache(fingerprint)


def _run(function: Callable, setting: object, modules: tuple[str, ...], code: str) -> object:
    """Call the function, in a worker, if the worker has the code that the sweep was started with."""
    if _imported(modules) != code:
        raise RuntimeError(
            "the worker's lib or NumPy is not that of the sweep: bring it up to date, restart it"
        )
    return function(setting)


def end_with(parent: int) -> None:
    """End this process soon after its parent is gone: nobody would take the results.

    Parameters
    ----------
    parent
        Number of the process.
    """

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


@contextmanager
def _executor(jobs: int | None) -> Iterator[Executor]:
    """Yield what runs the calls: processes of this machine, or the Dask cluster that joblib was told of."""
    jobs = joblib.cpu_count() if jobs is None else count("jobs", jobs)
    backend, _ = get_active_backend()
    # Not joblib.Parallel: on Dask (joblib 1.6.0) it waits for ever for a call that Dask gives up, because it
    # took four workers with it, for want of memory say, or because a worker lacks one of its modules.
    if hasattr(backend, "client"):
        executor, stop = backend.client.get_executor(pure=False), {"wait": False}
    else:
        executor = ProcessPoolExecutor(jobs, env=ONE_THREAD, initializer=end_with, initargs=(os.getpid(),))
        stop = {"kill_workers": True}
    try:
        yield executor
    except BaseException:
        executor.shutdown(**stop)
        raise
    executor.shutdown()


def _bar(label: str | None, total: int, done: int) -> tqdm:
    return tqdm(disable=True) if label is None else tqdm(desc=label, total=total, initial=done)


# --- The cache: one file for each result ---


def _entry(folder: Path, function: Callable, code: str, setting: object) -> Path:
    """Return the path of a result, whose name is the digest of all that decides it."""
    source = _source(function)
    if source is None or "<locals>" in function.__qualname__:
        raise ValueError(f"function must be defined by a module if results are kept, but it is {function}")
    decisive = code, source.read_bytes(), function.__qualname__, setting
    return folder / f"{function.__name__}-{joblib.hash(decisive)}"


def _write(entry: Path, result: object) -> None:
    """Keep a result, behind the digest of its name and its bytes."""
    payload = pickle.dumps(result)
    entry.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(entry, _digest(entry, payload) + payload)


def _read(entry: Path) -> object:
    """Return the result that is kept, or _MISSING if there is none, or one that cannot be believed."""
    try:
        content = entry.read_bytes()
    except FileNotFoundError:
        return _MISSING
    digest, payload = content[:32], content[32:]
    if digest != _digest(entry, payload):
        warnings.warn(f"{entry} is damaged, or not its own: it is computed again", stacklevel=3)
        return _MISSING
    return pickle.loads(payload)


def _digest(entry: Path, payload: bytes) -> bytes:
    return hashlib.sha256(entry.name.encode() + payload).digest()


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file so that, whatever happens, its name stands for all of the content or for what was there.

    Parameters
    ----------
    path
        The file; its folder must exist.
    content
        What it will hold.

    Raises
    ------
    OSError
        If that fails; the message names the file and the reason.
    """
    part = path.with_name(f".{path.name}.{uuid4().hex}")
    try:
        with part.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        raise OSError(f"cannot write {path}: {error.strerror}") from None
    finally:
        part.unlink(missing_ok=True)


# --- The experiment from the shell ---

UDL_WIDTHS = (2, 4, 6, 8, 10, 14, 18, 22, 26, 30, 35, 40, 45, 50, 55, 60, 70, 80, 90, 100)
UDL_WIDTHS += (120, 140, 160, 180, 200, 250, 300, 400)
# The published experiment, where it differs from the defaults of `Setting`.
UDL = {"epochs": 1000, "alpha": 0.1}
HELP = {
    "width": "units in each of the two hidden layers",
    "members": "networks of each width, trained in one pass",
    "n_train": "examples to train on",
    "n_test": "examples to test on",
    "label_noise": "share of the training examples with a wrong class",
    "epochs": "passes through the training examples",
    "batch_size": "examples in a step",
    "alpha": "learning rate; Polyak's is alpha (1 - beta)",
    "beta": "memory of the momentum",
    "dtype": "float64 or float32",
    "every": "epochs between two records; without it only the start and the end are kept",
    "seed": "decides first weights, orders and which labels are wrong",
    "data_seed": "decides the examples",
}


def main(arguments: list[str] | None = None) -> int:
    """Run the double-descent experiment from the shell.

    Parameters
    ----------
    arguments
        Of the command line; without them those of this process.

    Returns
    -------
    int
        Exit code: 0, or 1 if a width failed or a file cannot be written, or 130 if Ctrl-C stopped it.  Wrong
        arguments exit with 2.
    """
    options = _parser().parse_args(arguments)
    try:
        settings, output = _plan(options)
    except (ValueError, OSError) as error:
        print(f"sweeps: {error}", file=sys.stderr)
        return 2
    # The widest takes longest, and goes first: else all would wait for it at the end.
    order = sorted(settings, key=lambda setting: -setting.width)
    code = fingerprint(dependencies(train))
    try:
        results = sweep(train, order, jobs=options.jobs, cache=options.cache, progress="double descent")
        found = dict(zip(order, results, strict=True))
        print(_table(found, settings))
        if output is not None:
            write_atomically(output, _json(found, settings, code).encode())
    except (SweepError, OSError) as error:
        print(f"sweeps: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        kept = f"what was finished is in {options.cache}: the same command goes on from there"
        lost = "what was finished is lost: --cache FOLDER would have kept it"
        print(f"\nsweeps: interrupted; {kept if options.cache else lost}", file=sys.stderr)
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m lib.sweeps", description=__doc__.splitlines()[0])
    command = parser.add_subparsers(required=True, metavar="experiment").add_parser(
        "double-descent",
        help="errors of networks of many widths, trained on labels of which some are wrong",
        description="Train networks of many widths on MNIST-1D, some of whose labels are wrong.  "
        "The defaults are the experiment of Understanding Deep Learning, section 8.3.",
        epilog="Exit codes: 0, all is trained; 1, a width failed or a file cannot be written; "
        "2, wrong arguments; 130, interrupted.",
    )
    option = command.add_argument
    widths = ", ".join(map(str, UDL_WIDTHS))
    option(
        "--widths", type=int, nargs="+", metavar="K", default=UDL_WIDTHS, help=f"{HELP['width']} ({widths})"
    )
    for name, default in {**Setting._field_defaults, **UDL}.items():
        kind = int if default is None else type(default)
        text = HELP[name] if default is None else f"{HELP[name]} ({default})"
        option(f"--{name.replace('_', '-')}", type=kind, metavar=kind.__name__, default=default, help=text)
    option("--jobs", type=int, metavar="int", help="processes; without it one for each processor")
    option(
        "--cache",
        type=Path,
        metavar="FOLDER",
        help="keeps each width as soon as it is trained, for next time",
    )
    option("--output", type=Path, metavar="FILE.json", help="where settings and results are stored")
    return parser


def _plan(options: argparse.Namespace) -> tuple[list[Setting], Path | None]:
    """Return the settings and the output file; what would fail at the end is tried now."""
    common = {name: getattr(options, name) for name in Setting._field_defaults}
    settings = [checked(Setting(width, **common)) for width in options.widths]
    if len(set(settings)) < len(settings):
        raise ValueError(f"widths must be different, but they are {options.widths}")
    if options.jobs is not None:
        count("jobs", options.jobs)
    if options.cache is not None:
        try:
            options.cache.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OSError(f"cannot make the folder {options.cache}: {error.strerror}") from None
        try_to_write_into(options.cache)
    if options.output is not None:
        if options.output.is_dir():
            raise IsADirectoryError(f"output must be a file, but {options.output} is a folder")
        try_to_write_into(options.output.parent)
    return settings, options.output


def try_to_write_into(folder: Path) -> None:
    """Find out now, not after hours, whether files can be written.

    Parameters
    ----------
    folder
        Where they are to be.

    Raises
    ------
    OSError
        If they cannot; the message names the folder and the reason.
    """
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(bytes(4096))
    except OSError as error:
        raise OSError(f"cannot write into the folder {folder}: {error.strerror}") from None


def _table(found: dict[Setting, dict[str, NDArray]], settings: list[Setting]) -> str:
    """Return the last errors in per cent, mean and standard deviation over the members, line by line."""

    def percent(errors: NDArray) -> str:
        spread = f" ± {100 * errors.std(ddof=1):4.2f}" if len(errors) > 1 else ""
        return f"{100 * errors.mean():6.2f}{spread}"

    lines = [f"{'width':>5}  {'parameters':>10}  {'train error %':>13}  {'test error %':>13}"]
    for setting in settings:
        last = [percent(found[setting][name][-1]) for name in ("train_error", "test_error")]
        lines.append(f"{setting.width:5}  {n_parameters(setting.width):10}  {last[0]:>13}  {last[1]:>13}")
    return "\n".join(lines)


def _json(found: dict[Setting, dict[str, NDArray]], settings: list[Setting], code: str) -> str:
    """Return settings, results and what they depend on besides; one line for each width."""
    head = {"experiment": "double-descent", "code": code, "numpy": np.__version__}
    runs = []
    for setting in settings:
        curves = {name: values.tolist() for name, values in found[setting].items()}
        run = {"setting": setting._asdict(), "parameters": n_parameters(setting.width), **curves}
        runs.append(json.dumps(run, allow_nan=False))
    return json.dumps(head, indent=0)[:-2] + ',\n"runs": [\n' + ",\n".join(runs) + "\n]\n}\n"


if __name__ == "__main__":
    # Workers find the functions of a module by its name, which is not __main__ there.
    from lib import sweeps

    sys.exit(sweeps.main())
