"""Overlap with a reference text: clipped n-gram precision (BLEU), character n-grams (chrF), common words in order (ROUGE-L).

Idea
    A translation or summary is near its reference if they share runs of words or letters.
Maths
    BLEU of one text: ``min(1, e^(1 - r/c)) exp(mean_n log p_n)``, p_n the share of its n-grams that the reference has
    (each at most as often), n = 1..order, one added above and below for n > 1; c and r the lengths in words.
    chrF: ``F_beta`` of the means over n of precision and recall of character n-grams, white space left out.
    ROUGE-L: F1 of the longest common subsequence of words.
Reads
    ``problem.meta["references"]`` (several texts, the best counts), else ``problem.answer``.
Deviations
    BLEU (Papineni et al., 2002) with the smoothing of Lin and Och (2004), words and signs split by a plain rule; chrF
    (Popovic, 2015) as sacrebleu has it (orders that a text is too short for do not count); ROUGE-L (Lin, 2004) on
    letters and digits in lower case, without stemming. Two empty texts are equal.
"""

import math
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from guerdon.base import Scorer
from guerdon.errors import GuerdonError
from guerdon.scorers.exact import reference
from guerdon.tasks.problem import Problem


@dataclass(frozen=True)
class Bleu(Scorer):
    """Smoothed BLEU of one response: brevity penalty times the geometric mean of n-gram precisions."""

    order: int = 4
    """The largest n."""

    component = "bleu"
    trusted = True

    def __post_init__(self) -> None:
        _check_order(self, self.order)

    def check(self, problem: Problem) -> None:
        """Refuse a problem without a reference."""
        _references(problem)

    def __call__(self, problem: Problem, response: str) -> float:
        """From 0 to 1."""
        return _best(problem, lambda wanted: bleu(response, wanted, self.order))


@dataclass(frozen=True)
class Chrf(Scorer):
    """F score of character n-grams."""

    order: int = 6
    """The largest n."""
    beta: float = 2.0
    """How many times as important recall is as precision."""

    component = "chrf"
    trusted = True

    def __post_init__(self) -> None:
        _check_order(self, self.order)
        if not 0 < self.beta < math.inf:
            raise GuerdonError(f"Chrf.beta must be positive and finite, got {self.beta}")

    def check(self, problem: Problem) -> None:
        """Refuse a problem without a reference."""
        _references(problem)

    def __call__(self, problem: Problem, response: str) -> float:
        """From 0 to 1."""
        return _best(problem, lambda wanted: chrf(response, wanted, self.order, self.beta))


@dataclass(frozen=True)
class RougeL(Scorer):
    """F1 of the longest common subsequence of words."""

    component = "rouge_l"
    trusted = True

    def check(self, problem: Problem) -> None:
        """Refuse a problem without a reference."""
        _references(problem)

    def __call__(self, problem: Problem, response: str) -> float:
        """From 0 to 1."""
        return _best(problem, lambda wanted: rouge_l(response, wanted))


def bleu(text: str, wanted: str, order: int = 4) -> float:
    """Smoothed BLEU of a text against one reference."""
    mine, theirs = (re.findall(r"\w+|[^\w\s]", side) for side in (text, wanted))
    if not mine or not theirs:
        return float(mine == theirs)
    logs = 0.0
    for n in range(1, order + 1):
        counts = _counts(mine, n)
        extra = int(n > 1)
        common = sum((counts & _counts(theirs, n)).values()) + extra
        if common == 0:
            return 0.0
        logs += math.log(common / (sum(counts.values()) + extra))
    return min(1.0, math.exp(1 - len(theirs) / len(mine))) * math.exp(logs / order)


def chrf(text: str, wanted: str, order: int = 6, beta: float = 2.0) -> float:
    """chrF of a text against one reference."""
    mine, theirs = ("".join(side.split()) for side in (text, wanted))
    if not mine or not theirs:
        return float(mine == theirs)
    orders = range(1, min(order, len(mine), len(theirs)) + 1)
    common = [sum((_counts(mine, n) & _counts(theirs, n)).values()) for n in orders]
    precision = sum(same / (len(mine) - n + 1) for same, n in zip(common, orders, strict=True)) / len(orders)
    recall = sum(same / (len(theirs) - n + 1) for same, n in zip(common, orders, strict=True)) / len(orders)
    total = beta**2 * precision + recall
    return (1 + beta**2) * precision * recall / total if total else 0.0


def rouge_l(text: str, wanted: str) -> float:
    """ROUGE-L F1 of a text against one reference."""
    mine, theirs = (re.findall(r"[^\W_]+", side.lower()) for side in (text, wanted))
    if not mine or not theirs:
        return float(mine == theirs)
    return 2 * longest_common(mine, theirs) / (len(mine) + len(theirs))


def longest_common(first: Sequence[str], second: Sequence[str]) -> int:
    """Length of the longest common subsequence, a row of the table at a time as bits (Hyyro, 2004)."""
    places: dict[str, int] = {}
    for place, word in enumerate(first):
        places[word] = places.get(word, 0) | 1 << place
    every = (1 << len(first)) - 1
    row = every
    for word in second:
        met = row & places.get(word, 0)
        row = ((row + met) | (row - met)) & every
    return len(first) - bin(row).count("1")


def _counts(side: Sequence[str], n: int) -> Counter[Any]:
    return Counter(side[at : at + n] if isinstance(side, str) else tuple(side[at : at + n]) for at in _starts(side, n))


def _starts(side: Sequence[str], n: int) -> range:
    return range(len(side) - n + 1)


def _references(problem: Problem) -> list[str]:
    given = problem.meta.get("references")
    references = [reference(problem)] if given is None else list(given)
    if not references or not all(isinstance(text, str) for text in references):
        raise GuerdonError(f"problem {problem.id} needs reference texts, got {given!r}")
    return references


def _best(problem: Problem, score: Callable[[str], float]) -> float:
    return max(map(score, _references(problem)))


def _check_order(scorer: Scorer, order: int) -> None:
    if order < 1:
        raise GuerdonError(f"{type(scorer).__name__}.order must be at least 1, got {order}")
