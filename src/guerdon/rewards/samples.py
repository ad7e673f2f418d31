"""Rewards outside of a run: samples as plain dicts in, scores by name out. What ``guerdon score`` and the server share.

Idea
    A sample is ``{"response": ..., "prompt": ..., "answer": ..., "meta": ..., "id": ...}``, of which only the response
    is needed, or ``{"response": ..., "problem": 7, "split": "test"}`` with a task. Other keys that all samples have
    become columns. The result is ``{"reward": {"correct": 1.0}}``; null is unscored, and "error" says why.
Reads
    Nothing of a run.
Deviations
    A rule (``Scored``, ``Verifier``) is asked directly; any other piece through a batch of one response per prompt.
"""

import dataclasses
import json
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from guerdon.errors import GuerdonError
from guerdon.tasks.problem import Problem, ProblemTask

if TYPE_CHECKING:
    from guerdon.batch import Batch

Sample = Mapping[str, Any]
Result = dict[str, Any]
OWN = frozenset({"response", "prompt", "answer", "meta", "id", "problem", "split", "reward"})
"""Keys of a sample that are no columns."""


@dataclasses.dataclass(frozen=True)
class SampleJudge:
    """A reward piece, with the task whose problems and scorer it may need."""

    piece: Any
    """Any piece of ``rewards/``."""
    task: Any = None
    """A task, or None."""

    def __post_init__(self) -> None:
        if "run.task" in self.piece.reads and not isinstance(self.task, ProblemTask):
            raise GuerdonError(
                f"{type(self.piece).__name__} scores by the task's own rule; name a task of problems with --task"
            )

    def __call__(self, samples: Sequence[tuple[int, Sample]]) -> list[Result]:
        """One result per sample; the number that comes with each is for messages, and its id if it has none.

        Raises:
            GuerdonError: with the number, if a sample does not have the right shape.
        """
        from guerdon.rewards.scored import Scored
        from guerdon.rewards.verifier import Verifier

        if not samples:
            return []
        problems = [problem_of(self.task, number, sample) for number, sample in samples]
        if isinstance(self.piece, (Scored, Verifier)):
            pairs = [(problem, sample["response"]) for problem, (_, sample) in zip(problems, samples, strict=True)]
            rewards, errors = self.piece.lists(pairs, self.task)
        else:
            rewards, errors = scores_of(self.piece, batch_of(self.task, samples, problems))
        return [
            {
                "reward": {name: None if math.isnan(column[row]) else column[row] for name, column in rewards.items()},
                **({"error": errors[row]} if errors[row] else {}),
            }
            for row in range(len(samples))
        ]


def with_options(piece: Any, **options: Any) -> Any:
    """The piece with ``workers``, ``timeout`` or ``cache`` set where it has them: in its guard, or as its own fields.

    Options that are None change nothing. A trusted rule needs no guard, so workers and time limit leave it as it is.

    Raises:
        GuerdonError: if the piece has no such field.
    """
    from guerdon.rewards.guard import Guard

    chosen = {name: value for name, value in options.items() if value is not None}
    fields = {field.name for field in dataclasses.fields(piece)}
    if not chosen:
        return piece
    if "guard" in fields:
        trusted = getattr(getattr(piece, "scorer", None), "trusted", False) and piece.guard is None
        if trusted:
            chosen = {name: value for name, value in chosen.items() if name == "cache"}
        guard = piece.guard or Guard(isolate=not trusted)
        return dataclasses.replace(piece, guard=dataclasses.replace(guard, **chosen)) if chosen else piece
    if unknown := sorted(set(chosen) - fields):
        raise GuerdonError(f"{type(piece).__name__} must have a guard for --{unknown[0]}, got none; drop the option")
    return dataclasses.replace(piece, **chosen)


def problem_of(task: Any, number: int, sample: Sample) -> Problem:
    """The problem that a sample answers.

    Raises:
        GuerdonError: if it has no text ``response``, names a problem without a task, or has a prompt of a wrong shape.
    """
    if not isinstance(sample, dict) or not isinstance(sample.get("response"), str):
        raise GuerdonError(f"line {number} must be an object with a text under `response`")
    if "problem" in sample:
        if not isinstance(task, ProblemTask):
            raise GuerdonError(f"line {number} names a problem by its number; name its task with --task")
        return task.problem(sample.get("split", "test"), sample["problem"])
    answer, meta, prompt = sample.get("answer"), sample.get("meta") or {}, sample.get("prompt", "")
    text = answer if answer is None or isinstance(answer, str) else json.dumps(answer)
    if not isinstance(meta, dict):
        raise GuerdonError(f"line {number} must have an object under `meta`, got {type(meta).__name__}")
    return Problem(sample.get("id", number), tuple(prompt) if isinstance(prompt, list) else prompt, text, meta)


def batch_of(task: Any, samples: Sequence[tuple[int, Sample]], problems: Sequence[Problem]) -> "Batch":
    """The samples as a batch: one group and one trajectory each."""
    import torch

    from guerdon.batch import Batch

    shared = set.intersection(*(set(sample) for _, sample in samples)) - OWN
    rows = torch.arange(len(samples))
    batch = Batch.build(
        {
            "traj.response": [sample["response"] for _, sample in samples],
            "group.problem": list(problems),
            "group.prompt": [p.prompt if isinstance(p.prompt, str) else str(p.prompt) for p in problems],
            "group.problem_id": rows,
            **{f"traj.{key}": [sample[key] for _, sample in samples] for key in sorted(shared)},
        },
        traj_of_step=rows,
        group_of_traj=rows,
    )
    return batch.with_run(task=task) if task is not None else batch


def scores_of(piece: Any, batch: "Batch") -> tuple[dict[str, list[float]], list[str]]:
    """What any reward piece says of a batch, as plain lists."""
    import torch

    columns = piece(batch)
    rewards = {
        name.removeprefix("traj.reward/"): column.tolist()
        for name, column in columns.items()
        if isinstance(column, torch.Tensor) and name.startswith("traj.reward/")
    }
    return rewards, columns.get("traj.reward_error", [""] * batch.size("traj"))
