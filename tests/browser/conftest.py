"""A headless Chromium without a network, and the built book opened from disk, page by page."""

import re
from collections.abc import Iterator

import pytest
from chromium import chromium
from pages import DESKTOP, HTML, PAGES, Opened, open_page
from playwright.sync_api import Browser, BrowserContext


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that asks for ``opened`` or ``path`` on every page."""
    ids = [path.relative_to(HTML).as_posix() for path in PAGES]
    for name in {"opened", "path"} & set(metafunc.fixturenames):
        metafunc.parametrize(name, PAGES, ids=ids, indirect=name == "opened", scope="module")


@pytest.fixture(scope="session", autouse=True)
def book() -> None:
    """Fail with what to do where there is no book, or one that needs the network."""
    if not PAGES:
        pytest.fail("there is no built book: run `make book`")
    if not (HTML / "_static" / "libraries").exists():
        pytest.fail("the built book would fetch MathJax from the network: install npm, run `make book`")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Start the machine's Chromium."""
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="session")
def context(browser: Browser) -> Iterator[BrowserContext]:
    """Close the network: whatever is not on disk fails."""
    context = browser.new_context(viewport=DESKTOP, color_scheme="light")
    context.route(re.compile(r"^(https?|wss?):"), lambda route: route.abort())
    yield context
    context.close()


@pytest.fixture(scope="module")
def opened(request: pytest.FixtureRequest, context: BrowserContext) -> Iterator[Opened]:
    """Open one page and wait until its scripts are done."""
    opened = open_page(context, request.param)
    yield opened
    opened.page.close()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what each page weighs."""
    reports = [report for reports in terminalreporter.stats.values() for report in reports]
    weights = [
        value
        for report in reports
        for name, value in getattr(report, "user_properties", [])
        if name == "weight" and report.when == "call"
    ]
    if weights:
        kinds = ("page", "styles", "pictures", "scripts", "fonts")
        terminalreporter.section("kilobytes that a page loads")
        terminalreporter.write_line(f"{'':34}" + "".join(f"{kind:>10}" for kind in kinds))
        for name, weight in sorted(weights):
            numbers = "".join(f"{weight[kind] / 1000:10.0f}" for kind in kinds)
            terminalreporter.write_line(f"{name:34}{numbers}")
