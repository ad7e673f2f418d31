"""A toy in which a reward program matters: a point mass in the plane has to reach the origin and stop there.

Idea
    Training is a small random search over a controller of four numbers, so a whole run takes milliseconds, and what it
    finds depends on the reward alone.
Maths
    ``v' = v + dt (u - drag v)``, ``p' = p + dt v'``, ``u = clip(-(a p + b v + c p / (|p| + .1) + d v |v|), 1)``.
    Success: at the end ``|p| < 0.15`` and ``|v| < 0.15``. Search: each generation draws controllers around the
    best so far and takes over the best by mean return; the first does nothing, so that luck alone solves little.
Reads
    ``distance``, ``speed``, ``effort`` (``|u|^2``), ``approach`` (loss of distance per second) of each step.
Deviations
    A toy of this library's; the programs it evaluates are written by scripts, so it evaluates them in this process after
    they have passed the sandbox.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from guerdon.errors import GuerdonError
from guerdon.programs.program import Field, Program, RewardSpec
from guerdon.programs.search import TASK_SCORE, Trained

SPEC = RewardSpec(
    {
        "distance": Field(unit="m, to the goal", low=0.0, high=4.0),
        "speed": Field(unit="m/s", low=0.0, high=4.0),
        "effort": Field(unit="squared acceleration", low=0.0, high=2.0),
        "approach": Field(unit="m/s, towards the goal", low=-4.0, high=4.0),
    }
)
TASK = "The point mass has to reach the goal and to stand still there at the end of the episode."
DT, DRAG, CLOSE = 0.1, 0.1, 0.15
Reward = Callable[[dict[str, np.ndarray]], tuple[np.ndarray, dict[str, np.ndarray]]]


@dataclass(frozen=True)
class PointMass:
    """The runner: random search over controllers for the return that a program gives."""

    generations: int = 25
    """Rounds of the search."""
    population: int = 12
    """Controllers per round."""
    starts: int = 8
    """Start states of an evaluation."""
    steps: int = 60
    """Steps of an episode."""
    sigma: float = 0.4
    """How far a generation's controllers are from the best so far."""
    isolate: bool = False
    """Evaluate the program in the sandbox, also in training."""

    def __post_init__(self) -> None:
        if min(self.generations, self.population, self.starts, self.steps) < 1:
            raise GuerdonError(f"PointMass needs at least one of everything, got {self}")

    def __call__(self, program: Program, seed: int) -> Trained:
        """Train with a program."""

        def reward(data: dict[str, np.ndarray]) -> tuple[np.ndarray, dict[str, np.ndarray]]:
            found = program.evaluate(data, isolate=self.isolate)
            return found.total, found.components

        return self.search(reward, seed)

    def search(self, reward: Reward, seed: int) -> Trained:
        """Train with any reward of the steps' fields."""
        chance = np.random.default_rng([seed, 1])
        best, best_return, test = np.zeros(4), -np.inf, self.places(np.random.default_rng([seed, 2]), 32)
        series: dict[str, list[float]] = {TASK_SCORE: []}
        for _ in range(self.generations):
            draws = best + self.sigma * chance.standard_normal((self.population, 4))
            draws[0] = best
            data, _ = self.episodes(draws, self.places(chance))
            total, parts = reward(data)
            returns = total.reshape(self.population, -1).mean(1)
            chosen = int(returns.argmax())
            best, best_return = draws[chosen], float(returns[chosen])
            for name, values in parts.items():
                mean = float(values.reshape(self.population, -1)[chosen].mean())
                series.setdefault(name, []).append(mean)
            series[TASK_SCORE].append(float(self.episodes(best[None], test)[1][0]))
        return Trained(series, facts={"return": best_return}, policy=best)

    def places(self, chance: np.random.Generator, count: int | None = None) -> np.ndarray:
        """Start positions on a ring around the goal, ``[starts, 2]``."""
        count = count or self.starts
        angle, radius = chance.uniform(0, 2 * np.pi, count), chance.uniform(0.5, 2.0, count)
        return radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], 1)

    def episodes(self, controllers: np.ndarray, places: np.ndarray) -> tuple[dict[str, np.ndarray], np.ndarray]:
        """Steps' fields ``[controllers * starts * steps]``, by controller first, and success rates ``[controllers]``."""
        gains = controllers[:, None, :, None]
        place = np.broadcast_to(places, (len(controllers), *places.shape)).copy()
        speed = np.zeros_like(place)
        rows: dict[str, list[np.ndarray]] = {name: [] for name in SPEC.fields}
        for _ in range(self.steps):
            far, fast = _size(place), _size(speed)
            wanted = gains[..., 0, :] * place + gains[..., 1, :] * speed
            wanted = wanted + gains[..., 2, :] * place / (far + 0.1) + gains[..., 3, :] * speed * fast
            push = np.clip(-wanted, -1, 1)
            speed = speed + DT * (push - DRAG * speed)
            place = place + DT * speed
            now = _size(place)
            values = (now, _size(speed), (push**2).sum(-1, keepdims=True), (far - now) / DT)
            for name, value in zip(rows, values, strict=True):
                rows[name].append(value[..., 0])
        done = (_size(place) < CLOSE) & (_size(speed) < CLOSE)
        data = {name: np.stack(values, -1).reshape(-1) for name, values in rows.items()}
        return data, done[..., 0].mean(1)


def _size(vectors: np.ndarray) -> np.ndarray:
    return np.sqrt((vectors**2).sum(-1, keepdims=True))
