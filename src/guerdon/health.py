"""Stops a run that has gone wrong, with a diagnosis, instead of burning the budget; or warns, where it may be meant.

Idea
    A symptom must last ``patience`` steps in a row. A policy that says one thing only, or gets no gradient, is no
    symptom where it has reached the best reward of the run and improved on its first: then the task is solved.
    Right answers with a negative advantage may be what a length penalty is for, so that they are only warned about.
Reads
    The log: ``unscored``, ``length``, ``entropy``, ``signal``, ``grad_norm``, ``reward``, ``trajectories``, ``groups``,
    ``right_punished``.
    A metric that is not logged takes no part.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from guerdon.errors import RunStopped

NO_ENTROPY = 1e-3
"""Nats per action below which a policy counts as deterministic."""
NO_GRADIENT = 1e-10
"""Norm below which a gradient counts as none."""
PUNISHED = 0.1
"""Share of right answers with a negative advantage from which it is said."""

Metrics = Mapping[str, float]


@dataclass(frozen=True)
class Symptom:
    """What can be wrong, and what to say about it."""

    shows: Callable[[Metrics], bool]
    """Whether a step's metrics show it."""
    sentence: str
    """The diagnosis; ``{steps}`` is how long it lasted, ``{reward}`` the mean reward."""
    fine_if_solved: bool = False
    """Whether it is what a solved task looks like, too."""
    patience: int = 1
    """Multiple of ``Health.patience``."""
    stops: bool = True
    """Whether it ends the run; else it is said once."""


def _deterministic(metrics: Metrics) -> bool:
    # Groups of one never differ inside; a negative entropy is that of a density, which may have any size.
    compared = metrics.get("trajectories", 0.0) > metrics.get("groups", 0.0)
    return compared and metrics.get("signal") == 0.0 and 0.0 <= metrics.get("entropy", 1.0) < NO_ENTROPY


SYMPTOMS: Mapping[str, Symptom] = {
    "unscored": Symptom(
        lambda metrics: metrics.get("unscored", 0.0) >= 1.0,
        "no trajectory could be scored for {steps} steps; look at the errors in column traj.reward_error: "
        "the reward function fails on every sample",
    ),
    "empty": Symptom(
        lambda metrics: metrics.get("length", 1.0) == 0.0,
        "every response was empty for {steps} steps; the policy collapsed",
    ),
    "deterministic": Symptom(
        _deterministic,
        "for {steps} steps the entropy was about 0 and no group had two different rewards (mean reward {reward}): "
        "the policy collapsed onto one response, from which it cannot learn; lower update.lr, or add an entropy "
        "bonus or a KL penalty",
        fine_if_solved=True,
    ),
    "still": Symptom(
        lambda metrics: metrics.get("grad_norm", 1.0) < NO_GRADIENT,
        "the gradient was 0 for {steps} steps (mean reward {reward}): nothing is learned; the rewards do not differ "
        "where the advantage compares them, so make the task easier, sample more per prompt, or look at the reward",
        fine_if_solved=True,
        patience=5,
    ),
    "punished": Symptom(
        lambda metrics: metrics.get("right_punished", 0.0) > PUNISHED,
        "for {steps} steps more than a tenth of the right answers had a negative advantage (mean reward {reward}): the "
        "other reward components, such as a length penalty, push right answers down; lower their weight, or compare "
        "lengths among right answers only",
        stops=False,
    ),
}


@dataclass
class Health:
    """Watches the log. Non-finite updates are caught in ``update.py``; this sees slower deaths."""

    patience: int = 20
    """Steps in a row that a symptom must last."""
    lasted: dict[str, int] = field(default_factory=lambda: dict.fromkeys(SYMPTOMS, 0))
    """Symptom -> steps in a row so far."""
    first_reward: float | None = None
    best_reward: float | None = None
    said: list[str] = field(default_factory=list)
    """Symptoms that were said and need not be said again."""

    def look(self, step: int, metrics: Metrics) -> list[str]:
        """Look at one step's metrics; the sentences to say are about symptoms that have just lasted long enough.

        Raises:
            RunStopped: with the symptom, how long it lasted and what usually causes it.
        """
        for name, value in metrics.items():
            if not math.isfinite(value):
                raise RunStopped(f"step {step}: metric {name} is {value}; the run is no longer meaningful")
        solved = self._solved(metrics.get("reward"))
        sentences: list[str] = []
        for name, symptom in SYMPTOMS.items():
            shows = symptom.shows(metrics) and not (solved and symptom.fine_if_solved)
            self.lasted[name] = self.lasted[name] + 1 if shows else 0
            steps = self.patience * symptom.patience
            if self.lasted[name] < steps:
                continue
            reward = f"{metrics['reward']:.4g}" if "reward" in metrics else "unknown"
            sentence = f"step {step}: {symptom.sentence.format(steps=steps, reward=reward)}"
            if symptom.stops:
                raise RunStopped(sentence)
            if self.lasted[name] == steps and name not in self.said:
                self.said.append(name)
                sentences.append(sentence)
        return sentences

    def _solved(self, reward: float | None) -> bool:
        """Whether the reward is the best so far, up to a twentieth of what was gained, and anything was gained."""
        if reward is None:
            return False
        self.first_reward = reward if self.first_reward is None else self.first_reward
        self.best_reward = reward if self.best_reward is None else max(self.best_reward, reward)
        gained = self.best_reward - self.first_reward
        return gained > 0 and reward >= self.best_reward - 0.05 * gained

    def state_dict(self) -> dict[str, Any]:
        """Counters."""
        rewards = {"first_reward": self.first_reward, "best_reward": self.best_reward}
        return {"lasted": dict(self.lasted), **rewards, "said": list(self.said)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Counterpart of ``state_dict``."""
        self.lasted = {name: int(state["lasted"].get(name, 0)) for name in SYMPTOMS}
        self.said = list(state.get("said", ()))
        self.first_reward, self.best_reward = state["first_reward"], state["best_reward"]
