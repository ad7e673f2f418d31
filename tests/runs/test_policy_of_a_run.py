"""The policy of a run, from its folder."""

from dataclasses import replace

import pytest
import torch

from guerdon.advantages.standardize import Standardize
from guerdon.errors import GuerdonError
from guerdon.loop import train
from guerdon.objective import Objective
from guerdon.objectives.ppo_clip import PPOClip
from guerdon.policies.tabular import Tabular
from guerdon.recipe import Recipe
from guerdon.rollouts.tabular import SampleTree
from guerdon.runs.policy import is_run, load_policy
from guerdon.tasks.token_tree import TokenTree
from guerdon.update import Update

RECIPE = Recipe(
    Objective(PPOClip()),
    task=TokenTree(),
    policy=Tabular(init_std=0.5),
    rollout=SampleTree(),
    advantage=(Standardize(),),
    update=Update(lr=0.1, minibatches=2),
)


def test_a_policy_has_the_weights_of_its_run(tmp_path):
    assert not is_run(tmp_path / "run")
    result = train(RECIPE, steps=3, out=tmp_path / "run")
    assert is_run(tmp_path / "run")
    found = load_policy(tmp_path / "run")
    assert torch.equal(found.logits, result.policy.logits) and not found.training
    assert torch.equal(train(RECIPE, steps=0).policy.logits, found.logits) is False


def test_a_policy_handed_over_keeps_its_origin(tmp_path):
    first = train(RECIPE, steps=1, out=tmp_path / "first")
    other = replace(RECIPE, task=TokenTree(seed=3), policy=None)
    second = train(other, steps=2, policy=first.policy, out=tmp_path / "second")
    assert torch.equal(load_policy(tmp_path / "second").logits, second.policy.logits)


def test_a_head_that_the_run_did_not_have_is_new(tmp_path):
    train(RECIPE, steps=1, out=tmp_path / "run")
    plain = load_policy(tmp_path / "run")
    assert plain.values is None
    grown = load_policy(tmp_path / "run", frozenset({"action.value"}))
    assert grown.values is not None and torch.equal(grown.logits, plain.logits)


def test_what_holds_no_weights_is_refused(tmp_path):
    with pytest.raises(GuerdonError, match=r"must be a run folder with a run\.json"):
        load_policy(tmp_path / "run")
    train(RECIPE, steps=1, out=tmp_path / "run")
    for path in (tmp_path / "run" / "checkpoints").rglob("manifest.json"):
        path.unlink()
    with (
        pytest.warns(UserWarning, match="checkpoint skipped"),
        pytest.raises(GuerdonError, match="complete checkpoint"),
    ):
        load_policy(tmp_path / "run")
