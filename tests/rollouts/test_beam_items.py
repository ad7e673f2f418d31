"""Beams over a catalogue: the best items in order, each once, with the log-probs that the policy gives them."""

import itertools
from dataclasses import dataclass

import pytest
import torch

from guerdon.errors import GuerdonError
from guerdon.piece import TaskSpec
from guerdon.policies.linear import Linear
from guerdon.policies.tabular import Tabular
from guerdon.rng import Stream
from guerdon.rollouts.beam_items import BeamItems, beams
from guerdon.tasks.next_item import NextItem
from guerdon.tasks.token_tree import TokenTree

TASK = NextItem(users=6, vocab=4, catalogue=9, width=3)


def sampled(rollout, task=TASK):
    policy = Linear().build(task, frozenset(), Stream((0,)))
    return policy, rollout(task, policy, lambda n: list(range(n)), Stream((1,)))


def test_a_wide_beam_is_the_whole_catalogue_in_order():
    policy, batch = sampled(BeamItems(prompts=2, width=50))
    assert batch.size("traj") == 18 and batch.size("token") == 36
    codes = batch["token.id"].view(2, 9, 2)
    assert [sorted(map(tuple, group)) for group in codes.tolist()] == [TASK.items()] * 2
    score = batch["token.behavior_logprob"].view(2, 9, 2).sum(2)
    assert bool((score.diff(dim=1) <= 0).all())
    rows = policy.rows(batch["token.context"]).log_softmax(-1)
    torch.testing.assert_close(
        batch["token.behavior_logprob"], rows.gather(1, batch["token.id"][:, None])[:, 0].detach()
    )


def test_a_narrow_beam_keeps_the_best_prefixes():
    policy, batch = sampled(BeamItems(prompts=1, width=1))
    first = policy.rows(torch.tensor([0]))[0]
    known = sorted({item[0] for item in TASK.items()})
    assert int(batch["token.id"][0]) == max(known, key=lambda token: float(first[token].detach()))


def test_the_target_pays():
    _, batch = sampled(BeamItems(prompts=3, width=9, reward="correct"))
    code = batch["token.id"].view(27, 2) @ torch.tensor([4, 1])
    target = TASK.targets()[:3].repeat_interleave(9)
    assert torch.equal(batch["traj.reward/correct"], (code == target).float())
    assert float(batch["traj.reward/correct"].sum()) == 3


@dataclass(frozen=True)
class Uneven(TaskSpec):
    """Items of one and of three tokens; a row of logits per place."""

    contexts = 3
    actions = 3

    def items(self):
        return [(2,), *((0, *rest) for rest in itertools.product((0, 1), repeat=2))]

    def initial_logits(self):
        return torch.tensor([[0.5, 0.0, 0.0], [0.9, 0.0, 0.0], [0.9, 0.0, 0.0]]).double()

    def context(self, prompt, prefix):
        return torch.full_like(prompt, prefix.shape[1])

    def outcome(self, prompt, tokens, length, generator):
        return {"traj.reward/task": length.float()}


def test_items_of_different_lengths_share_a_beam():
    task = Uneven()
    policy = Tabular().build(task, frozenset(), Stream((0,)))
    (group,) = beams(task, policy, torch.tensor([0]), 2)
    logprobs = policy.rows(torch.arange(3)).log_softmax(-1).detach()
    short, long = float(logprobs[0, 2]), float(logprobs[:, 0].sum())
    assert [beam.prefix for beam in group] == ([(2,), (0, 0, 0)] if short > long else [(0, 0, 0), (2,)])
    assert sorted(-beam.order[0] for beam in group) == pytest.approx(sorted([short, long]))
    batch = BeamItems(1, 2)(task, policy, lambda n: [0] * n, Stream((0,)))
    assert sorted(batch["traj.reward/task"].tolist()) == [1, 3] and batch.size("token") == 4


def test_bad_fields_and_tasks():
    with pytest.raises(GuerdonError, match="must be at least 1, got 8 and 0"):
        BeamItems(width=0)
    task = TokenTree()
    with pytest.raises(GuerdonError, match="needs a task with a catalogue"):
        BeamItems()(task, Tabular().build(task, frozenset(), Stream((0,))), lambda n: [0] * n, Stream((0,)))
