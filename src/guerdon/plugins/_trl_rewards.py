"""Guerdon's rewards as TRL calls reward functions, and a guerdon task as a data set for TRL.

Idea
    TRL calls ``fn(prompts=, completions=, completion_ids=, **columns) -> list[float | None]``. A rule of guerdon wants a
    problem and a response, so every row becomes a sample (see ``rewards/samples.py``), with the reference answer from a
    column of the data set. What hangs, raises or crashes costs one row: None, which TRL leaves out of its statistics.
Deviations
    Of a conversation, the response is what the assistant said; tools' answers are left out.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from guerdon.base import Scorer
from guerdon.errors import GuerdonError
from guerdon.piece import Transform
from guerdon.rewards._columns import REASONS
from guerdon.rewards.guard import Guard
from guerdon.rewards.samples import OWN, SampleJudge, with_options
from guerdon.rewards.scored import Scored
from guerdon.serial import suggest
from guerdon.specs import reward as piece_of

ANSWERS = ("answer", "solution", "ground_truth")
"""Columns in which a reference answer is looked for, in this order."""
GIVEN = frozenset({"trainer_state", "log_extra", "log_metric", "environments"})
"""What TRL passes besides columns."""
log = logging.getLogger(__name__)

Rewards = list[float | None]


class RewardFunction:
    """One component of a reward piece, called as TRL calls reward functions."""

    def __init__(self, scores: "SharedScores", component: str, name: str) -> None:
        self.scores, self.component, self.__name__ = scores, component, name
        self.told = False

    def __call__(self, prompts: Sequence[Any], completions: Sequence[Any], **given: Any) -> Rewards:
        """One number per completion, None where it could not be scored."""
        results = self.scores(prompts, completions, given)
        values: Rewards = [result["reward"].get(self.component) for result in results]
        missing = [result for result, value in zip(results, values, strict=True) if value is None]
        if "log_metric" in given:
            given["log_metric"](f"unscored/{self.__name__}", len(missing) / max(len(values), 1))
        if missing and not self.told:
            self.told = True
            why = next((result["error"] for result in missing if "error" in result), "it gave no number")
            log.warning("%d of %d completions are unscored by %s: %s", len(missing), len(values), self.__name__, why)
        return values


class SharedScores:
    """What a piece says of the completions at hand; its components ask about the same ones."""

    def __init__(self, judge: SampleJudge, answer: str | None) -> None:
        self.judge, self.answer = judge, answer
        self.last: tuple[Any, list[dict[str, Any]]] = (None, [])

    def __call__(self, prompts: Sequence[Any], completions: Sequence[Any], given: Mapping[str, Any]) -> list[Any]:
        """One result per completion, as ``SampleJudge`` gives it."""
        if self.last[0] is not completions:
            columns = {name: values for name, values in given.items() if name not in GIVEN}
            columns.pop("completion_ids", None)
            rows = [{name: values[at] for name, values in columns.items()} for at in range(len(prompts))]
            samples = [
                sample_of(prompt, completion, row, self.answer, self.judge.task is not None)
                for prompt, completion, row in zip(prompts, completions, rows, strict=True)
            ]
            self.last = (completions, self.judge(list(enumerate(samples))))
        return self.last[1]


class GuardedFunction:
    """A reward function written for TRL, called in a worker process that may hang or die."""

    def __init__(self, function: Callable[..., Any], guard: Guard, name: str) -> None:
        self.function, self.guard, self.__name__ = function, guard, name

    def __call__(self, **given: Any) -> Rewards:
        """One number per completion, None where the function raised, hung or gave no number."""
        columns = {name: values for name, values in given.items() if name not in GIVEN}
        calls = [{name: values[at] for name, values in columns.items()} for at in range(len(given["completions"]))]
        outcomes = self.guard(self.function, calls)
        return [
            outcome.value if isinstance(outcome.value, float) and not outcome.reason else None for outcome in outcomes
        ]


def reward(
    rule: Any,
    *,
    name: str | None = None,
    component: str | None = None,
    answer: str | None = None,
    task: Any = None,
    **options: Any,
) -> Callable[..., Any]:
    """A TRL reward function: ``reward_funcs=[reward("math:tag=answer")]``.

    Args:
        rule: a spec such as ``math:tag=answer``, an import path ``module:function``, a reward piece, a scorer, or a
            reward function written for TRL, which is then called under a guard.
        name: what TRL's logs call it; None: the component's own name.
        component: which of several components a piece gives.
        answer: the column with the reference answer; None: the first there is of answer, solution and ground_truth.
        task: the task whose rule the piece asks (``Verifier``); the data set must be one of ``dataset``.
        options: ``timeout``, ``workers`` and ``cache`` of the guard.

    Raises:
        GuerdonError: if the rule is none of these, or has several components and none is named.
    """
    if callable(rule) and not isinstance(rule, (Transform, Scorer)):
        called = name or getattr(rule, "__name__", type(rule).__name__)
        return GuardedFunction(rule, Guard(batched=True, **options), called)
    piece = piece_of(rule) if isinstance(rule, str) else Scored(rule) if isinstance(rule, Scorer) else rule
    if not isinstance(piece, Transform):
        raise GuerdonError(
            f"a reward must be a spec, a reward piece, a scorer or a function, got {type(rule).__name__}"
        )
    names = components_of(piece)
    if component is None and len(names) == 1:
        component = names[0]
    if component not in names:
        asked = f"got {component!r}{suggest(component, names)}" if component else "got none"
        raise GuerdonError(
            f"{type(piece).__name__} gives {', '.join(names) or 'no component'}, so component= must be one, {asked}"
        )
    judge = SampleJudge(with_options(piece, **options), task)
    return RewardFunction(SharedScores(judge, answer), component, name or component)


def functions_of(piece: Transform, answer: str | None, task: Any) -> list[RewardFunction]:
    """A reward function for each component of a piece; the piece is asked once per batch."""
    scores = SharedScores(SampleJudge(piece, task if "run.task" in piece.reads else None), answer)
    return [RewardFunction(scores, name, name) for name in components_of(piece)]


def components_of(piece: Transform) -> list[str]:
    """Names of the reward components that a piece writes."""
    return [name.removeprefix("traj.reward/") for name in piece.writes if name != REASONS and "reward/" in name]


def sample_of(
    prompt: Any, completion: Any, row: Mapping[str, Any], answer: str | None, by_task: bool
) -> dict[str, Any]:
    """A row of TRL as a sample; ``by_task``: its problem is the task's, by the number that ``dataset`` wrote.

    Raises:
        GuerdonError: if the column of the answer, or the number of the problem, is missing.
    """
    response = response_text(completion)
    if by_task:
        if "problem_id" not in row:
            raise GuerdonError("scoring by a task needs the column problem_id; make the data set by dataset(task)")
        return {"response": response, "problem": row["problem_id"], "split": row.get("split", "train")}
    if answer is not None and answer not in row:
        raise GuerdonError(
            f"the data set must have the column {answer!r} with the reference answers{suggest(answer, row)}"
        )
    found = answer or next((name for name in ANSWERS if name in row), None)
    others = {name: value for name, value in row.items() if name != found}
    meta = others["meta"] if isinstance(others.get("meta"), dict) else others
    return {
        **{name: value for name, value in others.items() if name not in OWN},
        "response": response,
        "prompt": [dict(message) for message in prompt] if isinstance(prompt, list) else prompt,
        "answer": None if found is None else row[found],
        "meta": meta,
    }


def response_text(completion: Any) -> str:
    """The text of a completion: as it is, or what the assistant said in a conversation."""
    if isinstance(completion, str):
        return completion
    return "\n".join(filter(None, (_content(m.get("content")) for m in completion if m.get("role") == "assistant")))


def _content(content: Any) -> str:
    if isinstance(content, list):
        return "".join(part.get("text", "") for part in content if isinstance(part, dict))
    return content or ""


def dataset(task: Any, split: str = "train", size: int | None = None) -> Any:
    """The problems of a task as a data set for TRL: columns prompt, answer, problem_id and split.

    Raises:
        GuerdonError: if the task is endless and no size is given, or the package datasets is missing.
    """
    try:
        from datasets import Dataset  # pyright: ignore[reportMissingImports]
    except ModuleNotFoundError:
        raise GuerdonError("a data set for TRL needs the package datasets; pip install 'guerdon[trl]'") from None
    whole = task.size(split)
    number = size if whole is None else whole if size is None else min(size, whole)
    if number is None:
        raise GuerdonError(f"{type(task).__name__} makes problems without end, so dataset needs a size")
    problems = [task.problem(split, at) for at in range(number)]
    prompts = [p.prompt if isinstance(p.prompt, str) else [dict(message) for message in p.prompt] for p in problems]
    columns = {"prompt": prompts, "answer": [p.answer for p in problems]}
    return Dataset.from_dict({**columns, "problem_id": list(range(number)), "split": [split] * number})
