"""What a reader meets: every page of the built book, opened from disk with the network closed."""

from functools import cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

from bs4 import BeautifulSoup
from helpers import refused_pins
from pages import (
    BUILD,
    DESKTOP,
    DOOR,
    HTML,
    NOTEBOOKS,
    PAGES,
    PHONE,
    UNFOLD,
    Opened,
    count_explorers,
    open_page,
)
from playwright.sync_api import BrowserContext, Page, expect

SCREENSHOTS = BUILD / "screenshots"

RAW_MATH = r"""() => {
    const root = document.querySelector("article") ?? document.body;
    const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
    const found = [];
    while (walker.nextNode()) {
        const node = walker.currentNode;
        if (node.parentElement.closest("pre, code, script, style, mjx-container, .sig")) continue;
        if (/\\[()[\]]|\$|\\begin\{/.test(node.data)) found.push(node.data.trim());
    }
    return found;
}"""

TOO_WIDE = """(width) => [...document.querySelectorAll("main *")]
    .filter((element) => element.getBoundingClientRect().right > width + 1)
    .slice(0, 5).map((element) => element.outerHTML.slice(0, 120))"""


def test_the_pins_of_these_tests_can_be_installed_under_every_python_that_the_book_admits() -> None:
    assert refused_pins(Path(__file__).with_name("requirements.txt")) == []


def test_every_notebook_has_its_page() -> None:
    assert NOTEBOOKS.keys() <= {path.relative_to(HTML).with_suffix("").as_posix() for path in PAGES}


def test_the_browser_has_nothing_to_complain_of(opened: Opened) -> None:
    assert opened.complaints == []


def test_no_request_leaves_the_machine(opened: Opened) -> None:
    assert [url for url in opened.requests if urlsplit(url).scheme not in ("file", "data", "blob")] == []


def test_every_formula_is_typeset(opened: Opened) -> None:
    page = opened.page
    assert page.locator("mjx-container").count() == page.locator(".math").count()
    assert page.locator(".math:not(:has(mjx-container))").count() == 0
    assert page.locator("mjx-merror, [data-mjx-error]").count() == 0
    assert page.evaluate(RAW_MATH) == []
    if opened.name.startswith("chapters/"):
        assert page.locator("mjx-container").count() > 100


def test_every_image_is_shown_and_described(opened: Opened) -> None:
    # The logo says nothing that the title beside it does not say.
    for image in opened.page.locator("img:not(.logo__image)").all():
        source = image.get_attribute("src")
        assert image.evaluate("image => image.complete && image.naturalWidth > 0"), source
        assert (image.get_attribute("alt") or "").strip(), source
        assert image.get_attribute("alt") != source
    for logo in opened.page.locator("img.logo__image").all():
        assert logo.evaluate("image => image.complete && image.naturalWidth > 0")


def test_the_notebooks_have_explorers_to_count() -> None:
    assert count_explorers("intro") == 1
    assert count_explorers("chapters/01-gradients") == 2
    assert count_explorers("chapters/03-decision-theory") == 1


def test_every_explorer_moves_by_keyboard(opened: Opened) -> None:
    explorers = opened.page.locator(".explorer")
    assert explorers.count() == count_explorers(opened.name)
    for explorer in explorers.all():
        sliders = explorer.get_by_role("slider").all()
        assert sliders
        for slider in sliders:
            picture = explorer.locator("svg[role=img]:visible")
            expect(picture).to_have_count(1)
            assert picture.get_attribute("aria-label").strip()
            before, value = picture.inner_html(), slider.get_attribute("aria-valuetext")
            assert slider.get_attribute("aria-label").strip()
            last = slider.get_attribute("aria-valuenow") == slider.get_attribute("aria-valuemax")
            slider.focus()
            opened.page.keyboard.press("ArrowLeft" if last else "ArrowRight")
            expect(slider).not_to_have_attribute("aria-valuetext", value)
            expect(picture).to_have_count(1)
            assert picture.inner_html() != before


def test_light_and_dark_on_desk_and_phone(opened: Opened) -> None:
    """On a phone nothing sticks out, and figures have the whole width."""
    page = opened.page
    for device, viewport in (("desktop", DESKTOP), ("phone", PHONE)):
        page.set_viewport_size(viewport)
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            expect(page.locator("html")).to_have_attribute("data-theme", scheme, timeout=60_000)
            _screenshot(page, SCREENSHOTS / f"{opened.name.replace('/', '-')}-{device}-{scheme}.png")
    page.evaluate(UNFOLD)
    wide = page.evaluate("document.documentElement.scrollWidth")
    assert wide <= PHONE["width"], page.evaluate(TOO_WIDE, PHONE["width"])
    for table in page.locator("table.numbers").all():
        hidden = table.evaluate("element => element.scrollWidth - element.clientWidth")
        assert hidden <= 0, f"{hidden} px of a table of numbers are out of sight"
    for figure in page.locator(".cell_output img:visible").all():
        assert figure.bounding_box()["width"] >= 0.85 * PHONE["width"]
    for explorer in page.locator(".explorer").all():
        picture = explorer.locator("svg[role=img]:visible").bounding_box()
        assert picture["width"] >= 0.85 * PHONE["width"]
        for part in explorer.locator(".widget-slider > *").all():
            box = part.bounding_box()
            assert box["y"] + box["height"] <= picture["y"] + 1, "a slider lies over the picture"
            assert box["x"] >= 0
            assert box["x"] + box["width"] <= PHONE["width"]


def _screenshot(page: Page, path: Path) -> None:
    page.evaluate("document.activeElement.blur(); scrollTo(0, 0)")
    page.screenshot(path=path, full_page=True, animations="disabled")


def test_every_link_inside_the_book_leads_somewhere(path: Path) -> None:
    broken = []
    for link in _parsed(path).select("a[href]"):
        target = urlsplit(link["href"])
        if target.scheme or target.netloc:
            continue
        file = (path.parent / unquote(target.path)).resolve() if target.path else path
        anchor = unquote(target.fragment)
        if not file.exists() or (anchor and file.suffix == ".html" and anchor not in _ids(file)):
            broken.append(link["href"])
    assert broken == []


@cache
def _parsed(path: Path) -> BeautifulSoup:
    return BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")


@cache
def _ids(path: Path) -> set[str]:
    return {element["id"] for element in _parsed(path).select("[id]")}


def test_the_door_leads_to_the_front_page(context: BrowserContext) -> None:
    page = context.new_page()
    page.goto(DOOR.as_uri())
    page.wait_for_url((HTML / "intro.html").as_uri())
    page.close()


def test_search_finds_from_disk(context: BrowserContext) -> None:
    opened = open_page(context, HTML / "search.html", "?q=gradient")
    expect(opened.page.locator("#search-results li").first).to_be_visible()
    assert opened.complaints == []
    opened.page.close()
