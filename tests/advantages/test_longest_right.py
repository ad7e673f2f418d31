import math

import pytest

from guerdon.advantages.longest_right import LongestRight
from guerdon.errors import GuerdonError
from guerdon.papers._bench import ragged


def weights(piece, rewards, lengths):
    return piece(ragged(rewards, lengths))["group.weight"].tolist()


def test_golden():
    got = weights(LongestRight(), [[1, 0, 0, 1]] * 2, [50, 80, 90, 60, 500, 80, 90, 60])
    assert got == pytest.approx([0.1, 1.0])
    assert weights(LongestRight(), [[1, 0]], [5, 5]) == pytest.approx([0.1])


def test_empty_sets():
    rewards, lengths = [[1, 1], [0, 0]], [5, 6, 7, 8]
    assert weights(LongestRight(), rewards, lengths) == pytest.approx([1, 0.1])
    assert weights(LongestRight(no_right=1, no_wrong=0.1), rewards, lengths) == pytest.approx([0.1, 1])


def test_cut_and_unscored_responses_do_not_count():
    rewards, lengths = [[1, 0, 0]], [50, 20, 200]
    assert weights(LongestRight(), rewards, lengths) == pytest.approx([0.1])
    assert weights(LongestRight(cut_at=200), rewards, lengths) == pytest.approx([1])
    assert weights(LongestRight(), [[1, 0, math.nan]], lengths) == pytest.approx([1])


def test_range():
    with pytest.raises(GuerdonError, match="weights of 0 or more"):
        LongestRight(low=-1)
