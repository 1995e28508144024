"""The house style of the figures, the data behind them, and the few drawings that chapters share."""

import ast
import inspect
import json
from collections.abc import Callable, Iterable

import matplotlib.pyplot as plt
import numpy as np
from cycler import cycler
from IPython import get_ipython
from IPython.display import HTML, Markdown
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.collections import PathCollection
from matplotlib.contour import ContourSet
from matplotlib.figure import Figure
from matplotlib_inline.backend_inline import set_matplotlib_formats
from numpy.typing import NDArray

from lib.checks import count, finite, interval, nonnegative, representable

# Okabe and Ito's palette: told apart with every kind of colour vision, and in grey by their order.
BLUE, ORANGE, GREEN, PURPLE, SKY, AMBER, BLACK = (
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#B8518F",
    "#56B4E9",
    "#E69F00",
    "#222222",
)
WIDTH = 6.4
FIGURE_DATA = "application/vnd.figure-data+json"

STYLE = {
    "axes.axisbelow": True,
    "axes.edgecolor": "#666666",
    "axes.grid": True,
    "axes.labelsize": 12,
    "axes.prop_cycle": cycler(color=[BLUE, ORANGE, GREEN, PURPLE, AMBER, SKY, BLACK]),
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 12,
    "figure.constrained_layout.use": True,
    "figure.dpi": 100,
    "figure.figsize": (WIDTH, 3.6),
    "font.size": 11.5,
    "grid.color": "#e4e4e4",
    "legend.frameon": False,
    "legend.fontsize": 11,
    "lines.linewidth": 1.8,
    "lines.markersize": 4,
    "mathtext.fontset": "cm",
    # A fixed salt names the parts of an SVG the same way in every run.
    "svg.hashsalt": "mathematics-of-deep-learning",
}


def setup() -> None:
    """Put the house style in force: call it once, in the first cell of a chapter.

    In IPython every figure is then shown as SVG, which the page uses, as PNG, which the tests
    compare, and as the data that was drawn, which they compare too.
    """
    plt.rcParams.update(STYLE)
    shell = get_ipython()
    if shell is not None:
        set_matplotlib_formats("svg", "png", bbox_inches=None, metadata={"Date": None})
        formatters = shell.display_formatter.formatters
        if FIGURE_DATA not in formatters:
            formatters[FIGURE_DATA] = type(formatters["application/json"])(parent=shell)
        formatters[FIGURE_DATA].for_type(Figure, figure_data)


def figure_data(figure: Figure) -> dict:
    """Return what a figure draws, as numbers that a test can compare.

    Parameters
    ----------
    figure
        A figure of matplotlib.

    Returns
    -------
    dict
        {"axes": [...]}: for each pair of axes its labels and, for each line, band, scatter, bar,
        contour and image, the coordinates drawn: on the scale of the axis (so log10 on a
        logarithmic one), to 7 digits, at most 200 points of each, with the root mean square of all.
        What is not a finite number is None, and counts for nothing in the mean.
    """
    return {"axes": [_axes_data(ax) for ax in figure.axes]}


def _axes_data(ax: Axes) -> dict:
    to_scale = ax.transScale.transform
    drawn = []
    for line in ax.lines:
        if _follows_data(line, ax):
            drawn.append(_summary("line", line.get_label(), to_scale(line.get_xydata())))
    for patch in ax.patches:
        if _follows_data(patch, ax):
            vertices = patch.get_patch_transform().transform(patch.get_path().vertices)
            drawn.append(_summary("patch", patch.get_label(), to_scale(vertices)))
    for artist in ax.collections:
        if isinstance(artist, ContourSet):
            # How many vertices a level has hangs on round-off; where it lies does not.
            boxes = [path.get_extents().get_points() for path in artist.get_paths() if len(path)]
            drawn.append(_summary("contour", "", to_scale(np.reshape(boxes, (-1, 2)))))
        elif isinstance(artist, PathCollection):
            drawn.append(_summary("scatter", artist.get_label(), to_scale(artist.get_offsets())))
        elif paths := artist.get_paths():
            vertices = np.concatenate([path.vertices for path in paths])
            drawn.append(_summary("band", artist.get_label(), to_scale(vertices)))
        if artist.get_array() is not None and not isinstance(artist, ContourSet):
            drawn.append(_summary("colour", artist.get_label(), artist.get_array().reshape(-1, 1)))
    for image in ax.images:
        drawn.append(_summary("image", image.get_label(), np.asarray(image.get_array()).reshape(-1, 1)))
    labels = {"title": ax.get_title("left"), "x": ax.get_xlabel(), "y": ax.get_ylabel()}
    return {**labels, "drawn": drawn}


def _follows_data(artist: Artist, ax: Axes) -> bool:
    """Tell whether the data's scales place an artist, along one axis at least."""
    transform, name = artist.get_transform(), "contains_branch_separately"
    if not hasattr(transform, name):  # before matplotlib 3.11.2
        name = "contains_branch_seperately"
    return any(getattr(transform, name)(ax.transData))


def _summary(kind: str, label: object, points: NDArray) -> dict:
    """Describe points of shape (n, d) by at most 200 of them and their root mean square."""
    points = np.ma.filled(np.ma.asarray(points, dtype=float), np.nan)
    points = np.where(np.isfinite(points), points, np.nan)
    thinned = points[:: max(1, -(-len(points) // 200))]
    # Labels that matplotlib makes up, such as _child3, count every artist of the axes: noise.
    name = "" if str(label).startswith("_") else str(label)
    # Where a column has no number at all, its 0 says so without nanmean's warning.
    rms = np.sqrt(np.nansum(points**2, axis=0) / np.maximum(np.isfinite(points).sum(axis=0), 1))
    columns = [_rounded(column) for column in thinned.T]
    return {"kind": kind, "label": name, "n": len(points), "rms": _rounded(rms), "columns": columns}


def _rounded(values: NDArray) -> list[float | None]:
    return [json.loads(f"{value:.7g}") if np.isfinite(value) else None for value in values]


def contours(
    ax: Axes, loss: Callable[[NDArray], NDArray], low: NDArray, high: NDArray, levels: int = 14
) -> None:
    """Draw the level lines of a loss of two parameters, evenly spaced in the square root of the loss.

    Parameters
    ----------
    ax
        Where to draw.
    loss
        theta of shape (..., 2) -> values of shape (...), with minimum 0.
    low, high
        Corners of the window, of shape (2,).
    levels
        Number of lines; the spacing makes those of a quadratic bowl equidistant.

    Raises
    ------
    ValueError
        If low is not below high, levels < 1, or the loss is not finite, negative, zero everywhere in the
        window or of another shape.
    """
    low, high = finite("low", low), finite("high", high)
    if low.shape != (2,) or high.shape != (2,) or not np.all(low < high):
        raise ValueError(f"low must be a corner below and left of high, but they are {low} and {high}")
    for corners in zip(low, high, strict=True):
        interval(*corners)
    count("levels", levels)
    first, second = np.meshgrid(*np.linspace(low, high, 61).T)
    values = nonnegative("loss", loss(np.stack([first, second], axis=-1)))
    if np.shape(values) != first.shape or not np.any(values):
        raise ValueError(
            f"loss must have shape {first.shape}, one value for each theta, not all 0, but it is {values}"
        )
    root = np.sqrt(values)
    steps = np.linspace(0, root.max(), levels + 2)
    ax.contourf(first, second, root, levels=steps, cmap="Blues", alpha=0.55, zorder=0)
    # No line at the least and the greatest value: round-off decides whether it has a point.
    ax.contour(first, second, root, levels=steps[1:-1], colors="#7f93a8", linewidths=0.6, zorder=0)
    ax.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]))
    ax.grid(False)


def band(ax: Axes, x: NDArray, samples: NDArray, label: str, **style: object) -> None:
    """Draw the mean of samples and, about it, the middle 80 % of them.

    Parameters
    ----------
    ax
        Where to draw.
    x
        Of shape (n,).
    samples
        Of shape (n, S): S runs.
    label
        Legend entry of the mean.
    style
        Of the line, as for `ax.plot`.

    Raises
    ------
    ValueError
        If samples has not one row for each x, or a number is not finite.
    """
    x, samples = finite("x", x, ndim=1), finite("samples", samples)
    if samples.ndim != 2 or len(samples) != len(x) or samples.size == 0:
        raise ValueError(
            f"samples must have shape ({len(x)}, S), a row for each x, but it is {samples.shape}"
        )
    mean = representable("samples")(np.mean)(samples, axis=1)
    (line,) = ax.plot(x, mean, label=label, **style)
    low, high = np.quantile(samples, [0.1, 0.9], axis=1)
    ax.fill_between(x, low, high, color=line.get_color(), alpha=0.18, linewidth=0)


def decades(axis: Axis) -> None:
    """Label a logarithmic axis 10⁻², 10⁻¹, ... in plain letters.

    Parameters
    ----------
    axis
        The x or y axis of a pair of axes.

    Notes
    -----
    For pictures whose text stays text (`lib.book.widgets`): there, typeset exponents would miss their font.
    """
    superscript = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
    axis.set_major_formatter(lambda value, _: "10" + f"{np.log10(value):.0f}".translate(superscript))
    axis.set_minor_formatter("")


def table(head: Iterable, rows: Iterable[Iterable], style: str = "dataframe") -> HTML:
    """Show rows of texts or numbers under a head.

    Parameters
    ----------
    head
        Names of the columns.
    rows
        Entries of each row.
    style
        Classes of the table in the page's style sheet.

    Returns
    -------
    HTML
        The table.

    Examples
    --------
    >>> table(["k", "error"], [[2, "0.5"]]).data
    '<table class="dataframe"><tr><th>k</th><th>error</th></tr><tr><td>2</td><td>0.5</td></tr></table>'
    """
    cells = ["".join(f"<th>{name}</th>" for name in head)]
    cells += ["".join(f"<td>{entry}</td>" for entry in row) for row in rows]
    return HTML(f'<table class="{style}">{"".join(f"<tr>{row}</tr>" for row in cells)}</table>')


def source(function: Callable) -> Markdown:
    """Show what a function of this library does: its code without docstring, types and comments.

    Parameters
    ----------
    function
        What to show.

    Returns
    -------
    Markdown
        A listing that the page highlights.
    """
    (definition,) = ast.parse(inspect.getsource(inspect.unwrap(function))).body
    if ast.get_docstring(definition) is not None:
        del definition.body[0]
    definition.decorator_list = []
    for node in ast.walk(definition):
        if isinstance(node, ast.FunctionDef):
            node.returns = None
        elif isinstance(node, ast.arg):
            node.annotation = None
    return Markdown(f"```python\n{ast.unparse(definition)}\n```")
