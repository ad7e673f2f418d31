import math

import torch

from guerdon.papers._bench import ragged
from guerdon.rewards.exemplar_comparison import ExemplarComparison

NAN = math.nan


def rewards(verdict, second, **fields):
    columns = {"traj.verdict": verdict, "traj.swapped_verdict": second}
    return ExemplarComparison(**fields)(ragged([verdict], columns=columns))["traj.reward/comparison"]


def test_steps_of_a_half():
    got = rewards([1.0, 1.0, 1.0, 0.0, -1.0, -1.0], [1.0, 0.0, -1.0, 0.0, 0.0, -1.0])
    assert got.tolist() == [2, 1.5, 1, 1, 0.5, 0]


def test_a_judge_that_always_takes_the_first_says_nothing():
    assert rewards([1.0, 1.0], [-1.0, -1.0]).tolist() == [1, 1]
    assert rewards([1.0, 0.0, -1.0], [-1.0] * 3, swapped=None).tolist() == [2, 1, 0]


def test_missing_verdicts():
    got = rewards([1.0, NAN, NAN], [NAN, -1.0, NAN])
    assert got[:2].tolist() == [2, 0] and bool(torch.isnan(got[2]))
    assert rewards([], []).tolist() == []
