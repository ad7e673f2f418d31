"""One-step temporal difference loss of one or more critics.

Idea
    Every critic is regressed on the reward plus the discounted value of the next state, unless the episode
    terminated there. A truncated episode is not terminated: its next state has a value.
Maths
    ``y = r + gamma (1 - terminated) V(s')``, ``L = mean_j (q_j(s, a) - y)^2``: the average over the critics, not
    their sum (Kostrikov et al., 2021, eq. 6, and CORL's ``iql.py``).
Reads
    ``step.reward``, ``step.terminated``; ``action.q`` [action, critics] with gradient, the next value without.
Deviations
    None.
"""

from dataclasses import dataclass
from typing import Any

from guerdon.batch import Batch
from guerdon.errors import GuerdonError
from guerdon.piece import RowLoss, Term


@dataclass(frozen=True)
class TemporalDifference(Term):
    """``coef mean_j (q_j - r - discount (1 - terminated) next_value)^2``."""

    discount: float = 0.99
    """gamma."""
    coef: float = 1.0
    """Weight of the term."""
    next_value: str = "action.next_value"
    """The value of the next state; ``action.next_policy_q`` is that of the policy's actions by the target critics."""

    def __post_init__(self) -> None:
        if not 0 <= self.discount <= 1:
            raise GuerdonError(f"TemporalDifference.discount must lie in 0..1, got {self.discount}")

    @property
    def reads(self) -> tuple[str, ...]:
        """Reward, end, critics and the next state's value."""
        return ("step.reward", "step.terminated", "action.q", self.next_value)

    def __call__(self, batch: Batch, state: Any = None) -> RowLoss:
        """Row losses ``[action]``."""
        goes_on = (~batch["step.terminated"]).to(batch["step.reward"].dtype)
        target = batch["step.reward"] + self.discount * goes_on * batch[self.next_value].detach()
        loss = (batch["action.q"] - target[:, None]).square().mean(1)
        return RowLoss("action", self.coef * loss, {"td/loss": loss.detach(), "td/target": target})
