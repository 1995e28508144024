"""What several test modules need."""

import re
import subprocess
import time
import tomllib
from collections.abc import Callable, Iterator
from importlib import metadata
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from packaging.specifiers import SpecifierSet

from lib.experiments import command_line, sweeps
from lib.experiments.sweeps import dependencies, fingerprint

# Not from `tools.notebooks`: the processes of the sweeps import this file, and nbformat takes them seconds.
ROOT = Path(__file__).parents[1]
PATIENCE = 600  # seconds that a busy machine may take for what takes a few


def wait_until(happened: Callable[[], object], what: str, process: subprocess.Popen | None = None) -> None:
    """Wait until something has happened; fail, and say what, if it does not or its process has ended."""
    end = time.monotonic() + PATIENCE
    while not happened():
        assert process is None or process.poll() is None, f"the process ended before {what}"
        assert time.monotonic() < end, f"{PATIENCE} s are gone, and not yet: {what}"
        time.sleep(0.02)


def take(iterates: Iterator[NDArray], n: int) -> list[NDArray]:
    """Return the first n items."""
    return list(islice(iterates, n))


def check_gradient(
    value: Callable[[NDArray], NDArray],
    gradient: NDArray,
    at: NDArray,
    rng: np.random.Generator,
    axes: int = 1,
) -> None:
    """Compare a gradient with the derivative of the value along random directions, in two ways.

    The value maps (*lead, *own) to (*lead,), where `own` are the last `axes` axes.  A central difference
    is good to about 1e-9; the complex step Im value(x + ihu) / h has no cancellation: it is exact.
    """
    assert gradient.shape == at.shape
    own = tuple(range(-axes, 0))
    for _ in range(5):
        direction = rng.normal(size=at.shape)
        slope = (gradient * direction).sum(axis=own)
        h = 1e-5
        central = (value(at + h * direction) - value(at - h * direction)) / (2 * h)
        np.testing.assert_allclose(central, slope, rtol=1e-7, atol=1e-8)
        exact = value(at + 1e-30j * direction).imag / 1e-30
        np.testing.assert_allclose(exact, slope, rtol=1e-11, atol=1e-13)


def entry_of(folder, function, setting):
    """Return the file in which a sweep keeps a result."""
    return sweeps._entry(folder, function, fingerprint(dependencies(function)), setting)


def equal(a, b):
    """Tell whether two lists of histories are the same to the last bit."""
    pairs = list(zip(a, b, strict=True))
    return all(one.keys() == other.keys() for one, other in pairs) and all(
        one[name].dtype == other[name].dtype and one[name].tobytes() == other[name].tobytes()
        for one, other in pairs
        for name in one
    )


def settings_of(name: str) -> list:
    """Return the settings of the command that results/README.md gives for a file."""
    text = (ROOT / "results" / "README.md").read_text(encoding="utf-8")
    (line,) = re.findall(rf"^python -m lib\.experiments (.* --output results/{re.escape(name)})$", text, re.M)
    options = command_line._parser().parse_args(line.split())
    return command_line.EXPERIMENTS[options.experiment].settings(options)


def pythons() -> list[str]:
    """Return the Pythons that the book admits, as 3.11."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    first, after = map(int, re.fullmatch(r">=3\.(\d+),<3\.(\d+)", project["requires-python"]).groups())
    return [f"3.{minor}" for minor in range(first, after)]


def refused_pins(requirements: Path) -> list[str]:
    """Return the pinned packages, as installed here, that some Python of the book could not install."""
    # The first release of each, which a stable Linux may well have.
    releases = [f"{python}.0" for python in pythons()]
    pinned = re.findall(r"^([\w.-]+)==", requirements.read_text(encoding="utf-8"), re.M)
    admitted = {name: _pythons_of(name) for name in pinned}
    return [
        f"{name} needs Python {found}"
        for name, found in admitted.items()
        if not all(map(found.contains, releases))
    ]


def _pythons_of(name: str) -> SpecifierSet:
    """Return the Pythons that a package admits: all, if this one does without the package."""
    try:
        return SpecifierSet(metadata.metadata(name).get("Requires-Python", ""))
    except metadata.PackageNotFoundError:
        return SpecifierSet()
