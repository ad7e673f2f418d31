"""Episodes of a verifiers environment, of several turns, played by the policy in this process.

Idea
    The environment says who speaks when; the policy samples every reply of its agents. A reply is a step, its tokens
    are token rows, and what the environment says in between is context.
Reads
    A ``VerifiersTaskset`` and a ``LanguageModel``.
Deviations
    The rewards are the environment's own, ``traj.reward/<name>`` without weights, NaN where the episode failed. Agents
    whose ``trainable`` is false are played but not trained. See ``plugins/verifiers_play.py`` for what is not there.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from guerdon.batch import Batch
from guerdon.errors import GuerdonError
from guerdon.piece import Pick, Rollout
from guerdon.policies.language_model import LanguageModel
from guerdon.rng import Stream
from guerdon.rollouts.sample import make_sampler
from guerdon.rollouts.sampler import Completion, Sampling
from guerdon.tasks.verifiers_taskset import VerifiersTaskset


@dataclass(frozen=True)
class VerifiersEpisodes(Rollout):
    """``prompts`` tasks x ``samples_per_prompt`` episodes."""

    prompts: int = 4
    """Tasks per step."""
    samples_per_prompt: int = 4
    """Episodes per task: the group size."""
    max_turns: int | None = None
    """Most replies of an agent; None: what its configuration says."""
    sampling: Sampling = field(default_factory=Sampling)
    """How the tokens of a reply are drawn."""

    draws_policy = True
    writes = (
        "token.id",
        "token.position",
        "token.behavior_logprob",
        "traj.input_ids",
        "traj.response",
        "traj.truncated",
        "traj.temperature",
        "traj.leaves",
        "traj.trace_id",
        "traj.reward/*",
        "traj.metric/*",
        "group.prompt",
        "group.problem",
        "group.problem_id",
    )

    def __post_init__(self) -> None:
        if self.prompts < 1 or self.samples_per_prompt < 1 or (self.max_turns is not None and self.max_turns < 1):
            raise GuerdonError(
                "VerifiersEpisodes needs prompts, samples_per_prompt and max_turns of at least 1, "
                f"got {self.prompts}, {self.samples_per_prompt} and {self.max_turns}"
            )

    def __call__(self, task: Any, policy: Any, pick: Pick, stream: Stream) -> Batch:
        """One batch of episodes of training tasks."""
        from guerdon.plugins import verifiers_play, verifiers_traces

        if not isinstance(task, VerifiersTaskset) or not isinstance(policy, LanguageModel):
            raise GuerdonError(
                "VerifiersEpisodes needs a VerifiersTaskset and a language-model policy, "
                f"got {type(task).__name__} and {type(policy).__name__}"
            )
        environment, tasks = task.loaded()
        numbers = pick(self.prompts)
        problems = [task.problem("train", number) for number in numbers]
        places = [place for place in range(len(numbers)) for _ in range(self.samples_per_prompt)]
        sampler = make_sampler("local", policy)

        def sample(prompts: Sequence[torch.Tensor], seeds: torch.Tensor) -> list[Completion]:
            return sampler.generate(prompts, 1, seeds, self.sampling)

        seeds = torch.randint(0, 2**62, (len(places),), generator=stream.child("sample").generator()).tolist()
        chosen = [tasks[int(problems[place].id)] for place in places]
        episodes = verifiers_play.play_all(environment, chosen, policy, sample, seeds, self.max_turns)
        rows = [
            (place, trace)
            for place, episode in zip(places, episodes, strict=True)
            for trace in episode.traces
            if trace.agent.trainable
        ]
        used = list(dict.fromkeys(place for place, _ in rows))
        batch = verifiers_traces.batch_of([trace for _, trace in rows], [place for place, _ in rows])
        return batch.with_columns(
            {
                "traj.temperature": torch.full((len(rows),), self.sampling.temperature or 1.0),
                "group.problem": [problems[place] for place in used],
                "group.problem_id": torch.tensor([numbers[place] for place in used], dtype=torch.int64),
            }
        )
