import math

import pytest
import torch

from guerdon.errors import GuerdonError
from guerdon.policies.linear import Linear
from guerdon.rng import Stream
from guerdon.rollouts.tabular import SampleTree
from guerdon.scorers.permutation import Permutation
from guerdon.tasks.jigsaw import Jigsaw
from guerdon.tasks.problem import Problem

TASK = Jigsaw(puzzles=2, tiles=4)


def test_the_start_is_uniform_over_orders():
    policy = Linear().build(TASK, frozenset(), Stream((0,)))
    assert TASK.solved(policy.rows(torch.arange(TASK.contexts)).detach()) == pytest.approx(1 / 24)
    batch = SampleTree(2, 3000)(TASK, policy, lambda count: list(range(count)), Stream((1,)))
    tokens = batch["token.id"].reshape(-1, 4)
    assert torch.equal(tokens.sort(1).values, torch.arange(4).expand(6000, 4))
    counts = torch.bincount(batch["traj.answer"]).float()
    seen = counts[counts > 0]
    assert len(seen) == 24 and float((seen / 250 - 1).abs().max()) < 5 / math.sqrt(250)


def test_rewards_are_those_of_the_scorer():
    policy = Linear().build(TASK, frozenset(), Stream((0,)))
    for graded in (True, False):
        task = Jigsaw(puzzles=2, tiles=4, graded=graded)
        batch = SampleTree(2, 50)(task, policy, lambda count: list(range(count)), Stream((1,)))
        for row, tokens in enumerate(batch["token.id"].reshape(-1, 4).tolist()):
            problem = Problem(0, "?", meta={"order": task.orders()[row // 50].tolist()})
            assert float(batch["traj.reward/task"][row]) == Permutation(exact=not graded)(problem, str(tokens))
    twice = TASK.outcome(torch.tensor([0]), TASK.orders()[:1, [0, 0, 2, 3]], torch.tensor([4]), torch.Generator())
    assert twice["traj.reward/task"].tolist() == [0.0]


def test_a_policy_can_learn_the_order_exactly():
    policy = Linear().build(TASK, frozenset(), Stream((0,)))
    with torch.no_grad():
        for puzzle, order in enumerate(TASK.orders().tolist()):
            for place, tile in enumerate(order):
                policy.weights[puzzle * 4 + place, tile] = 20.0
    assert TASK.solved(policy.rows(torch.arange(TASK.contexts)).detach()) == pytest.approx(1.0)


def test_bad_fields():
    with pytest.raises(GuerdonError, match="2 to 12 tiles, got 1, 1"):
        Jigsaw(tiles=1)
