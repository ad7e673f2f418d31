import numpy as np
import pytest

from guerdon.errors import GuerdonError
from guerdon.papers.text2reward import LIFT, REACH
from guerdon.programs.program import Program
from guerdon.programs.static import renamed
from guerdon.programs.tabletop import NAMES, SPEC, Tabletop

SMALL = Tabletop(iterations=10)


def plan(*moves):
    return np.array([moves], float)


def test_a_cube_is_lifted_by_the_closed_hand_only():
    toy = Tabletop(phases=4, hold=5)
    down = ((0.8, -1, -1), (0, 0, 1), (0, 1, 1))
    data, lifted = toy.play(plan(*down, (0, 0, 1)), 0.4)
    assert lifted.tolist() == [True] and data["tcp.grasped"][9] and data["obj.place"][-1, 1] >= 0.4
    _, dropped = toy.play(plan(*down, (0, 0, -1)), 0.4)
    _, elsewhere = toy.play(plan(*down, (0, 0, 1)), -0.4)
    _, open_hand = toy.play(plan((0.8, -1, -1), (0, 0, -1), (0, 1, -1), (0, 0, -1)), 0.4)
    assert not dropped.any() and not elsewhere.any() and not open_hand.any()


def test_fields_have_the_declared_shapes():
    data, _ = SMALL.play(np.zeros((3, 6, 3)), 0.5)
    for name, what in SPEC.fields.items():
        assert data[name].shape == (3 * 24, *what.shape), name


def test_what_is_learned_is_what_the_program_pays():
    reach = SMALL(Program(renamed(REACH, NAMES), SPEC), 0)
    lift = Tabletop()(Program(renamed(LIFT, NAMES), SPEC), 0)
    assert reach.facts["nearest"] < 0.1 and reach.last == 0.0 and lift.last == 1.0
    assert len(lift.series["lift"]) == 40


def test_bad_numbers_are_refused():
    with pytest.raises(GuerdonError, match="elites"):
        Tabletop(elites=40)
