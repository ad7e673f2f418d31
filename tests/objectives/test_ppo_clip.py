import math

import pytest
import torch

from guerdon.errors import GuerdonError
from guerdon.objectives.ppo_clip import PPOClip
from guerdon.papers._bench import ragged

TRL = {"dual_clip": None, "log_ratio_bounds": (None, None)}


def one(piece, rho, advantage, **columns):
    """Loss of a single action with this ratio, and its gradient with respect to the log-prob."""
    logprob = torch.tensor([math.log(rho)], dtype=torch.float64, requires_grad=True)
    extra = {"action.logprob": logprob, "action.old_logprob": [0.0], "action.advantage": [advantage], **columns}
    loss = piece(ragged([[0]], columns=extra)).values
    loss.sum().backward()
    return loss.item(), logprob.grad.item()


@pytest.mark.parametrize(
    ("fields", "rho", "advantage", "loss", "slope"),
    [
        ({}, 1.0, 2.0, -2.0, -2.0),
        ({}, 1.1, 1.0, -1.1, -1.1),
        ({}, 1.5, 1.0, -1.2, 0.0),
        ({}, 0.5, 1.0, -0.5, -0.5),
        ({}, 0.5, -1.0, 0.8, 0.0),
        ({}, 2.0, -1.0, 2.0, 2.0),
        ({}, 10.0, -1.0, 3.0, 0.0),
        ({"dual_clip": None}, 10.0, -1.0, 10.0, 10.0),
        ({**TRL, "dual_clip": 3.0}, 10.0, -1.0, 3.0, 0.0),
        ({"clip_high": 0.28}, 1.5, 1.0, -1.28, 0.0),
        ({"clip_low": None, "clip_high": None}, 5.0, 1.0, -5.0, -5.0),
        ({"clip_low": 0.0, "clip_high": 0.0}, 1.0, 1.0, -1.0, -1.0),
        ({"log_ratio_bounds": (math.log(1e-3), math.log(1e3)), "dual_clip": None}, 1e30, -1.0, 1000.0, 0.0),
    ],
)
def test_golden(fields, rho, advantage, loss, slope):
    assert one(PPOClip(**fields), rho, advantage) == pytest.approx((loss, slope), rel=1e-12)


def trl_delta(rho, advantage, low, high, delta):
    return -min(min(rho, delta) * advantage, min(max(rho, 1 - low), 1 + high) * advantage)


@pytest.mark.parametrize("rho", [0.1, 0.79, 1.0, 1.27, 1.4, 4.9, 5.1, 100.0])
@pytest.mark.parametrize("advantage", [-2.0, 0.0, 1.0])
def test_dual_clip_is_the_delta_of_trl(rho, advantage):
    loss, _ = one(PPOClip(clip_high=0.28, dual_clip=5.0), rho, advantage)
    assert loss == pytest.approx(trl_delta(rho, advantage, 0.2, 0.28, 5.0))


def test_clip_columns():
    piece = PPOClip(clip_low="action.clip_low", clip_high="action.clip_high")
    assert one(piece, 2.0, 1.0, **{"action.clip_low": [0.4], "action.clip_high": [0.3]})[0] == pytest.approx(-1.3)
    assert piece.reads[-2:] == ("action.clip_low", "action.clip_high")


def test_metrics_count_trained_actions_only():
    columns = {
        "action.logprob": [math.log(2.0), 0.0, 0.0, math.log(2.0)],
        "action.old_logprob": [0.0] * 4,
        "action.advantage": [1.0] * 4,
        "action.mask": [True, True, True, False],
    }
    metrics = PPOClip()(ragged([[0, 0]], [3, 1], columns)).metrics
    assert metrics["clip_fraction"].tolist() == [1, 0, 0]
    assert metrics["old_kl"].sum().item() == pytest.approx(2 - 1 - math.log(2))


def test_bad_fields():
    with pytest.raises(GuerdonError, match=r"PPOClip.clip_low must be 0 or more, got -0.1"):
        PPOClip(clip_low=-0.1)
    with pytest.raises(GuerdonError, match=r"PPOClip.dual_clip must exceed 1 \+ clip_high = 1.2, got 1.1"):
        PPOClip(dual_clip=1.1)


def test_a_second_surrogate_has_advantages_and_metrics_of_its_own_name():
    columns = {"token.logprob": [0.1, 0.3], "token.old_logprob": [0.0, 0.0], "traj.other_advantage": [2.0, -1.0]}
    out = PPOClip(advantage="action.other_advantage")(ragged([[0.0, 0.0]], columns=columns))
    assert out.values.tolist() == pytest.approx([-2 * math.exp(0.1), math.exp(0.3)])
    assert set(out.metrics) == {"clip_fraction/other_advantage", "old_kl/other_advantage"}
