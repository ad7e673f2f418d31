import pytest

from guerdon.errors import GuerdonError
from guerdon.scorers.fills import Fills
from guerdon.tasks.problem import Problem


def score(masks, response, **fields):
    return Fills(**fields)(Problem(4, "?", meta={"masks": masks}), response)


@pytest.mark.parametrize(
    ("masks", "response", "value"),
    [
        (["x=2", "y"], '["x = 2", "z"]', 0.5),
        (["x=2", "y"], "x=2\nz", 0.5),
        (["x=2", "y"], "[]", 0.0),
        (["x=2", "y"], "", 0.0),
        (["1/2", "7"], '["0.5", 7.0]', 1.0),
        (["7"], "7 or 8", 0.0),
        (["Pythagoras"], "\n\n pythagoras \n", 1.0),
        (["a", "b"], "b\na", 0.0),
        (["a"], '["a", "b", "c"]', 1.0),
        (["a", "b", "c"], '["a"', 0.0),
    ],
)
def test_the_share_of_right_fills(masks, response, value):
    assert score(masks, response) == value


def test_tag():
    assert score(["a"], "<answer>a</answer>", tag="answer") == 1.0 and score(["a"], "a", tag="answer") == 0.0


@pytest.mark.parametrize("masks", [None, [], [" "], [7]])
def test_a_problem_without_masks_is_refused(masks):
    with pytest.raises(GuerdonError, match=r"problem 4 needs one or more texts in meta\['masks'\]"):
        score(masks, "a")
