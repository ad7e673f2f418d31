"""Sequences of tokens with a table of rewards."""

import itertools

import pytest
import torch

from guerdon.errors import GuerdonError
from guerdon.tasks.token_tree import TokenTree


def test_every_prefix_of_every_prompt_has_a_context_of_its_own():
    task = TokenTree(prompts=3, vocab=2, depth=3)
    seen = []
    for level in range(task.depth):
        for prompt, *prefix in itertools.product(range(3), *[range(2)] * level):
            rows = torch.tensor([prefix], dtype=torch.int64).reshape(1, level)
            seen.append(int(task.context(torch.tensor([prompt]), rows)))
    assert sorted(seen) == list(range(task.contexts)) and task.contexts == 3 * (1 + 2 + 4)


def test_a_leaf_is_the_response_read_as_a_number():
    task = TokenTree(vocab=4, depth=3)
    assert task.leaf(torch.tensor([[0, 0, 0], [1, 2, 3], [3, 3, 3]])).tolist() == [0, 27, 63]


def test_each_prompt_has_as_many_right_leaves_as_asked_for():
    task = TokenTree(prompts=50, vocab=3, depth=2, correct=2)
    table = task.rewards()
    assert table.shape == (50, 9) and table.sum(1).tolist() == [2.0] * 50
    assert torch.equal(table, TokenTree(prompts=50, vocab=3, depth=2, correct=2).rewards())
    assert not torch.equal(table, TokenTree(prompts=50, vocab=3, depth=2, correct=2, seed=1).rewards())


def test_the_outcome_pays_what_the_table_says():
    task = TokenTree(prompts=2, vocab=3)
    prompt, tokens = torch.tensor([0, 0, 0, 1, 1, 1]), torch.arange(3).repeat(2)[:, None]
    outcome = task.outcome(prompt, tokens, torch.ones(6), torch.Generator())
    assert torch.equal(outcome["traj.reward/task"], task.rewards().reshape(-1))


def test_a_prior_is_the_first_probability_of_each_right_action():
    task = TokenTree(prompts=4, vocab=5, correct=2, prior=0.1)
    first = task.initial_logits().softmax(-1)
    torch.testing.assert_close(first[task.rewards() > 0], torch.full((8,), 0.1))
    assert TokenTree().initial_logits() is None


@pytest.mark.parametrize("bad", [{"prompts": 0}, {"vocab": 0}, {"depth": 0}, {"correct": 5}, {"correct": -1}])
def test_sizes_that_make_no_tree_are_refused(bad):
    with pytest.raises(GuerdonError, match="TokenTree needs "):
        TokenTree(**bad)


def test_every_right_action_may_have_a_prior_of_its_own():
    task = TokenTree(prompts=3, vocab=5, correct=2, prior=(0.2, 0.1))
    prob = task.initial_logits().exp()
    torch.testing.assert_close(prob.gather(1, task.rewarded()), torch.tensor([[0.2, 0.1]] * 3))
    torch.testing.assert_close(prob.sum(1), torch.ones(3))
    assert torch.equal(task.rewards().scatter(1, task.rewarded(), 0.0), torch.zeros(3, 5))


@pytest.mark.parametrize(
    "bad",
    [{"depth": 2, "prior": 0.1}, {"prior": 1.0}, {"prior": 0.0}, {"correct": 4, "prior": 0.1}, {"prior": (0.1, 0.2)}],
)
def test_a_prior_that_is_no_probability_is_refused(bad):
    with pytest.raises(GuerdonError, match=r"needs depth 1|needs one number"):
        TokenTree(**bad)


def test_demonstrations_are_of_the_first_prompts_and_some_are_wrong():
    task = TokenTree(prompts=20, vocab=3, depth=2, demonstrated=0.5, wrong_demonstrations=0.3)
    owner, tokens, reward = task.stored(torch.tensor([19, 0, 3, 9, 10]))
    assert owner.tolist() == [1, 2, 3]
    leaf = task.leaf(tokens)
    assert torch.equal(task.rewards()[torch.tensor([0, 3, 9]), leaf], reward)
    assert float(task.stored(torch.arange(20))[2].sum()) == 7
    assert TokenTree(prompts=3, correct=0).stored(torch.arange(3))[2].tolist() == [0, 0, 0]
    with pytest.raises(GuerdonError, match=r"wrong_demonstrations must lie in 0..1"):
        TokenTree(wrong_demonstrations=2.0)


def test_the_last_prompts_may_be_hard():
    task = TokenTree(prompts=4, vocab=5, prior=0.2, hard=2, hard_factor=0.1)
    prob = task.initial_logits().exp()
    torch.testing.assert_close(prob.gather(1, task.rewarded())[:, 0], torch.tensor([0.2, 0.2, 0.02, 0.02]))
    torch.testing.assert_close(prob.sum(1), torch.ones(4))
    for bad in ({"hard": 5}, {"hard": 1, "prior": None}, {"hard": 1, "hard_factor": 0.0}):
        with pytest.raises(GuerdonError, match=r"TokenTree\.hard must lie in 0\.\.4"):
            TokenTree(**{"prompts": 4, "prior": 0.2, **bad})
