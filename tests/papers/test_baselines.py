"""Every composition of the baseline papers trains a small language model on a small task with a verifier."""

import math
from dataclasses import dataclass, replace

import pytest

from guerdon import Recipe, train
from guerdon.catalogue import load_paper
from guerdon.piece import TaskSpec
from guerdon.policies.tiny_lm import TinyLM
from guerdon.rewards.guard import Guard
from guerdon.rollouts.sample import Sample
from guerdon.rollouts.sampler import Sampling
from guerdon.tasks.problem import Problem

PAPERS = ("ppo", "grpo", "dr_grpo", "dapo", "rloo", "reinforce_pp", "gspo", "cispo", "sapo")
COMPOSITIONS = [(paper, name) for paper in PAPERS for name in load_paper(paper).compositions]


@dataclass(frozen=True)
class EvenWords(TaskSpec):
    """A response is right if it has an even number of the letter a: about every second one is."""

    def size(self, split: str) -> int | None:
        return 8

    def problem(self, split: str, number: int) -> Problem:
        return Problem(id=number, prompt=f"{'ab' * number}?", answer="abba")

    def score(self, problem: Problem, response: str) -> float:
        return float(response.count("a") % 2 == 0)


MEANT = {
    ("dapo", "verl"): ("tells no responses apart",),  # its penalty begins far beyond the 24 tokens of this test
    ("gspo", "trl_luspo"): ("unless that is meant",),  # a response counts as often as it is long: that is LUSPO
}


@pytest.mark.parametrize(("paper", "name"), COMPOSITIONS)
def test_a_composition_trains(paper: str, name: str):
    recipe = load_paper(paper).compositions[name]
    assert isinstance(recipe, Recipe)
    rewards = tuple(replace(r, guard=Guard(isolate=False)) if hasattr(r, "guard") else r for r in recipe.rewards)
    rollout = Sample(prompts=4, samples_per_prompt=8, sampling=Sampling(max_tokens=24))
    small = replace(recipe, rewards=rewards, rollout=rollout)
    result = train(small, steps=2, task=EvenWords(), policy=TinyLM(width=16, layers=1, heads=2), seed=1)
    meant = MEANT.get((paper, name), ())
    assert [warning for warning in result.warnings if not any(part in warning for part in meant)] == []
    assert any(step["signal"] > 0 and step["grad_norm"] > 0 for step in result.metrics)
    assert all(math.isfinite(value) for step in result.metrics for value in step.values())
