"""Explorers: small valid pictures, linked to their sliders in the right order."""

import re
from xml.etree import ElementTree

import ipywidgets as ipw
import matplotlib.pyplot as plt
import numpy as np
import pytest

from lib.book import plotting, widgets
from lib.book.widgets import Choice, explorer, svg


def simple(slope=1.0, title="a figure"):
    figure, ax = plt.subplots()
    x = np.linspace(0, 1, 101)
    ax.plot(x, slope * x**2, "o-", label=r"$\alpha(1-\beta)$", markevery=10)
    ax.plot(x, slope * np.sin(6 * x))
    ax.set(title=title, xlabel="x & <y>", ylim=(-4, 4), yticks=[0.25, 0.75])
    ax.legend()
    return figure


@pytest.fixture(params=[False, True], ids=["plain style", "house style"])
def picture(request):
    with plt.rc_context():
        if request.param:
            plotting.setup()
        return svg(simple(), "a picture")


# --- One picture ---


def test_it_is_valid_xml_that_scales_and_says_what_it_shows(picture):
    root = ElementTree.fromstring(picture)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert root.get("role") == "img"
    assert root.get("aria-label") == "a picture"
    assert len(root.get("viewBox").split()) == 4
    assert root.get("width") is None


def test_it_is_small(picture):
    assert 3_000 < len(picture) < 25_000


def test_the_description_is_escaped():
    description = "\"a\" < 'b' & c > d"
    picture = svg(simple(), description)
    assert ElementTree.fromstring(picture).get("aria-label") == description
    assert 'aria-label="&quot;a&quot; &lt;' in picture


def test_every_reference_is_defined_and_groups_have_no_ids(picture):
    root = ElementTree.fromstring(picture)
    ids = {element.get("id") for element in root.iter() if element.get("id")}
    used = {element.get("href").removeprefix("#") for element in root.iter() if element.get("href")}
    used |= set(re.findall(r"url\(#([^)]*)\)", picture))
    assert used == ids
    assert len(ids) >= 3
    assert not [element for element in root.iter() if element.tag.endswith("}g") and element.get("id")]


def test_pictures_on_one_page_share_ids_only_for_the_same_thing():
    definitions = {}
    for slope in (1.0, 2.0, -3.0):
        figure = simple(slope)
        figure.set_size_inches(4 + slope, 3)  # other axes, hence another region to clip to
        for element in ElementTree.fromstring(svg(figure, "")).iter():
            if element.get("id"):
                definitions.setdefault(element.get("id"), set()).add(ElementTree.tostring(element))
    assert {len(versions) for versions in definitions.values()} == {1}


def test_the_same_figure_gives_the_same_text():
    assert svg(simple(), "") == svg(simple(), "")


def test_words_numbers_and_formulas_stay_what_they_are():
    log, ax = plt.subplots()
    with plt.rc_context():
        plotting.setup()  # TeX's fonts, whose alpha is another font's registered sign
        with plt.rc_context(widgets.FRAME):
            picture = svg(simple(title="off by 0.05"), "")
        ax.semilogy([1e-3, 1])
        log_ticks = svg(log, "")
    shown = [element.text for element in ElementTree.fromstring(picture).iter() if element.text]
    assert {"off by 0.05", "0.25", "0.75", "x & <y>"} <= set(shown)
    assert {"α", "β", "−"} <= set(shown)
    assert "−" in ElementTree.fromstring(log_ticks).itertext()


def test_coordinates_are_short_and_opacities_whole():
    figure, ax = plt.subplots()
    ax.axhspan(0.2, 0.3, alpha=0.04)
    ax.plot(np.linspace(0, 1, 50) ** 2)
    root = ElementTree.fromstring(svg(figure, ""))
    paths = [element.get("d") for element in root.iter() if element.get("d")]
    assert paths
    assert not [d for d in paths if re.search(r"\.\d\d", d)]
    assert any("opacity:0.04" in element.get("style", "") for element in root.iter())


def test_rounding_moves_no_point_by_more_than_a_twentieth():
    attribute = re.compile(".*").match(' d="M 1.25 -3.449999 L 0.04 7"')
    assert widgets._one_decimal(attribute) == ' d="M1.2 -3.4L0 7"'


def test_markers_of_one_line_state_their_style_once():
    figure, ax = plt.subplots()
    ax.plot(np.arange(20), "o", color="#123456")
    ax.set_axis_off()
    root = ElementTree.fromstring(svg(figure, ""))
    (group,) = (element for element in root.iter() if len(element) == 20)
    assert "#123456" in group.get("style")
    assert not [marker for marker in group if marker.get("style")]
    assert len({(marker.get("x"), marker.get("y")) for marker in group}) == 20


def test_markers_of_several_colours_keep_them():
    colours = ["#110000", "#001100", "#000011"]
    figure, ax = plt.subplots()
    ax.scatter(range(60), range(60), color=20 * colours)
    ax.set_axis_off()
    fills = []

    def visit(element, inherited):
        style = element.get("style", inherited)
        if element.tag.endswith("}use"):
            fills.append(re.search("fill:(#[0-9a-f]*)", style)[1])
        for child in element:
            visit(child, style)

    visit(ElementTree.fromstring(svg(figure, "")), "")
    assert fills == 20 * colours


def test_it_brings_no_style_sheet_or_metadata_into_the_page(picture):
    for word in ("<style", "<metadata", "<!--", "DOCTYPE", "http://matplotlib"):
        assert word not in picture


# --- Explorers ---


@pytest.fixture
def links(monkeypatch):
    """Collect the pairs that are linked, in order."""
    made = []
    original = ipw.jslink
    monkeypatch.setattr(widgets.ipw, "jslink", lambda a, b: made.append((a, b)) or original(a, b))
    return made


def draw(*values):
    figure, ax = plt.subplots(figsize=(1, 1))
    ax.set_axis_off()
    return figure


def describe(*values):
    return " ".join(map(str, values))


def shown(widget):
    """Return the description of the visible picture."""
    while isinstance(widget, ipw.Stack):
        widget = widget.children[widget.selected_index]
    return re.search('aria-label="([^"]*)"', widget.value).group(1)


ALPHA, BETA = Choice("alpha", [0.1, 0.2, 0.4]), Choice("beta", [0.0, 0.9], lambda beta: f"{beta:.0%}")


def test_one_slider(links):
    widget = explorer(draw, describe, ALPHA)
    slider, stack = widget.children
    assert isinstance(slider, ipw.SelectionSlider)
    assert slider.description == "alpha"
    assert slider._options_labels == ("0.1", "0.2", "0.4")
    assert links == [((slider, "index"), (stack, "selected_index"))]
    assert [shown(child) for child in stack.children] == ["0.1", "0.2", "0.4"]
    assert (slider.index, stack.selected_index, shown(stack)) == (0, 0, "0.1")
    assert "explorer" in widget._dom_classes


def test_two_sliders_choose_row_and_column(links):
    widget = explorer(draw, describe, ALPHA, BETA, start=(0.4, 0.9))
    alpha, beta, outer = widget.children
    assert beta._options_labels == ("0%", "90%")
    assert [[shown(frame) for frame in inner.children] for inner in outer.children] == [
        ["0.1 0.0", "0.1 0.9"],
        ["0.2 0.0", "0.2 0.9"],
        ["0.4 0.0", "0.4 0.9"],
    ]
    # The outer slider turns the outer stack, and the inner one every inner stack alike.
    assert ((alpha, "index"), (outer, "selected_index")) in links
    assert [target for source, target in links if source == (beta, "index")] == [
        (inner, "selected_index") for inner in outer.children
    ]
    assert len(links) == 4
    # JupyterLab shows nothing that is not told to be wide.
    inside = [outer, *outer.children, *(frame for inner in outer.children for frame in inner.children)]
    assert {widget.layout.width for widget in inside} == {"100%"}
    # Before anything is moved, sliders and pictures agree.
    assert (alpha.index, beta.index) == (2, 1)
    assert [inner.selected_index for inner in outer.children] == [1, 1, 1]
    assert shown(outer) == "0.4 0.9"


def test_three_sliders():
    widget = explorer(draw, describe, ALPHA, BETA, Choice("n", [1, 2]), start=(0.2, 0.9, 1))
    assert shown(widget.children[-1]) == "0.2 0.9 1"
    assert repr(widget) == "Explorer(12 pictures)"


def test_its_text_is_short():
    widget = explorer(draw, describe, ALPHA)
    assert repr(widget) == str(widget) == "Explorer(3 pictures)"
    assert widget._repr_mimebundle_()["text/plain"] == "Explorer(3 pictures)"


def test_it_draws_every_combination_once_and_leaves_no_figure_open():
    calls = []
    before = plt.get_fignums()
    explorer(lambda *values: calls.append(values) or draw(), describe, ALPHA, BETA)
    assert sorted(calls) == [(a, b) for a in ALPHA.values for b in BETA.values]
    assert plt.get_fignums() == before


def test_numpy_values_will_do():
    widget = explorer(draw, describe, Choice("n", np.array([1, 2, 4])), start=[2])
    assert shown(widget.children[-1]) == "2"


@pytest.mark.parametrize(
    ("choices", "start", "name"),
    [
        ((), None, "choices"),
        ((Choice("alpha", []),), None, "choices"),
        ((ALPHA,), (0.3,), "start must name values of the choices, but alpha has no 0.3"),
        ((ALPHA, BETA), (0.1,), "start must have one value for each"),
        ((ALPHA,), (0.1, 0.9), "start must have one value for each"),
    ],
)
def test_bad_arguments_are_named_before_anything_is_drawn(choices, start, name):
    def never(*values):
        raise AssertionError("drawn")

    with pytest.raises(ValueError, match=name):
        explorer(never, describe, *choices, start=start)


def test_what_every_picture_draws_is_shown_to_the_tests():
    def shown(height):
        def draw(a, b):
            figure, ax = plt.subplots()
            ax.plot([0, 1], [a, height * b])
            return figure

        choices = Choice("a", [1, 2]), Choice("b", [3, 4, 5])
        return explorer(draw, lambda a, b: f"{a}, {b}", *choices)._repr_mimebundle_()

    pictures = shown(1.0)[plotting.FIGURE_DATA]["pictures"]
    assert [picture["description"] for picture in pictures] == [
        "1, 3",
        "1, 4",
        "1, 5",
        "2, 3",
        "2, 4",
        "2, 5",
    ]
    assert pictures == shown(1.0)[plotting.FIGURE_DATA]["pictures"]
    assert pictures != shown(1.001)[plotting.FIGURE_DATA]["pictures"]
