"""Levels that follow how a prompt is doing."""

import math

import pytest
import torch

from guerdon.curricula.level_by_reward import LevelByReward
from guerdon.errors import GuerdonError
from guerdon.papers._bench import ragged
from guerdon.rng import Stream
from guerdon.tasks.graded_bandit import GradedBandit
from guerdon.tasks.token_tree import TokenTree

TASK = GradedBandit(prompts=3, hints=2, noises=2)
"""Five levels; prompt p is plain as problem 5 p + 2."""


def shown(piece, state, *steps):
    for rewards, problems in steps:
        batch = ragged(rewards).with_columns({"group.problem_id": torch.tensor(problems)}).with_run(task=TASK)
        piece.observe(batch, state)


def test_the_first_step_only_says_what_is_usual():
    piece = LevelByReward()
    state = piece.init_state()
    shown(piece, state, ([[1, 0], [0, 0]], [2, 7]))
    assert state.levels == {} and state.recent == [0.25]


def test_worse_than_usual_is_shown_more_easily_and_better_less_clearly():
    piece = LevelByReward(width=0.25)
    state = piece.init_state()
    shown(piece, state, ([[1, 0]], [2]), ([[0, 0], [1, 1], [1, 0]], [2, 7, 12]))
    assert state.levels == {0: -2, 1: 2, 2: 0}
    assert sorted(piece.pick(TASK, 3, Stream((0,)), state)) == [0, 9, 12]
    # From where it was shown, and not beyond the last level.
    shown(piece, state, ([[1, 0, 0, 0], [1, 1]], [3, 9]))
    assert state.levels[0] == 0 and state.levels[1] == 2


def test_the_usual_reward_is_of_the_last_steps():
    piece = LevelByReward(window=2)
    state = piece.init_state()
    shown(piece, state, *[([[reward]], [2]) for reward in (0, 1, 0.5)])
    assert state.recent == [1, 0.5]


def test_unscored_groups_change_nothing():
    piece = LevelByReward()
    state = piece.init_state()
    shown(piece, state, ([[1, 0]], [2]), ([[math.nan]], [7]))
    assert state.levels == {} and state.recent == [0.5]


def test_the_levels_survive_a_checkpoint():
    piece = LevelByReward()
    state, other = piece.init_state(), piece.init_state()
    shown(piece, state, ([[1, 0]], [2]), ([[0, 0], [1, 1]], [2, 7]))
    other.load_state_dict(state.state_dict())
    assert (other.levels, other.recent) == (state.levels, state.recent)
    other.load_state_dict(piece.init_state().state_dict())
    assert (other.levels, other.recent) == ({}, [])


def test_prompts_repeat_only_where_there_are_too_few():
    piece = LevelByReward()
    assert sorted(piece.pick(TASK, 5, Stream((0,)), piece.init_state()))[::2] in ([2, 7, 12], [2, 2, 12], [2, 7, 7])
    assert len(set(piece.pick(TASK, 3, Stream((0,)), piece.init_state()))) == 3


def test_bad_input():
    piece = LevelByReward()
    with pytest.raises(GuerdonError, match="needs a task with levels"):
        piece.pick(TokenTree(), 2, Stream((0,)), piece.init_state())
    with pytest.raises(GuerdonError, match="width > 0"):
        LevelByReward(width=0.0)
