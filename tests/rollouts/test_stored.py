import pytest
import torch

from guerdon.errors import GuerdonError
from guerdon.policies.tabular import Tabular
from guerdon.rng import Stream
from guerdon.rollouts.stored import Stored
from guerdon.tasks.logged_bandit import LoggedBandit
from guerdon.tasks.token_tree import TokenTree

STREAM = Stream((0,))


def test_the_log_of_the_picked_problems_is_the_batch():
    task = LoggedBandit(prompts=4, vocab=3, logged=5)
    policy = Tabular().build(task, frozenset(), STREAM)
    batch = Stored(prompts=2, reward="correct")(task, policy, lambda count: [3, 1][:count], STREAM)
    _, tokens, rating = task.stored(torch.tensor([3, 1]))
    assert torch.equal(batch["token.id"], tokens[:, 0]) and torch.equal(batch["traj.reward/correct"], rating)
    assert batch["group.problem_id"].tolist() == [3, 1] and batch["token.context"].tolist() == [3] * 5 + [1] * 5
    assert batch.index("traj", "group").tolist() == [0] * 5 + [1] * 5
    assert {f"token.{name}" for name in batch.names("token")} < set(Stored().writes)


def test_a_problem_without_stored_responses_is_an_empty_group():
    task = TokenTree(prompts=4, depth=2, demonstrated=0.5)
    policy = Tabular().build(task, frozenset(), STREAM)
    batch = Stored(prompts=2)(task, policy, lambda count: [3, 1], STREAM)
    assert batch.size("group") == 2 and batch.index("traj", "group").tolist() == [1]
    empty = Stored(prompts=1)(task, policy, lambda count: [3], STREAM)
    assert (empty.size("group"), empty.size("traj"), empty.size("token")) == (1, 0, 0)


def test_bad_fields():
    with pytest.raises(GuerdonError, match=r"Stored.prompts must be at least 1, got 0"):
        Stored(prompts=0)
