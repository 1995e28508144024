"""The experiments of full size, from the shell: what takes too long for a chapter.

The command line::

    python -m lib.experiments double-descent --help
    python -m lib.experiments published --help
"""

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lib.checks import count
from lib.experiments import double_descent, published
from lib.experiments.double_descent import Setting, n_parameters
from lib.experiments.published import Baseline, Descent
from lib.experiments.sweeps import (
    SweepError,
    dependencies,
    fingerprint,
    sweep,
    try_to_write_into,
    write_atomically,
)

UDL_WIDTHS = (2, 4, 6, 8, 10, 14, 18, 22, 26, 30, 35, 40, 45, 50, 55, 60, 70, 80, 90, 100)
UDL_WIDTHS += (120, 140, 160, 180, 200, 250, 300, 400)
# The published experiment, where it differs from the defaults of `Setting`.
UDL = {"epochs": 1000, "alpha": 0.1}
HELP = {
    "width": "units in each of the two hidden layers",
    "members": "networks of each width, trained in one pass",
    "n_train": "examples to train on",
    "n_test": "examples to test on",
    "label_noise": "share of the training examples with a wrong class",
    "epochs": "passes through the training examples",
    "batch_size": "examples in a step",
    "alpha": "learning rate; Polyak's is alpha (1 - beta)",
    "beta": "memory of the momentum",
    "dtype": "float64 or float32",
    "every": "epochs between two records; without it only the start and the end are kept",
    "seed": "decides first weights, orders and which labels are wrong",
    "data_seed": "decides the examples",
}


class Experiment(NamedTuple):
    """What the command line needs to know of an experiment."""

    train: Callable[[object], dict[str, NDArray]]
    settings: Callable[[argparse.Namespace], list]
    label: Callable[[object], str]  # of a line of the table
    head: str  # of those labels
    notes: Callable[[object], dict]  # what is stored of a run beside its setting


def main(arguments: list[str] | None = None) -> int:
    """Run an experiment from the shell.

    Parameters
    ----------
    arguments
        Of the command line; without them those of this process.

    Returns
    -------
    int
        Exit code: 0, or 1 if a run failed or its result could not be stored, or 130 if Ctrl-C stopped it.
        Wrong arguments, such as a folder into which nothing can be written, are found before the work: 2.
    """
    options = _parser().parse_args(arguments)
    experiment = EXPERIMENTS[options.experiment]
    try:
        settings = _plan(options)
    except (ValueError, OSError) as error:
        print(f"sweeps: {error}", file=sys.stderr)
        return 2
    # The widest takes longest, and goes first: else all would wait for it at the end.
    order = sorted(settings, key=lambda setting: -getattr(setting, "width", 0))
    code = fingerprint(dependencies(experiment.train))
    try:
        bar = options.experiment.replace("-", " ")
        results = sweep(experiment.train, order, jobs=options.jobs, cache=options.cache, progress=bar)
        found = dict(zip(order, results, strict=True))
        if options.output is not None:
            head = {"experiment": options.experiment, "code": code, "numpy": np.__version__}
            write_atomically(options.output, _json(head, experiment, settings, found).encode())
        print(_table(experiment, settings, found))
    except (SweepError, OSError) as error:
        print(f"sweeps: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        kept = f"what was finished is in {options.cache}: the same command goes on from there"
        lost = "what was finished is lost: --cache FOLDER would have kept it"
        print(f"\nsweeps: interrupted; {kept if options.cache else lost}", file=sys.stderr)
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m lib.experiments", description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(required=True, dest="experiment", metavar="experiment")
    codes = "Exit codes: 0, all is trained; 1, a run failed or its result could not be stored; 2, wrong "
    codes += "arguments, such as a folder into which nothing can be written; 130, interrupted."
    descent = commands.add_parser(
        "double-descent",
        help="errors of networks of many widths, trained on labels of which some are wrong",
        description="Train networks of many widths on MNIST-1D, some of whose labels are wrong.  "
        "The defaults are the experiment of Understanding Deep Learning, section 8.3.",
        epilog=codes,
    )
    widths = ", ".join(map(str, UDL_WIDTHS))
    descent.add_argument(
        "--widths", type=int, nargs="+", metavar="K", default=UDL_WIDTHS, help=f"{HELP['width']} ({widths})"
    )
    for name, default in {**Setting._field_defaults, **UDL}.items():
        kind = int if default is None else type(default)
        text = HELP[name] if default is None else f"{HELP[name]} ({default})"
        option = f"--{name.replace('_', '-')}"
        descent.add_argument(option, type=kind, metavar=kind.__name__, default=default, help=text)
    theirs = commands.add_parser(
        "published",
        help="experiments of the authors of MNIST-1D, at their settings",
        description="Train the baselines and the perceptrons of MNIST-1D's authors, at their settings.",
        epilog=codes,
    )
    for kind in ("noisy", "clean"):
        text = f"widths of double descent with {'wrong' if kind == 'noisy' else 'right'} labels"
        theirs.add_argument(f"--{kind}", type=int, nargs="*", metavar="K", default=(), help=text)
    for command in (descent, theirs):
        jobs = "processes; without it one for each processor"
        command.add_argument("--jobs", type=int, metavar="int", help=jobs)
        cache = "keeps each run as soon as it is trained, for next time"
        command.add_argument("--cache", type=Path, metavar="FOLDER", help=cache)
        output = "where settings and results are stored"
        command.add_argument("--output", type=Path, metavar="FILE.json", help=output)
    return parser


def _plan(options: argparse.Namespace) -> list:
    """Return the settings; what would fail at the end is tried now."""
    settings = EXPERIMENTS[options.experiment].settings(options)
    if options.jobs is not None:
        count("jobs", options.jobs)
    if options.cache is not None:
        try:
            options.cache.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OSError(f"cannot make the folder {options.cache}: {error.strerror}") from None
        try_to_write_into(options.cache)
    if options.output is not None:
        if options.output.is_dir():
            raise IsADirectoryError(f"output must be a file, but {options.output} is a folder")
        try_to_write_into(options.output.parent)
    return settings


def _distinct(name: str, widths: Sequence[int]) -> Sequence[int]:
    if len(set(widths)) < len(widths):
        raise ValueError(f"{name} must be different, but they are {widths}")
    return widths


def _of_double_descent(options: argparse.Namespace) -> list[Setting]:
    common = {name: getattr(options, name) for name in Setting._field_defaults}
    widths = _distinct("widths", options.widths)
    return [double_descent.checked(Setting(width, **common)) for width in widths]


def _of_published(options: argparse.Namespace) -> list[Baseline | Descent]:
    baselines = [
        Baseline(model, shuffled) for model in ("logistic", "residual") for shuffled in (False, True)
    ]
    noisy = [Descent(width) for width in _distinct("noisy", options.noisy)]
    clean = [Descent(width, wrong_labels=False) for width in _distinct("clean", options.clean)]
    return [published.checked(setting) for setting in [*baselines, *noisy, *clean]]


def _name_of_published(setting: Baseline | Descent) -> str:
    if isinstance(setting, Baseline):
        return f"{setting.model + ', shuffled' * setting.shuffled:24}"
    return f"{f'k = {setting.width}, ' + ('wrong labels' if setting.wrong_labels else 'clean'):24}"


EXPERIMENTS = {
    "double-descent": Experiment(
        double_descent.train,
        _of_double_descent,
        lambda setting: f"{setting.width:5}  {n_parameters(setting.width):10}",
        f"{'width':>5}  {'parameters':>10}",
        lambda setting: {"parameters": n_parameters(setting.width)},
    ),
    "published": Experiment(
        published.train,
        _of_published,
        _name_of_published,
        f"{'run':24}",
        lambda setting: {"kind": type(setting).__name__},
    ),
}


def _table(experiment: Experiment, settings: list, found: dict[object, dict[str, NDArray]]) -> str:
    """Return the last errors in per cent, mean and standard deviation over the members, line by line."""

    def percent(errors: NDArray) -> str:
        spread = f" ± {100 * errors.std(ddof=1):4.2f}" if len(errors) > 1 else ""
        return f"{100 * errors.mean():6.2f}{spread}"

    lines = [f"{experiment.head}  {'train error %':>13}  {'test error %':>13}"]
    for setting in settings:
        last = [percent(found[setting][name][-1]) for name in ("train_error", "test_error")]
        lines.append(f"{experiment.label(setting)}  {last[0]:>13}  {last[1]:>13}")
    return "\n".join(lines)


def _json(head: dict, experiment: Experiment, settings: list, found: dict[object, dict[str, NDArray]]) -> str:
    """Return settings, results and what they depend on besides; one line for each run."""
    runs = []
    for setting in settings:
        curves = {name: values.tolist() for name, values in found[setting].items()}
        run = {"setting": setting._asdict(), **experiment.notes(setting), **curves}
        runs.append(json.dumps(run, allow_nan=False))
    return json.dumps(head, indent=0)[:-2] + ',\n"runs": [\n' + ",\n".join(runs) + "\n]\n}\n"
