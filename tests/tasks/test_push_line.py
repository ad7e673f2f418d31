"""Uneven ground, its models, and success on it."""

import itertools

import pytest
import torch

from guerdon.errors import GuerdonError
from guerdon.policies.tabular import Tabular
from guerdon.rng import Stream
from guerdon.rollouts.tabular import SampleTree
from guerdon.tasks.push_line import PUSHES, PushLine

SMALL = PushLine(cells=4, depth=2, dynamics="real")


def test_even_ground_moves_by_the_push_and_walls_stop_it():
    assert SMALL.moves("even").tolist() == [[0, 0, 0, 1, 2], [0, 0, 1, 2, 3], [0, 1, 2, 3, 3], [1, 2, 3, 3, 3]]


def test_enough_exact_demonstrations_teach_the_real_moves_and_none_teach_even_ground():
    seen = PushLine(demonstrations=2000, blur=0.0)
    assert torch.equal(seen.moves("learned"), seen.moves("real"))
    none = PushLine(demonstrations=0)
    assert torch.equal(none.moves("learned"), none.moves("even"))
    assert not torch.equal(none.moves("real"), none.moves("even"))
    assert torch.equal(none.initial_logits(), torch.zeros(400, 5))


def test_real_success_is_the_sum_over_all_ways():
    rows = torch.randn((SMALL.contexts, 5), generator=torch.Generator().manual_seed(0)).double()
    prob, moves, total = rows.softmax(-1).view(4, 2, 4, 5), SMALL.moves("real"), 0.0
    for start, goal in itertools.permutations(range(4), 2):
        for first, second in itertools.product(range(5), repeat=2):
            middle = int(moves[start, first])
            if int(moves[middle, second]) == goal:
                total += float(prob[goal, 0, start, first] * prob[goal, 1, middle, second])
    assert SMALL.real_success(rows) == pytest.approx(total / 12)


def test_demonstrations_prefer_a_shortest_way():
    task = PushLine(demonstrations=3000)
    assert task.real_success(task.initial_logits()) > 1.5 * task.real_success(torch.zeros(400, 5))


def test_what_a_rollout_writes():
    policy = Tabular().build(SMALL, frozenset(), Stream((0,)))
    batch = SampleTree(16, 3)(SMALL, policy, lambda n: list(range(n)), Stream((1,)))
    tokens, moves = batch["token.id"].view(48, 2), SMALL.moves("real")
    for row in range(48):
        start, goal = divmod(row // 3, 4)
        end = int(moves[int(moves[start, tokens[row, 0]]), tokens[row, 1]])
        assert float(batch["traj.reward/task"][row]) == (end == goal)
    assert batch["traj.votes"].shape == (48, 5)
    sure = PushLine(cells=4, depth=2, judge_error=0.0)
    got = SampleTree(16, 3)(sure, policy, lambda n: list(range(n)), Stream((1,)))
    assert torch.equal(got["traj.votes"], got["traj.reward/task"][:, None].expand(-1, 5))
    assert PUSHES.tolist() == [-2, -1, 0, 1, 2]


def test_bad_fields():
    with pytest.raises(GuerdonError, match="cells >= 2"):
        PushLine(cells=1)
    with pytest.raises(GuerdonError, match=r"must lie in 0\.\.1"):
        PushLine(blur=2.0)
