import json

import pytest

from guerdon.errors import GuerdonError
from guerdon.scorers.shop_action import ShopAction
from guerdon.serial import from_json, to_json
from guerdon.tasks.problem import Problem

LEAVE = {"type": "terminate"}
CLICK = {"type": "click", "name": "red shoes"}
SEARCH = {"type": "type_and_submit", "name": "search box", "text": "blue running shoes"}


def score(true: dict, action: object, **fields: float) -> float:
    response = json.dumps({"rationale": "so", "action": action})
    return ShopAction(**fields)(Problem(7, "?", meta={"action": true}), response)["action"]


@pytest.mark.parametrize(
    ("true", "action", "value"),
    [
        (LEAVE, LEAVE, 0.3),
        (CLICK, CLICK, 1000.5),
        (SEARCH, SEARCH, 1000.6),
        (CLICK, LEAVE, 0.0),
        (LEAVE, CLICK, 0.0),
        (CLICK, {"type": "click"}, 0.3),
        (CLICK, {"type": "click", "name": "shoes"}, 0.5 + 1000 * 2 / 3),
        (SEARCH, {**SEARCH, "text": "socks"}, 0.6),
        (SEARCH, {**SEARCH, "name": "box"}, 0.5 + 0.1 * 2 / 3 + 1000),
        (SEARCH, {"type": "type_and_submit", "text": "blue"}, 0.4 + 1000 * 0.5),
    ],
)
def test_type_then_attributes_then_text(true, action, value):
    assert score(true, action) == pytest.approx(value)


def test_weight_and_floor():
    assert score(CLICK, CLICK, text_weight=1.0) == pytest.approx(1.5)
    assert score(CLICK, {"type": "click", "name": "shoes"}, floor=0.75) == pytest.approx(0.5)
    assert ShopAction(text_weight=2.0).bounds == (0.0, 2.6)


def test_without_both_keys_there_is_nothing():
    problem = Problem(7, "?", meta={"action": LEAVE})
    for response in ("terminate", '{"action": {"type": "terminate"}}', '{"rationale": "", "action": "terminate"}'):
        assert ShopAction()(problem, response) == {"format": 0.0, "action": 0.0}
    assert ShopAction()(problem, '{"rationale": "", "action": {}}') == {"format": 0.5, "action": 0.0}


def test_refused():
    with pytest.raises(GuerdonError, match=r"problem 7 needs meta\['action'\] with a type of terminate, click"):
        ShopAction().check(Problem(7, "?", meta={"action": {"type": "buy"}}))
    with pytest.raises(GuerdonError, match="text_weight must be at least 0 and floor from 0 to 1"):
        ShopAction(floor=2.0)
    assert from_json(to_json(ShopAction(floor=0.75))) == ShopAction(floor=0.75)
