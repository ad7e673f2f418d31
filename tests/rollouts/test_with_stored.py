"""Stored responses beside sampled ones."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from strategies import batches

from guerdon.batch import Batch
from guerdon.errors import GuerdonError
from guerdon.piece import TaskSpec
from guerdon.policies.tabular import Tabular
from guerdon.policies.tiny_lm import TinyLM
from guerdon.rng import Stream
from guerdon.rollouts.sample import Sample
from guerdon.rollouts.sampler import Sampling
from guerdon.rollouts.tabular import SampleTree
from guerdon.rollouts.with_stored import WithStored, beside
from guerdon.tasks.chain_length import ChainLength
from guerdon.tasks.problem import Problem
from guerdon.tasks.token_tree import TokenTree

STREAM = Stream((0,))


class Sums(TaskSpec):
    """Three sums, the last without an answer."""

    def size(self, split: str) -> int:
        return 3

    def problem(self, split: str, number: int) -> Problem:
        return Problem(number, f"{number}+{number}=", None if number == 2 else str(2 * number))

    def score(self, problem: Problem, response: str) -> float:
        return float(response == problem.answer)


def first(count: int) -> list[int]:
    return list(range(count))


def test_each_demonstrated_prompt_of_a_tree_gets_its_rewarded_leaf_last():
    task = TokenTree(prompts=4, vocab=3, depth=2, demonstrated=0.5, seed=3)
    policy = Tabular().build(task, frozenset(), STREAM)
    batch = WithStored(SampleTree(4, 3))(task, policy, first, STREAM)
    assert batch.index("traj", "group").tolist() == [0] * 4 + [1] * 4 + [2] * 3 + [3] * 3
    assert batch["traj.sampled"].tolist() == ([True] * 3 + [False]) * 2 + [True] * 6
    stored = ~batch["traj.sampled"]
    assert batch["traj.reward/task"][stored].tolist() == [1.0, 1.0]
    tokens = batch["token.id"].reshape(-1, 2)
    leaf = task.leaf(tokens)
    paid = task.rewards()[batch.index("traj", "group"), leaf]
    assert torch.equal(paid, batch["traj.reward/task"])
    prompts = batch.index("traj", "group")
    assert torch.equal(batch["token.context"].reshape(-1, 2)[:, 0], prompts)
    assert torch.equal(batch["token.context"].reshape(-1, 2)[:, 1], task.context(prompts, tokens[:, :1]))
    unknown = batch["token.behavior_logprob"].isnan().reshape(-1, 2)
    assert torch.equal(unknown.all(1), stored) and torch.equal(unknown.any(1), stored)


def test_reference_answers_join_their_problems_and_a_problem_without_one_stays_as_it_is():
    policy = TinyLM(width=16, layers=1, heads=2).build(Sums(), frozenset(), STREAM).eval()
    inner = Sample(prompts=3, samples_per_prompt=2, sampling=Sampling(max_tokens=4, temperature=0.7))
    plain, batch = (each(Sums(), policy, lambda n: [2, 1, 0], STREAM) for each in (inner, WithStored(inner)))
    assert batch.index("traj", "group").tolist() == [0, 0, 1, 1, 1, 2, 2, 2]
    sampled = batch["traj.sampled"]
    assert sampled.tolist() == [True, True, True, True, False, True, True, False]
    assert [batch["traj.response"][row] for row in (4, 7)] == ["2", "0"]
    assert batch["traj.temperature"].tolist() == pytest.approx([0.7] * 8)
    assert not bool(batch["traj.truncated"][~sampled].any())
    kept = batch.select("traj", sampled)
    for name, column in plain.columns.items():
        other = kept.columns[name]
        equal = torch.equal(column, other) if isinstance(column, torch.Tensor) else True
        assert equal, name
    for row, number in ((4, 1), (7, 0)):
        prompt = policy.encode_prompt(Sums().problem("train", number))
        tokens = [*policy.tokenizer.encode(str(2 * number)), policy.tokenizer.eos_id]
        assert batch["traj.input_ids"][row].tolist() == [*prompt, *tokens]
        mine = batch.index("token", "traj") == row
        assert batch["token.id"][mine].tolist() == tokens
        assert batch["token.position"][mine].tolist() == list(range(len(prompt), len(prompt) + len(tokens)))


def test_without_any_answer_the_samples_are_all_there_is():
    policy = TinyLM(width=16, layers=1, heads=2).build(Sums(), frozenset(), STREAM).eval()
    inner = Sample(prompts=1, samples_per_prompt=2, sampling=Sampling(max_tokens=4))
    batch = WithStored(inner)(Sums(), policy, lambda n: [2], STREAM)
    assert batch["traj.sampled"].tolist() == [True, True]


@given(batches(tokens=True), batches(tokens=True), st.data())
def test_no_row_is_lost_and_each_stays_with_its_parents(one: Batch, two: Batch, data):
    if not one.size("group"):
        return
    places = st.integers(0, one.size("group") - 1)
    groups = torch.tensor(data.draw(st.lists(places, min_size=two.size("group"), max_size=two.size("group"))))
    groups = groups.to(torch.int64)
    tag = lambda batch, name: batch.with_columns({"traj.from": torch.full((batch.size("traj"),), name)})  # noqa: E731
    both = beside(tag(one, 1), tag(two, 2), groups)
    for name, part, of_group in ((1, one, torch.arange(one.size("group"))), (2, two, groups)):
        mine = both["traj.from"] == name
        texts = [text for text, ok in zip(both["traj.text"], mine.tolist(), strict=True) if ok]
        assert sorted(texts) == sorted(part["traj.text"])
        for text in texts:
            here, there = (b["traj.text"].index(text) for b in (both.select("traj", mine), part))
            only, other = both.select("traj", mine), part
            picks = [b.select("traj", torch.arange(b.size("traj")) == at) for b, at in ((only, here), (other, there))]
            assert picks[0]["action.row"].tolist() == picks[1]["action.row"].tolist()
        got = sorted(both.index("traj", "group")[mine].tolist())
        assert got == sorted(of_group[part.index("traj", "group")].tolist())


def test_a_task_that_stores_nothing_is_refused():
    task = ChainLength()
    policy = Tabular().build(task, frozenset(), STREAM)
    with pytest.raises(GuerdonError, match="stored responses need a task that has some, such as TokenTree, got Chain"):
        WithStored(SampleTree(2, 2))(task, policy, first, STREAM)
