"""Rewards by a chat model that judges: criteria of a rubric, yes/no principles, or a comparison with the reference.

Idea
    What no rule can check is asked: one question per response, or one per criterion. Every criterion stays a component
    of its own, so that shaping combines them (``Judge.rubric``) and the log shows each. Asked for a comparison, judges
    favor a place, so both orders are asked and averaged.
Maths
    ``r_ik = score of the judge's answer to criterion k``, the mean over ``replies``; an answer is one of the criterion's
    tiers (yes = 1, no = 0 by default). Pairwise: ``(w(i, ref) + 1 - w(ref, i)) / 2`` with w = 1, 1/2 or 0 where the
    text that stands first wins, ties or loses; a judge that goes by the place alone gives 1/2 to all.
Reads
    ``group.problem`` and ``traj.response``.
Deviations
    Replies are read strictly: one JSON object or lines ``criterion: answer``; anything else is unscored with the reason,
    never guessed. The fence around the response (``_judging.py``) keeps it from ending its own quotation. It does not
    keep a judge from obeying what it reads there: audit the judge (``guerdon audit``). Equal responses to a problem
    are judged once per batch.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from guerdon.base import Piece
from guerdon.batch import Batch, Column
from guerdon.errors import GuerdonError
from guerdon.piece import Transform
from guerdon.rewards._columns import REASONS, reward_columns
from guerdon.rewards.guard import Guard, Outcome
from guerdon.rewards.scored import Pairs, distinct
from guerdon.rollouts.sample import as_text
from guerdon.shaping.rubric import Rubric
from guerdon.tasks.problem import Problem

YES_NO = (("yes", 1.0), ("no", 0.0))
ASK = "guerdon.rewards._judging:ask"
NO_CALL = "unscored: the problem has no reference answer to compare with"


@dataclass(frozen=True)
class Criterion(Piece):
    """One thing to judge by: a principle to be answered yes or no, or one with tiers."""

    name: str
    """Letters, digits, ``_`` and ``-``: writes ``traj.reward/<name>``."""
    text: str
    """The question, such as ``Is every step justified?``"""
    weight: float = 1.0
    """Its weight in ``Judge.rubric``."""
    critical: bool = False
    """Whether a 0 takes everything there."""
    tiers: tuple[tuple[str, float], ...] = YES_NO
    """Answers and their scores in [0, 1]; for a fault to be avoided ``(("yes", 0.0), ("no", 1.0))``."""

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[A-Za-z0-9_-]+", self.name) or not self.text.strip():
            raise GuerdonError(
                f"a Criterion needs a name of letters, digits, _ and - and a text, got {self.name!r} and {self.text!r}"
            )
        if not 0 <= self.weight < math.inf:
            raise GuerdonError(f"Criterion.weight must be 0 or more, got {self.weight}")
        labels = {label.casefold() for label, _ in self.tiers}
        # A reply's answer is compared without white space around it and without a full stop.
        if len(labels) < max(len(self.tiers), 2) or any(label != label.strip().removesuffix(".") for label in labels):
            raise GuerdonError(f"Criterion.tiers must name two or more different answers, got {self.tiers}")
        if not all(0 <= score <= 1 for _, score in self.tiers) or "" in labels:
            raise GuerdonError(f"Criterion.tiers must be answers with scores in [0, 1], got {self.tiers}")


@dataclass(frozen=True)
class Judge(Transform):
    """``r_ik``: what a chat model answers about response i by criterion k."""

    chat: str
    """The model, as ``package.module:name`` of a callable ``(messages, n, temperature) -> list of n texts``."""
    criteria: tuple[Criterion, ...]
    """What to judge by; each is a component."""
    per: Literal["response", "criterion"] = "response"
    """One question for all criteria, or one for each."""
    pairwise: bool = False
    """Compare the response with the problem's reference answer, in both orders; tiers are not used."""
    reference: bool = False
    """Show the reference answer, where there is one."""
    think: bool = False
    """Let the judge reason before its verdict."""
    replies: int = 1
    """Replies per question; scores are averaged."""
    temperature: float = 0.0
    """The judge's temperature."""
    guard: Guard = field(default_factory=lambda: Guard(timeout=120.0, workers=8))
    """How it is called; a pairwise call asks twice in the time limit."""

    reads = ("group.problem", "traj.response")

    def __post_init__(self) -> None:
        if not all(self.chat.partition(":")):
            raise GuerdonError(f"Judge.chat must be package.module:name, got {self.chat!r}")
        names = [criterion.name.casefold() for criterion in self.criteria]
        if not names or len(set(names)) < len(names):
            raise GuerdonError(
                f"Judge.criteria must be one or more with different names, got {', '.join(names) or 'none'}"
            )
        if self.replies < 1 or not 0 <= self.temperature < math.inf or self.guard.batched:
            raise GuerdonError(
                "Judge needs replies >= 1, temperature >= 0 and a guard that is not batched, got "
                f"{self.replies}, {self.temperature} and batched={self.guard.batched}"
            )
        if self.pairwise and self.reference:
            raise GuerdonError("Judge.reference must be off where pairwise compares with the reference, got both")

    @property
    def names(self) -> tuple[str, ...]:
        """The criteria's names."""
        return tuple(criterion.name for criterion in self.criteria)

    @property
    def writes(self) -> tuple[str, ...]:
        """A component for each criterion, and the reasons."""
        return (*(f"traj.reward/{name}" for name in self.names), REASONS)

    def rubric(self, **options: Any) -> Rubric:
        """The shaping piece with the criteria's weights and vetoes; ``options`` are further fields of ``Rubric``."""
        critical = tuple(criterion.name for criterion in self.criteria if criterion.critical)
        return Rubric({criterion.name: criterion.weight for criterion in self.criteria}, critical, **options)

    def __call__(self, batch: Batch, state: Any = None) -> Mapping[str, Column]:
        """The components ``[traj]``, NaN where unscored, and the reasons.

        Raises:
            GuerdonError: if the chat model cannot be loaded.
        """
        pairs = list(zip(batch["traj.problem"], batch["traj.response"], strict=True))
        return reward_columns(batch, distinct(pairs, self._outcomes), "judge", self.names, (0.0, 1.0))

    def _outcomes(self, pairs: Pairs) -> list[Outcome]:
        """One outcome per pair, a score for every criterion in it."""
        parts = [self.criteria] if self.per == "response" else [(criterion,) for criterion in self.criteria]
        rows = [row for row, (problem, _) in enumerate(pairs) if not self.pairwise or problem.answer is not None]
        asked = self.guard(ASK, [self._call(*pairs[row], part) for row in rows for part in parts])
        if lacking := next((each.reason for each in asked if each.reason.startswith("ChatMissing")), ""):
            raise GuerdonError(f"Judge.chat must name a chat model: {lacking.partition(': ')[2]}")
        size = len(parts)
        merged = {row: self._merged(asked[at * size : (at + 1) * size], parts) for at, row in enumerate(rows)}
        return [merged.get(row) or Outcome(math.nan, NO_CALL) for row in range(len(pairs))]

    def _call(self, problem: Problem, response: str, part: Sequence[Criterion]) -> dict[str, Any]:
        return {
            "chat": self.chat,
            "criteria": [{"name": each.name, "text": each.text, "tiers": dict(each.tiers)} for each in part],
            "task": as_text(problem),
            "response": response,
            "reference": problem.answer if self.reference or self.pairwise else None,
            "pairwise": self.pairwise,
            "think": self.think,
            "n": self.replies,
            "temperature": self.temperature,
        }

    def _merged(self, outcomes: Sequence[Outcome], parts: Sequence[Sequence[Criterion]]) -> Outcome:
        """The answers to a response's questions as one outcome."""
        scores: dict[str, float] = {}
        for outcome, part in zip(outcomes, parts, strict=True):
            unknown = {criterion.name: math.nan for criterion in part}
            scores |= {**unknown, **(outcome.value if isinstance(outcome.value, dict) else {})}
        told = "; ".join(filter(None, (outcome.reason for outcome in outcomes)))
        return Outcome(scores, told.replace("the function returned None", "the judge gave no clear answer"))
