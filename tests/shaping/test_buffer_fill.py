"""Buffer steps earn the mean of their clip."""

import math

import torch
from strategies import batch_of

from guerdon.shaping.buffer_fill import BufferFill


def filled(reward, buffer, steps, clips):
    columns = {
        "step.reward": torch.tensor(reward, dtype=torch.float64),
        "step.in_buffer": torch.tensor(buffer, dtype=torch.bool),
        "group.problem_id": torch.tensor(clips),
    }
    return BufferFill()(batch_of([1] * len(clips), steps, columns=columns))["step.reward"].tolist()


def test_the_mean_is_over_the_clip_in_all_its_groups():
    reward = [0.0, 1.0, 0.5, 9.0, 0.25, 8.0]
    buffer = [True, False, False, True, False, True]
    # Groups 0 and 1 are of clip 4, group 2 of clip 5.
    assert filled(reward, buffer, [2, 2, 2], [4, 4, 5]) == [0.75, 1.0, 0.5, 0.75, 0.25, 0.25]


def test_missing_frames_are_filled_and_nothing_to_go_by_is_zero():
    assert filled([math.nan, 1.0, 0.0], [False] * 3, [3], [0]) == [0.5, 1.0, 0.0]
    assert filled([3.0, math.nan], [True, False], [1, 1], [0, 0]) == [0.0, 0.0]
    assert filled([], [], [0], [0]) == []
