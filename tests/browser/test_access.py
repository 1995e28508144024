"""What a reader needs who sees little, or has no mouse."""

import re

import pytest
from pages import DESKTOP, HTML, UNFOLD, Opened, open_page
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tools.notebooks import ROOT

AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"

# WCAG 2 to level AA, with axe's best practices. No rule is switched off.
FIND = """async () => {
    const tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
    const found = await axe.run({ runOnly: tags, resultTypes: ["violations"] });
    return found.violations
        .filter(({ impact }) => impact === "serious" || impact === "critical")
        .map(({ id, nodes }) => [id, nodes.length, nodes[0].html.slice(0, 200), nodes[0].failureSummary]);
}"""
STILL = "*, *::before, *::after { transition: none !important; animation: none !important; }"


@pytest.fixture(scope="session")
def axe() -> str:
    """Return the script of axe-core."""
    if not AXE.exists():
        pytest.fail("axe-core is not installed: install npm, run `make test-browser`")
    return AXE.read_text(encoding="utf-8")


@pytest.fixture
def checked(opened: Opened, axe: str) -> Page:
    """Prepare a page for axe: nothing moves, so that no colour is caught half-way."""
    page = opened.page
    page.set_viewport_size(DESKTOP)
    if page.evaluate("typeof axe") == "undefined":
        page.add_style_tag(content=STILL)
        page.evaluate(axe)
    return page


def test_axe_finds_nothing_serious(checked: Page) -> None:
    """In light and in dark, folded and unfolded."""
    for unfolded in (False, True):
        if unfolded:
            checked.evaluate(UNFOLD)
        for scheme in ("light", "dark"):
            checked.emulate_media(color_scheme=scheme)
            expect(checked.locator("html")).to_have_attribute("data-theme", scheme, timeout=60_000)
            assert checked.evaluate(FIND) == [], f"{scheme}, {'unfolded' if unfolded else 'folded'}"


@pytest.mark.parametrize(
    ("plant", "rule"),
    [
        ("document.querySelector('article p').style.color = '#bbb'", "color-contrast"),
        ("document.querySelector('article').append(new Image())", "image-alt"),
        ("document.querySelector('.noUi-handle').removeAttribute('aria-label')", "aria-input-field-name"),
    ],
)
def test_axe_finds_what_is_planted(context: BrowserContext, axe: str, plant: str, rule: str) -> None:
    page = open_page(context, HTML / "intro.html").page
    page.add_style_tag(content=STILL)
    page.emulate_media(color_scheme="light")
    page.evaluate(axe)
    page.evaluate(plant)
    assert [found[0] for found in page.evaluate(FIND)] == [rule]
    page.close()


# Where the focus is, marked as visited; whether it can be seen there.
FOCUS = """() => {
    const element = document.activeElement;
    if (element === document.body) return null;
    element.dataset.visited = "";
    const { outlineStyle, outlineWidth } = getComputedStyle(element);
    const { top, bottom, left, right } = element.getBoundingClientRect();
    let opacity = 1;
    for (let box = element; box; box = box.parentElement) opacity *= getComputedStyle(box).opacity;
    return {
        what: element.outerHTML.slice(0, 160),
        seen: outlineStyle === "solid" && parseFloat(outlineWidth) >= 2 && opacity === 1
            && right > Math.max(left, 0) && left < innerWidth
            && bottom > Math.max(top, 0) && top < innerHeight,
    };
}"""
CONTROLS = {
    "search": "button.search-button-field",
    "navigation": "nav.bd-links a, nav.page-toc a",
    "slider": "[role=slider]",
    "code": "summary",
    "solution": ".toggle-button",
    "copy": ".copybtn",
    "theme": ".theme-switch-button",
    "next": ".right-next",
}


def test_the_keyboard_alone_is_enough(browser: Browser) -> None:
    """Tab comes by everything, everywhere the focus can be seen, and keys do what the mouse would."""
    context = browser.new_context(viewport=DESKTOP, color_scheme="light")  # the choice of a theme is stored
    page = open_page(context, HTML / "chapters" / "03-decision-theory.html").page
    page.add_style_tag(content=STILL)
    used = set()
    unseen = []
    while True:
        page.keyboard.press("Tab")
        focus = page.evaluate(FOCUS)
        if focus is None:
            break
        if not focus["seen"]:
            unseen.append(focus["what"])
        kind = page.evaluate(
            "kinds => Object.keys(kinds).find(kind => document.activeElement.matches(kinds[kind]))", CONTROLS
        )
        if kind in USES and (kind == "slider" or kind not in used):
            USES[kind](page)
        used.add(kind)
    assert unseen == []
    assert used >= CONTROLS.keys()
    for selector in CONTROLS.values():
        missed = page.locator(f":is({selector}):visible:not([data-visited])")
        assert missed.count() == 0, missed.first.evaluate("element => element.outerHTML")
    context.close()


def _search(page: Page) -> None:
    page.keyboard.press("Enter")
    expect(page.locator("#pst-search-dialog input")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator(CONTROLS["search"])).to_be_focused()


def _slide(page: Page) -> None:
    slider = page.locator(":focus")
    picture = page.locator(".explorer:has(:focus) svg[role=img]:visible")
    name, drawn = picture.get_attribute("aria-label"), picture.inner_html()
    last = slider.get_attribute("aria-valuenow") == slider.get_attribute("aria-valuemax")
    page.keyboard.press("ArrowLeft" if last else "ArrowRight")
    expect(picture).not_to_have_attribute("aria-label", name)
    assert picture.inner_html() != drawn


def _unfold(page: Page) -> None:
    folded = page.locator("details:has(> :focus)")
    for key, opened in (("Enter", True), ("Space", False), ("Enter", True)):
        page.keyboard.press(key)
        assert folded.evaluate("details => details.open") is opened


def _solve(page: Page) -> None:
    box, height = page.locator(".admonition:has(.toggle-button:focus)").last, "box => box.clientHeight"
    folded = box.evaluate(height)
    for key, opened in (("Enter", True), ("Space", False), ("Enter", True)):
        page.keyboard.press(key)
        expect(page.locator(":focus")).to_have_attribute("aria-expanded", str(opened).lower())
        assert (box.evaluate(height) > folded) is opened


def _copy(page: Page) -> None:
    page.keyboard.press("Enter")
    expect(page.locator(":focus")).to_have_class(re.compile("success"))


def _theme(page: Page) -> None:
    mode = page.locator("html").get_attribute("data-mode")
    page.keyboard.press("Enter")
    expect(page.locator("html")).not_to_have_attribute("data-mode", mode)


USES = {
    "search": _search,
    "slider": _slide,
    "code": _unfold,
    "solution": _solve,
    "copy": _copy,
    "theme": _theme,
}
