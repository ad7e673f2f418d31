import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from guerdon.batch import Batch
from guerdon.errors import GuerdonError
from guerdon.objective import Objective
from guerdon.objectives.links import LogisticLink, SquaredLink
from guerdon.objectives.preference import PairwisePreference, pair_rows
from guerdon.papers.dpo import TREE, pairs_of_leaves, random_logits
from guerdon.policies.tabular import TabularPolicy


def batch_of(logprob: list[float], ref: list[float], lengths: list[int], rank: list[int], groups: list[int]) -> Batch:
    rows = torch.arange(len(lengths))
    return Batch.build(
        {
            "token.logprob": torch.tensor(logprob, dtype=torch.float64),
            "token.ref_logprob": torch.tensor(ref, dtype=torch.float64),
            "traj.rank": torch.tensor(rank),
        },
        step_of_token=rows.repeat_interleave(torch.tensor(lengths)),
        traj_of_step=rows,
        group_of_traj=torch.tensor(groups),
    )


HAND = batch_of([-1, -2, -4, -1, -3], [-2, -2, -3, -1, -1], [2, 1, 1, 1], [0, 1, 1, 0], [0, 0, 1, 1])
# Summed log-ratios: 1, -1 | 0 (rejected), -2 (chosen): delta 2 and -2.


def test_by_hand():
    rows = PairwisePreference(LogisticLink(beta=0.5))(HAND)
    assert rows.level == "group"
    assert rows.values.tolist() == pytest.approx([math.log(1 + math.exp(-1)), math.log(1 + math.exp(1))])
    assert rows.metrics["margin"].tolist() == [2.0, -2.0]
    assert rows.metrics["accuracy"].tolist() == [1.0, 0.0]
    assert rows.metrics["chosen_score"].tolist() == [1.0, -2.0]
    assert rows.metrics["rejected_score"].tolist() == [-1.0, 0.0]


def test_mean_per_token_and_no_reference():
    squared = SquaredLink(tau=0.5)  # target 1
    assert PairwisePreference(squared, per_token=True)(HAND).values.tolist() == [0.25, 9.0]  # deltas 1.5, -2
    free = PairwisePreference(squared, reference=None)
    assert free.reads == ("action.logprob", "traj.rank")
    assert free(HAND).values.tolist() == [0.0, 9.0]  # -3 + 4 - 1 and -3 + 1 - 1


def test_masked_tokens_do_not_count_and_an_empty_response_scores_zero():
    masked = HAND.with_columns({"token.mask": torch.tensor([False, True, False, True, True])})
    rows = PairwisePreference(SquaredLink(tau=0.5))(masked)
    assert rows.metrics["chosen_score"].tolist() == [0.0, -2.0]
    assert rows.metrics["rejected_score"].tolist() == [0.0, 0.0]


def test_a_pair_that_was_not_judged_costs_nothing():
    batch = HAND.with_columns({"traj.rank": torch.tensor([0, 1, -1, -1])})
    rows = PairwisePreference(SquaredLink())(batch)
    assert rows.values.tolist() == [9.0, 0.0] and len(rows.metrics["margin"]) == 1


@pytest.mark.parametrize(
    ("rank", "groups"),
    [
        ([0, 0, 1, 0], [0, 0, 1, 1]),
        ([0, -1, 1, 0], [0, 0, 1, 1]),
        ([0, 1, 0, 1], [0, 0, 0, 1]),
        ([0, 2, 1, 0], [0, 0, 1, 1]),
    ],
)
def test_groups_that_are_no_pairs_are_named(rank: list[int], groups: list[int]):
    with pytest.raises(GuerdonError, match=r"got group 0 with ranks \["):
        pair_rows(batch_of([0] * 5, [0] * 5, [2, 1, 1, 1], rank, groups))


def test_pairs_stay_whole():
    assert Objective(PairwisePreference()).unit == "group"


def test_the_gradient_is_that_of_the_formula():
    beta, logits = 0.7, random_logits(0)
    policy, chosen, rejected = TabularPolicy(logits, critic=False), torch.tensor([1, 5]), torch.tensor([2, 11])
    batch = pairs_of_leaves(chosen, rejected, policy, random_logits(1))
    rows = PairwisePreference(LogisticLink(beta))(batch)
    (slope,) = torch.autograd.grad(rows.values.sum(), policy.logits, retain_graph=True)
    score = batch.up(
        batch["token.logprob"], lambda v, i, n: torch.zeros(n).double().index_add(0, i, v), "token", "traj"
    )
    weight = beta * torch.sigmoid(-beta * rows.metrics["margin"])
    (expected,) = torch.autograd.grad(-(weight * (score[0::2] - score[1::2])).sum(), policy.logits)
    torch.testing.assert_close(slope, expected)
    assert float(slope.abs().max()) > 1e-2
    assert TREE.leaves == 16


@settings(deadline=None, max_examples=30)
@given(lengths=st.lists(st.integers(1, 4), min_size=2, max_size=8), seed=st.integers(0, 1000))
def test_order_inside_a_group_and_shifts_of_both_do_not_matter(lengths: list[int], seed: int):
    lengths = lengths[: len(lengths) // 2 * 2]
    noise = torch.Generator().manual_seed(seed)
    total, groups = sum(lengths), [row // 2 for row in range(len(lengths))]
    logprob, ref = torch.randn((2, total), generator=noise, dtype=torch.float64).tolist()
    rank = [0, 1] * (len(lengths) // 2)
    batch = batch_of(logprob, ref, lengths, rank, groups)
    values = PairwisePreference()(batch).values
    # A reference shifted by the same amount per response changes nothing.
    shift = 1.5 / torch.tensor(lengths, dtype=torch.float64).repeat_interleave(torch.tensor(lengths))
    moved = batch.with_columns({"token.ref_logprob": batch["token.ref_logprob"] + shift})
    torch.testing.assert_close(PairwisePreference()(moved).values, values)
    # Naming the other response chosen flips the sign of every margin.
    flipped = PairwisePreference()(batch.with_columns({"traj.rank": 1 - batch["traj.rank"]}))
    torch.testing.assert_close(flipped.metrics["margin"], -PairwisePreference()(batch).metrics["margin"])
