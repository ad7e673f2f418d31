"""Stops a run that has gone wrong, with a diagnosis, instead of burning the budget."""

import math
from dataclasses import dataclass
from typing import Any

from guerdon.errors import RunStopped


@dataclass
class Health:
    """Watches the log. Non-finite updates are caught in ``update.py``; this sees slower deaths."""

    patience: int = 20
    """Steps in a row that a symptom must last."""
    unscored_for: int = 0
    empty_for: int = 0

    def look(self, step: int, metrics: dict[str, float]) -> None:
        """Look at one step's metrics.

        Raises:
            RunStopped: with the symptom, how long it lasted and what usually causes it.
        """
        for name, value in metrics.items():
            if not math.isfinite(value):
                raise RunStopped(f"step {step}: metric {name} is {value}; the run is no longer meaningful")
        self.unscored_for = self.unscored_for + 1 if metrics.get("unscored", 0.0) >= 1.0 else 0
        self.empty_for = self.empty_for + 1 if metrics.get("length", 1.0) == 0.0 else 0
        if self.unscored_for >= self.patience:
            raise RunStopped(
                f"step {step}: no trajectory could be scored for {self.patience} steps; look at the errors in "
                "column traj.reward_error: the reward function fails on every sample"
            )
        if self.empty_for >= self.patience:
            raise RunStopped(f"step {step}: every response was empty for {self.patience} steps; the policy collapsed")

    def state_dict(self) -> dict[str, Any]:
        """Counters."""
        return {"unscored_for": self.unscored_for, "empty_for": self.empty_for}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Counterpart of ``state_dict``."""
        self.unscored_for, self.empty_for = int(state["unscored_for"]), int(state["empty_for"])
