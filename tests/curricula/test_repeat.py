import pytest

from guerdon.curricula.repeat import Repeat
from guerdon.errors import GuerdonError
from guerdon.rng import Stream
from guerdon.tasks.token_tree import TokenTree

TASK = TokenTree(prompts=5)


def test_each_equally_often():
    assert Repeat((3,)).pick(TASK, 4, Stream((0,))) == [3] * 4
    picks = [Repeat((1, 4)).pick(TASK, 5, Stream((seed,))) for seed in range(20)]
    assert {tuple(sorted(pick)) for pick in picks} == {(1, 1, 1, 4, 4), (1, 1, 4, 4, 4)}
    assert picks[0] == Repeat((1, 4)).pick(TASK, 5, Stream((0,)))


def test_only_what_exists():
    with pytest.raises(GuerdonError, match="numbers below 5"):
        Repeat((5,)).pick(TASK, 1, Stream((0,)))
    with pytest.raises(GuerdonError, match="one or more numbers"):
        Repeat(())
