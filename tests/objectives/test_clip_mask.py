import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from guerdon.objective import Objective
from guerdon.objectives.clip_mask import ClipMask
from guerdon.objectives.importance import ImportanceWeight
from guerdon.objectives.ppo_clip import PPOClip
from guerdon.objectives.reinforce import Reinforce
from guerdon.papers._bench import ragged


def row(logprob, old, behavior, advantage):
    return ragged(
        [[0]],
        columns={
            "action.logprob": torch.tensor([math.log(logprob)], dtype=torch.float64, requires_grad=True),
            "action.old_logprob": [math.log(old)],
            "action.behavior_logprob": [math.log(behavior)],
            "action.advantage": [advantage],
        },
    )


@pytest.mark.parametrize(
    ("logprob", "old", "behavior", "advantage", "weight"),
    [(0.5, 0.4, 0.25, 1.0, 2), (0.5, 0.3, 0.25, 1.0, 0), (0.5, 0.4, 0.01, -1.0, 5), (0.5, 0.9, 0.25, -1.0, 0)],
)
def test_minirl(logprob, old, behavior, advantage, weight):
    """MiniRL: the mask looks at the trainer's ratio, the weight (capped at 5) at the sampler's."""
    batch = row(logprob, old, behavior, advantage)
    pieces = (ImportanceWeight("current", "behavior", high=5.0), ClipMask(0.2, 0.27))
    got = math.prod(float(piece(batch)) for piece in pieces)
    assert got == pytest.approx(weight)


@settings(deadline=None, max_examples=100)
@given(log_ratio=st.floats(-1, 1), advantage=st.floats(-3, 3), low=st.floats(0.05, 0.5), high=st.floats(0.05, 0.5))
def test_with_reinforce_it_has_the_gradient_of_the_clip(log_ratio, advantage, low, high):
    slopes = []
    for objective in (
        Objective(PPOClip(low, high, dual_clip=None)),
        Objective(Reinforce(), weights=(ImportanceWeight("current", "old", high=None), ClipMask(low, high))),
    ):
        batch = row(math.exp(log_ratio), 1.0, 1.0, advantage)
        loss, _ = objective(objective.prepare(batch), {})
        loss.backward()
        slopes.append(batch["action.logprob"].grad.item())
    assert slopes[0] == pytest.approx(slopes[1], abs=1e-12)
