"""The built pages as one document for paper, which ``tools/pdf.py`` prints.

What is folded on the screen is open; the code behind figures is left out; solutions stand at their chapter's
end; an explorer becomes a strip of its pictures; a link to another page leads to it within the document.
"""

import base64
import json
import posixpath
import re
import zlib
from collections.abc import Iterator
from html import escape
from itertools import product
from pathlib import Path
from urllib.parse import unquote, urlsplit

import yaml
from bs4 import BeautifulSoup, Tag

from tools.book import CARRIED, MATHJAX
from tools.light import PACKED
from tools.notebooks import WIDGET_VIEW

STYLE = Path(__file__).with_name("paper.css")
FONTS = {"400-normal": (400, "normal"), "400-italic": (400, "italic"), "700-normal": (700, "normal")}
# On the screen only.
SCREEN = "a.headerlink, button, script, .explorer-still, .page-tools, .tocsection"
ATTACHED = "cell tag_hide-cell"  # the check of a solution, which follows it


def names(root: Path) -> list[str]:
    """Return the pages of the book in its order."""
    toc = yaml.safe_load((root / "_toc.yml").read_text(encoding="utf-8"))
    return [toc["root"], *(page["file"] for part in toc["parts"] for page in part["chapters"])]


def place(name: str, fragment: str = "") -> str:
    """Return the id, in the document, of a page or of something on it."""
    return f"{name}--{fragment}".removesuffix("--").replace("/", "-")


def document(html: Path, pages: list[str], config: dict, version: str) -> str:
    """Return one document of several built pages.

    Parameters
    ----------
    html
        The folder of the built book.
    pages
        Their names, in order.
    config
        What ``_config.yml`` says.
    version
        Of the book.
    """
    address = config["sphinx"]["config"]["book_address"]
    articles = [article(html, name, pages, address) for name in pages]
    static = html / "_static"
    serif = (static / CARRIED / "@fontsource/source-serif-4/files/source-serif-4-latin").as_uri()
    fonts = "".join(
        f'@font-face {{ font-family: "Book Serif"; font-weight: {weight}; font-style: {style}; '
        f'src: url("{serif}-{name}.woff2"); }}\n'
        for name, (weight, style) in FONTS.items()
    )
    heads = "".join(
        f"#{one['id']} {{ page: p{k}; }}\n"
        f"@page p{k} {{ @top-left {{ content: {_quoted(one['data-title'])}; }} }}\n"
        for k, one in enumerate(articles)
    )
    code = (static / "pygments.css").read_text(encoding="utf-8")
    styles = "\n".join([fonts, code, STYLE.read_text(encoding="utf-8"), heads])
    mathjax = {
        "tex": {"tags": "none"},
        "options": {
            "processHtmlClass": "math",
            "ignoreHtmlClass": "page|contents|cover",
            "enableMenu": False,
        },
        "chtml": {"mtextInheritFont": True},
    }
    title, author = escape(config["title"]), escape(config["author"])
    body = "\n".join(str(one) for one in articles)
    return f"""<!DOCTYPE html>
<html lang="en" data-theme="light"><head><meta charset="utf-8"><title>{title}</title>
<style>{styles}</style>
<script>window.MathJax = {json.dumps(mathjax)}</script>
<script defer src="{(html / "_static" / MATHJAX).as_uri()}"></script></head><body>
<section class="cover"><p class="title">{title}</p><p class="by">{author}</p>
<p class="by">Version {version}</p></section>
{contents(articles)}
{body}
</body></html>
"""


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def contents(articles: list[Tag]) -> str:
    """Return the table of contents; the numbers of the pages are filled in when they are known."""
    rows = []
    for page in articles:
        rows.append(("page-title", page["data-title"], page["id"]))
        for heading in page.select("h2"):
            section = heading.find_parent("section")
            if section is not None and section.get("id"):
                rows.append(("section-title", _text(heading), section["id"]))
    lines = "".join(
        f'<li class="{kind}"><a href="#{target}"><span>{escape(text)}</span>'
        f'<span class="number" data-place="{target}"></span></a></li>\n'
        for kind, text, target in rows
    )
    return f'<nav class="contents"><h1>Contents</h1><ol>{lines}</ol></nav>'


def _text(heading: Tag) -> str:
    """Return the text of a heading, formulas in the letters of their TeX."""
    return re.sub(r"\\[()]|[${}]", "", " ".join(heading.get_text().split()))


def article(html: Path, name: str, pages: list[str], address: str = "") -> Tag:
    """Return what a built page gives to the document.

    A link to a page that is not in it leads to where the book is read; as long as that is not known, nowhere.
    """
    path = html / f"{name}.html"
    soup = BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")
    state = _widgets(soup)
    article = soup.select_one("article.bd-article")
    for view in article.find_all("script", type=WIDGET_VIEW):
        view.replace_with(BeautifulSoup(strip(state, json.loads(view.string)["model_id"]), "html.parser"))
    for one in article.select(SCREEN):
        one.decompose()
    for folded in article.select(".tag_hide-input details"):
        folded.decompose()
    for cell in article.select(".cell"):
        if not cell.get_text(strip=True) and not cell.find("img"):
            cell.decompose()
    for folded in article.select("details"):
        folded.summary.decompose()
        folded.name, folded.attrs = "div", {"class": "unfolded"}
    _solutions_last(soup, article)
    for one in article.find_all(id=True):
        one["id"] = place(name, one["id"])
    for link in article.find_all("a", href=True):
        _lead(link, name, pages, address)
    for image in article.find_all("img"):
        if not image["src"].startswith("data:"):
            image["src"] = (path.parent / unquote(image["src"])).resolve().as_uri()
    article.attrs = {"class": "page", "id": place(name), "data-title": _text(article.h1)}
    return article


def _solutions_last(soup: BeautifulSoup, article: Tag) -> None:
    """Move the solutions, and the cells that check them, to a section at the end."""
    section = soup.new_tag("section", id="all-solutions")
    heading = soup.new_tag("h2")
    heading.string = "Solutions"
    section.append(heading)
    for solution in article.select("div.solution"):
        following = solution.find_next_sibling()
        section.append(solution.extract())
        while following is not None and set(ATTACHED.split()) <= set(following.get("class", [])):
            following, check = following.find_next_sibling(), following
            section.append(check.extract())
    if len(section.contents) > 1:
        article.section.append(section)


def _lead(link: Tag, name: str, pages: list[str], address: str) -> None:
    """Turn a link between pages into one within the document."""
    url = urlsplit(link["href"])
    if url.scheme:
        return
    folder = posixpath.dirname(name)
    path = posixpath.normpath(posixpath.join(folder, unquote(url.path))) if url.path else f"{name}.html"
    target = path.removesuffix(".html")
    if target in pages:
        link["href"] = f"#{place(target, unquote(url.fragment))}"
    elif address:
        link["href"] = posixpath.join(address, path) + (f"#{url.fragment}" if url.fragment else "")
    else:
        del link["href"]


def _widgets(soup: BeautifulSoup) -> dict[str, dict]:
    packed = soup.find("script", type=PACKED)
    return json.loads(zlib.decompress(base64.b64decode(packed.string)))["state"] if packed else {}


def strip(state: dict[str, dict], model: str) -> str:
    """Return some of the pictures of an explorer side by side, each with the place of its sliders."""
    sliders, pictures = _parts(state, model)
    labels = [(slider["description"], slider["_options_labels"]) for slider in sliders]
    total = len(list(product(*(values for _, values in labels))))
    frames = list(chosen([len(values) for _, values in labels]))
    shown = "".join(_frame(_picture(state, pictures, places), labels, places) for places in frames)
    note = f"{len(frames)} of the {total} pictures that move on the page."
    return f'<div class="strip">{shown}<p>{note}</p></div>'


def chosen(sizes: list[int]) -> Iterator[tuple[int, ...]]:
    """Yield the places of at most four pictures: of one slider, evenly apart; of two, the ends of both.

    Further sliders stand in the middle.
    """
    ends = [
        range(size) if size <= 4 else [0, (size - 1) // 3, 2 * (size - 1) // 3, size - 1] for size in sizes
    ]
    if len(sizes) > 1:
        ends = [sorted({0, size - 1}) for size in sizes[:2]] + [[size // 2] for size in sizes[2:]]
    yield from product(*ends)


def _frame(svg: str, labels: list, places: tuple[int, ...]) -> str:
    # As an image of its own: names and styles in it meet no others.
    says = re.search(r'aria-label="([^"]*)"', svg)
    data = base64.b64encode(svg.encode()).decode()
    stand = ", ".join(f"{name} {values[k]}" for (name, values), k in zip(labels, places, strict=True))
    return (
        f'<figure class="frame"><figcaption>{escape(stand)}</figcaption>'
        f'<img alt="{says[1] if says else ""}" src="data:image/svg+xml;base64,{data}"></figure>'
    )


def _children(state: dict[str, dict], model: str) -> list[str]:
    return [child.removeprefix("IPY_MODEL_") for child in state[model]["state"].get("children", [])]


def _parts(state: dict[str, dict], explorer: str) -> tuple[list[dict], str]:
    """Return the sliders of an explorer, the outermost first, and the stack of its pictures."""
    *sliders, pictures = _children(state, explorer)
    return [state[slider]["state"] for slider in sliders], pictures


def _picture(state: dict[str, dict], model: str, places: tuple[int, ...]) -> str:
    for number in places:
        model = _children(state, model)[number]
    return state[model]["state"]["value"]
