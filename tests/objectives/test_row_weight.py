from guerdon.objectives.row_weight import MaskWhere, RowWeight
from guerdon.papers._bench import ragged


def test_weight_is_spread():
    batch = ragged([[0, 0]], [2, 1], {"traj.trust": [0.5, 2.0], "token.fork": [True, False, True]})
    assert RowWeight("traj.trust")(batch).tolist() == [0.5, 0.5, 2]
    assert RowWeight("token.fork")(batch).tolist() == [1, 0, 1]


def test_mask_shrinks():
    batch = ragged([[0, 0]], [2, 1], {"traj.truncated": [True, False]})
    assert MaskWhere()(batch)["action.mask"].tolist() == [False, False, True]
    batch = batch.with_columns(MaskWhere()(batch)).with_columns({"traj.late": batch["traj.truncated"]})
    again = MaskWhere("traj.late")(batch.with_columns({"traj.late": ~batch["traj.truncated"]}))
    assert again["action.mask"].tolist() == [False] * 3
