import json
import math

import pytest
import torch
from fake_runs import control_batch, fake_run, text_batch
from test_rows import NAN, part_of, small_batch

from guerdon.batch import Batch
from guerdon.runs import tables
from guerdon.tasks.problem import Problem
from guerdon.view.rollout import derived, read_range, rollout
from guerdon.view.rows import read_part


def test_a_rollout_with_all_that_is_known_of_it(tmp_path):
    batch = small_batch().with_columns(
        {
            "token.text": ["a", "<b>", "c"],
            "token.position": torch.tensor([2, 5, 1]),
            "token.behavior_logprob": torch.tensor([-1.0, NAN, -0.5]),
            "traj.context": [[[3, "tool says"]], [], []],
            "group.prompt": ["two + two", "x"],
            "group.problem": [Problem(17, "two + two", "4"), Problem(3, "x")],
            "step.value": torch.tensor([0.1, 0.2, 0.3]),
        }
    )
    part = part_of(tmp_path, batch)
    found = rollout(part, 0, 12)
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert (found["row"], found["prompt"], found["answer"], found["response"]) == (12, "two + two", "4", "a")
    assert found["tokens"] == {
        "text": ["a", "<b>"],
        "columns": {"advantage": [1.0, 3.0], "behavior_logprob": [-1.0, None]},
        "turn": [0, 1],
        "id": [5, 6],
    }
    assert found["steps"] == {"columns": {"value": [0.1, 0.2]}, "action": [], "count": 2}
    assert [span["kind"] for span in found["spans"]] == ["turn", "turn", "context"]
    assert found["values"]["problem"] == 17 and found["values"]["ok"] is True and found["values"]["group.level"] == 0.5
    empty = rollout(part, 1, 13)
    assert empty["tokens"]["text"] == [] and empty["steps"]["count"] == 0 and empty["values"]["ok"] is None
    last = rollout(part, 2, 14)
    assert last["error"] == "TimeoutError: too long\nwhere" and last["values"]["reward"] is None
    assert last["tokens"]["id"] == [7] and last["answer"] is None


def test_a_trajectory_advantage_is_spread_to_tokens_and_steps(tmp_path):
    batch = text_batch(1, 5, 0)
    found = rollout(part_of(tmp_path, batch), 3, 3)
    length = found["values"]["length"]
    assert found["tokens"]["columns"]["advantage"] == [found["values"]["advantage"]] * length
    assert {"logprob_ratio", "kl", "kl_update", "entropy"} <= set(found["tokens"]["columns"])


def test_an_episode_has_no_tokens_but_actions_and_curves(tmp_path):
    batch = control_batch(2, 1, 0, steps=3)
    found = rollout(part_of(tmp_path, batch), 1, 1)
    assert found["tokens"] is None and found["prompt"] is None and found["response"] is None
    assert found["steps"]["count"] == 3 and set(found["steps"]["columns"]) == {
        *("reward", "reward/progress", "reward/effort", "value", "advantage")
    }
    assert found["steps"]["columns"]["reward/progress"] == pytest.approx(
        batch["step.reward/progress"][3:].tolist(), rel=1e-4
    )
    x, y = batch["step.action"][3].tolist()
    assert found["steps"]["action"][0] == f"{x:.4g} {y:.4g}" and len(found["steps"]["observation"][0].split()) == 4


def test_steps_show_where_the_update_went_as_tokens_do(tmp_path):
    batch = control_batch(1, 1, 0, steps=2).with_columns(
        {"step.behavior_logprob": torch.tensor([-1.0, -2.0]), "step.new_logprob": torch.tensor([-1.5, -2.0])}
    )
    assert rollout(part_of(tmp_path, batch), 0, 0)["steps"]["columns"]["logprob_ratio"] == [-0.5, 0.0]


def test_without_any_advantage_there_is_no_such_column(tmp_path):
    batch = Batch.build(
        {"token.id": torch.tensor([1, 2]), "traj.reward": torch.tensor([123456.75])},
        step_of_token=torch.tensor([0, 0]),
        traj_of_step=torch.tensor([0]),
        group_of_traj=torch.tensor([0]),
    )
    found = rollout(part_of(tmp_path, batch), 0, 0)
    assert found["tokens"]["columns"] == {} and found["values"]["reward"] == 123456.8


def test_tokens_without_texts_are_their_ids(tmp_path):
    assert rollout(part_of(tmp_path, small_batch()), 0, 0)["tokens"]["text"] == ["5 ", "6 "]


def test_derived_columns_by_hand():
    columns = {
        "behavior_logprob": [-1.0, -2.0, None],
        "new_logprob": [-0.5, -2.0, -1.0],
        "ref_logprob": [-1.0, -3.0, -1.0],
        "old_entropy": [0.25, 0.5, 1.0],
    }
    found = derived(columns)
    assert found["logprob_ratio"] == [0.5, 0.0, None]
    assert found["kl_update"][:2] == [pytest.approx(math.exp(0.5) - 1.5, rel=1e-4), 0.0]
    assert found["kl"] == [0.0, pytest.approx(math.exp(-1), rel=1e-4), None]
    assert found["entropy"] == [0.25, 0.5, 1.0]
    assert derived({"behavior_logprob": [-1.0]}) == {}
    assert derived({"entropy": [0.1], "new_entropy": [0.2]}) == {}


def test_a_range_over_several_row_groups_and_beyond_the_end(tmp_path, monkeypatch):
    monkeypatch.setitem(tables.ROW_GROUP, "step", 3)
    batch = Batch.build(
        {"step.value": torch.arange(8.0)}, traj_of_step=torch.zeros(8).long(), group_of_traj=torch.zeros(1).long()
    )
    part = part_of(tmp_path, batch)
    path = part.folder / "step.parquet"
    for first, last in ((0, 8), (2, 7), (3, 6), (7, 8), (4, 4), (8, 8)):
        assert read_range(path, first, last)["value"].to_pylist() == list(map(float, range(first, last)))
    assert read_range(path, 0, 2, only=("value",)).column_names == ["value"]


def test_a_folder_that_was_written_anew_is_read_anew(tmp_path):
    path = fake_run(tmp_path / "a", {1: small_batch()})
    folder = path / "rollouts" / "step_000001"
    assert rollout(read_part(0, 1, folder), 0, 0)["response"] == "a"
    from guerdon.runs.tables import write_batch

    write_batch(small_batch().with_columns({"traj.response": ["b", "c", "d"]}), folder, 1)
    assert rollout(read_part(0, 1, folder), 0, 0)["response"] == "b"
