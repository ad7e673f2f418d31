"""A shopper's next action as JSON: right type first, then its attributes, then its text.

Idea
    Types are easy and texts are hard: without a large weight on the texts, always leaving the shop pays best.
Maths
    ``action = 0`` for another type, else by type, with sim the ROUGE-L F1 and D the text weight:
    terminate ``.3``; click ``.3 + .2 1[name] + D sim(name)``;
    type_and_submit ``.3 + .1 1[name] + .1 1[text] + .1 sim(name) + D sim(text)``.
    ``format = .5`` for a JSON object with the keys rationale and action. Without one both are 0.
Reads
    ``problem.meta["action"]``: the true action, ``{"type": ..., "name": ..., "text": ...}``.
Deviations
    Shop-R1 (arXiv 2507.17842, reward table at second hand). ``floor`` is a safeguard of ours, off by default.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from guerdon.base import Scorer
from guerdon.errors import GuerdonError
from guerdon.scorers._json import whole_object
from guerdon.scorers.ngrams import rouge_l
from guerdon.tasks.problem import Problem

TYPES = ("terminate", "click", "type_and_submit")


@dataclass(frozen=True)
class ShopAction(Scorer):
    """``format`` (0 or .5) and ``action`` (type, attributes and texts, see above)."""

    text_weight: float = 1000.0
    """D, the weight of the similarity of the hard text: the difficulty-aware scaling."""
    floor: float = 0.0
    """A similarity below this counts as none."""

    components = ("format", "action")
    trusted = True

    def __post_init__(self) -> None:
        if not self.text_weight >= 0 or not 0 <= self.floor <= 1:
            raise GuerdonError(
                f"ShopAction.text_weight must be at least 0 and floor from 0 to 1, got {self.text_weight}, {self.floor}"
            )

    @property
    def bounds(self) -> tuple[float, float]:
        """The right search scores the most."""
        return 0.0, 0.6 + self.text_weight

    def check(self, problem: Problem) -> None:
        """Refuse a problem without a true action of a known type."""
        _true_action(problem)

    def __call__(self, problem: Problem, response: str) -> Mapping[str, float]:
        """Both components."""
        true, found = _true_action(problem), whole_object(response)
        if found is None or "rationale" not in found or not isinstance(action := found.get("action"), dict):
            return {"format": 0.0, "action": 0.0}
        return {"format": 0.5, "action": self._value(action, true)}

    def _value(self, action: Mapping[str, Any], true: Mapping[str, Any]) -> float:
        if action.get("type") != true["type"] or true["type"] == "terminate":
            return 0.3 * (action.get("type") == true["type"])
        has_name, has_text = bool(action.get("name")), bool(action.get("text"))
        if true["type"] == "click":
            return 0.3 + 0.2 * has_name + self.text_weight * self._similar(action, true, "name")
        name, text = (self._similar(action, true, key) for key in ("name", "text"))
        return 0.3 + 0.1 * has_name + 0.1 * has_text + 0.1 * name + self.text_weight * text

    def _similar(self, action: Mapping[str, Any], true: Mapping[str, Any], key: str) -> float:
        similarity = rouge_l(str(action.get(key) or ""), str(true.get(key) or ""))
        return similarity if similarity >= self.floor else 0.0


def _true_action(problem: Problem) -> Mapping[str, Any]:
    action = problem.meta.get("action")
    if not isinstance(action, Mapping) or action.get("type") not in TYPES:
        raise GuerdonError(
            f"problem {problem.id} needs meta['action'] with a type of {', '.join(TYPES)}, got {action!r}"
        )
    return action
