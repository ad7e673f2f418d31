import math

import pytest
import torch

from guerdon.papers._bench import ragged
from guerdon.shaping._phases import phases
from guerdon.shaping.phase_entropy import PhaseEntropy


def cost(ids, entropy, tag=(7,), correct=1.0, **fields):
    columns = {"traj.reward/correct": [correct], "token.old_entropy": entropy, "token.id": torch.tensor(ids)}
    return PhaseEntropy(tag, **fields)(ragged([[correct]], [len(ids)], columns))["traj.reward/phase_entropy"].item()


def test_golden():
    assert cost([0, 0, 7, 0, 0], [1.0, 1, 9, 0.5, 0.5]) == pytest.approx(-0.5)
    assert cost([0, 0, 7, 0, 0], [0.2, 0.2, 9, 0.5, 0.5]) == 0
    assert cost([0, 0], [0.3, 0.5]) == pytest.approx(-0.4)
    assert cost([0, 0], [0.3, 0.5], correct=0.0) == 0 and cost([0, 0], [0.3, 0.5], correct=math.nan) == 0


def test_edges():
    assert cost([7, 0, 0], [9.0, 1, 1]) == 0
    assert cost([0, 7], [0.8, 9.0]) == pytest.approx(-0.8)
    # The second tag belongs to the answer.
    assert cost([0, 7, 0, 7], [2.0, 9, 1, 0]) == pytest.approx(-1.5)
    assert cost([0, 7, 0], [2.0, 9, 1], alpha=0.5) == pytest.approx(-1.5)
    assert cost([0, 7, 0], [2.0, 9, 1], alpha=-1.0) == pytest.approx(-3)


def test_a_tag_of_several_tokens_stays_inside_its_response():
    ids = torch.tensor([1, 5, 6, 2, 1, 5, 6, 2, 2])
    batch = ragged([[0, 0, 0]], [4, 2, 3], {"token.id": ids})
    before, after = phases(batch, (5, 6))
    assert before.tolist() == [True, False, False, False, True, True, True, True, True]
    assert after.tolist() == [False, False, False, True, False, False, False, False, False]
    assert phases(batch, ())[0].all() and not phases(batch, ())[1].any()
