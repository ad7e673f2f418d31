import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from guerdon.batch import Batch
from guerdon.errors import GuerdonError
from guerdon.papers._bench import ragged
from guerdon.rewards.reasons import kinds
from guerdon.rewards.reference_likelihood import ReferenceLikelihood

HALF, TENTH = math.log(0.5), math.log(0.1)


def batch_of(after: list, before: list) -> Batch:
    """Two groups: two responses, and the others."""
    as_tensors = lambda rows: [None if row is None else torch.tensor(row) for row in rows]  # noqa: E731
    batch = ragged([[0.0] * 2, [0.0] * (len(after) - 2)], [1] * len(after))
    return batch.with_columns(
        {"traj.reference_likelihood": as_tensors(after), "group.reference_prior": as_tensors(before)}
    )


BATCH = batch_of([[HALF, TENTH], [TENTH, TENTH], [HALF], [], None], [[TENTH, HALF], [TENTH]])


@pytest.mark.parametrize(
    ("piece", "values"),
    [
        (ReferenceLikelihood(), [0.05, 0.01, 0.5, 0]),
        (ReferenceLikelihood("mean"), [0.3, 0.1, 0.5, 0]),
        (ReferenceLikelihood("log", missing=-9), [(HALF + TENTH) / 2, TENTH, HALF, -9]),
        (ReferenceLikelihood("product", debias=True), [0, 0, 0.4, 0]),
        (ReferenceLikelihood("mean", debias=True), [0, 0, 0.4, 0]),
        (ReferenceLikelihood("log", debias=True), [0, (TENTH - HALF) / 2, HALF - TENTH, 0]),
        (ReferenceLikelihood("mean", missing=None), [0.3, 0.1, 0.5, math.nan]),
    ],
)
def test_the_forms_worked_out_by_hand(piece, values):
    columns = piece(BATCH)
    assert columns["traj.reward/likelihood"].tolist() == pytest.approx([*values, math.nan], nan_ok=True, abs=1e-6)
    reasons = columns["traj.reward_error"]
    assert reasons[4] == "likelihood: unscored: the problem has no reference answer" and kinds(reasons[4]) == {"none"}
    assert bool(reasons[3]) == math.isnan(values[3]) and not any(reasons[:3])
    assert set(columns) == set(piece.writes)


@given(st.lists(st.floats(-30, 0), min_size=1, max_size=6))
def test_a_product_is_at_most_the_mean_and_both_are_probabilities(logprobs):
    product, mean = (ReferenceLikelihood(form).summary(torch.tensor(logprobs)) for form in ("product", "mean"))
    assert 0 <= product <= mean + 1e-12 and mean <= 1 + 1e-6
    log = ReferenceLikelihood("log", missing=None).summary(torch.tensor(logprobs))
    assert math.exp(log) <= mean + 1e-6  # Jensen


def test_what_is_not_finite_is_unscored_with_a_reason():
    columns = ReferenceLikelihood("log", missing=None)(batch_of([[-math.inf], [math.nan], [HALF]], [None, None]))
    assert columns["traj.reward/likelihood"].isfinite().tolist() == [False, False, True]
    assert [kinds(reason) for reason in columns["traj.reward_error"]] == [{"invalid"}, {"invalid"}, set()]
    empty = BATCH.select("traj", torch.zeros(5, dtype=torch.bool))
    assert ReferenceLikelihood("mean", debias=True)(empty)["traj.reward/likelihood"].shape == (0,)


def test_no_answer_may_not_be_worth_most():
    for missing in (0.0, 1.0):
        with pytest.raises(GuerdonError, match="missing must be below 0 or None with form='log'"):
            ReferenceLikelihood("log", missing=missing)
    with pytest.raises(GuerdonError, match="missing must be a number or None, got nan"):
        ReferenceLikelihood(missing=math.nan)
