import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from guerdon.advantages.gae import GAE
from guerdon.batch import Batch
from guerdon.errors import GuerdonError
from guerdon.papers._bench import ragged


def estimate(piece, rewards, values, lengths, **columns):
    """Advantages and returns of one trajectory per entry of ``lengths``."""
    outcome = columns.pop("outcome", [0.0] * len(lengths))
    batch = ragged([outcome], lengths, {"token.reward": rewards, "token.old_value": values, **columns})
    out = piece(batch)
    return out["action.advantage"].tolist(), out["action.return"].tolist()


def test_outcome_on_the_last_token():
    advantage, returns = estimate(GAE(), [0, 0, 1, 1], [0.5] * 4, [3, 1])
    assert advantage == [0.5] * 4
    assert returns == [1] * 4


def test_two_steps_by_hand():
    """delta_2 = 2 - 0.5; delta_1 = 1 + 0.9 * 0.5 - 0.2 = 1.25; A_1 = 1.25 + 0.9 * 0.8 * 1.5."""
    advantage, returns = estimate(GAE(0.9, 0.8), [1, 2], [0.2, 0.5], [2])
    assert advantage == pytest.approx([1.25 + 0.72 * 1.5, 1.5])
    assert returns == pytest.approx([1.45 + 0.72 * 1.5, 2.0])


def test_bootstrap_at_a_cut():
    """T-PPO's window: the value after the cut is the last value, so the last advantage is 0."""
    columns = {"traj.bootstrap_value": [0.6]}
    advantage, _ = estimate(GAE(1.0, 0.9), [0, 0, 0], [0.3, 0.5, 0.6], [3], **columns)
    assert advantage == pytest.approx([0.29, 0.1, 0])


def test_what_goes_on_keeps_its_last_value():
    columns = {"traj.finished": [False, True], "outcome": [0.0, 1.0]}
    piece = GAE(1.0, 0.9, return_lambda=1.0, finished="traj.finished")
    advantage, returns = estimate(piece, [0, 0, 0, 0, 1], [0.3, 0.5, 0.6, 0.2, 0.5], [3, 2], **columns)
    assert advantage == pytest.approx([0.29, 0.1, 0, 0.3 + 0.9 * 0.5, 0.5])
    assert returns == pytest.approx([0.6, 0.6, 0.6, 1, 1])
    assert piece.reads[-1] == "traj.finished" and len(GAE().reads) == 2
    one, _ = estimate(piece, [0.0], [0.7], [1], **{"traj.finished": [False]})
    assert one == [0]


def test_returns_may_have_a_lambda_of_their_own():
    advantage, returns = estimate(GAE(1.0, 0.0, return_lambda=1.0), [0, 1], [0.2, 0.5], [2])
    assert advantage == pytest.approx([0.3, 0.5])
    assert returns == pytest.approx([1, 1])


@settings(deadline=None, max_examples=50)
@given(
    lengths=st.lists(st.integers(0, 6), min_size=1, max_size=5),
    discount=st.floats(0, 1),
    lambda_=st.floats(0, 1),
    seed=st.integers(0, 99),
)
def test_against_the_recursion(lengths, discount, lambda_, seed):
    generator = torch.Generator().manual_seed(seed)
    total = sum(lengths)
    rewards = torch.randn(total, generator=generator, dtype=torch.float64).tolist()
    values = torch.randn(total, generator=generator, dtype=torch.float64).tolist()
    after = torch.randn(len(lengths), generator=generator, dtype=torch.float64).tolist()
    expected, end = [], 0
    for length, last_value in zip(lengths, after, strict=True):
        part, tail, following = [], 0.0, last_value
        for t in range(end + length - 1, end - 1, -1):
            tail = rewards[t] + discount * following - values[t] + discount * lambda_ * tail
            following = values[t]
            part.append(tail)
        expected += part[::-1]
        end += length
    columns = {"traj.bootstrap_value": after}
    got, returns = estimate(GAE(discount, lambda_), rewards, values, lengths, **columns)
    assert got == pytest.approx(expected, abs=1e-9)
    assert returns == pytest.approx([a + v for a, v in zip(expected, values, strict=True)], abs=1e-9)


def test_unscored_trajectories_teach_nothing():
    values = [0.1, 0.2, 0.3, 0.4]
    for reward, outcome in (([0, math.nan, 0, 1], [0.0, 0.0]), ([0, 5, 0, 1], [math.nan, 1.0])):
        advantage, returns = estimate(GAE(), reward, values, [2, 2], outcome=outcome)
        assert advantage == pytest.approx([0, 0, 0.7, 0.6])
        assert returns == pytest.approx([0.1, 0.2, 1, 1])


def test_environment_steps():
    index = torch.tensor([0, 0, 1])
    columns = {
        "step.reward": torch.tensor([1.0, 1.0, 1.0]),
        "step.old_value": torch.zeros(3),
        "traj.bootstrap_value": torch.tensor([10.0, 0.0]),
    }
    batch = Batch.build(columns, traj_of_step=index, group_of_traj=torch.tensor([0, 1]))
    batch = batch.with_columns(GAE(0.5, 1.0)(batch))
    assert batch["step.return"].tolist() == [1 + 0.5 + 0.25 * 10, 1 + 0.5 * 10, 1]


def test_turn_level():
    """Two turns of two and one tokens: reward and value per turn."""
    batch = Batch.build(
        {"step.reward": torch.tensor([0.0, 1.0]), "step.old_value": torch.tensor([0.25, 0.5])},
        step_of_token=torch.tensor([0, 0, 1]),
        traj_of_step=torch.tensor([0, 0]),
        group_of_traj=torch.tensor([0]),
    )
    piece = GAE(1.0, 0.0, reward="step.reward", value="step.old_value", advantage="step.advantage")
    batch = batch.with_columns({k: v for k, v in piece(batch).items() if k == "step.advantage"})
    assert batch["action.advantage"].tolist() == [0.25, 0.25, 0.5]


@pytest.mark.parametrize("fields", [{"discount": 1.1}, {"lambda_": -0.1}, {"return_lambda": 2.0}])
def test_gae_ranges(fields):
    name = next(iter(fields))
    with pytest.raises(GuerdonError, match=rf"GAE.{name} must lie in \[0, 1\], got"):
        GAE(**fields)
