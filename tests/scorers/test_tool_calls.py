import gzip
import itertools
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guerdon.errors import GuerdonError
from guerdon.scorers._calls import best_pairs, calls_in, tagged_calls
from guerdon.scorers.tool_calls import ToolCalls, accepts
from guerdon.serial import from_json, to_json
from guerdon.tasks.problem import Problem

DATA = Path(__file__).parents[3] / "shared" / "data" / "bfcl"
WEATHER = {
    "name": "weather.get",
    "parameters": {
        "type": "dict",
        "properties": {"city": {"type": "string"}, "days": {"type": "integer"}, "unit": {"type": "string"}},
        "required": ["city"],
    },
}
GOLD = {"weather.get": {"city": ["New York, NY", "New York"], "days": [3], "unit": ["", "C"]}}


def score(response: str, *calls: object, functions: tuple = (WEATHER,), **fields: bool) -> float:
    return ToolCalls(**fields)(Problem(7, "?", meta={"calls": list(calls), "functions": list(functions)}), response)


@pytest.mark.parametrize(
    ("response", "right"),
    [
        ("weather.get(city='New York', days=3)", 1.0),
        ("[weather.get('new-york ny', 3, 'c')]", 1.0),
        ('{"name": "weather.get", "arguments": {"city": "New York", "days": 3}}', 1.0),
        ('[{"weather.get": {"city": "New York", "days": 3}}]', 1.0),
        ('Ok.\n<tool_call>{"name": "weather.get", "parameters": {"city": "New York", "days": 3}}</tool_call>', 1.0),
        ("```python\nweather.get(city='New York', days=3)\n```", 1.0),
        ("weather.got(city='New York', days=3)", 0.0),
        ("weather_get(city='New York', days=3)", 0.0),
        ("weather.get(city='New York')", 0.0),
        ("weather.get(days=3)", 0.0),
        ("weather.get(city='New York', days=3, hours=2)", 0.0),
        ("weather.get(city='Newark', days=3)", 0.0),
        ("weather.get(city='New York', days='3')", 0.0),
        ("weather.get(city='New York', days=3.0)", 0.0),
        ("weather.get(city='New York', days=True)", 0.0),
        ("weather.get(city='New York', days=3, unit='F')", 0.0),
        ("[weather.get(city='New York', days=3), weather.get(city='New York', days=3)]", 0.0),
        ("It will rain.", 0.0),
        ("", 0.0),
    ],
)
def test_one_call(response, right):
    assert score(response, GOLD) == right


def test_underscores_stand_for_dots_where_allowed():
    assert score("weather_get(city='New York', days=3)", GOLD, underscores=True) == 1.0


def test_parallel_calls_come_in_any_order_and_pairs_are_searched():
    wide, narrow = {"f": {"x": [1, 2]}}, {"f": {"x": [1]}}
    assert score("[f(x=1), f(x=2)]", wide, narrow, functions=()) == 1.0  # first come, first served takes f(x=1) away
    assert score("[f(x=1), f(x=2)]", wide, narrow, functions=(), ordered=True) == 0.0
    assert score("[f(x=2), f(x=1)]", wide, narrow, functions=(), ordered=True) == 1.0
    assert score("[f(x=2), f(x=2)]", wide, narrow, functions=()) == 0.0
    assert score("[f(x=1)]", wide, narrow, functions=()) == 0.0


@pytest.mark.parametrize(
    ("response", "right"),
    [
        ("None of these tools helps.", 1.0),
        ("", 1.0),
        ("[]", 1.0),
        ("weather.get(city='Rome')", 0.0),
        ("<tool_call>weather.get</tool_call>", 0.0),
        ('<tool_call>{"name": "weather.get"', 0.0),
    ],
)
def test_no_call_where_none_helps(response, right):
    assert score(response) == right
    assert ToolCalls()(Problem(7, "?", meta={"calls": None}), response) == right


def test_gold_calls_as_text_keep_types_and_places():
    assert score("cd(folder='a')", "cd(folder='a')", functions=()) == 1.0
    assert score("cd('a')", "cd(folder='a')", functions=()) == 0.0
    assert score("mean([1, 2.0])", "mean([1.0, 2])", functions=()) == 1.0
    assert score("f(x=True)", "f(x=1)", functions=()) == 0.0
    assert score("f(x='A')", "f(x='a')", functions=()) == 0.0
    assert [score(text, "f(x='')", functions=()) for text in ("f(x='')", "f()")] == [1.0, 0.0]


@pytest.mark.parametrize(
    ("schema", "accepted", "value", "right"),
    [
        ({"type": "string"}, ["April 1, 2024"], "april 1 2024", True),
        ({"type": "string"}, ["it's"], 'it"s', True),
        ({"type": "string"}, ["a+b"], "a-b", False),
        ({"type": "float"}, [5.0], 5, True),
        ({"type": "integer"}, [5], 5.0, False),
        ({"type": "integer"}, ["n"], "n", True),
        ({"type": "integer"}, ["n"], "N", False),
        ({"type": "string"}, [None, "x"], None, True),
        ({"type": "boolean"}, [True], 1, False),
        ({"type": "any"}, [4], 4, True),
        ({"type": "array", "items": {"type": "string"}}, [["A b", "c"]], ["ab", "C"], True),
        ({"type": "array", "items": {"type": "string"}}, [["a", "b"]], ["b", "a"], False),
        ({"type": "array", "items": {"type": "integer"}}, [[1, 2]], [1, "2"], False),
        ({"type": "array", "items": {"type": "integer"}}, [[1]], [True], False),
        ({"type": "array", "items": {"type": "float"}}, [["", 1.0]], [1.0], False),
        ({"type": "array", "items": {"type": "integer"}}, [[1, 2]], (1, 2), False),
        ({"type": "tuple", "items": {"type": "float"}}, [[1.0, 2.0]], (1.0, 2.0), True),
        ({"type": "dict"}, [{"a": ["X"], "b": ["", 2]}], {"a": "x"}, True),
        ({"type": "dict"}, [{"a": ["X"], "b": ["", 2]}], {"a": "x", "b": 3}, False),
        ({"type": "dict"}, ["", {"a": [1]}], {"b": 1}, False),
        ({"type": "dict"}, ["", {"a": [1]}], {}, False),
        ({"type": "array", "items": {"type": "dict"}}, [[{"a": [1]}, {"a": [2, 3]}]], [{"a": 1}, {"a": 3}], True),
        ({"type": "array", "items": {"type": "dict"}}, [[{"a": [1]}, {"a": [2, 3]}]], [{"a": 3}, {"a": 1}], False),
        ({"type": "array", "items": {"type": "string"}}, [], [], True),
        ({"type": "array", "items": {"type": "string"}}, [], ["a"], False),
    ],
)
def test_values_compare_as_on_the_leaderboard(schema, accepted, value, right):
    assert accepts(accepted, value, schema) is right


def test_what_is_no_call_is_not_run_and_not_read():
    for text in ("1 + 1", "f", "x = f()", "f()()", "lambda: f()", "[f(), 3]", "(" * 3000, "\0", "f(" * 500):
        assert calls_in(text) == []
    assert calls_in("f(__import__('os').getcwd())") == [("f", {"#1": "__import__('os').getcwd()"})]
    assert tagged_calls('<tool_call>{"name": "f", "arguments": {}, "parameters": {}}</tool_call>') is None
    assert tagged_calls('<tool_call>{"f": {"x": 1}}\n{"g": {}}</tool_call>') == [("f", {"x": 1}), ("g", {})]


@given(st.integers(0, 4).flatmap(lambda n: st.lists(st.lists(st.integers(0, 5), min_size=n, max_size=n), max_size=4)))
def test_pairs_have_the_largest_sum(weights):
    pairs = best_pairs(weights)
    used = [column for column in pairs if column >= 0]
    width = max(map(len, weights), default=0)
    assert len(set(used)) == len(used) == min(len(weights), width)
    padded = [[*row, *[0] * len(weights)] for row in weights]
    orders = itertools.permutations(range(width + len(weights)), len(weights))
    best = max(sum(row[at] for row, at in zip(padded, order, strict=True)) for order in orders)
    assert sum(row[at] for row, at in zip(weights, pairs, strict=True) if at >= 0) == best


def test_bad_problems_are_refused():
    with pytest.raises(GuerdonError, match=r"problem 7 needs meta\['calls'\], a list of gold calls, got Problem"):
        ToolCalls().check(Problem(7, "?"))
    for call in ({"f": {"x": 1}}, {"f": 3}, {}, 3, "f"):
        with pytest.raises(GuerdonError, match="a gold call of problem 7 must be"):
            ToolCalls().check(Problem(7, "?", meta={"calls": [call]}))
    assert from_json(to_json(ToolCalls(ordered=True))) == ToolCalls(ordered=True)


@pytest.mark.skipif(not DATA.exists(), reason="needs the BFCL data")
@pytest.mark.parametrize("kind", ["simple_python", "multiple", "parallel", "parallel_multiple", "live_simple"])
def test_released_golds_score_1_and_one_call_more_does_not(kind):
    with gzip.open(DATA / f"{kind}.jsonl.gz", "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    for row in rows:
        tools = {tool["name"]: tool["parameters"] for tool in row["function"]}
        calls = [
            {
                "name": name,
                "arguments": {
                    argument: _chosen(accepted)
                    for argument, accepted in given.items()
                    if "" not in accepted or argument in tools[name]["required"]
                },
            }
            for gold in row["ground_truth"]
            for name, given in gold.items()
        ]
        asked = Problem(row["id"], "?", meta={"calls": row["ground_truth"], "functions": row["function"]})
        assert ToolCalls()(asked, json.dumps(calls)) == 1.0, row["id"]
        assert ToolCalls()(asked, json.dumps([*calls, calls[0]])) == 0.0, row["id"]


def _chosen(accepted: list) -> object:
    """The first accepted value; one that accepts nothing must be empty."""
    value = next((value for value in accepted if value != ""), [])
    if isinstance(value, dict):
        return {key: _chosen(inner) for key, inner in value.items() if "" not in inner}
    return [_chosen([item]) if isinstance(item, dict) else item for item in value] if isinstance(value, list) else value
