"""Bad input, everywhere: a public function gives a right answer, or a `ValueError` that names the argument.

The arguments of `cases` are spoiled one at a time.  What then comes out must be finite and of the documented
shape, or a `ValueError` whose message contains the argument's name.  No other error, no warning (pytest makes
them errors), and no argument is changed: all arrays are read-only, and compared byte by byte afterwards.  A
list, a view, a longer or a shorter number that holds the same value must give the same answer.

What is decided, and what lies outside:

- In the loop of a training (arguments that a case calls loose) numbers pass unjudged: what is not finite
  comes out not finite, what is huge may, as NumPy's overflow does it, and `lib.training.record` raises its
  `DivergenceError`.  To look at each number there would cost more than a step.
- A huge but legal rate makes the iterates diverge: that is what `record` is for, and counts as named.
- A random generator that is none is named like any other argument.
- Functions where arrays belong, missing or unknown arguments, objects of matplotlib: these are
  programming errors, and Python's own messages are good enough.  Flags are taken by their truth.
- A legal count that is larger than the machine, between some thousands and `lib.checks.MOST`, is the
  machine's to refuse.
"""

import copy
import importlib
import inspect
import math
import pkgutil
import re
from datetime import date
from decimal import Decimal
from fractions import Fraction
from numbers import Rational

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import lib
from lib.checks import MOST
from lib.training import DivergenceError
from cases import CASES, NOTHING_TO_CORRUPT, Case

ARGUMENTS = [pytest.param(case, name, id=f"{case.function}-{name}") for case in CASES for name in case.good]
HUGE = 1e60  # Powers of what is smaller stay in range in float64.

JUNK = [
    *(
        None,
        "text",
        "",
        b"bytes",
        1j,
        np.complex64(1),
        object(),
        date(2026, 1, 1),
        np.datetime64("2026-01-01"),
    ),
    *({}, {"a": 1}, {1.0}, range(3), iter([1.0]), ["a"], [None], [[1.0], [1.0, 2.0]], [1.0, "a"], [1j, 2.0]),
    *(True, False, np.True_, 0, 1, 3, -1, MOST + 1, 2**63, -(2**63), 10**30, 10**400, -(10**400)),
    *(0.0, -0.0, 0.25, 1.0, 1.5, -1.0, 1e-300, 5e-324, 1e300, 1.7e308, -1.7e308, np.nan, np.inf, -np.inf),
    *(Fraction(1, 3), Decimal("0.5"), np.float16(0.5), np.longdouble(0.5), np.float32(3e38), np.int8(100)),
    *([], (), [[]], np.empty((0, 3)), np.empty((2, 0)), np.empty((0, 4, 2)), np.zeros((1, 1, 1, 1, 1))),
    *(
        np.array(0.5),
        np.array("text"),
        np.array(None),
        np.array([object()]),
        np.zeros(2, dtype=[("a", float)]),
    ),
    *(np.array([True, False]), np.array([0, 1], np.uint8), np.array([1.0, np.nan]), np.full((4, 2), 1.7e308)),
    np.array(["2026"], np.datetime64),
]


def corruptions(value: object) -> list:
    """Return arrays that are almost the one given: a wrong entry, a row or an axis too many or too few."""
    if not isinstance(value, np.ndarray) or value.size == 0:
        return []
    spoiled = []
    for entry in (np.nan, np.inf, -np.inf, 1.7e308, -1.7e308, 5e-324, -1.0, 0.0, 1e200):
        for place in (0, -1):
            array = value.astype(float)
            array.flat[place] = entry
            spoiled.append(array)
    spoiled += [
        value[0],
        value[None],
        value[:0],
        value[..., :0],
        value[:1],
        value[:-1],
        value[..., :-1],
        value.T,
    ]
    spoiled += [np.concatenate([value, value]), np.concatenate([value, value], axis=-1), -value, value + 7]
    spoiled += [0 * value, 0 * value + 1, value * 1e300, value * 1e-300, value * 1e-320, value * 2.0**-40]
    spoiled += [value.astype(kind) for kind in (complex, str, object, bool, np.float16, np.int8, np.uint64)]
    return spoiled


def same(value: object) -> list:
    """Return other ways to write the same value: each must give the same answer."""
    if isinstance(value, np.ndarray):
        wide = np.repeat(value, 2, axis=-1)
        ways = [value.tolist(), np.asfortranarray(value), wide[..., ::2], value[::-1].copy()[::-1]]
        kinds = (
            [np.float32, np.float16, np.longdouble, ">f8"]
            if value.dtype.kind == "f"
            else [np.int8, np.uint64]
        )
        if value.dtype.kind == "f" and np.all(value == value.round()):
            kinds.append(int)
        return ways + [value.astype(kind) for kind in kinds]
    if isinstance(value, bool | str) or not isinstance(value, int | float):
        return []
    kinds = (
        [np.int8, np.uint8, np.int64]
        if isinstance(value, int)
        else [np.float64, np.float16, np.longdouble, np.array]
    )
    return [kind(value) for kind in kinds if kind(value) == value]


def frozen(value: object) -> object:
    """Return a copy whose arrays are read-only."""
    if isinstance(value, tuple) and type(value) is tuple:
        return tuple(frozen(part) for part in value)
    try:
        value = copy.deepcopy(value)
    except TypeError:  # an iterator
        return value
    if isinstance(value, np.ndarray):
        value.flags.writeable = False
    return value


def content(value: object) -> object:
    """Return what must not change: type and bytes of every array, and how all else is written."""
    if isinstance(value, tuple):
        return [content(part) for part in value]
    if isinstance(value, np.ndarray) and value.dtype != object:
        return value.dtype, value.shape, value.tobytes()
    # A generator is there to be drawn from.
    return type(value) if isinstance(value, np.random.Generator | np.random.RandomState) else repr(value)


def flat(result: object) -> list[np.ndarray]:
    """Return the arrays of a result, in order."""
    if isinstance(result, dict):
        result = tuple(part for name, part in result.items() if name != "t")
    if isinstance(result, tuple):
        return [array for part in result for array in flat(part)]
    return [np.asarray(result)]


def is_finite(array: np.ndarray) -> bool:
    """Whether all entries are finite numbers, or fractions."""
    if array.dtype == object:
        return all(isinstance(entry, Rational) or math.isfinite(entry) for entry in array.flat)
    return bool(np.isfinite(array).all())


def is_loose(value: object) -> bool:
    """Whether an array holds something so large, or no number, that what comes of it need not be finite."""
    if isinstance(value, tuple):
        return any(is_loose(part) for part in value)
    array = np.asarray(value)
    return array.dtype.kind not in "biufc" or not np.all(np.abs(array) < HUGE)


def outcome(case: Case, name: str, value: object) -> list[np.ndarray] | None:
    """Call a function with one argument replaced, judge what happens, and return its answer if it has one."""
    arguments = {key: frozen(value if key == name else good) for key, good in case.good.items()}
    before = {key: content(argument) for key, argument in arguments.items()}
    answer, message = None, None
    try:
        with np.errstate(all="ignore" if name in case.loose else "warn", under="ignore"):
            answer = flat(case.call(**arguments))
    except DivergenceError:
        answer = None
    except ValueError as error:
        message = str(error)
    assert {key: content(argument) for key, argument in arguments.items()} == before, (
        "an argument was changed"
    )
    if message is not None:
        names = "params|tree" if name == "params" else name
        assert re.search(rf"\b({names})\b", message), f"{name} is not named: {message}"
    if answer is not None:
        assert [array.shape for array in answer] == case.shape(**arguments)
        assert all(map(is_finite, answer)) or (name in case.loose and is_loose(value))
    return answer


def is_default(case: Case, name: str, value: object) -> bool:
    """Whether None stands for an argument that is left out."""
    module, function = case.function.split(".")
    parameter = inspect.signature(getattr(importlib.import_module(f"lib.{module}"), function)).parameters.get(
        name
    )
    return value is None and parameter is not None and parameter.default is None


def test_every_public_function_is_here():
    public = {
        f"{module.name}.{name}"
        for module in pkgutil.iter_modules(lib.__path__)
        for name, thing in vars(importlib.import_module(f"lib.{module.name}")).items()
        if inspect.isfunction(thing) and thing.__module__ == f"lib.{module.name}" and name[0] != "_"
    }
    assert {case.function for case in CASES} | NOTHING_TO_CORRUPT.keys() == public
