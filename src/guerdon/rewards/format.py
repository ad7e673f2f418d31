"""Format rewards: whether a response has the shape that the prompt asked for.

Idea
    1 if the response fits, else 0. ``Tags`` asks for ``<think>...</think><answer>...</answer>``, each once and nothing
    else around; ``Pattern`` for any regular expression.
Reads
    ``traj.response``.
Deviations
    ``Pattern`` runs guarded, because an unlucky expression can take longer than the universe lasts.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from guerdon.batch import Batch, Column
from guerdon.errors import GuerdonError
from guerdon.piece import Transform
from guerdon.rewards._columns import REASONS, reward_columns
from guerdon.rewards.guard import Guard
from guerdon.tasks.answer import tags_in_order


@dataclass(frozen=True)
class Tags(Transform):
    """1 if the response is ``<a>...</a><b>...</b>`` for ``tags`` (a, b), each once and nothing around, else 0."""

    tags: tuple[str, ...] = ("think", "answer")
    """The tags, in order."""
    opened: bool = False
    """The prompt ends with the first opening tag, so the response starts inside it."""
    name: str = "format"
    """The component's name: writes ``traj.reward/<name>``."""

    reads = ("traj.response",)

    def __post_init__(self) -> None:
        if not self.tags or len(set(self.tags)) < len(self.tags):
            raise GuerdonError(f"Tags.tags must be one or more different names, got {self.tags}")

    @property
    def writes(self) -> tuple[str, ...]:
        """The component."""
        return (f"traj.reward/{self.name}",)

    def __call__(self, batch: Batch, state: Any = None) -> Mapping[str, Column]:
        """The component, ``[traj]``."""
        start = f"<{self.tags[0]}>" if self.opened else ""
        fits = [tags_in_order(start + response, self.tags) for response in batch["traj.response"]]
        return {f"traj.reward/{self.name}": torch.tensor(fits, dtype=torch.get_default_dtype(), device=batch.device)}


@dataclass(frozen=True)
class Pattern(Transform):
    """1 if the whole response fits a regular expression, else 0."""

    pattern: str
    """The expression (Python's); ``.`` matches line ends too."""
    name: str = "format"
    """The component's name: writes ``traj.reward/<name>``."""
    timeout: float = 1.0
    """Seconds for one response; beyond them it is unscored."""
    isolate: bool = True
    """Match in a worker process, so that the time limit can be kept."""

    reads = ("traj.response",)

    def __post_init__(self) -> None:
        import re

        try:
            re.compile(self.pattern)
        except re.error as error:
            raise GuerdonError(f"Pattern.pattern must be a regular expression, got {self.pattern!r}: {error}") from None

    @property
    def writes(self) -> tuple[str, ...]:
        """The component and the reasons."""
        return (f"traj.reward/{self.name}", REASONS)

    def __call__(self, batch: Batch, state: Any = None) -> Mapping[str, Column]:
        """The component ``[traj]``, NaN where unscored, and the reasons."""
        calls = [(self.pattern, response) for response in batch["traj.response"]]
        outcomes = Guard(self.timeout, isolate=self.isolate)("guerdon.tasks.answer:fits", calls)
        return reward_columns(batch, outcomes, self.name)
