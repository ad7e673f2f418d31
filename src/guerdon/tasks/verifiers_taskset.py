"""Environments of verifiers as a task: their data, their named rewards, their control flow.

Idea
    A package of verifiers exports a taskset and maybe an environment of several turns. ``Sample`` asks its tasks once
    and ``VerifiersRewards`` scores by the task's own reward methods; ``VerifiersEpisodes`` plays the environment.
Reads
    verifiers 0.4 (its v1 interface), by the id that its own commands take.
Deviations
    0.4 has no ``Rubric`` any more: a task's ``@reward`` methods and their weights are what a rubric was. Weights are not
    applied here; ``weights`` tells them. Rewards that ask for a runtime, tool servers and tasks that need a container
    are refused: record traces with verifiers' own runner and convert them (``plugins/verifiers_traces.py``).
"""

import asyncio
import json
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from guerdon.base import TaskSpec
from guerdon.errors import GuerdonError
from guerdon.tasks.problem import Problem


@dataclass(frozen=True)
class VerifiersTaskset(TaskSpec):
    """Tasks of an installed verifiers package."""

    id: str
    """The taskset's id: the module that exports it."""
    env: str = ""
    """The environment's id, to pair another one with the tasks; empty: the taskset's own."""
    options: dict[str, Any] = field(default_factory=dict)
    """Settings of the taskset, as its configuration has them."""
    limit: int | None = None
    """Most tasks to read; a taskset without end needs it."""
    test_size: int = 0
    """Tasks at the end to hold out."""

    def __post_init__(self) -> None:
        if self.test_size < 0 or (self.limit is not None and self.limit <= self.test_size):
            raise GuerdonError(
                f"VerifiersTaskset.test_size must be at least 0 and below limit, got {self.test_size} of {self.limit}"
            )

    def size(self, split: str) -> int:
        """Number of tasks of a split."""
        return len(self._numbers(split))

    def problem(self, split: str, number: int) -> Problem:
        """Task ``number``; its data without the prompt are ``meta``."""
        numbers = self._numbers(split)
        if not 0 <= number < len(numbers):
            raise GuerdonError(f"a {split} problem must have a number in 0..{len(numbers) - 1}, got {number}")
        data = self.loaded()[1][numbers[number]].data
        fields = data.model_dump(mode="json", exclude_none=True, exclude={"prompt", "system_prompt"})
        answer = fields.get("answer")
        return Problem(
            numbers[number],
            _prompt(data),
            answer if answer is None or isinstance(answer, str) else json.dumps(answer),
            fields,
        )

    def score(self, problem: Problem, response: str) -> dict[str, float | None]:
        """The named rewards of a single response, without their weights."""
        from guerdon.plugins import verifiers_play

        environment, tasks = self.loaded()
        task = tasks[int(problem.id)]
        verifiers_play.check(environment, task)
        trace = verifiers_play.single_turn(task, response)
        asyncio.run(task.score(trace, None))
        return {name: None if entry is None else entry.score for name, entry in trace.rewards.items()}

    def weights(self) -> dict[str, float]:
        """Reward -> weight as the tasks declare them, for ``WeightedSum``."""
        task = self.loaded()[1][0]
        return {fn.__name__: float(getattr(fn, "_vf_weight", 1.0)) for fn in task.hooks("reward")}

    def loaded(self) -> tuple[Any, list[Any]]:
        """The environment and its tasks.

        Raises:
            GuerdonError: if there is no such taskset, or it does not end.
        """
        return _loaded(self.id, self.env, json.dumps(self.options, sort_keys=True), self.limit)

    def _numbers(self, split: str) -> range:
        if split not in ("train", "test"):
            raise GuerdonError(f"a split must be train or test, got {split!r}")
        count = len(self.loaded()[1])
        if self.test_size >= count:
            raise GuerdonError(
                f"VerifiersTaskset.test_size must leave training tasks, got {self.test_size} of {count} in {self.id}"
            )
        return range(count - self.test_size) if split == "train" else range(count - self.test_size, count)


@lru_cache(maxsize=8)
def _loaded(name: str, env: str, options: str, limit: int | None) -> tuple[Any, list[Any]]:
    import verifiers.v1 as vf  # pyright: ignore[reportMissingImports]

    try:
        raw = {"taskset": {"id": name, **json.loads(options)}, **({"id": env} if env else {})}
        environment = vf.load_environment(vf.resolve_env_config(raw))
    except (ImportError, AttributeError, TypeError, ValueError) as error:
        raise GuerdonError(f"verifiers must find the taskset {name!r}: {error}") from None
    taskset = environment.taskset
    if limit is not None:
        taskset = taskset.take(limit)
    elif not taskset.bounded:
        raise GuerdonError(f"VerifiersTaskset.limit must say how many tasks to take, as {name!r} has no end")
    tasks = list(taskset)
    if not tasks:
        raise GuerdonError(f"the taskset {name!r} must have at least one task, got none")
    return environment, tasks


def _prompt(data: Any) -> str | tuple[dict[str, str], ...]:
    """A prompt as text, or as messages where there is a system prompt or a conversation."""
    system = [] if data.system_prompt is None else [{"role": "system", "content": data.system_prompt}]
    if data.prompt is None or isinstance(data.prompt, str):
        text = data.prompt or ""
        return text if not system else (*system, {"role": "user", "content": text})
    messages = [{"role": message.role, "content": _content(message.content)} for message in data.prompt]
    return (*system, *messages)


def _content(content: Any) -> str:
    return content if isinstance(content, str) else "\n".join(getattr(part, "text", "") for part in content or ())
