"""Sphinx extension of the book. ``_config.yml`` registers it, so every way to build goes through it.

It does what Jupyter Book leaves open:

- pages are built from the notebooks that `tools.cache` holds; what it lacks is executed side by side;
- a page is read again when its notebook was executed again, or one that it reads has changed;
- a disk that is full, or becomes so, is named in one line;
- a build that failed, or was interrupted, is not taken for done by the next one;
- where npm has installed the browser libraries, the built book carries them and needs no network;
- pages whose source is gone are gone from the built book too, and so are files for developers of its theme;
- the pages and their pictures are made light: see ``tools/light.py``.
"""

import errno
import json
import shutil
import sys
import time
from collections.abc import Iterable
from functools import partial
from pathlib import Path

from nbformat import NotebookNode
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.environment import BuildEnvironment
from sphinx.util import logging

from lib.experiments.sweeps import try_to_write_into
from tools import cache
from tools.execution import cores, execute, processes, side_by_side
from tools.light import lighten
from tools.notebooks import loads, longest_first, prepare_kernels

logger = logging.getLogger(__name__)

# What the pages load, and what these files load in turn: package -> patterns of files in it.
BROWSER_LIBRARIES = {
    "mathjax": [
        "es5/tex-mml-chtml.js",
        "es5/input/tex/extensions/*.js",
        "es5/output/chtml/fonts/woff-v2/*.woff",
    ],
    "requirejs": ["require.js"],
    "@jupyter-widgets/html-manager": ["dist/embed-amd.js"],
    "@fontsource/source-serif-4": [
        "LICENSE",
        "files/source-serif-4-latin-400-normal.woff2",
        "files/source-serif-4-latin-400-italic.woff2",
        "files/source-serif-4-latin-700-normal.woff2",
    ],
}
ROOM = 200  # megabytes; a build takes up 115, and the pages are larger before they are made light
FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
CARRIED = "libraries"  # in _static/, beside the theme's own files
MATHJAX = f"{CARRIED}/mathjax/es5/tex-mml-chtml.js"
WIDGETS = {  # in this order: the second is a module that the first loads
    f"{CARRIED}/requirejs/require.js": {},
    f"{CARRIED}/@jupyter-widgets/html-manager/dist/embed-amd.js": {},
}


def stop_unless_writable(folder: Path) -> None:
    """Say in one line that nothing can be built, where Sphinx would show how it found out."""
    while not folder.exists():
        folder = folder.parent
    try:
        try_to_write_into(folder)
    except OSError as error:
        sys.exit(f"book: {error}")
    free = shutil.disk_usage(folder).free // 10**6
    if free < ROOM:
        sys.exit(f"book: a build needs {ROOM} MB, and {folder} has {free} MB left")


def stop_where_full(app: Sphinx, exception: BaseException | None) -> None:
    """Say in one line that the disk is full, which Sphinx would take for a bug of its own."""
    while exception is not None:
        if isinstance(exception, OSError) and exception.errno in FULL:
            sys.exit(f"book: cannot write into the folder {app.outdir}: {exception.strerror}")
        exception = exception.__cause__ or exception.__context__


def use_cache(app: Sphinx, config: Config) -> None:
    """Build from the cache of this state of ``lib``; the change of its path makes Sphinx read all pages."""
    root = Path(app.srcdir)
    now = cache.state(root)
    for old in cache.all_caches(root).glob("*"):
        if old != now.folder:
            shutil.rmtree(old) if old.is_dir() else old.unlink()
    cache.mend(now)
    config.nb_execution_cache_path = str(now.folder)


def read_again(app: Sphinx, env: BuildEnvironment, *outdated: set[str]) -> list[str]:
    """Return the pages that were made of an older execution, or that read notebooks of which one has changed.

    Sphinx knows neither: a test may have executed a notebook that has not changed, and compared it.
    """
    executed = cache.executed_at(Path(app.config.nb_execution_cache_path))
    again = []
    for name, path in _notebooks(env, env.found_docs).items():
        newer = executed.get(str(path.resolve()), 0) > env.all_docs.get(name, 0) / 1e6
        if newer or (any(outdated) and cache.reads_notebooks(read(path))):
            again.append(name)
    return again


def execute_what_is_missing(app: Sphinx, env: BuildEnvironment, names: list[str]) -> None:
    """Execute the notebooks of pages that are to be read, side by side, unless the cache has them.

    A notebook that fails is left to MyST-NB, which executes it once more and reports.
    """
    root, folder = Path(app.srcdir), Path(app.config.nb_execution_cache_path)
    if app.config.nb_execution_mode != "cache":
        return
    pages = _notebooks(env, names).values()
    missing = [path for path in longest_first(pages) if not cache.holds(read(path), folder)]
    if not missing:
        return
    workers = min(cores(), len(missing))
    logger.info(f"executing {len(missing)} notebooks, {workers} at a time")
    with processes(workers) as pool:
        task = partial(execute_into_cache, root=root, timeout=app.config.nb_execution_timeout)
        for number, (path, result) in enumerate(side_by_side(pool, task, missing, workers), 1):
            how = "failed" if result.exception() else f"{result.result():.0f} s"
            logger.info(f"{path.relative_to(root)}: {how} ({number} of {len(missing)})")


def execute_into_cache(path: Path, root: Path, timeout: int) -> float:
    """Execute a notebook for the book, and return how many seconds it took."""
    start, state = time.monotonic(), cache.state(root)
    cache.keep(execute(path, read(path), timeout, widgets=True), path, state)
    return time.monotonic() - start


def read(path: Path) -> NotebookNode:
    """Return a notebook."""
    return loads(path.read_text(encoding="utf-8"))


def _notebooks(env: BuildEnvironment, names: Iterable[str]) -> dict[str, Path]:
    """Return the paths of those pages that are notebooks."""
    paths = {name: Path(env.doc2path(name)) for name in sorted(names)}
    return {name: path for name, path in paths.items() if path.suffix == ".ipynb"}


def forget_unfinished_build(app: Sphinx, config: Config) -> None:
    """Let Sphinx start anew unless the last build ended without a warning.

    Sphinx remembers the pages that it has read, but not the warnings that they gave: a second build
    after a failed one would pass.
    """
    done = _done(app)
    if not done.exists():
        (Path(app.doctreedir) / "environment.pickle").unlink(missing_ok=True)
    done.unlink(missing_ok=True)


def prune(app: Sphinx, exception: Exception | None) -> None:
    """Remove the pages of deleted sources, and the source maps, which weigh 3 MB and no page loads."""
    if exception is not None or app.builder.format != "html":
        return
    out = Path(app.outdir)
    sources = out / "_sources"  # where each page that was ever written has a copy of its source
    for source in [path for path in sources.rglob("*") if path.is_file()]:
        name = source.relative_to(sources).as_posix().removesuffix(app.config.html_sourcelink_suffix)
        page = name.removesuffix(Path(name).suffix)
        if page not in app.env.found_docs:
            source.unlink()
            (out / f"{page}.html").unlink(missing_ok=True)
    for source_map in (out / "_static").rglob("*.map"):
        source_map.unlink()


def make_light(app: Sphinx, exception: Exception | None) -> None:
    """Make the pages light, once all are written."""
    if exception is None and app.builder.format == "html":
        lighten(Path(app.outdir))


def remember_finished_build(app: Sphinx, exception: Exception | None) -> None:
    """Note that this build ended without a warning."""
    if exception is None and app._warncount == 0:
        _done(app).touch()


def _done(app: Sphinx) -> Path:
    return Path(app.doctreedir) / "finished-without-warning"


def find_browser_libraries(root: Path) -> dict[str, list[Path]]:
    """Return the files to carry, by package.

    Raises
    ------
    LookupError
        Unless npm installed just what is pinned.
    """
    modules = root / "node_modules"
    installed = modules / ".package-lock.json"  # npm writes it when it is done
    if not installed.exists():
        raise LookupError("npm has not installed the browser libraries")
    packages = json.loads(installed.read_text(encoding="utf-8"))["packages"]
    pinned = json.loads((root / "package.json").read_text(encoding="utf-8"))["dependencies"]
    files = {}
    for package, patterns in BROWSER_LIBRARIES.items():
        version = packages.get(f"node_modules/{package}", {}).get("version")
        if version != pinned[package]:
            raise LookupError(f"node_modules has {package} {version}, not {pinned[package]}")
        files[package] = []
        for pattern in patterns:
            found = sorted((modules / package).glob(pattern))
            if not found:
                raise LookupError(f"node_modules/{package} lacks {pattern}")
            files[package] += found
    return files


def carry_browser_libraries(app: Sphinx, config: Config) -> None:
    """Copy the browser libraries into the built book and point the pages there.

    Not by way of ``_static/``: Jupyter Book loads every script in that folder on every page.
    """
    root, carried = Path(app.srcdir), Path(app.outdir) / "_static" / CARRIED
    if carried.exists():
        shutil.rmtree(carried)
    try:
        files = find_browser_libraries(root)
    except LookupError as reason:
        logger.info(f"{reason}: the built book will fetch MathJax and widgets from their CDNs.")
        return
    for path in (path for paths in files.values() for path in paths):
        target = carried / path.relative_to(root / "node_modules")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    config.mathjax_path = MATHJAX
    config.nb_ipywidgets_js = WIDGETS


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect the extension."""
    stop_unless_writable(Path(app.outdir))
    prepare_kernels()
    app.connect("config-inited", forget_unfinished_build)
    app.connect("config-inited", use_cache)
    app.connect("config-inited", carry_browser_libraries)
    app.connect("env-get-outdated", read_again)
    app.connect("env-before-read-docs", execute_what_is_missing)
    app.connect("build-finished", stop_where_full, priority=0)
    app.connect("build-finished", prune)
    app.connect("build-finished", make_light, priority=800)  # after the theme: it writes pygments.css
    app.connect("build-finished", remember_finished_build, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
