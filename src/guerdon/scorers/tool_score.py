"""Graded tool calls: how much of the gold calls is there, in names, parameters and values.

Idea
    Rewards in steps for tool names, parameter names and values teach tool use better than all or nothing.
Maths
    ``tool_match = low + (high - low) S / S_max``:
    ``S = J(names) + sum over gold calls G of max over unused calls P of the same name [J(params) + #equal values]``,
    ``S_max = 1 + sum_G (1 + |params(G)|)``, J the Jaccard index (of multisets for names). Unreadable calls: ``low``.
    ``tool_format = 1`` if the response is ``<think>`` and then the gold's blocks, each once and in order, else 0.
Reads
    ``problem.answer``: a response that is right, ``<think>`` with ``<tool_call>`` (JSON lines) and / or ``<response>``.
Deviations
    ToolRL (arXiv 2504.13958). Its paper pairs calls optimally, its code greedily in the gold's order; ``pairing`` offers
    both. As in the code extra calls cost only through the names, and a gold without calls gives 0 whatever is called.
    Tags that the thoughts mention do not count here; in the code they break the format and the reading of calls, so
    that some released examples fail. A line end after the last tag, which the code overlooks, breaks the format here.
"""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from guerdon.base import Scorer
from guerdon.errors import GuerdonError
from guerdon.scorers._calls import Call, best_pairs, tagged_calls
from guerdon.scorers.exact import reference
from guerdon.tasks.problem import Problem


@dataclass(frozen=True)
class ToolScore(Scorer):
    """``tool_format`` (0 or 1) and ``tool_match`` (from ``low`` to ``high``)."""

    low: float = -3.0
    """The score of calls that match nothing or cannot be read."""
    high: float = 3.0
    """The score of the gold calls."""
    pairing: Literal["greedy", "optimal"] = "greedy"
    """Each gold call in turn takes the best call left, or all are paired for the largest sum."""

    components = ("tool_format", "tool_match")
    trusted = True

    def __post_init__(self) -> None:
        if not self.low < self.high:
            raise GuerdonError(f"ToolScore.low must be below high, got {self.low} and {self.high}")

    @property
    def bounds(self) -> tuple[float, float]:
        """The smaller and the larger of both components' ranges."""
        return min(0.0, self.low), max(1.0, self.high)

    def check(self, problem: Problem) -> None:
        """Refuse a problem whose gold calls cannot be read."""
        self._gold(problem)

    def _gold(self, problem: Problem) -> list[Call] | None:
        """The gold's calls; None where it makes none."""
        gold = _acts(reference(problem))
        if "<tool_call>" not in gold:
            return None
        if not (calls := tagged_calls(gold, ("parameters",))):
            raise GuerdonError(f"the answer of problem {problem.id} must hold JSON calls in <tool_call>, got {gold!r}")
        return calls

    def __call__(self, problem: Problem, response: str) -> Mapping[str, float]:
        """Both components."""
        return {
            "tool_format": float(well_formed(response, reference(problem))),
            "tool_match": self._match(problem, response),
        }

    def _match(self, problem: Problem, response: str) -> float:
        if (gold := self._gold(problem)) is None:
            return 0.0
        if not (made := tagged_calls(_acts(response), ("parameters",))):
            return self.low
        if made == gold:
            return self.high
        weights = [[_overlap(call, other) for other in made] for call in gold]
        pairs = best_pairs(weights) if self.pairing == "optimal" else _greedy(weights)
        names = _names_in_common([name for name, _ in gold], [name for name, _ in made])
        score = names + sum(row[at] for row, at in zip(weights, pairs, strict=True) if at >= 0)
        share = score / (1 + sum(1 + len(given) for _, given in gold))
        return min(self.low + (self.high - self.low) * share, self.high)


def well_formed(response: str, gold: str) -> bool:
    """Whether a response is ``<think>...</think>`` and then the blocks that the gold has, each tag of them once."""
    gold, acts = _acts(gold), _acts(response)
    call = r"\n<tool_call>\n.*?\n</tool_call>" if "<tool_call>" in gold else ""
    reply = r"\n<response>.*?</response>" if "<response>" in gold else ""
    tags = [tag for tag in ("tool_call", "response") if f"<{tag}>" in gold]
    once = all(acts.count(f"<{slash}{tag}>") == 1 for tag in tags for slash in ("", "/"))
    return once and re.fullmatch(f"<think>.*?</think>{call}{reply}", response, re.DOTALL) is not None


def _acts(text: str) -> str:
    """What follows the thoughts."""
    return text.rpartition("</think>")[2]


def _overlap(gold: Call, made: Call) -> float:
    """Jaccard index of the parameter names plus the number of equal values; 0 for another tool."""
    if gold[0] != made[0]:
        return 0.0
    wanted, given = gold[1], made[1]
    either = wanted.keys() | given.keys()
    same: list[Any] = [key for key in wanted.keys() & given.keys() if wanted[key] == given[key]]
    return (len(wanted.keys() & given.keys()) / len(either) if either else 1.0) + len(same)


def _greedy(weights: list[list[float]]) -> list[int]:
    """For each row in turn the best column that is left, the first of equals; -1 where nothing matches."""
    pairs: list[int] = []
    for row in weights:
        best = max((at for at in range(len(row)) if at not in pairs), key=lambda at: row[at], default=-1)
        pairs.append(best if best >= 0 and row[best] > 0 else -1)
    return pairs


def _names_in_common(first: list[str], second: list[str]) -> float:
    """Jaccard index of two multisets."""
    common = (Counter(first) & Counter(second)).total()
    return common / (len(first) + len(second) - common)
