"""Format: whether a response has the shape that the prompt asked for.

Idea
    1 if the response fits, else 0. ``Tags`` asks for ``<think>...</think><answer>...</answer>``, each once and nothing
    else around; ``Pattern`` for any regular expression.
Reads
    The response alone.
Deviations
    ``Pattern`` is not trusted, because an unlucky expression can take longer than the universe lasts.
"""

import re
from dataclasses import dataclass

from guerdon.base import Scorer
from guerdon.errors import GuerdonError
from guerdon.tasks.answer import fits, tags_in_order
from guerdon.tasks.problem import Problem


@dataclass(frozen=True)
class Tags(Scorer):
    """1 if the response is ``<a>...</a><b>...</b>`` for ``tags`` (a, b), each once and nothing around, else 0."""

    tags: tuple[str, ...] = ("think", "answer")
    """The tags, in order."""
    opened: bool = False
    """The prompt ends with the first opening tag, so the response starts inside it."""

    component = "format"
    trusted = True

    def __post_init__(self) -> None:
        if not self.tags or len(set(self.tags)) < len(self.tags):
            raise GuerdonError(f"Tags.tags must be one or more different names, got {self.tags}")

    def __call__(self, problem: Problem, response: str) -> float:
        """0 or 1."""
        start = f"<{self.tags[0]}>" if self.opened else ""
        return float(tags_in_order(start + response, self.tags))


@dataclass(frozen=True)
class Pattern(Scorer):
    """1 if the whole response fits a regular expression, else 0."""

    pattern: str
    """The expression (Python's); ``.`` matches line ends too."""

    component = "format"

    def __post_init__(self) -> None:
        try:
            re.compile(self.pattern)
        except re.error as error:
            raise GuerdonError(f"Pattern.pattern must be a regular expression, got {self.pattern!r}: {error}") from None

    def __call__(self, problem: Problem, response: str) -> float:
        """0 or 1."""
        return float(fits(self.pattern, response))
