"""Problems from a JSONL file: one object per line with a prompt and its reference answer.

Idea
    Bring your own problems. A line is refused with its number rather than skipped, and what is held out never
    occurs in training, even if the file repeats a prompt.
Reads
    ``path`` and, where given, ``test_path``; UTF-8, and compressed where the name ends in ``.gz``.
Deviations
    None.
"""

import gzip
import json
import os
import random
import zlib
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from guerdon.base import Score, Scorer, TaskSpec
from guerdon.errors import GuerdonError
from guerdon.scorers.exact import Exact
from guerdon.tasks.problem import Problem


@dataclass(frozen=True)
class JsonlProblems(TaskSpec):
    """Problems of a JSONL file; 1 if the response's answer matches the reference, else 0."""

    path: str
    """The file: one JSON object per line; ``.gz`` is read compressed."""
    test_path: str | None = None
    """The held-out problems; None: ``test_size`` problems of ``path``, chosen by ``seed``."""
    test_size: int = 0
    """Problems of ``path`` to hold out where there is no ``test_path``."""
    prompt_field: str = "prompt"
    """Key of the prompt: a text, or chat messages with ``role`` and ``content``."""
    answer_field: str = "answer"
    """Key of the reference answer: a text or a number."""
    scorer: Scorer = field(default_factory=Exact)
    """The rule that judges a response: ``exact``, ``number:tolerance=0.01,tag=answer`` or any other scorer."""
    seed: int = 0
    """Of the choice of held-out problems."""

    def __post_init__(self) -> None:
        if self.test_size < 0 or (self.test_path is not None and self.test_size):
            raise GuerdonError(
                f"JsonlProblems.test_size must be 0 with a test_path and at least 0 without, got {self.test_size}"
            )

    def size(self, split: str) -> int:
        """Number of problems of a split.

        Raises:
            GuerdonError: if a file is missing or a line is bad; the message names file and line.
        """
        return len(self._split(split))

    def problem(self, split: str, number: int) -> Problem:
        """Problem ``number``, in file order; ``meta`` holds the line's other fields."""
        problems = self._split(split)
        if not 0 <= number < len(problems):
            raise GuerdonError(f"a {split} problem must have a number in 0..{len(problems) - 1}, got {number}")
        return problems[number]

    def score(self, problem: Problem, response: str) -> Score:
        """What the scorer says of a response."""
        return self.scorer(problem, response)

    def _split(self, split: str) -> tuple[Problem, ...]:
        if split not in ("train", "test"):
            raise GuerdonError(f"a split must be train or test, got {split!r}")
        versions = tuple(_version(path) for path in (self.path, self.test_path) if path is not None)
        return _splits(self, versions)[split]


def _version(path: str) -> tuple[int, int]:
    """What changes when a file does, so that an edited file is read again."""
    try:
        status = os.stat(path)
    except OSError as error:
        raise GuerdonError(f"JsonlProblems needs a readable file, got {path}: {error.strerror}") from None
    return status.st_mtime_ns, status.st_size


@lru_cache(maxsize=8)
def _splits(task: JsonlProblems, versions: tuple[tuple[int, int], ...]) -> dict[str, tuple[Problem, ...]]:
    rows = read_problems(task, task.path)
    if task.test_path is not None:
        test = read_problems(task, task.test_path)
    elif task.test_size >= len(rows):
        raise GuerdonError(
            f"JsonlProblems.test_size must leave training problems, got {task.test_size} of {len(rows)} in {task.path}"
        )
    else:
        chosen = sorted(random.Random(task.seed).sample(range(len(rows)), task.test_size))
        test = [rows[number] for number in chosen]
    held_out = {_text(problem.prompt) for problem in test}
    train = [problem for problem in rows if _text(problem.prompt) not in held_out]
    if not train:
        raise GuerdonError(f"every prompt of {task.path} is held out for testing; lower test_size or change test_path")
    return {"train": tuple(train), "test": tuple(test)}


def _text(prompt: Any) -> str:
    return json.dumps(prompt, sort_keys=True)


def read_problems(task: JsonlProblems, path: str) -> list[Problem]:
    """All problems of one file; a problem's id is its line number.

    Raises:
        GuerdonError: ``path:line: what is wrong`` for the first bad line, or if there is no problem at all.
    """
    problems = []
    with gzip.open(path) if path.endswith(".gz") else open(path, "rb") as file:
        try:
            for number, line in enumerate(file, 1):
                if line.strip():
                    problems.append(_problem(task, line, number, f"{path}:{number}"))
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise GuerdonError(f"{path} must be a whole gzip file: {error}") from None
    if not problems:
        raise GuerdonError(f"{path} must hold at least one problem, got an empty file")
    return problems


def _problem(task: JsonlProblems, line: bytes, number: int, where: str) -> Problem:
    try:
        row = json.loads(line.decode("utf-8-sig" if number == 1 else "utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise GuerdonError(f"{where}: a line must be one JSON object in UTF-8: {error}") from None
    if not isinstance(row, dict):
        raise GuerdonError(f"{where}: a line must be a JSON object, got {type(row).__name__}")
    for key in (task.prompt_field, task.answer_field):
        if key not in row:
            raise GuerdonError(f"{where}: no field {key!r}; the line has {', '.join(map(repr, row)) or 'none'}")
    meta = {key: value for key, value in row.items() if key not in (task.prompt_field, task.answer_field)}
    problem = Problem(number, _prompt(row[task.prompt_field], where), _answer(row[task.answer_field], where), meta)
    try:
        task.scorer.check(problem)
    except GuerdonError as refusal:
        raise GuerdonError(f"{where}: {refusal}") from None
    return problem


def _prompt(prompt: Any, where: str) -> str | tuple[dict[str, str], ...]:
    if isinstance(prompt, str):
        return prompt
    messages = prompt if isinstance(prompt, list) and prompt else [None]
    chat = [message for message in messages if isinstance(message, dict)]
    if len(chat) < len(messages) or not all(
        isinstance(message.get(key), str) for message in chat for key in ("role", "content")
    ):
        raise GuerdonError(
            f"{where}: a prompt must be a text or chat messages with role and content, got {str(prompt)[:80]}"
        )
    return tuple(chat)


def _answer(answer: Any, where: str) -> str:
    if isinstance(answer, bool) or not isinstance(answer, (str, int, float)):
        raise GuerdonError(f"{where}: an answer must be a text or a number, got {str(answer)[:80]}")
    return str(answer)
