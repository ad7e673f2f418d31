import math

import torch

from guerdon.metrics.decode_time import DecodeTime
from guerdon.papers._bench import ragged


def measured(rewards, finished, lengths, fresh):
    columns = {"traj.finished": torch.tensor(finished), "token.fresh": torch.tensor(fresh, dtype=torch.bool)}
    return DecodeTime()(ragged([rewards], lengths, columns))


def test_the_longest_window_and_what_has_ended():
    got = measured([1.0, 0.0, 0.0, math.nan], [True, False, True, True], [4, 2, 1, 0], [0, 0, 0, 1, 1, 1, 1])
    assert got == {"decode_steps": 2, "finished": 2, "finished_reward": 0.5}


def test_nothing_finished_or_nothing_at_all():
    assert measured([0.0], [False], [1], [1]) == {"decode_steps": 1, "finished": 0}
    none = torch.ones(0, dtype=torch.bool)
    nothing = ragged([[]], columns={"traj.finished": none, "token.fresh": none})
    assert DecodeTime()(nothing) == {"decode_steps": 0, "finished": 0}
