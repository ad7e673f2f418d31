"""Training on a verifiers environment of several turns."""

import warnings
from dataclasses import replace

import pytest
import torch

from guerdon import GuerdonError, Objective, Recipe, Update, pieces
from guerdon.loop import Trainer
from guerdon.rng import Stream
from guerdon.rollouts.verifiers_episodes import VerifiersEpisodes

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    pytest.importorskip("verifiers.v1", reason="verifiers is not installed", exc_type=ImportError)

TASK = pieces.VerifiersTaskset("toy_verifiers")
ROLLOUT = VerifiersEpisodes(3, 2, sampling=pieces.Sampling(max_tokens=6))
RECIPE = Recipe(
    Objective(pieces.PPOClip()),
    task=TASK,
    policy=pieces.TinyLM(width=16, layers=1, heads=2),
    rollout=ROLLOUT,
    shaping=(pieces.WeightedSum(TASK.weights()),),
    advantage=(pieces.Standardize(),),
    update=Update(lr=0.01),
)


def test_episodes_train_and_what_was_sampled_is_what_is_trained_on():
    RECIPE.check()
    # With a second epoch the loop keeps the log-probs of before the update.
    recipe = replace(RECIPE, update=replace(RECIPE.update, epochs=2))
    batch, metrics = Trainer(recipe, steps=1).train_step()
    assert batch.size("traj") == 6 and batch.size("group") == 3
    turns = batch["traj.metric/turns"]
    assert turns.tolist() == batch.index("step", "traj").bincount().tolist()
    odd = torch.tensor([number % 2 for number in batch["group.problem_id"].tolist()])
    assert turns.tolist() == (3 - odd)[batch.index("traj", "group")].tolist()
    # The sampler's log-probs, token by token over all turns, are those of the policy on the whole sequence.
    torch.testing.assert_close(batch["token.behavior_logprob"], batch["token.old_logprob"], rtol=0, atol=1e-5)
    expected = 2 * batch["traj.reward/right"] + 0.5 * batch["traj.reward/short"] + batch["traj.reward/episode"]
    torch.testing.assert_close(batch["traj.reward"], expected)
    assert metrics["reward/episode"] == 1.0


def test_the_same_seed_gives_the_same_episodes():
    one, two = (Trainer(RECIPE, steps=1).train_step()[0] for _ in range(2))
    assert torch.equal(one["token.id"], two["token.id"])


def test_a_single_turn_uses_guerdons_own_rollout():
    recipe = Recipe(
        Objective(pieces.Reinforce()),
        task=pieces.VerifiersTaskset("toy_verifiers"),
        policy=RECIPE.policy,
        rollout=pieces.Sample(2, 2, sampling=pieces.Sampling(max_tokens=4)),
        rewards=(pieces.VerifiersRewards(guard=pieces.Guard(isolate=False)),),
        advantage=(pieces.Standardize(),),
    )
    recipe.check()
    batch, _ = Trainer(recipe, steps=1).train_step()
    assert batch.names("traj", "reward/") == ["reward/right", "reward/short"]


def test_bad_input_is_refused():
    with pytest.raises(GuerdonError, match="needs a VerifiersTaskset and a language-model policy, got ModularSum"):
        ROLLOUT(pieces.ModularSum(), None, lambda count: [0], Stream((0,)))
    with pytest.raises(GuerdonError, match="max_turns of at least 1"):
        VerifiersEpisodes(max_turns=0)
