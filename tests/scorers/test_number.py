import pytest

from guerdon.errors import GuerdonError
from guerdon.scorers.number import Number
from guerdon.tasks.problem import Problem


@pytest.mark.parametrize(
    ("scorer", "response", "score"),
    [
        (Number(), "so it is $1000.00", 1.0),
        (Number(), "1000 or 999", 0.0),
        (Number(), "none", 0.0),
        (Number(tolerance=0.01), "1,009", 1.0),
        (Number(tolerance=0.01), "1,011", 0.0),
        (Number(tag="a"), "7 <a>1000</a> 8", 1.0),
        (Number(tag="a"), "1000", 0.0),
    ],
)
def test_close_or_not(scorer, response, score):
    assert scorer(Problem(0, "?", "1,000"), response) == score


def test_bad_input():
    with pytest.raises(GuerdonError, match="needs an answer with a number, got 'many'"):
        Number().check(Problem(3, "?", "many"))
    with pytest.raises(GuerdonError, match="must be at least 0, got -1"):
        Number(tolerance=-1.0)
