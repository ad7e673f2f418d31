from collections import Counter

import pytest
import torch
from strategies import batch_of

from guerdon.curricula.stages import Stages
from guerdon.errors import GuerdonError
from guerdon.rng import Stream
from guerdon.tasks.problem import Problem
from guerdon.tasks.token_tree import TokenTree
from guerdon.tasks.two_skills import TwoSkills


class Levels:
    def __init__(self, *levels):
        self.levels = levels

    def size(self, split):
        return len(self.levels)

    def sources(self):
        return torch.tensor(self.levels)


class Named:
    def size(self, split):
        return 3

    def problem(self, split, number):
        return Problem(number, "?", meta={"stage": 1} if number == 1 else {})


def picked(piece, task, progress, count=4, seed=0):
    state = piece.init_state()
    piece.observe(batch_of([1]).with_run(progress=progress), state)
    return piece.pick(task, count, Stream((seed,)), state)


TASK = Levels(0, 1, 2, 2, 0, 1)


@pytest.mark.parametrize(("progress", "wanted"), [(0.0, {0, 4}), (0.34, {1, 5}), (0.66, {1, 5}), (0.67, {2, 3})])
def test_one_stage_after_the_other(progress, wanted):
    assert set(picked(Stages(), TASK, progress, count=2)) == wanted
    assert set(picked(Stages(), TASK, progress, count=40)) == wanted


def test_earlier_problems_stay_and_newer_ones_come_more_often():
    piece = Stages((0.5,), cumulative=True)
    counts = Counter(number for seed in range(2000) for number in picked(piece, Levels(0, 0, 1), 0.9, 1, seed))
    assert counts[2] / 2000 == pytest.approx(0.5, abs=0.05) and counts[0] / 2000 == pytest.approx(0.25, abs=0.05)
    assert set(picked(piece, Levels(0, 0, 1), 0.2, 20)) == {0, 1}
    assert sorted(picked(piece, TASK, 0.9, 4)) == [0, 1, 4, 5]


def test_an_empty_stage_has_the_problems_of_the_one_before():
    assert set(picked(Stages(), Levels(0, 2), 0.5, 10)) == {0}
    assert set(picked(Stages(), Levels(1, 2), 0.0, 10)) == {0}


def test_stages_of_problems_and_of_skills():
    assert Stages(by="stage").stages(Named()).tolist() == [0, 1, 0]
    assert Stages().stages(TwoSkills(prompts=2)).tolist() == [0, 0, 1, 1]


def test_state_goes_into_checkpoints():
    state = Stages().init_state()
    Stages().observe(batch_of([1]).with_run(progress=0.5), state)
    other = Stages().init_state()
    other.load_state_dict(state.state_dict())
    assert float(other.done) == 0.5


def test_bad_input():
    for until in ((), (0.5, 0.5), (1.0,)):
        with pytest.raises(GuerdonError, match="ascending"):
            Stages(until)
    with pytest.raises(GuerdonError, match="newest must be positive"):
        Stages(newest=0.0)
    with pytest.raises(GuerdonError, match="a task with sources, such as TwoSkills"):
        picked(Stages(), TokenTree(), 0.0)
