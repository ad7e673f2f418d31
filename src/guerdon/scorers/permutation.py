"""An order of given items: how many stand where they belong.

Idea
    Jigsaws and shuffled steps have an order as their answer; a share of right places is a reward with a gradient.
Maths
    ``(1/n) sum_i 1[p_i = p*_i]``; 0 if p is no permutation of the items, so ``n - 1`` right places never occur.
Reads
    ``problem.meta["order"]`` (a list of labels or numbers), else ``problem.answer`` as text.
Deviations
    As in Puzzle Curriculum GRPO and MR-RLVR. Several right orders (steps that commute) are not known to it.
"""

import re
from dataclasses import dataclass

from guerdon.base import Scorer
from guerdon.errors import GuerdonError
from guerdon.scorers.exact import reference
from guerdon.tasks.answer import tagged
from guerdon.tasks.problem import Problem


@dataclass(frozen=True)
class Permutation(Scorer):
    """The share of items in their right place; 0 if the answer is no permutation of the items."""

    tag: str | None = None
    """Take what the last ``<tag>...</tag>`` holds (0 without one); None: the last list in brackets, else all of it."""
    exact: bool = False
    """All or nothing."""

    component = "order"
    trusted = True

    def check(self, problem: Problem) -> None:
        """Refuse a problem without an order."""
        _wanted(problem)

    def __call__(self, problem: Problem, response: str) -> float:
        """From 0 to 1."""
        wanted, answer = _wanted(problem), order_in(tagged(response, self.tag) or "")
        if sorted(answer) != sorted(wanted):
            return 0.0
        share = sum(map(str.__eq__, answer, wanted)) / len(wanted)
        return float(share == 1) if self.exact else share


def order_in(text: str) -> list[str]:
    """The labels of the last list in brackets, else of the text: between commas, spaces, ``->`` or ``>``."""
    inside = re.findall(r"[\[(]([^\[\]()]*)[\])]", text)
    return [label for label in re.split(r"->|[\s,;>\"']+", inside[-1] if inside else text) if label]


def _wanted(problem: Problem) -> list[str]:
    given = problem.meta.get("order")
    wanted = order_in(reference(problem)) if given is None else [str(label) for label in given]
    if not wanted:
        raise GuerdonError(f"problem {problem.id} needs an order of at least one item, got none")
    return wanted
