"""A toy table seen from the side: a gripper has to take a cube and lift it.

Idea
    A plan of a few moves is improved by the cross-entropy method for the return that a program gives. A reward for
    reaching alone ends at the cube; lifting it needs the grip to be rewarded as well.
Maths
    The gripper moves by at most 0.1 per step and axis. The cube is held while the hand is closed and was closed within
    0.12 of it; released, it drops. Success: it is held at ``goal`` height or above at the end.
Reads
    ``tcp.place`` and ``obj.place`` [2] (along the table, height), ``tcp.grasped``, ``goal.height`` and ``action`` [3] (two
    moves and the hand, closed above 0), each after the step.
Deviations
    A toy of this library's. Its programs are written by scripts, so they are evaluated in this process after they have
    passed the sandbox.
"""

from dataclasses import dataclass

import numpy as np

from guerdon.errors import GuerdonError
from guerdon.programs.program import Field, Program, RewardSpec
from guerdon.programs.search import TASK_SCORE, Trained

SPEC = RewardSpec(
    {
        "tcp.place": Field((2,), unit="m, along the table and height, of the gripper", low=-1, high=1),
        "tcp.grasped": Field(dtype="bool", unit="it holds the object"),
        "obj.place": Field((2,), unit="m, along the table and height, of the object", low=-1, high=1),
        "goal.height": Field(unit="m, to lift the object to", low=0.1, high=1),
        "action": Field((3,), unit="moves along the table and up, and the hand (closed above 0)", low=-1, high=1),
    },
    "by_row",
)
NAMES = {"self.robot": "self.tcp", "self.cube": "self.obj"}
INSTRUCTION = "Pick up the cube and lift it to the goal height."
GOAL, REACH, STEP = 0.4, 0.12, 0.1


@dataclass(frozen=True)
class Tabletop:
    """The runner: cross-entropy method over plans, one table per seed."""

    iterations: int = 40
    """Rounds of the cross-entropy method."""
    population: int = 32
    """Plans per round."""
    elites: int = 6
    """Plans that the next round is drawn around."""
    phases: int = 6
    """Moves of a plan."""
    hold: int = 4
    """Steps of a move."""

    def __post_init__(self) -> None:
        if not 0 < self.elites <= self.population or min(self.iterations, self.phases, self.hold) < 1:
            raise GuerdonError(f"Tabletop needs 0 < elites <= population and at least one of the rest, got {self}")

    def __call__(self, program: Program, seed: int) -> Trained:
        """Train with a program; the task score is whether the mean plan lifts the cube."""
        chance = np.random.default_rng([seed, 3])
        cube = float(chance.uniform(0.3, 0.8) * chance.choice([-1, 1]))
        mean, spread = np.zeros((self.phases, 3)), np.ones((self.phases, 3))
        series: dict[str, list[float]] = {TASK_SCORE: []}
        facts: dict[str, float] = {}
        for _ in range(self.iterations):
            plans = mean + spread * chance.standard_normal((self.population, *mean.shape))
            data, _ = self.play(plans, cube)
            returns = program.evaluate(data, isolate=False).total.reshape(self.population, -1).sum(1)
            best = plans[np.argsort(-returns, kind="stable")[: self.elites]]
            mean, spread = best.mean(0), 0.9 * best.std(0) + 0.05
            data, lifted = self.play(mean[None], cube)
            found = program.evaluate(data, isolate=False)
            for name, values in found.components.items():
                series.setdefault(name, []).append(float(values.mean()))
            series[TASK_SCORE].append(float(lifted[0]))
            gap = np.linalg.norm(data["tcp.place"] - data["obj.place"], axis=1)
            facts = {"nearest": float(gap.min()), "grasped": float(data["tcp.grasped"].mean())}
        return Trained(series, facts=facts, policy=mean)

    def play(self, plans: np.ndarray, cube: float) -> tuple[dict[str, np.ndarray], np.ndarray]:
        """Steps' fields ``[plans * steps]``, plan by plan, and which plans end with the cube lifted ``[plans]``."""
        count = len(plans)
        hand, block = np.tile([0.0, 0.5], (count, 1)), np.tile([cube, 0.0], (count, 1))
        held = np.zeros(count, bool)
        rows: dict[str, list[np.ndarray]] = {name: [] for name in SPEC.fields}
        for step in range(self.phases * self.hold):
            action = np.clip(plans[:, step // self.hold], -1, 1)
            hand = np.clip(hand + STEP * action[:, :2], [-1, 0], [1, 1])
            closed = action[:, 2] > 0
            block[held] = hand[held]
            held = closed & (held | (np.linalg.norm(hand - block, axis=1) < REACH))
            block[~held, 1] = 0.0
            values = (hand.copy(), held.copy(), block.copy(), np.full(count, GOAL), action)
            for name, value in zip(rows, values, strict=True):
                rows[name].append(value)
        data = {name: np.stack(values, 1).reshape(-1, *values[0].shape[1:]) for name, values in rows.items()}
        return data, held & (block[:, 1] >= GOAL)
