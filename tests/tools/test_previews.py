"""What references lead to, and what the search looks up."""

import pytest
from bs4 import BeautifulSoup

from tools import previews

PAGE = """
<article class="bd-article"><section id="title"><h1>4. Bias<a class="headerlink" href="#title">#</a></h1>
<p>Opening.</p>
<div class="math" id="equation-eq-a"><span class="eqno">(4.2)<a class="headerlink"
href="#equation-eq-a">#</a></span>
\\[a = b\\]</div>
<div class="proof theorem admonition" id="thm-b"><p class="admonition-title"><span
class="caption-number">Theorem 4.1 </span> (Name)</p>
<section id="theorem-content"><p>See <a href="#equation-eq-a">(4.2)</a>.</p></section></div>
<span id="check-c"></span><figure id="fig-d"><img alt="A curve." src="../_images/d.svg"/>
<figcaption><p><span class="caption-number">Fig. 4.1 </span><span class="caption-text"><strong>A
curve.</strong> It falls.</span></p></figcaption></figure>
<section id="erratum"><span id="erratum-e9"></span><h3>E9 · Wrong sign</h3><p>Says.</p></section>
</section></article>
"""


@pytest.fixture
def soup():
    return BeautifulSoup(PAGE, "html.parser")


@pytest.mark.parametrize(
    ("anchor", "shown"),
    [
        ("equation-eq-a", "a = b"),
        ("thm-b", "See (4.2)."),
        ("fig-d", "{root}/_images/d.svg"),
        ("check-c", "It falls."),
        ("title", "Opening."),
    ],
)
def test_what_a_reference_shows(soup, anchor, shown):
    html = previews.preview("chapters/04", soup, anchor)
    assert shown in BeautifulSoup(html, "html.parser").get_text() + html
    assert "<a" not in html
    assert "id=" not in html
    assert "#" not in html
    assert str(soup) == str(BeautifulSoup(PAGE, "html.parser"))


def test_what_is_not_there_shows_nothing(soup):
    assert previews.preview("chapters/04", soup, "nowhere") == ""


def test_numbered_things_are_looked_up(soup):
    found = {entry[2]: entry for entry in previews.lookups("chapters/04", soup)}
    assert found["equation-eq-a"][4] == ["4.2", "equation 4.2", "eq 4.2"]
    assert found["thm-b"][1] == "Theorem 4.1 (Name)"
    assert found["thm-b"][4:] == [["theorem 4.1", "thm 4.1"], ["4.1"]]
    assert found["fig-d"][1] == "Fig. 4.1 A curve."
    assert found["fig-d"][4] == ["figure 4.1", "fig 4.1"]
    assert found["erratum-e9"][4] == ["e9", "erratum 9", "errata 9"]
    assert {entry[3] for entry in found.values()} == {"4. Bias"}


def test_symbols_are_looked_up():
    row = (
        r'<tr id="symbol-1"><td><span class="math">\({}\)</span></td><td>an estimate of \(\theta\)</td></tr>'
    )
    row = row.replace("{}", r"\hat\theta_t = x")
    html = f"<h1>Notation</h1><table><tbody>{row}</tbody></table>"
    [entry] = previews.lookups(previews.NOTATION, BeautifulSoup(html, "html.parser"))
    assert entry[1] == "θ̂_t = x: an estimate of θ"
    assert {"hat theta_t", "θ̂_t"} <= set(entry[4])
    assert entry[5] == ["theta", "θ"]


@pytest.mark.parametrize(
    ("asked", "compared"),
    [(r"\hat\theta", "hat theta"), ("(1.3)", "1.3"), ("Fig. 1.3.", "fig 1.3"), ("E9", "e9"), ("∇L", "∇l")],
)
def test_what_is_asked_is_compared_without_case_and_brackets(asked, compared):
    assert previews.plain(asked) == compared
