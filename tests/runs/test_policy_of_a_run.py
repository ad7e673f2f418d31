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
from guerdon.runs.folder import RunFolder
from guerdon.runs.policy import at_step, is_run, load_policy, policy_steps
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


def test_the_policy_of_any_checkpoint(tmp_path):
    seen = {}

    def watch(trainer, batch, metrics):
        seen[trainer.step] = trainer.policy.logits.detach().clone()

    train(RECIPE, steps=4, out=RunFolder(tmp_path / "run", save_every=2), observers=[watch])
    assert policy_steps(tmp_path / "run") == [0, 2, 4]
    for step in (2, 4):
        assert torch.equal(load_policy(tmp_path / "run", step=step).logits, seen[step])
    start = load_policy(tmp_path / "run", step=0)
    assert torch.equal(start.logits, train(RECIPE, steps=0).policy.logits) and not start.training
    with pytest.raises(GuerdonError, match=r"kept step \(0, 2, 4\), got 3"):
        load_policy(tmp_path / "run", step=3)


def test_the_beginning_of_a_policy_handed_over_is_its_checkpoint(tmp_path):
    first = train(RECIPE, steps=1).policy
    began = first.logits.detach().clone()
    train(replace(RECIPE, policy=None), steps=2, policy=first, out=tmp_path / "run")
    assert torch.equal(load_policy(tmp_path / "run", step=0).logits, began)
    for path in (tmp_path / "run" / "checkpoints" / "step_000000").iterdir():
        path.unlink()
    with pytest.raises(GuerdonError, match="complete checkpoint"):
        load_policy(tmp_path / "run", step=0)


def test_a_checkpoint_is_named_behind_an_at(tmp_path):
    run = str(tmp_path / "run")
    train(RECIPE, steps=1, out=run)
    assert at_step(run) == (run, None) and at_step(f"{run}@50") == (run, 50)
    assert at_step("someone/model@main") == ("someone/model@main", None)
    (tmp_path / "run@7").mkdir()
    assert at_step(f"{run}@7") == (f"{run}@7", None)
    with pytest.raises(GuerdonError, match="named by its step"):
        at_step(f"{run}@last")
