"""One action on a screen: the right kind, and the right place, text, direction or app (craft_gui).

Idea
    Most of an action can be right while its parameter is wrong; a reward for each part tells such actions apart.
Maths
    ``r = 1[format] (w_format + 1[type] (w_type + w_parameter p))`` with p by the type of the true action: click
    ``1[point in box]``; type the ROUGE-L F1 of the text; scroll ``1[direction]``; open ``1[app]``; others 1.
Reads
    The response, ``{"action": ..., "point" / "text" / "direction" / "app": ...}`` as JSON, maybe in a tag;
    ``problem.meta["action"]`` the same with ``box`` instead of a point, or a list of such actions, of which the best
    fitting one counts.
Deviations
    CRAFT-GUI is known by its abstract: weights and rules are ours. Points and boxes must be on the same grid.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from guerdon.base import Scorer
from guerdon.errors import GuerdonError
from guerdon.scorers._json import whole_object
from guerdon.scorers.boxes import Box, inside
from guerdon.scorers.ngrams import rouge_l
from guerdon.tasks.answer import tagged
from guerdon.tasks.problem import Problem

PARAMETERS = {"click": "box", "type": "text", "scroll": "direction", "open": "app", "wait": "", "back": "", "home": ""}
"""Kind of action -> what the true one must have beside its kind."""


@dataclass(frozen=True)
class GuiAction(Scorer):
    """``w_format + 1[type] (w_type + w_parameter p)`` for a well-formed action, else 0."""

    weights: tuple[float, float, float] = (0.1, 0.3, 0.6)
    """Of the format, the type and the parameter."""
    tag: str | None = None
    """Take what the last ``<tag>...</tag>`` holds (0 without one); None: the whole response."""

    component = "action"
    trusted = True

    def __post_init__(self) -> None:
        if min(self.weights) < 0 or not sum(self.weights) < math.inf:
            raise GuerdonError(f"GuiAction.weights must be 0 or more and finite, got {self.weights}")

    @property
    def bounds(self) -> tuple[float, float]:
        """The right action has everything."""
        return 0.0, sum(self.weights)

    def check(self, problem: Problem) -> None:
        """Refuse a problem without a true action."""
        _true_actions(problem)

    def __call__(self, problem: Problem, response: str) -> float:
        """From 0 to the sum of the weights."""
        wanted, found = _true_actions(problem), whole_object(tagged(response, self.tag) or "")
        if found is None or found.get("action") not in PARAMETERS:
            return 0.0
        form, kind, parameter = self.weights
        return form + max(
            (kind + parameter * _fit(found, true) if found["action"] == true["action"] else 0.0) for true in wanted
        )


def _fit(found: Mapping[str, Any], true: Mapping[str, Any]) -> float:
    """How well the parameter of an action of the right kind fits, from 0 to 1."""
    name = PARAMETERS[true["action"]]
    if name == "box":
        point = _numbers(found.get("point"), 2)
        box = _numbers(true["box"], 4)
        return float(point is not None and box is not None and inside((point[0], point[1]), _box(box)))
    if name == "text":
        return rouge_l(str(found.get("text") or ""), str(true["text"]))
    return float(not name or str(found.get(name)).strip().lower() == str(true[name]).strip().lower())


def _numbers(given: Any, count: int) -> list[float] | None:
    fine = isinstance(given, (list, tuple)) and len(given) == count
    if not fine or not all(isinstance(n, (int, float)) and math.isfinite(n) for n in given):
        return None
    return [float(number) for number in given]


def _box(numbers: list[float]) -> Box:
    return numbers[0], numbers[1], numbers[2], numbers[3]


def _true_actions(problem: Problem) -> list[Mapping[str, Any]]:
    given = problem.meta.get("action")
    actions = given if isinstance(given, list) else [given]
    fine = bool(actions) and all(
        isinstance(each, Mapping)
        and each.get("action") in PARAMETERS
        and (not (name := PARAMETERS[each["action"]]) or each.get(name))
        and (name != "box" or _numbers(each["box"], 4) is not None)
        for each in actions
    )
    if not fine:
        raise GuerdonError(
            f"problem {problem.id} needs meta['action'] with an action of {', '.join(PARAMETERS)} and its box, text, "
            f"direction or app, got {given!r}"
        )
    return [each for each in actions if isinstance(each, Mapping)]
