"""Groups that are beams: the most probable items of a catalogue, each once, the best first (ReRe).

Idea
    Samples of a recommender repeat themselves and name items that do not exist. A beam over the catalogue's tree
    gives as many different valid items as are wanted, and their order is the policy's ranking.
Maths
    Beam search of width G over ``sum_t log pi(token_t | user, before)``; the log-softmax is over all tokens, and those
    that extend no item are left out afterwards.
Reads
    The task: ``items``, ``context`` and ``outcome``. The policy: ``rows``, the logits of contexts.
Deviations
    A beam is no sample of the policy: its groups give a biased policy gradient, and its log-probs are no proposal's.
    A catalogue with fewer items than the width gives smaller groups.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

from guerdon.batch import Batch
from guerdon.errors import GuerdonError
from guerdon.piece import Pick, Rollout
from guerdon.policies.tabular import TabularPolicy
from guerdon.rng import Stream
from guerdon.rollouts.tabular import packed
from guerdon.rollouts.trie import Prefix, Trie


class Beam(NamedTuple):
    """A prefix with the table rows it was chosen in and the log-prob of each of its tokens."""

    prefix: Prefix
    contexts: tuple[int, ...] = ()
    logprobs: tuple[float, ...] = ()

    @property
    def order(self) -> tuple[float, Prefix]:
        """The most probable first; equal ones by their tokens."""
        return -sum(self.logprobs), self.prefix


@dataclass(frozen=True)
class BeamItems(Rollout):
    """``prompts`` beams of ``width`` different items of the task's catalogue, the most probable first."""

    prompts: int = 8
    """Problems per step."""
    width: int = 16
    """G: items per problem (the group size)."""
    reward: str = "task"
    """Name of the component that the task's reward becomes; ``correct`` is what a verifier writes."""

    def __post_init__(self) -> None:
        if min(self.prompts, self.width) < 1:
            raise GuerdonError(f"BeamItems.prompts and width must be at least 1, got {self.prompts} and {self.width}")

    @property
    def writes(self) -> tuple[str, ...]:
        """Tokens and the task's reward."""
        columns = ("token.context", "token.id", "token.position", "token.behavior_logprob")
        return (*columns, f"traj.reward/{self.reward}", "group.problem_id")

    def __call__(self, task: Any, policy: TabularPolicy, pick: Pick, stream: Stream) -> Batch:
        """One batch; the trajectories of a group are in decreasing order of their log-prob."""
        problem = torch.tensor(pick(self.prompts))
        groups = beams(task, policy, problem, self.width)
        flat = [beam for group in groups for beam in group]
        owner = torch.arange(len(problem)).repeat_interleave(torch.tensor([len(group) for group in groups]))
        lengths = torch.tensor([len(beam.prefix) for beam in flat])
        longest = int(lengths.max())
        tokens = _rows([beam.prefix for beam in flat], longest).long()
        steps = {
            "token.context": _rows([beam.contexts for beam in flat], longest).long(),
            "token.behavior_logprob": _rows([beam.logprobs for beam in flat], longest),
        }
        outcome = dict(task.outcome(problem[owner], tokens, lengths, stream.child("outcome").generator()))
        outcome[f"traj.reward/{self.reward}"] = outcome.pop("traj.reward/task")
        return packed(tokens, lengths, owner, steps, {**outcome, "group.problem_id": problem})


def beams(task: Any, policy: TabularPolicy, problem: Tensor, width: int) -> list[list[Beam]]:
    """The beam of each problem ``[n]``, best first.

    Raises:
        GuerdonError: if the task has no catalogue.
    """
    if not hasattr(task, "items"):
        raise GuerdonError(f"BeamItems needs a task with a catalogue, such as NextItem, got {type(task).__name__}")
    trie, groups = Trie(task.items()), [[Beam(())] for _ in problem]
    while open_ := [(row, beam) for row, group in enumerate(groups) for beam in group if trie.allowed(beam.prefix)]:
        # Open beams are all of one length: they are extended together.
        prompt = problem[torch.tensor([row for row, _ in open_])]
        context = task.context(prompt, torch.tensor([beam.prefix for _, beam in open_], dtype=torch.int64))
        with torch.no_grad():
            logprobs = policy.rows(context).log_softmax(-1).tolist()
        longer: list[list[Beam]] = [[beam for beam in group if beam.prefix in trie.items] for group in groups]
        for (row, beam), at, row_logprobs in zip(open_, context.tolist(), logprobs, strict=True):
            longer[row] += [
                Beam((*beam.prefix, token), (*beam.contexts, at), (*beam.logprobs, row_logprobs[token]))
                for token in trie.allowed(beam.prefix)
            ]
        groups = [sorted(group, key=lambda beam: beam.order)[:width] for group in longer]
    return groups


def _rows(rows: Sequence[Sequence[float]], longest: int) -> Tensor:
    """``[n, longest]``, filled up with 0."""
    return torch.tensor([[*row, *[0] * (longest - len(row))] for row in rows])
