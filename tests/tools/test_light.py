"""Light pages: fewer bytes, the same to see."""

import base64
import io
import json
import re
import zlib
from xml.etree import ElementTree

import matplotlib.pyplot as plt
import numpy as np
import pytest
from PIL import Image

from tools import light


@pytest.fixture
def svg(rng):
    """Return a figure with curves, markers, contours, words and a bitmap, as matplotlib writes it."""
    figure, (left, right) = plt.subplots(1, 2)
    x = np.linspace(0, 9, 200)
    left.plot(x, np.sin(x), label=r"$\sin x$")
    left.plot(x, np.cos(x), "o", markevery=20)
    left.contourf(rng.normal(size=(9, 9)).cumsum(0))
    left.legend()
    right.imshow(rng.normal(size=(8, 8)))
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg")
    plt.close(figure)
    return buffer.getvalue()


def absolute(data):
    """Return the points of a path, whether it is written in absolute or relative coordinates."""
    points, here, start = [], np.zeros(2), np.zeros(2)
    for command, numbers in re.findall(r"([MLQCZlqczm])([^A-Za-z]*)", data):
        values = np.array(re.findall(r"-?(?:\d+\.\d+|\d+|\.\d+)", numbers), float).reshape(-1, 2)
        if command in "zZ":
            here = start
            continue
        count = {"q": 2, "c": 3}.get(command.lower(), 1)
        for group in values.reshape(-1, count, 2):
            placed = group + (here if command.islower() else 0)
            points.append(placed)
            here = placed[-1]
            if command == "M":
                start = here
    return np.concatenate(points)


def test_no_point_moves_by_more_than_a_twentieth_of_a_point(svg):
    before = [path.get("d") for path in ElementTree.fromstring(svg).iter() if path.get("d")]
    after = [path.get("d") for path in ElementTree.fromstring(light.picture(svg)).iter() if path.get("d")]
    assert len(before) == len(after) > 20
    for one, other in zip(before, after, strict=True):
        np.testing.assert_allclose(absolute(other), absolute(one), atol=0.0500001)


@pytest.mark.parametrize(
    ("data", "short"),
    [
        ("M 1 2 L 1.5 1.25 L 11.54 0 z ", "M1 2l.5-.8 10-1.2z"),
        ("M 0 0 L 0.04 0 L 0.08 0 L 0.12 0 ", "M0 0l0 0 .1 0 0 0"),  # the errors do not add up
        ("M 1 1 L 2 2 z M 5 5 L 6 6 ", "M1 1l1 1zM5 5l1 1"),
        ("M 0 1 Q 2 3 4 5 Q 5 5 6 5 C 7 7 8 8 9 9 ", "M0 1q2 2 4 4 1 0 2 0c1 2 2 3 3 4"),
        ("M 1.23 0 A 5 5 0 0 1 1 1", "M 1.23 0 A 5 5 0 0 1 1 1"),  # not among those that matplotlib writes
        ("M 10.5 -0.04 L -99.96 100 ", "M10.5 0l-110.5 100"),
    ],
)
def test_paths(data, short):
    assert light._path(data) == short


def test_a_picture_is_half_as_heavy_and_valid_and_keeps_what_it_refers_to(svg):
    short = light.picture(svg)
    assert len(short) < 0.6 * len(svg)
    root = ElementTree.fromstring(short)
    ids = {element.get("id") for element in root.iter()}
    used = set(re.findall(r'href="#([^"]*)"|url\(#([^)]*)\)', short))
    assert used
    assert {a or b for a, b in used} <= ids
    assert light.picture(short) == short


def test_a_bitmap_stays_what_it_is_to_the_last_bit(svg):
    def pixels(text):
        data = re.search(r"data:image/\w+;base64,([^\"]*)", text)[1]
        return np.asarray(Image.open(io.BytesIO(base64.b64decode(data))).convert("RGBA"))

    short = light.picture(svg)
    assert "image/webp" in short
    np.testing.assert_array_equal(pixels(short), pixels(svg))


CSS = """
html[data-theme="light"] .highlight { background: #fefefe; color: #080808 }
html[data-theme="light"] .highlight .n { color: #080808 } /* Name */
html[data-theme="light"] .highlight .p { color: #080808 } /* Punctuation */
html[data-theme="light"] .highlight .ge { color: #080808; font-style: italic }
html[data-theme="light"] .highlight .k { color: #7928A1 }
html[data-theme="dark"] .highlight { background: #2b2b2b; color: #F8F8F2 }
html[data-theme="dark"] .highlight .n { color: #F8F8F2 }
html[data-theme="dark"] .highlight .p { color: #FF0000 }
html[data-theme="dark"] .highlight .ge { color: #F8F8F2; font-style: italic }
html[data-theme="dark"] .highlight .k { color: #DCC6E0 }
"""


def test_plain_are_the_tokens_that_look_like_the_text_around_them_in_every_theme():
    assert light.plain_classes(CSS) == {"n"}


def test_a_page():
    state = json.dumps({"state": {"a": "<svg>&é</svg>" * 50}})
    page = f"""<link/>
  <!-- So that users can add custom icons -->
  <script defer src="../_static/scripts/fontawesome.js?digest=1"></script>
  <!-- Other scripts -->
  <script src="../_static/scripts/other.js"></script>
<button class="btn search-button-field x" title="Search" aria-label="Search" data-x="1">
<button class="btn theme-switch-button" aria-label="Color mode">
<summary aria-label="Toggle hidden content">Show</summary>
<span class="n">not code</span><pre><span></span><span class="n">x</span> <span class="k">if</span></pre>
<script type="application/vnd.jupyter.widget-state+json">{state}</script>"""
    short = light.page(page, {"n"})
    head, packed = short.split(f'<script type="{light.PACKED}">')
    assert (
        head
        == """<link/>
  <!-- Other scripts -->
  <script src="../_static/scripts/other.js"></script>
<button class="btn search-button-field x" title="Search" data-x="1">
<button class="btn theme-switch-button" aria-label="Color mode">
<summary>Show</summary>
<span class="n">not code</span><pre>x <span class="k">if</span></pre>
"""
    )
    assert zlib.decompress(base64.b64decode(packed.removesuffix("</script>"))).decode() == state
    assert light.page(short, {"n"}) == short
    assert '<span class="n">x</span>' in light.page(page)  # nothing is plain unless it is said


def test_a_style_sheet_keeps_the_icons_that_are_named():
    css = r'.fa-lg{font-size:1em}.fa-sun:before{content:"\f1"}.fa-cat:before,.fa-kitty:before{content:"\f2"}'
    css += r'.x:before{content:"\f1"}'
    left = r'.fa-lg{font-size:1em}.fa-kitty:before{content:"\f2"}.x:before{content:"\f1"}'
    assert light.style(css, {"fa-kitty"}) == left


def test_a_style_sheet_keeps_the_parts_of_cards_that_are_named():
    css = "p:is(.a,.b){top:0}.sd-card>hr,.sd-tab,.sd-card .sd-tab:not(.a,.b){top:0}"
    css += "@media print{.sd-tab{top:0}.sd-card{top:0}}"
    left = "p:is(.a,.b){top:0}.sd-card>hr{top:0}@media print{.sd-card{top:0}}"
    assert light.style(css, {"sd-card"}) == left


def test_a_built_book_is_light_after_the_first_time(tmp_path, svg):
    html = tmp_path / "html"
    for folder in ("_static/styles", "_static/scripts", "_images", "chapters"):
        (html / folder).mkdir(parents=True)
    (html / "_static" / "pygments.css").write_text(CSS)
    (html / "_static" / "x.html").write_text("<pre><span></span></pre>")
    (html / "_static" / "styles" / "a.css").write_text('.fa-a:before{content:"a"}.fa-b:before{content:"b"}')
    (html / "_static" / "scripts" / "some-theme.js").write_text("'fa-b'")
    (html / "_images" / "1.svg").write_text(svg)
    (html / "chapters" / "1.html").write_text('<pre><span class="n">x</span></pre>')
    light.lighten(html)

    def files():
        return {path.relative_to(html).as_posix(): path.read_bytes() for path in html.rglob("*.*")}

    once = files()
    assert once["chapters/1.html"] == b"<pre>x</pre>"
    assert once["_static/x.html"] == b"<pre><span></span></pre>"
    assert once["_static/styles/a.css"] == b'.fa-b:before{content:"b"}'
    assert once["_images/1.svg"] == light.picture(svg).encode()
    light.lighten(html)
    assert files() == once


def test_an_explorer_is_preceded_by_the_picture_with_which_it_begins():
    models = {
        "box": {"children": ["IPY_MODEL_slider", "IPY_MODEL_stack"]},
        "slider": {"value": "1"},
        "stack": {"children": ["IPY_MODEL_a", "IPY_MODEL_b"], "selected_index": 1},
        "a": {"value": '<svg aria-label="first">A</svg>'},
        "b": {"value": '<svg aria-label="second">B</svg>'},
    }
    state = json.dumps({"state": {name: {"state": model} for name, model in models.items()}})
    view = '<script type="application/vnd.jupyter.widget-view+json">{"model_id": "box"}</script>'
    html = f'{view}<script type="application/vnd.jupyter.widget-state+json">{state}</script>'
    page = light.page(html)
    still, _, rest = page.partition(view)
    assert '<div class="explorer-still"><svg aria-label="second">B</svg>' in still
    assert ">second</p>" in still
    assert "first" not in still
    assert rest
    assert light.page(page) == page
