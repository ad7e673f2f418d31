"""A reward program in place of an environment's own reward, evaluated in the sandbox, one call per batch.

Idea
    What a search found (``programs/``), or what you wrote, becomes the reward of a run on any environment: its
    arguments are columns of the batch, or entries of them. The environment's own return stays visible.
Maths
    ``step.reward_t = R(fields_t)``, ``traj.reward/<name> = sum_t R(fields_t)``; ``traj.return`` is not touched. A
    component c of the program gives ``traj.program/<c> = mean_t c_t``, which is logged and trained on by nobody.
Reads
    The columns that ``fields`` names.
Deviations
    A batch for which the program fails is unscored as a whole. The count of failures in a row is part of the run's state.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from guerdon import segment
from guerdon.axes import split_name
from guerdon.batch import Batch, Column
from guerdon.errors import GuerdonError, RunStopped
from guerdon.piece import Transform
from guerdon.programs.program import Evaluated, Field, Form, Program, ProgramFailure, RewardSpec
from guerdon.programs.static import refusal
from guerdon.rewards._columns import REASONS

PATIENCE = 3
"""Failures in a row that stop a run."""
_ENTRY = re.compile(r"^([\w.]+)(?:\[(\d+)\])?$")
DEFAULT = {"observation": "step.observation", "action": "step.action", "next_observation": "step.next_observation"}
TOLD = {"timeout": "no score within the time limit", "crash": "the worker died"}
"""Stage -> the words by which a log counts it (``reasons.py``)."""


class FailuresInARow(nn.Module):
    """How many batches in a row the program failed for."""

    count: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("count", torch.zeros((), dtype=torch.int64))


@dataclass(frozen=True)
class RewardProgram(Transform):
    """``r_t = R(fields_t)`` for a program R given as its text."""

    source: str
    """The program: Python that defines ``compute_reward(field, ...)``, or what ``form`` says."""
    fields: dict[str, str] = field(default_factory=DEFAULT.copy)
    """Argument -> column, or entry of a column: ``{"angle": "step.next_observation[2]"}``."""
    form: Form = "batched"
    """``batched``, ``by_row`` or ``sparse_dense``; see ``programs/program.py``."""
    components: tuple[str, ...] = ()
    """Of what the program returns beside the total: what to keep as ``traj.program/<component>``."""
    name: str = "task"
    """The trajectory's reward, ``traj.reward/<name>``; by default it takes the place of the environment's own."""
    max_abs: float = 1e3
    """A batch with a larger reward is unscored."""
    isolate: bool = True
    """Evaluate in the sandbox; False: in this process, for a program that you have read."""

    def __post_init__(self) -> None:
        for argument, place in self.fields.items():
            found = _ENTRY.match(place)
            if found is None or split_name(found[1])[0] not in ("step", "traj", "group"):
                raise GuerdonError(
                    f"RewardProgram.fields must be columns such as step.action or entries such as step.observation[0], "
                    f"got {argument}={place!r}"
                )
        if refused := refusal(self.source, tuple(self.fields), self.form):
            raise GuerdonError(f"RewardProgram.source is refused at stage {refused.stage}: {refused.message}")

    @property
    def reads(self) -> tuple[str, ...]:
        """The columns of the fields."""
        return tuple(sorted({place.partition("[")[0] for place in self.fields.values()}))

    @property
    def writes(self) -> tuple[str, ...]:
        """The reward of steps and of trajectories, the components, and the reasons where there is none."""
        parts = (f"traj.program/{name}" for name in self.components)
        return ("step.reward", f"traj.reward/{self.name}", *parts, REASONS)

    def init_state(self) -> nn.Module:
        """The failures in a row."""
        return FailuresInARow()

    def __call__(self, batch: Batch, state: Any = None) -> Mapping[str, Column]:
        """``step.reward`` and the sums and means of trajectories.

        Raises:
            RunStopped: when the program has failed ``PATIENCE`` times in a row.
        """
        index, size = batch.index("step", "traj"), batch.size("traj")
        try:
            found = self.evaluated(batch, index) if len(index) else Evaluated(np.zeros(0))
            if lacking := [name for name in self.components if len(index) and name not in found.components]:
                raise ProgramFailure("shape", f"the program must return the component {', '.join(lacking)}")
        except ProgramFailure as failure:
            self._count(state, failure)
            unscored, reason = torch.full((size,), math.nan, device=batch.device), f"{self.name}: {_reason(failure)}"
            return self._columns(batch, torch.full((len(index),), math.nan, device=batch.device), unscored, {}, reason)
        if state is not None:
            state.count.zero_()
        reward, *parts = (
            torch.as_tensor(values, dtype=torch.get_default_dtype(), device=batch.device)
            for values in (found.total, *(found.components.get(name, np.zeros(0)) for name in self.components))
        )
        means = {
            name: batch.up(part, segment.mean, "step", "traj")
            for name, part in zip(self.components, parts, strict=True)
        }
        return self._columns(batch, reward, batch.up(reward, segment.sum, "step", "traj"), means, "")

    def evaluated(self, batch: Batch, index: Tensor) -> Evaluated:
        """What the program says of the batch's steps."""
        data = {name: self._array(batch, place) for name, place in self.fields.items()}
        return Program(self.source, self._spec(data)).evaluate(data, index.cpu().numpy(), isolate=self.isolate)

    def _array(self, batch: Batch, place: str) -> np.ndarray:
        found = _ENTRY.match(place)
        assert found is not None
        values = batch["step." + split_name(found[1])[1]]
        if not isinstance(values, Tensor):
            raise GuerdonError(f"RewardProgram.fields must name tensors, got the list {found[1]}")
        array = values.detach().cpu().numpy()
        if found[2] is None:
            return array
        if array.ndim != 2 or int(found[2]) >= array.shape[1]:
            raise GuerdonError(
                f"RewardProgram.fields: {place} must be an entry of a row, got rows of {array.shape[1:]}"
            )
        return array[:, int(found[2])]

    def _spec(self, data: Mapping[str, np.ndarray]) -> RewardSpec:
        kinds = {"b": "bool", "i": "int64", "u": "int64", "f": "float64"}
        fields = {name: Field(values.shape[1:], kinds[values.dtype.kind]) for name, values in data.items()}
        return RewardSpec(fields, self.form, self.max_abs)

    def _columns(
        self, batch: Batch, reward: Tensor, total: Tensor, parts: Mapping[str, Tensor], reason: str
    ) -> Mapping[str, Column]:
        earlier = batch[REASONS] if REASONS in batch else [""] * len(total)
        none = torch.full_like(total, math.nan)
        return {
            "step.reward": reward,
            f"traj.reward/{self.name}": total,
            **{f"traj.program/{name}": parts.get(name, none) for name in self.components},
            REASONS: ["; ".join(filter(None, (old, reason))) for old in earlier],
        }

    def _count(self, state: Any, failure: ProgramFailure) -> None:
        if state is not None:
            state.count += 1
            if int(state.count) >= PATIENCE:
                told = " ".join(failure.message.split())[:300]
                raise RunStopped(
                    f"the reward program failed for {PATIENCE} batches in a row, last at stage {failure.stage}: {told}"
                )


def _reason(failure: ProgramFailure) -> str:
    told = " ".join(failure.message.split())[:300]
    return "; ".join(filter(None, (TOLD.get(failure.stage, ""), f"{failure.stage}: {told}")))
