"""What readers of other books had reported, tried on this one: each of these was wrong once."""

import json
import re
from collections.abc import Iterator

import pytest
from bs4 import BeautifulSoup
from pages import DESKTOP, HTML, PHONE, WAIT, Opened, open_page
from playwright.sync_api import Browser, BrowserContext, Page, expect

expect.set_options(timeout=WAIT // 4)

SEEN = """element => {
    const header = document.querySelector(".bd-header-article").getBoundingClientRect().bottom;
    const { top, bottom, height } = element.getBoundingClientRect();
    const shown = element.checkVisibility({ visibilityProperty: true, opacityProperty: true });
    return shown && height > 0 && top >= header - 1 && Math.min(bottom, top + 40) <= innerHeight;
}"""
CHAPTERS = sorted((HTML / "chapters").glob("*.html"))


def wait_until_seen(page: Page, selector: str) -> None:
    """Wait until something is in sight: not folded, not below the header."""
    handle = page.locator(selector).first.element_handle()
    page.wait_for_function(SEEN, arg=handle, timeout=WAIT)


def in_folds() -> Iterator[tuple]:
    """Yield every equation and figure that lies in a folded solution: its page and its id."""
    for path in CHAPTERS:
        soup = BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")
        for element in soup.select(".admonition.dropdown [id^=equation-], .admonition.dropdown figure[id]"):
            yield path, element["id"]


def test_a_link_into_a_fold_opens_it(context: BrowserContext) -> None:
    folded = list(in_folds())
    assert len(folded) >= 2
    last = dict(folded)
    for path, anchor in last.items():  # one on every page that has any: loaded with it, and led to it
        page = open_page(context, path, f"#{anchor}").page
        wait_until_seen(page, f"[id='{anchor}']")
        page.close()
    path, anchor = folded[0]
    page = open_page(context, path).page
    page.evaluate("anchor => { location.hash = anchor; }", anchor)
    wait_until_seen(page, f"[id='{anchor}']")
    page.close()


@pytest.fixture
def dark(browser: Browser) -> Iterator[Page]:
    """Open a chapter in the dark."""
    context = browser.new_context(viewport=DESKTOP, color_scheme="dark")
    yield open_page(context, CHAPTERS[0]).page
    context.close()


DARKNESS = """selector => [...document.querySelectorAll(selector)].map(element => {
    const { color, filter } = getComputedStyle(element);
    const [r, g, b] = color.match(/[\\d.]+/g).map(Number);
    return [(0.2126 * r + 0.7152 * g + 0.0722 * b) / 255, filter];
})"""


def test_paper_is_light(dark: Page) -> None:
    ink = ".bd-article :is(p, h2, figcaption, pre, pre span, .cell_output img)"
    assert max(light for light, _ in dark.evaluate(DARKNESS, ink)) > 0.5
    dark.emulate_media(media="print", color_scheme="dark")
    expect(dark.locator("html")).to_have_attribute("data-theme", "light")
    for light, inverted in dark.evaluate(DARKNESS, ink):
        assert light < 0.5
        assert inverted == "none"
    dark.emulate_media(media="screen", color_scheme="dark")
    expect(dark.locator("html")).to_have_attribute("data-theme", "dark")


def test_solutions_are_on_paper(dark: Page) -> None:
    dark.emulate_media(media="print")
    solution = dark.locator(".solution.toggle-hidden section").first
    assert solution.evaluate("box => getComputedStyle(box).visibility") == "visible"
    assert solution.bounding_box()["height"] > 50


def word_in_a_fold() -> tuple[str, str]:
    """Return a page and a word that stands on no other, and there only in a folded solution."""
    texts = {}
    for path in CHAPTERS:
        soup = BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser").select_one("article")
        for extra in soup.select(".math, script, pre"):
            extra.decompose()
        folded = " ".join(box.extract().get_text(" ") for box in soup.select(".solution.dropdown"))
        texts[path.stem] = (
            set(re.findall(r"\b[a-z]{8,}\b", folded)),
            set(re.findall(r"\w+", soup.get_text(" "))),
        )
    for name, (folded, _) in texts.items():
        elsewhere = set().union(*(open_ for _, open_ in texts.values()))
        elsewhere |= set().union(*(other for key, (other, _) in texts.items() if key != name))
        alone = sorted(word for word in folded if not any(text.startswith(word[:6]) for text in elsewhere))
        if alone:
            return name, alone[0]
    raise AssertionError("no word stands in a fold alone")


def test_what_a_search_found_is_marked_and_seen(context: BrowserContext) -> None:
    for name, word in (("01-gradients", "overtake"), word_in_a_fold()):
        page = open_page(context, HTML / "search.html", f"?q={word}").page
        page.locator(f"#search-results a[href*='{name}']").first.click()
        page.wait_for_url(f"**/{name}.html*")
        wait_until_seen(page, ".bd-article mark")
        assert word[:5] in page.locator(".bd-article mark").first.inner_text().lower()
        page.keyboard.press("Escape")
        expect(page.locator(".bd-article mark")).to_have_count(0)
        page.close()


def found(page: Page, query: str) -> list[list]:
    """Return what a search shows, the first one first: title and address."""
    page.goto((HTML / "search.html").as_uri() + f"?q={query}")
    expect(page.locator(".search-summary")).not_to_be_empty(timeout=WAIT)
    return page.locator("#search-results li a").evaluate_all(
        "links => links.map(link => [link.textContent, link.getAttribute('href')])"
    )


def without_query(address: str) -> str:
    return re.sub(r"\?[^#]*", "", address)


def test_the_search_finds_symbols(context: BrowserContext) -> None:
    """The notation page comes first for each symbol in it, as a letter, as TeX and by its name."""
    page = open_page(context, HTML / "search.html").page
    for query in ("θ", "λ", "%5Clambda", "kappa", "κ", "θ̂", "hat theta", "Σ", "∇L"):
        hits = found(page, query)
        assert hits, query
        assert without_query(hits[0][1]).startswith("appendix/notation.html#symbol-"), (query, hits[:2])
    soup = BeautifulSoup((HTML / "appendix" / "notation.html").read_text(encoding="utf-8"), "html.parser")
    symbols = [math.get_text()[2:-2] for math in soup.select("tbody tr td:first-child .math")]
    assert len(symbols) > 100
    first = page.evaluate(
        """symbols => symbols.map(symbol => {
            const parsed = Search._parseQuery(symbol);
            return [symbol, Search._performSearch(...parsed).at(-1)?.[0]];
        })""",
        symbols,
    )
    assert [symbol for symbol, name in first if name != "appendix/notation"] == []
    page.close()


def test_the_search_finds_numbers(context: BrowserContext) -> None:
    page = open_page(context, HTML / "search.html").page
    for query, address in (
        ("1.3", "chapters/01-gradients.html#equation-eq-gd"),
        ("(1.3)", "chapters/01-gradients.html#equation-eq-gd"),
        ("equation 1.3", "chapters/01-gradients.html#equation-eq-gd"),
        ("theorem 1.1", "chapters/01-gradients.html#thm-gd-quadratic"),
        ("Fig. 1.1", "chapters/01-gradients.html#fig-four-walkers"),
        ("erratum 9", "appendix/errata.html#erratum-e9"),
        ("E9", "appendix/errata.html#erratum-e9"),
    ):
        hits = [without_query(hit) for _, hit in found(page, query)[:4]]
        assert address in hits, (query, hits)
    page.close()


@pytest.mark.parametrize("word", ["constructor", "__proto__", "hasownproperty", "valueOf", "toString"])
def test_a_search_for_any_word_ends(context: BrowserContext, word: str) -> None:
    opened = open_page(context, HTML / "search.html")
    hits = found(opened.page, word)
    assert [title for title, _ in hits if "undefined" in title] == []
    assert opened.complaints == []
    opened.page.close()


@pytest.mark.parametrize("missing", ["JavaScript", "DecompressionStream", "embed-amd.js"])
def test_an_explorer_that_cannot_run_leaves_a_picture(browser: Browser, missing: str) -> None:
    context = browser.new_context(viewport=DESKTOP, java_script_enabled=missing != "JavaScript")
    context.add_init_script("delete window.DecompressionStream" if missing == "DecompressionStream" else "")
    page = context.new_page()
    page.set_default_timeout(WAIT)
    errors = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.route(
        re.compile(r"/embed-amd\.js"),
        lambda route: route.abort() if missing == "embed-amd.js" else route.fallback(),
    )
    page.goto((HTML / "intro.html").as_uri())
    page.wait_for_timeout(3000)
    picture = page.locator(".explorer-still svg[role=img]")
    expect(picture).to_be_visible()
    assert picture.bounding_box()["height"] > 200
    expect(page.locator(".explorer-still .explorer-hint")).to_contain_text("takes JavaScript")
    assert errors == []
    context.close()


def test_a_notebook_is_a_download_that_says_what_it_needs(context: BrowserContext) -> None:
    page = open_page(context, CHAPTERS[0]).page
    for link in page.locator("a[href*='_sources/']").all():
        assert link.get_attribute("download") is not None
    page.close()
    for path in (HTML / "_sources" / "chapters").glob("*.ipynb"):
        first, title = json.loads(path.read_text(encoding="utf-8"))["cells"][:2]
        assert "`lib`" in "".join(first["source"])
        assert "".join(title["source"]).startswith("# ")


@pytest.fixture
def touched(browser: Browser) -> Iterator[Page]:
    """Open the front page on a phone."""
    context = browser.new_context(viewport=PHONE, has_touch=True, is_mobile=True)
    yield open_page(context, HTML / "intro.html").page
    context.close()


def swipe(page: Page, x: float, y: float, dy: float) -> None:
    """Put a finger down, move it, and lift it."""
    session = page.context.new_cdp_session(page)
    for kind, way in [("touchStart", 0), *(("touchMove", dy * k / 10) for k in range(1, 11))]:
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": y + way}]})
        page.wait_for_timeout(20)
    session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})


def test_a_swipe_over_a_slider_scrolls_the_page(touched: Page) -> None:
    rail = touched.locator(".explorer .noUi-target").first
    handle = rail.locator(".noUi-handle")
    rail.evaluate("rail => { rail.scrollIntoView({ block: 'center', behavior: 'instant' }); }")
    box, before = rail.bounding_box(), handle.get_attribute("aria-valuenow")
    start = touched.evaluate("scrollY")
    swipe(touched, box["x"] + 0.8 * box["width"], box["y"] + box["height"] / 2, -200)
    touched.wait_for_timeout(300)
    assert touched.evaluate("scrollY") > start + 100
    assert handle.get_attribute("aria-valuenow") == before
    # A tap on the rail still points.
    rail.evaluate("rail => { rail.scrollIntoView({ block: 'center', behavior: 'instant' }); }")
    box = rail.bounding_box()
    touched.touchscreen.tap(box["x"] + 0.8 * box["width"], box["y"] + box["height"] / 2)
    expect(handle).not_to_have_attribute("aria-valuenow", before)


def test_a_rail_is_seen_without_painted_grounds(browser: Browser) -> None:
    context = browser.new_context(viewport=DESKTOP, forced_colors="active")
    page = open_page(context, HTML / "intro.html").page
    rail = page.locator(".explorer .noUi-target").first
    style = (
        "rail => [getComputedStyle(rail).borderTopStyle, parseFloat(getComputedStyle(rail).borderTopWidth)]"
    )
    for media in ("screen", "print"):
        page.emulate_media(media=media, forced_colors="active")
        kind, width = rail.evaluate(style)
        assert kind == "solid"
        assert width >= 1
    context.close()


BROKEN_WORDS = """() => {
    const broken = [];
    for (const cell of document.querySelectorAll(".bd-article :is(td, th)")) {
        const walker = document.createTreeWalker(cell, NodeFilter.SHOW_TEXT);
        while (walker.nextNode()) {
            const text = walker.currentNode;
            if (text.parentElement.closest("mjx-container, script")) continue;
            for (const word of text.data.matchAll(/[\\p{Letter}\\p{Number}]{3,}/gu)) {
                const range = document.createRange();
                range.setStart(text, word.index);
                range.setEnd(text, word.index + word[0].length);
                const tops = new Set([...range.getClientRects()].map((rect) => Math.round(rect.top)));
                if (tops.size > 1) broken.push(word[0]);
            }
        }
    }
    return broken;
}"""


def test_no_word_breaks_in_a_table_on_a_phone(opened: Opened) -> None:
    opened.page.set_viewport_size(PHONE)
    assert opened.page.evaluate(BROKEN_WORDS) == []
