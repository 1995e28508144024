"""Explorers: pictures drawn beforehand for every setting, and sliders that choose among them.

The choice is made by links between widgets in the browser, so an explorer moves in the built page
without a kernel, and in JupyterLab just the same.
"""

import io
import re
from collections.abc import Callable, Sequence
from html import escape
from typing import NamedTuple

import ipywidgets as ipw
import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from lib.book.plotting import FIGURE_DATA, figure_data

# Every picture has the same margins, so that nothing jumps; fitting them to the labels takes longer
# than the drawing.  Formulas are in a font whose characters are Unicode's: TeX's fonts have an alpha
# where others have a registered sign.
FRAME = {
    "mathtext.fontset": "dejavusans",
    "figure.constrained_layout.use": False,
    "figure.subplot.left": 0.12,
    "figure.subplot.right": 0.97,
    "figure.subplot.bottom": 0.16,
    "figure.subplot.top": 0.91,
}


class Choice(NamedTuple):
    """One slider: its name, the values it can take, and how a value is written beside it."""

    name: str
    values: Sequence
    label: Callable[[object], str] = str


class Explorer(ipw.VBox):
    """Sliders above one visible picture of many; what all of them draw is kept for the tests."""

    def __init__(self, sliders: Sequence[ipw.SelectionSlider], pictures: ipw.Widget, drawn: list[dict]):
        super().__init__([*sliders, pictures], layout=ipw.Layout(max_width="44rem"))
        self._drawn = drawn
        self.add_class("explorer")

    def __repr__(self) -> str:
        """Be short: the default spells out every picture."""
        return f"Explorer({len(self._drawn)} pictures)"

    def _repr_mimebundle_(self, **kwargs: object) -> dict:
        return {**super()._repr_mimebundle_(**kwargs), FIGURE_DATA: {"pictures": self._drawn}}


def explorer(
    draw: Callable[..., Figure],
    describe: Callable[..., str],
    *choices: Choice,
    start: Sequence | None = None,
) -> Explorer:
    """Draw a picture for each combination of the choices, and link sliders to them.

    Parameters
    ----------
    draw
        Takes one value of each choice and returns a new figure, which is closed here.
    describe
        Takes the same and returns what the picture shows, for those who cannot see it.
    choices
        One for each slider, the outermost first.
    start
        The values shown first; without it, the first of each choice.

    Returns
    -------
    Explorer
        A widget, to be displayed at the end of a cell.

    Raises
    ------
    ValueError
        If there is no choice, one has no values, or start is not among them.
    """
    if not choices or not all(len(choice.values) for choice in choices):
        raise ValueError("choices must hold at least one slider, and each at least one value")
    start = [choice.values[0] for choice in choices] if start is None else start
    if len(start) != len(choices):
        raise ValueError(f"start must have one value for each choice, {len(choices)}, but it is {start}")
    for choice, value in zip(choices, start, strict=True):
        if value not in choice.values:
            raise ValueError(f"start must name values of the choices, but {choice.name} has no {value}")
    sliders = [_slider(choice, value) for choice, value in zip(choices, start, strict=True)]

    # One layout and one style for all pictures: each would otherwise bring its own to the page.  What
    # has no width set has none in JupyterLab, neither pictures nor stacks inside of stacks.
    plain = ipw.HTML(layout={"width": "100%"})
    shared = {"layout": plain.layout, "style": plain.style}

    drawn = []

    def pictures(values: tuple) -> ipw.Widget:
        if len(values) == len(choices):
            with plt.rc_context(FRAME):
                figure = draw(*values)
            description = describe(*values)
            drawn.append({"description": description, "axes": _summary(figure)})
            return ipw.HTML(svg(figure, description), **shared)
        inner = [pictures((*values, value)) for value in choices[len(values)].values]
        stack = ipw.Stack(inner, selected_index=sliders[len(values)].index, layout=plain.layout)
        ipw.jslink((sliders[len(values)], "index"), (stack, "selected_index"))
        return stack

    return Explorer(sliders, pictures(()), drawn)


def _summary(figure: Figure) -> list:
    """Return the data of a figure without its points: of each thing drawn, the root mean square is left."""
    axes = figure_data(figure)["axes"]
    return [
        [{key: thing[key] for key in ("kind", "label", "n", "rms")} for thing in ax["drawn"]] for ax in axes
    ]


def _slider(choice: Choice, value: object) -> ipw.SelectionSlider:
    return ipw.SelectionSlider(
        options=[(choice.label(option), option) for option in choice.values],
        value=value,
        description=choice.name,
        style={"description_width": "9rem"},
        layout=ipw.Layout(width="auto"),
    )


def svg(figure: Figure, description: str) -> str:
    """Return a figure as a small inline SVG image with a description, and close the figure.

    Parameters
    ----------
    figure
        What to draw; drawn under the settings `FRAME`, its formulas keep their letters.
    description
        What a screen reader says in its place.

    Returns
    -------
    str
        An <svg> element: text stays text, coordinates have one decimal of a point.
    """
    buffer = io.StringIO()
    style = {"svg.fonttype": "none", "svg.hashsalt": "explorer", "path.simplify_threshold": 0.5}
    with plt.rc_context({**FRAME, **style}):
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    plt.close(figure)
    drawing = buffer.getvalue()
    drawing = drawing[drawing.index("<svg") :]
    view_box = re.search(r'viewBox="[^"]*"', drawing).group(0)
    body = drawing[drawing.index(">") + 1 :]
    body = re.sub(r"<metadata>.*?</metadata>|<!--.*?-->|<style.*?</style>", "", body, flags=re.DOTALL)
    body = re.sub(r"font-family: [^;\"]*;? ?", "", body)
    body = re.sub(r'<g id="[^"]*"', "<g", body).replace("xlink:href", "href")
    body = re.sub(r'(id="|#)([a-z][0-9a-f]{7})[0-9a-f]{3}\b', r"\1\2", body)
    body = re.sub(r' transform="rotate\(-0 [^"]*"', "", body)
    body = re.sub(r' (?:d|x|y|width|height)="[^"]*"', _one_decimal, body)
    body = re.sub(r"\s+", " ", body).replace("> <", "><")
    body = re.sub(r' style="[^"]*"', lambda style: re.sub(r"([:;]) ", r"\1", style[0]), body)
    body = share_styles(body)
    label = escape(description, quote=True)
    # Round joins are what the style sheet said, which is gone because it would hold for the whole page.
    base = 'xmlns="http://www.w3.org/2000/svg" stroke-linejoin="round" font-family="sans-serif"'
    return f'<svg {view_box} {base} role="img" aria-label="{label}">{body}'


def _one_decimal(attribute: re.Match) -> str:
    """Round the numbers of an attribute, and leave out the spaces about the letters of a path."""
    rounded = re.sub(r"-?\d+\.\d+", lambda number: f"{float(number[0]):.1f}".removesuffix(".0"), attribute[0])
    return re.sub(r"\s*([MLQCz])\s*", r"\1", rounded)


def share_styles(drawing: str) -> str:
    """Give the style that all markers of a line share to their group, once, if that has none of its own.

    Parameters
    ----------
    drawing
        An SVG image of matplotlib's.

    Returns
    -------
    str
        The same image.
    """
    return re.sub(r"<g([^>]*)>((?:<use [^>]*/>)+)</g>", _share_style, drawing)


def _share_style(markers: re.Match) -> str:
    attributes, uses = markers.groups()
    styles = set(re.findall(r' style="[^"]*"', uses))
    if len(styles) != 1 or "style=" in attributes:
        return markers[0]
    style = styles.pop()
    return f"<g{attributes}{style}>{uses.replace(style, '')}</g>"
