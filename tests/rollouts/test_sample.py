import pytest
import torch

from guerdon.errors import GuerdonError
from guerdon.policies.tiny_lm import TinyLM
from guerdon.rng import Stream
from guerdon.rollouts.sample import Sample, pack
from guerdon.rollouts.sampler import Sampling
from guerdon.tasks.problem import Problem
from guerdon.tasks.token_tree import TokenTree


class Sums:
    """Additions; prompts of different lengths."""

    def size(self, split: str) -> int:
        return 6

    def problem(self, split: str, number: int) -> Problem:
        return Problem(number, f"{10**number} + {number} =", str(10**number + number))

    def score(self, problem: Problem, response: str) -> float:
        return float(response == problem.answer)


def test_tokens_point_at_themselves_in_their_sequence_and_keep_their_logprob() -> None:
    task = Sums()
    policy = TinyLM(width=16, layers=1, heads=2).build(task, frozenset(), Stream((0,)))
    piece = Sample(prompts=3, samples_per_prompt=4, sampling=Sampling(max_tokens=5))
    batch = piece(task, policy, lambda count: [5, 0, 2][:count], Stream((1,)))
    assert {*piece.writes} == {*batch.columns}
    assert batch["group.problem_id"].tolist() == [5, 0, 2] and batch.size("traj") == 12
    sequences, trajectory = batch["traj.input_ids"], batch.index("token", "traj").tolist()
    for row, (position, token) in enumerate(
        zip(batch["token.position"].tolist(), batch["token.id"].tolist(), strict=True)
    ):
        assert int(sequences[trajectory[row]][position]) == token
    for ids, problem in zip(sequences, batch["traj.problem"], strict=True):
        prompt = policy.encode_prompt(problem)
        assert ids[: len(prompt)].tolist() == prompt
    logprob = policy.evaluate(batch, frozenset({"action.logprob"}))["action.logprob"]
    torch.testing.assert_close(logprob, batch["token.behavior_logprob"], atol=1e-5, rtol=1e-4)


def test_a_response_without_tokens_is_a_trajectory_without_rows() -> None:
    problems = [Problem(0, "a"), Problem(1, "b")]
    parts = [torch.tensor([7, 8]), torch.tensor([], dtype=torch.int64)]
    batch = pack(problems, [0, 1], [torch.tensor([1]), torch.tensor([2, 3])], parts)
    assert batch["token.position"].tolist() == [1, 2] and batch.size("traj") == 2
    assert [ids.tolist() for ids in batch["traj.input_ids"]] == [[1, 7, 8], [2, 3]]


def test_wrong_kinds_are_refused() -> None:
    with pytest.raises(GuerdonError, match="Sample needs a task made of problems"):
        Sample()(TokenTree(), None, lambda count: [], Stream((0,)))
    with pytest.raises(GuerdonError, match="Sample needs a language-model policy"):
        Sample()(Sums(), None, lambda count: [], Stream((0,)))
    with pytest.raises(GuerdonError, match="at least 1, got 0 and 8"):
        Sample(prompts=0)
