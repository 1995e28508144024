"""Print the built book: as one PDF, and each chapter as its own.

python -m tools.pdf               # into _build/html/pdf, with links under the download icon
"""

import re
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import yaml
from playwright.sync_api import Browser, Page
from pypdf import PdfReader
from pypdfium2 import PdfDocument

from tools import paper
from tools.chromium import chromium
from tools.notebooks import ROOT
from tools.sharing import version

WAIT = 1_200_000  # milliseconds; a busy machine takes its time
OPTIONS = {"prefer_css_page_size": True, "outline": True, "tagged": True, "print_background": True}
BOOK = "book"  # the name of the PDF of all pages
LABEL = r"Fig\. \d+\.\d+(?!\d)|\(\d+\.\d+\)"

READY = """async () => {
    await MathJax.startup.promise;
    await document.fonts.ready;
}"""
# What the browser has not set as it should be, and which figures and equations have a number.
SEEN = """() => {
    const all = (what) => [...document.querySelectorAll(what)];
    const none = (one) => !one.getClientRects().length;
    return {
        faults: [
            ...all("mjx-merror").map((one) => `formula: ${one.closest("mjx-container").textContent}`),
            ...all(".math:not(:has(mjx-container))").map((one) => `no formula: ${one.textContent}`),
            ...all("img").filter((one) => !one.naturalWidth || none(one))
                .map((one) => `no picture: ${one.src.slice(0, 90)}`),
        ],
        labels: all(".eqno, .caption-number").map((one) => one.textContent.trim()),
        titles: all("h1, h2").map((one) => one.textContent),
    };
}"""
FILL = """(pages) => document.querySelectorAll("[data-place]").forEach((one) => {
    one.textContent = pages[one.dataset.place] ?? "";
})"""
# Leave one page of the document; what then leads nowhere is no link. The rest comes back with the next call.
ALONE = """(name) => {
    window.whole ??= [...document.body.children];
    window.links ??= [...document.querySelectorAll('a[href^="#"]')]
        .map((link) => [link, link.getAttribute("href")]);
    document.body.replaceChildren(...(name ? window.whole.filter((one) => one.id === name) : window.whole));
    document.querySelector("article").classList.toggle("alone", Boolean(name));
    for (const [link, href] of window.links) {
        if (document.getElementById(href.slice(1))) link.setAttribute("href", href);
        else link.removeAttribute("href");
    }
}"""


def open_document(browser: Browser, text: str, folder: Path) -> Page:
    """Return a document that is typeset."""
    file = folder / "paper.html"
    file.write_text(text, encoding="utf-8")
    page = browser.new_page()
    page.set_default_timeout(WAIT)
    page.goto(file.as_uri())
    page.evaluate(READY)
    return page


def print_book(page: Page, path: Path) -> dict:
    """Print the whole document, twice: then its contents know the pages. Return what the browser saw."""
    page.evaluate(ALONE, "")
    page.pdf(path=path, **OPTIONS)
    page.evaluate(FILL, destinations(PdfReader(path)))
    page.pdf(path=path, **OPTIONS)
    return page.evaluate(SEEN)


def print_alone(page: Page, name: str, path: Path) -> dict:
    """Print one page of the document, and return what the browser saw."""
    page.evaluate(ALONE, paper.place(name))
    page.pdf(path=path, **OPTIONS)
    return page.evaluate(SEEN)


def destinations(pdf: PdfReader) -> dict[str, int]:
    """Return the number of the page on which each target of a link stands."""
    named = pdf.named_destinations
    return {str(name).lstrip("/"): pdf.get_destination_page_number(named[name]) + 1 for name in named}


def faults(path: Path, seen: dict) -> list[str]:
    """Return what is wrong with a PDF, given what the browser saw when it was printed."""
    pdf, found = PdfReader(path), list(seen["faults"])
    targets = set(map(str, pdf.named_destinations))
    for number, page in enumerate(pdf.pages, 1):
        for link in links(page):
            if "address" in link and not re.match(r"https?:|mailto:", link["address"]):
                found.append(f"page {number}: link to {link['address']}")
            elif "target" in link and isinstance(link["target"], str) and link["target"] not in targets:
                found.append(f"page {number}: dead link to {link['target']}")
        found += [f"page {number}: {font} is not embedded" for font in strange_fonts(page)]
    outline = set(map(_plain, _titles(pdf.outline)))
    found += [f"not in the outline: {title}" for title in seen["titles"] if _plain(title) not in outline]
    # A figure or an equation is named where it is referred to, too: each name must be there often enough.
    text = re.sub(r"\s+", "", text_of(path))
    for label, count in Counter(label for label in seen["labels"] if re.fullmatch(LABEL, label)).items():
        if text.count(re.sub(r"\s+", "", label)) < count:
            found.append(f"{label} is missing")
    return found


def text_of(path: Path) -> str:
    """Return the text of a PDF. pypdf would take seconds for each page."""
    with PdfDocument(path) as pdf:
        return "\n".join(page.get_textpage().get_text_range() for page in pdf)


def _plain(title: str) -> str:
    """Return the letters and digits of a title: formulas are set otherwise in the outline."""
    return re.sub(r"\W", "", title) if title.isascii() else re.sub(r"[^a-zA-Z0-9]", "", title)


def _titles(outline: list) -> Iterator[str]:
    for one in outline:
        if isinstance(one, list):
            yield from _titles(one)
        else:
            yield one.title


def links(page: dict) -> Iterator[dict]:
    """Yield where the links of a page lead: to an ``address``, or a ``target`` within the PDF."""
    for annotation in page.get("/Annots") or []:
        annotation = annotation.get_object()
        action = annotation.get("/A", {}).get_object() if "/A" in annotation else {}
        if "/URI" in action:
            yield {"address": str(action["/URI"])}
        elif "/Dest" in annotation or "/D" in action:
            target = annotation.get("/Dest", action.get("/D"))
            yield {"target": str(target) if isinstance(target, str) else target}


def strange_fonts(page: dict) -> Iterator[str]:
    """Yield the names of fonts whose shapes a PDF does not carry; those of type 3 are drawings in it."""
    for font in (page["/Resources"].get("/Font") or {}).values():
        font = font.get_object()
        if "/DescendantFonts" in font:
            font = font["/DescendantFonts"][0].get_object()
        if font["/Subtype"] == "/Type3":
            continue
        descriptor = font["/FontDescriptor"].get_object() if "/FontDescriptor" in font else {}
        if not any(key.startswith("/FontFile") for key in descriptor):
            yield str(font.get("/BaseFont"))


def link_from_pages(html: Path, names: list[str], chapters: list[str]) -> None:
    """Put links to the PDFs where a page offers to print itself.

    The next build writes a page that has changed without them; its PDF is then out of date.
    """
    button = re.compile(r"<li>\s*<button [^>]*btn-download-pdf-button.*?</button>\s*</li>", re.DOTALL)
    for name in names:
        path = html / f"{name}.html"
        text = path.read_text(encoding="utf-8")
        up = "../" * name.count("/")
        files = [(name.rpartition("/")[2], ".pdf")] if name in chapters else []
        items = "".join(
            f'<li><a href="{up}pdf/{file}.pdf" class="btn btn-sm dropdown-item" download>'
            '<span class="btn__icon-container"><i class="fas fa-file-pdf"></i></span>\n'
            f'<span class="btn__text-container">{label}</span></a></li>\n'
            for file, label in [*files, (BOOK, "book.pdf")]
        )
        path.write_text(button.sub(lambda _, items=items: items, text), encoding="utf-8")


def main() -> int:
    """Print, check, link."""
    html = ROOT / "_build" / "html"
    folder = html / "pdf"
    folder.mkdir(exist_ok=True)
    config = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
    names = paper.names(ROOT)
    chapters = [name for name in names if name.startswith("chapters/")]
    text = paper.document(html, names, config, version(ROOT))
    wrong = {}
    with chromium() as browser, tempfile.TemporaryDirectory() as scratch:
        page = open_document(browser, text, Path(scratch))
        seen = {folder / f"{BOOK}.pdf": print_book(page, folder / f"{BOOK}.pdf")}
        for name in chapters:
            path = folder / f"{name.rpartition('/')[2]}.pdf"
            seen[path] = print_alone(page, name, path)
    for path, what in seen.items():
        wrong[path] = faults(path, what)
        print(f"{path.name}: {len(PdfReader(path).pages)} pages, {path.stat().st_size / 1e6:.1f} MB")
        print(*(f"  {fault}" for fault in wrong[path]), sep="\n", end="\n" if wrong[path] else "")
    if any(wrong.values()):
        return 1
    link_from_pages(html, names, chapters)
    return 0


if __name__ == "__main__":
    sys.exit(main())
