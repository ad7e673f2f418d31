"""Whether an analysis ends where its verdict does (stable_reinforce).

Idea
    A judge that argues for one response and then names the other has not learned to judge. Look at which choice the last
    lines of the analysis mention last.
Maths
    +1 if that is the verdict, -1 if it is another choice, 0 if there is no verdict or no mention.
Reads
    The response alone, with ``<think>analysis</think><answer>verdict</answer>`` in it.
Deviations
    The paper asks a language model whether the analysis supports the verdict; this is a rule. Any judge can take its place
    through ``rewards/function.py``; where it fails ``shaping/modulate.py`` counts 0.
"""

import re
from dataclasses import dataclass

from guerdon.base import Scorer
from guerdon.errors import GuerdonError
from guerdon.tasks.answer import tagged
from guerdon.tasks.problem import Problem


@dataclass(frozen=True)
class Consistency(Scorer):
    """+1, -1 or 0: the choice that the analysis mentions last against the verdict."""

    choices: tuple[str, ...] = ("1", "2")
    """What a verdict can be."""
    lines: int = 3
    """Last lines of the analysis that are looked at."""
    analysis: str = "think"
    """Tag around the analysis."""
    verdict: str = "answer"
    """Tag around the verdict."""
    opened: bool = False
    """The prompt ends with the analysis' opening tag, so the response starts inside it."""

    component = "consistency"
    bounds = (-1.0, 1.0)
    trusted = True

    def __post_init__(self) -> None:
        if len(set(self.choices)) < 2 or "" in self.choices or self.lines < 1:
            raise GuerdonError(
                f"Consistency needs two or more choices and lines >= 1, got {self.choices} and {self.lines}"
            )

    def __call__(self, problem: Problem, response: str) -> float:
        """+1, -1 or 0."""
        text = f"<{self.analysis}>{response}" if self.opened else response
        analysis, verdict = tagged(text, self.analysis), tagged(text, self.verdict)
        if analysis is None or verdict not in self.choices:
            return 0.0
        tail = "\n".join([line for line in analysis.splitlines() if line.strip()][-self.lines :])
        # The longer choice first, so that "10" is not read as "1".
        words = "|".join(re.escape(choice) for choice in sorted(self.choices, key=len, reverse=True))
        mentions = re.findall(rf"(?<!\w)(?:{words})(?!\w)", tail)
        if not mentions:
            return 0.0
        return 1.0 if mentions[-1] == verdict else -1.0
