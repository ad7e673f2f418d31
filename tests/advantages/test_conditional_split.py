import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from guerdon.advantages.conditional_split import ConditionalSplit, intra_weight
from guerdon.errors import GuerdonError
from guerdon.papers._bench import ragged


def advantage(piece, rewards, lengths, **run):
    return piece(ragged(rewards, lengths).with_run(**run))["traj.advantage"].tolist()


def test_golden():
    assert advantage(ConditionalSplit(1.0), [[1, 1, 0, 0]], [1, 2, 3, 4]) == [1, 1, -1, -1]
    assert advantage(ConditionalSplit(0.0), [[1, 1, 0, 0]], [1, 2, 3, 4]) == [0, 0, 0, 0]
    # Odd: one is low, two are high.
    assert advantage(ConditionalSplit(1.0), [[1, 0, 1]], [5, 1, 9]) == pytest.approx([1, -1, 1])


def test_ties_keep_their_order_and_a_group_of_one_its_reward():
    assert advantage(ConditionalSplit(1.0), [[1, 0], [0.5]], [3, 3, 3]) == [1, -1, 0.5]


def test_alpha_multiplies_one_half_in_the_first_term():
    rewards, lengths = [[1.0, 0.5, 0.25, 2.0]], [1, 2, 3, 4]
    low, high = 0.75, 1.125
    got = advantage(ConditionalSplit(alpha=0.8), rewards, lengths)
    assert got == pytest.approx([1 - 0.8 * high, 0.5 - 0.8 * high, 0.2 - low, 1.6 - low])
    got = advantage(ConditionalSplit(alpha=0.8, weighted="low"), rewards, lengths)
    assert got == pytest.approx([0.8 - high, 0.4 - high, 0.25 - 0.8 * low, 2 - 0.8 * low])
    assert advantage(ConditionalSplit(0.0, alpha=0.8), rewards, lengths) == pytest.approx([0.25, -0.25, -0.875, 0.875])


def test_unscored_rows_are_in_no_half():
    nan = math.nan
    got = advantage(ConditionalSplit(1.0), [[nan, 1, 1, 0, 0]], [1, 2, 3, 4, 5])
    assert got == [0, 1, 1, -1, -1]


def test_another_metric_is_averaged_over_actions():
    columns = {"token.old_entropy": [9.0, 0.0, 1.0, 1.0, 1.0]}
    batch = ragged([[1, 0]], [2, 3], columns)
    piece = ConditionalSplit(1.0, metric="action.old_entropy")
    assert piece(batch)["traj.advantage"].tolist() == [1, -1] and "action.old_entropy" in piece.reads


def test_schedules():
    rewards, lengths = [[1.0, 1.0, 1.0, 0.0]], [1, 2, 3, 4]
    fixed = lambda mu: advantage(ConditionalSplit(mu), rewards, lengths)  # noqa: E731
    assert advantage(ConditionalSplit("accuracy"), rewards, lengths) == fixed(0.75)
    assert advantage(ConditionalSplit("inverse"), rewards, lengths) == fixed(0.25)
    assert advantage(ConditionalSplit("cosine"), rewards, lengths, step=30) == pytest.approx(fixed(0.4))
    assert [intra_weight(step) for step in (0, 15, 30, 50, 70, 150, 999)] == pytest.approx(
        [0, 0.3, 0.6, 0.3, 0.6, 0, 0]
    )
    assert intra_weight(69) < 0.01


@settings(deadline=None, max_examples=40)
@given(st.lists(st.tuples(st.floats(-2, 2, width=16), st.integers(1, 9)), min_size=2, max_size=8))
def test_the_middle_of_equal_halves_is_the_centred_reward(rows):
    rows = rows[: len(rows) // 2 * 2]
    rewards = torch.tensor([reward for reward, _ in rows], dtype=torch.float64)
    got = advantage(ConditionalSplit(0.5), [rewards.tolist()], [length for _, length in rows])
    assert got == pytest.approx((rewards - rewards.mean()).tolist(), abs=1e-9)


def test_refusals():
    with pytest.raises(GuerdonError, match=r"in \[0, 1\] or name a schedule, got 1.5"):
        ConditionalSplit(1.5)
    with pytest.raises(GuerdonError, match="accuracy, inverse or cosine, got 'linear'"):
        ConditionalSplit("linear")  # type: ignore[arg-type]
