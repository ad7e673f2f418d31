"""Answers as columns."""

from strategies import batch_of

from guerdon.rewards.answer import Answer


def answers(piece: Answer, *responses: str) -> object:
    return piece(batch_of([len(responses)], columns={"traj.response": list(responses)}))["traj.answer"]


def test_equal_numbers_are_equal_answers_however_they_are_written():
    assert answers(Answer(), "so 1,000", "it is 1000.0", "12 then 1e3", "no idea") == [1000.0, 1000.0, 1000.0, None]


def test_only_the_tag_counts():
    tagged = Answer(tag="answer")
    assert answers(tagged, "7 <answer>8</answer> 9", "<answer>x</answer>", "9") == [8.0, None, None]


def test_texts():
    texts = Answer("text", tag="a")
    assert answers(texts, "<a> Paris </a>", "Paris", "<a></a>") == ["Paris", None, None]
    assert answers(Answer("text"), " yes\n", "") == ["yes", None]
