import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tasks.fake_environment import Corridor, DistancePolicy

from guerdon.errors import GuerdonError
from guerdon.rng import Stream
from guerdon.rollouts.fixed_steps import FixedSteps


@given(st.integers(1, 5), st.integers(1, 9), st.integers(1, 6), st.integers(0, 1000))
def test_every_slot_takes_exactly_the_horizon(slots, horizon, limit, seed):
    def pick(count):
        return torch.randint(0, 1000, (count,), generator=Stream((seed, "pick")).generator()).tolist()

    batch = FixedSteps(slots, horizon)(Corridor(limit), DistancePolicy(), pick, Stream((seed,)))
    assert batch.size("step") == slots * horizon
    assert bool((batch["traj.terminated"] ^ batch["traj.truncated"]).all())
    ends = batch["traj.length"].cumsum(0)
    assert set(range(horizon, slots * horizon + 1, horizon)) <= set(ends.tolist())
    # Inside a trajectory every observation is the one that the step before led to.
    inside = (batch.index("step", "traj").diff() == 0).nonzero()[:, 0]
    assert torch.equal(batch["step.observation"][inside + 1], batch["step.next_observation"][inside])
    expected = torch.where(batch["traj.truncated"], DistancePolicy().value(batch["traj.final_observation"]), 0.0)
    assert torch.equal(batch["traj.bootstrap_value"], expected)


def test_sizes_must_be_positive():
    with pytest.raises(GuerdonError, match="FixedSteps needs at least 1 slot and 1 step"):
        FixedSteps(horizon=0)
