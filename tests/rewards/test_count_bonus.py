import pytest
import torch
from strategies import batch_of

from guerdon.errors import GuerdonError
from guerdon.rewards.count_bonus import CountBonus


def batch(states, ends):
    columns = {"step.next_observation": torch.eye(3)[states], "step.terminated": torch.tensor(ends)}
    return batch_of([1], [len(states)], columns=columns)


def test_counts_by_hand_over_two_batches():
    piece = CountBonus(states=3)
    state = piece.init_state()
    first = piece(batch([1, 1, 2, 1], [False, False, True, False]), state)["step.reward/novelty"]
    assert first.tolist() == pytest.approx([1.0, 2**-0.5, 0.0, 3**-0.5])
    assert state.visits.tolist() == [0, 3, 0]
    second = piece(batch([1, 2], [False, False]), state)["step.reward/novelty"]
    assert second.tolist() == pytest.approx([0.5, 1.0])


def test_the_largest_is_that_of_a_new_state():
    piece = CountBonus(states=2, scale=3.0, largest=2.0)
    assert piece.bonus(0) == pytest.approx(2.0)
    assert piece.bonus(10**8) == pytest.approx(3e-4, rel=1e-3)


def test_bad_settings_are_refused():
    with pytest.raises(GuerdonError, match="CountBonus needs states >= 1"):
        CountBonus(states=0)
    with pytest.raises(GuerdonError, match=r"must be the length of the observation, got 4 for \(3,\)"):
        CountBonus(states=4)(batch([0], [False]))
