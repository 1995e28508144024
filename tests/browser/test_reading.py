"""A page to read: what comes first, code in layers, previews, where the reader is."""

from collections.abc import Iterator

import pytest
from pages import DESKTOP, HTML, PHONE, WAIT, open_page
from playwright.sync_api import Browser, BrowserContext, Page, expect

expect.set_options(timeout=WAIT // 4)

CHAPTERS = sorted((HTML / "chapters").glob("*.html"))


@pytest.fixture
def chapter(context: BrowserContext) -> Iterator[Page]:
    """Open chapter 1."""
    page = open_page(context, CHAPTERS[0]).page
    yield page
    page.close()


def test_every_chapter_opens_with_its_picture(browser: Browser) -> None:
    context = browser.new_context(viewport=DESKTOP, java_script_enabled=False)
    page = context.new_page()
    for path in CHAPTERS:
        page.goto(path.as_uri())
        figure, code = (
            page.locator(".bd-article figure").first,
            page.locator(".bd-article .cell details").first,
        )
        assert figure.bounding_box()["y"] < 600, path.name
        assert figure.bounding_box()["y"] < code.bounding_box()["y"], path.name
        assert page.locator("details.code:not([open])").count() == 0  # without a script nothing is folded
    context.close()


def test_the_serif_is_carried(chapter: Page) -> None:
    assert chapter.evaluate(
        "[...document.fonts].filter(font => font.status === 'loaded').map(font => font.family)"
    )
    assert chapter.evaluate("document.fonts.check('16px \"Book Serif\"')")
    family = "selector => getComputedStyle(document.querySelector(selector)).fontFamily"
    assert "Book Serif" in chapter.evaluate(family, ".bd-article p")
    assert "Book Serif" not in chapter.evaluate(family, ".bd-article h2")


def test_code_is_a_layer_that_is_remembered(browser: Browser) -> None:
    for viewport, first in ((DESKTOP, "true"), (PHONE, "false")):
        context = browser.new_context(viewport=viewport)
        page = open_page(context, CHAPTERS[0]).page
        switch, code = (
            page.get_by_role("switch", name="Code"),
            page.locator("details.code div.cell_input").first,
        )
        expect(switch).to_have_attribute("aria-checked", first)
        expect(code).to_be_visible(visible=first == "true")
        output = page.locator(".cell:has(details.code) .cell_output").first
        switch.focus()
        page.keyboard.press("Space")
        expect(code).to_be_visible(visible=first == "false")
        expect(output).to_be_visible()
        other = open_page(context, CHAPTERS[1]).page
        expect(other.get_by_role("switch", name="Code")).not_to_have_attribute("aria-checked", first)
        context.close()


def test_code_that_is_wider_than_a_phone_fades(chapter: Page) -> None:
    chapter.set_viewport_size(PHONE)
    fades = """() => {
        const seen = [...document.querySelectorAll(".cell_output pre, div.highlight pre")]
            .filter(box => box.clientWidth && box.checkVisibility());
        const fade = box => parseFloat(getComputedStyle(box).getPropertyValue("--fade"));
        return seen.map(box => [box.scrollWidth > box.clientWidth + 1, fade(box) > 0]);
    }"""
    found = chapter.evaluate(fades)
    assert any(wide for wide, _ in found)
    assert [wide == faded for wide, faded in found] == [True] * len(found)


def test_a_reference_shows_what_it_leads_to(chapter: Page) -> None:
    card = chapter.locator("#preview")
    for link, shown in (
        ("#thm-momentum", "Theorem 1.6"),
        ("#equation-", "(1."),
        ("bibliography.html#", "Nguyen"),
        ("api.html#lib.optim", "stochastic"),
    ):
        reference = chapter.locator(f".bd-article a.reference.internal[href*='{link}']:visible").first
        reference.hover()
        expect(card).to_contain_text(shown)
        expect(card).to_have_css("visibility", "visible")
        assert card.locator("[id], a, mjx-merror").count() == 0
        chapter.keyboard.press("Escape")
        expect(card).to_be_hidden()
    for picture in ("#notes-fig-", "#fig-"):
        chapter.locator(f".bd-article a.reference.internal[href*='{picture}']:visible").first.hover()
        expect(card.locator("img")).to_be_visible()
        assert card.locator("img").evaluate("image => image.naturalWidth > 0")
        chapter.mouse.move(5, 5)
        expect(card).to_be_hidden()


def test_the_keyboard_and_a_screen_reader_have_the_previews_too(chapter: Page) -> None:
    reference = chapter.locator(".bd-article a.reference.internal[href='#thm-momentum']").first
    reference.focus()
    chapter.keyboard.press("Shift+Tab")
    chapter.keyboard.press("Tab")
    expect(reference).to_be_focused()
    expect(reference).to_have_attribute("aria-describedby", "preview")
    expect(chapter.get_by_role("tooltip")).to_contain_text("Theorem 1.6")
    chapter.keyboard.press("Tab")
    expect(chapter.locator("#preview")).not_to_contain_text("Theorem 1.6")


def test_on_touch_a_reference_just_leads_on(browser: Browser) -> None:
    context = browser.new_context(viewport=PHONE, has_touch=True, is_mobile=True)
    page = open_page(context, CHAPTERS[0]).page
    page.locator(".bd-article a.reference.internal[href='#thm-momentum']").first.tap()
    page.wait_for_url("**#thm-momentum")
    page.wait_for_timeout(600)
    expect(page.locator("#preview")).to_be_hidden()
    context.close()


def test_a_phone_says_which_section_this_is(chapter: Page) -> None:
    chapter.set_viewport_size(PHONE)
    heading = chapter.locator(".bd-article h2").nth(3)
    title = heading.evaluate("heading => heading.firstChild.nextSibling?.textContent ?? heading.textContent")
    heading.evaluate("heading => { heading.scrollIntoView({ behavior: 'instant' }); scrollBy(0, 60); }")
    expect(chapter.locator(".here")).to_contain_text(title.strip()[:12])


def test_what_a_link_leads_to_on_a_phone_is_not_covered(chapter: Page) -> None:
    chapter.set_viewport_size(PHONE)
    heading = chapter.locator(".bd-article h2").nth(3)
    heading.evaluate("heading => heading.scrollIntoView({ behavior: 'instant' })")
    expect(chapter.locator(".here")).to_be_visible()
    bar = chapter.locator(".here").bounding_box()
    assert heading.bounding_box()["y"] >= bar["y"] + bar["height"]


def test_a_page_can_be_cited(chapter: Page) -> None:
    chapter.get_by_text("Cite this page").click()
    entry = chapter.locator(".page-tools pre").first
    expect(entry).to_contain_text("title     = {{Gradients}}")
    expect(entry).to_contain_text("The Mathematics of Deep Learning, Executed")
    chapter.get_by_text("Report a mistake").click()
    expect(chapter.locator(".page-tools pre").nth(1)).to_contain_text("What is right, and why:")
    card = chapter.locator("meta[property='og:image']").get_attribute("content")
    assert (CHAPTERS[0].parent / card).exists()
