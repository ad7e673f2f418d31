"""Score a file of responses: one JSON object per line with `response`, and `prompt`, `answer`, `meta` if there are.

Examples:
  guerdon score answers.jsonl --reward tags                              a piece of rewards/, here the format reward
  guerdon score answers.jsonl --reward mine:score                        a function of yours, module:name
  guerdon score answers.jsonl --reward verifier --task chain_sum         the task's own scorer; lines with `problem`,
                                                                         a number of the `split` (default: test)

Prints one JSON object per line of the file, in its order, as it goes: {"line": 1, "reward": {"correct": 1.0}}. Where a
response could not be scored its reward is null, which is not zero, and "error" says why. The summary goes to stderr.
"""

import argparse
import json
import math
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from guerdon.errors import GuerdonError
from guerdon.tasks.problem import Problem, ProblemTask

if TYPE_CHECKING:
    from guerdon.batch import Batch
    from guerdon.piece import Transform

CHUNK = 256
"""Lines scored at a time."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    parser.add_argument("file", metavar="FILE.jsonl", help="the responses; - reads them from stdin")
    parser.add_argument("--reward", metavar="SPEC", required=True, help="a reward piece, or module:function")
    parser.add_argument(
        "--task", metavar="SPEC", help="whose scorer and problems to use, where the reward asks for them"
    )
    parser.add_argument("--out", metavar="FILE", help="write here instead, whole or not at all")


def run(arguments: argparse.Namespace) -> int:
    """Score every line."""
    from guerdon.piece import TaskSpec
    from guerdon.specs import resolve, reward

    sys.path.insert(0, os.getcwd())
    piece = reward(arguments.reward)
    task = resolve(arguments.task, TaskSpec, "--task") if arguments.task else None
    if "run.task" in piece.reads and not isinstance(task, ProblemTask):
        raise GuerdonError(
            f"--reward {arguments.reward} scores by the task's own rule; name a task of problems with --task"
        )
    count, sums = 0, {}
    with _source(arguments.file) as source, _target(arguments.out) as target:
        lines = read_lines(source, arguments.file)
        while chunk := list(islice(lines, CHUNK)):
            for row in scored(piece, task, chunk):
                print(json.dumps(row, ensure_ascii=False), file=target)
                for name, value in row["reward"].items():
                    total, scored_rows = sums.get(name, (0.0, 0))
                    sums[name] = (total, scored_rows) if value is None else (total + value, scored_rows + 1)
            target.flush()
            count += len(chunk)
    for name, (total, rows) in sums.items():
        mean = f"mean {total / rows:.4g}" if rows else "no mean"
        print(f"{count} lines: {name} {mean}, {count - rows} unscored", file=sys.stderr)
    return 0


def read_lines(source: Iterable[str], file: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """(line number, object) of every line that is not blank.

    Raises:
        GuerdonError: with the line's number, if it is no object with a text ``response``.
    """
    for number, line in enumerate(source, 1):
        if not line.strip():
            continue
        try:
            entry = json.loads(line)
        except json.JSONDecodeError as error:
            raise GuerdonError(f"{file}, line {number} must be a JSON object: {error}") from None
        if not isinstance(entry, dict) or not isinstance(entry.get("response"), str):
            raise GuerdonError(f"{file}, line {number} must be an object with a text under `response`")
        yield number, entry


def scored(piece: "Transform", task: Any, chunk: list[tuple[int, dict[str, Any]]]) -> Iterator[dict[str, Any]]:
    """One result per line: its number, its rewards by name, and why one is missing."""
    import torch

    columns = piece(batch_of(task, chunk))
    rewards = {
        name.removeprefix("traj.reward/"): column.tolist()
        for name, column in columns.items()
        if isinstance(column, torch.Tensor) and name.startswith("traj.reward/")
    }
    errors = columns.get("traj.reward_error", [""] * len(chunk))
    for row, (number, _) in enumerate(chunk):
        values = {name: None if math.isnan(column[row]) else column[row] for name, column in rewards.items()}
        yield {"line": number, "reward": values, **({"error": errors[row]} if errors[row] else {})}


def batch_of(task: Any, chunk: list[tuple[int, dict[str, Any]]]) -> "Batch":
    """The lines as a batch: one group and one trajectory each; other keys that all lines have become columns."""
    import torch

    from guerdon.batch import Batch

    problems = [_problem(task, number, entry) for number, entry in chunk]
    taken = {"response", "prompt", "answer", "meta", "problem", "split", "reward"}
    shared = set.intersection(*(set(entry) for _, entry in chunk)) - taken
    rows = torch.arange(len(chunk))
    batch = Batch.build(
        {
            "traj.response": [entry["response"] for _, entry in chunk],
            "group.problem": problems,
            "group.prompt": [p.prompt if isinstance(p.prompt, str) else str(p.prompt) for p in problems],
            "group.problem_id": rows,
            **{f"traj.{key}": [entry[key] for _, entry in chunk] for key in sorted(shared)},
        },
        traj_of_step=rows,
        group_of_traj=rows,
    )
    return batch.with_run(task=task) if task is not None else batch


def _problem(task: Any, number: int, entry: dict[str, Any]) -> Problem:
    if "problem" in entry:
        if not isinstance(task, ProblemTask):
            raise GuerdonError(f"line {number} names a problem by its number; name its task with --task")
        return task.problem(entry.get("split", "test"), entry["problem"])
    answer = entry.get("answer")
    text = answer if answer is None or isinstance(answer, str) else json.dumps(answer)
    return Problem(number, entry.get("prompt", ""), text, entry.get("meta", {}))


@contextmanager
def _source(file: str) -> Iterator[IO[str]]:
    if file == "-":
        yield sys.stdin
        return
    with open(file, encoding="utf-8") as source:
        yield source


@contextmanager
def _target(out: str | None) -> Iterator[IO[str]]:
    """Stdout, or a file that appears under its name only when it is complete."""
    if out is None:
        yield sys.stdout
        return
    partial = Path(f"{out}.partial")
    try:
        with partial.open("w", encoding="utf-8") as target:
            yield target
        os.replace(partial, out)
    finally:
        partial.unlink(missing_ok=True)
