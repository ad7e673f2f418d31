import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from guerdon.advantages.bounded_bonus import SIGNALS, BoundedBonus, bounded
from guerdon.errors import GuerdonError
from guerdon.papers._bench import ragged

NUMBER = st.floats(-8, 8)


def batch_of(advantage, signals, rewards=None, lengths=None):
    rewards = [1.0] * len(advantage) if rewards is None else rewards
    columns = {"traj.advantage": advantage, **dict(zip(SIGNALS, signals, strict=True))}
    return ragged([rewards], lengths, columns)


def filled(piece, *signals):
    """A state that has seen one batch with these signals."""
    state = piece.init_state()
    piece(batch_of([0.0], [[value] for value in signals]), state)
    return state


def test_the_bound():
    large = torch.full((3,), 9.0)
    assert bounded(torch.tensor([1.0, -1.0, 0.0]), large, 2.0).tolist() == [1.5, -0.5, 0.0]


@given(advantage=NUMBER, bonus=st.floats(-50, 50), kappa=st.floats(1.1, 9))
def test_the_bonus_is_never_negative_and_never_flips_a_sign(advantage, bonus, kappa):
    got = float(bounded(torch.tensor([advantage], dtype=torch.float64), torch.tensor([bonus]).double(), kappa))
    assert got >= advantage
    assert got * advantage >= 0


def test_the_first_batch_only_fills_the_means():
    piece = BoundedBonus()
    state = piece.init_state()
    out = piece(batch_of([1.0, -1.0], [[1, 3], [2, 4], [5, 7]], [1.0, 0.0]), state)
    assert out["traj.advantage"].tolist() == [1, -1]
    assert state.means.tolist() == [2, 3, 6, 0.5]
    piece(batch_of([1.0], [[4], [1], [6]], [1.0]), state)
    assert state.means.tolist() == pytest.approx([0.3 * 2 + 2.8, 0.9 + 0.7, 6, 0.15 + 0.7])


def test_the_potential_by_hand():
    """d = (1, -0.5, 0.25) against means (1, 2, 4): the mix is sigmoid(1.5)."""
    piece = BoundedBonus()
    state = filled(piece, 1.0, 2.0, 4.0)
    mix = 1 / (1 + math.exp(-1.5))
    phi = mix * math.tanh(0.25) - (1 - mix) * math.tanh(0.5)
    out = piece(batch_of([3.0, 0.1], [[2, 2], [1, 1], [5, 5]]), state)
    assert out["traj.advantage"].tolist() == pytest.approx([3 + phi, 0.1 + min(phi, 0.05)])


def test_the_bonus_fades_as_the_reward_rises():
    piece = BoundedBonus(reward_range=(0.0, 1.0), exploit=(0.0, 0.0, 1.0))
    state = piece.init_state()
    piece(batch_of([0.0] * 4, [[0] * 4, [0] * 4, [4] * 4], [1.0, 1, 1, 0]), state)
    out = piece(batch_of([9.0], [[0], [0], [5]]), state)
    assert out["traj.advantage"].tolist() == pytest.approx([9 + 0.25 * math.tanh(0.25)])


def test_the_last_action_alone():
    piece = BoundedBonus(last_action=True)
    state = filled(piece, 1.0, 2.0, 4.0)
    out = piece(batch_of([2.0, -2.0, 2.0], [[9] * 3, [9] * 3, [99] * 3], lengths=[3, 2, 0]), state)
    got = out["action.advantage"].tolist()
    assert got[:2] == [2, 2] and got[3] == -2 and 2 < got[2] <= 3 and -2 < got[4] <= -1


def test_unscored_rows_are_in_no_mean_and_get_no_bonus():
    piece = BoundedBonus()
    state = filled(piece, 1.0, 2.0, 4.0)
    before = state.means.clone()
    out = piece(batch_of([0.0], [[9], [9], [99]], [math.nan]), state)
    assert out["traj.advantage"].tolist() == [0] and torch.equal(state.means, before)


def test_ranges():
    with pytest.raises(GuerdonError, match="kappa must exceed 1, got 1"):
        BoundedBonus(kappa=1.0)
    with pytest.raises(GuerdonError, match=r"rate must lie in \(0, 1\], got 0"):
        BoundedBonus(rate=0.0)
    with pytest.raises(GuerdonError, match="low < high"):
        BoundedBonus(reward_range=(1.0, 1.0))
