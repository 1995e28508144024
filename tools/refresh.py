"""Execute notebooks afresh and store their outputs in place, in normal form.

    python -m tools.refresh                              every notebook of the book
    python -m tools.refresh chapters/01-gradients.ipynb  these

A notebook that raises, or that writes to standard error, stays as it was and fails the run.
"""

import argparse
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from lib.experiments.sweeps import try_to_write_into
from tools import notebooks
from tools.execution import cores, execute, processes, side_by_side


def refresh(path: Path, timeout: int = notebooks.CELL_TIMEOUT) -> bool:
    """Execute one notebook and store it; return whether the file changed."""
    notebooks.unfinished(path).unlink(missing_ok=True)
    before = path.read_text(encoding="utf-8")
    notebook = notebooks.normalise(notebooks.loads(before))
    after = notebooks.dumps(notebooks.normalise(execute(path, notebook, timeout)))
    if after != before:
        notebooks.write(path, after)
    return after != before


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
    failed, task = False, partial(refresh, timeout=options.timeout)
    paths = notebooks.longest_first(paths)
    try:
        with processes(workers := min(cores(), len(paths))) as pool:
            for path, result in side_by_side(pool, task, paths, workers):
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
        return 130
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
