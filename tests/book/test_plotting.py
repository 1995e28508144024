"""Figures: the data behind them is what a test can trust, and the shared drawings draw what they say."""

import inspect
import json
import re
from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pytest
from helpers import ROOT
from IPython.core.interactiveshell import InteractiveShell
from matplotlib.contour import ContourSet
from packaging.version import Version
from traitlets.config import Config

from lib.book import plotting
from lib.book.plotting import BLUE, FIGURE_DATA, STYLE, band, contours, figure_data, setup, source
from lib.nn.params import ravel
from lib.optim.optimizers import nesterov
from lib.stats.linear_models import mse


@pytest.fixture
def ax():
    figure, ax = plt.subplots()
    yield ax
    plt.close(figure)


def drawn(ax):
    """Return what figure_data tells of the artists, after a trip through strict JSON."""
    text = json.dumps(figure_data(ax.figure), allow_nan=False)
    return json.loads(text)["axes"][0]["drawn"]


@pytest.mark.parametrize("name", ["contains_branch_separately", "contains_branch_seperately"])
@pytest.mark.parametrize("places", [(False, False), (True, False), (True, True)])
def test_both_spellings_of_matplotlib_tell_who_follows_the_data(ax, name, places):
    transform = SimpleNamespace(**{name: lambda other: places if other is ax.transData else None})
    assert plotting._follows_data(SimpleNamespace(get_transform=lambda: transform), ax) == any(places)


def test_the_older_spelling_is_known_as_long_as_somebody_has_it():
    oldest = re.search(r'"matplotlib>=([\d.]+)"', (ROOT / "pyproject.toml").read_text(encoding="utf-8"))[1]
    wanted = "no matplotlib that is admitted spells contains_branch_seperately: drop it in lib.book.plotting"
    assert Version(oldest) < Version("3.11.2"), wanted


def numbers(artists):
    """Return all coordinates of some artists, one after the other; None becomes nan."""
    return np.array([v for a in artists for column in [*a["columns"], a["rms"]] for v in column], dtype=float)


# --- The data behind a figure ---


def test_a_line(ax):
    ax.plot([0, 1, 2], [3, 0, -4], label="fall")
    ax.set(xlabel="step", ylabel="loss", title="Down")
    ax.set_title("Down", loc="left")
    rms = [pytest.approx(np.sqrt(5 / 3), rel=1e-6), pytest.approx(5 / np.sqrt(3), rel=1e-6)]
    line = {"kind": "line", "label": "fall", "n": 3, "rms": rms, "columns": [[0, 1, 2], [3, 0, -4]]}
    assert figure_data(ax.figure) == {"axes": [{"title": "Down", "x": "step", "y": "loss", "drawn": [line]}]}


def test_logarithmic_axes_are_in_powers_of_ten(ax):
    ax.loglog([1, 10, 100], [1e-3, 1e-2, 1e5])
    assert drawn(ax)[0]["columns"] == [[0, 1, 2], [-3, -2, 5]]


def test_what_is_not_finite_is_null_and_counts_for_nothing(ax):
    ax.plot([0, 1, 2], [3, np.nan, np.inf])
    ax.plot([1, 1], [np.nan, np.nan])
    ax.plot([], [], label="for the legend")
    first, second, third = drawn(ax)
    # matplotlib leaves out a point that has no height.
    assert first["columns"] == [[0, None, None], [3, None, None]]
    assert first["rms"] == [0, 3]
    assert second["columns"] == [[None, None], [None, None]]
    assert second["rms"] == [0, 0]
    assert (third["n"], third["columns"]) == (0, [[], []])


def test_long_curves_are_thinned_but_every_point_counts(ax):
    y = np.zeros(1001)
    (line,) = ax.plot(y)
    before = drawn(ax)[0]
    assert (before["n"], len(before["columns"][1])) == (1001, 167)
    y[1] = 1.0  # one that is not among the 167
    line.set_ydata(y)
    after = drawn(ax)[0]
    assert after["columns"] == before["columns"]
    assert after["rms"][1] == pytest.approx(1 / np.sqrt(1001), rel=1e-6)


ARTISTS = {
    "line": lambda ax, y: ax.plot(y),
    "log line": lambda ax, y: ax.semilogy(y),
    "horizontal line": lambda ax, y: ax.axhline(y[0]),
    "vertical line": lambda ax, y: ax.axvline(y[0]),
    "span": lambda ax, y: ax.axhspan(0, y[0]),
    "band": lambda ax, y: ax.fill_between(range(5), y, 0),
    "scatter": lambda ax, y: ax.scatter(range(5), y),
    "single point": lambda ax, y: ax.scatter(y[0], 1),
    "scatter's colours": lambda ax, y: ax.scatter(range(5), range(5), c=y),
    "bars": lambda ax, y: ax.bar(range(5), y),
    "segments": lambda ax, y: ax.vlines(range(5), 0, y),
    "image": lambda ax, y: ax.imshow(np.outer(y, y)),
    "mesh": lambda ax, y: ax.pcolormesh(np.outer(y, y)),
    "mesh's corners": lambda ax, y: ax.pcolormesh(y, y, np.ones((4, 4))),
    "contour": lambda ax, y: ax.contour(np.add.outer(np.arange(5.0), np.arange(5.0)), levels=[2 * y[0]]),
}


@pytest.mark.parametrize("kind", ARTISTS)
def test_a_change_of_a_thousandth_shows_and_round_off_does_not(kind, rng):
    y = np.sort(rng.uniform(1, 2, 5))
    found = []
    for data in (y, y * (1 + 1e-9 * rng.normal(size=5)), 1.001 * y):
        figure, ax = plt.subplots()
        ARTISTS[kind](ax, data)
        found.append(drawn(ax))
        plt.close(figure)
    original, noisy, moved = map(numbers, found)
    assert original.size > 0
    np.testing.assert_allclose(noisy, original, rtol=1.1e-6, atol=1e-7)
    distance = np.abs(moved - original) / np.sqrt(np.mean(original**2))
    assert distance.max() > 2e-4


def test_a_figure_stays_small_however_many_cells_a_mesh_has(ax):
    ax.pcolormesh(np.arange(120 * 120.0).reshape(120, 120))
    assert len(drawn(ax)) == 2
    assert len(json.dumps(figure_data(ax.figure))) < 20_000


def test_drawings_in_axes_coordinates_are_no_data(ax):
    ax.plot([0, 1], [0, 1], transform=ax.transAxes)
    assert drawn(ax) == []


def test_empty_bands_and_contours_are_no_error(ax):
    ax.fill_between([0, 1], [0, 1], where=[False, False])
    ax.vlines([], 0, 1)
    contour = ax.contour([[0.0, 1.0], [1.0, 2.0]], levels=[0.5])
    contour.set_paths([])
    assert [(artist["kind"], artist["n"]) for artist in drawn(ax)] == [("contour", 0)]


def test_labels_that_matplotlib_makes_up_are_left_out(ax):
    ax.plot([0, 1])
    ax.scatter([0, 1], [0, 1])
    assert [artist["label"] for artist in drawn(ax)] == ["", ""]


# --- Style ---


def test_setup_outside_ipython_sets_the_style_and_nothing_else():
    with plt.rc_context(STYLE):
        expected = dict(plt.rcParams)
    with plt.rc_context():
        assert dict(plt.rcParams) != expected
        setup()
        setup()
        assert dict(plt.rcParams) == expected


@pytest.fixture
def shell(monkeypatch, tmp_path):
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    shell = InteractiveShell.instance(config=Config(HistoryManager={"enabled": False}))
    yield shell
    InteractiveShell.clear_instance()


def test_setup_in_ipython_shows_every_figure_in_three_ways(shell, ax):
    with plt.rc_context():
        setup()
        setup()
        ax.plot([1, 2])
        shown, _ = shell.display_formatter.format(ax.figure)
    assert shown.keys() == {"text/plain", "image/svg+xml", "image/png", FIGURE_DATA}
    assert shown[FIGURE_DATA] == figure_data(ax.figure)
    assert shell.display_formatter.format([1, 2])[0] == {"text/plain": "[1, 2]"}


# --- Shared drawings ---


def test_contours_are_evenly_spaced_in_the_root_of_the_loss(ax):
    contours(ax, lambda theta: np.square(theta).sum(axis=-1), [-3.0, -4.0], [3.0, 4.0], levels=4)
    # The root of the loss is the distance from 0: 5 at the corners, so that the lines are 1, 2, 3, 4.
    filled, lines = (artist for artist in ax.collections if isinstance(artist, ContourSet))
    np.testing.assert_allclose(lines.levels, [1, 2, 3, 4], rtol=1e-14)
    np.testing.assert_allclose(filled.levels, [0, 1, 2, 3, 4, 5], rtol=1e-14)
    for radius, path in zip([1, 2, 3], lines.get_paths(), strict=False):
        # A chord of length h, at most a cell's 8/60, lies within h^2 / (8 radius) of its circle.
        np.testing.assert_allclose(np.hypot(*path.vertices.T), radius, atol=(8 / 60) ** 2 / 8)
    assert ax.get_xlim() == (-3, 3)
    assert ax.get_ylim() == (-4, 4)


def test_contours_put_the_first_parameter_across(ax):
    contours(ax, lambda theta: theta[..., 0], [0.0, 0.0], [4.0, 1.0], levels=1)
    # The root of the first parameter runs from 0 to 2; it is 1 on the upright line at 1.
    path = ax.collections[1].get_paths()[0]
    np.testing.assert_allclose(path.vertices[:, 0], 1, atol=1e-3)


def test_contours_take_a_loss_of_the_library(ax, rng):
    X, y = rng.normal(size=(5, 2)), rng.normal(size=5)
    contours(ax, lambda theta: mse(theta, X, y), [-1.0, -1.0], [1.0, 1.0])
    assert len(ax.collections[1].levels) == 14


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"low": [np.nan, 0.0]}, "low"),
        ({"high": [np.inf, 1.0]}, "high"),
        ({"low": [0.0, 1.0]}, "low"),
        ({"low": [0.0]}, "low"),
        ({"levels": 0}, "levels"),
        ({"loss": lambda theta: theta[..., 0] - 0.5}, "loss"),
        ({"loss": lambda theta: np.full(theta.shape[:-1], np.nan)}, "loss"),
        ({"loss": lambda theta: 0 * theta[..., 0]}, "loss"),
        ({"loss": lambda theta: theta}, "loss"),
        ({"loss": lambda theta: 1.0}, "loss"),
    ],
)
def test_bad_arguments_of_contours_are_named(ax, change, name):
    good = {"loss": lambda theta: theta[..., 0], "low": [0.0, 0.0], "high": [1.0, 1.0]}
    with pytest.raises(ValueError, match=f"^{name} must"):
        contours(ax, **{**good, **change})


def test_band_is_the_mean_and_the_middle_four_fifths(ax):
    # Samples 0, 1, ..., 10 at x = 1 and twice them at x = 2: quantiles 1 and 9, mean 5.
    samples = np.outer([1.0, 2.0], np.arange(11.0))
    band(ax, np.array([1.0, 2.0]), samples, "runs", color=BLUE)
    (line,) = ax.lines
    np.testing.assert_allclose(line.get_xydata(), [[1, 5], [2, 10]])
    assert line.get_label() == "runs"
    vertices = ax.collections[0].get_paths()[0].vertices
    corners = {tuple(vertex) for vertex in vertices.round(12)}
    assert corners == {(1, 1), (1, 9), (2, 2), (2, 18)}


@pytest.mark.parametrize("shape", [(2,), (3, 2), (2, 2, 2)])
def test_band_wants_a_row_for_each_x(ax, shape):
    with pytest.raises(ValueError, match=r"^samples must have shape \(2, S\)"):
        band(ax, np.arange(2.0), np.zeros(shape), "runs")


def test_source_shows_the_code_alone():
    assert source(nesterov).data == (
        "```python\n"
        "def nesterov(gradient, theta, alpha, beta=0.9):\n"
        "    m = np.zeros_like(theta)\n"
        "    for t in count():\n"
        "        yield theta\n"
        "        ahead = theta - alpha(t) * beta * m\n"
        "        m *= beta\n"
        "        m += (1 - beta) * gradient(ahead)\n"
        "        theta = theta - alpha(t) * m\n"
        "```"
    )


@pytest.mark.parametrize("function", [mse, ravel])
def test_source_runs(function):
    # What is shown is the whole function: it still compiles, and has no docstring.
    code = source(function).data.removeprefix("```python\n").removesuffix("\n```")
    names = dict(vars(inspect.getmodule(function)))
    exec(code, names)
    assert names[function.__name__] is not function
    assert names[function.__name__].__doc__ is None
