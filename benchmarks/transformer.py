"""A training step of a small language model, beside PyTorch: `python -m benchmarks.transformer`.

The model is that of the chapter on transformers: one block, one head, learned places, pre-norm, on words of 8
letters out of 3, in batches of 32, with Adam.  Both sides have one thread.
"""

import json
import sys
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks import machine, ours
from benchmarks.__main__ import as_a_worker, same
from lib.datasets.sequences import mess3, sample_words
from lib.experiments.sweeps import write_atomically
from lib.nn.layers import Layer
from lib.nn.losses import cross_entropy
from lib.nn.networks import objective
from lib.nn.transformers import transformer
from lib.optim.optimizers import adam
from lib.optim.training import stochastic

RESULTS = Path(__file__).with_name("transformer.json")
LETTERS, PLACES, BATCH, RATE = 3, 8, 32, 5e-3
WIDTHS = (32, 64, 128)
BAR = 2  # how many times PyTorch's time a step may take


class Contender(NamedTuple):
    """What is timed: "ours" or "pytorch", on models of one width, so many at once, in a precision."""

    way: str
    width: int
    members: int = 1
    dtype: str = "float32"


def model(width: int) -> Layer:
    """Return the language model; its perceptron is twice as wide."""
    return transformer(LETTERS, PLACES, width, hidden=2 * width)


def batches(n: int = 64) -> list[tuple[NDArray, NDArray]]:
    """Draw n batches of words, and of the letters that follow each of their letters."""
    rng = np.random.default_rng(0)
    words = [sample_words(mess3(), BATCH, PLACES + 1, rng) for _ in range(n)]
    return [(word[:, :-1], word[:, 1:].ravel()) for word in words]


def our_steps(contender: Contender) -> Iterator[NDArray]:
    """Return the iterates of the library."""
    network = model(contender.width)
    _, gradient = objective(network, cross_entropy)
    members = None if contender.members == 1 else contender.members
    theta = network.start(np.random.default_rng(0), members).astype(contender.dtype)
    return adam(stochastic(gradient, cycle(batches())), theta, RATE)


def steps(contender: Contender) -> Iterator:
    """Return the contender's steps."""
    if contender.way == "ours":
        return our_steps(contender)
    from benchmarks import pytorch_transformer

    return pytorch_transformer.losses(contender.width, contender.dtype)


def measure(widths: tuple[int, ...] = WIDTHS, rounds: int = 7, n: int = 100) -> list[dict[str, object]]:
    """Time the contenders in turns: microseconds a step and model, the fastest round and the median."""
    ways = ["ours", "pytorch"] if machine.describe()["pytorch"] else ["ours"]
    contenders = [
        Contender(way, width, members, dtype)
        for width in widths
        for dtype in ("float32", "float64")
        for way in ways
        for members in ((1, 5) if way == "ours" else (1,))
    ]
    running = [steps(contender) for contender in contenders]
    for run in running:
        ours.seconds_per_step(run, n // 5)
    times = [[ours.seconds_per_step(run, n) for run in running] for _ in range(rounds)]
    share = 1e6 / np.array([contender.members for contender in contenders])
    best, median = share * np.min(times, axis=0), share * np.median(times, axis=0)
    return [
        {**contender._asdict(), "best": round(b, 1), "median": round(m, 1)}
        for contender, b, m in zip(contenders, best.tolist(), median.tolist(), strict=True)
    ]


def ratios(rows: list[dict[str, object]]) -> dict[tuple, float]:
    """Return, by width, precision and members, how many times PyTorch's time the library takes."""
    theirs = {(row["width"], row["dtype"]): row["best"] for row in rows if row["way"] == "pytorch"}
    return {
        (row["width"], row["dtype"], row["members"]): row["best"] / theirs[row["width"], row["dtype"]]
        for row in rows
        if row["way"] == "ours" and theirs
    }


def report(results: dict[str, object]) -> str:
    """Return the results as text."""
    lines = ["Microseconds a step and model, the fastest of the rounds"]
    for row in results["steps"]:
        label = f"{row['way']}, width {row['width']}, {row['dtype']}, {row['members']} at once"
        lines.append(f"{label:46}{row['best']:9.0f}")
    lines.append(f"\nTimes PyTorch's (the bar is {results['bar']})")
    for (width, dtype, members), ratio in ratios(results["steps"]).items():
        lines.append(f"{f'width {width}, {dtype}, {members} at once':46}{ratio:9.2f}")
    return "\n".join(lines)


def main() -> int:
    """Measure, print, and store."""
    found = machine.describe()
    if found["pytorch"]:
        from benchmarks import pytorch_transformer

        same("PyTorch", pytorch_transformer.largest_difference(min(WIDTHS), n_steps=50))
    results = {"machine": found, "bar": BAR, "steps": measure()}
    write_atomically(RESULTS, (json.dumps(results, indent=1) + "\n").encode())
    print(report(results))
    return 0


if __name__ == "__main__":
    as_a_worker("benchmarks.transformer")
    sys.exit(main())
