"""A toy cave: an agent looks for ore between lakes of lava, and slips now and then.

Idea
    Tabular Q-learning over 300 episodes. Ore alone is found too rarely to learn from, a reward for getting nearer leads
    along the lava, and one that minds the lava as well goes around it.
Maths
    ``Q(s, a) <- Q + lr (r + discount max Q(s') - Q)``, after each episode, from its end to its beginning; epsilon-greedy.
Reads
    ``ore_distance`` and ``lava_distance`` in steps, ``found`` and ``dead``, each after the step.
Deviations
    A toy of this library's. Its programs are written by scripts, so they are evaluated in this process after they have
    passed the sandbox.
"""

from collections import deque
from dataclasses import dataclass

import numpy as np

from guerdon.errors import GuerdonError
from guerdon.programs.program import Field, Program, RewardSpec
from guerdon.programs.search import TASK_SCORE, Trained

FIELDS = {
    "ore_distance": Field(unit="steps to the ore", low=0, high=22),
    "lava_distance": Field(unit="steps to the nearest lava", low=0, high=22),
    "found": Field(dtype="bool", unit="the ore is reached"),
    "dead": Field(dtype="bool", unit="fell into lava"),
}
SPEC = RewardSpec(FIELDS, "sparse_dense")
TASK = "Find the ore in the cave. Lava kills."
MOVES = np.array([(0, 1), (0, -1), (1, 0), (-1, 0)])


@dataclass(frozen=True)
class GridCraft:
    """The runner: Q-learning in a cave of its seed with the reward that a program gives."""

    size: int = 12
    """Cells along a side."""
    lava: int = 22
    """Cells of lava."""
    episodes: int = 300
    """Of training."""
    horizon: int = 60
    """Steps of an episode."""
    slip: float = 0.1
    """Probability that a step goes in a random direction."""
    epsilon: float = 0.1
    """Of random actions."""
    lr: float = 0.3
    """Of Q-learning."""
    discount: float = 0.95
    """Of Q-learning."""

    def __post_init__(self) -> None:
        if min(self.size, self.episodes, self.horizon) < 4 or not 0 <= self.lava <= self.size**2 // 3:
            raise GuerdonError(f"GridCraft needs size, episodes, horizon >= 4 and lava <= size^2 / 3, got {self}")

    def cave(self, seed: int) -> tuple[np.ndarray, tuple[int, int]]:
        """Where lava is, ``[size, size]``, and the ore's cell, far from the start in the corner and reachable."""
        chance = np.random.default_rng([seed, 7])
        while True:
            lava = np.zeros((self.size, self.size), bool)
            lava.reshape(-1)[chance.permutation(self.size**2)[: self.lava]] = True
            ore = (int(chance.integers(self.size - 4, self.size)), int(chance.integers(self.size - 4, self.size)))
            lava[0, 0] = lava[ore] = False
            if distances(lava, [(0, 0)])[ore] < self.size**2:
                return lava, ore

    def __call__(self, program: Program, seed: int) -> Trained:
        """Train with a program; the task score is the rate of ore found per 50 episodes, the last without exploring."""
        lava, ore = self.cave(seed)
        chance, q = np.random.default_rng([seed, 8]), np.zeros((self.size, self.size, 4))
        places = np.argwhere(lava)
        near = distances(np.zeros_like(lava), [tuple(place) for place in places]) if len(places) else lava + 22
        far = np.abs(np.indices(lava.shape) - np.array(ore)[:, None, None]).sum(0)
        series: dict[str, list[float]] = {TASK_SCORE: [], "sparse": [], "dense": []}
        ends: list[str] = []
        for number in range(self.episodes + 50):
            testing = number >= self.episodes
            steps, end = self.play(q, lava, ore, chance, 0.0 if testing else self.epsilon)
            ends.append(end)
            if not testing:
                cells = np.array([after for _, _, after in steps])
                data = {
                    "ore_distance": far[cells[:, 0], cells[:, 1]],
                    "lava_distance": near[cells[:, 0], cells[:, 1]],
                    "found": np.all(cells == ore, 1),
                    "dead": lava[cells[:, 0], cells[:, 1]],
                }
                found = program.evaluate(data, isolate=False)
                self.learn(q, steps, found.total, end)
                for name in ("sparse", "dense"):
                    series[name].append(float(found.components[name].mean()))
            if (number + 1) % 50 == 0:
                series[TASK_SCORE].append(ends[-50:].count("ore") / 50)
        events = tuple(f"episode {number}: death:lava" for number, end in enumerate(ends) if end == "lava")
        events += tuple(f"episode {number}: out of time" for number, end in enumerate(ends) if end == "time")
        facts = {"lava deaths": ends[-50:].count("lava") / 50}
        return Trained(series, events, facts, q)

    def play(
        self, q: np.ndarray, lava: np.ndarray, ore: tuple[int, int], chance: np.random.Generator, epsilon: float
    ) -> tuple[list[tuple[tuple[int, int], int, tuple[int, int]]], str]:
        """One episode: (cell, action, next cell) per step, and how it ended."""
        cell, steps = (0, 0), []
        for _ in range(self.horizon):
            values = q[cell]
            action = int(chance.choice(np.flatnonzero(values == values.max())))
            if chance.random() < epsilon:
                action = int(chance.integers(4))
            moved = int(chance.integers(4)) if chance.random() < self.slip else action
            after = np.clip(np.array(cell) + MOVES[moved], 0, self.size - 1)
            after = (int(after[0]), int(after[1]))
            steps.append((cell, action, after))
            cell = after
            if lava[cell] or cell == ore:
                return steps, "lava" if lava[cell] else "ore"
        return steps, "time"

    def learn(self, q: np.ndarray, steps: list, rewards: np.ndarray, end: str) -> None:
        """Q-learning over an episode, from its end to its beginning."""
        for number in reversed(range(len(steps))):
            cell, action, after = steps[number]
            over = end != "time" and number == len(steps) - 1
            target = rewards[number] + (0.0 if over else self.discount * q[after].max())
            q[cell][action] += self.lr * (target - q[cell][action])


def distances(blocked: np.ndarray, sources: list) -> np.ndarray:
    """Steps from each cell to the nearest source around blocked cells; the number of cells where there is no way."""
    found = np.full(blocked.shape, blocked.size)
    queue = deque(sources)
    for source in sources:
        found[source] = 0
    while queue:
        cell = queue.popleft()
        for move in MOVES:
            after = (int(cell[0] + move[0]), int(cell[1] + move[1]))
            inside = 0 <= after[0] < blocked.shape[0] and 0 <= after[1] < blocked.shape[1]
            if inside and not blocked[after] and found[after] > found[cell] + 1:
                found[after] = found[cell] + 1
                queue.append(after)
    return found
