"""Measure, print a table, and store what was measured.

python -m benchmarks            some minutes; PyTorch and JAX take part if they can be imported
python -m benchmarks --whole    and the sweep of 28 widths to its end, not scaled from a few epochs
"""

import argparse
import datetime
import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks import machine, measure, ours
from lib.experiments.command_line import UDL, UDL_WIDTHS
from lib.experiments.double_descent import Setting, train
from lib.experiments.sweeps import WORKER, sweep, try_to_write_into, write_atomically

RESULTS = Path(__file__).with_name("results.json")
WIDTHS = (10, 40, 100, 200, 400)
# How many times faster than PyTorch the library ought to be, by width and over the whole sweep; how many
# times JAX's time it may take, by members and width; and the megabytes, for 16 networks of the largest width.
BARS = {
    "notebook": {10: 15, 100: 5, 400: 1.4},
    "tuned": {10: 6, 100: 2, 400: 1},
    "sweep": 12,
    "jax": {1: {10: 1.75, 100: 1.25, 200: 1.25, 400: 1.25}}
    | {members: dict.fromkeys(WIDTHS, 1) for members in (4, 16)},
    "memory": 150,
}
# XLA reads it when JAX is imported.
ONE_THREAD = {"XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"}


def benchmark(
    widths: Sequence[int] = WIDTHS,
    sweep_widths: Sequence[int] = UDL_WIDTHS,
    members: Sequence[int] = (1, 4, 16),
    rounds: int = 7,
    epochs: int = 5,
    whole: bool = False,
    scales: dict[str, tuple] = measure.SCALES,
) -> dict[str, object]:
    """Measure everything, and return it as the results file holds it."""
    found = machine.describe()
    cores, ways = found["cores"], []
    if found["pytorch"]:
        from benchmarks import pytorch

        ways += pytorch.WAYS
        same("PyTorch", pytorch.largest_difference(*measure.data(), max(widths), n_steps=100))
    if found["jax"]:
        from benchmarks import with_jax

        ways.append("jax")
        same("JAX", with_jax.largest_difference(*measure.data(), max(widths), max(members)))
    peak = measure.peaks(3 * rounds)
    steps = measure.single_steps(widths, members, rounds, ways, cores)
    few = [size for size in members if size <= 4]
    theirs = [way for way in ("notebook", "tuned, fused") if way in ways]
    sweeps = measure.whole_sweep(sweep_widths, few, epochs, min(rounds, 3), theirs, cores)
    if whole:
        settings = [
            Setting(width, members=1, dtype="float32", **UDL) for width in sorted(sweep_widths, reverse=True)
        ]
        begin = time.perf_counter()
        sweep(train, settings, jobs=cores, progress="whole sweep")
        seconds = round(time.perf_counter() - begin, 1)
        sweeps.append(
            {"way": "ours, whole", "members": 1, "dtype": "float32", "processes": cores, "seconds": seconds}
        )
    return {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "machine": found,
        "gflops": peak,
        "steps": steps,
        "comparison": [compare(width, steps, peak["float32"]) for width in widths],
        "sweep": {"widths": list(sweep_widths), "epochs_measured": epochs, "runs": sweeps},
        "memory": {
            way: measure.memory(measure.Contender(way, max(widths), max(members)))
            for way in ("ours", "jax")
            if way in ("ours", *ways) and machine.STATUS.exists()
        },
        "scaling": measure.scaling(scales, rounds),
        "bars": BARS,
    }


def same(name: str, difference: float) -> None:
    """Raise an `ArithmeticError` if losses in float64 differ by more than round-off."""
    # Another network would be no comparison, and a kernel that computes wrongly no speed.
    if difference > 1e-9:
        raise ArithmeticError(f"the losses differ from {name}'s by {difference:.0e}")


def compare(width: int, steps: list[dict], gflops: float) -> dict[str, object]:
    """Return the fastest of each kind at one width in float32, in microseconds a step and network."""
    rows = [row for row in steps if row["width"] == width and row["dtype"] == "float32"]

    def fastest(way: str, members: int | None = None) -> dict | None:
        fits = [r for r in rows if r["way"].startswith(way) and members in (None, r["members"])]
        return min(fits, key=lambda row: row["best"], default=None)

    best = fastest("ours")
    return {
        "width": width,
        "one": fastest("ours", 1)["best"],
        "ensemble": best["best"],
        "members": best["members"],
        "products": fastest("products", best["members"])["best"],
        "bound": round(2e-3 * ours.multiplications(width) / gflops, 2),
        "notebook": (fastest("notebook") or {}).get("best"),
        "notebook_threads": (fastest("notebook") or {}).get("threads"),
        "tuned": (fastest("tuned") or {}).get("best"),
        "tuned_threads": (fastest("tuned") or {}).get("threads"),
        **{
            name: {str(r["members"]): r["best"] for r in rows if r["way"] == name} for name in ("ours", "jax")
        },
    }


def report(results: dict[str, object]) -> str:
    """Return the results as text."""
    on, comparison = results["machine"], results["comparison"]
    widths = [row["width"] for row in comparison]
    lines = [
        f"{on['processor']}, {on['cores']} cores, {on['system']}; load before: {on['load']}",
        f"NumPy {on['numpy']}, {on['blas']}, its kernel {on['kernel']}, threads: {on['blas_threads']}",
        f"PyTorch {on['pytorch'] or 'is not installed'}, JAX {on['jax'] or 'is not installed'}",
        "Large products: " + ", ".join(f"{v:.0f} GFLOP/s in {k}" for k, v in results["gflops"].items()),
        "\nMicroseconds a step and network, the fastest of the rounds",
        _line("width", widths, "d"),
    ]
    table: dict[tuple, dict[int, float]] = {}
    for row in results["steps"]:
        key = row["way"], row["members"], row["dtype"], row["threads"]
        table.setdefault(key, {})[row["width"]] = row["best"]
    for (way, members, dtype, threads), times in table.items():
        detail = f"{threads} threads" if way.startswith(("notebook", "tuned")) else f"{members} at once"
        lines.append(_line(f"{way}, {dtype}, {detail}", [times.get(width, times.get(1)) for width in widths]))
    bound = [row["bound"] / row["ensemble"] for row in comparison]
    lines.append(_line("share of the peak of sgemm, %", [100 * share for share in bound]))
    for way in ("notebook", "tuned"):
        if on["pytorch"]:
            for kind in ("one", "ensemble"):
                ratios = [row[way] / row[kind] for row in comparison]
                lines.append(_line(f"{way} / ours, {kind}", ratios, ".1f"))
            lines.append(_line("  bar", [BARS[way].get(width, "") for width in widths], ""))
    for members, bars in BARS["jax"].items() if on["jax"] else ():
        pairs = [(row["ours"].get(str(members)), row["jax"].get(str(members))) for row in comparison]
        ratios = [ours and ours / theirs for ours, theirs in pairs]
        lines.append(_line(f"ours / jax, {members} at once", ratios, ".2f"))
        lines.append(_line("  bar, at most", [bars.get(width, "") for width in widths], ""))
    lines.append("\nSeconds for 1000 epochs of " + f"{len(results['sweep']['widths'])} widths")
    for run in results["sweep"]["runs"]:
        detail = f"{run['members']} at once, {run['dtype']}, {run['processes']} processes"
        lines.append(f"{run['way'] + ', ' + detail:46}{run['seconds']:9.0f}")
    lines.append("\nMegabytes beyond the interpreter's, at the largest width, of most members")
    lines += [_line(way, [size]) for way, size in results["memory"].items()]
    lines.append("\nPowers with which the time grows, and those of theory")
    lines += [_line(name, [row["slope"], row["theory"]], ".2f") for name, row in results["scaling"].items()]
    return "\n".join(lines)


def _line(label: str, values: Sequence, form: str = ".0f") -> str:
    return f"{label:46}" + "".join(f"{'' if value is None else format(value, form):>9}" for value in values)


def main(arguments: list[str] | None = None) -> int:
    """Run the benchmark from the shell; return the exit code, which is 1 if nothing can be stored."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__.splitlines()[0])
    parser.add_argument("--whole", action="store_true", help="run the library's sweep to its end, too")
    parser.add_argument("--rounds", type=int, default=7, help="turns of each contender (%(default)s)")
    parser.add_argument("--output", type=Path, default=RESULTS, help="where the results are stored")
    options = parser.parse_args(arguments)
    if options.rounds < 1:
        parser.error(f"--rounds must be at least 1, got {options.rounds}")
    try:
        try_to_write_into(options.output.parent)
        results = benchmark(rounds=options.rounds, whole=options.whole)
        write_atomically(options.output, (json.dumps(results, indent=1) + "\n").encode())
        print(report(results))
    except OSError as error:
        print(f"benchmarks: {error}", file=sys.stderr)
        return 1
    return 0


def as_a_worker(program: str = "benchmarks") -> None:
    """Begin again in the environment of a sweep's processes, with the kernel of this processor."""
    wanted = {k: v for k, v in os.environ.items() if k not in machine.FORCED_KERNEL} | WORKER | ONE_THREAD
    if wanted != dict(os.environ):
        os.execve(sys.executable, [sys.executable, "-m", program, *sys.argv[1:]], wanted)


if __name__ == "__main__":
    as_a_worker()
    sys.exit(main())
