from math import log2, nan

import torch
from hypothesis import given
from strategies import batches

from guerdon.papers._bench import ragged
from guerdon.rewards.rank_penalty import RankPenalty


def penalties(*groups: list[float]) -> list[float]:
    number = sum(map(len, groups))
    batch = ragged([[0] * len(group) for group in groups], [0] * number, {})
    batch = batch.with_columns(
        {"traj.reward/correct": torch.tensor([float(value) for group in groups for value in group])}
    )
    return RankPenalty()(batch)["traj.reward/rank"].tolist()


def test_wrong_items_pay_by_their_place():
    total = 1 + 1 / log2(3) + 0.5
    expected = [-1 / total, 0.0, -0.5 / total]
    torch.testing.assert_close(torch.tensor(penalties([0, 1, 0])), torch.tensor(expected))


def test_nobody_pays_without_the_target_or_alone():
    assert penalties([0, 0, 0], [1], [0]) == [0.0] * 5


def test_the_unscored_keep_their_place_and_pay_nothing():
    total = 1 + 0.5
    expected = [0.0, nan, -0.5 / total]
    torch.testing.assert_close(torch.tensor(penalties([1, nan, 0])), torch.tensor(expected), equal_nan=True)


@given(batches())
def test_penalties_of_a_group_are_less_than_one(batch):
    rank = RankPenalty(of="task")(batch)["traj.reward/rank"]
    seen = rank.isfinite()
    assert torch.equal(seen, batch["traj.reward/task"].isfinite())
    assert (rank[seen] <= 0).all() and (rank[seen] > -1).all()
