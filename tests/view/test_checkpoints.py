import math

import pytest
import torch
from run_toys import language_recipe, toy_recipe

from guerdon import train
from guerdon.errors import GuerdonError
from guerdon.runs.folder import RunFolder
from guerdon.runs.policy import load_policy
from guerdon.view.checkpoints import compare
from guerdon.view.store import Store

ASKED = {"run": 0, "before": 2, "after": 4, "problem": 3, "samples": 3, "seed": 1}


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    path = tmp_path_factory.mktemp("run")
    train(language_recipe(), steps=4, out=RunFolder(path / "a", save_every=2, rollouts_every=0))
    return Store([path / "a"])


def test_both_sample_the_same_prompt_and_both_score_every_token(store):
    found = compare(store, ASKED)
    path = store.now.paths[0]
    assert set(found) == {"prompt", "before", "after", "pass"} and found["pass"].keys() == {"before", "after"}
    for side, step in (("before", 2), ("after", 4)):
        assert len(found[side]) == 3
        policy = load_policy(path, step=step)
        for each in found[side]:
            tokens = each["tokens"]
            count = len(tokens["text"])
            assert count == len(tokens["logprob_before"]) == len(tokens["logprob_after"]) > 0
            # Its own log-probs are those of its own weights: the first token's follow from the prompt alone.
            logits = policy.prefill([torch.tensor(policy.tokenizer.encode(found["prompt"]))]).logits[0]
            own = logits.log_softmax(-1).tolist()
            assert min(abs(value - tokens[f"logprob_{side}"][0]) for value in own) < 1e-3
            assert each["reward"] in (0.0, 1.0) or math.isclose(each["reward"], 0.01, abs_tol=0.05)
    assert compare(store, ASKED) == found
    assert compare(store, {**ASKED, "seed": 2})["before"] != found["before"]


def test_a_checkpoint_against_itself_shows_no_difference(store):
    found = compare(store, {**ASKED, "before": 4})
    assert found["before"] == found["after"]
    for each in found["after"]:
        assert each["tokens"]["logprob_before"] == each["tokens"]["logprob_after"]


def test_the_policy_that_a_run_began_from_is_step_0(store):
    assert store.meta()["runs"][0]["checkpoint_steps"] == [0, 2, 4]
    first, later = compare(store, {**ASKED, "before": 0}), compare(store, ASKED)
    assert first["after"] != later["after"]
    for one, other in zip(first["after"], later["after"], strict=True):
        assert one["tokens"]["logprob_after"] == other["tokens"]["logprob_after"]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"run": 1}, "run must be one of 0..0, got 1"),
        ({"before": 3}, r"must be asked for at a kept step \(0, 2, 4\), got 3"),
        ({"problem": -1}, "problem must be one of the task's"),
        ({"problem": 10**9}, "problem must be one of the task's"),
        ({"problem": "3"}, "problem must be a whole number, got '3'"),
        ({"after": None}, "after must be a whole number, got None"),
        ({"samples": True}, "samples must be a whole number, got True"),
        ({"samples": 17}, r"samples must lie in 1\.\.16, got 17"),
    ],
)
def test_what_cannot_be_compared(store, change, sentence):
    with pytest.raises(GuerdonError, match=sentence):
        compare(store, {**ASKED, **change})


def test_only_language_models_speak(tmp_path):
    train(toy_recipe_of_the_catalogue(), steps=2, out=RunFolder(tmp_path / "a", save_every=1, rollouts_every=0))
    with pytest.raises(GuerdonError, match="comparing checkpoints needs a language-model policy, got TabularPolicy"):
        compare(Store([tmp_path / "a"]), {**ASKED, "before": 1, "after": 2})


def toy_recipe_of_the_catalogue():
    from dataclasses import replace

    from guerdon.advantages.standardize import Standardize
    from guerdon.objective import Objective
    from guerdon.objectives.aggregation import TokenMean
    from guerdon.objectives.reinforce import Reinforce
    from guerdon.policies.tabular import Tabular

    return replace(
        toy_recipe(policy=Tabular()), advantage=(Standardize(),), objective=Objective(Reinforce(), TokenMean())
    )
