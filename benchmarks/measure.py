"""Contenders take turns, round after round: whoever disturbs the machine disturbs them all.

Of several rounds the fastest counts, because a disturbance only ever slows down.
"""

import subprocess
import sys
from collections.abc import Iterator, Sequence
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from benchmarks import machine, ours
from lib.datasets.mnist1d import mnist1d
from lib.datasets.sampling import corrupt_labels
from lib.experiments.sweeps import sweep
from lib.optim.training import minibatches

STEPS = 40  # in an epoch: 4000 examples in batches of 100
# What is made larger, how large, and the power of it with which time grows in the end: that of a step, and
# with the examples that of an epoch.
SCALES = {
    "width": ([25, 50, 100, 200, 400, 800], 2),
    "members": ([1, 2, 4, 8, 16, 32, 64], 1),
    "batch size": ([25, 50, 100, 200, 400, 800, 1600], 1),
    "examples": ([500, 1000, 2000, 4000], 1),
}


class Contender(NamedTuple):
    """What is timed: a way, on networks of one width, so many at once, in a precision, on so many threads."""

    way: str
    width: int
    members: int = 1
    dtype: str = "float32"
    threads: int = 1


@cache
def data() -> tuple[NDArray, NDArray]:
    """Return the examples, a share of 0.15 of them with a wrong class."""
    x, y, _, _ = mnist1d(4000, 1000)
    return x, corrupt_labels(y, 0.15, np.random.default_rng(0))


def start(contender: Contender) -> Iterator:
    """Return the contender's steps."""
    way, width, members, dtype, threads = contender
    x, y = data()
    if way == "ours":
        return ours.steps(x, y, width, members, dtype)
    if way == "products":
        return ours.products(width, members, dtype)
    if way == "calls":
        # One unit, one example: what is left is what Python and NumPy need to call each other.
        batches = minibatches(x.astype(dtype), y, batch_size=1, rng=np.random.default_rng(1))
        return ours.iterates(ours.first_weights(1, 1)[0].astype(dtype), 1, batches)
    if way == "jax":
        from benchmarks import with_jax

        return with_jax.steps(x, y, width, members, dtype)
    from benchmarks import pytorch

    return pytorch.steps(x, y, width, dtype, way, threads)


def seconds(turn: tuple[Contender, int]) -> float:
    """Start a contender and time a number of epochs, after one that warms up: seconds a step and network."""
    contender, epochs = turn
    steps = start(contender)
    ours.seconds_per_step(steps, STEPS)
    return ours.seconds_per_step(steps, epochs * STEPS) / contender.members


def take_turns(contenders: Sequence[Contender], epochs: int, rounds: int) -> list[dict[str, object]]:
    """Time contenders that live side by side, in this process: microseconds a step and network."""
    running = [start(contender) for contender in contenders]
    for steps in running:
        ours.seconds_per_step(steps, STEPS)
    times = [
        [
            ours.seconds_per_step(steps, epochs * STEPS) / contender.members
            for contender, steps in zip(contenders, running, strict=True)
        ]
        for _ in range(rounds)
    ]
    best, median = 1e6 * np.min(times, axis=0), 1e6 * np.median(times, axis=0)
    return [
        {**contender._asdict(), "best": round(b, 1), "median": round(m, 1)}
        for contender, b, m in zip(contenders, best.tolist(), median.tolist(), strict=True)
    ]


def single_steps(
    widths: Sequence[int], members: Sequence[int], rounds: int, ways: Sequence[str], cores: int
) -> list[dict[str, object]]:
    """Time single steps of the library, of JAX if that is among the ways, and of PyTorch in the others."""
    rows = take_turns([Contender("calls", 1)], 10, rounds)
    for width in tqdm(widths, "steps", leave=False):
        contenders = []
        for dtype in ("float32", "float64"):
            contenders += [Contender("ours", width, size, dtype) for size in members]
            contenders += [Contender("products", width, size, dtype) for size in members]
        contenders += [Contender("jax", width, size) for size in members if "jax" in ways]
        contenders += [at_its_best(Contender(way, width), cores) for way in ways if way != "jax"]
        rows += take_turns(contenders, max(1, 100 // width), rounds)
    return rows


def at_its_best(contender: Contender, cores: int) -> Contender:
    """Return the contender with the number of threads that is fastest in the best of some trials."""
    choices = [contender._replace(threads=threads) for threads in sorted({1, cores})]
    trials = [[seconds((choice, 1)) for choice in choices] for _ in range(3)]
    return choices[np.min(trials, axis=0).argmin()]


def peaks(rounds: int) -> dict[str, float]:
    """Return the speed of large matrix products, the fastest of several rounds."""
    return {
        dtype: round(max(machine.gflops(dtype) for _ in range(rounds)), 1) for dtype in ("float32", "float64")
    }


def whole_sweep(
    widths: Sequence[int],
    members: Sequence[int],
    epochs: int,
    rounds: int,
    ways: Sequence[str],
    cores: int,
) -> list[dict[str, object]]:
    """Time some epochs of each width, and return the seconds that 1000 epochs of all of them take.

    PyTorch takes the widths one after the other, as a notebook does, on as many threads as it likes best;
    and side by side, as the library does.  Side by side each process has one thread and all cores are at
    work while a width is timed; the widths are taken to be shared out evenly.
    """
    order = sorted(widths, reverse=True)  # The widest takes longest, and goes first.
    entries = [
        (cores, [Contender("ours", width, size, dtype) for width in order])
        for size in members
        for dtype in ("float32", "float64")
    ]
    for way in ways:
        contenders = [Contender(way, width) for width in order]
        entries.append((1, [at_its_best(contender, cores) for contender in contenders]))
        entries.append((cores, contenders))
    times = [
        [_each(contenders, epochs, processes) for processes, contenders in entries]
        for _ in tqdm(range(rounds), "sweeps", leave=False)
    ]
    totals = 1000 * STEPS * np.min(times, axis=0).sum(axis=-1)
    return [
        {
            "way": contenders[0].way,
            "members": contenders[0].members,
            "dtype": contenders[0].dtype,
            "processes": processes,
            "seconds": round(total / processes, 1),
        }
        for (processes, contenders), total in zip(entries, totals.tolist(), strict=True)
    ]


def _each(contenders: Sequence[Contender], epochs: int, processes: int) -> list[float]:
    """Time each contender: one after the other in this process, or side by side in several."""
    turns = [(contender, epochs) for contender in contenders]
    return [seconds(turn) for turn in turns] if processes == 1 else sweep(seconds, turns, jobs=processes)


def memory(contender: Contender) -> float:
    """Train for an epoch in a new process: the megabytes it needs beyond those of what it has imported."""
    call = f"from benchmarks import measure; print(measure.growth(measure.{contender}))"
    run = subprocess.run([sys.executable, "-c", call], capture_output=True, text=True, check=True)
    return round(float(run.stdout), 1)


def growth(contender: Contender) -> float:
    """Train for an epoch in this process, and return how many megabytes its peak is above the start."""
    # The first step imports what the contender needs, and makes the data.
    next(start(contender._replace(width=1, members=1)))
    before = machine.memory()["now"]
    ours.seconds_per_step(start(contender), STEPS)
    return machine.memory()["most"] - before


def scaling(scales: dict[str, tuple], rounds: int) -> dict[str, dict]:
    """Time the library on larger and larger tasks: microseconds, and their slope in a log-log plot."""
    x, y = data()

    def task(name: str, size: int) -> Iterator:
        """Return the steps of two networks of width 100 on all data, but for one thing."""
        usual = {"width": 100, "members": 2, "batch size": 100, "examples": len(x)} | {name: size}
        n = usual["examples"]
        return ours.steps(x[:n], y[:n], usual["width"], usual["members"], "float32", usual["batch size"])

    found = {}
    for name, (sizes, theory) in tqdm(scales.items(), "scaling", leave=False):
        running = [task(name, size) for size in sizes]
        times = [[ours.seconds_per_step(steps, 10) for steps in running] for _ in range(rounds)]
        best = 1e6 * np.min(times, axis=0)
        if name == "examples":
            best *= np.array(sizes) / ours.BATCH  # an epoch
        found[name] = {
            "sizes": list(sizes),
            "best": best.round(1).tolist(),
            "slope": round(slope(sizes, best), 2),
            "theory": theory,
        }
    return found


def slope(sizes: Sequence[float], times: Sequence[float]) -> float:
    """Return the power with which the times grow between the largest sizes, a factor of about four."""
    large = np.asarray(sizes) >= max(sizes) / 4
    return float(np.polyfit(np.log(np.asarray(sizes)[large]), np.log(np.asarray(times)[large]), 1)[0])
