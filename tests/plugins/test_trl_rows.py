"""A generation as a batch, by hand; TRL itself is not needed for that."""

import torch

from guerdon.plugins._trl_rows import Row, pack, packed, padded
from guerdon.tasks.problem import Problem


def row(ids, sampled=None, excluded=False, **columns):
    problem = Problem("p", "say", "x")
    kept = sampled or [True] * len(ids)
    return Row(problem, 7, [1, 2], ids, kept, "text", False, excluded, columns)


def test_sampled_tokens_are_rows_and_their_stretches_are_steps():
    tools = [True, True, False, False, True]
    batch = pack([row([10, 11, 90, 91, 12], tools), row([20])], 2, 0.5)
    assert batch["token.id"].tolist() == [10, 11, 12, 20]
    assert batch["token.position"].tolist() == [2, 3, 6, 2]
    assert batch.index("token", "step").tolist() == [0, 0, 1, 2]
    assert batch.index("step", "traj").tolist() == [0, 0, 1]
    assert batch["traj.input_ids"][0].tolist() == [1, 2, 10, 11, 90, 91, 12]
    assert (batch.size("group"), batch["group.problem_id"].tolist()) == (1, [7])
    assert batch["token.temperature"].tolist() == [0.5] * 4
    assert "action.mask" not in batch


def test_a_completion_without_sampled_tokens_is_a_trajectory_with_an_empty_step():
    batch = pack([row([5], [False]), row([6]), row([]), row([7, 8])], 2, 1.0)
    assert batch["token.id"].tolist() == [6, 7, 8]
    assert batch.index("token", "traj").tolist() == [1, 3, 3]
    assert batch.index("step", "traj").tolist() == [0, 1, 2, 3]
    assert batch.index("traj", "group").tolist() == [0, 0, 1, 1]


def test_what_trl_leaves_out_is_masked():
    batch = pack([row([5, 6], excluded=True), row([7])], 2, 1.0)
    assert batch["action.mask"].tolist() == [False, False, True]


def test_columns_go_to_rectangles_and_back_in_any_order_of_rows():
    numbers = [torch.tensor([0.1, 0.2, 0.3]), torch.tensor([0.4])]
    rows = [row([4, 5, 6], [True, False, True], old=numbers[0]), row([7], old=numbers[1])]
    batch = pack(rows, 1, 1.0)
    assert batch["token.old"].tolist() == torch.tensor([0.1, 0.3, 0.4]).tolist()
    square = padded(batch, "old", 2, 4)
    assert square.tolist() == torch.tensor([[0.1, 0, 0.3, 0], [0.4, 0, 0, 0]]).tolist()
    shuffled = torch.tensor([1, 0])
    assert torch.equal(packed(square[shuffled], shuffled, batch), batch["token.old"])
    second = batch.select("traj", torch.tensor([False, True]))
    assert torch.equal(packed(square[shuffled], shuffled, second), second["token.old"])


def test_no_rows_are_no_batch_to_stumble_over():
    batch = pack([], 2, 1.0)
    assert (batch.size("token"), batch.size("traj"), batch.size("group")) == (0, 0, 0)
