import math

import pytest

from guerdon.errors import GuerdonError
from guerdon.objectives.rollout_correction import OffPolicyMask, RejectMismatch
from guerdon.papers._bench import ragged

RATIOS = [1.0, 2.0, 0.5, 0.9, 1.1]
"""Of three trajectories with 2, 1 and 2 actions."""


def kept(piece, mask=None, ratios=RATIOS, lengths=(2, 1, 2)):
    columns = {"action.old_logprob": [math.log(r) for r in ratios], "action.behavior_logprob": [0.0] * len(ratios)}
    if mask is not None:
        columns["action.mask"] = mask
    return piece(ragged([[0.0] * len(lengths)], list(lengths), columns))["action.mask"].int().tolist()


@pytest.mark.parametrize(
    ("piece", "expected"),
    [
        (RejectMismatch(low=0.6, high=1.6), [1, 0, 0, 1, 1]),  # token_k1
        (RejectMismatch(over="sum", low=0.6, high=1.6), [0, 0, 0, 1, 1]),  # seq_sum_k1: 2, 0.5, 0.99
        (RejectMismatch(over="mean", low=0.6, high=1.6), [1, 1, 0, 1, 1]),  # seq_mean_k1: sqrt 2, 0.5, sqrt 0.99
        (RejectMismatch(over="worst", low=0.6), [1, 1, 0, 1, 1]),  # veto
        (RejectMismatch("k2", high=0.1), [1, 0, 0, 1, 1]),  # (ln 2)^2 / 2 = 0.24
        (RejectMismatch("k3", high=0.25), [1, 0, 1, 1, 1]),  # 2 - 1 - ln 2 = 0.307; 0.5 - 1 + ln 2 = 0.193
        (RejectMismatch("k3", "mean", high=0.16), [1, 1, 0, 1, 1]),
        (RejectMismatch("k3", "sum", high=0.16), [0, 0, 0, 1, 1]),
        (RejectMismatch("k2", "worst", high=0.1), [0, 0, 0, 1, 1]),  # seq_max_k2
    ],
)
def test_golden(piece, expected):
    assert kept(piece) == expected


def test_masked_actions_stay_masked_and_do_not_speak_for_their_trajectory():
    mask = [True, False, True, True, True]
    assert kept(RejectMismatch(over="worst", low=0.6, high=1.6), mask) == [1, 0, 0, 1, 1]
    assert kept(RejectMismatch(over="sum", low=0.6, high=1.6), mask) == [1, 0, 0, 1, 1]


def test_equal_engines_reject_nothing():
    for measure in ("ratio", "k2", "k3"):
        for over in ("token", "sum", "mean", "worst"):
            assert kept(RejectMismatch(measure, over, high=1.0), ratios=[1.0] * 5) == [1] * 5


def test_bad_fields():
    with pytest.raises(GuerdonError, match="needs low, high or both, got neither"):
        RejectMismatch()
    with pytest.raises(GuerdonError, match=r"RejectMismatch.low must be None with measure 'k3', got 0.1"):
        RejectMismatch("k3", low=0.1)


def test_missing_behavior_logprobs_are_an_error():
    batch = ragged([[0]], columns={"action.old_logprob": [0.0], "action.logprob": [0.0], "action.advantage": [-1.0]})
    for piece in (RejectMismatch(high=1.0), OffPolicyMask(1.0)):
        with pytest.raises(GuerdonError, match=r"no column 'action.behavior_logprob'"):
            piece(batch)


def test_off_policy_mask_drops_stale_negatives_only():
    columns = {
        "action.behavior_logprob": [0.0] * 5,
        "action.logprob": [-1.0, -0.4, -1.0, -0.4, -0.4],
        "action.advantage": [-1.0, -1.0, 1.0, -1.0, -1.0],
    }
    # Mean log ratios 0.7, 1.0 and 0.4; the second trajectory has a positive advantage.
    assert OffPolicyMask(0.5)(ragged([[0, 0, 0]], [2, 1, 2], columns)).tolist() == [0, 0, 1, 1, 1]
