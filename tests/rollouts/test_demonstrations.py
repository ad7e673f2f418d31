"""Reference answers as trajectories."""

import pytest
import torch

from guerdon.errors import GuerdonError
from guerdon.piece import TaskSpec
from guerdon.policies.tiny_lm import TinyLM
from guerdon.rng import Stream
from guerdon.rollouts.demonstrations import Demonstrations
from guerdon.tasks.problem import Problem


class Sums(TaskSpec):
    """Three sums, the last without an answer."""

    def size(self, split: str) -> int:
        return 3

    def problem(self, split: str, number: int) -> Problem:
        return Problem(number, f"{number}+{number}=", None if number == 2 else str(2 * number))

    def score(self, problem: Problem, response: str) -> float:
        return float(response == problem.answer)


@pytest.fixture(scope="module")
def policy():
    return TinyLM(width=16, layers=1, heads=2).build(Sums(), frozenset(), Stream((0,))).eval()


def test_the_answer_and_its_end_take_the_place_of_sampled_tokens(policy):
    batch = Demonstrations(prompts=2)(Sums(), policy, lambda count: [1, 0][:count], Stream((0,)))
    assert batch["traj.response"] == ["2", "0"] and batch["group.problem_id"].tolist() == [1, 0]
    assert batch.size("group") == batch.size("traj") == 2
    for row, (number, answer) in enumerate([(1, "2"), (0, "0")]):
        prompt = policy.encode_prompt(Sums().problem("train", number))
        tokens = [*policy.tokenizer.encode(answer), policy.tokenizer.eos_id]
        assert batch["traj.input_ids"][row].tolist() == [*prompt, *tokens]
        mine = batch.index("token", "traj") == row
        assert batch["token.id"][mine].tolist() == tokens
        assert batch["token.position"][mine].tolist() == list(range(len(prompt), len(prompt) + len(tokens)))
    assert "token.behavior_logprob" not in batch


def test_each_tokens_logprob_is_that_of_the_sequence(policy):
    batch = Demonstrations(prompts=1)(Sums(), policy, lambda count: [1], Stream((0,)))
    got = policy.evaluate(batch, frozenset({"action.logprob"}))["action.logprob"]
    ids = batch["traj.input_ids"][0][None]
    weight, _ = policy.head()
    logprobs = (policy.hidden(ids, torch.ones_like(ids)) @ weight.T).log_softmax(-1)[0]
    position = batch["token.position"]
    torch.testing.assert_close(got, logprobs[position - 1, batch["token.id"]])


def test_a_problem_without_an_answer_is_refused(policy):
    with pytest.raises(GuerdonError, match="Demonstrations needs problems with an answer, got problem 2 without"):
        Demonstrations(prompts=1)(Sums(), policy, lambda count: [2], Stream((0,)))
