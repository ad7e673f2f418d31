"""Whether an analysis ends where its verdict does (stable_reinforce).

Idea
    A judge that argues for one response and then names the other has not learned to judge. Look at which choice the last
    lines of the analysis mention last.
Maths
    +1 if that is the verdict, -1 if it is another choice, 0 if there is no verdict or no mention.
Reads
    ``traj.response`` with ``<think>analysis</think><answer>verdict</answer>``.
Deviations
    The paper asks a language model whether the analysis supports the verdict; this is a rule. Any judge can take its place
    through ``rewards/function.py``, and where it fails ``shaping/modulate.py`` counts 0.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from guerdon.batch import Batch, Column
from guerdon.errors import GuerdonError
from guerdon.piece import Transform
from guerdon.tasks.answer import tagged


@dataclass(frozen=True)
class Consistency(Transform):
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
    name: str = "consistency"
    """The component's name: writes ``traj.reward/<name>``."""

    reads = ("traj.response",)

    def __post_init__(self) -> None:
        if len(set(self.choices)) < 2 or "" in self.choices or self.lines < 1:
            raise GuerdonError(
                f"Consistency needs two or more choices and lines >= 1, got {self.choices} and {self.lines}"
            )

    @property
    def writes(self) -> tuple[str, ...]:
        """The component."""
        return (f"traj.reward/{self.name}",)

    def __call__(self, batch: Batch, state: Any = None) -> Mapping[str, Column]:
        """The component, ``[traj]``."""
        scores = [self.score(response) for response in batch["traj.response"]]
        dtype = torch.get_default_dtype()
        return {f"traj.reward/{self.name}": torch.tensor(scores, dtype=dtype, device=batch.device)}

    def score(self, response: str) -> float:
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
