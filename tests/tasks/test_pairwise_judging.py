import pytest
import torch

from guerdon.errors import GuerdonError
from guerdon.policies.linear import Linear
from guerdon.rng import Stream
from guerdon.rollouts.tabular import SampleTree
from guerdon.tasks.pairwise_judging import PairwiseJudging

TASK = PairwiseJudging(pairs=40, width=3)


def test_rewards_of_the_four_responses():
    prompt, tokens = torch.zeros(4, dtype=torch.int64), torch.tensor([[0, 0], [0, 1], [1, 0], [1, 1]])
    out = TASK.outcome(prompt, tokens, torch.full((4,), 2), torch.Generator())
    right = [1.0, 0.0, 1.0, 0.0] if int(TASK.labels()[0]) == 0 else [0.0, 1.0, 0.0, 1.0]
    assert out["traj.reward/task"].tolist() == right
    assert out["traj.reward/consistency"].tolist() == [1, -1, -1, 1]
    assert 5 < int(TASK.labels().sum()) < 35


def test_the_verdict_sees_the_pair_and_the_analysis():
    start = TASK.context(torch.tensor([2]), torch.zeros((1, 0), dtype=torch.int64))
    after = [TASK.context(torch.tensor([2]), torch.tensor([[side]])) for side in (0, 1)]
    rows = TASK.features()[torch.cat([start, *after])]
    x = rows[0, :3]
    assert bool(x.any()) and rows[0, 3:].tolist() == [0] * 4
    assert torch.equal(rows[1], torch.cat([torch.zeros(3), x, torch.tensor([-1.0])]))
    assert torch.equal(rows[2], torch.cat([torch.zeros(3), x, torch.tensor([1.0])]))


def test_exact_accuracy_is_what_sampling_gives():
    policy = Linear().build(TASK, frozenset(), Stream((0,)))
    assert TASK.accuracy(policy.rows(torch.arange(TASK.contexts)).detach()) == pytest.approx(0.5)
    with torch.no_grad():
        policy.weights.copy_(torch.tensor([[0.0, 1.0, -1.0, 2.0, 0.0, 1.0, -1.5]]).T)
    exact = TASK.accuracy(policy.rows(torch.arange(TASK.contexts)).detach())
    batch = SampleTree(40, 500)(TASK, policy, lambda count: list(range(count)), Stream((1,)))
    assert float(batch["traj.reward/task"].mean()) == pytest.approx(exact, abs=0.015) and abs(exact - 0.5) > 0.018


def test_bad_fields():
    with pytest.raises(GuerdonError, match="positive pairs and width, got 0 and 8"):
        PairwiseJudging(pairs=0)
