import math

import pytest

from guerdon.errors import GuerdonError
from guerdon.metrics.voting import most_confident, weighted_majority


def test_confidence_outweighs_number():
    answers = ["a", "a", "b", None]
    assert weighted_majority(answers) == "a"
    assert weighted_majority(answers, [0.2, 0.2, 0.5, 1.0]) == "b"
    assert weighted_majority(answers, [0.3, 0.3, 0.5, 1.0]) == "a"
    assert most_confident(answers, [0.3, 0.3, 0.5, 1.0]) == "b"


def test_what_has_no_vote():
    assert weighted_majority([None, None], [1.0, 1.0]) is None and most_confident([], []) is None
    assert weighted_majority(["a", "b"], [math.nan, 0.1]) == "b"
    assert most_confident(["a", "b"], [0.5, 0.5]) == "a"


def test_one_confidence_per_answer():
    with pytest.raises(GuerdonError, match="got 2 answers and 1 confidences"):
        weighted_majority(["a", "b"], [0.1])
