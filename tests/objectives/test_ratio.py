import math

import pytest
import torch

from guerdon.objectives.aggregation import SeqMeanTokenMean, SeqMeanTokenSum
from guerdon.objectives.ppo_clip import PPOClip
from guerdon.objectives.ratio import ratio, unit
from guerdon.papers._bench import ragged

OPEN = (None, None)
DIFFERENCE = [0.1, 0.3, -0.2, 1.0, -3.0]
"""Log ratios of three trajectories with 2, 1 and 2 actions."""


def ratios(level, bounds=OPEN, mask=None, lengths=(2, 1, 2)):
    columns = {} if mask is None else {"action.mask": mask}
    batch = ragged([[0.0] * len(lengths)], list(lengths), columns)
    logprob = torch.tensor(DIFFERENCE, dtype=torch.float64)
    return ratio(batch, logprob, torch.zeros_like(logprob), level, bounds).log().tolist()


def test_levels():
    assert ratios("token") == pytest.approx(DIFFERENCE)
    assert ratios("sequence") == pytest.approx([0.2, 0.2, -0.2, -1, -1])
    assert ratios("sequence_token") == pytest.approx([0.2, 0.2, -0.2, -1, -1])
    assert ratios("sequence_sum") == pytest.approx([0.4, 0.4, -0.2, -2, -2])


def test_masked_actions_are_in_no_sequence():
    mask = [True, False, True, True, True]
    assert ratios("sequence", mask=mask)[0] == pytest.approx(0.1)
    assert ratios("sequence_sum", mask=mask)[0] == pytest.approx(0.1)


def test_bounds():
    assert ratios("token", (-2.0, 0.5)) == pytest.approx([0.1, 0.3, -0.2, 0.5, -2])
    assert ratios("sequence_sum", (None, 0.3)) == pytest.approx([0.3, 0.3, -0.2, -2, -2])


def test_empty_trajectories():
    assert ratios("sequence", lengths=(2, 0, 1, 2)) == pytest.approx([0.2, 0.2, -0.2, -1, -1])


def test_units():
    assert [unit(level) for level in ("token", "sequence", "sequence_sum", "sequence_token")] == [
        "action",
        "traj",
        "traj",
        "traj",
    ]


def gradient(level, advantage, aggregation, lengths=(2, 1, 2)):
    batch = ragged([[0.0] * 3], list(lengths), {"action.advantage": advantage})
    logprob = torch.tensor(DIFFERENCE, dtype=torch.float64, requires_grad=True)
    piece = PPOClip(None, None, None, level, OPEN)
    batch = batch.with_columns({"action.logprob": logprob, "action.old_logprob": torch.zeros(5, dtype=torch.float64)})
    (piece(batch).values * aggregation(batch, "action").double()).sum().backward()
    return logprob.grad


def test_gspo_token_form_has_the_gradient_of_the_sequence_form():
    """verl's form and TRL's, with an advantage per trajectory: (1/B) s_i A_i (1/T_i) at every token."""
    advantage = [1.0, 1.0, -2.0, 0.5, 0.5]
    token, sequence = (gradient(level, advantage, SeqMeanTokenMean()) for level in ("sequence_token", "sequence"))
    by_hand = [
        math.exp(0.2) / 2,
        math.exp(0.2) / 2,
        -2 * math.exp(-0.2),
        0.5 * math.exp(-1) / 2,
        0.5 * math.exp(-1) / 2,
    ]
    assert token.tolist() == pytest.approx(sequence.tolist(), rel=1e-6)
    assert token.tolist() == pytest.approx([-x / 3 for x in by_hand], rel=1e-6)


def test_token_form_keeps_token_advantages_apart():
    """The sequence form can only see their mean."""
    advantage = [1.0, 0.0, 0.0, 0.0, 0.0]
    assert gradient("sequence_token", advantage, SeqMeanTokenSum())[:2].tolist() == pytest.approx(
        [-math.exp(0.2) / 3, 0.0], rel=1e-6
    )
    assert gradient("sequence", advantage, SeqMeanTokenSum())[:2].tolist() == pytest.approx(
        [-math.exp(0.2) / 6] * 2, rel=1e-6
    )


def test_gspo_on_policy_loss_is_minus_the_mean_advantage():
    batch = ragged([[0.0] * 3], [2, 1, 2], {"action.advantage": [1.0, 1.0, -2.0, 0.5, 0.5]})
    zero = torch.zeros(5, dtype=torch.float64)
    batch = batch.with_columns({"action.logprob": zero, "action.old_logprob": zero})
    for level in ("sequence", "sequence_token"):
        rows = PPOClip(3e-4, 4e-4, ratio=level)(batch).values
        assert float((rows * SeqMeanTokenMean()(batch, "action")).sum()) == pytest.approx(0.5 / 3)
