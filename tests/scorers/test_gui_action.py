import json

import pytest

from guerdon.errors import GuerdonError
from guerdon.scorers.gui_action import GuiAction
from guerdon.serial import from_json, to_json
from guerdon.tasks.problem import Problem

CLICK = {"action": "click", "box": [10, 10, 20, 30]}
TYPE = {"action": "type", "text": "new york hotels"}


def score(true, said, **fields):
    response = said if isinstance(said, str) else json.dumps(said)
    return GuiAction(**fields)(Problem(5, "?", meta={"action": true}), response)


@pytest.mark.parametrize(
    ("true", "said", "value"),
    [
        (CLICK, {"action": "click", "point": [15, 20]}, 1.0),
        (CLICK, {"action": "click", "point": [10, 30]}, 1.0),
        (CLICK, {"action": "click", "point": [21, 20]}, 0.4),
        (CLICK, {"action": "click"}, 0.4),
        (CLICK, {"action": "click", "point": "15, 20"}, 0.4),
        (CLICK, {"action": "back"}, 0.1),
        (CLICK, {"action": "jump", "point": [15, 20]}, 0.0),
        (CLICK, "click 15 20", 0.0),
        (CLICK, "", 0.0),
        (TYPE, TYPE, 1.0),
        (TYPE, {"action": "type", "text": "hotels"}, 0.4 + 0.6 * 0.5),
        ({"action": "scroll", "direction": "down"}, {"action": "scroll", "direction": " Down "}, 1.0),
        ({"action": "scroll", "direction": "down"}, {"action": "scroll", "direction": "up"}, 0.4),
        ({"action": "open", "app": "Maps"}, {"action": "open", "app": "maps"}, 1.0),
        ({"action": "home"}, {"action": "home"}, 1.0),
        ([{"action": "back"}, CLICK], {"action": "click", "point": [15, 20]}, 1.0),
        ([{"action": "back"}, CLICK], {"action": "back"}, 1.0),
    ],
)
def test_format_then_type_then_parameter(true, said, value):
    assert score(true, said) == pytest.approx(value)


def test_weights_and_tag():
    assert score(CLICK, {"action": "click", "point": [15, 20]}, weights=(0.0, 0.0, 1.0)) == 1.0
    assert score({"action": "home"}, '<answer>{"action": "home"}</answer>', tag="answer") == pytest.approx(1.0)
    assert GuiAction((1.0, 2.0, 3.0)).bounds == (0.0, 6.0) and from_json(to_json(GuiAction())) == GuiAction()


@pytest.mark.parametrize("true", [None, [], {"action": "jump"}, {"action": "click"}, {"action": "click", "box": [1]}])
def test_a_problem_without_a_true_action_is_refused(true):
    with pytest.raises(GuerdonError, match=r"problem 5 needs meta\['action'\] with an action of click"):
        score(true, {"action": "home"})


def test_bad_fields():
    with pytest.raises(GuerdonError, match="weights must be 0 or more"):
        GuiAction((-1.0, 0.0, 0.0))
