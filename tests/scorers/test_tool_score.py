import gzip
import json
from pathlib import Path

import pytest

from guerdon.errors import GuerdonError
from guerdon.scorers.tool_score import ToolScore
from guerdon.serial import from_json, to_json
from guerdon.tasks.problem import Problem

DATA = Path(__file__).parents[3] / "shared" / "data" / "toolrl"


def text(*calls: str, response: str = "", think: str = "hm") -> str:
    blocks = [f"<think>{think}</think>"]
    blocks += ["\n".join(["<tool_call>", *calls, "</tool_call>"])] if calls else []
    return "\n".join([*blocks, *([f"<response>{response}</response>"] if response else [])])


def call(name: str, **parameters: object) -> str:
    return json.dumps({"name": name, "parameters": parameters})


def match(gold: str, response: str, **fields: object) -> float:
    return ToolScore(**fields)(Problem(7, "?", gold), response)["tool_match"]  # type: ignore[arg-type]


F = call("f", x=1, y=2)


@pytest.mark.parametrize(
    ("made", "score"),
    [
        ([F], 3.0),
        ([call("f", y=2, x=1)], 3.0),
        ([call("f", x=1, z=9)], 6 * (1 + 1 / 3 + 1) / 4 - 3),
        ([call("f", x=2, y=1)], 6 * (1 + 1 + 0) / 4 - 3),
        ([call("f", x=1)], 6 * (1 + 1 / 2 + 1) / 4 - 3),
        ([call("f", x="1", y=2)], 6 * (1 + 1 + 1) / 4 - 3),
        ([call("g", x=1, y=2)], -3.0),
        ([F, call("g")], 6 * (1 / 2 + 3) / 4 - 3),
        ([F, F], 6 * (1 / 2 + 3) / 4 - 3),
        (["f(x=1)"], -3.0),
        (['{"name": "f"}'], -3.0),
        (['{"name": "f", "arguments": {"x": 1, "y": 2}}'], -3.0),
        (['{"name": "f", "parameters": [1]}'], -3.0),
        (["3"], -3.0),
        ([], -3.0),
    ],
)
def test_match_of_one_call(made, score):
    assert match(text(F), text(*made)) == pytest.approx(score)


def test_order_does_not_count_and_neither_does_a_missing_parameter_list():
    assert match(text(F, call("g")), text(call("g"), F)) == 3.0
    assert match(text(F, call("g")), text(call("g"), F), low=0.1, high=0.3) == 0.3
    assert match(text(F, call("g")), text(F)) == pytest.approx(6 * (1 / 2 + 3) / 5 - 3)


def test_pairing_may_be_optimal():
    gold = text(call("f", x=1), F)
    made = text(F, call("f", z=0))
    assert match(gold, made) == pytest.approx(6 * (1 + 1.5 + 0) / 6 - 3)
    assert match(gold, made, pairing="optimal") == pytest.approx(6 * (1 + 3 + 0) / 6 - 3)


def test_a_gold_without_calls_asks_for_none():
    gold = text(response="Hello")
    assert match(gold, text(F)) == match(gold, gold) == 0.0


@pytest.mark.parametrize(
    ("gold", "response", "fits"),
    [
        (text(F), text(F), 1.0),
        (text(F), text(F, think="<tool_call> it is"), 1.0),
        (text(F), text(F).replace("\n", ""), 0.0),
        (text(F), text(F) + "\n", 0.0),
        (text(F), "So " + text(F), 0.0),
        (text(F), text(F, response="and"), 0.0),
        (text(F), text(F) + text(F)[15:], 0.0),
        (text(F), text(response="no"), 0.0),
        (text(response="a"), text(response="b"), 1.0),
        (text(response="a"), text(F), 0.0),
        (text(F, response="a"), text(F, response="b"), 1.0),
        (text(F, response="a"), text(F), 0.0),
        (text(), text(), 1.0),
        (text(), "", 0.0),
    ],
)
def test_format(gold, response, fits):
    assert ToolScore()(Problem(7, "?", gold), response)["tool_format"] == fits


def test_fields_and_bad_problems():
    scorer = ToolScore(low=-1.0, high=1.0, pairing="optimal")
    assert scorer.bounds == (-1.0, 1.0) and from_json(to_json(scorer)) == scorer
    assert ToolScore().bounds == (-3.0, 3.0) and ToolScore(low=1.0).bounds == (0.0, 3.0)
    with pytest.raises(GuerdonError, match="low must be below high, got 3"):
        ToolScore(low=3)
    for bad in ("<tool_call>f</tool_call>", "<tool_call></tool_call>"):
        with pytest.raises(GuerdonError, match="the answer of problem 7 must hold JSON calls in <tool_call>"):
            ToolScore().check(Problem(7, "?", bad))


@pytest.mark.skipif(not DATA.exists(), reason="needs the ToolRL data")
@pytest.mark.parametrize(("name", "key"), [("rlla_sft", "output"), ("rlla_rule_test", "ground_truth")])
def test_released_golds_score_the_most_against_themselves(name, key):
    with gzip.open(DATA / f"{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
        golds = [json.loads(line)[key] for line in lines]
    for gold in golds:
        most = 3.0 if "\n<tool_call>\n" in gold else 0.0
        assert ToolScore()(Problem(0, "?", gold), gold) == {"tool_format": 1.0, "tool_match": most}
