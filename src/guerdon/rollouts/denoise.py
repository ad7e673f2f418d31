"""Denoising: samples of a diffusion model, each reverse step an action with its log-prob.

Maths
    x_K ~ N(0, I);  x_{k-1} = mean(x_k, k) + std_k z;  log-prob as in ``policies/denoiser.py``.
Reads
    A task with ``dimension`` and a policy with ``steps`` and ``transition(x, time, problem)``.
Deviations
    A step without noise (the last one, where the signal level is 1) has no density: it is taken and gives no row.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from guerdon.batch import Batch
from guerdon.errors import GuerdonError
from guerdon.piece import Pick, Rollout
from guerdon.policies.denoiser import gaussian_logprob
from guerdon.rng import Stream


@dataclass(frozen=True)
class Denoise(Rollout):
    """``problems`` x ``samples_per_problem`` samples with one step row per noisy denoising step."""

    problems: int = 1
    """Prompts per step; a group is the samples of one of them."""
    samples_per_problem: int = 64
    """Samples per prompt."""

    writes = (
        "step.observation",
        "step.action",
        "step.time",
        "step.behavior_logprob",
        "traj.sample",
        "group.problem_id",
    )

    def __call__(self, task: Any, policy: Any, pick: Pick, stream: Stream) -> Batch:
        """One batch; step rows are ordered by sample, then from noise to data.

        Raises:
            GuerdonError: if no step has noise, so that nothing could be trained.
        """
        like = next(policy.parameters())
        device, dtype = like.device, like.dtype
        generator = stream.child("denoise").generator(device)
        problem = torch.tensor(pick(self.problems), device=device)
        prompt = problem.repeat_interleave(self.samples_per_problem)
        x = torch.randn((len(prompt), task.dimension), generator=generator, device=device, dtype=dtype)
        rows: dict[str, list[Tensor]] = {name: [] for name in self.writes[:4]}
        with torch.no_grad():
            for step in range(policy.steps, 0, -1):
                time = torch.full_like(prompt, step)
                mean, std = policy.transition(x, time, prompt)
                if not bool((std > 0).any()):
                    x = mean
                    continue
                after = mean + std * torch.randn(x.shape, generator=generator, device=device, dtype=dtype)
                for name, column in zip(rows, (x, after, time, gaussian_logprob(after, mean, std)), strict=True):
                    rows[name].append(column)
                x = after
        if not rows["step.time"]:
            raise GuerdonError("Denoise needs a policy with at least one noisy step, got none; raise its eta or steps")
        count = len(rows["step.time"])
        columns = {name: torch.stack(parts, 1).flatten(0, 1) for name, parts in rows.items()}
        return Batch.build(
            {**columns, "traj.sample": x, "group.problem_id": problem},
            traj_of_step=torch.arange(len(x), device=device).repeat_interleave(count),
            group_of_traj=torch.arange(len(problem), device=device).repeat_interleave(self.samples_per_problem),
        )
