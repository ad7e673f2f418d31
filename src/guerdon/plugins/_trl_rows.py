"""A generation of TRL as a batch: what all processes sampled, packed, in TRL's order.

Idea
    TRL pads, shuffles and splits. Before that, its rows are the trajectories of a batch: ``num_generations`` in a row are
    a group. A column with the row's number is all that travels through TRL; by it the loss finds its trajectories again.
Deviations
    Tokens that tools or environments wrote are context, not rows; each stretch of sampled tokens is a step.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from guerdon.batch import Batch
from guerdon.rollouts.sample import as_text
from guerdon.tasks.problem import Problem


@dataclass(frozen=True)
class Row:
    """One completion, on the CPU, so that it can be sent between processes."""

    problem: Problem
    number: int
    """Number of its problem."""
    prompt_ids: list[int]
    completion_ids: list[int]
    sampled: list[bool]
    """Which tokens of the completion the model sampled."""
    response: str
    truncated: bool
    excluded: bool
    """Whether TRL leaves it out of the loss."""
    columns: Mapping[str, Tensor] = field(default_factory=dict)
    """Further columns of its tokens, one number per token of the completion."""


def pack(rows: Sequence[Row], samples: int, temperature: float) -> Batch:
    """The batch of all rows, ``samples`` of them per group. ``traj.row`` is the row's number."""
    sampled = [torch.tensor(row.sampled, dtype=torch.bool) for row in rows]
    at = [mask.nonzero()[:, 0] for mask in sampled]
    counts = torch.tensor([len(one) for one in at], dtype=torch.int64)
    traj = torch.arange(len(rows)).repeat_interleave(counts)
    inside = _joined(at)
    starts = torch.tensor([len(row.prompt_ids) for row in rows], dtype=torch.int64)
    step_of_token, traj_of_step = _steps(traj, inside, len(rows))
    names = sorted(set().union(*(row.columns for row in rows))) if rows else []
    columns: dict[str, Any] = {
        "token.id": _joined(
            [torch.tensor(r.completion_ids, dtype=torch.int64)[w] for r, w in zip(rows, at, strict=True)]
        ),
        "token.position": starts[traj] + inside,
        "token.at": inside,
        "traj.input_ids": [torch.tensor(row.prompt_ids + row.completion_ids, dtype=torch.int64) for row in rows],
        "traj.response": [row.response for row in rows],
        "traj.truncated": torch.tensor([row.truncated for row in rows], dtype=torch.bool),
        "traj.temperature": torch.full((len(rows),), float(temperature)),
        "traj.row": torch.arange(len(rows)),
        "group.problem": [row.problem for row in rows[::samples]],
        "group.prompt": [as_text(row.problem) for row in rows[::samples]],
        "group.problem_id": torch.tensor([row.number for row in rows[::samples]], dtype=torch.int64),
        **{f"token.{name}": torch.cat([r.columns[name][w] for r, w in zip(rows, at, strict=True)]) for name in names},
    }
    if any(row.excluded for row in rows):
        columns["token.mask"] = ~torch.tensor([row.excluded for row in rows])[traj]
    return Batch.build(
        columns,
        step_of_token=step_of_token,
        traj_of_step=traj_of_step,
        group_of_traj=torch.arange(len(rows)) // samples,
        groups=len(rows) // samples,
    )


def _joined(parts: Sequence[Tensor]) -> Tensor:
    return torch.cat(list(parts)) if parts else torch.zeros(0, dtype=torch.int64)


def _steps(traj: Tensor, inside: Tensor, rows: int) -> tuple[Tensor, Tensor]:
    """(step of each token, trajectory of each step); a trajectory without tokens has one step without tokens."""
    first = torch.ones(len(traj), dtype=torch.bool)
    first[1:] = (traj[1:] != traj[:-1]) | (inside[1:] != inside[:-1] + 1)
    stretches = torch.zeros(rows, dtype=torch.int64).index_add_(0, traj, first.long())
    per_traj = stretches.clamp(min=1)
    traj_of_step = torch.arange(rows).repeat_interleave(per_traj)
    before = (per_traj.cumsum(0) - per_traj)[traj]
    number = first.long().cumsum(0) - 1 - (stretches.cumsum(0) - stretches)[traj]
    return before + number, traj_of_step


def padded(batch: Batch, name: str, rows: int, width: int, fill: float = 0.0) -> Tensor:
    """A column of tokens as ``[rows, width]`` of completion tokens, ``fill`` elsewhere; by ``traj.row``."""
    values = batch[f"token.{name}"]
    out = torch.full((rows, width), fill, dtype=values.dtype, device=values.device)
    out[batch["token.row"], batch["token.at"]] = values
    return out


def packed(matrix: Tensor, rows: Tensor, part: Batch) -> Tensor:
    """``matrix[row, at]`` for the tokens of ``part``; ``rows`` are the row numbers of the matrix's lines."""
    ordered, line = rows.sort()
    found = line[torch.searchsorted(ordered, part["token.row"])]
    return matrix[found, part["token.at"]]
