"""A language model through the whole loop: 1 x 8 equals 8 x 1, whatever the aggregation and however ragged the batch."""

from dataclasses import dataclass

import pytest
import torch

from guerdon import Objective, Recipe, Update
from guerdon.advantages.standardize import Standardize
from guerdon.base import TaskSpec
from guerdon.loop import Trainer
from guerdon.objectives.aggregation import SeqMeanTokenMean, SeqMeanTokenSum, SumOverLength, TokenMean
from guerdon.objectives.entropy import EntropyBonus
from guerdon.objectives.kl import KLPenalty
from guerdon.objectives.ppo_clip import PPOClip
from guerdon.piece import Aggregation
from guerdon.policies.tiny_lm import TinyLM
from guerdon.rewards.guard import Guard
from guerdon.rewards.verifier import Verifier
from guerdon.rollouts.sample import Sample
from guerdon.rollouts.sampler import Sampling
from guerdon.tasks.problem import Problem

AGGREGATIONS = [
    TokenMean(),
    SeqMeanTokenSum(),
    SeqMeanTokenMean(),
    SumOverLength(9),
    SumOverLength(9, per_trajectory=False),
]
STOPS = tuple(map(chr, range(1, 65)))


@dataclass(frozen=True)
class Echo(TaskSpec):
    """Prompts of different lengths; the reward counts letters, so that responses of every length differ in it."""

    def size(self, split: str) -> int:
        return 4

    def problem(self, split: str, number: int) -> Problem:
        return Problem(number, "abc "[: number + 1] * (number + 1), "a")

    def score(self, problem: Problem, response: str) -> float:
        return sum(map(str.isalpha, response)) - 0.3 * len(response)


def two_steps(aggregation: Aggregation, micro_batch: int | None) -> tuple[Trainer, list[dict[str, float]]]:
    recipe = Recipe(
        task=Echo(),
        policy=TinyLM(width=16, layers=1, heads=2, vocab_size=262),
        # A third of the tokens stop an untrained model's response: some are short, some are cut off.
        rollout=Sample(prompts=2, samples_per_prompt=4, sampling=Sampling(max_tokens=9, stop=STOPS)),
        rewards=(Verifier(guard=Guard(isolate=False)),),
        advantage=(Standardize(),),
        objective=Objective(PPOClip(), aggregation, regularizers=(KLPenalty(0.1), EntropyBonus(0.01))),
        update=Update(lr=1e-2, epochs=2, micro_batch=micro_batch, max_grad_norm=0.5),
    )
    built = Trainer(recipe, steps=2).policy.double()
    trainer = Trainer(recipe, steps=2, policy=built)
    return trainer, [trainer.train_step()[1] for _ in range(2)]


@pytest.mark.parametrize("aggregation", AGGREGATIONS, ids=repr)
def test_gradients_weights_and_metrics_do_not_depend_on_the_micro_batch(aggregation):
    whole, told = two_steps(aggregation, None)
    for micro_batch in (1, 3, 8):
        cut, told_then = two_steps(aggregation, micro_batch)
        for (name, one), other in zip(whole.policy.named_parameters(), cut.policy.parameters(), strict=True):
            assert one.grad is not None and other.grad is not None and bool(one.grad.any()), name
            assert torch.allclose(one.grad, other.grad, rtol=1e-7, atol=1e-11), name
            assert torch.allclose(one, other, rtol=1e-7, atol=1e-9), name
        for before, after in zip(told, told_then, strict=True):
            assert before.keys() == after.keys()
            for name in before:
                if not name.startswith("time/") and name != "actions_per_s":
                    assert after[name] == pytest.approx(before[name], rel=1e-7, abs=1e-9), name


def test_the_batches_of_this_test_are_ragged():
    trainer, told = two_steps(TokenMean(), None)
    batch, metrics = trainer.train_step()
    lengths = batch.index("token", "traj").bincount(minlength=8)
    assert len(set(lengths.tolist())) > 2 and metrics["signal"] == 1.0 and 0 < told[0]["truncated"] <= 1
