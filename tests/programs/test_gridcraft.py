import numpy as np
import pytest

from guerdon.errors import GuerdonError
from guerdon.papers.auto_mc_reward import CAREFUL, NEARER
from guerdon.programs.gridcraft import SPEC, GridCraft, distances
from guerdon.programs.program import Program


def test_distances_go_around_what_is_blocked():
    blocked = np.array([[0, 1, 0], [0, 1, 0], [0, 0, 0]], bool)
    assert distances(blocked, [(0, 0)]).tolist() == [[0, 9, 6], [1, 9, 5], [2, 3, 4]]


@pytest.mark.parametrize("seed", range(5))
def test_the_ore_can_be_reached(seed):
    toy = GridCraft()
    lava, ore = toy.cave(seed)
    assert not lava[0, 0] and not lava[ore] and lava.sum() >= toy.lava - 2
    assert distances(lava, [(0, 0)])[ore] < 144
    assert (toy.cave(seed)[0] == lava).all()


def test_without_lava_getting_nearer_is_enough():
    toy = GridCraft(size=6, lava=0, episodes=100, slip=0.0)
    trained = toy(Program(NEARER, SPEC), 0)
    assert trained.last > 0.9 and trained.facts["lava deaths"] == 0 and len(trained.series["dense"]) == 100
    assert toy(Program(NEARER, SPEC), 0).series == trained.series


def test_deaths_are_logged():
    trained = GridCraft(episodes=30)(Program(CAREFUL, SPEC), 1)
    assert any("death:lava" in event for event in trained.events)


def test_learning_goes_from_the_end_and_stops_there():
    toy = GridCraft(lr=1.0, discount=0.5)
    q = np.zeros((12, 12, 4))
    q[2, 2] = 8.0
    steps = [((0, 0), 1, (1, 1)), ((1, 1), 2, (2, 2))]
    toy.learn(q, steps, np.array([0.0, 1.0]), "ore")
    assert q[1, 1, 2] == 1.0 and q[0, 0, 1] == 0.5
    toy.learn(q, steps, np.array([0.0, 1.0]), "time")
    assert q[1, 1, 2] == 5.0 and q[0, 0, 1] == 2.5


def test_a_cave_has_room():
    with pytest.raises(GuerdonError, match="GridCraft needs"):
        GridCraft(lava=100)
