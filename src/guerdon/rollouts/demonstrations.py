"""Reference answers as trajectories: what supervised fine-tuning learns from, through the same loop.

Reads
    ``Problem.answer`` of a ``ProblemTask``.
Deviations
    The answer's tokens, end-of-sequence included, take the place of sampled ones; there is no behaviour log-prob.
"""

from dataclasses import dataclass
from typing import Any

import torch

from guerdon.batch import Batch
from guerdon.errors import GuerdonError
from guerdon.piece import Pick, Rollout
from guerdon.rng import Stream
from guerdon.rollouts.sample import WRITES, check_kinds, pack


@dataclass(frozen=True)
class Demonstrations(Rollout):
    """``prompts`` training problems with their reference answers."""

    prompts: int = 64
    """Problems per step."""

    writes = WRITES

    def __call__(self, task: Any, policy: Any, pick: Pick, stream: Stream) -> Batch:
        """One batch; every trajectory is a group of its own.

        Raises:
            GuerdonError: if a problem has no reference answer.
        """
        check_kinds("Demonstrations", task, policy)
        numbers = pick(self.prompts)
        problems = [task.problem("train", number) for number in numbers]
        answers = []
        for problem in problems:
            if problem.answer is None:
                raise GuerdonError(f"Demonstrations needs problems with an answer, got problem {problem.id!r} without")
            answers.append(problem.answer)
        encode = policy.tokenizer.encode
        parts = [torch.tensor([*encode(answer), policy.tokenizer.eos_id]) for answer in answers]
        prompts = [torch.tensor(policy.encode_prompt(problem), dtype=torch.int64) for problem in problems]
        return pack(problems, numbers, prompts, parts).with_columns({"traj.response": answers})
