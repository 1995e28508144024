"""Opening a page of the built book, and hearing what the browser says meanwhile."""

import re
from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import BrowserContext, ConsoleMessage, Page

from tools.notebooks import ROOT, WIDGET_VIEW, find_all, loads

BUILD = ROOT / "_build"
HTML = BUILD / "html"
DOOR = HTML / "index.html"  # sends on to the front page
PAGES = sorted(
    path for path in HTML.rglob("*.html") if path != DOOR and not path.is_relative_to(HTML / "_static")
)

# The pages that notebooks become: name -> the sources of its code cells.
NOTEBOOKS = {
    path.relative_to(ROOT).with_suffix("").as_posix(): [
        cell.source for cell in loads(path.read_text(encoding="utf-8")).cells if cell.cell_type == "code"
    ]
    for path in find_all()
}

WAIT = 120_000  # milliseconds; a busy machine takes its time
DESKTOP = {"width": 1280, "height": 900}
PHONE = {"width": 390, "height": 844}

READY = """async () => {
    const math = document.querySelector(".math") && window.MathJax;
    if (math) await MathJax.startup.promise;
    await document.fonts.ready;
}"""
SCRIPTS_RAN = """(viewType) => {
    const views = document.querySelectorAll(`script[type="${viewType}"]`);
    const drawn = document.querySelectorAll(".widget-subarea > .jupyter-widgets");
    const math = !document.querySelector(".math") || window.MathJax?.startup?.promise;
    return math && drawn.length >= views.length;
}"""

# Solutions and code are folded.
UNFOLD = """() => {
    document.querySelectorAll("details").forEach((details) => { details.open = true; });
    document.querySelectorAll(".toggle-hidden").forEach((box) => box.classList.remove("toggle-hidden"));
}"""


@dataclass
class Opened:
    """A page of the book, and what the browser said while it was open."""

    path: Path
    page: Page
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The path in the book, without suffix."""
        return self.path.relative_to(HTML).with_suffix("").as_posix()


def count_explorers(name: str) -> int:
    """Return how many explorers the notebook behind a page makes; 0 for other pages."""
    return sum(len(re.findall(r"\bexplorer\(", source)) for source in NOTEBOOKS.get(name, []))


def open_page(context: BrowserContext, path: Path, query: str = "") -> Opened:
    """Open a page from disk, listening from the start."""
    page = context.new_page()
    page.set_default_timeout(WAIT)
    opened = Opened(path, page)
    page.on("console", lambda message: _note_console(opened, message))
    page.on("pageerror", lambda error: opened.complaints.append(str(error)))
    page.on("request", lambda request: opened.requests.append(request.url))
    page.on("requestfailed", lambda request: opened.complaints.append(f"failed: {request.url}"))
    page.goto(path.as_uri() + query)
    page.wait_for_function(SCRIPTS_RAN, arg=WIDGET_VIEW)
    page.evaluate(READY)
    return opened


def _note_console(opened: Opened, message: ConsoleMessage) -> None:
    chatter = message.type == "warning" and "/libraries/" in message.location["url"]
    if message.type in ("error", "warning") and not chatter:
        opened.complaints.append(f"{message.type}: {message.text}")
