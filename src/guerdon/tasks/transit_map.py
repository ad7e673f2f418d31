"""Routes with one change on random transit maps, in three words: line, where to change, line.

Idea
    The right route is one of thousands, and a reward that only knows right and wrong hardly ever speaks.
Maths
    ``lines`` lines in a ring, each with ``stops`` stops of its own and one where it meets the next. A question is from a
    stop of one line to one of a neighbouring line; its only answer is (line, meeting stop, line) out of
    ``(lines + all stops)^3`` responses, since any name may stand anywhere. It earns what ``scorers/transit_route.py`` gives:
    ``10 correct + detail_weight detail``.
Reads
    Nothing; ``rollouts/tabular.py`` samples it with a ``Tabular`` policy, which has a row per question and word.
Deviations
    Questions are learned one by one: nothing that is learned on one helps with another.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from guerdon.batch import Column
from guerdon.errors import GuerdonError
from guerdon.rng import Stream
from guerdon.scorers.transit_route import TransitRoute
from guerdon.tasks.problem import Problem
from guerdon.tasks.token_task import TokenTask


@dataclass(frozen=True)
class TransitMap(TokenTask):
    """``questions`` routes with one change; a response is three names."""

    questions: int = 8
    """Number of questions."""
    lines: int = 5
    """Lines of the ring."""
    stops: int = 3
    """Stops of each line that are on no other line."""
    detail_weight: float = 0.5
    """Of the partial credit; 0: right routes alone pay."""
    seed: int = 0
    """Of the questions."""

    depth = 3

    def __post_init__(self) -> None:
        if self.questions < 1 or self.lines < 3 or self.stops < 1 or self.detail_weight < 0:
            raise GuerdonError(f"TransitMap needs 3 or more lines, positive sizes and detail_weight >= 0, got {self}")

    @cached_property
    def names(self) -> list[str]:
        """Lines, stops of their own, meeting stops: meeting stop i is where line i meets line i + 1."""
        own = [f"S{line}-{stop}" for line in range(self.lines) for stop in range(self.stops)]
        return [*(f"L{line}" for line in range(self.lines)), *own, *(f"X{line}" for line in range(self.lines))]

    @property
    def actions(self) -> int:
        """One per name."""
        return len(self.names)

    @property
    def contexts(self) -> int:
        """Three rows per question."""
        return 3 * self.questions

    def size(self, split: str) -> int:
        """Number of questions."""
        return self.questions

    @cached_property
    def asked(self) -> list[tuple[Problem, list[int]]]:
        """The questions, each with the names of its answer."""
        ring, network = self.lines, {}
        for line in range(ring):
            own = [f"S{line}-{stop}" for stop in range(self.stops)]
            network[f"L{line}"] = [*own, f"X{line}", f"X{(line - 1) % ring}"]
        generator, found = Stream((self.seed, "transit_map")).generator(), []
        draws = torch.randint(0, 2**31 - 1, (self.questions, 4), generator=generator).tolist()
        for number, (line, side, start, end) in enumerate(draws):
            first = line % ring
            second = (first + (1 if side % 2 else -1)) % ring
            meeting = first if side % 2 else second
            meta = {
                "lines": network,
                "from": f"S{first}-{start % self.stops}",
                "to": f"S{second}-{end % self.stops}",
                "transfers": 1,
            }
            answer = [self.names.index(name) for name in (f"L{first}", f"X{meeting}", f"L{second}")]
            found.append((Problem(number, "?", meta=meta), answer))
        return found

    def score(self, problem: Problem, tokens: list[int]) -> float:
        """Reward of three names."""
        first, change, second = (self.names[token] for token in tokens)
        start, end = problem.meta["from"], problem.meta["to"]
        rides = [{"line": first, "from": start, "to": change}, {"line": second, "from": change, "to": end}]
        parts = TransitRoute()(problem, json.dumps(rides))
        return 10 * parts["correct"] + self.detail_weight * parts["detail"]

    def context(self, prompt: Tensor, prefix: Tensor) -> Tensor:
        """Row of the question and the place of the word, ``[n]``."""
        return 3 * prompt + prefix.shape[1]

    def outcome(
        self, prompt: Tensor, tokens: Tensor, length: Tensor, generator: torch.Generator
    ) -> Mapping[str, Column]:
        """``traj.reward/task``, ``[n]``."""
        pairs = zip(prompt.tolist(), tokens.tolist(), strict=True)
        return {"traj.reward/task": torch.tensor([self.score(self.asked[number][0], words) for number, words in pairs])}

    def solved(self, logits: Tensor) -> float:
        """Exact chance of the right route under rows ``[contexts, names]``, averaged over questions."""
        answers = torch.tensor([answer for _, answer in self.asked]).reshape(-1, 1)
        return float(logits.log_softmax(-1).gather(1, answers).reshape(-1, 3).sum(1).exp().mean())
