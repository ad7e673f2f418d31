"""Construction: a flow policy builds objects from the start state until it exits.

Idea
    One construction step is one ``step`` row; all objects of a batch grow side by side.
Maths
    a ~ (1 - epsilon) P_F(. | s) + epsilon Uniform(allowed(s)); the recorded behaviour log-prob is the mixture's.
Reads
    A construction task (see ``tasks/hypergrid.py``) and a policy with ``forward_logprobs(state)``.
Deviations
    None. Balance losses are valid off-policy, so epsilon > 0 needs no correction there.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from guerdon.batch import Batch
from guerdon.errors import GuerdonError
from guerdon.piece import Pick, Rollout
from guerdon.rng import Stream


@dataclass(frozen=True)
class Construct(Rollout):
    """``problems`` x ``samples_per_problem`` objects, built by (1 - epsilon) P_F + epsilon uniform."""

    problems: int = 1
    """Start states (conditions) per step; a group is the objects of one of them."""
    samples_per_problem: int = 32
    """Objects per start state."""
    epsilon: float = 0.0
    """Probability of a uniformly random action at each step."""

    writes = (
        "step.observation",
        "step.action",
        "step.next_observation",
        "step.terminated",
        "step.behavior_logprob",
        "traj.object",
        "traj.reward/task",
        "group.problem_id",
    )

    def __post_init__(self) -> None:
        if min(self.problems, self.samples_per_problem) < 1 or not 0 <= self.epsilon <= 1:
            raise GuerdonError(f"Construct needs positive counts and epsilon in [0, 1], got {self}")

    def __call__(self, task: Any, policy: Any, pick: Pick, stream: Stream) -> Batch:
        """One batch; step rows are ordered by object, then by time, and each object's last step is its exit."""
        problem = torch.tensor(pick(self.problems))
        device = next(policy.parameters()).device
        state = task.start(problem.repeat_interleave(self.samples_per_problem)).to(device)
        generator = stream.child("construct").generator(device)
        growing = torch.arange(len(state), device=device)
        rows: dict[str, list[Tensor]] = {name: [] for name in (*self.writes[:5], "traj")}
        with torch.no_grad():
            while len(growing):
                before = state[growing]
                logprobs = mixed(policy.forward_logprobs(before), self.epsilon)
                action = torch.multinomial(logprobs.exp(), 1, generator=generator)[:, 0]
                after = task.advance(before, action)
                exits = action == task.actions - 1
                chosen = logprobs.gather(1, action[:, None])[:, 0]
                for name, column in zip(rows, (before, action, after, exits, chosen, growing), strict=True):
                    rows[name].append(column)
                state[growing] = after
                growing = growing[~exits]
        columns = {name: torch.cat(parts) for name, parts in rows.items()}
        traj = columns.pop("traj")
        order = torch.argsort(traj, stable=True)
        return Batch.build(
            {
                **{name: column[order] for name, column in columns.items()},
                "traj.object": state,
                "traj.reward/task": task.reward(state),
                "group.problem_id": problem.to(device),
            },
            traj_of_step=traj[order],
            group_of_traj=torch.arange(len(problem), device=device).repeat_interleave(self.samples_per_problem),
        )


def mixed(logprobs: Tensor, epsilon: float) -> Tensor:
    """log((1 - epsilon) p + epsilon uniform over the actions with p > -inf), ``[n, actions]``."""
    if epsilon == 0:
        return logprobs
    allowed = logprobs > -torch.inf
    uniform = allowed / allowed.sum(1, keepdim=True)
    return ((1 - epsilon) * logprobs.exp() + epsilon * uniform).log()
