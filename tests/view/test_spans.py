import pytest

from guerdon.view.spans import context_spans, tool_spans, turn_spans


def test_turns_are_spans_where_there_are_several():
    assert turn_spans([0, 0, 0]) == [] and turn_spans([]) == []
    assert turn_spans([0, 0, 2]) == [
        {"kind": "turn", "from": 0, "to": 2, "label": "turn 1"},
        {"kind": "turn", "from": 2, "to": 3, "label": "turn 3"},
    ]


def test_a_tool_call_spans_the_tokens_that_its_tags_touch():
    texts = ["so ", "<tool", "_call>f(", "1)</tool_", "call> ok", "<tool_response>2", "</tool_response>", "."]
    assert tool_spans(texts) == [
        {"kind": "tool_call", "from": 1, "to": 5, "label": "tool_call"},
        {"kind": "tool_result", "from": 5, "to": 7, "label": "tool_response"},
    ]


@pytest.mark.parametrize("texts", [["a <search>b"], ["a <", "search>", "b", ""]])
def test_an_open_call_goes_to_the_end(texts):
    (span,) = tool_spans(texts)
    assert (span["kind"], span["from"]) == ("tool_call", 0) and span["to"] == len([text for text in texts if text])


def test_plain_text_and_none_have_no_spans():
    assert tool_spans([]) == tool_spans(["a < b > c", "</tool_call>"]) == []


def test_context_stands_before_the_token_that_follows_it():
    assert context_spans([3, 4, 9, 10], '[[5, "result"], [11, "end"]]') == [
        {"kind": "context", "from": 2, "to": 2, "label": "context", "text": "result"},
        {"kind": "context", "from": 4, "to": 4, "label": "context", "text": "end"},
    ]
    assert context_spans([1], None) == context_spans(None, '[[5, "x"]]') == context_spans([1], "[]") == []
