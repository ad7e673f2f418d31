import dataclasses
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from run_toys import language_recipe, toy_recipe
from viewing import serving, watched

from guerdon import Objective, train
from guerdon.objectives.nll import NLL
from guerdon.rollouts.demonstrations import Demonstrations
from guerdon.runs import write_report
from guerdon.runs.checkpoint import step_name
from guerdon.view.rows import MISSING

pytestmark = pytest.mark.xdist_group("browser")


@pytest.fixture(scope="module")
def url(runs: dict[str, Path]) -> Iterator[str]:
    with serving([runs["one"], runs["two"]]) as address:
        yield address


@pytest.fixture
def page(browser: Any, url: str, request: pytest.FixtureRequest) -> Iterator[Any]:
    place = request.node.get_closest_marker("at")
    with watched(browser, url + (place.args[0] if place else "#rollouts")) as found:
        yield found


def total(page: Any) -> int:
    return int(re.match(r"[\d,]+", page.inner_text("#total")).group().replace(",", ""))


def settled(page: Any, number: int) -> None:
    """Wait until that many rows are found."""
    page.wait_for_function("n => document.getElementById('total').textContent.startsWith(`${n} of`)", arg=number)


def column(page: Any, name: str) -> list[str]:
    """The cells of a column in view, by their places."""
    return page.evaluate(
        """name => {
          const at = [...document.querySelectorAll('.head .cell')].findIndex((cell) => cell.title === name);
          const rows = [...document.querySelectorAll('.line-row')];
          return rows.sort((a, b) => a.dataset.place - b.dataset.place).map((row) => row.children[at].textContent);
        }""",
        name,
    )


def numbers(cells: list[str]) -> list[float]:
    return [float(cell.replace("\u2212", "-").replace(",", "")) for cell in cells if cell != "\u2013"]


@pytest.mark.at("")
def test_the_overview_shows_runs_evaluations_and_what_differs(page):
    assert page.title() == "one / two · guerdon"
    assert page.locator(".run h1").all_inner_texts() == ["one finished", "two finished"]
    text = page.inner_text("main")
    assert "41.3% [38.2, 44.5]" in text and "pass@8" in text and "300 \u00d7 8" in text
    assert "ReasoningGym(chain_sum)" in text and "8 of 8" in text and "What differs between the recipes" in text
    page.click("summary:has-text('Recipe of one')")
    assert '"piece": "TinyLM"' in page.inner_text("details[open] pre")


@pytest.mark.at("#curves")
def test_curves_of_two_runs_are_overlaid(page):
    reward = page.locator("figure:has(figcaption:text-is('Reward'))")
    assert reward.locator("text.name").all_text_contents() and reward.locator("path.line").count() == 2
    captions = page.locator("figcaption").all_inner_texts()
    assert {"Reward", "Entropy", "KL to the reference", "Length"} <= set(captions)
    assert {"Components stacked of one", "Components stacked of two"} <= set(captions)
    reward.locator("svg[role=img]").hover(position={"x": 200, "y": 80})
    tip = page.inner_text("#tip")
    assert re.match(r"step \d", tip) and "one" in tip and "two" in tip
    assert page.locator(".cross[visibility=visible]").count() > 3
    page.click("button.key:has-text('two')")
    assert reward.locator("path.line").count() == 1 and "hidden=1" in page.url
    page.click("button.key:has-text('two')")
    page.locator("#smooth").fill("0")
    assert reward.locator("path.raw").count() == 0 and "smooth=0" in page.url
    page.click("summary:has-text('More metrics')")
    page.locator("details.more figure").first.wait_for()
    assert page.locator("details.more figure").count() > 2
    table = page.inner_text("details.numbers table")
    assert "difference" in table and "reward/correct" in table


@pytest.mark.at("#curves")
def test_a_curve_is_read_by_the_keyboard(page):
    page.locator("figure svg[role=img]").first.focus()
    page.keyboard.press("Home")
    assert page.inner_text("#tip").startswith("step 1\n")
    page.keyboard.press("ArrowRight")
    assert page.inner_text("#tip").startswith("step 2\n")
    assert "step 2: one" in page.inner_text("#status")


def test_filters_narrow_the_table_and_live_in_the_address(page, browser):
    every = total(page)
    assert every == 96
    page.get_by_role("group", name="run").get_by_role("button", name="two").click()
    settled(page, 48)
    page.get_by_label("least step").fill("8")
    page.keyboard.press("Tab")
    settled(page, 16)
    assert set(column(page, "run")) == {"two"} and set(column(page, "step")) == {"8"}
    assert "f.step=8.." in page.url
    with watched(browser, page.url) as again:
        assert total(again) == 16
    page.click("button[aria-label^='remove filter: step']")
    settled(page, 48)
    page.click("text=Clear all filters")
    settled(page, every)
    page.get_by_role("group", name="group signal").get_by_role("button", name="yes").click()
    page.wait_for_function("n => !document.getElementById('total').textContent.startsWith(`${n} of`)", arg=every)
    assert page.locator(".flag:text-is('no signal')").count() == 0


def test_search_finds_texts(page):
    response = page.locator(".line-row .cell.text").last
    page.wait_for_function("() => document.querySelector('.line-row .cell.text').textContent.length > 3")
    word = response.inner_text().strip()[:3]
    page.keyboard.press("/")
    page.keyboard.type(word)
    page.wait_for_url("**q=**")
    assert 0 < total(page) <= 96
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement.id") != "search"
    page.locator("#search").fill("no response says this")
    settled(page, 0)
    page.locator("#search").fill("")
    settled(page, 96)


def test_columns_sort_and_a_second_key_decides_ties(page):
    page.click(".head button:has-text('reward')")
    found = numbers(column(page, "reward"))
    assert found == sorted(found, reverse=True)
    page.click(".head button:has-text('length')", modifiers=["Shift"])
    pairs = list(zip(numbers(column(page, "reward")), numbers(column(page, "length")), strict=True))
    assert pairs == sorted(pairs, reverse=True) and "sort=-reward%2C-length" in page.url
    assert page.locator("[aria-sort=descending]").count() == 2
    page.click(".head button:has-text('reward')")
    found = numbers(column(page, "reward"))
    assert found == sorted(found)
    bars = page.locator("svg.histogram")
    assert "reward" in page.inner_text(".histogram-box")
    box = bars.bounding_box()
    page.mouse.move(box["x"] + 1, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + 20, box["y"] + 20)
    page.mouse.up()
    page.wait_for_url("**f.reward=**")


@pytest.mark.at("#rollouts?sort=-length")
def test_a_rollout_opens_with_its_tokens_and_their_numbers(page):
    page.locator(".line-row").first.click()
    page.wait_for_selector("#detail .tokens .t")
    text = page.inner_text("#detail")
    assert "Prompt" in text and "reference answer" in text and "correct" in text
    assert page.locator("#detail svg.bars").count() >= 3
    token = page.locator("#detail .tokens[role=group] .t").nth(1)
    token.hover()
    tip = page.inner_text("#tip")
    assert "behavior logprob" in tip and "advantage" in tip and "number 1" in tip
    page.select_option("#color", "behavior_logprob")
    assert page.locator("#detail .tokens[role=group] .t.size").count() > 0 and "color=behavior_logprob" in page.url
    token.focus()
    page.keyboard.press("ArrowRight")
    assert "number 2" in page.inner_text("#tip")
    assert page.evaluate("document.activeElement.getAttribute('aria-describedby')") == "tip"


def test_everything_goes_by_keyboard(page):
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_selector("#detail .t")
    assert "row=2" in page.url and page.locator(".line-row.open").get_attribute("data-place") == "2"
    page.keyboard.press("]")
    page.wait_for_url("**row=3*")
    page.keyboard.press("[")
    page.wait_for_url("**row=2*")
    page.wait_for_selector("#detail select#color")
    before = page.input_value("#color")
    page.keyboard.press("c")
    assert page.input_value("#color") != before
    page.keyboard.press("g")
    page.wait_for_selector("#group .card.rollout .t")
    page.keyboard.press("]")
    page.wait_for_function("() => document.getElementById('detail-title').textContent.includes('group 1')")
    page.keyboard.press("Escape")
    page.wait_for_selector("#group", state="hidden")
    page.keyboard.press("Escape")
    page.wait_for_selector("#detail", state="hidden")
    page.keyboard.press("?")
    assert "next, previous row" in page.inner_text("dialog[open]")
    page.keyboard.press("Escape")
    assert page.locator("dialog[open]").count() == 0
    page.keyboard.press("2")
    page.wait_for_selector("figure")


@pytest.mark.at("#rollouts?row=5&group=1")
def test_a_group_stands_side_by_side(page):
    page.wait_for_selector("#group .card.rollout .t")
    cards = page.locator("#group .card.rollout")
    assert cards.count() == 4 and page.locator("#group .card.current").count() == 1
    rewards = numbers(page.locator("#group .card-head > b").all_inner_texts())
    assert rewards == sorted(rewards, reverse=True)
    tops = {round(cards.nth(at).bounding_box()["y"]) for at in range(4)}
    assert len(tops) == 1
    cards.nth(1).locator("button.link").click()
    page.wait_for_selector("#detail .t")
    page.go_back()
    page.wait_for_selector("#group .card.rollout .t")


@pytest.mark.at("#changes")
def test_stored_rollouts_of_two_steps_stand_beside_each_other(page):
    before = page.locator("section[aria-label=before]")
    page.wait_for_selector("section[aria-label=before] h3")
    assert "before: step 1" in before.inner_text()
    assert page.get_by_label("problem", exact=True).input_value()
    page.locator("select[aria-label=after]").select_option("4")
    page.wait_for_url("**after=4*")
    page.wait_for_selector("section[aria-label=after] h3:has-text('step 4')")


@pytest.mark.at("#changes?run=0&problem=1")
def test_two_checkpoints_are_sampled_on_the_same_prompt(page):
    page.get_by_label("samples").fill("2")
    page.click("#sample-both")
    page.wait_for_selector("#sampled .card.rollout .t")
    assert page.locator("#sampled section").count() == 2 and page.locator("#sampled .card.rollout").count() == 4
    page.locator("#sampled .t[data-at]").first.hover()
    assert "after minus before" in page.inner_text("#tip")


def test_an_episode_has_a_curve_per_component(browser, runs):
    with serving([runs["control"]]) as url, watched(browser, f"{url}#rollouts?row=1") as page:
        page.wait_for_selector("#detail .along svg")
        charts = page.locator("#detail .along svg")
        assert charts.first.get_attribute("aria-label") == "reward components over the steps of the episode"
        assert {"progress", "driving", "crash"} <= set(charts.first.locator("text.name title").all_text_contents())
        assert charts.count() >= 3 and page.locator(".line-row svg.bars .part").count() > 3
        charts.first.hover(position={"x": 200, "y": 60})
        tip = page.inner_text("#tip")
        assert re.match(r"step of the episode \d+\s+action ", tip)
        assert page.locator("#detail .steps .t").count() > 1


def test_a_report_opens_offline_from_its_file(browser, runs, tmp_path):
    report = write_report([runs["one"], runs["two"]], tmp_path / "report.html", rollouts=40)
    with watched(browser, f"{report.as_uri()}#overview") as page:
        page.context.set_offline(True)
        assert "This file holds 40 of 96 stored rollouts" in page.inner_text("#banner")
        assert "41.3% [38.2, 44.5]" in page.inner_text("main")
        page.keyboard.press("2")
        page.wait_for_selector("figure path.line")
        page.keyboard.press("3")
        assert total(page) == 40
        page.click(".head button:has-text('length')")
        found = numbers(column(page, "length"))
        assert found == sorted(found, reverse=True)
        word = page.locator(".line-row .cell.text").last.inner_text().strip()
        page.locator("#search").fill(word)
        page.wait_for_url("**q=**")
        assert 0 < total(page) <= 40
        page.locator(".line-row").first.click()
        page.wait_for_selector("#detail .t")
        page.locator("#detail .tokens[role=group] .t").first.hover()
        assert "behavior logprob" in page.inner_text("#tip")
        page.keyboard.press("g")
        page.wait_for_selector("#group .card.rollout .t")
        page.keyboard.press("4")
        page.wait_for_selector("section[aria-label=before] h3")
        assert page.locator("#sample-both").count() == 0


@pytest.mark.at("#overview")
def test_a_notice_shows_the_rollouts_it_speaks_of(page):
    notice = page.locator("button.notice", has_text="no two different rewards").first
    notice.click()
    page.wait_for_selector("#total")
    assert "not signal" in page.inner_text(".chips-row") and 0 < total(page) < 96
    assert page.locator(".flag:text-is('no signal')").count() > 0


def test_sorting_agrees_with_python_and_puts_missing_values_last(page):
    floats = [0.5, None, -0.0, 0.0, -3.25, 1e30, None, -1e-30, 2.0, 0.5, -1e30]
    ints = [3, -7, MISSING, 0, 2**31 - 1, 3, -(2**31) + 1, 5, MISSING, 1, 3]
    found = page.evaluate(
        """([floats, ints]) => {
          const base64 = (array) => btoa(String.fromCharCode(...new Uint8Array(array.buffer)));
          const columns = [{name: 'x', kind: 'float'}, {name: 'n', kind: 'int'}];
          const data = {x: base64(Float32Array.from(floats, (one) => one ?? NaN)), n: base64(Int32Array.from(ints))};
          const rows = new Rows({columns}, {rows: floats.length, data});
          const all = rows.select({});
          const orders = {};
          for (const falling of [false, true]) {
            for (const name of ['x', 'n']) orders[name + falling] = [...rows.sort(all, [[name, falling]])];
            orders['both' + falling] = [...rows.sort(all, [['n', falling], ['x', true]])];
          }
          const [below, within] = [{n: [null, 0]}, {x: [0, 2]}].map((filters) => [...rows.select(filters)]);
          return {orders, range: rows.range('n'), below, within};
        }""",
        [floats, ints],
    )

    def order(values, falling, then=None):
        def key(row):
            value = values[row]
            first = (1, 0) if value in (None, MISSING) else (0, -value if falling else value)
            return (first, then(row)) if then else first

        return sorted(range(len(values)), key=key)

    for falling in (False, True):
        name = str(falling).lower()
        assert found["orders"][f"x{name}"] == order(floats, falling)
        assert found["orders"][f"n{name}"] == order(ints, falling)
        second = lambda row: (1, 0) if floats[row] is None else (0, -floats[row])  # noqa: E731
        assert found["orders"][f"both{name}"] == order(ints, falling, second)
    assert found["range"] == [-(2**31) + 1, 2**31 - 1]
    assert found["below"] == [1, 3, 6] and found["within"] == [0, 2, 3, 8, 9]


def test_only_rows_in_view_are_in_the_document(page):
    assert page.locator(".line-row").count() < 45 < total(page)
    page.locator("#rows").focus()
    page.keyboard.press("End")
    page.wait_for_selector(".line-row[data-place='95']")
    assert page.locator(".line-row").count() < 45 and page.locator(".line-row[data-place='0']").count() == 0
    page.keyboard.press("Home")
    page.wait_for_selector(".line-row[data-place='0']")


def test_what_a_run_writes_while_it_goes_on_appears(browser, runs, tmp_path):
    run = tmp_path / "going"
    shutil.copytree(runs["one"], run)
    facts = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps(facts | {"status": "running"}))
    later = run.parent / "later"
    shutil.move(run / "rollouts" / step_name(8), later)
    with serving([run]) as url, watched(browser, f"{url}#rollouts?f.step=4..") as page:
        assert total(page) == 16
        shutil.move(later, run / "rollouts" / step_name(8))
        page.evaluate("renew()")
        settled(page, 32)
        page.keyboard.press("1")
        assert "running" in page.inner_text(".run h1")
        (run / "run.json").write_text(json.dumps(facts))
        page.evaluate("renew()")
        page.wait_for_selector(".state.finished")


def test_runs_that_lack_nearly_everything_can_be_looked_at(browser, tmp_path):
    train(toy_recipe(), steps=0, out=tmp_path / "nothing")
    supervised = dataclasses.replace(
        language_recipe(),
        rollout=Demonstrations(prompts=4),
        rewards=(),
        shaping=(),
        advantage=(),
        objective=Objective(NLL()),
    )
    train(supervised, steps=2, out=tmp_path / "taught")
    for name, rows in (("nothing", 0), ("taught", 8)):
        with serving([tmp_path / name]) as url, watched(browser, url) as page:
            for key in "2341":
                page.keyboard.press(key)
            page.keyboard.press("3")
            if rows:
                assert total(page) == rows
                page.keyboard.press("Enter")
                page.wait_for_selector("#detail .t")
                page.keyboard.press("g")
                page.wait_for_selector("#group .card.rollout")
            else:
                assert "No rollouts are stored" in page.inner_text("main")


def test_light_and_dark_and_a_narrow_window(browser, url):
    background = "getComputedStyle(document.body).backgroundColor"
    with watched(browser, f"{url}#rollouts?row=1", color_scheme="dark", viewport={"width": 420, "height": 800}) as page:
        dark = page.evaluate(background)
        page.click("#theme")
        page.click("#theme")
        assert page.get_attribute("html", "data-theme") == "light" and page.evaluate(background) != dark
        page.wait_for_selector("#detail .t")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        page.keyboard.press("Escape")
        page.wait_for_selector("#detail", state="hidden")
        page.reload()
        page.wait_for_selector("html[data-ready]")
        assert page.get_attribute("html", "data-theme") == "light"
