"""Sampling a ``TokenTree`` with a tabular policy.

Reads
    The task's contexts and rewards.
"""

from dataclasses import dataclass
from typing import Any

import torch

from guerdon.batch import Batch
from guerdon.piece import Pick, Rollout
from guerdon.policies.tabular import TabularPolicy
from guerdon.rng import Stream


@dataclass(frozen=True)
class SampleTree(Rollout):
    """``prompts`` x ``samples_per_prompt`` responses of a token tree, with behaviour log-probs."""

    prompts: int = 8
    """Problems per step."""
    samples_per_prompt: int = 8
    """Responses per problem (the group size)."""

    writes = (
        "token.context",
        "token.id",
        "token.behavior_logprob",
        "traj.leaf",
        "traj.reward/task",
        "group.problem_id",
    )

    def __call__(self, task: Any, policy: TabularPolicy, pick: Pick, stream: Stream) -> Batch:
        """One batch; token rows are ordered by trajectory and position."""
        problem = torch.tensor(pick(self.prompts))
        prompt = problem.repeat_interleave(self.samples_per_prompt)
        generator = stream.child("sample").generator()
        tokens, contexts, logprobs = torch.zeros((len(prompt), 0), dtype=torch.int64), [], []
        with torch.no_grad():
            for _ in range(task.depth):
                context = task.context(prompt, tokens)
                row = policy.logits[context].log_softmax(-1)
                choice = torch.multinomial(row.exp(), 1, generator=generator)
                contexts.append(context)
                logprobs.append(row.gather(1, choice)[:, 0])
                tokens = torch.cat([tokens, choice], 1)
        leaf = task.leaf(tokens)
        count = len(prompt)
        columns = {
            "token.context": torch.stack(contexts, 1).reshape(-1),
            "token.id": tokens.reshape(-1),
            "token.behavior_logprob": torch.stack(logprobs, 1).reshape(-1),
            "traj.leaf": leaf,
            "traj.reward/task": task.rewards()[prompt, leaf],
            "group.problem_id": problem,
        }
        return Batch.build(
            columns,
            step_of_token=torch.arange(count).repeat_interleave(task.depth),
            traj_of_step=torch.arange(count),
            group_of_traj=torch.arange(len(problem)).repeat_interleave(self.samples_per_prompt),
        )
