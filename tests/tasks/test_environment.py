import pytest

from guerdon.errors import GuerdonError
from guerdon.tasks.environment import ActionSpace, ControlTask
from guerdon.tasks.maze import Maze
from guerdon.tasks.offline import Offline
from guerdon.tasks.token_tree import TokenTree


def test_an_action_space_has_choices_or_bounds():
    assert ActionSpace(choices=3).size == 0
    assert ActionSpace(low=(0.0, -1.0), high=(1.0, 1.0)).size == 2
    for wrong in ({}, {"choices": 2, "low": (0.0,), "high": (1.0,)}, {"low": (0.0,), "high": ()}):
        with pytest.raises(GuerdonError, match="an action space must have choices, or low and high of one length"):
            ActionSpace(**wrong)


def test_what_a_control_task_is():
    assert isinstance(Maze(), ControlTask) and isinstance(Offline(), ControlTask)
    assert not isinstance(TokenTree(), ControlTask)
