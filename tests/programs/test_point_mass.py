import numpy as np
import pytest

from guerdon.errors import GuerdonError
from guerdon.programs.point_mass import SPEC, PointMass
from guerdon.programs.program import Program
from guerdon.programs.stub import linear_program

SMALL = PointMass(generations=12, population=8)


def test_a_good_controller_stops_at_the_goal_and_doing_nothing_does_not():
    toy = PointMass()
    data, success = toy.episodes(np.array([[3.0, 3.0, 0, 0], [0, 0, 0, 0]]), toy.places(np.random.default_rng(0), 16))
    assert success.tolist() == [1.0, 0.0]
    assert set(data) == set(SPEC.fields) and all(values.shape == (2 * 16 * 60,) for values in data.values())
    halves = data["effort"].reshape(2, -1)
    assert halves[0].max() <= 2.0 and halves[1].max() == 0


def test_what_is_learned_is_what_the_program_pays():
    good = Program(linear_program({"distance": -1.0, "speed": -0.3}), SPEC)
    lazy = Program(linear_program({"effort": -1.0}), SPEC)
    reached, still = SMALL(good, 0), SMALL(lazy, 0)
    assert reached.last == 1.0 and still.last == 0.0
    assert len(reached.series["distance"]) == 12 and reached.series["distance"][-1] > reached.series["distance"][0]


def test_the_sandbox_gives_the_same_run():
    program = Program(linear_program({"distance": -1.0}), SPEC)
    toy = PointMass(generations=2, population=3)
    inside = PointMass(generations=2, population=3, isolate=True)(program, 1)
    assert toy(program, 1).series == inside.series
    with pytest.raises(GuerdonError, match="at least one"):
        PointMass(steps=0)
