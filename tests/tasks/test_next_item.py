"""Users and a catalogue of two-token items."""

import math

import pytest
import torch

from guerdon.errors import GuerdonError
from guerdon.policies.linear import Linear, LinearPolicy
from guerdon.rng import Stream
from guerdon.tasks.next_item import NextItem

TASK = NextItem(users=10, vocab=4, catalogue=9, width=3, start=1.0)


def test_the_target_is_the_items_own_best_and_in_the_catalogue():
    user, codes, truth, _ = TASK._draws()
    targets = TASK.targets()
    assert set(targets.tolist()) <= set(codes.tolist()) and len(TASK.items()) == 9
    for person in (0, 9):
        value = {
            code: float(user[person] @ (truth[0, :, code // 4] + truth[1 + code // 4, :, code % 4]))
            for code in codes.tolist()
        }
        assert max(value, key=lambda code: value[code]) == int(targets[person])


def test_features_put_a_user_into_the_block_of_the_prefix():
    features, user = TASK.features(), TASK._draws()[0]
    row = int(TASK.context(torch.tensor([7]), torch.tensor([[2]])))
    assert torch.equal(features[row].view(5, 3)[3], user[7]) and int((features[row] != 0).sum()) == 3
    assert torch.equal(features[7].view(5, 3)[0], user[7])
    assert features.shape == (TASK.contexts, 15)


def test_ndcg_counts_the_items_that_score_above_the_target():
    policy = Linear().build(TASK, frozenset(), Stream((0,)))
    rows = lambda context: policy.rows(context).log_softmax(-1).detach()  # noqa: E731
    total = 0.0
    for person in range(5, 10):
        score = {}
        for first, second in TASK.items():
            at = torch.tensor([10 + person * 4 + first])
            score[4 * first + second] = float(rows(torch.tensor([person]))[0, first] + rows(at)[0, second])
        target = int(TASK.targets()[person])
        place = sum(value > score[target] for value in score.values())
        total += 1 / math.log2(place + 2) if place < 3 else 0.0
    assert TASK.ndcg(policy, k=3) == pytest.approx(total / 5)
    flat = LinearPolicy(TASK.features(), torch.zeros(15, 4), 4)
    assert TASK.ndcg(flat) == 1.0, "ties count for the target"


def test_bad_fields():
    with pytest.raises(GuerdonError, match=r"catalogue <= vocab\^2"):
        NextItem(vocab=3, catalogue=10)
    with pytest.raises(GuerdonError, match=r"start must lie in 0\.\.1"):
        NextItem(start=2.0)
