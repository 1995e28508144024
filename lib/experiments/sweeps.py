"""Sweeps: one function, many settings, on all processors of a machine or of many, and nothing is lost.

The settings are independent, so they may run anywhere and in any order.  Every run has one BLAS thread, so
that its result does not depend on how many run beside it.  With a cache folder each result is on the disk as
soon as it is there; the sweep that was interrupted goes on where it stopped.

From the shell::

    python -m lib.experiments double-descent --help
    python -m lib.experiments published --help
"""

import ast
import functools
import hashlib
import inspect
import os
import pickle
import signal
import tempfile
import threading
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import BrokenExecutor, Executor, as_completed
from contextlib import contextmanager
from itertools import accumulate
from pathlib import Path
from uuid import uuid4

import joblib
import numpy as np
from joblib.externals.loky import ProcessPoolExecutor
from joblib.parallel import get_active_backend
from tqdm import tqdm  # not tqdm.auto: in notebooks its bar ignores TQDM_DISABLE

from lib.checks import count

# The environment of a worker: one thread, for OpenBLAS, OpenMP, MKL and Apple's library.
WORKER = dict.fromkeys(
    ["OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"], "1"
)
LIB = Path(__file__).resolve().parents[1]
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
        Names of modules of `lib`, with its own if it is there; all of them if no file defines the function.

    Examples
    --------
    >>> from lib.book.claims import check
    >>> dependencies(check)
    ('lib', 'lib.book', 'lib.book.claims', 'lib.checks')
    """
    sources = _sources()
    start = _source(function)
    if start is None:
        return tuple(sorted(sources))
    found = {"lib", *(part for name, path in sources.items() if path == start for part in _parts(name))}
    unread = [start, *(sources[name] for name in found)]
    while unread:
        new = _imports(unread.pop().read_bytes()) & sources.keys() - found
        found |= new
        unread += [sources[name] for name in new]
    return tuple(sorted(found))


def _sources() -> dict[str, Path]:
    """Return the file of each module of `lib`, by the module's name; a package has its `__init__`."""
    named = {path: ("lib", *path.relative_to(LIB).with_suffix("").parts) for path in LIB.rglob("*.py")}
    return {".".join(parts).removesuffix(".__init__"): path for path, parts in named.items()}


def _imports(source: bytes) -> set[str]:
    """Return all that a source may import: each name, and the packages that it lies in."""
    names = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):  # absolute, as the rules of the house want it
            names += [f"{node.module}.{alias.name}" for alias in node.names]
    return {part for name in names for part in _parts(name)}


def _parts(name: str) -> list[str]:
    """Return what Python imports for a name: a.b.c imports a and a.b first."""
    return list(accumulate(name.split("."), "{}.{}".format))


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
    return joblib.hash((np.__version__, [(name, _sources()[name].read_bytes()) for name in modules]))


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
    OSError
        If the cache cannot be made, read or written.

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


def _begin(parent: int) -> None:
    """Begin a worker, which leaves Ctrl-C to its parent: the shell sends it to both."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with(parent)


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
        executor = ProcessPoolExecutor(jobs, env=WORKER, initializer=_begin, initargs=(os.getpid(),))
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
