"""The logo in the repository is the one that the code draws."""

import pytest

from tools.logo import draw
from tools.notebooks import ROOT


@pytest.mark.parametrize("name", ["logo.svg", "favicon.svg"])
def test_the_stored_logo_is_the_drawn_one(name):
    assert (ROOT / "_static" / name).read_text(encoding="utf-8") == draw()
