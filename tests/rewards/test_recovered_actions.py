import math

import torch
from hypothesis import given
from strategies import batches

from guerdon.papers._bench import ragged
from guerdon.rewards.recovered_actions import RecoveredActions


def rewards(commanded, read, lengths, **fields):
    columns = {"token.commanded": torch.tensor(commanded), "token.read": torch.tensor(read)}
    batch = ragged([[0.0] * len(lengths)], lengths, columns)
    return RecoveredActions(**fields)(batch)["traj.reward/recovered"].tolist()


def test_shares_of_frames():
    assert rewards([1, 2, 3, 3, 0], [1, 2, 0, 3, 0], [4, 1]) == [0.75, 1]
    assert rewards([1, 2, 3, 3, 0], [1, 2, 0, 3, 0], [4, 1], whole=True) == [0, 1]


def test_all_buttons_of_a_frame_have_to_be_equal():
    assert rewards([[1, 0], [1, 1]], [[1, 0], [1, 0]], [2]) == [0.5]


def test_idle_frames_do_not_count_and_no_frame_at_all_is_unscored():
    got = rewards([0, 0, 2, 0], [0, 1, 1, 0], [3, 1], idle=0)
    assert got[0] == 0 and math.isnan(got[1])
    assert rewards([[0, 0], [0, 1]], [[1, 1], [0, 1]], [2], idle=0) == [1]
    got = rewards([1], [1], [0, 1])
    assert math.isnan(got[0]) and got[1] == 1


@given(batches())
def test_reading_the_commands_themselves_earns_1_wherever_there_is_a_frame(batch):
    row = batch["action.row"]
    batch = batch.with_columns({"action.commanded": row, "action.read": row})
    got = RecoveredActions(commanded=f"{batch.action}.commanded", read=f"{batch.action}.read")(batch)
    frames = torch.bincount(batch.index("action", "traj"), minlength=batch.size("traj"))
    assert torch.equal(got["traj.reward/recovered"] == 1, frames > 0)
    off = RecoveredActions(whole=True)(batch.with_columns({"action.read": row + 1}))["traj.reward/recovered"]
    assert torch.equal(off == 0, frames > 0)
