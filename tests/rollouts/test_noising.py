import pytest
import torch

from guerdon.policies.denoiser import Denoiser
from guerdon.rng import Stream
from guerdon.rollouts.noising import NoisedData
from guerdon.tasks.points import Points

TASK = Points(centers=((0.0, 0.0), (4.0, 4.0)), conditional=True)
POLICY = Denoiser(hidden=(8,), steps=5).build(TASK, frozenset(), Stream((0,)))


def test_noised_data_is_data_with_the_noise_it_tells():
    numbers = [0, 1] * 1000
    batch = NoisedData(samples=2000)(TASK, POLICY, lambda count: numbers, Stream((0,)))
    time, noise = batch["step.time"], batch["step.noise"]
    torch.testing.assert_close(batch["step.observation"], POLICY.noised(batch["traj.sample"], time, noise))
    assert set(time.tolist()) == {1, 2, 3, 4, 5}
    assert float(noise.mean()) == pytest.approx(0, abs=0.05) and float(noise.std()) == pytest.approx(1, abs=0.05)
    second = batch["traj.sample"][1::2].mean(0)
    torch.testing.assert_close(second, torch.tensor([4.0, 4.0]), atol=0.15, rtol=0)


def test_writes_what_it_says():
    batch = NoisedData(samples=2)(TASK, POLICY, lambda count: [0, 1], Stream((0,)))
    assert set(batch.columns) == set(NoisedData.writes)
