"""Another reward, shown only what follows the thinking (rlmt).

Idea
    A preference model judges answers, not thoughts: what it sees must not depend on what was thought, and a response that
    does not think, or thinks twice, is not shown to it at all.
Maths
    Response ``<think> z </think> y``: ``r = r_inner(x, y)``. Missing, doubled or nested tags or an empty y: ``gate``.
Reads
    ``traj.response``, and of what the inner reward reads only columns of groups and of the run.
Deviations
    The paper's penalty of malformed outputs is not known: ``gate`` is a number, or None for the batch's lowest score.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from guerdon.axes import split_name
from guerdon.batch import Batch, Column
from guerdon.errors import GuerdonError
from guerdon.objective import call_with_state
from guerdon.piece import Transform
from guerdon.rewards._columns import REASONS
from guerdon.tasks.answer import after_thinking

RESPONSE = "traj.response"


@dataclass(frozen=True)
class FinalAnswer(Transform):
    """``scorer`` on the text behind ``</tag>``; ``gate`` where that text is not to be had."""

    scorer: Transform
    """A reward that reads ``traj.response``, such as ``Verifier``, or ``Function`` around a reward model."""
    gate: float | None = 0.0
    """Score of a malformed response; None: the lowest score among the others, 0 if there is none."""
    tag: str = "think"
    """Name of the tag around the thinking."""
    opened: bool = False
    """The prompt ends with the opening tag, so the response starts inside it."""

    def __post_init__(self) -> None:
        hidden = [
            name for name in self.scorer.reads if name != RESPONSE and split_name(name)[0] not in ("group", "run")
        ]
        if hidden:
            raise GuerdonError(
                f"FinalAnswer.scorer must read {RESPONSE} and columns of groups and of the run only, "
                f"got {type(self.scorer).__name__} reading {', '.join(hidden)}, which could show it the thinking"
            )

    @property
    def reads(self) -> tuple[str, ...]:
        """What the scorer reads, and the responses."""
        return tuple(dict.fromkeys((RESPONSE, *self.scorer.reads)))

    @property
    def writes(self) -> tuple[str, ...]:
        """What the scorer writes."""
        return self.scorer.writes

    def init_state(self) -> nn.Module | None:
        """The scorer's."""
        return self.scorer.init_state()

    def __call__(self, batch: Batch, state: Any = None) -> Mapping[str, Column]:
        """The scorer's columns, ``[traj]``."""
        answers = [after_thinking(response, self.tag, self.opened) for response in batch[RESPONSE]]
        shaped = torch.tensor([answer is not None for answer in answers], dtype=torch.bool, device=batch.device)
        if not bool(shaped.any()):
            return {name: self._column(name, None, shaped, batch) for name in self.writes}
        visible = {name: column for name, column in batch.columns.items() if name.startswith("group.")}
        shown = replace(batch, columns=visible).with_columns({RESPONSE: [answer or "" for answer in answers]})
        scored = call_with_state(self.scorer, shown.select("traj", shaped), state=state)
        return {name: self._column(name, scored[name], shaped, batch) for name in self.writes}

    def _column(self, name: str, scored: Column | None, shaped: Tensor, batch: Batch) -> Column:
        """The scorer's column with a row for every response; reasons are added to those that the batch has."""
        rows = shaped.nonzero()[:, 0]
        if name == REASONS:
            reasons = list(batch[REASONS]) if REASONS in batch else [""] * len(shaped)
            for row, reason in zip(rows.tolist(), scored if scored is not None else [], strict=False):
                reasons[row] = "; ".join(filter(None, [reasons[row], str(reason)]))
            return reasons
        if scored is None:
            return torch.full((len(shaped),), self.gate or 0.0, device=shaped.device)
        assert isinstance(scored, Tensor)
        known = scored[scored.isfinite()]
        lowest = float(known.min()) if len(known) else 0.0
        values = scored.new_full((len(shaped),), lowest if self.gate is None else self.gate)
        return values.index_copy(0, rows, scored)
