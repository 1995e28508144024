"""Sphinx extension: what references lead to, and what the search looks up, put aside for the pages' scripts.

When the pages are written, two things are read from them:

- ``_static/previews/<page>.js`` holds what a reference to that page leads to: the equation, theorem, figure,
  source, or the heading with its first paragraph. ``_static/previews.js`` shows it beside the reference.
- ``_static/lookup.js`` holds what Sphinx's index of words lacks: numbered things by their numbers, errata,
  and the symbols of the notation page. ``_static/search.js`` looks there.

They are scripts, because a page that was opened from disk can load nothing else.
"""

import json
import posixpath
import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

from bs4 import BeautifulSoup, Tag
from sphinx.application import Sphinx

NOTATION = "appendix/notation"
ROOT = "{root}/"  # in the address of a picture: the folder of the book, seen from the page that shows it
OTHERS = {"nabla": "∇", "ell": "ℓ", "partial": "∂", "in": "∈ ", "sum": "∑", "dots": "…", "sim": "∼"}
ACCENTS = {"hat": "\N{COMBINING CIRCUMFLEX ACCENT}", "tilde": "\N{COMBINING TILDE}"}
THINGS = "div.math, figure, div.admonition, div.citation, tr, dt"

_ARTICLE = re.compile(r"<article class=\"bd-article\">.*?</article>", re.DOTALL)
_HEAVY = re.compile(r"<script\b.*?</script>|<pre>.*?</pre>|<svg\b.*?</svg>", re.DOTALL)
_REFERENCE = re.compile(r'<a class="reference internal" href="([^"#]*)#([^"]+)"')


def put_aside(app: Sphinx, exception: Exception | None) -> None:
    """Write the scripts, once all pages are written."""
    if exception is not None or app.builder.format != "html":
        return
    out = Path(app.outdir)
    articles = {}
    for name in sorted(app.env.found_docs):
        found = _ARTICLE.search((out / f"{name}.html").read_text(encoding="utf-8"))
        if found:
            articles[name] = _HEAVY.sub("", found[0])
    wanted = {name: set() for name in articles}
    for name, article in articles.items():
        for address, anchor in _REFERENCE.findall(article):
            page = _page(name, unquote(address))
            if page in wanted:
                wanted[page].add(unquote(anchor))
    entries = []
    for name, article in articles.items():
        soup = BeautifulSoup(article, "html.parser")
        entries += lookups(name, soup)
        shown = {anchor: preview(name, soup, anchor) for anchor in sorted(wanted[name])}
        shown = {anchor: html for anchor, html in shown.items() if html}
        script = f"(window.bookPreviews ??= {{}})[{json.dumps(name)}] = {_json(shown)};\n"
        _write(out / "_static" / "previews" / f"{name}.js", script)
    _write(out / "_static" / "lookup.js", f"window.bookLookup = {_json(entries)};\n")


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def _page(name: str, address: str) -> str:
    """Return the name of the page to which an address on another page leads."""
    if not address:
        return name
    return posixpath.normpath(posixpath.join(posixpath.dirname(name), address)).removesuffix(".html")


def preview(name: str, soup: BeautifulSoup, anchor: str) -> str:
    """Return what to show for a reference to an anchor, as HTML without anchors, links and controls.

    Parameters
    ----------
    name
        The page.
    soup
        Its article; it stays as it is.
    anchor
        The id to which the reference leads.

    Returns
    -------
    str
        A piece of HTML; empty where there is nothing to show.
    """
    element = soup.find(id=anchor)
    if element is None:
        return ""
    things = [_thing(element)]
    if things == [None]:
        section = element if element.name == "section" else element.find_parent("section")
        if section is None:
            return ""
        things = [section.find(re.compile("^h[1-6]$")), section.find("p", recursive=False)]
    elif things[0].name == "dt":  # a function: its signature and what it does
        things.append(things[0].find_next("p"))
    return "".join(_bare(name, thing) for thing in things if thing is not None)


def _thing(element: Tag) -> Tag | None:
    """Return the equation, figure, box, source or row that an id names, or in or before which it stands."""
    if element.name == "section":
        return None
    for near in (element, *element.parents):
        if near.name not in ("section", "article") and near.css.match(THINGS):
            return near
        if near.name in ("section", "article"):
            break
    after = element.find_next_sibling()
    if element.name == "span" and after is not None and after.name != "section":
        return after if after.css.match(THINGS) else after.css.select_one(THINGS)
    return None


def _bare(name: str, thing: Tag) -> str:
    [copy] = BeautifulSoup(str(thing), "html.parser").contents
    for extra in copy.select(".headerlink, button, details, .viewcode-link"):
        extra.decompose()
    for link in copy.select("a"):
        link.unwrap()
    for element in (copy, *copy.select("[id], [src], [title], [role]")):
        for attribute in ("id", "title", "role"):
            element.attrs.pop(attribute, None)
        if "src" in element.attrs:
            element["src"] = ROOT + posixpath.normpath(
                posixpath.join(posixpath.dirname(name), element["src"])
            )
    if copy.name in ("tr", "dt"):  # which cannot stand alone
        copy.name = "div"
        for cell in copy.find_all("td", recursive=False):
            cell.name = "div"
    if re.fullmatch("h[1-6]", copy.name):
        copy.name = "p"
        copy["class"] = "preview-title"
    return str(copy)


def plain(text: str) -> str:
    r"""Return a text as the search compares it: no case, no brackets, no backslashes.

    Parameters
    ----------
    text
        What is asked, or what is written.

    Returns
    -------
    str
        ``plain(r"\hat\theta")`` is ``"hat theta"``; ``_static/search.js`` does the same.
    """
    text = unicodedata.normalize("NFKC", text).lower()
    return re.sub(r"(?:[\\{}()$\s,;:]|\.(?!\d))+", " ", text).strip()


def lookups(name: str, soup: BeautifulSoup) -> Iterator[list]:
    """Yield what can be looked up on a page.

    Yields
    ------
    list
        The page, a title, an anchor, a description, the words for which it comes first, and those for which
        it comes after these.
    """
    heading = soup.find("h1")
    page = _text(heading) if heading else name
    for number in soup.select("div.math .eqno"):
        label = number.find(string=True, recursive=False).strip()
        digits = plain(label)
        words = [digits, *(f"{word} {digits}" for word in ("equation", "eq"))]
        yield [name, f"Equation {label}", number.parent["id"], page, words, []]
    for caption in soup.select(".caption-number"):
        box = caption.find_parent(["figure", "div", "table"])
        if box is None or not box.get("id"):
            continue
        label = caption.get_text().strip()
        kind, _, digits = plain(label).rpartition(" ")
        kinds = {"fig": ["figure", "fig"], "theorem": ["theorem", "thm"]}.get(kind, [kind])
        about = box.select_one(".caption-text strong") or box.select_one(".admonition-title")
        title = f"{label} {_text(about).removeprefix(label).strip()}" if about else label
        yield [name, title, box["id"], page, [f"{kind} {digits}" for kind in kinds], [digits]]
    for entry in soup.select("section > h3"):
        number = re.match(r"E(\d+) · ", _text(entry))
        if number:
            anchor, n = f"erratum-e{number[1]}", number[1]
            yield [name, _text(entry), anchor, page, [f"e{n}", f"erratum {n}", f"errata {n}"], []]
    if name == NOTATION:
        yield from _symbols(name, soup, page)


def _text(element: Tag) -> str:
    copy = BeautifulSoup(str(element), "html.parser")
    for link in copy.select(".headerlink"):
        link.decompose()
    return " ".join(copy.get_text().split())


def _symbols(name: str, soup: BeautifulSoup, page: str) -> Iterator[list]:
    for row in soup.select("tbody tr[id]"):
        cells = row.find_all("td")
        formulas = [math.get_text()[2:-2] for math in cells[0].select(".math")]
        first, less = set(), set()
        for formula in formulas:
            symbol = re.split(r"=|\\in\b|\\sim\b", formula)[0]
            first |= {plain(formula), plain(symbol), plain(_unicode(symbol))}
            letter = re.search(r"[^\W\d_]", unicodedata.normalize("NFD", _unicode(symbol)))
            if letter:
                greek = re.fullmatch(r"GREEK \w+ LETTER (\w+)", unicodedata.name(letter[0]))
                less |= {plain(letter[0])} | (
                    {greek[1].lower().replace("lamda", "lambda")} if greek else set()
                )
        meaning = re.sub(r"\\\((.*?)\\\)", lambda math: _unicode(math[1]), _text(cells[1]))
        title = f"{', '.join(map(_unicode, formulas))}: {meaning}"
        yield [name, title, row["id"], page, sorted(first), sorted(less - first)]


def _unicode(tex: str) -> str:
    r"""Write a formula with the letters of Unicode, without what only sets it: θ̂_t for ``\hat\theta_t``."""
    tex = re.sub(r"\\(?:var)?([A-Za-z]+)(?![A-Za-z])\s*", _letter, tex)
    tex = re.sub(r"<(mathbb|mathcal|mathrm|operatorname|mathbf|text|lVert|rVert)>", "", tex)
    tex = re.sub(r"<(hat|tilde)>\{?(\w)\}?", lambda found: found[2] + ACCENTS[found[1]], tex)
    return re.sub(r"<\w+>|[{}\\]", "", tex)


def _letter(command: re.Match) -> str:
    word = command[1]
    if word in OTHERS:
        return OTHERS[word]
    name = "LAMDA" if word.lower() == "lambda" else word.upper()
    try:
        return unicodedata.lookup(f"GREEK {'CAPITAL' if word[0].isupper() else 'SMALL'} LETTER {name}")
    except KeyError:
        return f"<{word}>"


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect the extension."""
    app.connect("build-finished", put_aside, priority=700)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
