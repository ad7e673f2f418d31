import math

import pytest
import torch

from guerdon.errors import GuerdonError
from guerdon.papers._bench import ragged
from guerdon.rewards.self_certainty import SelfCertainty


def certainty(entropies, lengths, ids=None, **fields):
    columns = {"token.old_entropy": entropies}
    if ids is not None:
        columns["token.id"] = torch.tensor(ids)
    batch = ragged([[0.0] * len(lengths)], lengths, columns)
    return SelfCertainty(4, **fields)(batch)["traj.reward/certainty"].tolist()


def test_uniform_tokens_earn_0_and_sure_ones_log_4_over_4():
    logits = torch.tensor([[0.0] * 4, [1000.0, 0, 0, 0], [1.0, 2.0, 0.5, 0.0]], dtype=torch.float64)
    p = logits.softmax(-1)
    entropy = torch.special.entr(p).sum(-1)
    direct = torch.xlogy(p, p * 4).sum(-1) / 4
    got = certainty(entropy.tolist(), [1, 1, 1])
    assert got == pytest.approx(direct.tolist()) and got[:2] == pytest.approx([0.0, math.log(4) / 4])


def test_the_mean_over_tokens_and_over_none():
    assert certainty([0.0, math.log(4), 0.0], [2, 0, 1]) == pytest.approx([math.log(4) / 8, 0.0, math.log(4) / 4])
    assert certainty([0.0], [1], cap=0.1) == pytest.approx([0.1])


def test_only_the_rationale_counts():
    got = certainty([math.log(4), 0.0, math.log(4), 0.0], [4], [7, 1, 2, 8], opening=(7,), closing=(8,))
    assert got == pytest.approx([math.log(4) / 8])
    assert certainty([0.0], [1], [1], opening=(7,), closing=(8,)) == [0.0]


def test_bad_fields():
    with pytest.raises(GuerdonError, match="vocab of at least 2"):
        SelfCertainty(1)
    with pytest.raises(GuerdonError, match="both opening and closing or neither"):
        SelfCertainty(4, opening=(1,))
