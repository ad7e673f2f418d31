import pyarrow.parquet
import pytest
import torch

from guerdon.batch import Batch
from guerdon.errors import GuerdonError
from guerdon.policies.tiny_lm import TinyLM
from guerdon.rng import Stream
from guerdon.runs.tables import gaps_of, read_tables, with_texts, write_batch
from guerdon.tasks.modular_sum import ModularSum
from guerdon.tasks.problem import Problem


def ragged_batch() -> Batch:
    """Three levels of raggedness: a group without trajectories, a trajectory of no step, a step of no token."""
    columns = {
        "token.id": torch.tensor([5, 6, 7, 8]),
        "token.logprob": torch.tensor([-0.5, float("nan"), -1.5, 0.0]),
        "token.half": torch.tensor([0.5, 1.5, -2.0, 3.0], dtype=torch.bfloat16),
        "step.observation": torch.arange(18.0, dtype=torch.float64).reshape(3, 2, 3),
        "step.terminated": torch.tensor([True, False, True]),
        "traj.reward/task": torch.tensor([1.0, float("nan"), 0.0]),
        "traj.input_ids": [torch.tensor([1, 2]), torch.tensor([], dtype=torch.int64), torch.tensor([3])],
        "traj.response": ["a", "", "<script>\ud800 \u20ac"],
        "traj.error": [None, "timeout", None],
        "traj.maybe": [None, torch.tensor([0.5]), None],
        "traj.count": [1, None, 3],
        "traj.ok": [True, False, None],
        "traj.score": [0.5, None, 2.0],
        "traj.mixed": [1, "two", [3, {"four": 4}]],
        "traj.huge": [2**80, 1, 2],
        "traj.calls": [["a"], [], ["b", "c"]],
        "group.problem": [
            Problem(1, "two plus two", "4", {"level": 2}),
            Problem("x", ({"role": "user", "content": "hi"},)),
            Problem(3, ""),
        ],
        "group.empty": torch.zeros(3, 0),
    }
    return Batch.build(
        columns,
        step_of_token=torch.tensor([0, 0, 0, 2]),
        traj_of_step=torch.tensor([0, 0, 2]),
        group_of_traj=torch.tensor([0, 0, 1]),
        groups=3,
        run={"step": 4, "progress": 0.25, "task": object(), "seed": 1},
    )


def assert_same_batch(left: Batch, right: Batch) -> None:
    assert dict(left.sizes) == dict(right.sizes)
    assert set(left.columns) == set(right.columns)
    for child, index in left.parent.items():
        assert torch.equal(index, right.parent[child])
    for name, column in left.columns.items():
        assert_same_column(name, column, right.columns[name])


def assert_same_column(name, left, right) -> None:
    if isinstance(left, torch.Tensor):
        assert left.dtype == right.dtype and left.shape == right.shape, name
        assert torch.equal(left.nan_to_num(-77), right.nan_to_num(-77)), name
        return
    assert len(left) == len(right), name
    for ours, theirs in zip(left, right, strict=True):
        if isinstance(ours, torch.Tensor):
            assert_same_column(name, ours, theirs)
        else:
            assert ours == theirs and type(ours) is type(theirs), name


def test_round_trip(tmp_path):
    batch = ragged_batch()
    write_batch(batch, tmp_path, 5)
    back = read_tables(tmp_path)
    expected = batch.with_columns({"traj.response": ["a", "", "<script>? \u20ac"]})
    assert_same_batch(expected, back)
    assert back.run == {"step": 4, "progress": 0.25, "seed": 1}


def test_levels_without_tokens_and_without_rows(tmp_path):
    empty = torch.zeros(0, dtype=torch.int64)
    batch = Batch.build(
        {"step.reward": torch.zeros(0), "traj.response": [], "traj.ids": [], "step.obs": torch.zeros(0, 3)},
        traj_of_step=empty,
        group_of_traj=empty,
    )
    write_batch(batch, tmp_path, 1)
    assert not (tmp_path / "token.parquet").exists()
    assert_same_batch(batch, read_tables(tmp_path))


def test_others_can_read_and_join_it(tmp_path):
    write_batch(ragged_batch(), tmp_path, 5)
    traj = pyarrow.parquet.read_table(tmp_path / "traj.parquet").to_pydict()
    assert traj["traj"] == [0, 1, 2] and traj["group_of_traj"] == [0, 0, 1] and traj["run_step"] == [5, 5, 5]
    assert traj["input_ids"] == [[1, 2], [], [3]] and traj["response"][0] == "a"
    group = pyarrow.parquet.read_table(tmp_path / "group.parquet").to_pydict()
    assert group["problem"][0] == '{"id": 1, "prompt": "two plus two", "answer": "4", "meta": {"level": 2}}'
    token = pyarrow.parquet.read_table(tmp_path / "token.parquet")
    assert token["step_of_token"].to_pylist() == [0, 0, 0, 2]
    step = pyarrow.parquet.read_table(tmp_path / "step.parquet")
    assert step["observation"].to_pylist()[1] == [6.0, 7.0, 8.0, 9.0, 10.0, 11.0]


def test_what_json_lacks_does_not_stop_a_run(tmp_path):
    batch = ragged_batch().with_columns({"traj.odd": [object(), {1, 2}, [torch.tensor([1.0])]]})
    write_batch(batch, tmp_path, 1)
    assert read_tables(tmp_path)["traj.odd"][1:] == ["{1, 2}", [[1.0]]]


def test_foreign_and_missing_tables_are_refused(tmp_path):
    with pytest.raises(GuerdonError, match=r"got no step\.parquet"):
        read_tables(tmp_path)
    pyarrow.parquet.write_table(pyarrow.table({"x": [1]}), tmp_path / "step.parquet")
    with pytest.raises(GuerdonError, match="must have been written by guerdon"):
        read_tables(tmp_path)


def test_a_name_that_is_taken_by_the_row_index_is_refused(tmp_path):
    with pytest.raises(GuerdonError, match=r"may not have a column traj\.traj"):
        write_batch(ragged_batch().with_columns({"traj.traj": torch.zeros(3)}), tmp_path, 1)


def test_equal_responses_of_a_group_are_counted_in_the_file_alone(tmp_path):
    batch = ragged_batch().with_columns({"traj.response": ["a", "a", "a"]})
    write_batch(batch, tmp_path, 1)
    table = pyarrow.parquet.read_table(tmp_path / "traj.parquet")
    assert table["duplicate"].to_pylist() == [1, 1, 0]
    assert "traj.duplicate" not in read_tables(tmp_path).columns
    write_batch(batch.with_columns({"traj.duplicate": torch.tensor([7, 8, 9])}), tmp_path, 1)
    assert read_tables(tmp_path)["traj.duplicate"].tolist() == [7, 8, 9]


def test_what_stands_between_sampled_tokens_is_kept_as_text():
    batch = Batch.build(
        {
            "token.id": torch.tensor([7, 8, 9, 5]),
            "token.position": torch.tensor([2, 5, 6, 1]),
            "traj.input_ids": [torch.tensor([1, 1, 7, 3, 4, 8, 9]), torch.tensor([1, 5])],
        },
        step_of_token=torch.tensor([0, 1, 1, 2]),
        traj_of_step=torch.tensor([0, 0, 1]),
        group_of_traj=torch.tensor([0, 1]),
    )
    assert gaps_of(batch) == [(0, 3, 5)]
    assert gaps_of(batch.select("traj", torch.tensor([False, True]))) == []
    policy = TinyLM(width=8, layers=1, heads=1).build(ModularSum(), frozenset(), Stream((0,)))
    told = with_texts(batch, policy)
    assert told.columns["traj.context"] == [[[3, policy.tokenizer.decode([3, 4])]], []]
    assert "traj.context" not in with_texts(batch.select("traj", torch.tensor([False, True])), policy).columns
