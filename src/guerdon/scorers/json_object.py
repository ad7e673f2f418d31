"""The response is a JSON object with the keys that were asked for.

Idea
    1 if it parses and every key is there, else 0.
Reads
    The response alone.
Deviations
    A code fence around the object is no fault. A key whose value is null, or an empty text, is missing.
"""

from dataclasses import dataclass

from guerdon.base import Scorer
from guerdon.errors import GuerdonError
from guerdon.scorers._json import whole_object
from guerdon.tasks.answer import tagged
from guerdon.tasks.problem import Problem


@dataclass(frozen=True)
class JsonObject(Scorer):
    """1 if the response is a JSON object that has all ``keys``, else 0."""

    keys: tuple[str, ...] = ()
    """The keys it must have."""
    others: bool = True
    """It may have other keys too."""
    tag: str | None = None
    """Take what the last ``<tag>...</tag>`` holds (0 without one); None: the whole response."""

    component = "format"
    trusted = True

    def __post_init__(self) -> None:
        if len(set(self.keys)) < len(self.keys):
            raise GuerdonError(f"JsonObject.keys must be different names, got {self.keys}")

    def __call__(self, problem: Problem, response: str) -> float:
        """0 or 1."""
        found = whole_object(tagged(response, self.tag) or "")
        if found is None or any(found.get(key) in (None, "") for key in self.keys):
            return 0.0
        return float(self.others or found.keys() == set(self.keys))
