"""Problems with a low reward come more often."""

import math
from dataclasses import dataclass

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from guerdon.curricula.adaptive_sampling import AdaptiveSampling, sampling_weights
from guerdon.errors import GuerdonError
from guerdon.papers._bench import ragged
from guerdon.rng import Stream
from guerdon.tasks.token_tree import TokenTree


@dataclass(frozen=True)
class Clips:
    """Three clips of class 0 and one of class 1."""

    def sources(self):
        return torch.tensor([0, 0, 0, 1])

    def size(self, split):
        return 4


def shown(piece, state, rewards, problems):
    piece.observe(ragged(rewards).with_columns({"group.problem_id": torch.tensor(problems)}), state)


def test_two_problems_by_hand():
    got = sampling_weights(torch.tensor([0.0, 0.2], dtype=torch.float64), alpha=0.5)
    low = 1 / (1 + math.exp(-1))
    assert got.tolist() == pytest.approx([0.25 + low / 2, 0.25 + (1 - low) / 2])


def test_classes_share_before_their_clips_do():
    reward = torch.tensor([0.0, 0.4, 1.0], dtype=torch.float64)
    got = sampling_weights(reward, source=torch.tensor([7, 7, 2]))
    first = math.exp(-5 * 0.2) / (math.exp(-5 * 0.2) + math.exp(-5))
    within = 1 / (1 + math.exp(-2))
    assert got.tolist() == pytest.approx([first * within, first * (1 - within), 1 - first])


def test_a_class_without_a_valid_member_gets_nothing():
    reward = torch.tensor([0.5, 0.5, 0.5], dtype=torch.float64)
    got = sampling_weights(reward, source=torch.tensor([0, 1, 1]), valid=torch.tensor([False, True, True]))
    assert got.tolist() == pytest.approx([0.0, 0.5, 0.5])
    with pytest.raises(GuerdonError, match="at least one valid row"):
        sampling_weights(reward, valid=torch.zeros(3, dtype=torch.bool))


@given(
    rows=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 2), st.booleans()), min_size=1, max_size=8),
    alpha=st.floats(0, 1),
    sharpness=st.floats(0, 20),
)
def test_weights_are_a_distribution_that_favors_the_low(rows, alpha, sharpness):
    reward = torch.tensor([row[0] for row in rows], dtype=torch.float64)
    source = torch.tensor([row[1] for row in rows])
    valid = torch.tensor([row[2] for row in rows[:-1]] + [True])
    got = sampling_weights(torch.where(valid, reward, torch.nan), alpha, sharpness, source, valid)
    assert float(got.sum()) == pytest.approx(1.0) and bool((got >= 0).all()) and not bool(got[~valid].any())
    for kind in range(3):
        members = valid & (source == kind)
        order = reward[members].argsort(stable=True)
        assert bool((got[members][order].diff() <= 1e-12).all())


def test_running_rewards_move_half_way_to_the_mean_of_what_is_scored():
    piece = AdaptiveSampling()
    state = piece.init_state()
    shown(piece, state, [[1.0, 0.0], [1.0, math.nan], [math.nan]], [0, 1, 2])
    assert state.of == {0: 0.25, 1: 0.5}
    shown(piece, state, [[1.0], [0.0]], [0, 0])
    assert state.of[0] == 0.375
    other = piece.init_state()
    other.load_state_dict(state.state_dict())
    assert other.of == state.of


def test_picks_follow_the_weights_and_the_stream():
    piece, task = AdaptiveSampling(), Clips()
    state = piece.init_state()
    assert piece.weights(task, state).tolist() == pytest.approx([1 / 6] * 3 + [0.5])
    shown(piece, state, [[2.0]] * 6, [0, 1, 2, 3, 3, 3])
    state.of[0] = -50.0
    picked = piece.pick(task, 20, Stream((0,)), state)
    assert picked == [0] * 20 == piece.pick(task, 20, Stream((0,)), state)
    assert set(piece.pick(TokenTree(prompts=3), 60, Stream((0,)), piece.init_state())) == {0, 1, 2}


def test_bad_input():
    @dataclass(frozen=True)
    class Endless:
        def size(self, split):
            return None

    with pytest.raises(GuerdonError, match="fixed number of training problems"):
        AdaptiveSampling().pick(Endless(), 1, Stream((0,)), AdaptiveSampling().init_state())
    for bad in ({"alpha": 1.5}, {"blend": 0.0}, {"sharpness": -1.0}):
        with pytest.raises(GuerdonError, match=r"alpha in 0\.\.1"):
            AdaptiveSampling(**bad)
