"""A room and imagined walks through it."""

import pytest
import torch

from guerdon.errors import GuerdonError
from guerdon.solvers.imagined_room import WALKS, ImaginedRoom


def test_moves_and_walls():
    table = ImaginedRoom(size=4).transition()
    assert table.sum(2).unique().tolist() == [1.0]
    # From cell 5, in row 1 and column 1: up, right, down, left.
    assert table[5].argmax(1).tolist() == [1, 6, 9, 4]
    assert table[0].argmax(1).tolist() == [0, 1, 4, 0]


@pytest.mark.parametrize("size", [4, 7, 12])
def test_walks_go_by_twos_and_stay_inside(size):
    room = ImaginedRoom(size=size)
    for number in range(WALKS):
        cells = room.walk(number)
        assert len(cells) and int(cells.min()) >= 0 and int(cells.max()) < size**2
        jumps = (cells // size).diff().abs() + (cells % size).diff().abs()
        assert int(jumps.max()) <= 2 or number == 0  # to the corner the walk is diagonal
    assert room.walk(0)[-1] == 0 and bool((room.walk(1) % size == 0).all()) and bool((room.walk(2) < size).all())


def test_without_palette_and_noise_a_frame_is_the_observation():
    room = ImaginedRoom(palette=0.0, noise=0.0, brightness=3.0)
    torch.testing.assert_close(room.frames(3), 3 * room.features()[room.walk(3)])
    assert torch.equal(ImaginedRoom().frames(1), ImaginedRoom().frames(1))
    assert not torch.equal(ImaginedRoom().frames(1), ImaginedRoom(seed=1).frames(1))


def test_occupancy_and_distance_by_hand():
    room = ImaginedRoom(size=4)
    up = torch.tensor([[1.0, 0, 0, 0]]).expand(16, 4)
    share = room.occupancy(up, start=8, steps=4)
    assert (share[4], share[0], float(share.sum())) == (0.25, 0.75, 1.0)
    # The left wall's walk shows cells 0 and 8; 0.75 of the time is spent in 0 and 0.25 in 4.
    assert room.walk(1).tolist() == [0, 8]
    assert room.apart(share, 1) == pytest.approx(0.5)


def test_bad_sizes():
    for bad in ({"size": 3}, {"width": 0}, {"noise": -1.0}, {"brightness": 0.0}):
        with pytest.raises(GuerdonError, match="ImaginedRoom needs size >= 4"):
            ImaginedRoom(**bad)
