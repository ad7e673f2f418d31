import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from guerdon.errors import GuerdonError
from guerdon.objective import Objective
from guerdon.objectives.importance import ImportanceWeight
from guerdon.objectives.reinforce import Reinforce
from guerdon.papers._bench import ragged

RATIOS = [0.1, 0.5, 2.5, 8.0]


def weights(piece, ratios=RATIOS, lengths=(1, 1, 2), **columns):
    names = {"current": "logprob", "old": "old_logprob", "behavior": "behavior_logprob", "ref": "ref_logprob"}
    columns |= {
        f"action.{names[piece.numerator]}": [math.log(ratio) for ratio in ratios],
        f"action.{names[piece.denominator]}": [0.0] * len(ratios),
    }
    return piece(ragged([[0.0] * len(lengths)], list(lengths), columns)).tolist()


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, [0.1, 0.5, 2, 2]),
        ({"high": None}, [0.1, 0.5, 2.5, 8]),
        ({"high": 3.0}, [0.1, 0.5, 2.5, 3]),  # TRL token_truncate
        ({"high": 3.0, "outside": "zero"}, [0.1, 0.5, 2.5, 0]),  # TRL token_mask
        ({"low": 0.2, "high": 5.0, "outside": "zero"}, [0, 0.5, 2.5, 0]),  # IcePop
        ({"level": "sequence_sum", "high": 3.0}, [0.1, 0.5, 3, 3]),  # TRL sequence_truncate
        ({"level": "sequence_sum", "high": 3.0, "outside": "zero"}, [0.1, 0.5, 0, 0]),  # TRL sequence_mask
        ({"level": "sequence_sum", "high": None}, [0.1, 0.5, 20, 20]),
        ({"level": "sequence", "high": None}, [0.1, 0.5, math.sqrt(20), math.sqrt(20)]),
        # After truncation: token weights 0.1, 0.5, 2, 2 have mean 1.15, trajectories 0.1, 0.5, 2 mean 13/15.
        ({"normalize": True}, [x / 1.15 for x in (0.1, 0.5, 2, 2)]),
        ({"normalize": True, "level": "sequence_sum"}, [x * 15 / 13 for x in (0.1, 0.5, 2, 2)]),
        # CISPO: verl's band 1 - 0.2 .. 1 + 0.2, TRL's cap alone.
        ({"numerator": "current", "denominator": "old", "low": 0.8, "high": 1.2}, [0.8, 0.8, 1.2, 1.2]),
        ({"numerator": "current", "denominator": "old", "high": 5.0}, [0.1, 0.5, 2.5, 5]),
        # A-LoL's band 1 - 0.9 .. 1 + 0.9, of the response.
        (
            {"numerator": "current", "denominator": "ref", "level": "sequence_sum", "low": 0.1, "high": 1.9},
            [0.1, 0.5, 1.9, 1.9],
        ),
    ],
)
def test_golden(fields, expected):
    assert weights(ImportanceWeight(**fields)) == pytest.approx(expected)


def test_equal_engines_give_exactly_one():
    for level in ("token", "sequence", "sequence_sum"):
        for normalize in (False, True):
            piece = ImportanceWeight(level=level, normalize=normalize)
            assert weights(piece, [1.0] * 4, (1, 0, 3)) == [1.0] * 4


def test_overflow_is_bounded():
    assert weights(ImportanceWeight(high=None), [1e300], (1,)) == pytest.approx([math.exp(20)])


def test_masked_actions_do_not_count():
    columns = {"action.mask": [True, True, True, False]}
    got = weights(ImportanceWeight(level="sequence_sum", high=None), **columns)
    assert got == pytest.approx([0.1, 0.5, 2.5, 2.5])


def test_the_weight_is_never_differentiated():
    logprob = torch.tensor([math.log(2.0)], dtype=torch.float64, requires_grad=True)
    columns = {"action.logprob": logprob, "action.old_logprob": [0.0], "action.advantage": [1.0]}
    piece = ImportanceWeight("current", "old", high=None)
    objective = Objective(Reinforce(), weights=(piece,))
    loss, _ = objective(objective.prepare(ragged([[0]], columns=columns)), {})
    loss.backward()
    assert logprob.grad.tolist() == pytest.approx([-2])


def test_missing_behavior_logprobs_are_an_error():
    batch = ragged([[0, 0]], columns={"action.old_logprob": [0.0, 0.0]})
    with pytest.raises(GuerdonError, match=r"no column 'action.behavior_logprob'"):
        ImportanceWeight()(batch)
    batch = batch.with_columns({"action.behavior_logprob": torch.tensor([0.0, math.nan])})
    with pytest.raises(GuerdonError, match=r"action.behavior_logprob must be finite on every trained action"):
        ImportanceWeight()(batch)
    masked = batch.with_columns({"action.mask": torch.tensor([True, False])})
    assert ImportanceWeight()(masked).tolist()[0] == 1


def test_bad_fields():
    with pytest.raises(GuerdonError, match="needs two different policies, got 'old' twice"):
        ImportanceWeight("old", "old")
    with pytest.raises(GuerdonError, match=r"ImportanceWeight.low must not exceed high, got 3 and 2"):
        ImportanceWeight(low=3)


def test_units():
    assert ImportanceWeight().unit == "action"
    assert ImportanceWeight(level="sequence").unit == "traj"
    assert ImportanceWeight(normalize=True).unit == "batch"


@settings(deadline=None, max_examples=50)
@given(st.lists(st.floats(0.01, 50), min_size=1, max_size=8))
def test_normalised_weights_have_mean_one(ratios):
    got = weights(ImportanceWeight(normalize=True), ratios, (len(ratios),))
    assert sum(got) / len(got) == pytest.approx(1)
