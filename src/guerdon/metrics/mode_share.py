"""Which formats responses come in, and how good each is (echo).

Maths
    A response belongs to the first format whose expression it fits from its beginning. ``share_m = n_m / n``, accuracy
    per format over its scored responses, and the largest share: 1 is one format alone.
Reads
    ``traj.response``, ``correct`` (an outcome, right above 0.5).
Deviations
    Responses of no format count in n as ``other``, which cannot be dominant.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from guerdon.batch import Batch
from guerdon.errors import GuerdonError
from guerdon.piece import Metric

OTHER = "other"


def mode_of(response: str, modes: Mapping[str, str]) -> str:
    """Name of the first mode whose expression the response begins with; ``other`` if there is none."""
    return next((name for name, pattern in modes.items() if re.match(pattern, response)), OTHER)


def shares(responses: Sequence[str], modes: Mapping[str, str]) -> dict[str, float]:
    """Share of every mode, and of ``other``; 0 of no responses."""
    found = [mode_of(response, modes) for response in responses]
    return {name: found.count(name) / max(len(found), 1) for name in (*modes, OTHER)}


def dominant(responses: Sequence[str], modes: Mapping[str, str]) -> float:
    """The largest share of a mode."""
    by_mode = shares(responses, modes)
    return max(by_mode[name] for name in modes)


@dataclass(frozen=True)
class ModeShare(Metric):
    """Logs ``mode/<name>``, ``mode_accuracy/<name>`` of the formats that occur, and ``mode_dominant``."""

    modes: dict[str, str]
    """Name -> regular expression that such a response begins with."""
    correct: str = "traj.reward/correct"
    """The outcome."""

    def __post_init__(self) -> None:
        if not self.modes or OTHER in self.modes:
            raise GuerdonError(f"ModeShare.modes must name modes, none of them {OTHER!r}, got {', '.join(self.modes)}")
        for pattern in self.modes.values():
            try:
                re.compile(pattern)
            except re.error as error:
                raise GuerdonError(f"ModeShare.modes must be regular expressions, got {pattern!r}: {error}") from None

    @property
    def reads(self) -> tuple[str, ...]:
        """Responses and the outcome."""
        return ("traj.response", self.correct)

    def __call__(self, batch: Batch) -> Mapping[str, float]:
        """The numbers of the batch."""
        responses, outcome = batch["traj.response"], batch[self.correct].tolist()
        numbers = {f"mode/{name}": share for name, share in shares(responses, self.modes).items()}
        numbers["mode_dominant"] = dominant(responses, self.modes)
        for name in self.modes:
            scored = [
                value > 0.5
                for value, response in zip(outcome, responses, strict=True)
                if value == value and mode_of(response, self.modes) == name
            ]
            if scored:
                numbers[f"mode_accuracy/{name}"] = sum(scored) / len(scored)
        return numbers
