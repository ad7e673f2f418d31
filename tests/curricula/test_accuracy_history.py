"""Problems ranked by how their accuracy fluctuated."""

import math
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from guerdon.curricula.accuracy_history import AccuracyHistory, ranking, scores
from guerdon.errors import GuerdonError
from guerdon.papers._bench import ragged
from guerdon.rng import Stream
from guerdon.tasks.token_tree import TokenTree

ACCURACY = st.sampled_from([0.0, 0.25, 0.5, 1.0])


def seen(rewards, problems):
    return ragged(rewards, columns={"group.problem_id": torch.tensor(problems)})


def test_scores_by_hand():
    histories = [[0.0, 1.0, 1.0], [1.0, 1.0], [0.0, 0.0]]  # cut to two epochs
    assert scores(histories).tolist() == pytest.approx([0.5, 0, 0])
    # Means 1/3 and 2/3: room 4/9 + 1/9; distances (1/9 + 1/9), (4/9 + 1/9), (1/9 + 4/9).
    assert scores(histories, "alignment").tolist() == pytest.approx([1 - 2 / 5, 0, 0])
    assert ranking(histories) == [0, 1, 2]
    assert scores([]).tolist() == [] and scores([[], []]).tolist() == [0, 0]
    assert scores([[1.0], [1.0]], "alignment").tolist() == [1, 1]


def test_an_unscored_epoch_is_left_out():
    assert scores([[0.0, math.nan, 1.0], [math.nan] * 3]).tolist() == pytest.approx([0.5, 0])
    assert bool(scores([[0.0, math.nan], [1.0, 1.0]], "alignment").isfinite().all())


@given(st.lists(st.lists(ACCURACY, min_size=3, max_size=3), min_size=1, max_size=5))
def test_agrees_with_numpy(histories):
    table = np.array(histories)
    np.testing.assert_allclose(scores(histories).numpy(), table.std(1), atol=1e-12)
    order = ranking(histories)
    spread = table.std(1)[order]
    assert sorted(order) == list(range(len(histories))) and bool((np.diff(spread) <= 1e-12).all())


def test_the_pilot_goes_through_all_and_then_keeps_the_one_that_fluctuates():
    task, piece = TokenTree(prompts=5), AccuracyHistory(epochs=2)
    state = piece.init_state()
    picked = []
    for step in range(5):
        numbers = piece.pick(task, 2, Stream((step,)), state)
        picked += numbers
        rewards = [[float(number == 3 and picked.count(3) == 2)] * 2 for number in numbers]
        piece.observe(seen(rewards, numbers), state)
    assert sorted(picked) == sorted([0, 1, 2, 3, 4] * 2)
    assert state.of[3] == [0.0, 1.0]
    assert piece.pick(task, 4, Stream((9,)), state) == [3] * 4
    assert sorted(AccuracyHistory(epochs=2, keep=None).pick(task, 5, Stream((9,)), state)) == [0, 1, 2, 3, 4]


def test_more_than_there_are():
    piece = AccuracyHistory()
    got = piece.pick(TokenTree(prompts=2), 5, Stream((0,)), piece.init_state())
    assert len(got) == 5 and {got.count(0), got.count(1)} == {2, 3}


def test_records():
    piece = AccuracyHistory()
    state, other = piece.init_state(), piece.init_state()
    piece.observe(seen([[1.0, 0.0], [math.nan], [1.0, 1.0], []], [7, 2, 7, 5]), state)
    assert state.of[7] == [0.75] and math.isnan(state.of[2][0]) and 5 not in state.of
    other.load_state_dict(state.state_dict())
    assert other.of[7] == [0.75] and math.isnan(other.of[2][0])
    other.load_state_dict(piece.init_state().state_dict())
    assert other.of == {}


@dataclass(frozen=True)
class Endless:
    def size(self, split):
        return None


def test_refusals():
    piece = AccuracyHistory()
    with pytest.raises(GuerdonError, match="fixed number of training problems"):
        piece.pick(Endless(), 1, Stream((0,)), piece.init_state())
    with pytest.raises(GuerdonError, match="epochs and keep of at least 1, got 0 and 1"):
        AccuracyHistory(epochs=0)
