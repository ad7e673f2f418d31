"""What a reward is attacked with: problems, their right and wrong answers, and the shape that it wants answers in."""

import json
import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from guerdon.errors import GuerdonError
from guerdon.tasks.answer import last_number
from guerdon.tasks.problem import Problem, ProblemTask

REASONING = "We take what is given and work it out one step after the other."
"""What stands before an answer where a problem brings no worked solution."""

STYLES: dict[str, str] = {
    "tags": "<think>{reasoning}</think><answer>{answer}</answer>",
    "boxed": "{reasoning}\nThe answer is \\boxed{{{answer}}}.",
    "hashes": "{reasoning}\n#### {answer}",
    "sentence": "{reasoning}\nThe answer is {answer}.",
    "plain": "{answer}",
}
"""Name -> how a response states its answer."""


@dataclass(frozen=True)
class Case:
    """A problem whose right answer is known, and a few wrong ones."""

    problem: Problem
    answer: str
    wrong: tuple[str, ...]
    reasoning: str = REASONING
    style: str = "sentence"

    def say(self, answer: str, reasoning: str | None = None) -> str:
        """A response in the case's style; before any but the right answer, the reasoning stops short of it."""
        if reasoning is None:
            reasoning = self.reasoning if answer == self.answer else " ".join(self.steps)
        return STYLES[self.style].format(answer=answer, reasoning=reasoning)

    @property
    def steps(self) -> list[str]:
        """The sentences of the reasoning that do not give the answer away."""
        sentences = re.split(r"(?<=[.!?])\s+", self.reasoning.strip())
        return [text for text in sentences if self.answer.strip() not in text] or [REASONING]

    @property
    def number(self) -> float | None:
        """The right answer as a number, where it is nothing but one."""
        plain = re.fullmatch(r"\s*[-+]?[\d,]*\.?\d+\s*", self.answer)
        return last_number(self.answer) if plain else None

    @property
    def box(self) -> tuple[float, float, float, float] | None:
        """The right answer as a box ``[x1, y1, x2, y2]``, where it is one."""
        numbers = re.findall(r"-?\d+(?:\.\d+)?", self.answer)
        shaped = re.fullmatch(r"\s*[\[(](?:\s*-?\d+(?:\.\d+)?\s*,?){4}[\])]\s*", self.answer)
        return tuple(map(float, numbers)) if shaped else None  # pyright: ignore[reportReturnType]


def built_in(count: int, seed: int) -> list[Case]:
    """Word problems with whole-number answers and worked solutions; some answers are negative or above a thousand."""
    draw, cases = random.Random(seed), []
    for number in range(count):
        boxes, each, gone = draw.randint(3, 40), draw.randint(11, 90), draw.randint(1, 30)
        if number % 4 == 3:  # a loss: the answer is negative
            gone = boxes * each + draw.randint(1, 50)
        result = boxes * each - gone
        prompt = (
            f"A shop has {boxes} boxes with {each} apples each and owes {gone} apples to a neighbour. "
            "How many apples are its own?"
        )
        reasoning = (
            f"The boxes hold {boxes} * {each} = {boxes * each} apples. "
            f"Less the {gone} that are owed: {boxes * each} - {gone} = {result}."
        )
        problem = Problem(number, prompt, str(result), {"solution": reasoning})
        cases.append(Case(problem, str(result), near(str(result), ()), reasoning))
    return cases


def from_task(task: Any, count: int) -> list[Case]:
    """The first training problems of a task.

    Raises:
        GuerdonError: if the task is not made of problems with reference answers.
    """
    if not isinstance(task, ProblemTask):
        raise GuerdonError(f"--task must be made of problems with answers, got {type(task).__name__}")
    size = task.size("train")
    problems = [task.problem("train", number) for number in range(count if size is None else min(count, size))]
    return of_problems(problems)


def from_lines(path: str, count: int) -> list[Case]:
    """The first problems of a JSONL file with ``prompt``, ``answer`` and, where there is one, ``solution``.

    Raises:
        GuerdonError: with the line's number, if it is no such object.
    """
    problems = []
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                entry = json.loads(line)
            except json.JSONDecodeError as error:
                raise GuerdonError(f"{path}, line {number} must be a JSON object: {error}") from None
            if not isinstance(entry, dict) or not isinstance(entry.get("answer"), (str, int, float)):
                raise GuerdonError(f"{path}, line {number} must be an object with an `answer`, a text or a number")
            meta = {key: value for key, value in entry.items() if key not in ("prompt", "answer", "meta")}
            problems.append(
                Problem(number, entry.get("prompt", ""), str(entry["answer"]), {**meta, **entry.get("meta", {})})
            )
            if len(problems) == count:
                break
    if not problems:
        raise GuerdonError(f"{path} must hold at least one problem, got an empty file")
    return of_problems(problems)


def of_problems(problems: Sequence[Problem]) -> list[Case]:
    """Cases of problems that have a reference answer.

    Raises:
        GuerdonError: if one has none.
    """
    if missing := [problem.id for problem in problems if problem.answer is None]:
        raise GuerdonError(f"an audit needs reference answers, but problem {missing[0]} has none")
    others = [problem.answer or "" for problem in problems]
    return [
        Case(
            problem,
            problem.answer or "",
            near(problem.answer or "", others),
            str(problem.meta.get("solution", REASONING)),
        )
        for problem in problems
    ]


def near(answer: str, others: Sequence[str]) -> tuple[str, ...]:
    """Wrong answers of the right kind: other numbers, other letters, a far box, another problem's answer."""
    case = Case(Problem(0, ""), answer, ())
    if case.number is not None:
        value = case.number
        texts = [f"{value + 1:.10g}", f"{value * 10 + 7:.10g}", f"{-value - 3:.10g}"]
    elif re.fullmatch(r"\(?[A-Za-z]\)?", answer.strip()):
        letter = answer.strip("() \n")
        texts = [answer.replace(letter, other) for other in "ABCDE" if other != letter.upper()][:3]
    elif case.box:
        x1, y1, x2, y2 = case.box
        texts = [f"[{x2 + 1:g}, {y2 + 1:g}, {2 * x2 - x1 + 1:g}, {2 * y2 - y1 + 1:g}]"]
    else:
        texts = [other for other in dict.fromkeys(others) if other.strip() != answer.strip()][:3]
        texts = texts or [answer[::-1] if answer != answer[::-1] else f"not {answer}"]
    return tuple(texts)
