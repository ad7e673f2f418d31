import pytest
import torch

from guerdon.batch import Batch
from guerdon.errors import GuerdonError
from guerdon.policies.denoiser import Denoiser
from guerdon.rng import Stream
from guerdon.rollouts.denoise import Denoise
from guerdon.tasks.points import Points

TASK = Points(centers=((0.0, 0.0), (4.0, 4.0)), conditional=True)
POLICY = Denoiser(hidden=(8,), steps=5).build(TASK, frozenset(), Stream((0,)))


def rolled(seed: int = 0, samples: int = 3) -> Batch:
    return Denoise(problems=2, samples_per_problem=samples)(TASK, POLICY, lambda count: [1, 0][:count], Stream((seed,)))


def test_chains_hang_together():
    batch = rolled()
    assert batch.size("step") == 6 * 4  # the fifth step has no noise and no row
    assert batch["step.time"].tolist() == [5, 4, 3, 2] * 6
    before, after = batch["step.observation"].view(6, 4, 2), batch["step.action"].view(6, 4, 2)
    assert torch.equal(before[:, 1:], after[:, :-1])
    last = after[:, -1]
    mean, std = POLICY.transition(last, torch.ones(6, dtype=torch.int64), torch.tensor([1, 1, 1, 0, 0, 0]))
    assert not bool(std.any())
    torch.testing.assert_close(batch["traj.sample"], mean.detach())
    assert batch["traj.problem_id"].tolist() == [1, 1, 1, 0, 0, 0]


def test_behaviour_logprob_is_the_policys():
    batch = rolled()
    out = POLICY.evaluate(batch, frozenset({"action.logprob"}))["action.logprob"].detach()
    torch.testing.assert_close(batch["step.behavior_logprob"], out)


def test_steps_have_the_std_they_claim():
    batch = rolled(samples=4000)
    mean, std = POLICY.transition(batch["step.observation"], batch["step.time"], batch["step.problem_id"])
    noise = ((batch["step.action"] - mean) / std).detach()
    assert float(noise.mean()) == pytest.approx(0, abs=0.02) and float(noise.std()) == pytest.approx(1, abs=0.02)


def test_the_same_stream_gives_the_same_batch():
    assert torch.equal(rolled()["traj.sample"], rolled()["traj.sample"])
    assert not torch.equal(rolled()["traj.sample"], rolled(seed=1)["traj.sample"])


def test_a_policy_without_noise_is_refused():
    policy = Denoiser(hidden=(8,), steps=5).build(TASK, frozenset(), Stream((0,)))
    policy.eta = 0.0
    with pytest.raises(GuerdonError, match="at least one noisy step"):
        Denoise()(TASK, policy, lambda count: [0], Stream((0,)))


def test_writes_what_it_says():
    assert set(rolled().columns) == set(Denoise.writes)
