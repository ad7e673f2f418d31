"""Small pieces for tests of the recipe and the loop: any reads and writes, counters of calls, plain REINFORCE."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from guerdon import segment
from guerdon.batch import Batch, Column
from guerdon.objective import Objective
from guerdon.piece import Aggregation, Curriculum, Filter, Metric, Rollout, RowLoss, Term, Transform, Weight
from guerdon.policies.tabular import Tabular
from guerdon.recipe import Recipe
from guerdon.rollouts.tabular import SampleTree
from guerdon.tasks.token_tree import TokenTree


@dataclass(frozen=True)
class Moves(Transform):
    """Reads and writes what it is told to; what it writes is zeros."""

    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    invariant: frozenset[str] = frozenset()
    acts_as: str = ""

    def __call__(self, batch: Batch, state: Any = None) -> Mapping[str, Column]:
        for name in self.reads:
            assert name.endswith("*") or batch[name] is not None
        return {name: torch.zeros(batch.size(name.partition(".")[0])) for name in self.writes}


@dataclass(frozen=True)
class GroupCenter(Transform):
    """``A_i = r_i - mean_group(r)``, 0 where unscored."""

    reads = ("traj.reward",)
    writes = ("traj.advantage",)

    def __call__(self, batch: Batch, state: Any = None) -> Mapping[str, Column]:
        reward = batch["traj.reward"]
        scored = reward.isfinite()
        mean = batch.up(reward, segment.mean, "traj", "group", where=scored)
        return {"traj.advantage": torch.where(scored, reward - batch.down(mean, "group", "traj"), 0.0)}


@dataclass(frozen=True)
class Reinforce(Term):
    """``-A log pi``; reads further columns if told to, without using them."""

    also: tuple[str, ...] = ()

    @property
    def reads(self) -> tuple[str, ...]:
        return ("action.advantage", "action.logprob", *self.also)

    def __call__(self, batch: Batch, state: Any = None) -> RowLoss:
        for name in self.reads:
            assert batch[name] is not None
        loss = -batch["action.advantage"] * batch["action.logprob"]
        return RowLoss("action", loss, {"logprob": batch["action.logprob"].detach()})


@dataclass(frozen=True)
class Reads(Metric):
    """Logs the means of the columns it is told to read."""

    reads: tuple[str, ...] = ()

    def __call__(self, batch: Batch) -> Mapping[str, float]:
        return {f"mean/{name}": float(torch.as_tensor(batch[name]).double().mean()) for name in self.reads}


class Calls(nn.Module):
    """Counts calls."""

    count: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("count", torch.zeros((), dtype=torch.int64))


@dataclass(frozen=True)
class CountingTransform(Transform):
    """Keeps the batch as it is and counts its calls."""

    def init_state(self) -> Calls:
        return Calls()

    def __call__(self, batch: Batch, state: Any = None) -> Mapping[str, Column]:
        state.count += 1
        return {}


@dataclass(frozen=True)
class CountingTerm(Term):
    """A row loss of 0 that counts its calls."""

    def init_state(self) -> Calls:
        return Calls()

    def __call__(self, batch: Batch, state: Any = None) -> RowLoss:
        state.count += 1
        return RowLoss("action", torch.zeros(batch.size("action")))


@dataclass(frozen=True)
class CountingSurrogate(Reinforce):
    """REINFORCE that counts its calls."""

    def init_state(self) -> Calls:
        return Calls()

    def __call__(self, batch: Batch, state: Any = None) -> RowLoss:
        state.count += 1
        return Reinforce.__call__(self, batch)


@dataclass(frozen=True)
class CountingFilter(Filter):
    """Keeps every group."""

    def init_state(self) -> Calls:
        return Calls()

    def __call__(self, batch: Batch, state: Any = None) -> Tensor:
        state.count += 1
        return torch.ones(batch.size("group"), dtype=torch.bool)


@dataclass(frozen=True)
class CountingWeight(Weight):
    """Weights of 1."""

    def init_state(self) -> Calls:
        return Calls()

    def __call__(self, batch: Batch, state: Any = None) -> Tensor:
        state.count += 1
        return torch.ones(batch.size("action"))


@dataclass(frozen=True)
class CountingAggregation(Aggregation):
    """Row weights 1/n."""

    def init_state(self) -> Calls:
        return Calls()

    def __call__(self, batch: Batch, level: str, state: Any = None) -> Tensor:
        state.count += 1
        return torch.full((batch.size(level),), 1 / max(batch.size(level), 1))


@dataclass(frozen=True)
class CountingMetric(Metric):
    """Logs its own count."""

    def init_state(self) -> Calls:
        return Calls()

    def __call__(self, batch: Batch, state: Any = None) -> Mapping[str, float]:
        state.count += 1
        return {"calls": float(state.count)}


@dataclass(frozen=True)
class CountingCurriculum(Curriculum):
    """Problems 0, 1, 2, ...; counts what it observes."""

    def init_state(self) -> Calls:
        return Calls()

    def pick(self, task: Any, count: int, stream: Any, state: Any = None) -> list[int]:
        return list(range(count))

    def observe(self, batch: Batch, state: Any = None) -> None:
        state.count += 1


@dataclass(frozen=True)
class CountingRollout(Rollout):
    """``SampleTree`` that counts its calls."""

    writes = SampleTree().writes

    def init_state(self) -> Calls:
        return Calls()

    def __call__(self, task: Any, policy: Any, pick: Any, stream: Any, state: Any = None) -> Batch:
        state.count += 1
        return SampleTree(prompts=4, samples_per_prompt=4)(task, policy, pick, stream)


def reinforce(**slots: Any) -> Recipe:
    """A recipe that learns a small token tree, with slots replaced."""
    plain: dict[str, Any] = {
        "task": TokenTree(prompts=4, vocab=3, depth=2),
        "policy": Tabular(),
        "rollout": SampleTree(prompts=4, samples_per_prompt=8),
        "advantage": (GroupCenter(),),
        "objective": Objective(Reinforce()),
    }
    return Recipe(**{**plain, **slots})
