import math
from itertools import permutations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from guerdon.credit.shapley import Shapley, coalition_weights, owen_values, sampled_shapley, shapley_values
from guerdon.errors import GuerdonError
from guerdon.papers._bench import ragged


def scores(parts, seed):
    return torch.randn(2**parts, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def by_orders(value, orders):
    """Mean marginal contribution over orders."""
    parts = len(orders[0])
    total = torch.zeros(parts, dtype=torch.float64)
    for order in orders:
        mask = 0
        for part in order:
            total[part] += value[mask | 1 << part] - value[mask]
            mask |= 1 << part
    return total / len(orders)


@given(st.integers(0, 4), st.integers(0, 1000))
def test_shares_are_means_over_all_orders(parts, seed):
    value = scores(parts, seed)
    want = by_orders(value, list(permutations(range(parts))))
    torch.testing.assert_close(shapley_values(value), want)


@given(st.integers(0, 1000))
def test_owen_shares_are_means_over_the_orders_that_keep_blocks_together(seed):
    value = scores(4, seed)
    orders = [order for order in permutations(range(4)) if abs(order.index(0) - order.index(2)) == 1]
    torch.testing.assert_close(owen_values(value, ((0, 2), (1,), (3,))), by_orders(value, orders))


def test_a_batch_of_scores_is_shared_row_by_row():
    value = torch.stack([scores(3, 0), scores(3, 1)])
    torch.testing.assert_close(shapley_values(value)[1], shapley_values(value[1]))


def test_sampled_shares_are_exact_where_scores_are_additive_and_close_else():
    generator = torch.Generator().manual_seed(0)
    worth = torch.tensor([2.0, 3.0, 0.0])
    assert sampled_shapley(lambda kept: float((worth * kept).sum()), 3, 1, generator).tolist() == [2.0, 3.0, 0.0]
    value = scores(3, 2)
    bits = 2 ** torch.arange(3)
    got = sampled_shapley(lambda kept: float(value[int((bits * kept).sum())]), 3, 2000, generator)
    assert float((got - shapley_values(value)).abs().max()) < 0.1


def test_every_action_is_a_part_by_default_and_the_rest_stays_last():
    table = torch.tensor([[0, 1, 2, 3], [0, 5, 0, 5], [0, 1, 1, 1]], dtype=torch.float64)
    batch = ragged([[3, 5], [math.nan]], [2, 1, 1], {"traj.partial_scores": table})
    got = Shapley(alpha=0.5)(batch)["action.reward"].tolist()
    assert got[:3] == [0.5, 2.5, 5.0] and math.isnan(got[3])


def test_rewards_of_a_trajectory_add_up_to_its_score():
    table = scores(3, 5)
    batch = ragged([[float(table[-1] - table[0])]], [3], {"traj.partial_scores": table[None]})
    for piece in (Shapley(), Shapley(alpha=1.0, blocks=((0, 1), (2,))), Shapley(alpha=0.0)):
        assert float(piece(batch)["action.reward"].sum()) == pytest.approx(float(table[-1] - table[0]))


def test_no_actions_and_bad_input():
    table = torch.zeros(1, 2)
    empty = ragged([[1.0]], [0], {"traj.partial_scores": table})
    assert Shapley()(empty)["action.reward"].shape == (0,)
    with pytest.raises(GuerdonError, match="got 1 parts and an action in part 1"):
        Shapley()(ragged([[1.0]], [2], {"traj.partial_scores": table}))
    with pytest.raises(GuerdonError, match="each in one block"):
        coalition_weights(((0, 1), (1,)))
    with pytest.raises(GuerdonError, match="n at most 12"):
        coalition_weights(tuple((part,) for part in range(13)))
    with pytest.raises(GuerdonError, match="a score for every set of 2 parts, got 8"):
        owen_values(torch.zeros(8), ((0,), (1,)))
    with pytest.raises(GuerdonError, match=r"Shapley\.alpha must lie in \[0, 1\]"):
        Shapley(alpha=2.0)
