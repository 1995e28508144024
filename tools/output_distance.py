"""How far apart two outputs of a notebook cell are: pure functions, by mime type.

Each says in words what is wrong, with the distance and what is allowed, or returns None when the
outputs agree. The policy is in `tools.nbval_tolerance`, which asks.
"""

import base64
import difflib
import io
import math
import pprint
import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from lib.book.plotting import FIGURE_DATA

FIGURE_RTOL = 1e-5  # coordinates are stored to 7 digits; this lets the noise of those pass
GLUE = "application/papermill.record/"  # prefixes the mime types of a glued value
TEXT = ("text/", "stdout", "stderr", "evalue")
NUMBER = re.compile(r"(?<![\w.])[-+−]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?(?!\w|\.\d)")


class Tolerance(NamedTuple):
    """What a cell allows; the defaults hold for a cell that declares nothing."""

    rtol: float = 0.0
    atol: float = 0.0
    png: float = 2.0


def difference(mime: str, new: Any, ref: Any, tol: Tolerance) -> str | None:
    """Return how two outputs of one mime type (or stream) differ, or None when they agree."""
    mime = mime.removeprefix(GLUE)
    if new == ref:
        return None
    if mime == "image/png":
        return png_difference(decode(new), decode(ref), tol)
    if mime == FIGURE_DATA:
        return "\n".join(figure_differences(new, ref, tol)) or None
    if mime.startswith(TEXT):
        problem = text_difference(new, ref, tol)
        return problem and f"{problem}\n{line_diff(new, ref)}"
    return f"must be equal to the letter\n{line_diff(new, ref)}"


def text_difference(new: str, ref: str, tol: Tolerance) -> str | None:
    """Compare words to the letter and numbers within the tolerance."""
    if words(new) != words(ref):
        return "the words, or the count of numbers, differ"
    failures = []
    for k, (x, y) in enumerate(zip(NUMBER.findall(new), NUMBER.findall(ref), strict=True), 1):
        off, allowed = abs(decimal(x) - decimal(y)), allowance(x, y, tol)
        if off > allowed:
            failures.append((off, f"number {k} was {y}, is {x}: off by {off:.3g}", allowed))
    if failures:
        _, what, allowed = max(failures)
        return f"{len(failures)} number(s) differ, most of all {what}, allowed {allowed:.3g}"
    if new != ref and tol.rtol == tol.atol == 0:
        return "the white space, or the way a number is written, differs"
    return None


def words(text: str) -> list[str]:
    """Return what stands between the numbers of a text, its white space made uniform."""
    return NUMBER.split(" ".join(text.split()))


def decimal(number: str) -> Decimal:
    """Return the value of a printed number, keeping its last digit."""
    return Decimal(number.replace("−", "-"))


def allowance(new: str, ref: str, tol: Tolerance) -> Decimal:
    """Return how far two printed numbers may lie apart: the tolerance and half a last digit.

    A printed decimal stands for all within half a unit of its last digit. Integers are mostly
    counts: the half unit is theirs neither, nor is it anyone's where no tolerance is declared.
    """
    allowed = max(Decimal(str(tol.rtol)) * abs(decimal(ref)), Decimal(str(tol.atol)))
    if allowed and not any(number.lstrip("+-−").isdigit() for number in (new, ref)):
        last_digit = min(decimal(number).as_tuple().exponent for number in (new, ref))
        allowed += Decimal("0.5").scaleb(last_digit)
    return allowed


def figure_differences(new: Any, ref: Any, tol: Tolerance, path: str = "figure") -> Iterator[str]:
    """Compare the data behind a figure: structure and strings exactly, each array on its scale.

    An array is a list of numbers and nulls. Its numbers may be off by rtol, which is at least
    ``FIGURE_RTOL``, times the largest of the reference; its nulls must stand in the same places.
    """
    for where, problem in _figure_offsets(new, ref, path):
        if isinstance(problem, str):
            yield f"{where}: {problem}"
            continue
        off, scale = problem
        allowed = max(max(tol.rtol, FIGURE_RTOL) * scale, tol.atol)
        if not off <= allowed:
            yield f"{where}: off by {off:.3g} on a scale of {scale:.3g}, allowed {allowed:.3g}"


def figure_distance(new: Any, ref: Any) -> float:
    """Return how far the data behind two figures lie apart: of all arrays the worst, on its scale."""
    worst = 0.0
    for _, problem in _figure_offsets(new, ref, "figure"):
        if isinstance(problem, str):
            return math.inf
        off, scale = problem
        worst = max(worst, off / scale if scale and not math.isnan(off) else math.inf)
    return worst


def _figure_offsets(new: Any, ref: Any, path: str) -> Iterator[tuple[str, str | tuple[float, float]]]:
    """Yield where two figures' data differ and how: in words, or an array's distance and its scale."""
    if is_number(new) and is_number(ref):
        new, ref = [new], [ref]
    lists = isinstance(new, list) and isinstance(ref, list) and len(new) == len(ref)
    if isinstance(new, dict) and isinstance(ref, dict) and new.keys() == ref.keys():
        for key in ref:
            yield from _figure_offsets(new[key], ref[key], f"{path}.{key}")
    elif lists and not all(value is None or is_number(value) for value in new + ref):
        for k, (a, b) in enumerate(zip(new, ref, strict=True)):
            yield from _figure_offsets(a, b, f"{path}[{k}]")
    elif lists and [value is None for value in new] != [value is None for value in ref]:
        yield path, "nulls stand in other places"
    elif lists and new != ref:
        a, b = (np.array([value for value in x if value is not None]) for x in (new, ref))
        with np.errstate(invalid="ignore"):  # of two infinities: it comes out as NaN
            off, scale = np.abs(a - b).max(), np.abs(b[np.isfinite(b)]).max(initial=0)
        yield path, (float(off), float(scale))
    elif new != ref:
        yield path, f"was {str(ref)[:200]}, is {str(new)[:200]}"


def is_number(value: Any) -> bool:
    """Tell whether a JSON value is a number, which true and false are not."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def png_difference(new: np.ndarray, ref: np.ndarray, tol: Tolerance) -> str | None:
    """Compare two pictures by their worst tile."""
    if new.shape != ref.shape:
        return f"the size was {ref.shape[1]}×{ref.shape[0]}, is {new.shape[1]}×{new.shape[0]}"
    distance = tile_distance(new, ref)
    if distance <= tol.png:
        return None
    return f"the worst 16×16 tile is off by {distance:.2f}/255, allowed {tol.png:g}"


def decode(png: str) -> np.ndarray:
    """Return the (height, width, 4) pixels of a base64-encoded PNG, its transparency too."""
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(png))).convert("RGBA"), float)


def pixel_distance(new: np.ndarray, ref: np.ndarray) -> np.ndarray:
    """Return the (height, width) differences, 0 to 255, of each pixel's worst channel."""
    return np.abs(new - ref).max(axis=2)


def tile_distance(new: np.ndarray, ref: np.ndarray, tile: int = 16) -> float:
    """Return the mean difference over the worst tile, 0 to 255.

    Over the whole picture a moved curve would drown in the background; pixel by pixel an edge
    that another machine smooths otherwise would fail.
    """
    distance = pixel_distance(new, ref)
    distance = np.pad(distance, [(0, -size % tile) for size in distance.shape])
    rows, columns = (size // tile for size in distance.shape)
    return float(distance.reshape(rows, tile, columns, tile).mean(axis=(1, 3)).max(initial=0))


def line_diff(new: Any, ref: Any, limit: int = 30) -> str:
    """Return a short unified diff."""
    old_lines, new_lines = (
        (value if isinstance(value, str) else pprint.pformat(value)).splitlines() for value in (ref, new)
    )
    diff = list(difflib.unified_diff(old_lines, new_lines, "expected", "got", n=1, lineterm=""))
    more = [f"... and {len(diff) - limit} more lines"] if len(diff) > limit else []
    return "\n".join(line[:200] for line in diff[:limit] + more)
