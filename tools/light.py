"""Makes the pages of the built book light. ``tools/book.py`` calls it when a build is done.

Nothing that a reader can see goes: curves move by a twentieth of a point at most, photographs and the
pictures of the explorers are packed without loss.
"""

import base64
import io
import json
import re
import zlib
from collections.abc import Callable, Iterable, Set
from pathlib import Path

from PIL import Image

from lib.book.widgets import share_styles

PACKED = "application/vnd.jupyter.widget-state+json;deflate"  # _static/explorers.js unpacks it

_STATE = re.compile(r'<script type="application/vnd\.jupyter\.widget-state\+json">(.*?)</script>', re.DOTALL)
_VIEW = re.compile(r'<script type="application/vnd\.jupyter\.widget-view\+json">(.*?)</script>', re.DOTALL)
_ICON_SCRIPT = re.compile(r"\s*<!-- [^>]* -->\s*<script [^>]*/fontawesome\.js[^>]*></script>")
_RULE = re.compile(r"([^{}]+)\{[^{}]*\}")
_COMMA = re.compile(r",(?![^()]*\))")  # between selectors, not inside one
_NAME = re.compile(r"\b(?:fa|sd)-[\w-]+")  # classes of icons; of cards, grids, tabs
_MATTERS = re.compile(r"\.(fa-[\w-]+(?=:before)|sd-[\w-]+)")
# One thing alone in a group that says nothing.
_ALONE = re.compile(r"<g>(<(?:path|use) [^<>]*/>|<g [^<>]*>(?:<use [^<>]*/>)*</g>)</g>")
_COORDINATES = {"M": 2, "L": 2, "Q": 4, "C": 6}  # how many each command takes


def lighten(out: Path) -> None:
    """Lighten a built book in place; what is light already stays as it is."""
    pages = [path for path in out.rglob("*.html") if not path.is_relative_to(out / "_static")]
    plain = plain_classes((out / "_static" / "pygments.css").read_text(encoding="utf-8"))
    for path in pages:
        _rewrite(path, lambda text: page(text, plain))
    for path in (out / "_images").glob("*.svg"):
        _rewrite(path, picture)
    static = out / "_static"
    scripts = [*static.glob("*.js"), *static.glob("scripts/*theme.js")]
    named = {name for path in [*pages, *scripts] for name in _NAME.findall(path.read_text("utf-8"))}
    for path in static.glob("**/*.css"):
        _rewrite(path, lambda text: style(text, named))


def _rewrite(path: Path, change: Callable[[str], str]) -> None:
    text = path.read_text(encoding="utf-8")
    changed = change(text)
    if changed != text:
        path.write_text(changed, encoding="utf-8")


def page(html: str, plain: Iterable[str] = ()) -> str:
    """Return a page without the theme's script of two thousand icons, its explorers packed.

    The icons that the theme shows come from its font. Code keeps the colours that differ from plain text.
    Two roles and names are mended on the way: a button goes by the name that is read on it, and the items of
    a list are such.

    Parameters
    ----------
    html
        A page as Sphinx writes it.
    plain
        The classes of tokens that look like plain text: see `plain_classes`.

    Returns
    -------
    str
        The page; a page that is light already comes back as it is.
    """
    html = _ICON_SCRIPT.sub("", html)
    html = html.replace('<summary aria-label="Toggle hidden content">', "<summary>")
    html = html.replace('role="doc-biblioentry"', 'role="listitem"')
    html = re.sub(r'(<button class="btn search-button-field[^>]*) aria-label="Search"', r"\1", html)
    token = re.compile(rf'<span class="(?:{"|".join(sorted(plain)) or "(?!)"})">([^<]*)</span>')
    html = re.sub(
        r"<pre>.*?</pre>",
        lambda code: token.sub(r"\1", code[0]).replace("<span></span>", ""),
        html,
        flags=re.DOTALL,
    )
    html = first_pictures(html)
    return _STATE.sub(lambda state: f'<script type="{PACKED}">{_pack(state[1])}</script>', html)


def first_pictures(html: str) -> str:
    """Return a page in which each explorer is preceded by the picture with which it begins.

    ``_static/explorers.js`` takes it away when the explorer is drawn. Where a script does not run, it stays.
    """
    state = _STATE.search(html)
    if state is None:
        return html
    models = json.loads(state[1])["state"]

    def still(view: re.Match) -> str:
        picture = _shown(models, json.loads(view[1])["model_id"])
        if not picture.startswith("<svg"):
            return view[0]
        says = re.search(r'aria-label="([^"]*)"', picture)[1]
        return (
            f'<div class="explorer-still">{picture}<p class="explorer-says" aria-hidden="true">{says}</p>'
            '<p class="explorer-hint">One picture of several: to move it takes JavaScript, and a browser '
            f"of 2023 or later.</p></div>\n{view[0]}"
        )

    return _VIEW.sub(still, html)


def _shown(models: dict[str, dict], model: str) -> str:
    """Return what a widget shows at first: itself, or the chosen one of its children, the last by default."""
    state = models[model]["state"]
    children = state.get("children", [])
    if not children:
        return state.get("value", "") if isinstance(state.get("value"), str) else ""
    chosen = state.get("selected_index")
    return _shown(models, children[-1 if chosen is None else chosen].removeprefix("IPY_MODEL_"))


def _pack(text: str) -> str:
    return base64.b64encode(zlib.compress(text.encode(), 9)).decode()


def plain_classes(css: str) -> set[str]:
    """Return the classes of tokens that a style sheet of Pygments colours like the text around them."""
    ground, coloured = {}, {}
    for theme, name, rule in re.findall(
        r'\[data-theme="(\w+)"\] \.highlight (?:\.(\w+) )?\{\s*([^}]*?)\s*\}', css
    ):
        if name:
            coloured.setdefault(name, {})[theme] = rule.rstrip(";")
        else:
            ground[theme] = re.search(r"(?<![\w-])color: [^;}\s]+", rule)[0]
    return {name for name, rules in coloured.items() if rules == ground}


def style(css: str, named: Set[str]) -> str:
    """Return a style sheet without the icons, and the parts of cards and grids, that no page names."""

    def kept(rule: re.Match) -> str:
        if not _MATTERS.search(rule[1]):
            return rule[0]
        selectors = [one for one in _COMMA.split(rule[1]) if set(_MATTERS.findall(one)) <= named]
        return rule[0].replace(rule[1], ",".join(selectors), 1) if selectors else ""

    return _RULE.sub(kept, css)


def picture(svg: str) -> str:
    """Return a figure of matplotlib's with coordinates of one decimal, each relative to the one before.

    Parameters
    ----------
    svg
        A file as matplotlib writes it.

    Returns
    -------
    str
        The same picture, to a twentieth of a point; one that is light already comes back as it is.
    """
    if not svg.startswith("<?xml"):
        return svg
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>|<!--.*?-->", "", svg, flags=re.DOTALL)
    svg = re.sub(r"data:image/png;base64,([^\"]*)", _webp, svg)
    svg = re.sub(r' d="([^"]*)"', lambda path: f' d="{_path(path[1])}"', svg)
    svg = re.sub(r' (?:x|y|width|height)="[^"]*"|translate\([^)]*\)', _one_decimal, svg)
    svg = re.sub(r' style="[^"]*"', lambda found: re.sub(r"([:;]) ", r"\1", found[0]), svg)
    svg = re.sub(r'<g id="[^"]*"', "<g", svg).replace("xlink:href", "href")
    svg = re.sub(r"\s+", " ", svg).replace("> <", "><")
    svg = share_styles(svg)
    while (unwrapped := _ALONE.sub(r"\1", svg)) != svg:
        svg = unwrapped
    return svg


def _webp(png: re.Match) -> str:
    """Pack a bitmap anew, to the last bit what it was."""
    buffer = io.BytesIO()
    image = Image.open(io.BytesIO(base64.b64decode(png[1])))
    image.save(buffer, "webp", lossless=True, exact=True, method=2)
    return f"data:image/webp;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def _one_decimal(found: re.Match) -> str:
    return re.sub(r"-?\d+\.\d+", lambda number: _tenths(round(10 * float(number[0]))), found[0])


def _tenths(n: int) -> str:
    """Write n / 10 without a zero that says nothing."""
    return f"{n / 10:.1f}".removesuffix(".0").replace("0.", ".", 1) if abs(n) < 10 else f"{n / 10:g}"


def _path(data: str) -> str:
    """Write a path in relative coordinates; they add up to the rounded absolute ones."""
    found = re.findall(r"[A-Za-z]|-?\d+(?:\.\d+)?", data)
    if not set(filter(str.isalpha, found)) <= {*_COORDINATES, "z"}:
        return data
    written, before, here, start = [], "", (0, 0), (0, 0)
    i = 0
    while i < len(found):
        if found[i].isalpha():
            command, i = found[i], i + 1
        if command == "z":
            written.append("z")
            before, here = "z", start
            continue
        count = _COORDINATES[command]
        point = [round(10 * float(number)) for number in found[i : i + count]]
        i += count
        if command == "M":
            start, move, name = (point[0], point[1]), point, "M"
        else:
            move, name = [c - here[k % 2] for k, c in enumerate(point)], command.lower()
        here = (point[-2], point[-1])
        numbers = " ".join(map(_tenths, move)).replace(" -", "-")
        apart = "" if name != before or numbers.startswith("-") else " "
        written.append((name if name != before else "") + apart + numbers)
        before = name
    return "".join(written)
