"""Stored responses beside sampled ones: demonstrations that join the group of their prompt (rlplus, amft).

Idea
    A group then holds responses of two origins, told apart by ``traj.sampled``. Rewards, baselines and losses may treat
    them alike or not: ``Standardize(among="traj.sampled")``, ``ByOrigin``, ``MeanByOrigin``.
Reads
    Of a task made of problems the reference answers (``Problem.answer``, with the end-of-sequence token), of a small
    token task its ``stored`` responses. A prompt that has none stays as it is.
Deviations
    What is unknown about a stored response is NaN (``behavior_logprob``: nobody sampled it), false or 0. Its temperature
    is that of the sampled responses, so that both are judged by one distribution.
"""

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from guerdon.axes import LEVELS
from guerdon.batch import Batch, Column
from guerdon.objective import call_with_state
from guerdon.piece import Pick, Rollout
from guerdon.rng import Stream
from guerdon.rollouts.sample import Sample, pack
from guerdon.rollouts.tabular import stored_batch
from guerdon.tasks.problem import ProblemTask


@dataclass(frozen=True)
class WithStored(Rollout):
    """The groups of another rollout, each with the stored responses to its prompt."""

    rollout: Rollout = field(default_factory=lambda: Sample(samples_per_prompt=7))
    """What samples the others."""

    @property
    def writes(self) -> tuple[str, ...]:
        """The columns of the other rollout, and which responses are its own."""
        return (*self.rollout.writes, "traj.sampled")

    def init_state(self) -> nn.Module | None:
        """The other rollout's state."""
        return self.rollout.init_state()

    def __call__(self, task: Any, policy: Any, pick: Pick, stream: Stream, state: Any = None) -> Batch:
        """One batch; the stored responses stand last in their groups."""
        batch = call_with_state(self.rollout, task, policy, pick, stream, state=state)
        if isinstance(task, ProblemTask):
            stored, groups = answers(batch, policy)
        else:
            reward = getattr(self.rollout, "reward", "task")
            stored, groups = stored_batch(task, batch["group.problem_id"], reward), torch.arange(batch.size("group"))
        return beside(marked(batch, True), marked(stored, False), groups)


def marked(batch: Batch, sampled: bool) -> Batch:
    """The batch with ``traj.sampled``."""
    return batch.with_columns({"traj.sampled": torch.full((batch.size("traj"),), sampled)})


def answers(batch: Batch, policy: Any) -> tuple[Batch, Tensor]:
    """The reference answers to a batch's problems as a batch of their own, and the groups that they belong to."""
    groups = [row for row, problem in enumerate(batch["group.problem"]) if problem.answer is not None]
    problems = [batch["group.problem"][row] for row in groups]
    parts = [torch.tensor([*policy.tokenizer.encode(each.answer), policy.tokenizer.eos_id]) for each in problems]
    prompts = [torch.tensor(policy.encode_prompt(each), dtype=torch.int64) for each in problems]
    rows = torch.tensor(groups, dtype=torch.int64)
    if not groups:
        return batch.select("group", torch.zeros(batch.size("group"), dtype=torch.bool)), rows
    stored = pack(problems, batch["group.problem_id"][rows].tolist(), prompts, parts)
    columns: dict[str, Column] = {"traj.response": [each.answer for each in problems]}
    if "traj.temperature" in batch and batch.size("traj"):
        columns["traj.temperature"] = batch["traj.temperature"][:1].expand(len(problems))
    return stored.with_columns(columns), rows


def beside(first: Batch, second: Batch, groups: Tensor) -> Batch:
    """One batch with the trajectories of both; ``groups`` says which group of ``first`` each group of ``second`` is.

    The groups' own columns are those of ``first``; of the others those that ``first`` has, see ``unknown``.
    """
    belongs = torch.cat([first.index("traj", "group"), groups[second.index("traj", "group")]])
    order, parent = {"group": torch.arange(first.size("group"))}, {"traj": belongs}
    for child, above in (("step", "traj"), ("token", "step")):
        if child in first.sizes:
            parent[child] = torch.cat([first.parent[child], second.parent[child] + first.size(above)])
    for above, child in zip(("group", "traj", "step"), ("traj", "step", "token"), strict=True):
        if child in parent:
            rank = torch.empty_like(order[above]).scatter(0, order[above], torch.arange(len(order[above])))
            moved = rank[parent[child]]
            order[child] = moved.argsort(stable=True)
            parent[child] = moved[order[child]]
    columns: dict[str, Column] = {}
    for name, column in first.columns.items():
        level = name.partition(".")[0]
        if level != LEVELS[-1]:
            other = second.columns.get(name, unknown(column, second.size(level)))
            columns[name] = _joined(column, other, order[level])
        else:
            columns[name] = column
    return Batch.build(
        columns,
        step_of_token=parent.get("token"),
        traj_of_step=parent["step"],
        group_of_traj=parent["traj"],
        groups=first.size("group"),
        run=first.run,
    )


def unknown(like: Column, rows: int) -> Column:
    """A column of ``rows`` unknown values: NaN, false, 0, or None in a list."""
    if isinstance(like, list):
        return [None] * rows
    return like.new_full((rows, *like.shape[1:]), torch.nan if like.is_floating_point() else 0)


def _joined(first: Column, second: Column, order: Tensor) -> Column:
    if isinstance(first, Tensor) and isinstance(second, Tensor):
        return torch.cat([first, second.to(first)])[order]
    both = [*first, *second]
    return [both[row] for row in order.tolist()]
