"""Golden numbers of every verl and TRL mode on losses [[1,1,1],[4]], and micro-batch invariance."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from guerdon.errors import GuerdonError
from guerdon.objective import Objective
from guerdon.objectives.aggregation import SeqMeanTokenMean, SeqMeanTokenSum, SumOverLength, TokenMean
from guerdon.objectives.nll import NLL
from guerdon.papers._bench import ragged
from guerdon.update import Update, micro_batches

ALL = [
    TokenMean(),
    SeqMeanTokenSum(),
    SeqMeanTokenSum(count_empty=True),
    SeqMeanTokenMean(),
    SeqMeanTokenMean(count_empty=True),
    SumOverLength(10),
    SumOverLength(10, per_trajectory=False),
]


def total(aggregation, losses, lengths, mask=None):
    batch = ragged([[0.0] * len(lengths)], lengths, {} if mask is None else {"action.mask": mask})
    return float((aggregation(batch, "action") * torch.tensor(losses)).sum())


@pytest.mark.parametrize(
    ("aggregation", "full", "with_empty"),
    [
        (TokenMean(), 1.75, 1.75),  # verl token-mean; TRL dapo, cispo, and bnpo over one whole step
        (SeqMeanTokenSum(), 3.5, 3.5),  # verl seq-mean-token-sum
        (SeqMeanTokenSum(count_empty=True), 3.5, 7 / 3),
        (SeqMeanTokenMean(), 2.5, 2.5),  # verl seq-mean-token-mean
        (SeqMeanTokenMean(count_empty=True), 2.5, 5 / 3),  # TRL grpo, sapo
        (SumOverLength(10, per_trajectory=False), 0.7, 0.7),  # verl seq-mean-token-sum-norm
        (SumOverLength(10), 0.35, 0.7 / 3),  # TRL dr_grpo
    ],
)
def test_golden(aggregation, full, with_empty):
    assert total(aggregation, [1.0, 1, 1, 4], [3, 1]) == pytest.approx(full)
    assert total(aggregation, [1.0, 1, 1, 4], [3, 0, 1]) == pytest.approx(with_empty)
    # Masked actions are as good as absent.
    mask = [True, True, True, False, False, True]
    assert total(aggregation, [1.0, 1, 1, 9, 9, 4], [4, 1, 1], mask) == pytest.approx(with_empty)


def test_luspo_is_a_sequence_loss_summed_over_tokens():
    """TRL's luspo, (1/B) sum_i T_i l_i: a loss that is equal on all tokens of a trajectory, under SeqMeanTokenSum."""
    assert total(SeqMeanTokenSum(), [2.0, 2, 2, 5], [3, 1]) == (3 * 2 + 1 * 5) / 2


@pytest.mark.parametrize("aggregation", ALL)
def test_nothing_to_train_gives_zero_with_a_graph(aggregation):
    for lengths, mask in (([2, 1], [False] * 3), ([0, 0], [])):
        logprob = torch.full((sum(lengths),), -1.0, requires_grad=True)
        columns = {"action.logprob": logprob, "action.mask": torch.tensor(mask, dtype=torch.bool)}
        objective = Objective(NLL(), aggregation)
        loss, _ = objective(objective.prepare(ragged([[0.0, 0.0]], lengths, columns)), {})
        assert loss.item() == 0
        loss.backward()
        assert logprob.grad.tolist() == [0] * sum(lengths)


def test_coarser_rows_are_averaged():
    batch = ragged([[1, 0], [1]], [3, 1, 2])
    for aggregation in ALL:
        assert aggregation(batch, "traj").tolist() == pytest.approx([1 / 3] * 3)
        assert aggregation(batch, "group").tolist() == [0.5, 0.5]


def test_length_is_positive():
    with pytest.raises(GuerdonError, match=r"SumOverLength.length must be at least 1, got 0"):
        SumOverLength(0)


@settings(deadline=None, max_examples=40)
@given(
    lengths=st.lists(st.integers(0, 4), min_size=1, max_size=7),
    micro=st.integers(1, 4),
    aggregation=st.sampled_from(ALL),
    seed=st.integers(0, 99),
)
def test_micro_batches_give_the_same_gradient(lengths, micro, aggregation, seed):
    generator = torch.Generator().manual_seed(seed)
    count = sum(lengths)
    mask = torch.rand(count, generator=generator) < 0.7
    batch = ragged([[0.0] * len(lengths)], lengths, {"action.mask": mask, "token.row": torch.arange(count)})
    objective = Objective(NLL(), aggregation)

    def gradient(micro_batch):
        logprob = torch.zeros(count, dtype=torch.float64, requires_grad=True)
        for part in micro_batches(objective.prepare(batch), Update(micro_batch=micro_batch), "traj"):
            loss, _ = objective(part.with_columns({"action.logprob": logprob[part["token.row"]]}), {})
            loss.backward()
        return logprob.grad.tolist()

    assert gradient(micro) == pytest.approx(gradient(None), abs=1e-12)
