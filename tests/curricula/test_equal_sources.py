"""Equal parts of every source."""

from dataclasses import dataclass

import pytest
import torch

from guerdon.curricula.equal_sources import EqualSources
from guerdon.errors import GuerdonError
from guerdon.rng import Stream
from guerdon.tasks.token_tree import TokenTree
from guerdon.tasks.two_skills import TwoSkills


@dataclass(frozen=True)
class Lopsided:
    """Ninety problems of source 0 and five each of 1 and 2."""

    def sources(self):
        return torch.tensor([0] * 90 + [1] * 5 + [2] * 5)

    def size(self, split):
        return 100


def picked(task, count, seed=0):
    return EqualSources().pick(task, count, Stream((seed,)))


def test_sources_of_any_size_give_equally_many():
    numbers = picked(Lopsided(), 15)
    assert torch.bincount(Lopsided().sources()[numbers]).tolist() == [5, 5, 5]
    assert len(set(numbers)) == 15


def test_what_cannot_be_shared_goes_to_random_sources():
    counts = [torch.bincount(Lopsided().sources()[picked(Lopsided(), 4, seed)], minlength=3) for seed in range(30)]
    assert all(sorted(each.tolist()) == [1, 1, 2] for each in counts)
    assert len({tuple(each.tolist()) for each in counts}) == 3


def test_a_small_source_is_repeated_only_when_it_is_used_up():
    numbers = [number for number in picked(Lopsided(), 36) if 90 <= number < 95]
    assert sorted(numbers.count(number) for number in range(90, 95)) == [2, 2, 2, 3, 3]


def test_fewer_problems_than_sources_and_one_source_alone():
    assert len(picked(Lopsided(), 2)) == 2 and picked(Lopsided(), 0) == []
    assert max(picked(TwoSkills(replay=False), 48)) < 48


def test_equal_streams_give_equal_problems():
    assert picked(TwoSkills(), 32) == picked(TwoSkills(), 32) != picked(TwoSkills(), 32, seed=1)


def test_a_task_without_sources():
    with pytest.raises(GuerdonError, match="needs a task with sources"):
        picked(TokenTree(), 4)
