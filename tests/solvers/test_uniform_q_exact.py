import pytest
import torch

from guerdon.errors import GuerdonError
from guerdon.solvers.enumerate import expected_reward, leaf_logprobs
from guerdon.solvers.mdp import FiniteMDP
from guerdon.solvers.uniform_q import distinct_rewarded, softmax_policy, uniform_q
from guerdon.tasks.token_tree import TokenTree


class OneLeaf(TokenTree):
    """A binary tree of depth 2 whose third leaf pays."""

    def rewards(self):
        return torch.tensor([[0.0, 0.0, 1.0, 0.0]])


def test_a_tree_worked_by_hand():
    q = uniform_q(OneLeaf(prompts=1, vocab=2, depth=2))
    assert q.tolist() == [[0.0, 0.5], [0.0, 0.0], [1.0, 0.0]]


def test_it_is_the_q_of_the_uniform_policy_of_the_mdp():
    task = TokenTree(prompts=2, vocab=3, depth=3, correct=4)
    transition = torch.zeros(task.contexts, task.vocab, task.contexts)
    reward = torch.zeros(task.contexts, task.vocab)
    seen = {}
    for prompt in range(2):
        for leaf in range(task.leaves):
            tokens = torch.tensor([[leaf // 9, leaf // 3 % 3, leaf % 3]])
            rows = [int(task.context(torch.tensor([prompt]), tokens[:, :level])) for level in range(3)]
            for level, row in enumerate(rows):
                action = int(tokens[0, level])
                if level < 2:
                    transition[row, action, rows[level + 1]] = 1
                else:
                    reward[row, action] = task.rewards()[prompt, leaf]
                seen[row, action] = True
    assert len(seen) == task.contexts * task.vocab
    uniform = torch.full((task.contexts, task.vocab), 1 / 3)
    exact = FiniteMDP(transition, reward, 1.0).policy_q(uniform)
    torch.testing.assert_close(uniform_q(task).double(), exact, atol=1e-6, rtol=0)


def test_a_low_temperature_is_greedy_and_a_high_one_uniform():
    task = TokenTree(prompts=3, vocab=3, depth=3, correct=2)
    cold, hot = (expected_reward(task, softmax_policy(task, rho).logits).item() for rho in (1e-3, 1e6))
    assert cold == pytest.approx(1, abs=1e-6) and hot == pytest.approx(2 / 27, abs=1e-5)
    with pytest.raises(GuerdonError, match="needs a positive rho, got 0"):
        softmax_policy(task, 0)


def test_distinct_rewarded_leaves_of_a_uniform_policy():
    task = TokenTree(prompts=2, vocab=2, depth=2, correct=3)
    logprobs = leaf_logprobs(task, torch.zeros(task.contexts, 2))
    assert distinct_rewarded(task, logprobs, 5) == pytest.approx(3 * (1 - 0.75**5))
    sure = torch.tensor([[1.0, 0, 0, 0]] * 2).log()
    paid = float(task.rewards()[:, 0].mean())
    assert distinct_rewarded(task, sure, 5) == pytest.approx(paid)
