import pytest

from guerdon.errors import GuerdonError
from guerdon.scorers.exact import Exact
from guerdon.tasks.problem import Problem


@pytest.mark.parametrize(
    ("scorer", "response", "score"),
    [
        (Exact(), " Cat\n", 1.0),
        (Exact(), "cat", 0.0),
        (Exact(ignore_case=True), "cAT", 1.0),
        (Exact(tag="a"), "so <a> Cat </a>", 1.0),
        (Exact(tag="a"), "Cat", 0.0),
        (Exact(tag="a", ignore_case=True), "Cat", 0.0),
    ],
)
def test_equal_or_not(scorer, response, score):
    assert scorer(Problem(0, "?", "Cat"), response) == score


def test_a_problem_without_a_reference_is_refused():
    with pytest.raises(GuerdonError, match="problem 3 needs a reference answer, got none"):
        Exact().check(Problem(3, "?"))
