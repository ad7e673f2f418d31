import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from guerdon.advantages.standardize import Standardize
from guerdon.errors import GuerdonError
from guerdon.loop import Trainer
from guerdon.objective import Objective
from guerdon.objectives.uniform_q import UniformQRegression
from guerdon.papers._bench import ragged
from guerdon.policies.tabular import Tabular
from guerdon.recipe import Recipe
from guerdon.rollouts.tabular import SampleTree
from guerdon.tasks.token_tree import TokenTree
from guerdon.update import Update

COLUMNS = {
    "traj.advantage": [1.0, -0.5],
    "token.logprob": [-1.0, -2.0, -3.0, -1.0],
    "token.old_logprob": [-1.5, -2.0, -2.0, -1.0],
    "token.mean_logprob": [-4.0, -5.0, -6.0, -7.0],
    "token.old_mean_logprob": [-4.0, -5.5, -8.0, -6.0],
}


def test_golden():
    batch = ragged([[0.0, 0.0]], [3, 1], COLUMNS)
    # Q = .5, 0, -1 | 0; V' of the next = .5, 2, 0 | 0.
    expected = [(0.5 - 1 - 0.5) ** 2, (0 - 1 - 2) ** 2, (-1 - 1) ** 2, 0.5**2]
    rows = UniformQRegression()(batch)
    assert rows.values.tolist() == expected and rows.metrics["q"].tolist() == [0.5, 0, -1, 0]
    half = [(0.25 - 1 - 0.25) ** 2, (0 - 1 - 1) ** 2, (-0.5 - 1) ** 2, 0.5**2]
    assert UniformQRegression(0.5)(batch).values.tolist() == half


def test_a_masked_action_gives_the_one_before_it_no_value():
    batch = ragged([[0.0, 0.0]], [3, 1], {**COLUMNS, "token.mask": [True, True, False, True]})
    assert UniformQRegression()(batch).values[:2].tolist() == [1, 1]


def test_only_the_log_ratio_has_a_gradient():
    batch = ragged([[0.0, 0.0]], [3, 1], COLUMNS)
    leaves = {name: batch[f"token.{name}"].clone().requires_grad_() for name in ("logprob", "mean_logprob")}
    loss = UniformQRegression(2.0)(batch.with_columns({f"token.{n}": v for n, v in leaves.items()})).values.sum()
    loss.backward()
    assert leaves["mean_logprob"].grad is None
    # 2 rho (rho q - A - rho V').
    expected = [4 * (1 - 1 - 1), 4 * (0 - 1 - 4), 4 * (-2 - 1), 4 * 0.5]
    assert leaves["logprob"].grad.tolist() == pytest.approx(expected)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.integers(0, 4), min_size=1, max_size=5), st.floats(-2, 2))
def test_an_unchanged_policy_pays_the_square_of_the_advantage(lengths, advantage):
    rows = sum(lengths)
    columns = {"traj.advantage": [advantage] * len(lengths)}
    for number, name in enumerate(("logprob", "mean_logprob")):
        values = [-(1.0 + at + number) for at in range(rows)]
        columns |= {f"token.{name}": torch.tensor(values).double(), f"token.old_{name}": torch.tensor(values).double()}
    losses = UniformQRegression()(ragged([[0.0] * len(lengths)], lengths, columns)).values
    assert losses.tolist() == pytest.approx([advantage**2] * rows)


def test_it_trains_with_the_old_policys_columns_filled_in():
    recipe = Recipe(
        task=TokenTree(prompts=2, vocab=3, depth=2),
        policy=Tabular(init_std=1.0),
        rollout=SampleTree(prompts=2),
        objective=Objective(UniformQRegression()),
        advantage=(Standardize(scale="none"),),
        update=Update(epochs=2),
    )
    assert recipe.check() == []
    trainer = Trainer(recipe, steps=1)
    batch, metrics = trainer.train_step()
    assert math.isfinite(metrics["loss"]) and metrics["q"] != 0 and "token.old_mean_logprob" in batch.columns


def test_bad_fields():
    with pytest.raises(GuerdonError, match=r"UniformQRegression.rho must be positive, got 0"):
        UniformQRegression(0.0)
