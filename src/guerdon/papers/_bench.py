"""What claims are measured on: ragged batches from plain numbers, groups of coin flips, single actions, exact trees."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from guerdon.batch import Batch, Column
from guerdon.objective import Objective
from guerdon.recipe import Recipe
from guerdon.solvers.enumerate import Copies, expected_gradient, expected_reward, gradient
from guerdon.tasks.token_tree import TokenTree


def ragged(
    rewards: Sequence[Sequence[float]],
    lengths: Sequence[int] | None = None,
    columns: Mapping[str, Sequence[Any] | Tensor] | None = None,
) -> Batch:
    """A batch from plain numbers in float64: one list of trajectory rewards per group.

    Args:
        rewards: groups, possibly of different sizes; NaN is unscored.
        lengths: tokens of each trajectory in order, 0 allowed; default 1 each.
        columns: further columns, flat, in row order.
    """
    flat = torch.tensor([reward for group in rewards for reward in group], dtype=torch.float64)
    sizes = torch.tensor([len(group) for group in rewards])
    count = len(flat)
    per_traj = torch.ones(count, dtype=torch.int64) if lengths is None else torch.tensor(lengths)
    extra: dict[str, Column] = {name: _column(values) for name, values in (columns or {}).items()}
    return Batch.build(
        {"traj.reward": flat, **extra},
        step_of_token=torch.arange(count).repeat_interleave(per_traj),
        traj_of_step=torch.arange(count),
        group_of_traj=torch.arange(len(rewards)).repeat_interleave(sizes),
        groups=len(rewards),
    )


def _column(values: Sequence[Any] | Tensor) -> Column:
    if isinstance(values, Tensor):
        return values
    if values and isinstance(values[0], (bool, str)):
        return torch.tensor(values) if isinstance(values[0], bool) else list(values)
    return torch.tensor(values, dtype=torch.float64)


def bernoulli_groups(probabilities: Sequence[float], size: int, seed: int) -> Batch:
    """One group of ``size`` 0/1 rewards per success probability, one token per trajectory."""
    generator = torch.Generator().manual_seed(seed)
    draws = torch.rand((len(probabilities), size), generator=generator, dtype=torch.float64)
    return ragged((draws < torch.tensor(probabilities)[:, None]).double().tolist())


def one_action(objective: Objective, ratio: float, advantage: float) -> tuple[float, float]:
    """Loss of a single action whose ratio to the old policy is ``ratio``, and its slope in the log-prob."""
    logprob = torch.tensor([ratio], dtype=torch.float64).log().requires_grad_()
    batch = ragged([[0.0]], columns={"traj.advantage": [advantage], "token.old_logprob": [0.0]})
    loss, _ = objective(objective.prepare(batch.with_columns({"token.logprob": logprob})), {})
    (slope,) = torch.autograd.grad(loss, logprob)
    return float(loss.detach()), float(slope)


def random_logits(task: TokenTree, seed: int) -> Tensor:
    """Gaussian logits in float64 for a tabular policy on a tree."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn((task.contexts, task.vocab), generator=generator, dtype=torch.float64)


def gradient_error(recipe: Recipe, task: TokenTree, copies: Copies, samples: int, factor: float = 1.0) -> float:
    """How far a recipe's gradient, on average over all groups, is from ``factor`` times the policy gradient.

    Relative to the larger of the two; 0 is an unbiased estimator.
    """
    got = -expected_gradient(recipe, task, copies, samples)
    true = factor * gradient(lambda at: expected_reward(task, at), copies.policy)
    return float((got - true).norm() / torch.maximum(got.norm(), true.norm()))
