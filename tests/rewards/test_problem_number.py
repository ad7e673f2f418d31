import pytest
from strategies import batch_of

from guerdon.errors import GuerdonError
from guerdon.rewards.problem_number import ProblemNumber
from guerdon.tasks.problem import Problem


def column(piece, *metas):
    problems = [Problem(number, "?", meta=meta) for number, meta in enumerate(metas)]
    return piece(batch_of([1] * len(metas), columns={"group.problem": problems}))


def test_numbers_labels_and_a_default():
    assert column(ProblemNumber("rate"), {"rate": 2}, {"rate": 0.5})["group.rate"].tolist() == [2.0, 0.5]
    labelled = ProblemNumber("level", {"easy": 1.0, "hard": 1.5}, default=0.25)
    assert column(labelled, {"level": "hard"}, {}, {"level": "easy"}, {"level": 3})["group.level"].tolist() == [
        1.5,
        0.25,
        1.0,
        3.0,
    ]
    assert column(ProblemNumber("rate"))["group.rate"].tolist() == [] and labelled.writes == ("group.level",)


@pytest.mark.parametrize("meta", [{}, {"rate": "much"}, {"rate": True}, {"rate": float("nan")}, {"rate": None}])
def test_what_is_no_number_is_refused(meta):
    with pytest.raises(GuerdonError, match=r"problem 0 needs a number in meta\['rate'\]"):
        column(ProblemNumber("rate"), meta)


def test_an_unknown_label_is_refused():
    with pytest.raises(GuerdonError, match="needs a number or one of easy, hard in"):
        column(ProblemNumber("level", {"easy": 1.0, "hard": 1.5}), {"level": "middle"})
