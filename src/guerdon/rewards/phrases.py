"""Credit for phrases of reasoning alone, whatever the answer (noisy).

Idea
    Some phrases go with careful thought: checking, trying again, concluding. A response that uses many different ones
    earns more, unless it repeats itself or invents further questions.
Maths
    ``r = max(0, min(1, n / enough) - rep - turns)``: n phrases of the list that occur in the lower-cased response; rep
    the number of different word n-grams that occur more than once over the number of n-grams (n = 20); turns the
    number of occurrences of ``turn``.
Reads
    ``traj.response``.
Deviations
    The default list is of guerdon's own making, in the spirit of the released one (40 entries). A response too short
    for one n-gram does not repeat itself.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from guerdon.batch import Batch, Column
from guerdon.errors import GuerdonError
from guerdon.piece import Transform

PHRASES = (
    *("first,", "second,", "next,", "then,", "finally,", "to start", "step by step", "we need to", "i need to"),
    *("let me think", "let me check", "let me verify", "let me try", "let's see", "let's try", "let's compute"),
    *("wait", "hmm", "actually,", "alternatively", "another way", "on second thought", "try again", "double-check"),
    *("not right", "doesn't work", "a mistake", "recall that", "note that", "we know that", "suppose that"),
    *(
        "because",
        "since we",
        "therefore",
        "thus",
        "hence",
        "as a result",
        "it follows",
        "for example",
        "in other words",
    ),
)
"""Forty marks of reasoning in English text, lower case."""


def repeated_ngrams(words: Sequence[str], width: int) -> float:
    """Different n-grams that occur more than once, over the number of n-grams; 0 where there is none."""
    counts = Counter(tuple(words[start : start + width]) for start in range(len(words) - width + 1))
    return sum(count > 1 for count in counts.values()) / max(sum(counts.values()), 1)


@dataclass(frozen=True)
class ReasoningPhrases(Transform):
    """``max(0, min(1, n / enough) - rep - turns)`` from the phrases in the response."""

    phrases: tuple[str, ...] = PHRASES
    """What to look for, lower case."""
    enough: int = 20
    """Different phrases that earn full credit."""
    width: int = 20
    """Words per n-gram in which repetition is looked for."""
    turn: str = "user: "
    """What begins a further question; each occurrence costs 1."""
    name: str = "reasoning"
    """The component's name: writes ``traj.reward/<name>``."""

    reads = ("traj.response",)

    def __post_init__(self) -> None:
        if self.enough < 1 or self.width < 1:
            raise GuerdonError(
                f"ReasoningPhrases needs enough and width of at least 1, got {self.enough} and {self.width}"
            )
        if not self.turn or not all(self.phrases) or any(phrase != phrase.lower() for phrase in self.phrases):
            raise GuerdonError("ReasoningPhrases needs a turn and phrases that are not empty and in lower case")

    @property
    def writes(self) -> tuple[str, ...]:
        """The component."""
        return (f"traj.reward/{self.name}",)

    def credit(self, response: str) -> float:
        """The reward of one response, in [0, 1]."""
        text = response.lower()
        found = sum(phrase in text for phrase in set(self.phrases))
        costs = repeated_ngrams(text.split(), self.width) + text.count(self.turn)
        return max(0.0, min(1.0, found / self.enough) - costs)

    def __call__(self, batch: Batch, state: Any = None) -> Mapping[str, Column]:
        """The component, ``[traj]``."""
        credits = [self.credit(response) for response in batch["traj.response"]]
        return {f"traj.reward/{self.name}": torch.tensor(credits, dtype=torch.get_default_dtype(), device=batch.device)}
