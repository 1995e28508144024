"""What every test run shares: the notebook comparison, and the environment of the kernels."""

from pathlib import Path

import pytest

from tools.notebooks import find_all, prepare_kernels

if not __debug__:
    pytest.exit(
        "Python runs optimized (-O, PYTHONOPTIMIZE) and would skip what the tests assert", returncode=4
    )

pytest_plugins = ["tools.nbval_tolerance", "tools.nbval_side_by_side"]

prepare_kernels()
BOOK = set(find_all())


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """Leave out notebooks that are not of the book, unless they are named on the command line."""
    return True if collection_path.suffix == ".ipynb" and collection_path not in BOOK else None
