"""Single-turn responses of a language model to problems of a task.

Reads
    A ``ProblemTask`` and a ``LanguageModel``.
Deviations
    One step row per trajectory: a single turn.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from torch import Tensor

from guerdon.batch import Batch
from guerdon.errors import GuerdonError
from guerdon.piece import Pick, Rollout
from guerdon.policies.language_model import LanguageModel
from guerdon.rng import Stream
from guerdon.rollouts.entropy_temperature import EntropyScale, EntropyTemperature
from guerdon.rollouts.sampler import Completion, LocalSampler, Sampler, Sampling
from guerdon.tasks.problem import Problem, ProblemTask

WRITES = (
    "token.id",
    "token.position",
    "traj.input_ids",
    "traj.response",
    "group.problem_id",
    "group.prompt",
    "group.problem",
)


def pack(
    problems: Sequence[Problem], numbers: Sequence[int], prompts: Sequence[Tensor], parts: Sequence[Tensor]
) -> Batch:
    """A batch of single-turn trajectories: ``parts`` holds each response's ids, equally many per problem."""
    repeats = len(parts) // max(len(problems), 1)
    lengths = torch.tensor([len(part) for part in parts], dtype=torch.int64)
    start = torch.tensor([len(prompt) for prompt in prompts], dtype=torch.int64).repeat_interleave(repeats)
    row = torch.arange(len(parts)).repeat_interleave(lengths)
    inside = torch.arange(int(lengths.sum())) - (lengths.cumsum(0) - lengths)[row]
    return Batch.build(
        {
            "token.id": torch.cat(list(parts)),
            "token.position": start[row] + inside,
            "traj.input_ids": [torch.cat([prompts[i // repeats], part]) for i, part in enumerate(parts)],
            "group.problem_id": torch.tensor(list(numbers), dtype=torch.int64),
            "group.prompt": [as_text(problem) for problem in problems],
            "group.problem": list(problems),
        },
        step_of_token=row,
        traj_of_step=torch.arange(len(parts)),
        group_of_traj=torch.arange(len(problems)).repeat_interleave(repeats),
        groups=len(problems),
    )


def as_text(problem: Problem) -> str:
    """A problem's prompt as readable text."""
    if isinstance(problem.prompt, str):
        return problem.prompt
    return "\n".join(f"{message['role']}: {message['content']}" for message in problem.prompt)


def check_kinds(piece: str, task: Any, policy: Any) -> None:
    """Refuse a task without problems or a policy that is no language model, with a sentence."""
    if not isinstance(task, ProblemTask):
        raise GuerdonError(f"{piece} needs a task made of problems with a verifier, got {type(task).__name__}")
    if not isinstance(policy, LanguageModel):
        raise GuerdonError(f"{piece} needs a language-model policy such as TinyLM, got {type(policy).__name__}")


def sample_batch(
    task: ProblemTask,
    policy: LanguageModel,
    sampler: Sampler,
    numbers: Sequence[int],
    split: str,
    repeats: int,
    how: Sampling,
    stream: Stream,
) -> Batch:
    """Sample ``repeats`` responses to each numbered problem of a split."""
    problems = [task.problem(split, number) for number in numbers]
    prompts = [torch.tensor(policy.encode_prompt(problem), dtype=torch.int64) for problem in problems]
    seeds = torch.randint(0, 2**62, (len(prompts) * repeats,), generator=stream.generator())
    completions: list[Completion] = sampler.generate(prompts, repeats, seeds, how)
    batch = pack(problems, numbers, prompts, [completion.ids for completion in completions])
    temperature = how.temperature or 1.0
    heats = [completion.temperatures for completion in completions if completion.temperatures is not None]
    return batch.with_columns(
        {
            **({"token.temperature": torch.cat(heats)} if heats else {}),
            "token.behavior_logprob": torch.cat([completion.logprobs for completion in completions]),
            "traj.response": [completion.text for completion in completions],
            "traj.truncated": torch.tensor([completion.truncated for completion in completions]),
            "traj.temperature": torch.full((len(completions),), temperature),
        }
    )


@dataclass(frozen=True)
class Sample(Rollout):
    """``prompts`` x ``samples_per_prompt`` responses, sampled by the policy itself."""

    prompts: int = 16
    """Problems per step."""
    samples_per_prompt: int = 8
    """Responses per problem: the group size."""
    sampling: Sampling = field(default_factory=Sampling)
    """How tokens are drawn."""
    engine: Literal["local", "vllm"] = "local"
    """What samples: this process, or vLLM where it is installed."""
    by_entropy: EntropyTemperature | None = None
    """How the temperature follows the entropy of each token (local engine only); None: it does not."""

    @property
    def draws_policy(self) -> bool:
        """Whether nothing cuts the distribution; the trainer knows the temperature."""
        how = self.sampling
        return self.engine == "local" and how.temperature > 0 and how.top_p == 1 and how.top_k == 0

    @property
    def longest(self) -> int:
        """The generation budget."""
        return self.sampling.max_tokens

    def __post_init__(self) -> None:
        if self.by_entropy and (self.engine != "local" or self.sampling.temperature == 0):
            raise GuerdonError(
                "Sample.by_entropy needs engine='local' and a positive sampling.temperature, "
                f"got {self.engine!r} and {self.sampling.temperature}"
            )
        if self.prompts < 1 or self.samples_per_prompt < 1:
            raise GuerdonError(
                "Sample needs prompts and samples_per_prompt of at least 1, "
                f"got {self.prompts} and {self.samples_per_prompt}"
            )

    @property
    def writes(self) -> tuple[str, ...]:
        """Texts and tokens, how they were sampled, and the temperature of each token where it varies."""
        columns = (*WRITES, "token.behavior_logprob", "traj.truncated", "traj.temperature")
        return (*columns, *(["token.temperature"] if self.by_entropy else []))

    def init_state(self) -> EntropyScale | None:
        """The scale of entropies, where the temperature follows them."""
        return self.by_entropy.init_state() if self.by_entropy else None

    def __call__(self, task: Any, policy: Any, pick: Pick, stream: Stream, state: Any = None) -> Batch:
        """One batch of fresh responses to training problems."""
        check_kinds("Sample", task, policy)
        sampler, hot = make_sampler(self.engine, policy), self.by_entropy
        if hot:
            sampler = LocalSampler(policy, lambda logits: hot.temperature(logits, self.sampling.temperature, state))
        numbers = pick(self.prompts)
        batch = sample_batch(
            task, policy, sampler, numbers, "train", self.samples_per_prompt, self.sampling, stream.child("sample")
        )
        if hot:
            hot.learn(state)
        return batch


def make_sampler(engine: str, policy: LanguageModel) -> Sampler:
    """The sampler of an engine name."""
    if engine == "vllm":
        from guerdon.rollouts.vllm_sampler import VLLMSampler

        return VLLMSampler(policy)
    return LocalSampler(policy)
