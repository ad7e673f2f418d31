"""Sampling the small token tasks whose contexts can be numbered.

Reads
    The task: ``context``, ``ends`` and ``outcome``; ``stored`` for stored responses. The policy: ``rows``, the logits of
    contexts.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from guerdon import segment
from guerdon.batch import Batch, Column
from guerdon.errors import GuerdonError
from guerdon.piece import Pick, Rollout
from guerdon.policies.tabular import TabularPolicy
from guerdon.rng import Stream
from guerdon.rollouts.entropy_temperature import EntropyScale, EntropyTemperature


@dataclass(frozen=True)
class SampleTree(Rollout):
    """``prompts`` x ``samples_per_prompt`` responses to a small token task, with behaviour log-probs."""

    prompts: int = 8
    """Problems per step."""
    samples_per_prompt: int = 8
    """Responses per problem (the group size)."""
    temperature: float = 1.0
    """Divides the logits of the sampling policy only."""
    mismatch: float = 0.0
    """Standard deviation of a fixed noise on the sampler's logits: an engine whose numbers are not the trainer's."""
    reward: str = "task"
    """Name of the component that the task's reward becomes; ``correct`` is what a verifier writes."""
    extra: tuple[str, ...] = ()
    """Further columns that the task's outcome has, such as ``traj.thoughts``; for ``Recipe.check``."""
    by_entropy: EntropyTemperature | None = None
    """How the temperature follows the entropy of each token; None: it does not."""

    def __post_init__(self) -> None:
        if min(self.prompts, self.samples_per_prompt) < 1 or not self.temperature > 0 or self.mismatch < 0:
            raise GuerdonError(
                f"SampleTree needs positive prompts, samples_per_prompt and temperature and mismatch >= 0, got {self}"
            )

    @property
    def draws_policy(self) -> bool:
        """Temperature and mismatch are the sampler's alone."""
        return self.temperature == 1 and self.mismatch == 0 and self.by_entropy is None

    @property
    def writes(self) -> tuple[str, ...]:
        """Tokens, the task's reward, and the columns named in ``extra``."""
        columns = ("token.context", "token.id", "token.position", "token.behavior_logprob")
        return (*columns, f"traj.reward/{self.reward}", "group.problem_id", *self.extra)

    def init_state(self) -> EntropyScale | None:
        """The scale of entropies, where the temperature follows them."""
        return self.by_entropy.init_state() if self.by_entropy else None

    def __call__(self, task: Any, policy: TabularPolicy, pick: Pick, stream: Stream, state: Any = None) -> Batch:
        """One batch; token rows are ordered by trajectory and position, what follows an end is left out."""
        problem = torch.tensor(pick(self.prompts))
        prompt = problem.repeat_interleave(self.samples_per_prompt)
        generator = stream.child("sample").generator()
        count, noise = len(prompt), self.mismatch * engine_noise(task) if self.mismatch else None
        tokens, contexts, logprobs = torch.zeros((count, 0), dtype=torch.int64), [], []
        alive, lengths = torch.ones(count, dtype=torch.bool), torch.zeros(count, dtype=torch.int64)
        with torch.no_grad():
            for _ in range(task.depth):
                context = task.context(prompt, tokens)
                logits = policy.rows(context) if noise is None else policy.rows(context) + noise[context]
                row = self._logprobs(logits, alive, state)
                choice = torch.multinomial(row.exp(), 1, generator=generator)
                contexts.append(context)
                logprobs.append(row.gather(1, choice)[:, 0])
                tokens = torch.cat([tokens, choice], 1)
                lengths = lengths + alive
                alive = alive & ~task.ends(choice[:, 0])
                if not bool(alive.any()):
                    break
        if self.by_entropy:
            self.by_entropy.learn(state)
        outcome = dict(task.outcome(prompt, tokens, lengths, generator))
        outcome[f"traj.reward/{self.reward}"] = outcome.pop("traj.reward/task")
        group = torch.arange(len(problem)).repeat_interleave(self.samples_per_prompt)
        steps = {"token.context": torch.stack(contexts, 1), "token.behavior_logprob": torch.stack(logprobs, 1)}
        return packed(tokens, lengths, group, steps, {**outcome, "group.problem_id": problem})

    def _logprobs(self, logits: Tensor, alive: Tensor, state: Any) -> Tensor:
        """Log-probs at the temperature of each row, ``[n, actions]``."""
        if self.by_entropy is None:
            return (logits / self.temperature).log_softmax(-1)
        return (logits / self.by_entropy.temperature(logits, self.temperature, state, alive)[:, None]).log_softmax(-1)


def engine_noise(task: Any) -> Tensor:
    """Standard normal numbers, the same for every step and policy, ``[contexts, actions]``."""
    generator = Stream((getattr(task, "seed", 0), "engine")).generator()
    return torch.randn((task.contexts, task.actions), generator=generator)


def packed(
    tokens: Tensor, lengths: Tensor, group: Tensor, steps: Mapping[str, Tensor], columns: Mapping[str, Column]
) -> Batch:
    """A batch of responses to a token task.

    Args:
        tokens: ``[n, D]``, of which the first ``lengths`` ``[n]`` of each row exist.
        lengths: tokens of each response.
        group: of each response, ``[n]``, sorted.
        steps: further token columns, ``[n, D]``.
        columns: of the other levels; ``group.problem_id`` says how many groups there are.
    """
    row = torch.arange(len(tokens)).repeat_interleave(lengths)
    column = segment.position(row, len(tokens))
    own = {"token.id": tokens[row, column], "token.position": column}
    return Batch.build(
        {**own, **{name: values[row, column] for name, values in steps.items()}, **columns},
        step_of_token=row,
        traj_of_step=torch.arange(len(tokens)),
        group_of_traj=group,
        groups=len(columns["group.problem_id"]),
    )


def stored_batch(task: Any, problem: Tensor, reward: str) -> Batch:
    """The stored responses of problems ``[n]``, one group per problem; ``traj.reward/<reward>`` is the stored reward.

    Raises:
        GuerdonError: if the task stores no responses.
    """
    if not hasattr(task, "stored"):
        raise GuerdonError(f"stored responses need a task that has some, such as TokenTree, got {type(task).__name__}")
    group, tokens, value = task.stored(problem)
    contexts = [task.context(problem[group], tokens[:, :level]) for level in range(tokens.shape[1])]
    over = torch.stack([task.ends(choice) for choice in tokens.unbind(1)], 1).cumsum(1) > 0
    lengths = (~over).sum(1).add(1).clamp(max=tokens.shape[1])
    columns = {f"traj.reward/{reward}": value, "group.problem_id": problem}
    return packed(tokens, lengths, group, {"token.context": torch.stack(contexts, 1)}, columns)
