"""pass@k of a language-model policy on held-out problems, with 95% intervals over problems."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from guerdon.errors import GuerdonError
from guerdon.metrics.pass_at_k import bootstrap_mean, pass_at_k
from guerdon.rewards.verifier import Verifier
from guerdon.rng import Stream
from guerdon.rollouts.sample import check_kinds, make_sampler, sample_batch
from guerdon.rollouts.sampler import Sampling


@dataclass(frozen=True)
class PassAtK:
    """One number with its interval."""

    k: int
    value: float
    low: float
    high: float
    """95% percentile bootstrap over problems."""


@dataclass(frozen=True)
class Evaluation:
    """What an evaluation measured."""

    pass_at: tuple[PassAtK, ...]
    problems: int
    samples: int
    unscored: int
    """Samples that could not be scored; they are left out, not counted as wrong."""
    counts: tuple[tuple[int, int], ...] = field(repr=False, default=())
    """(scored samples, right samples) per problem."""

    def __getitem__(self, k: int) -> PassAtK:
        """The entry for k."""
        return next(entry for entry in self.pass_at if entry.k == k)

    def sentence(self) -> str:
        """``pass@1 41.3% [38.2, 44.5]  pass@8 ...``"""
        parts = (f"pass@{e.k} {100 * e.value:.1f}% [{100 * e.low:.1f}, {100 * e.high:.1f}]" for e in self.pass_at)
        return "  ".join(parts)

    def to_json(self) -> dict[str, Any]:
        """Plain data for ``eval.json``."""
        entries = {str(e.k): {"value": e.value, "low": e.low, "high": e.high} for e in self.pass_at}
        return {"pass_at": entries, "problems": self.problems, "samples": self.samples, "unscored": self.unscored}


def evaluate(
    policy: Any,
    task: Any,
    *,
    k: Sequence[int] = (1, 8),
    problems: int = 200,
    samples: int | None = None,
    sampling: Sampling | None = None,
    split: str = "test",
    seed: int = 0,
    engine: str = "local",
    success: float = 1.0,
) -> Evaluation:
    """Sample ``samples`` responses (default: the largest k) to the first ``problems`` of a split and score them.

    A response is right when the task's own scorer gives at least ``success``. Problems of which fewer than
    max(k) samples could be scored are left out.

    Raises:
        GuerdonError: if the task has no problems, the policy is no language model, or nothing could be scored.
    """
    check_kinds("evaluate", task, policy)
    samples, stream, size = samples or max(k), Stream((seed, "evaluate")), task.size(split)
    if samples < max(k):
        raise GuerdonError(f"evaluate needs at least max(k) = {max(k)} samples per problem, got {samples}")
    numbers = list(range(problems if size is None else min(problems, size)))
    how = sampling or Sampling()
    batch = sample_batch(task, policy, make_sampler(engine, policy), numbers, split, samples, how, stream)
    reward = Verifier()(batch.with_run(task=task))["traj.reward/correct"]
    assert isinstance(reward, torch.Tensor)
    table = reward.view(len(numbers), samples)
    scored, right = table.isfinite().sum(1).tolist(), (table >= success).sum(1).tolist()
    counts = [(n, c) for n, c in zip(scored, right, strict=True) if n >= max(k)]
    if not counts:
        raise GuerdonError("evaluate could score no problem: the task's scorer failed on every one; see its error")
    entries = []
    for each in k:
        values = [pass_at_k(n, c, each) for n, c in counts]
        low, high = bootstrap_mean(values, stream.child("bootstrap", each))
        entries.append(PassAtK(each, sum(values) / len(values), low, high))
    return Evaluation(tuple(entries), len(counts), samples, int((~table.isfinite()).sum()), tuple(counts))
