"""Sphinx extension: a page that can be cited, mended, passed on and downloaded.

- At its foot stand a BibTeX entry and a report of a mistake to fill in: ``_templates/page-tools.html``.
- Its head has the title, a description and a picture that a link to it shows elsewhere (Open Graph).
- Its notebook is a download, and begins by saying what it needs.
- The link to the next page shows with which picture that begins.

Two keys of ``_config.yml`` are empty until the book has a home: ``book_address``, where it is read, and
``book_repository``, where it is written.
"""

import base64
import io
import json
import posixpath
import re
import tomllib
from collections.abc import Callable, Iterator
from html import escape
from pathlib import Path
from urllib.parse import quote

from docutils import nodes
from PIL import Image
from sphinx.application import Sphinx

CARDS = "_static/cards"
SIZE = (1200, 630)  # what those who show a link expect
FIRST_CELL = "where-lib-comes-from"

_FIRST_FIGURE = re.compile(r'<figure\b[^>]*>\s*(?:<a [^>]*>\s*)?<img [^>]*?src="([^"]+)"', re.DOTALL)
_NEXT = re.compile(
    r'(<a class="right-next"\s+href="([^"#]+)"[^>]*>)\s*(?:<span class="next-picture"[^>]*></span>)?'
)
_DOWNLOAD = re.compile(r'(<a href="[^"]*_sources/[^"]*") target="_blank"')


def version(root: Path) -> str:
    """Return the version of the book."""
    return tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]


def citation(book: dict[str, str], name: str, title: str, number: str, address: str) -> str:
    """Return the BibTeX entry of a page.

    Parameters
    ----------
    book
        Its ``title``, ``author``, ``year`` and ``version``.
    name
        The page, for the key of the entry.
    title
        Its title.
    number
        Of the chapter; empty for other pages.
    address
        Where the page is read; empty if that is not known.
    """
    fields = {
        "author": f"{{{book['author']}}}",
        "title": f"{{{title}}}",
        "booktitle": book["title"],
        "chapter": number,
        "year": book["year"],
        "note": f"Version {book['version']}",
        "url": address,
    }
    lines = [f"  {key:<9} = {{{value}}}" for key, value in fields.items() if value]
    return f"@incollection{{executed-{name.rpartition('/')[2]},\n" + ",\n".join(lines) + "\n}"


def report(book: dict[str, str], name: str, title: str) -> str:
    """Return a report of a mistake, to be filled in."""
    return (
        f"Page: {title} ({name})\n"
        f"Book: {book['title']}, version {book['version']}\n"
        "Where (equation, figure, sentence):\n"
        "What it says:\n"
        "What is right, and why:\n"
    )


def report_address(repository: str, title: str, text: str) -> str:
    """Return where a report is filed with one click; nowhere without a repository."""
    if not repository:
        return ""
    return f"{repository.rstrip('/')}/issues/new?title={quote(f'{title}: ')}&body={quote(text)}"


def head(title: str, description: str, site: str, address: str, picture: str) -> str:
    """Return what a link to a page shows elsewhere, as tags for its head; without what is empty."""
    tags = {
        "og:type": "article",
        "og:title": title,
        "og:description": description,
        "og:site_name": site,
        "og:url": address,
        "og:image": picture,
    }
    lines = [
        f'<meta property="{key}" content="{escape(value, quote=True)}" />'
        for key, value in tags.items()
        if value
    ]
    return "\n".join([f'<meta name="description" content="{escape(description, quote=True)}" />', *lines, ""])


def describe(doctree: nodes.document) -> str:
    """Return the first paragraph of a page that has no formula."""
    for paragraph in doctree.findall(nodes.paragraph):
        text = " ".join(paragraph.astext().split())
        if len(text) > 40 and not list(paragraph.findall(nodes.math)):
            return text if len(text) < 300 else f"{text[:300].rpartition(' ')[0]} …"
    return ""


def add_to_page(app: Sphinx, name: str, template: str, context: dict, doctree: nodes.document | None) -> None:
    """Give the templates what they show."""
    config = app.config
    book = {
        "title": config.html_title,
        "author": config.author,
        "year": re.search(r"\d{4}", config.copyright)[0],
        "version": version(Path(app.srcdir)),
    }
    context["book_version"] = book["version"]
    if doctree is None:
        return
    title = app.env.titles[name].astext()
    sections = app.env.toc_secnumbers.get(name, {}).get("")
    number = ".".join(map(str, sections)) if sections else ""
    address = posixpath.join(config.book_address, f"{name}.html") if config.book_address else ""
    context["citation"] = citation(book, name, title, number, address)
    context["report"] = report(book, name, title)
    context["report_address"] = report_address(config.book_repository, title, context["report"])
    card = card_of(Path(app.env.doc2path(name)))
    picture = f"{CARDS}/{name.replace('/', '-')}.png" if card else ""
    if picture:
        path = Path(app.outdir) / picture
        path.parent.mkdir(parents=True, exist_ok=True)
        card.save(path, optimize=True)
        picture = posixpath.join(config.book_address or context["content_root"], picture)
    numbered = f"{number}. {title}" if number else title
    tags = head(numbered, describe(doctree), config.html_title, address, picture)
    context["metatags"] = context.get("metatags", "") + tags


def card_of(source: Path) -> Image.Image | None:
    """Return the first figure that a notebook stores, on the ground of a card."""
    png = next(_stored_figures(source), None)
    if png is None:
        return None
    figure = Image.open(io.BytesIO(base64.b64decode(png))).convert("RGB")
    scale = min((SIZE[0] - 80) / figure.width, (SIZE[1] - 60) / figure.height)
    figure = figure.resize(
        (round(figure.width * scale), round(figure.height * scale)), Image.Resampling.LANCZOS
    )
    card = Image.new("RGB", SIZE, "white")
    card.paste(figure, ((SIZE[0] - figure.width) // 2, (SIZE[1] - figure.height) // 2))
    return card.quantize(128)


def _stored_figures(source: Path) -> Iterator[str]:
    if source.suffix != ".ipynb":
        return
    for cell in json.loads(source.read_text(encoding="utf-8"))["cells"]:
        if "figure" in cell["metadata"].get("mystnb", {}):
            for output in cell.get("outputs", []):
                if "image/png" in output.get("data", {}):
                    yield "".join(output["data"]["image/png"])


def finish(app: Sphinx, exception: Exception | None) -> None:
    """Finish what can be finished only when all pages are written."""
    if exception is not None or app.builder.format != "html":
        return
    out = Path(app.outdir)
    for name in app.env.found_docs:
        _rewrite(
            out / f"{name}.html",
            lambda html, name=name: lead_on(_DOWNLOAD.sub(r"\1 download", html), name, out),
        )
        notebook = out / "_sources" / f"{name}.ipynb"
        if notebook.exists():
            _rewrite(notebook, lambda text: say_what_it_needs(text, app.config.book_repository))


def _rewrite(path: Path, change: Callable[[str], str]) -> None:
    text = path.read_text(encoding="utf-8")
    changed = change(text)
    if changed != text:
        path.write_text(changed, encoding="utf-8")


def lead_on(html: str, name: str, out: Path) -> str:
    """Return a page whose link to the next one shows the first figure there, if it has one."""

    def link(found: re.Match) -> str:
        folder = posixpath.dirname(name)
        following = posixpath.normpath(posixpath.join(folder, found[2]))
        figure = _FIRST_FIGURE.search((out / following).read_text(encoding="utf-8"))
        if figure is None:
            return f"{found[1]}\n"
        address = posixpath.join(posixpath.dirname(following), figure[1])
        address = posixpath.relpath(address, folder or ".")
        return f'{found[1]}\n<span class="next-picture" style="background-image: url(\'{address}\')"></span>'

    return _NEXT.sub(link, html)


def say_what_it_needs(notebook: str, repository: str) -> str:
    """Return a notebook whose first cell says where ``lib`` comes from."""
    content = json.loads(notebook)
    if content["cells"][0].get("id") == FIRST_CELL:
        return notebook
    where = f"from {repository}" if repository else "from whoever gave you the book"
    text = (
        "*This notebook is a page of the book **The Mathematics of Deep Learning, Executed**. Its cells "
        "import `lib`, the book's own small library, which comes with the whole project. Get that "
        f"{where}, run `make lab` there, and open the notebook of the same name: it runs as it is.*"
    )
    cell = {"cell_type": "markdown", "id": FIRST_CELL, "metadata": {}, "source": [text]}
    content["cells"].insert(0, cell)
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect the extension."""
    app.add_config_value("book_address", "", "html")
    app.add_config_value("book_repository", "", "html")
    app.connect("html-page-context", add_to_page)
    app.connect("build-finished", finish, priority=710)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
