"""A stand-in for a language model that really searches: it mutates the weights of a linear reward program.

Idea
    It reads what the loops show a model: the best program's weights, the reflection on its training, and, where two
    programs are shown, which one was preferred. So a loop that shows the wrong thing does not get better.
Maths
    ``r = sum_j w_j f_j``. From one program ``w' = w + sigma_j z_j``; from a preferred and a rejected one
    ``w' = w + u (w - w_rejected) / 2 + sigma_j z_j``, z normal, u uniform; ``sigma_j`` is tripled where the reflection
    says that component j hardly changes. Without a program, ``w ~ scale N(0, 1)``.
Reads
    Messages; its replies depend on them, on its seed and on how often it was asked the same before.
Deviations
    It understands its own programs only.
"""

import random
import re
from collections.abc import Mapping, Sequence

from guerdon.errors import GuerdonError
from guerdon.programs.chat import Message

_SERIES = re.compile(r"^(\w+): \[[^\]]*\] Max: (\S+), Mean: \S+, Min: (\S+)$", re.MULTILINE)
_WEIGHT = re.compile(r'"(\w+)": (-?[\d.e+-]+) \* ')
_BLOCK = re.compile(r"```python\n(.*?)```", re.DOTALL)
BROKEN = "def compute_reward(unknown):\n    return unknown\n"


class EvolvingStub:
    """Writes programs ``sum_j w_j f_j``, the better for what it is shown."""

    def __init__(
        self, fields: Sequence[str], seed: int = 0, sigma: float = 0.5, scale: float = 1.0, p_bad: float = 0.0
    ) -> None:
        """``p_bad``: share of the replies that are broken."""
        if not fields or not 0 <= p_bad <= 1:
            raise GuerdonError(f"an EvolvingStub needs fields and p_bad in [0, 1], got {fields} and {p_bad}")
        self.fields, self.seed, self.sigma, self.scale, self.p_bad = tuple(fields), seed, sigma, scale, p_bad
        self.calls: list[tuple[dict[str, str], ...]] = []

    def __call__(self, messages: Sequence[Message], n: int = 1, temperature: float = 1.0) -> list[str]:
        """``n`` replies, each another mutation."""
        asked = tuple(dict(message) for message in messages)
        chance = random.Random(f"{self.seed}/{self.calls.count(asked)}/{asked}")
        self.calls.append(asked)
        shown = "\n".join(message["content"] for message in messages[2:])
        programs = [weights for block in _BLOCK.findall(shown) if (weights := weights_of(block))]
        flat = {name for name, top, low in _SERIES.findall(shown) if abs(float(top) - float(low)) < 0.02}
        return [self._reply(chance, programs, flat) for _ in range(n)]

    def _reply(self, chance: random.Random, programs: Sequence[Mapping[str, float]], flat: set[str]) -> str:
        step, bad = chance.random(), chance.random() < self.p_bad
        weights = {}
        for name in self.fields:
            noise = chance.gauss(0, 1)
            if not programs:
                weights[name] = self.scale * noise
                continue
            good = programs[0].get(name, 0.0)
            away = good - programs[1].get(name, 0.0) if len(programs) > 1 else 0.0
            weights[name] = good + step * away / 2 + self.sigma * (3 if name in flat else 1) * noise
        return f"Here it is.\n```python\n{BROKEN if bad else linear_program(weights)}```"


def linear_program(weights: Mapping[str, float]) -> str:
    """``compute_reward`` that adds up weighted fields, each of them a component."""
    parts = ", ".join(f'"{name}": {weight:.6g} * {name}' for name, weight in weights.items())
    total = " + ".join(f'parts["{name}"]' for name in weights)
    return f"def compute_reward({', '.join(weights)}):\n    parts = {{{parts}}}\n    return {total}, parts\n"


def weights_of(source: str) -> dict[str, float]:
    """The weights of a program of ``linear_program``."""
    return {name: float(weight) for name, weight in _WEIGHT.findall(source)}
