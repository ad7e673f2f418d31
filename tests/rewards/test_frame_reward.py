import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from strategies import NUMBERS, batch_of

from guerdon.errors import GuerdonError
from guerdon.rewards.frame_reward import FrameReward, ordered_pairs


def steps(order, progress, done, lengths=None, **more):
    named = {"order": order, "progress": progress, "done_probability": done, **more}
    columns = {f"step.{name}": torch.tensor(values, dtype=torch.float64) for name, values in named.items()}
    lengths = [len(order)] if lengths is None else lengths
    return batch_of([len(lengths)], lengths, columns=columns)


def test_by_hand_and_done_latches():
    got = FrameReward()(steps([0, 1, 1, -1], [0, 0.3, 0.6, 0.5], [0, 0, 0.9, 0.1]))
    assert got["step.reward/frames"].tolist() == pytest.approx([0, 1.3, 2.3, -1.1])
    assert got["step.done"].tolist() == [False, False, True, True]


def test_questions_every_other_step_and_trajectories_apart():
    batch = steps([1, 1, 1, 1, 1], [0.0, 9, 0.5, 0.2, 9], [0, 1, 0, 1, 0], [3, 2])
    got = FrameReward(every=2)(batch)
    assert got["step.reward/frames"].tolist() == [0.0, 0.0, 1.5, 1.0, 0.0]
    assert got["step.done"].tolist() == [False, False, False, True, True]


def test_a_verdict_that_does_not_turn_round_is_none():
    batch = steps([0, 1, 1], [0, 0, 0], [0, 0, 0], order_swapped=[0, -1, 1])
    assert FrameReward(swap=True)(batch)["step.reward/frames"].tolist() == [0.0, 1.0, 0.0]


def test_answers_that_cannot_be_read_count_as_nothing_and_are_counted():
    batch = steps([0, math.nan, 1], [0, math.nan, 0.5], [0, 0, math.nan])
    piece = FrameReward()
    assert piece(batch)["step.reward/frames"].tolist() == [0.0, 0.0, 1.0]
    assert piece.remark(batch).startswith("could not read 3 answers")
    assert piece.remark(steps([0], [0], [0])) == ""


@given(st.lists(NUMBERS, min_size=1, max_size=8))
def test_progress_alone_telescopes(values):
    zeros = [0.0] * len(values)
    got = FrameReward(order=0.0, completion=0.0)(steps(zeros, values, zeros))["step.reward/frames"]
    assert float(got.sum()) == pytest.approx(values[-1] - values[0], abs=1e-6)


def test_pairs_by_hand():
    assert set(ordered_pairs(4, 2, exact=True)) == {(0, 2, 1), (1, 3, 1), (2, 0, -1), (3, 1, -1)}
    assert set(ordered_pairs(3, 1)) - set(ordered_pairs(3, 1, exact=True)) == {(0, 2, 1), (2, 0, -1)}
    with pytest.raises(GuerdonError, match="more frames than the gap, got 2 frames, gap 2"):
        ordered_pairs(2, 2)


def test_no_steps_and_bad_settings():
    assert FrameReward()(steps([], [], [], [0]))["step.reward/frames"].shape == (0,)
    with pytest.raises(GuerdonError, match="FrameReward needs weights of at least 0"):
        FrameReward(order=-1.0)
