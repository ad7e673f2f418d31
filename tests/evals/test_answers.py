"""How answers are read, and that the judging rule decides where nobody says."""

import pytest

from guerdon.errors import GuerdonError
from guerdon.evals.answers import kind_of, reader
from guerdon.rewards.scored import Scored
from guerdon.rewards.verifier import Verifier
from guerdon.scorers.choice import Choice
from guerdon.scorers.exact import Exact
from guerdon.scorers.number import Number
from guerdon.tasks.jsonl import JsonlProblems
from guerdon.tasks.modular_sum import ModularSum
from guerdon.tasks.reasoning_gym import ReasoningGym


def test_the_rule_says_how():
    assert kind_of(Scored(Number(tag="answer"))) == ("number", "answer")
    assert kind_of(JsonlProblems("x.jsonl")) == ("text", None)
    assert kind_of(JsonlProblems("x.jsonl", scorer=Exact(tag="a"))) == ("text", "a")
    assert kind_of(ReasoningGym("chain_sum", answer_tag="answer")) == ("text", "answer")
    assert kind_of(Scored(Choice(tag="b"))) == ("final", "b")
    assert kind_of(ModularSum()) == ("text", None)
    assert kind_of(Verifier()) == kind_of(None) == ("final", None)


def test_readings():
    text = "I think <answer> The answer is 1,000. </answer>"
    assert reader("text", "answer")[1](text) == "The answer is 1,000."
    assert reader("number", "answer")[1](text) == reader("number", None)[1]("so 1000") == 1000.0
    assert reader("final", None)[1](r"so \boxed{ 1 / 2 }") == reader("final", None)[1]("#### 1/2")
    assert reader("auto", "answer", Scored(Number()))[1]("<answer>7</answer> 8") == 7.0
    assert reader("auto", None, Scored(Number()))[0] == "the last number"
    assert reader("final", "x")[0] == "the final answer in <x>"


def test_what_cannot_be_read_is_none():
    assert reader("text", "answer")[1]("no tag") is None and reader("text", None)[1]("  ") is None
    assert reader("number", None)[1]("none") is None and reader("number", "a")[1]("7") is None
    assert reader("final", None)[1]("no idea") is None
    with pytest.raises(GuerdonError, match="one of auto, text, number, final, got 'word'"):
        reader("word", None)
