"""Preference pairs as trajectories: a group is a prompt with its chosen and its rejected response.

Reads
    Problems whose ``answer`` is the chosen response and whose ``meta`` holds the rejected one, and any language model.
Deviations
    Both responses end with the end-of-sequence token; there is no behaviour log-prob.
"""

from dataclasses import dataclass
from typing import Any

import torch

from guerdon.batch import Batch
from guerdon.errors import GuerdonError
from guerdon.piece import Pick, Rollout
from guerdon.rng import Stream
from guerdon.rollouts.sample import WRITES, check_kinds, pack
from guerdon.tasks.problem import Problem


@dataclass(frozen=True)
class Pairs(Rollout):
    """``pairs`` prompts with a chosen and a rejected response each."""

    pairs: int = 32
    """Pairs per step."""
    rejected: str = "rejected"
    """Key of the rejected response in the problem's ``meta``."""

    writes = (*WRITES, "traj.rank")

    def __call__(self, task: Any, policy: Any, pick: Pick, stream: Stream) -> Batch:
        """One batch; of the two trajectories of a group the first is the chosen one, ``traj.rank`` 0.

        Raises:
            GuerdonError: if a problem lacks one of the two responses.
        """
        check_kinds("Pairs", task, policy)
        numbers = pick(self.pairs)
        problems = [task.problem("train", number) for number in numbers]
        responses = [response for problem in problems for response in self.both(problem)]
        encode, eos = policy.tokenizer.encode, policy.tokenizer.eos_id
        parts = [torch.tensor([*encode(response), eos]) for response in responses]
        prompts = [torch.tensor(policy.encode_prompt(problem), dtype=torch.int64) for problem in problems]
        rank = torch.tensor([0, 1]).repeat(len(problems))
        return pack(problems, numbers, prompts, parts).with_columns({"traj.response": responses, "traj.rank": rank})

    def both(self, problem: Problem) -> tuple[str, str]:
        """The chosen and the rejected response.

        Raises:
            GuerdonError: if one is missing or no text.
        """
        rejected = problem.meta.get(self.rejected)
        if problem.answer is None or not isinstance(rejected, str):
            raise GuerdonError(
                f"Pairs needs problems with an answer and a text meta[{self.rejected!r}], got problem {problem.id!r} "
                f"with answer {problem.answer!r} and meta keys {', '.join(sorted(problem.meta)) or 'none'}"
            )
        return problem.answer, rejected
