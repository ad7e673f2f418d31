"""What a model, a task or a folder's name says is shown as it is, and nothing of it runs."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from viewing import ATTACKS, PWN, attacked, serving, watched

from guerdon.runs import write_report
from guerdon.view import export

pytestmark = pytest.mark.xdist_group("browser")
SHOWN = [attack for attack in ATTACKS if "\x00" not in attack and "\u2028" not in attack and len(attack) < 200]
"""Attacks that are shown letter by letter."""


@pytest.fixture(scope="module")
def hostile(runs: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return attacked(runs["one"], tmp_path_factory.mktemp("hostile"))


@pytest.fixture(scope="module")
def url(hostile: Path) -> Iterator[str]:
    with serving([hostile]) as address:
        yield address


def poke(page: Any) -> None:
    """Point at and press what may hold a handler."""
    page.evaluate(
        """() => {
          for (const node of document.querySelectorAll('main *')) {
            for (const kind of ['mouseover', 'pointerover', 'focus']) node.dispatchEvent(new Event(kind, {bubbles: true}));
          }
        }"""
    )
    assert page.locator("main img, main iframe, main style, main a, main script, #tip img").count() == 0
    assert page.evaluate("window.pwned") is None


def walk(browser: Any, address: str) -> str:
    """Open every view; returns all text that was seen."""
    seen = []
    with watched(browser, f"{address}#overview") as page:
        assert page.title() == "<img src=x onerror=window.pwned=1> · guerdon"
        page.evaluate("document.querySelectorAll('details').forEach((one) => one.open = true)")
        poke(page)
        seen.append(page.inner_text("main"))
        page.keyboard.press("2")
        page.wait_for_selector("figure")
        page.evaluate("document.querySelectorAll('details').forEach((one) => one.open = true)")
        page.locator("figure svg[role=img]").first.focus()
        page.keyboard.press("Home")
        poke(page)
        seen += [page.text_content("main"), page.inner_text("#tip")]
        page.keyboard.press("3")
        page.wait_for_selector("#total")
        page.get_by_label("least step").fill("100")
        page.keyboard.press("Tab")
        page.wait_for_function("() => document.getElementById('total').textContent.startsWith('27 of')")
        page.wait_for_function(
            "() => ![...document.querySelectorAll('.cell.text')].some((cell) => cell.textContent === '…')"
        )
        poke(page)
        seen.append(page.inner_text("#rows"))
        page.keyboard.press("Escape")
        for place in range(9):
            page.locator(f"[data-place='{3 * place}']").click()
            title = page.inner_text("#detail-title")
            assert f"step {100 + place} " in title
            page.wait_for_selector("#detail h3")
            for token in page.locator("#detail .tokens[role=group] .t").all()[:3]:
                token.hover()
                seen.append(page.inner_text("#tip"))
            poke(page)
            seen.append(page.inner_text("#detail"))
        page.keyboard.press("g")
        page.wait_for_selector("#group .card.rollout")
        poke(page)
        seen.append(page.inner_text("#group"))
        page.keyboard.press("4")
        page.wait_for_selector("section[aria-label=after]")
        poke(page)
    return "\n".join(seen)


def test_nothing_that_a_run_says_is_run_when_it_is_served(browser, url):
    seen = walk(browser, url)
    for attack in SHOWN:
        assert attack in seen, attack
    assert "\u202e" not in seen and "[U+202E]evil[U+202C] \u2400\u241b[2J \ufffd [U+200B]" in seen


def test_nothing_that_a_run_says_is_run_in_a_report(browser, hostile, tmp_path):
    page = write_report(hostile, tmp_path / "report.html")
    assert f"<script>{PWN}" not in page.read_text() and "\\u003cscript\\u003e" in page.read_text()
    seen = walk(browser, page.as_uri())
    for attack in SHOWN:
        assert attack in seen, attack


def test_no_script_of_the_page_makes_markup_or_code_of_text():
    html, style, scripts = export.files()
    assert not re.search(r"\son\w+=|javascript:|https?://", html.replace("http-equiv", ""))
    assert "url(" not in style and "@import" not in style and len(scripts) > 10
    for script in scripts:
        assert script.startswith("// ") and script.count("\n") <= 400
        assert not re.search(
            r"(inner|outer)HTML|insertAdjacent|document\.write|\beval\(|new Function|srcdoc|import\(", script
        )
        assert re.findall(r"https?://\S+", script) in ([], ['http://www.w3.org/2000/svg";'])


def test_the_address_cannot_carry_anything_in(browser, url):
    with watched(
        browser, f"{url}#rollouts?q=<img src=x onerror=window.pwned=1>&sort=-<b>,constructor&f.__proto__=1..2&row=1e9"
    ) as page:
        page.wait_for_selector("#total")
        poke(page)
        assert "contains “<img src=x onerror=window.pwned=1>”" in page.inner_text(".chips-row")


def test_the_policy_stops_a_script_that_would_get_in(browser, url):
    with pytest.raises(AssertionError, match=r"Content Security Policy|violates"), watched(browser, url) as page:
        page.evaluate(
            f"""() => {{
              const node = document.createElement('div');
              node.innerHTML = `{ATTACKS[2]}`;
              document.body.append(node);
            }}"""
        )
        page.wait_for_function("() => document.querySelector('img') && document.querySelector('img').complete")
        assert page.evaluate("window.pwned") is None
