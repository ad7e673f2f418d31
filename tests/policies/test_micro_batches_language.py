"""A language model through the whole loop: 1 x 8 equals 8 x 1, whatever the aggregation and however ragged the batch."""

import itertools
from dataclasses import dataclass

import pytest
import torch

from guerdon import Objective, Recipe, Update
from guerdon.advantages.standardize import Standardize
from guerdon.base import TaskSpec
from guerdon.errors import GuerdonError
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
from guerdon.snapshots import evaluate_in_parts
from guerdon.tasks.problem import Problem
from guerdon.update import micro_batches

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


def two_steps(
    aggregation: Aggregation, micro_batch: int | None, tokens: int | None = None, **how: int
) -> tuple[Trainer, list[dict[str, float]]]:
    recipe = Recipe(
        task=Echo(),
        policy=TinyLM(width=16, layers=1, heads=2, vocab_size=262),
        # A third of the tokens stop an untrained model's response: some are short, some are cut off.
        rollout=Sample(prompts=2, samples_per_prompt=4, sampling=Sampling(max_tokens=9, stop=STOPS)),
        rewards=(Verifier(guard=Guard(isolate=False)),),
        advantage=(Standardize(),),
        objective=Objective(PPOClip(), aggregation, regularizers=(KLPenalty(0.1), EntropyBonus(0.01))),
        update=Update(
            **{"lr": 1e-2, "epochs": 2, "max_grad_norm": 0.5, **how}, micro_batch=micro_batch, micro_batch_tokens=tokens
        ),
    )
    built = Trainer(recipe, steps=2).policy.double()
    trainer = Trainer(recipe, steps=2, policy=built)
    return trainer, [trainer.train_step()[1] for _ in range(2)]


@pytest.mark.parametrize("aggregation", AGGREGATIONS, ids=repr)
def test_gradients_weights_and_metrics_do_not_depend_on_the_micro_batch(aggregation):
    whole, told = two_steps(aggregation, None)
    for micro_batch, tokens in ((1, None), (3, None), (8, None), (None, 1), (None, 40), (None, 10**6)):
        cut, told_then = two_steps(aggregation, micro_batch, tokens)
        for (name, one), other in zip(whole.policy.named_parameters(), cut.policy.parameters(), strict=True):
            assert one.grad is not None and other.grad is not None and bool(one.grad.any()), name
            assert torch.allclose(one.grad, other.grad, rtol=1e-7, atol=1e-11), name
            assert torch.allclose(one, other, rtol=1e-7, atol=1e-9), name
        for before, after in zip(told, told_then, strict=True):
            assert before.keys() == after.keys()
            for name in before:
                if not name.startswith("time/") and name != "actions_per_s":
                    assert after[name] == pytest.approx(before[name], rel=1e-6, abs=1e-9), name


def test_the_batches_of_this_test_are_ragged():
    trainer, told = two_steps(TokenMean(), None)
    batch, metrics = trainer.train_step()
    lengths = batch.index("token", "traj").bincount(minlength=8)
    assert len(set(lengths.tolist())) > 2 and metrics["signal"] == 1.0 and 0 < told[0]["truncated"] <= 1


def test_passes_by_tokens_hold_at_most_so_many_and_everything_once():
    whole, _ = two_steps(TokenMean(), None)
    batch = whole.train_step()[0]
    lengths = [len(ids) for ids in batch["traj.input_ids"]]
    for packs, unit in itertools.product((True, False), ("traj", "group")):
        parts = list(micro_batches(batch, Update(micro_batch_tokens=50), unit, packs))
        held = [[len(ids) for ids in part["traj.input_ids"]] for part in parts]
        assert sorted(itertools.chain(*held)) == sorted(lengths)
        for part, sizes in zip(parts, held, strict=True):
            assert (sum(sizes) if packs else max(sizes) * len(sizes)) <= 50 or part.size(unit) == 1
        if unit == "traj" and not packs:
            assert len(parts) < len(lengths) and max(held[-1]) <= min(held[0])
    assert len(list(micro_batches(batch, Update(micro_batch_tokens=1), "batch"))) == 1


def test_columns_of_a_snapshot_come_back_in_order():
    whole, _ = two_steps(TokenMean(), None)
    batch = whole.train_step()[0]
    wants = frozenset({"action.logprob"})
    one = evaluate_in_parts(whole.policy, batch, wants, Update())["action.logprob"]
    for update in (Update(micro_batch=3), Update(micro_batch_tokens=30)):
        other = evaluate_in_parts(whole.policy, batch, wants, update)["action.logprob"]
        assert torch.allclose(one, other, rtol=1e-9, atol=1e-12)


def test_on_policy_the_old_log_probs_are_the_updates_own(monkeypatch):
    # The forward pass is the same, so asking for it a second time changes nothing but the time.
    one, told = two_steps(TokenMean(), 3, epochs=1)
    assert "action.old_logprob" not in one.train_step()[0]
    monkeypatch.setattr(Trainer, "_own", lambda self, batch: {})
    other, told_then = two_steps(TokenMean(), 3, epochs=1)
    assert "action.old_logprob" in other.train_step()[0]
    for a, b in zip(one.policy.parameters(), other.policy.parameters(), strict=True):
        assert torch.allclose(a, b, rtol=1e-9, atol=1e-12)
    for before, after in zip(told, told_then, strict=True):
        for name in before:
            if not name.startswith("time/") and name != "actions_per_s":
                assert after[name] == pytest.approx(before[name], rel=1e-7, abs=1e-9), name


def test_a_pass_is_counted_in_one_unit():
    with pytest.raises(GuerdonError, match="micro_batch=2 and micro_batch_tokens=9; leave one at None"):
        Update(micro_batch=2, micro_batch_tokens=9)
