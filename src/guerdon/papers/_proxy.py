"""What proxies share: train recipes on a toy over several seeds and compare what came out, with an interval.

A proxy compares two methods at the same seeds, so the interval is that of the paired differences (Student, 95%).
The verdict follows from the interval alone: ``confirmed`` if it lies on the claimed side of ``margin``,
``contradicted`` if it lies wholly on the other side of zero, and ``not seen at this scale`` otherwise.
"""

import dataclasses
import math
from collections.abc import Callable, Sequence
from typing import Any

import torch

from guerdon.errors import RunStopped
from guerdon.loop import Result, Trainer
from guerdon.metrics.seeds import mean_interval
from guerdon.paper import Evidence, Verdict
from guerdon.piece import Policy
from guerdon.recipe import Recipe

SEEDS: tuple[int, ...] = (0, 1, 2, 3, 4)
"""Seeds of a proxy unless it says otherwise."""

Measure = Callable[[Result, Any], float]


def finals(
    recipe: Recipe,
    steps: int,
    measure: Measure,
    seeds: Sequence[int] = SEEDS,
    reseed_task: bool = True,
    stops: bool = False,
    start: Callable[[Any, int], Policy] | None = None,
) -> list[float]:
    """Train once per seed and measure the result: ``measure(result, task) -> number``.

    ``reseed_task`` gives each seed a task of its own (its ``seed`` field), so that a finding is not one table's.
    ``stops``: a run that is stopped because it learns nothing is measured where it stands.
    ``start(task, seed)`` gives the policy to begin with; None builds the recipe's.
    """
    values = []
    for seed in seeds:
        task: Any = recipe.task
        if reseed_task and task is not None and "seed" in {field.name for field in dataclasses.fields(task)}:
            task = dataclasses.replace(task, seed=seed)
        policy = None if start is None else start(task, seed)
        trainer = Trainer(dataclasses.replace(recipe, task=task), steps=steps, seed=seed, policy=policy)
        result = Result(trainer.policy)
        try:
            while trainer.step < steps:
                result.metrics.append(trainer.train_step()[1])
        except RunStopped:
            if not stops:
                raise
        values.append(measure(result, task))
    return values


def last(name: str, steps: int = 20) -> Measure:
    """Mean of a logged metric over the last steps."""

    def measure(result: Result, task: Any) -> float:
        tail = [entry[name] for entry in result.metrics[-steps:] if name in entry]
        return math.fsum(tail) / max(len(tail), 1)

    return measure


def success(result: Result, task: Any) -> torch.Tensor:
    """Exact success probability of a one-token policy on every prompt of the task, ``[prompts]``."""
    with torch.no_grad():
        rows = result.policy.rows(torch.arange(task.contexts)).softmax(-1)  # pyright: ignore[reportCallIssue]
    return (rows * task.rewards()).sum(1)


def solved(prompts: slice | None = None) -> Measure:
    """Exact success probability of a one-token policy, averaged over (a slice of) the prompts."""
    return lambda result, task: float(success(result, task)[prompts or slice(None)].mean())


def expected(table: Callable[[Any], torch.Tensor]) -> Measure:
    """Exact expectation of a table ``[prompts, actions]`` of the task under a one-token policy, averaged over prompts."""

    def measure(result: Result, task: Any) -> float:
        with torch.no_grad():
            rows = result.policy.rows(torch.arange(task.contexts)).softmax(-1)  # pyright: ignore[reportCallIssue]
        return float((rows * table(task)).sum(1).mean())

    return measure


def exact_pass_at_k(k: int, prompts: slice | None = None) -> Measure:
    """Exact pass@k of a one-token policy, averaged over (a slice of) the prompts."""
    return lambda result, task: float((1 - (1 - success(result, task)[prompts or slice(None)]) ** k).mean())


def effective_modes(result: Result, task: Any) -> float:
    """Effective number of rewarded actions: exp of the entropy of the policy given success, averaged over prompts."""
    with torch.no_grad():
        rows = result.policy.rows(torch.arange(task.contexts)).softmax(-1) * task.rewards()  # pyright: ignore[reportCallIssue]
    inside = rows / rows.sum(1, keepdim=True).clamp(min=1e-30)
    return float((-(inside * inside.clamp(min=1e-30).log()).sum(1)).exp().mean())


def majority(k: int, draws: int = 256) -> Measure:
    """Share of votes of ``k`` responses of a one-token policy that a rewarded action wins, over prompts; ties are split."""

    def measure(result: Result, task: Any) -> float:
        with torch.no_grad():
            prob = result.policy.rows(torch.arange(task.contexts)).softmax(-1)  # pyright: ignore[reportCallIssue]
        generator = torch.Generator().manual_seed(0)
        votes = torch.multinomial(prob, k * draws, replacement=True, generator=generator).view(-1, draws, k)
        tally = torch.zeros(len(prob), draws, prob.shape[1]).scatter_add(2, votes, torch.ones(votes.shape))
        winner = (tally == tally.amax(2, keepdim=True)).float()
        return float(((winner * task.rewards()[:, None]).sum(2) / winner.sum(2)).mean())

    return measure


def compare(
    ours: Sequence[float], baseline: Sequence[float], what: str, margin: float = 0.0, lower: bool = False
) -> Evidence:
    """Evidence for "ours beats the baseline by more than ``margin``", paired by seed.

    ``what``: the measured quantity with its unit. ``lower``: smaller is better.
    """
    sign = -1.0 if lower else 1.0
    differences = [sign * (a - b) for a, b in zip(ours, baseline, strict=True)]
    mean, interval = mean_interval(differences)
    note = (
        f"{what}: {math.fsum(ours) / len(ours):.4g} against {math.fsum(baseline) / len(baseline):.4g}, "
        f"{len(differences)} paired seeds; value is the {'reduction' if lower else 'gain'}"
    )
    return Evidence(mean, margin, math.inf, interval, note, judge(interval, margin))


def judge(interval: tuple[float, float], margin: float = 0.0) -> Verdict:
    """What an interval of a claimed gain allows to say."""
    if interval[0] > margin:
        return "confirmed"
    return "contradicted" if interval[1] < min(margin, 0.0) else "not seen at this scale"
