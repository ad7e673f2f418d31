"""Sampling the small token tasks whose contexts can be numbered.

Reads
    The task: ``context``, ``ends`` and ``outcome``. The policy: ``rows``, the logits of contexts.
"""

from dataclasses import dataclass
from typing import Any

import torch

from guerdon import segment
from guerdon.batch import Batch
from guerdon.errors import GuerdonError
from guerdon.piece import Pick, Rollout
from guerdon.policies.tabular import TabularPolicy
from guerdon.rng import Stream


@dataclass(frozen=True)
class SampleTree(Rollout):
    """``prompts`` x ``samples_per_prompt`` responses to a small token task, with behaviour log-probs."""

    prompts: int = 8
    """Problems per step."""
    samples_per_prompt: int = 8
    """Responses per problem (the group size)."""
    temperature: float = 1.0
    """Divides the logits of the sampling policy only."""
    reward: str = "task"
    """Name of the component that the task's reward becomes; ``correct`` is what a verifier writes."""
    extra: tuple[str, ...] = ()
    """Further columns that the task's outcome has, such as ``traj.thoughts``; for ``Recipe.check``."""

    def __post_init__(self) -> None:
        if min(self.prompts, self.samples_per_prompt) < 1 or not self.temperature > 0:
            raise GuerdonError(f"SampleTree needs positive prompts, samples_per_prompt and temperature, got {self}")

    @property
    def draws_policy(self) -> bool:
        """The temperature is the sampler's alone."""
        return self.temperature == 1

    @property
    def writes(self) -> tuple[str, ...]:
        """Tokens, the task's reward, and the columns named in ``extra``."""
        columns = ("token.context", "token.id", "token.position", "token.behavior_logprob")
        return (*columns, f"traj.reward/{self.reward}", "group.problem_id", *self.extra)

    def __call__(self, task: Any, policy: TabularPolicy, pick: Pick, stream: Stream) -> Batch:
        """One batch; token rows are ordered by trajectory and position, what follows an end is left out."""
        problem = torch.tensor(pick(self.prompts))
        prompt = problem.repeat_interleave(self.samples_per_prompt)
        generator = stream.child("sample").generator()
        count = len(prompt)
        tokens, contexts, logprobs = torch.zeros((count, 0), dtype=torch.int64), [], []
        alive, lengths = torch.ones(count, dtype=torch.bool), torch.zeros(count, dtype=torch.int64)
        with torch.no_grad():
            for _ in range(task.depth):
                context = task.context(prompt, tokens)
                row = (policy.rows(context) / self.temperature).log_softmax(-1)
                choice = torch.multinomial(row.exp(), 1, generator=generator)
                contexts.append(context)
                logprobs.append(row.gather(1, choice)[:, 0])
                tokens = torch.cat([tokens, choice], 1)
                lengths = lengths + alive
                alive = alive & ~task.ends(choice[:, 0])
                if not bool(alive.any()):
                    break
        row = torch.arange(count).repeat_interleave(lengths)
        column = segment.position(row, count)
        columns = {
            "token.context": torch.stack(contexts, 1)[row, column],
            "token.id": tokens[row, column],
            "token.position": column,
            "token.behavior_logprob": torch.stack(logprobs, 1)[row, column],
            "group.problem_id": problem,
        }
        outcome = dict(task.outcome(prompt, tokens, lengths, generator))
        outcome[f"traj.reward/{self.reward}"] = outcome.pop("traj.reward/task")
        return Batch.build(
            {**columns, **outcome},
            step_of_token=row,
            traj_of_step=torch.arange(count),
            group_of_traj=torch.arange(len(problem)).repeat_interleave(self.samples_per_prompt),
        )
