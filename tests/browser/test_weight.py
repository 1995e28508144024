"""What a page weighs: itself, its style sheets and its pictures, without scripts and fonts."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote, urlsplit

from pages import Opened

LIMIT = 2_000_000  # bytes
KINDS = {".html": "page", ".css": "styles", ".js": "scripts", ".woff": "fonts", ".woff2": "fonts"}


def weigh(opened: Opened) -> Counter:
    """Return the bytes of the files that a page asked for, by kind; every file counts once."""
    files = {Path(unquote(urlsplit(url).path)) for url in opened.requests if url.startswith("file:")}
    weight = Counter()
    for file in files:
        weight[KINDS.get(file.suffix, "pictures")] += file.stat().st_size
    return weight


def test_no_page_is_heavy(opened: Opened, record_property: Callable[[str, object], None]) -> None:
    weight = weigh(opened)
    record_property("weight", (opened.name, weight))  # conftest.py prints the table
    assert weight["page"] > 5_000
    assert weight["styles"] > 100_000
    assert weight["page"] + weight["styles"] + weight["pictures"] < LIMIT
