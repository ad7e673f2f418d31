import tempfile
from pathlib import Path

import numpy as np
import pyarrow
import pyarrow.parquet as parquet
import pytest
import torch
from fake_runs import control_batch, fake_run, text_batch
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import batch_of

from guerdon import segment
from guerdon.batch import Batch
from guerdon.errors import GuerdonError
from guerdon.view.rows import MISSING, UNKNOWN, Rows, as_numbers, duplicates, means, read_part, short, signal, sums

NAN = float("nan")


def small_batch() -> Batch:
    """Two groups of two and one; the second trajectory has no token, the third is unscored."""
    return Batch.build(
        {
            "token.id": torch.tensor([5, 6, 7]),
            "token.advantage": torch.tensor([1.0, 3.0, -1.0]),
            "traj.reward": torch.tensor([1.0, 0.0, NAN]),
            "traj.reward/right": torch.tensor([1.0, 0.0, NAN]),
            "traj.reward_error": ["", "", "TimeoutError: too long\nwhere"],
            "traj.response": ["a", "a", "a"],
            "traj.ok": [True, None, False],
            "traj.count": [1, None, 2**40],
            "traj.few": [1, None, 7],
            "group.problem_id": torch.tensor([17, 3]),
            "group.level": torch.tensor([0.5, 0.25]),
        },
        step_of_token=torch.tensor([0, 1, 2]),
        traj_of_step=torch.tensor([0, 0, 2]),
        group_of_traj=torch.tensor([0, 0, 1]),
    )


def part_of(tmp_path, batch, step=4, run=0):
    path = fake_run(tmp_path / f"run{run}", {step: batch})
    return read_part(run, step, path / "rollouts" / f"step_{step:06d}")


def test_every_number_of_a_trajectory_by_hand(tmp_path):
    rows = Rows((part_of(tmp_path, small_batch(), run=2),))
    found = {name: rows.column(name).tolist() for name in rows.kinds}
    exact = {name: values for name, values in found.items() if not any(value != value for value in values)}
    assert exact == {
        "run": [2, 2, 2],
        "step": [4, 4, 4],
        "group": [0, 0, 1],
        "traj": [0, 1, 2],
        "problem": [17, 17, 3],
        "length": [2, 0, 1],
        "unscored": [0, 0, 1],
        "truncated": [UNKNOWN, UNKNOWN, UNKNOWN],
        "duplicate": [1, 1, 0],
        "signal": [1, 1, 0],
        "error": [0, 0, 1],
        "ok": [1, UNKNOWN, 0],
        "few": [1, MISSING, 7],
        "group.level": [0.5, 0.5, 0.25],
    }
    np.testing.assert_equal(found["reward"], [1.0, 0.0, NAN])
    np.testing.assert_equal(found["reward/right"], [1.0, 0.0, NAN])
    np.testing.assert_equal(found["advantage"], [2.0, NAN, -1.0])
    np.testing.assert_equal(found["count"], [1.0, NAN, 2.0**40])
    assert list(rows.kinds)[:8] == ["run", "step", "group", "traj", "problem", "reward", "reward/right", "advantage"]
    assert rows.labels == ["", "TimeoutError: too long"] and rows.components == ["right"]
    assert rows.column("error").dtype == np.int32 and rows.column("signal").dtype == np.uint8


def test_episodes_add_up_the_components_of_their_steps(tmp_path):
    batch = control_batch(3, 1, 0, steps=4)
    rows = Rows((part_of(tmp_path, batch, step=1),))
    progress = batch["step.reward/progress"].view(3, 4).sum(1)
    np.testing.assert_allclose(rows.column("reward/progress"), progress, rtol=1e-6)
    np.testing.assert_allclose(rows.column("reward"), batch["step.reward"].view(3, 4).sum(1), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(rows.column("advantage"), batch["step.advantage"].view(3, 4).mean(1), atol=1e-6)
    assert rows.column("length").tolist() == [4, 4, 4] and rows.components == ["effort", "progress"]
    assert rows.column("duplicate").tolist() == [MISSING] * 3 and rows.parts[0].first_token is None


def test_runs_of_different_kinds_stand_in_one_table(tmp_path):
    parts = (part_of(tmp_path, text_batch(2, 1, 0), run=0), part_of(tmp_path, control_batch(3, 1, 0), run=1))
    rows = Rows(parts)
    assert len(rows) == 19 and rows.offsets.tolist() == [0, 16, 19]
    assert np.isnan(rows.column("reward/progress")[:16]).all() and np.isnan(rows.column("reward/correct")[16:]).all()
    assert rows.find(15) == (parts[0], 15) and rows.find(16) == (parts[1], 0)
    for row in (-1, 19):
        with pytest.raises(GuerdonError, match=f"a row must be one of 0..18, got {row}"):
            rows.find(row)
    with pytest.raises(GuerdonError, match=r"a column must be one of run, step, .*, got 'rewrad'"):
        rows.column("rewrad")


def test_no_rows_at_all():
    rows = Rows()
    assert len(rows) == 0 and rows.labels == [""] and rows.column("reward").tolist() == []
    assert rows.column("error").tolist() == []


def test_an_empty_batch_reads(tmp_path):
    nothing = small_batch().select("traj", torch.tensor([False, False, False]))
    assert part_of(tmp_path, nothing).rows == 0


def test_a_column_that_changes_its_kind_becomes_a_float(tmp_path):
    first = small_batch().with_columns({"traj.size": torch.tensor([1, 2, 3])})
    second = small_batch().with_columns({"traj.size": torch.tensor([0.5, 2.0, 3.0])})
    third = small_batch().with_columns({"traj.size": [True, None, False]})
    rows = Rows(tuple(part_of(tmp_path, batch, run=run) for run, batch in enumerate((first, second, third))))
    np.testing.assert_equal(rows.column("size"), np.array([1, 2, 3, 0.5, 2, 3, 1, NAN, 0], np.float32))


def test_what_cannot_be_read_is_said(tmp_path):
    part = part_of(tmp_path, small_batch())
    (part.folder / "step.parquet").write_bytes(b"no parquet")
    with pytest.raises(GuerdonError, match="step_000004 must hold rollouts as a run stores them"):
        read_part(0, 4, part.folder)
    (part.folder / "step.parquet").unlink()
    with pytest.raises(GuerdonError, match="must hold rollouts"):
        read_part(0, 4, part.folder)


def test_runs_of_before_count_their_duplicates_when_they_are_read(tmp_path):
    part = part_of(tmp_path, small_batch())
    path = part.folder / "traj.parquet"
    parquet.write_table(parquet.read_table(path).drop_columns(["duplicate"]), path)
    assert read_part(0, 4, part.folder).numbers["duplicate"][1].tolist() == [1, 1, 0]


def test_sums_and_means_of_segments():
    values, first = np.array([1.0, 2.0, NAN, 4.0]), np.array([0, 2, 2, 3, 4])
    np.testing.assert_equal(sums(values, first), [3.0, 0.0, NAN, 4.0])
    np.testing.assert_equal(means(values, first), [1.5, NAN, NAN, 4.0])


def test_signal_passes_over_what_was_not_scored():
    reward, group = np.array([1.0, NAN, 1.0, 0.0, NAN]), np.array([0, 0, 1, 1, 2])
    assert signal(reward, group, 4).tolist() == [False, True, False, False]


def test_duplicates_are_counted_inside_of_their_group():
    responses = pyarrow.chunked_array([["a", "b", "a", "a", None, None]])
    assert duplicates(responses, np.array([0, 0, 0, 1, 1, 1])).tolist() == [1, 0, 1, 0, 1, 1]


def test_integers_that_need_eight_bytes_become_floats():
    assert as_numbers(pyarrow.chunked_array([[1, 2**31]]))[0] == "float"
    kind, values = as_numbers(pyarrow.chunked_array([[1, 2**31 - 1]]))
    assert kind == "int" and values.dtype == np.int32


def test_a_label_is_the_first_line_of_an_error():
    assert short(None) == short(" \n ") == "" and short("a\nb") == "a" and len(short("x" * 500)) == 120


def test_very_many_errors_share_a_label(tmp_path, monkeypatch):
    monkeypatch.setattr("guerdon.view.rows.LABELS", 1)
    batch = small_batch().with_columns({"traj.reward_error": ["b", "a", "b"]})
    rows = Rows((part_of(tmp_path, batch),))
    assert rows.labels == ["", "b", "(other errors)"] and rows.column("error").tolist() == [1, 2, 1]


@settings(max_examples=40)
@given(st.data())
def test_ragged_batches_of_any_shape_read_as_they_are(data):
    """Empty groups, trajectories without steps, steps without tokens; numbers against those of the batch."""
    sizes = lambda least, count: data.draw(st.lists(st.integers(0, 3), min_size=count, max_size=count or least))  # noqa: E731
    groups = sizes(4, 0)
    steps = sizes(0, sum(groups)) if sum(groups) else []
    tokens = sizes(0, sum(steps)) if sum(steps) else []
    level = data.draw(st.sampled_from(["token", "step"]))
    batch = batch_of(groups, steps, tokens if level == "token" else None)
    rewards = st.sampled_from([0.0, 1.0, NAN])
    count, actions = batch.size("traj"), batch.size("action")
    reward = torch.tensor(data.draw(st.lists(rewards, min_size=count, max_size=count)), dtype=torch.float32)
    advantage = torch.arange(float(actions))
    batch = batch.with_columns({"traj.reward": reward, "action.advantage": advantage})
    with tempfile.TemporaryDirectory() as folder:
        rows = Rows((part_of(Path(folder), batch),))
    index, group = batch.index("action", "traj"), batch.index("traj", "group")
    length = segment.count(index, count)
    assert len(rows) == count and rows.column("length").tolist() == length.tolist()
    mean = torch.where(length > 0, segment.mean(advantage, index, count), torch.nan)
    np.testing.assert_allclose(rows.column("advantage"), mean.numpy(), rtol=1e-6)
    scored = reward.isfinite()
    most = segment.max(reward, group, batch.size("group"), where=scored)
    least = segment.min(reward, group, batch.size("group"), where=scored)
    if count:
        assert rows.column("signal").tolist() == (most > least)[group].int().tolist()
        assert rows.column("unscored").tolist() == (~scored).int().tolist()
