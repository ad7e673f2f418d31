import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from strategies import NUMBERS

from guerdon.errors import GuerdonError
from guerdon.papers._bench import ragged
from guerdon.rewards.lexicographic import LexicographicReward, pair_loss, prefer

ROWS = st.lists(st.tuples(NUMBERS, NUMBERS), min_size=0, max_size=6)


def tensor(rows):
    return torch.tensor(rows, dtype=torch.float64).reshape(len(rows), 2)


def batch(rows, features=None):
    table = tensor(rows)
    columns = {"traj.reward/a": table[:, 0], "traj.reward/b": table[:, 1]}
    return ragged([[0.0] * len(rows)], columns={**columns, "traj.features": table if features is None else features})


def piece(**settings):
    return LexicographicReward(("a", "b"), width=2, **{"exact": ("a",), **settings})


@pytest.mark.parametrize(
    ("first", "second", "wins", "level"),
    [((1, 5), (1, 3), 1, 1), ((0, 9), (1, 0), -1, 0), ((1, 3), (1, 3.5), 0, -1), ((1, 3), (1, 4.5), -1, 1)],
)
def test_comparisons_by_hand(first, second, wins, level):
    got, at = prefer(tensor([first, second]), torch.tensor([0.0, 1.0]), torch.ones(2))
    assert got.tolist() == [[0, wins], [-wins, 0]] and at[0, 1] == level


@given(ROWS, st.sampled_from([0.5, 2.0, 4.0]), st.sampled_from([0.25, 8.0]))
def test_units_do_not_matter_and_comparisons_are_antisymmetric(rows, first, second):
    factors, margins, units = tensor(rows), torch.tensor([0.5, 1.0]).double(), torch.tensor([first, second]).double()
    signs = torch.tensor([1.0, -1.0])
    got = prefer(factors, margins, signs)[0]
    assert torch.equal(got, prefer(factors * units, margins * units, signs)[0])
    assert torch.equal(got, -got.T)


def test_the_loss_by_hand():
    decided = torch.tensor([[0, 1], [-1, 0]])
    assert float(pair_loss(torch.tensor([1.0, 0.0]), decided)) == pytest.approx(math.log1p(math.exp(-1)), abs=1e-4)
    assert float(pair_loss(torch.tensor([1.0, 0.0]), torch.zeros(2, 2))) == 0.0


def test_the_first_step_by_hand():
    # At w = 0 every decided pair moves w by half of phi(i) - phi(j); one pair is decided, by the first factor.
    state = piece().init_state()
    got = piece(lr=1.0)(batch([(1, 0), (0, 0)]), state)["traj.reward/preference"]
    assert state.weights.tolist() == pytest.approx([0.5, 0.0], abs=1e-4)
    assert got.tolist() == pytest.approx([1.0, -1.0])


def test_less_can_be_better_and_margins_are_standard_deviations():
    wants = piece(less_is_better=("b",), margin=1.0)
    # std of 0, 1, 5 is 2.16: only the 5 loses.
    assert wants.preferences(tensor([(0, 0), (0, 1), (0, 5)])).tolist() == [[0, 0, 1], [0, 0, 1], [-1, -1, 0]]
    assert piece().preferences(tensor([(0, 2), (0, 2)])).tolist() == [[0, 0], [0, 0]]


def test_what_is_unscored_is_in_no_pair():
    state = piece().init_state()
    got = piece()(batch([(1, math.nan), (0, 0)], torch.ones(2, 2).double()), state)["traj.reward/preference"]
    assert math.isnan(got[0]) and got[1] == 0.0 and state.weights.tolist() == [0.0, 0.0]
    assert piece()(batch([]), state)["traj.reward/preference"].shape == (0,)


def test_bad_settings_are_refused():
    with pytest.raises(GuerdonError, match="must name factors, got c"):
        piece(exact=("c",))
    with pytest.raises(GuerdonError, match="needs width >= 1"):
        LexicographicReward(("a",), width=0)
    with pytest.raises(GuerdonError, match=r"width must be that of traj\.features, got 2 for \(3,\)"):
        piece()(batch([(1, 0)], torch.ones(1, 3)))
