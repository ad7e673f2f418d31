"""The four tables: building, reading, spreading, selecting, concatenating."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from strategies import batch_of, batches, index_of

from guerdon import segment
from guerdon.batch import Batch, concat
from guerdon.errors import GuerdonError


def small(**columns: object) -> Batch:
    """Two groups of 2 and 1 trajectories with 1, 2, 1 steps of 2, 1, 0, 3 tokens."""
    named = {name.replace("_", ".", 1): column for name, column in columns.items()}
    return batch_of([2, 1], [1, 2, 1], [2, 1, 0, 3], named)


def rows_of(batch: Batch) -> list[tuple[object, ...]]:
    """What each action row is, as plain values: its number, and its trajectory's and group's columns."""
    trajs, groups = batch.index("action", "traj").tolist(), batch.index("action", "group").tolist()
    text, problem = batch["traj.text"], batch["group.problem_id"].tolist()
    return [(row, text[t], problem[g]) for row, t, g in zip(batch["action.row"].tolist(), trajs, groups, strict=True)]


def test_sizes_and_indices_between_all_levels() -> None:
    batch = small()
    assert dict(batch.sizes) == {"step": 4, "traj": 3, "token": 6, "group": 2}
    assert batch.action == "token" and batch.size("action") == 6
    assert batch.index("token", "step").tolist() == [0, 0, 1, 3, 3, 3]
    assert batch.index("token", "traj").tolist() == [0, 0, 1, 2, 2, 2]
    assert batch.index("action", "group").tolist() == [0, 0, 0, 1, 1, 1]
    assert batch.index("traj", "traj").tolist() == [0, 1, 2]
    assert batch_of([2]).action == "step"


def test_action_is_the_finest_level_in_both_kinds_of_domain() -> None:
    for batch in (batch_of([2], [1, 2], [1, 1, 2]), batch_of([2], [1, 3])):
        filled = batch.with_columns({"action.advantage": torch.arange(4.0)})
        assert list(filled.columns) == [f"{batch.action}.advantage"]
        assert filled["action.advantage"].tolist() == filled[f"{batch.action}.advantage"].tolist() == [0, 1, 2, 3]
        assert "action.advantage" in filled and filled.names("action") == ["advantage"]


def test_reading_finer_spreads_what_is_intensive() -> None:
    batch = small(traj_advantage=torch.tensor([1.0, 2.0, 3.0]), group_source=["a", "b"])
    assert batch["action.advantage"].tolist() == [1, 1, 2, 3, 3, 3]
    assert batch["step.advantage"].tolist() == [1, 2, 2, 3]
    assert batch["traj.source"] == ["a", "a", "b"]
    assert batch["token.source"] == ["a", "a", "a", "b", "b", "b"]
    assert "group.advantage" not in batch  # coarser is never made by reading
    finer = batch.with_columns({"step.advantage": torch.tensor([7.0, 8.0, 8.5, 9.0])})
    assert finer["action.advantage"].tolist() == [7, 7, 8, 9, 9, 9], "the nearest level wins"


@pytest.mark.parametrize("name", ["reward", "reward/format"])
def test_rewards_are_never_spread(name: str) -> None:
    batch = small(**{f"traj_{name}": torch.zeros(3)})
    assert f"action.{name}" not in batch and f"step.{name}" not in batch
    with pytest.raises(GuerdonError, match=rf"no column 'step.{name}'.*traj.{name} is not spread.*credit piece"):
        batch[f"step.{name}"]


def test_a_level_that_is_not_there_is_not_found_by_spreading() -> None:
    batch = batch_of([1]).with_columns({"traj.advantage": torch.zeros(1)})
    assert "token.advantage" not in batch
    with pytest.raises(GuerdonError, match=r"no column 'token\.advantage'"):
        batch["token.advantage"]


def test_a_batch_is_not_changed_by_its_methods() -> None:
    batch = small(traj_x=torch.zeros(3))
    more = batch.with_columns({"traj.x": torch.ones(3), "traj.y": torch.ones(3)}).with_run(step=3)
    assert batch["traj.x"].tolist() == [0, 0, 0] and "traj.y" not in batch and "run.step" not in batch
    assert more["traj.x"].tolist() == [1, 1, 1] and more["run.step"] == 3


def test_names_are_those_of_a_level_and_prefix() -> None:
    batch = small(traj_reward=torch.zeros(3), step_x=torch.zeros(4))
    batch = batch.with_columns({"traj.reward/b": torch.zeros(3), "traj.reward/a": torch.zeros(3)})
    assert batch.names("traj") == ["reward", "reward/a", "reward/b"]
    assert batch.names("traj", "reward/") == ["reward/a", "reward/b"]
    assert batch.names("group") == []


def test_unscored_takes_no_part_in_statistics() -> None:
    batch = batch_of([3, 1]).with_columns({"traj.reward": torch.tensor([1.0, torch.nan, 3.0, torch.nan])})
    reward = batch["traj.reward"]
    mean = batch.up(reward, segment.mean, "traj", "group", where=reward.isfinite())
    assert mean.tolist() == [2.0, 0.0]


BAD = {
    "unsorted": (
        lambda: Batch.build({}, traj_of_step=torch.tensor([1, 0]), group_of_traj=torch.tensor([0, 1])),
        "traj_of_step must be sorted and name one of the 2 rows of level traj, got 0 to 1",
    ),
    "parent out of range": (
        lambda: Batch.build({}, traj_of_step=torch.tensor([0, 2]), group_of_traj=torch.tensor([0, 0])),
        "traj_of_step must be sorted and name one of the 2 rows of level traj, got 0 to 2",
    ),
    "negative parent": (
        lambda: Batch.build({}, traj_of_step=torch.tensor([-1, 0]), group_of_traj=torch.tensor([0])),
        "traj_of_step .* got -1 to 0",
    ),
    "fewer groups than used": (
        lambda: Batch.build({}, traj_of_step=index_of([1]), group_of_traj=torch.tensor([3]), groups=2),
        "group_of_traj must be sorted and name one of the 2 rows of level group, got 3 to 3",
    ),
    "index of floats": (
        lambda: Batch.build({}, traj_of_step=torch.tensor([0.0]), group_of_traj=torch.tensor([0])),
        "traj_of_step must be a 1-D int64 tensor, got torch.float32",
    ),
    "index of two axes": (
        lambda: Batch.build({}, traj_of_step=index_of([1]), group_of_traj=torch.zeros((1, 1), dtype=torch.int64)),
        r"group_of_traj must be a 1-D int64 tensor, got torch.int64 of shape \(1, 1\)",
    ),
    "index as a list": (
        lambda: Batch.build({}, traj_of_step=index_of([1]), group_of_traj=[0]),  # pyright: ignore
        "group_of_traj must be a 1-D int64 tensor, got <class 'list'>",
    ),
    "column too short": (
        lambda: small(traj_x=torch.zeros(2)),
        "column 'traj.x' must have 3 rows, one per traj, got 2",
    ),
    "list too short": (lambda: small(group_x=["a"]), "column 'group.x' must have 2 rows, one per group, got 1"),
    "column without axes": (lambda: small(group_x=torch.zeros(())), "must be a tensor with one row per group"),
    "a string for a list": (lambda: small(group_x="ab"), "must be a tensor with one row per group, or a list, got str"),
    "level that is missing": (
        lambda: batch_of([1]).with_columns({"token.x": torch.zeros(1)}),
        "column 'token.x' must be of a level that the batch has, got token",
    ),
    "run fact as a column": (lambda: small(run_step=[1]), "got run; use with_run"),
    "unknown level": (
        lambda: batch_of([1])["episode.x"],
        "a column name must be LEVEL.NAME with LEVEL one of .* got 'episode.x'",
    ),
    "unknown column": (
        lambda: small(traj_x=torch.zeros(3), traj_y=torch.zeros(3))["traj.z"],
        "the batch has no column 'traj.z'; at level traj it has x, y",
    ),
    "unknown run fact": (
        lambda: small().with_run(step=1)["run.epoch"],
        "no column 'run.epoch'; at level run it has st",
    ),
    "parent finer than child": (
        lambda: small().index("traj", "step"),
        "coarser level of the batch .* the step of a tr",
    ),
    "selection by numbers": (
        lambda: small().select("traj", torch.tensor([0, 1])),
        "must be boolean with one entry for",
    ),
    "nothing to concatenate": (lambda: concat([]), "must be at least one, got none"),
    "different columns": (lambda: concat([small(), small(traj_x=torch.zeros(3))]), "these differ: traj.x"),
    "different levels": (lambda: concat([batch_of([1]), batch_of([1], [1], [1])]), "these differ: token"),
    "different shapes": (
        lambda: concat([small(traj_x=torch.zeros(3, 2)), small(traj_x=torch.zeros(3))]),
        r"column 'traj.x' must have rows of one shape in all batches, got \(3, 2\), \(3,\)",
    ),
    "tensor and list": (
        lambda: concat([small(traj_x=torch.zeros(3)), small(traj_x=["a", "b", "c"])]),
        r"column 'traj.x' must have rows of one shape in all batches, got \(3,\), a list",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_gets_one_sentence(case: str) -> None:
    call, wanted = BAD[case]
    with pytest.raises((GuerdonError, ValueError), match=wanted) as caught:
        call()
    assert "\n" not in str(caught.value)


@given(batch=batches())
def test_up_of_down_counts_and_down_of_up_is_the_segment_sum(batch: Batch) -> None:
    levels = [level for level in ("token", "step", "traj", "group") if level in batch.sizes]
    for low, child in enumerate(levels):
        for parent in levels[low:]:
            count = segment.count(batch.index(child, parent), batch.size(parent))
            ids = torch.arange(batch.size(parent), dtype=torch.float64)
            spread = batch.down(ids, parent, child)
            assert spread.shape == (batch.size(child),)
            assert batch.up(spread, segment.mean, child, parent).tolist() == torch.where(count > 0, ids, 0.0).tolist()
            assert int(count.sum()) == batch.size(child)


@given(batch=batches())
def test_sums_up_the_levels_agree_with_one_jump(batch: Batch) -> None:
    values = torch.arange(batch.size("action"), dtype=torch.float64) ** 2
    jump = batch.up(values, segment.sum, "action", "group")
    level, climbing = batch.action, values
    for above in ("step", "traj", "group"):
        if above != level:
            climbing, level = batch.up(climbing, segment.sum, level, above), above
    assert climbing.tolist() == jump.tolist()


@given(batch=batches(), data=st.data(), level=st.sampled_from(["action", "step", "traj", "group"]))
def test_selection_keeps_the_chosen_rows_and_nothing_else(batch: Batch, data: st.DataObject, level: str) -> None:
    rows = batch.size(level)
    keep = torch.tensor(data.draw(st.lists(st.booleans(), min_size=rows, max_size=rows)), dtype=torch.bool)
    part = batch.select(level, keep)
    kept = keep[batch.index("action", level)].tolist()
    assert rows_of(part) == [row for row, good in zip(rows_of(batch), kept, strict=True) if good]
    assert part.size(level) == int(keep.sum())
    used = sorted(set(batch.index(level, "group")[keep].tolist()))
    assert part["group.problem_id"].tolist() == (used if level != "group" else keep.nonzero()[:, 0].tolist())
    rebuilt = Batch.build(
        part.columns,
        step_of_token=part.parent.get("token"),
        traj_of_step=part.parent["step"],
        group_of_traj=part.parent["traj"],
        groups=part.size("group"),
    )
    assert rebuilt.sizes == part.sizes, "what is left is a valid batch"


@given(batch=batches(), data=st.data())
def test_cutting_groups_apart_and_concatenating_gives_the_batch_back(batch: Batch, data: st.DataObject) -> None:
    groups = batch.size("group")
    at = data.draw(st.integers(0, groups))
    left = torch.arange(groups) < at
    again = concat([batch.select("group", left), batch.select("group", ~left)])
    assert again.sizes == batch.sizes
    for child, index in batch.parent.items():
        assert again.parent[child].tolist() == index.tolist()
    for name, column in batch.columns.items():
        if isinstance(column, list):
            assert again.columns[name] == column
        else:
            torch.testing.assert_close(again.columns[name], column, equal_nan=True, rtol=0, atol=0)


@given(one=batches(tokens=True), other=batches(tokens=True))
def test_concatenated_groups_stay_apart(one: Batch, other: Batch) -> None:
    both = concat([one, other])
    assert both.size("group") == one.size("group") + other.size("group")
    assert rows_of(both) == rows_of(one) + rows_of(other)
    last = both.select("group", torch.arange(both.size("group")) >= one.size("group"))
    assert rows_of(last) == rows_of(other)


def test_moving_to_a_device_moves_every_tensor() -> None:
    moved = small(traj_x=torch.zeros(3), group_source=["a", "b"]).to("meta")
    assert moved.device.type == "meta" and moved["traj.x"].device.type == "meta"
    assert all(index.device.type == "meta" for index in moved.parent.values())
    assert moved["group.source"] == ["a", "b"]


def test_children_are_counted_at_every_level():
    batch = Batch.build(
        {},
        step_of_token=torch.tensor([0, 0, 2, 2, 2]),
        traj_of_step=torch.tensor([0, 0, 2]),
        group_of_traj=torch.tensor([0, 0, 2, 2]),
        groups=4,
    )
    assert batch.count("token", "step").tolist() == [2, 0, 3]
    assert batch.count("action", "traj").tolist() == [2, 0, 3, 0]
    assert batch.count("token", "group").tolist() == [2, 0, 3, 0]
    assert batch.count("traj", "group").tolist() == [2, 0, 2, 0]
    assert batch.count("traj", "traj").tolist() == [1, 1, 1, 1]


def test_what_was_found_about_the_rows_goes_with_the_rows():
    batch = Batch.build(
        {"traj.reward": torch.tensor([1.0, 2.0, 3.0])},
        step_of_token=torch.tensor([0, 0, 1, 2]),
        traj_of_step=torch.arange(3),
        group_of_traj=torch.tensor([0, 0, 1]),
    )
    assert batch.index("token", "traj").tolist() == [0, 0, 1, 2] and batch.count("token", "traj").tolist() == [2, 1, 1]
    more = batch.with_columns({"token.advantage": torch.ones(4)}).with_run(step=1)
    assert more.index("token", "traj") is batch.index("token", "traj")
    fewer = more.select("traj", torch.tensor([True, False, True]))
    assert fewer.index("token", "traj").tolist() == [0, 0, 1] and fewer.count("token", "traj").tolist() == [2, 1]
    twice = concat([batch, batch])
    assert twice.index("token", "traj").tolist() == [0, 0, 1, 2, 3, 3, 4, 5]
    assert twice.count("token", "group").tolist() == [3, 1, 3, 1]


def test_a_column_is_found_at_the_level_where_it_was_written():
    batch = Batch.build(
        {"group.difficulty": torch.ones(1), "step.value": torch.ones(2)},
        step_of_token=torch.tensor([0, 1]),
        traj_of_step=torch.tensor([0, 0]),
        group_of_traj=torch.tensor([0]),
    )
    levels = {name: batch.level_of(name) for name in ("action.difficulty", "token.value", "step.value")}
    assert levels == {"action.difficulty": "group", "token.value": "step", "step.value": "step"}
    with pytest.raises(GuerdonError, match=r"no column 'traj\.value'"):
        batch.level_of("traj.value")
