"""Queries of six slots and their rewards."""

import pytest
import torch

from guerdon.errors import GuerdonError
from guerdon.policies.tabular import Tabular
from guerdon.rng import Stream
from guerdon.rollouts.tabular import SampleTree

pytest.importorskip("sqlglot")

from guerdon.tasks.sql_slots import SLOTS, SqlSlots, query, score

EXTRA = ("sql_runs", "sql_schema", "sql_ngram")


def test_a_gold_earns_everything_and_gives_some_rows_but_not_all():
    for tokens in SqlSlots(prompts=4, seed=3).golds().tolist():
        gold = query(tokens)
        assert score(gold, gold) == (1.0, 1.0, 1.0, 1.0)
        assert score(gold, gold.partition(" WHERE ")[0])[:2] == (0.0, 1.0)
        assert score(gold, gold.replace("SELECT", "SELEC"))[:2] == (0.0, 0.0)


def test_the_space_is_that_of_the_paper_and_starts_uniform_over_it():
    sizes = [len(slot) for slot in SLOTS]
    assert torch.tensor(sizes).prod() == 8 * 2 * 2 * 9 * 5 * 20
    start = SqlSlots(prompts=2).initial_logits().softmax(-1)
    torch.testing.assert_close(start.amax(1), 1 / torch.tensor(sizes * 2).float())


def test_what_a_rollout_writes():
    task = SqlSlots()
    policy = Tabular().build(task, frozenset(), Stream((0,)))
    batch = SampleTree(2, 3, reward="sql_exec")(task, policy, lambda n: list(range(n)), Stream((1,)))
    golds = [query(row) for row in task.golds().tolist()]
    for row, tokens in enumerate(batch["token.id"].view(6, 6).tolist()):
        got = [float(batch[f"traj.reward/{name}"][row]) for name in ("sql_exec", *EXTRA)]
        assert got == pytest.approx(score(golds[row // 3], query(tokens)))


def test_bad_fields():
    with pytest.raises(GuerdonError, match="must be at least 1, got 0"):
        SqlSlots(prompts=0)
