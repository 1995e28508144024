"""Small pictures drawn by code: digits by strokes of a pen, and outlines of shapes with a label per pixel."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lib.checks import count, fraction, generator, nonnegative, positive, representable, whole

# The pen's way through the unit square, x to the right and y down, at most eleven points for a digit.
_STROKES = [
    "50,0 80,15 90,50 80,85 50,100 20,85 10,50 20,15 50,0",
    "25,25 55,0 55,100",
    "15,25 30,5 60,0 85,20 75,50 10,100 90,100",
    "15,10 50,0 85,20 75,42 40,48 80,58 88,80 50,100 12,88",
    "65,100 65,0 10,68 95,68",
    "85,0 25,0 20,45 60,40 88,65 75,92 40,100 12,90",
    "72,0 40,20 15,60 25,92 55,100 85,80 75,55 45,50 18,68",
    "10,0 90,0 40,100",
    "50,47 18,27 30,0 70,0 82,27 50,47 12,75 30,100 70,100 88,75 50,47",
    "82,35 55,50 22,42 15,18 45,0 78,10 82,35 75,75 55,100",
]


def digit_strokes() -> NDArray:
    """Return the ten digits as a pen draws them, without lifting it.

    Returns
    -------
    NDArray
        Of shape (10, 11, 2): points (x, y) of the unit square, y down, joined by straight lines.  A digit
        with fewer points repeats its last one.

    Examples
    --------
    >>> digit_strokes()[7, :4].tolist()
    [[0.1, 0.0], [0.9, 0.0], [0.4, 1.0], [0.4, 1.0]]
    """
    points = [[[int(c) / 100 for c in point.split(",")] for point in row.split()] for row in _STROKES]
    longest = max(map(len, points))
    return np.array([row + [row[-1]] * (longest - len(row)) for row in points])


@representable("wobble", "height", "shear", "pen", "noise", "shift")
def digits(
    y: ArrayLike,
    rng: np.random.Generator,
    *,
    size: int = 20,
    height: float = 12.0,
    shift: float = 0.0,
    wobble: float = 0.04,
    turn: float = 0.25,
    shear: float = 0.25,
    scale: float = 0.15,
    pen: float = 0.07,
    noise: float = 0.2,
) -> tuple[NDArray, NDArray]:
    r"""Draw digits: strokes that are disturbed, turned, sheared, scaled and moved at random, and noise.

    Parameters
    ----------
    y
        Classes, whole numbers in 0 ... 9, of shape (n,).
    rng
        Source of randomness.
    size
        Rows and columns of a picture.
    height
        Height of a digit, in pixels.
    shift
        The middle of a digit lies at most so many pixels from the middle of its picture, along either axis:
        uniform, and not rounded.
    wobble
        Standard deviation of each point of a stroke, in heights.
    turn, shear
        Greatest angle, in radians, and greatest slant, each uniform about 0.
    scale
        Width and height are each multiplied by a uniform factor within 1 ± scale.
    pen
        Half the width of a stroke, in heights.  Its edge falls off linearly over one pixel.
    noise
        Standard deviation of the normal noise on each pixel.  Ink is 1, paper 0.

    Returns
    -------
    images : NDArray
        Of shape (n, size, size).
    centres : NDArray
        Row and column of the middle of each digit, of shape (n, 2).

    Raises
    ------
    ValueError
        If y holds no classes, rng is no generator, or a number is out of its range.

    Examples
    --------
    >>> images, centres = digits([3, 7], np.random.default_rng(0), shift=4.0)
    >>> images.shape, centres.shape
    ((2, 20, 20), (2, 2))
    """
    y, rng, size = whole("y", y, high=9, ndim=1), generator("rng", rng), count("size", size)
    height, shift = positive("height", height, ndim=0), nonnegative("shift", shift, ndim=0)
    wobble, turn = nonnegative("wobble", wobble, ndim=0), nonnegative("turn", turn, ndim=0)
    shear, scale = nonnegative("shear", shear, ndim=0), fraction("scale", scale, ndim=0)
    pen, noise = positive("pen", pen, ndim=0), nonnegative("noise", noise, ndim=0)
    n = len(y)

    points = digit_strokes()[y] - 0.5
    points = points * [0.75, 1.0] + wobble * rng.normal(size=points.shape)
    angle, slant = rng.uniform(-1, 1, (2, n)) * [[turn], [shear]]
    factors = 1 + scale * rng.uniform(-1, 1, (n, 1, 2))
    offsets = shift * rng.uniform(-1, 1, (n, 1, 2))
    cos, sin, one, zero = np.cos(angle), np.sin(angle), np.ones(n), np.zeros(n)
    turned = np.array([[cos, -sin], [sin, cos]]).transpose(2, 0, 1)
    slanted = np.array([[one, slant], [zero, one]]).transpose(2, 0, 1)
    points = height * (factors * points) @ (turned @ slanted).mT + offsets + (size - 1) / 2

    ink = np.clip(height * pen + 0.5 - _distance(points, size), 0, 1)
    centres = (offsets[:, 0] + (size - 1) / 2)[:, ::-1]
    return ink + noise * rng.normal(size=ink.shape), centres


def _distance(points: NDArray, size: int) -> NDArray:
    """Return how far each pixel lies from broken lines through points (n, m, 2): (n, size, size)."""
    rows, columns = np.indices((size, size))
    nearest = np.full((len(points), size, size), np.inf)
    for (x, y), (x_end, y_end) in zip(
        points[:, :-1].T.swapaxes(0, 1), points[:, 1:].T.swapaxes(0, 1), strict=True
    ):
        x, y, dx, dy = (a[:, None, None] for a in (x, y, x_end - x, y_end - y))
        # The point of the piece that is nearest to a pixel: the share t of the way along it.
        t = ((columns - x) * dx + (rows - y) * dy) / np.maximum(dx * dx + dy * dy, 1e-12)
        t = np.clip(t, 0, 1)
        nearest = np.minimum(nearest, np.hypot(columns - x - t * dx, rows - y - t * dy))
    return nearest


@representable("noise")
def shapes(
    n: int,
    rng: np.random.Generator,
    *,
    size: int = 24,
    per_image: int = 3,
    low: float = 3.0,
    high: float = 5.0,
    noise: float = 0.2,
) -> tuple[NDArray, NDArray]:
    r"""Outlines of squares, circles and diamonds: all points at a distance r from a centre, in three norms.

    .. math:: \|p - c\|_\infty = r, \qquad \|p - c\|_2 = r, \qquad \|p - c\|_1 = r

    Parameters
    ----------
    n
        Number of pictures.
    rng
        Source of randomness.
    size
        Rows and columns of a picture.
    per_image
        Shapes in each; one that is drawn later covers the lines of those before.
    low, high
        Least and greatest radius r, in pixels.
    noise
        Standard deviation of the normal noise on each pixel.  Ink is 1, paper 0.

    Returns
    -------
    images : NDArray
        Of shape (n, size, size).
    labels : NDArray
        What each pixel belongs to, of the same shape: 0 paper, 1 a square, 2 a circle, 3 a diamond.

    Raises
    ------
    ValueError
        If a number is out of its range, low is above high, a shape of radius high has no room, or rng is no
        generator.

    Examples
    --------
    >>> images, labels = shapes(5, np.random.default_rng(0))
    >>> images.shape, labels.shape, np.unique(labels).tolist()
    ((5, 24, 24), (5, 24, 24), [0, 1, 2, 3])
    """
    n, rng = count("n", n), generator("rng", rng)
    size, per_image = count("size", size), count("per_image", per_image)
    low, high = positive("low", low, ndim=0), positive("high", high, ndim=0)
    noise = nonnegative("noise", noise, ndim=0)
    if not low <= high <= (size - 1) / 2:
        raise ValueError(
            f"low must be at most high, and high at most half of size - 1, "
            f"but they are {low}, {high} and {size}"
        )
    rows, columns = np.indices((size, size))
    labels = np.zeros((n, size, size), int)
    for _ in range(per_image):
        kind = rng.integers(3, size=(n, 1, 1))
        r = rng.uniform(low, high, (n, 1, 1))
        row, column = high + (size - 1 - 2 * high) * rng.random((2, n, 1, 1))
        down, across = np.abs(rows - row), np.abs(columns - column)
        distance = np.choose(kind, [np.maximum(down, across), np.hypot(down, across), down + across])
        # A diamond's norm grows by the root of two for each pixel across its line.
        width = np.where(kind == 2, 0.5**0.5, 0.5)
        labels = np.where(np.abs(distance - r) <= width, kind + 1, labels)
    return (labels > 0) + noise * rng.normal(size=labels.shape), labels
