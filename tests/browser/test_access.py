"""What a reader needs who sees little, or has no mouse."""

import pytest
from pages import DESKTOP, HTML, UNFOLD, Opened, open_page
from playwright.sync_api import BrowserContext, Page, expect

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
            expect(checked.locator("html")).to_have_attribute("data-theme", scheme)
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
