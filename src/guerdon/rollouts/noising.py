"""Data with known noise: what a denoiser is pre-trained on, through the same loop.

Maths
    x_0 ~ data, k ~ Uniform{1..K}, eps ~ N(0, I);  x_k = sqrt(abar_k) x_0 + sqrt(1 - abar_k) eps.
Reads
    A task with ``sample(problem, generator)`` and a policy with ``steps`` and ``noised(clean, time, noise)``.
Deviations
    None. One step row per data point.
"""

from dataclasses import dataclass
from typing import Any

import torch

from guerdon.batch import Batch
from guerdon.piece import Pick, Rollout
from guerdon.rng import Stream


@dataclass(frozen=True)
class NoisedData(Rollout):
    """``samples`` data points, each at a random time with the noise that was added."""

    samples: int = 256
    """Data points per step."""

    writes = ("step.observation", "step.time", "step.noise", "traj.sample", "group.problem_id")

    def __call__(self, task: Any, policy: Any, pick: Pick, stream: Stream) -> Batch:
        """One batch; every data point is a trajectory and a group of its own."""
        device = next(policy.parameters()).device
        problem, generator = torch.tensor(pick(self.samples)), stream.child("noise").generator()
        clean = task.sample(problem, generator)
        time = torch.randint(1, policy.steps + 1, (self.samples,), generator=generator).to(device)
        noise = torch.randn(clean.shape, generator=generator).to(device)
        clean, rows = clean.to(device), torch.arange(self.samples, device=device)
        return Batch.build(
            {
                "step.observation": policy.noised(clean, time, noise),
                "step.time": time,
                "step.noise": noise,
                "traj.sample": clean,
                "group.problem_id": problem.to(device),
            },
            traj_of_step=rows,
            group_of_traj=rows,
        )
