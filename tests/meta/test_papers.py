"""Rules that every paper keeps, checked on all of them; the claims themselves run here too."""

import json
import time

import pytest

from guerdon import claims, cli
from guerdon.catalogue import load_paper, paper_facts, paper_ids
from guerdon.paper import Paper
from guerdon.recipe import Recipe
from guerdon.serial import from_json, to_json

IDS = paper_ids()
CHECKS = [
    (paper_id, number) for paper_id in IDS for number, c in enumerate(load_paper(paper_id).claims) if c.tier == "check"
]


@pytest.mark.parametrize("paper_id", IDS)
def test_a_paper_is_a_composition_that_is_saved_and_loads_equal(paper_id):
    paper = load_paper(paper_id)
    assert isinstance(paper, Paper)
    for recipe in (paper.recipe, *paper.compositions.values()):
        if isinstance(recipe, Recipe):
            assert from_json(to_json(recipe)) == recipe
            recipe.check()


@pytest.mark.parametrize("paper_id", IDS)
def test_the_facts_read_from_the_source_are_those_of_the_paper(paper_id):
    paper, facts = load_paper(paper_id), paper_facts(paper_id)
    assert (facts["title"], facts["kind"], facts["source"]) == (paper.title, paper.kind, paper.source)
    assert facts["claims"] == len(paper.claims)
    assert facts["proxies"] == [claims.claim_name(claim) for claim in paper.claims if claim.tier == "proxy"]


@pytest.mark.parametrize(("paper_id", "number"), CHECKS)
def test_an_exact_claim_holds(paper_id, number):
    started = time.perf_counter()
    outcome = claims.run_claim(paper_id, load_paper(paper_id).claims[number])
    assert outcome.passed, outcome
    assert time.perf_counter() - started < 20, "an exact claim takes less than a second on an idle machine"


TRAINED = [
    paper_id for paper_id in IDS if isinstance(recipe := load_paper(paper_id).recipe, Recipe) and not recipe.task
]
SMALL = ["--task", "chain_sum:train_size=50,test_size=4", "--policy", "tiny_lm:width=16,layers=1,heads=2"]


@pytest.mark.parametrize("paper_id", TRAINED)
def test_a_paper_that_leaves_its_task_open_trains(paper_id, capsys):
    if "HuggingFaceLM" in json.dumps(to_json(load_paper(paper_id).recipe)):
        pytest.skip("it names a model to download")
    codes = []
    for task in (["--task", "tree"], SMALL):
        codes.append(cli.main(["train", paper_id, *task, "--steps", "1", "--json"]))
        if codes[-1] == 0:
            return
    pytest.fail(f"{codes}: {capsys.readouterr().err}")


def test_recorded_results_belong_to_proxies_that_exist():
    for paper_id, entries in claims.read_results().items():
        assert set(entries) <= set(paper_facts(paper_id)["proxies"]), paper_id
