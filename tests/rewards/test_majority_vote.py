import math

import torch

from guerdon.papers._bench import ragged
from guerdon.rewards.majority_vote import MajorityVote

NAN = math.nan


def rewards(votes, **fields):
    batch = ragged([[0.0] * len(votes)], columns={"traj.votes": torch.tensor(votes)})
    return MajorityVote(**fields)(batch)["traj.reward/success"].tolist()


def test_more_than_half():
    assert rewards([[1.0, 1, 1, 0, 0], [1, 1, 0, 0, 0]]) == [1, 0]
    assert rewards([[1.0, 1, 0, 0], [1, 1, 1, 0]]) == [0, 1]
    assert rewards([True, False]) == [1, 0]


def test_verdicts_that_failed():
    votes = [[1.0, NAN, NAN], [1.0, 1.0, NAN], [NAN, NAN, NAN]]
    assert rewards(votes) == [0, 1, 0]
    got = rewards(votes, missing="ignore")
    assert got[:2] == [1, 1] and math.isnan(got[2])


def test_no_verdicts_and_no_trajectories():
    batch = ragged([[0.0, 0.0]], columns={"traj.votes": torch.zeros(2, 0)})
    assert MajorityVote()(batch)["traj.reward/success"].tolist() == [0, 0]
    assert MajorityVote()(ragged([[]], columns={"traj.votes": torch.zeros(0, 5)}))["traj.reward/success"].tolist() == []
