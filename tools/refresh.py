"""Execute notebooks afresh and store their outputs in place, in normal form.

    python -m tools.refresh                              every notebook of the book
    python -m tools.refresh chapters/01-gradients.ipynb  these

A notebook that raises, or that writes to standard error, stays as it was and fails the run.
"""

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode

from lib.experiments.sweeps import end_with, try_to_write_into
from tools import notebooks

PARALLEL = 2  # notebooks at a time


def execute(notebook: NotebookNode, folder: Path, timeout: int) -> NotebookNode:
    """Return ``notebook`` with the outputs of a fresh kernel that runs in ``folder``.

    No cell may take longer than ``timeout`` seconds.

    Raises
    ------
    RuntimeError
        If a cell raises, takes too long, kills the kernel or writes to standard error.
    """
    client = NotebookClient(
        notebook,
        kernel_name="python3",
        timeout=timeout,
        resources={"metadata": {"path": str(folder)}},
        record_timing=False,
        store_widget_state=False,
        coalesce_streams=True,
    )
    try:
        executed = client.execute()
    except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
        raise RuntimeError(str(error).strip()) from error
    for number, cell in enumerate(executed.cells):
        for output in cell.get("outputs", []):
            if output.get("name") == "stderr":
                raise RuntimeError(f"cell {number} wrote to standard error:\n{output.text}")
    return executed


def refresh(path: Path, timeout: int = notebooks.CELL_TIMEOUT) -> bool:
    """Execute one notebook and store it; return whether the file changed."""
    notebooks.unfinished(path).unlink(missing_ok=True)
    before = path.read_text(encoding="utf-8")
    notebook = notebooks.normalise(notebooks.loads(before))
    after = notebooks.dumps(notebooks.normalise(execute(notebook, path.resolve().parent, timeout)))
    if after != before:
        notebooks.write(path, after)
    return after != before


def _begin(parent: int) -> None:
    """Leave Ctrl-C to the parent, with which this process ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with(parent)


def main(arguments: Sequence[str] | None = None) -> int:
    """Refresh the notebooks named on the command line; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tools.refresh", description=__doc__.split("\n")[0])
    parser.add_argument("notebooks", nargs="*", type=Path, help="notebooks (default: all of the book)")
    patience = "seconds that a cell may take (%(default)s)"
    parser.add_argument("--timeout", metavar="N", type=int, default=notebooks.CELL_TIMEOUT, help=patience)
    options = parser.parse_args(arguments)
    paths = options.notebooks or notebooks.find_all()
    if options.timeout < 1:
        parser.error(f"--timeout must be at least 1, got {options.timeout}")
    for path in paths:
        if path.suffix != ".ipynb" or not path.is_file():
            parser.error(f"no such notebook: {path}")

    try:  # what would fail at the end is tried now
        for folder in dict.fromkeys(path.parent for path in paths):
            try_to_write_into(folder)
    except OSError as error:
        print(f"refresh: {error}", file=sys.stderr)
        return 1

    notebooks.prepare_kernels()
    failed = False
    with ProcessPoolExecutor(PARALLEL, initializer=_begin, initargs=(os.getpid(),)) as pool:
        running = [(path, pool.submit(refresh, path, options.timeout)) for path in paths]
        for path, result in running:
            try:
                print(f"{path}: {'updated' if result.result() else 'unchanged'}", flush=True)
            except OSError as error:  # which names the file
                failed = True
                print(f"refresh: {error}", file=sys.stderr)
            except (RuntimeError, ValueError) as error:  # also that its process was killed
                failed = True
                print(f"{path}: not refreshed\n{error}", file=sys.stderr)
            except KeyboardInterrupt:
                print("\nrefresh: interrupted; what was finished is stored", file=sys.stderr, flush=True)
                os._exit(130)  # does not wait for the notebooks that are running
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
