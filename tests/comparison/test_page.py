"""The page: what it shows, that it is whole, and that nothing in it runs."""

from html.parser import HTMLParser

import pytest
from comparison.test_plan import a_plan
from comparison.test_result import READING, a_measured

from guerdon.comparison.page import body, number, write_page
from guerdon.comparison.result import compose

NASTY = "<script>alert(1)</script>"


class Page(HTMLParser):
    """Tags with attributes, in order, and whether each that was opened was closed."""

    VOID = {"meta"}

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags, self.open = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.fixture
def data(tmp_path):
    methods = ("grpo", "x=grpo,update.lr=0.5", "a #1=grpo,update.lr=0.1")
    plan = a_plan(tmp_path, methods=methods, seeds=4)
    return compose(plan, *a_measured(plan, missing=("x tree seed 3",)), READING)


def test_the_page_is_whole_and_shows_every_part(data, tmp_path):
    write_page(data, tmp_path / "compare.html")
    text = (tmp_path / "compare.html").read_text(encoding="utf-8")
    page = Page(text)
    assert not page.open and "default-src 'none'" in text
    assert [tag for tag, _ in page.tags].count("svg") == 5 + 2 + 2 + 5 + 2
    for part in (
        "Verdict",
        "Scores",
        "Against grpo",
        "Sample efficiency",
        "Performance profiles",
        "Budget",
        "All 24 runs",
    ):
        assert part in text
    for sentence in data["verdict"]["sentences"]:
        assert sentence in text
    assert "1 run failed" in text and "it broke" in text


def test_links_lead_to_the_runs(data):
    links = [attrs["href"] for tag, attrs in Page(body(data)).tags if tag == "a"]
    assert len(links) == 24 and links[0] == "cells/grpo/tree/seed_0/" and "cells/a_1/tree_depth%3D2/seed_0/" in links


def test_nothing_in_a_page_runs(data):
    data["methods"][1]["spec"] = data["cells"][0]["reason"] = data["score"] = NASTY
    data["notes"].append(NASTY)
    data["tasks"][0] = NASTY
    data["compared"]["methods"][0] = data["methods"][0]["name"] = data["baseline"] = NASTY
    for cell in data["cells"]:
        cell["method"] = NASTY
    for pair in [*data["final"]["comparisons"], *data["pairs"]]:
        pair.update({key: NASTY for key in ("ours", "theirs") if pair[key] == "grpo"})
    text = body(data)
    assert NASTY not in text and "&lt;script&gt;" in text
    for tag, attributes in Page(text).tags:
        assert tag != "script" and not [name for name in attributes if name.startswith("on")]


def test_a_comparison_at_equal_cost_is_part_of_the_verdict(tmp_path):
    plan = a_plan(tmp_path, seeds=4)
    text = body(compose(plan, *a_measured(plan, actions=25.0), READING))
    assert "With the same sampled actions (tree: 50 each, tree:depth=2: 50 each):" in text and not Page(text).open


def test_without_a_result_it_still_tells_what_happened(tmp_path):
    plan = a_plan(tmp_path, seeds=1)
    data = compose(plan, *a_measured(plan, missing=[cell.label for cell in plan.cells()]), READING)
    text = body(data)
    assert "too few finished runs" in text and "4 runs failed" in text and "<svg" not in text
    assert not Page(text).open


def test_numbers_for_people():
    assert [number(value) for value in (None, float("nan"), 19200.0, 0.123456, 3.0)] == [
        "-",
        "-",
        "19,200",
        "0.1235",
        "3",
    ]
