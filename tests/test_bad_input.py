"""Bad input, everywhere: a public function gives a right answer, or a `ValueError` that names the argument.

The arguments of `cases` are spoiled one at a time, those of the functions that `lib` returns, and what the
functions give that it takes, among them.  What then comes out must be finite and of the documented
shape, or a `ValueError` whose message contains the argument's name.  No other error, no warning (pytest makes
them errors), and no argument is changed: all arrays are read-only, and compared byte by byte afterwards.  A
list, a view, a longer or a shorter number that holds the same value must give the same answer.

What is decided, and what lies outside:

- In the loop of a training (arguments that a case calls loose) numbers pass unjudged: what is not finite
  comes out not finite, what is huge may, as NumPy's overflow has it, and complex numbers pass, by which
  derivatives are checked.  To look at each number there would cost more than the step;
  `lib.optim.training.record` raises its `DivergenceError` instead.
- A huge but legal rate makes the iterates diverge: that error counts as named.
- A random generator that is none is named like any other argument.
- Functions where arrays belong, missing or unknown arguments, objects of matplotlib: these are programming
  errors, for which Python's own messages are good enough.  Flags are taken by their truth.
- A legal count that only the machine is too small for, above some thousands and up to `lib.checks.MOST`, is
  the machine's to refuse.
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
from numbers import Rational, Real

import numpy as np
import pytest
from cases import CASES, NOTHING_TO_SPOIL, Case
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import lib
from lib.checks import MOST
from lib.optim.training import DivergenceError

every_argument = pytest.mark.parametrize(
    ("case", "name"),
    [pytest.param(case, name, id=f"{case.function}-{name}") for case in CASES for name in case.good],
)

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
    *(np.array(["2026"], np.datetime64), np.ma.masked_array([1.0, 2.0]), [np.zeros(2), np.zeros(3)]),
]


TEXTS = ["nan", "inf", "-inf", "sNaN", "1e400", "-1e9999999", "1e-9999999", "0e9999999", "1_000", " 1 ", "½"]


def spoiled(value: object) -> list:
    """Return what is almost the value given: a wrong entry, a row or an axis too many or too few."""
    if isinstance(value, str):
        return TEXTS
    if isinstance(value, tuple) and all(isinstance(entry, int) for entry in value):
        return [(*value[:i], wrong, *value[i + 1 :]) for i in range(len(value)) for wrong in JUNK]
    if not isinstance(value, np.ndarray):
        return []
    arrays = []
    for entry in (np.nan, np.inf, -np.inf, 1.7e308, -1.7e308, 5e-324, -1.0, 0.0, 1e200):
        for place in (0, -1):
            arrays.append(value.astype(float))
            arrays[-1].flat[place] = entry
    arrays += [
        value[0],
        value[None],
        value[:0],
        value[..., :0],
        value[:1],
        value[:-1],
        value[..., :-1],
        value.T,
    ]
    arrays += [np.concatenate([value, value]), np.concatenate([value, value], axis=-1), -value, value + 7]
    arrays += [0 * value, 0 * value + 1, value * 1e300, value * 1e-300, value * 1e-320, value * 2.0**-40]
    return arrays + [value.astype(kind) for kind in (complex, str, object, bool, "f2", "i1", "u8")]


def same(value: object) -> list:
    """Return other ways to write the same value: each must give the same answer."""
    if isinstance(value, np.ndarray):
        strided = np.repeat(value, 2, axis=-1)[..., ::2]
        ways = [value.tolist(), np.asfortranarray(value), strided, value[::-1].copy()[::-1]]
        kinds = ["f4", "f2", "g", ">f8", "i2"] if value.dtype.kind == "f" else ["i1", "u8"]
        return ways + [array for kind in kinds if np.all((array := value.astype(kind)) == value)]
    if isinstance(value, int):
        return [np.int8(value), np.uint8(value), np.int64(value)]
    if isinstance(value, float):
        kinds = np.float64, np.float32, np.float16, np.longdouble, np.array
        return [number for kind in kinds if float(number := kind(value)) == value]
    return []


def allowed(value: object) -> dict[str, float]:
    """Return how far an answer may be off: not at all but for another order or precision of sums."""
    array = np.asarray(value)
    if array.dtype == np.float32:
        return {"rtol": 1e-4, "atol": 1e-6}
    if array.dtype.kind == "f" and not (array.dtype == float and array.flags.c_contiguous):
        return {"rtol": 1e-12, "atol": 1e-14}
    return {"rtol": 0, "atol": 0}


# Made once: hypothesis takes longer to look through a strategy than to draw from it.
SHAPES = hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4)
SIZES = st.sampled_from([-np.inf, -1e200, -1.0, 0.0, 1e-200, 0.25, 1.0, 1e200]) | st.floats()
KINDS = ["?", *"bBhHiIlLqQefdFD", "M8[D]", "M8[ns]", "m8[s]"]
ARRAYS = st.one_of(hnp.arrays(np.dtype(kind).newbyteorder(order), SHAPES) for kind in KINDS for order in "<>")
LARGE = hnp.arrays(float, SHAPES, elements=SIZES)
# What lies between, the machine might have to try, unless the argument sizes nothing.
WHOLE = st.integers(max_value=6) | st.integers(min_value=MOST + 1)
FREE = WHOLE | st.integers(7, 2000)
PLAIN = {
    free: [
        st.floats(),
        whole,
        st.lists(st.floats() | whole | st.none() | st.lists(st.floats(), max_size=3), max_size=4),
        ARRAYS,
    ]
    for free, whole in [(False, WHOLE), (True, FREE)]
}


def anything(value: object, free: bool) -> st.SearchStrategy:
    """Return a strategy for what somebody may pass where such a value belongs."""
    if not isinstance(value, np.ndarray):
        return st.one_of(PLAIN[free])
    shaped = hnp.arrays(float, value.shape, elements=SIZES)
    return st.one_of(*PLAIN[free], shaped, LARGE, st.floats(0, 1e300).map(lambda factor: value * factor))


def frozen(value: object) -> object:
    """Return a copy, with read-only arrays."""
    if type(value) is tuple:
        return tuple(map(frozen, value))
    try:
        value = copy.deepcopy(value)
    except TypeError:  # an iterator
        return value
    if isinstance(value, np.ndarray):
        value.flags.writeable = False
    return value


def content(value: object) -> object:
    """Return what must not change: dtype, shape and bytes of every array, and how all else is written."""
    if isinstance(value, tuple):
        return [content(part) for part in value]
    if isinstance(value, np.ndarray) and value.dtype != object:
        return value.dtype, value.shape, value.tobytes()
    # A generator is there to be drawn from.
    return type(value) if isinstance(value, np.random.Generator | np.random.RandomState) else repr(value)


def flat(result: object) -> list[np.ndarray]:
    """Return the arrays of a result, in order, without the steps of a history."""
    if isinstance(result, dict):
        result = tuple(part for name, part in result.items() if name != "t")
    if isinstance(result, tuple):
        return [array for part in result for array in flat(part)]
    return [np.asarray(result)]


def is_finite(array: np.ndarray) -> bool:
    """Whether all entries are finite numbers, or fractions."""
    if array.dtype == object:
        numbers = [entry for entry in array.flat if isinstance(entry, Real | Decimal)]
        return len(numbers) == array.size and all(
            isinstance(number, Rational) or math.isfinite(number) for number in numbers
        )
    return array.dtype.kind in "biufc" and bool(np.isfinite(array).all())


def is_wild(value: object) -> bool:
    """Whether a value holds something huge, or no number, so that what comes of it need not be finite."""
    if isinstance(value, tuple):
        return any(map(is_wild, value))
    array = np.asarray(value)
    if array.dtype.kind not in "biufc":
        return True
    # `lib` takes no power beyond the fifth: in the precision of the array those of less stay in range.
    precision = array.dtype if array.dtype.kind in "fc" else float
    huge = min(np.finfo(precision).max, np.finfo(float).max) ** np.float64(1 / 5)
    return not np.all(np.abs(array) < huge)


def outcome(case: Case, name: str, value: object) -> list[np.ndarray] | None:
    """Call a function with one argument replaced, judge what happens, and return its answer if it has one."""
    arguments = {key: frozen(value if key == name else good) for key, good in case.good.items()}
    before = {key: content(argument) for key, argument in arguments.items()}
    answer = error = None
    try:
        with np.errstate(all="ignore" if name in case.loose else "warn", under="ignore"):
            answer = flat(case.call(**arguments))
    except (ValueError, DivergenceError) as caught:
        error = caught
    assert {key: content(argument) for key, argument in arguments.items()} == before, (
        "an argument was changed"
    )
    if error is None:
        assert [array.shape for array in answer] == case.shape(**arguments)
        assert all(map(is_finite, answer)) or (name in case.loose and is_wild(value))
    elif isinstance(error, ValueError):
        assert re.search(rf"\b{name}\b", str(error)), f"{name} is not named: {error}"
    return answer


def test_every_public_function_is_here():
    public = {
        f"{module.name.removeprefix('lib.')}.{name}"
        for module in pkgutil.walk_packages(lib.__path__, "lib.")
        if not module.name.endswith("__main__")
        for name, thing in vars(importlib.import_module(module.name)).items()
        if inspect.isfunction(thing) and thing.__module__ == module.name and name[0] != "_"
    }
    assert {case.function for case in CASES} | NOTHING_TO_SPOIL.keys() == public
    assert not {case.function for case in CASES} & NOTHING_TO_SPOIL.keys()


@every_argument
def test_the_same_value_gives_the_same_answer(case, name):
    answer = outcome(case, name, case.good[name])
    assert answer is not None
    for value in same(case.good[name]):
        other = outcome(case, name, value)
        assert other is not None, f"{value!r} is refused"
        for mine, its in zip(answer, other, strict=True):
            np.testing.assert_allclose(its, mine, **allowed(value))


@every_argument
def test_spoiled_arguments(case, name):
    for value in [*JUNK, *spoiled(case.good[name])]:
        outcome(case, name, value)


@every_argument
def test_any_argument(case, name):
    @settings(
        max_examples=25,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow],
    )
    @given(value=anything(case.good[name], name in case.free))
    def try_it(value):
        outcome(case, name, value)

    try_it()
