"""The executed notebooks from which the book is built.

`make test` puts a notebook there when nbval has found each of its cells equal to what is stored; the build
executes the rest.  A notebook is known by its code cells.  All else that decides its outputs gives the folder
its name: another state of ``lib`` has another cache.  A page that reads notebooks is forgotten when the text
of one of them has changed.
"""

import contextlib
import fcntl
import hashlib
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from jupyter_cache import get_cache
from jupyter_cache.base import CacheBundleIn
from jupyter_cache.cache.db import DB_NAME, NbCacheRecord
from jupyter_cache.cache.main import JupyterCacheBase
from nbformat import NotebookNode
from sqlalchemy.exc import DatabaseError

from tools.notebooks import find_all

READ = "notebooks"  # in the data of a record: what the notebooks were that a page has read, or none


class State(NamedTuple):
    """What decides the outputs of a notebook, apart from its own code cells."""

    folder: Path  # of the cache
    notebooks: str  # a digest of their text


def digest(root: Path) -> str:
    """Return a digest of what decides the outputs of a page's code cells, apart from these cells.

    Except what a page reads in notebooks.
    """
    library = (path for path in (root / "lib").rglob("*") if path.is_file() and path.suffix != ".pyc")
    stored = [*(root / "results").glob("*.json"), *(root / "benchmarks").glob("*.json")]
    pins = [root / "requirements.txt", root / "constraints.txt"]
    return _digest(root, [*sorted(library), *sorted(stored), *pins])


def _digest(root: Path, paths: list[Path]) -> str:
    state = hashlib.sha256(sys.version.encode())
    for path in paths:
        state.update(f"\0{path.relative_to(root).as_posix()}\0".encode() + path.read_bytes())
    return state.hexdigest()[:16]


def all_caches(root: Path) -> Path:
    """Return the folder of the caches of all states."""
    return root / "_build" / ".jupyter_cache"


def state(root: Path) -> State:
    """Return the present state of a book."""
    return State(all_caches(root) / digest(root), _digest(root, find_all(root)))


def reads_notebooks(notebook: NotebookNode) -> bool:
    """Tell whether a notebook's code reads notebooks."""
    return any(".ipynb" in cell.source for cell in notebook.cells if cell.cell_type == "code")


@contextlib.contextmanager
def _opened(folder: Path) -> Iterator[JupyterCacheBase]:
    """Open a cache, for this process alone, and close it."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # until the file is closed
        cache = get_cache(folder)
        try:
            yield cache
        finally:
            cache.db.dispose()


def keep(executed: NotebookNode, path: Path, began: State) -> None:
    """Put an executed notebook into the cache of the state in which it began."""
    data = {READ: began.notebooks if reads_notebooks(executed) else None}
    bundle = CacheBundleIn(executed, str(path.resolve()), data=data)
    with _opened(began.folder) as cache:
        cache.cache_notebook_bundle(bundle, check_validity=False, overwrite=True)


def holds(notebook: NotebookNode, folder: Path) -> bool:
    """Tell whether the cache has an execution of a notebook."""
    with _opened(folder) as cache, contextlib.suppress(KeyError):
        return bool(cache.match_cache_notebook(notebook))
    return False


def forget(notebook: NotebookNode, folder: Path) -> None:
    """Remove the execution of a notebook, if there is one."""
    with _opened(folder) as cache, contextlib.suppress(KeyError):
        cache.remove_cache(cache.match_cache_notebook(notebook).pk)


def mend(now: State) -> None:
    """Forget what must not be built from: what was half-written when a process was killed, and what is stale.

    jupyter-cache makes the record first and the file after it: a build would believe the record, look for the
    file, and fail, as often as it is tried.
    """
    if not now.folder.exists():
        return
    with _opened(now.folder) as cache:
        good = set()
        try:
            for record in cache.list_cache_records():
                fresh = (record.data or {}).get(READ, "unknown") in (None, now.notebooks)
                if fresh and _is_whole(_file(now.folder, record)):
                    good.add(record.hashkey)
                else:
                    NbCacheRecord.remove_records([record.pk], cache.db)
        except (RuntimeError, DatabaseError):  # a database without its tables
            (now.folder / DB_NAME).unlink()
        for entry in (now.folder / "executed").glob("*"):
            if entry.name not in good:
                shutil.rmtree(entry)


def executed_at(folder: Path) -> dict[str, float]:
    """Return when notebooks were last put into the cache, by path."""
    times: dict[str, float] = {}
    if not folder.exists():
        return times
    with _opened(folder) as cache:
        for record in cache.list_cache_records():
            then = _file(folder, record).stat().st_mtime
            times[record.uri] = max(then, times.get(record.uri, then))
    return times


def _file(folder: Path, record: NbCacheRecord) -> Path:
    return folder / "executed" / record.hashkey / "base.ipynb"


def _is_whole(path: Path) -> bool:
    """Tell whether a notebook was written to its end, which alone has a brace at the beginning of a line."""
    return path.exists() and path.read_bytes().rstrip().endswith(b"\n}")
