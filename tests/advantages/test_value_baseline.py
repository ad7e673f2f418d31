import math

import torch
from hypothesis import given
from strategies import batches

from guerdon.advantages.value_baseline import ValueBaseline
from guerdon.papers._bench import ragged


def test_the_value_is_that_of_the_first_action_and_what_is_worse_is_left_out():
    columns = {"token.ref_value": [0.5, 9.0, 0.25, 0.75, 0.0], "token.mask": [True, False, True, True, True]}
    batch = ragged([[1.0, 0.0, 0.75], [math.nan]], [2, 1, 1, 1], columns)
    out = ValueBaseline()(batch)
    assert torch.as_tensor(out["traj.advantage"]).tolist() == [0.5, -0.25, 0, 0]
    assert torch.as_tensor(out["action.mask"]).tolist() == [True, False, False, True, False]
    assert list(ValueBaseline(drop_below=None)(batch)) == ["traj.advantage"]


def test_values_of_other_levels_and_none():
    batch = ragged([[1.0, 0.0], [2.0]], columns={"group.value": [0.5, 1.0]})
    assert torch.as_tensor(ValueBaseline("group.value")(batch)["traj.advantage"]).tolist() == [0.5, -0.5, 1]
    assert torch.as_tensor(ValueBaseline(None)(batch)["traj.advantage"]).tolist() == [1, 0, 2]
    assert ValueBaseline(None).reads == ("traj.reward",)


@given(batches())
def test_no_row_with_a_mask_has_an_advantage_below_the_limit(batch):
    batch = batch.with_columns({"action.ref_value": torch.linspace(-1, 1, batch.size("action"), dtype=torch.float64)})
    out = ValueBaseline()(batch)
    advantage = torch.as_tensor(out["traj.advantage"])
    assert bool(advantage.isfinite().all())
    spread = batch.down(advantage, "traj", "action")
    mask = torch.as_tensor(out["action.mask"])
    assert bool((spread[mask] >= 0).all()) and bool((spread[~mask] <= 0).all())
