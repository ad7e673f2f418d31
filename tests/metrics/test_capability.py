import pytest

from guerdon.errors import GuerdonError
from guerdon.metrics.capability import accuracy, capability, change_by_difficulty


def test_means_count_every_question_once() -> None:
    assert accuracy([(2, 1), (8, 8)]) == 0.75
    assert capability([(4, 1), (2, 0)], 2) == pytest.approx(0.25)


def test_an_edge_belongs_to_the_upper_interval_and_sample_counts_may_differ() -> None:
    before, after = [(8, 2), (4, 4), (8, 1)], [(4, 2), (8, 4), (16, 0)]
    assert change_by_difficulty(before, after) == {0: -0.125, 1: 0.25, 3: -0.5}


def test_bad_input() -> None:
    with pytest.raises(GuerdonError, match="same questions"):
        change_by_difficulty([(1, 1)], [])
    with pytest.raises(GuerdonError, match="at least one question"):
        accuracy([])
    with pytest.raises(GuerdonError, match="draw more samples"):
        capability([(2, 1)], 4)
