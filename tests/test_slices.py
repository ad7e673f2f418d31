"""Flows, diffusion and preferences go through the same loop as everything else."""

from dataclasses import replace

import pytest
import torch

from guerdon.loop import Trainer
from guerdon.papers import ddpo, dpo, trajectory_balance
from guerdon.policies.denoiser import Denoiser
from guerdon.policies.flow import Flow
from guerdon.policies.tiny_lm import TinyLM
from guerdon.recipe import Recipe
from guerdon.rollouts.construct import Construct
from guerdon.rollouts.denoise import Denoise
from guerdon.rollouts.noising import NoisedData
from guerdon.rollouts.pairs import Pairs
from guerdon.tasks.hypergrid import HyperGrid

FLOW = Flow(hidden=(8,), learned_backward=True)
SMALL = {
    "balance": replace(
        trajectory_balance.RECIPE, task=HyperGrid(side=4), policy=FLOW, rollout=Construct(samples_per_problem=12)
    ),
    "variance": replace(
        trajectory_balance.LPV, task=HyperGrid(side=4), policy=FLOW, rollout=Construct(samples_per_problem=12)
    ),
    "pretrain": replace(ddpo.PRETRAIN, policy=Denoiser(hidden=(8,), steps=5), rollout=NoisedData(samples=12)),
    "ddpo": replace(
        ddpo.RECIPE, policy=Denoiser(hidden=(8,), steps=5), rollout=Denoise(problems=1, samples_per_problem=20)
    ),
    "dpo": replace(dpo.RECIPE, policy=TinyLM(width=16, layers=1, heads=2), rollout=Pairs(pairs=6)),
}


def weights(trainer: Trainer) -> list[torch.Tensor]:
    return [parameter.detach().clone() for parameter in trainer.policy.parameters()]


@pytest.mark.parametrize("recipe", SMALL.values(), ids=SMALL)
def test_a_step_changes_every_parameter_and_nothing_is_warned_about(recipe: Recipe):
    trainer = Trainer(recipe, steps=3)
    before = weights(trainer)
    for _ in range(3):
        _, metrics = trainer.train_step()
        assert metrics["grad_norm"] > 0
    assert trainer.warnings == []
    changed = [not torch.equal(old, new) for old, new in zip(before, weights(trainer), strict=True)]
    # The variance has no log Z to learn; it is the one parameter that may stay.
    names = [name for name, _ in trainer.policy.named_parameters()]
    assert [name for name, moved in zip(names, changed, strict=True) if not moved] in ([], ["log_z"])


@pytest.mark.parametrize("recipe", SMALL.values(), ids=SMALL)
def test_micro_batches_do_not_change_the_gradient(recipe: Recipe):
    def trained(size: int | None) -> list[torch.Tensor]:
        small = replace(recipe, update=replace(recipe.update, micro_batch=size, minibatches=1, epochs=1))
        trainer = Trainer(small, steps=2)
        trainer.policy.double()
        trainer.optimizer = small.update.optimizer(trainer.policy)
        trainer.train_step()
        return weights(trainer)

    whole = trained(None)
    for size in (1, 5):
        for one, other in zip(whole, trained(size), strict=True):
            torch.testing.assert_close(one, other, atol=1e-7, rtol=1e-5)


@pytest.mark.parametrize("recipe", SMALL.values(), ids=SMALL)
def test_a_resumed_run_ends_where_the_uninterrupted_one_does(recipe: Recipe):
    straight, first, second = (Trainer(recipe, steps=4, seed=5) for _ in range(3))
    for _ in range(4):
        straight.train_step()
    for _ in range(2):
        first.train_step()
    second.load_state_dict(first.state_dict())
    for _ in range(2):
        second.train_step()
    for one, other in zip(weights(straight), weights(second), strict=True):
        assert torch.equal(one, other)
