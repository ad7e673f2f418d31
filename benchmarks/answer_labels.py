"""Real answers against their labels: golds against themselves, and released correctness labels against ``Math``.

A gold answer must be right as it stands and as its solution says it; a released sample must be as right as its label
says. Every disagreement is printed, with the answers that were compared. Two golds of MATH are empty texts and one
solution of AIME says no answer; these are left out.

    python benchmarks/answer_labels.py --data ../shared/data [--rows 100] [--workers 2] [--json]

``--data`` holds ``gsm8k``, ``math`` and ``math_samples`` as JSONL files; what is not there is left out.
"""

import argparse
import gzip
import json
import math
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from guerdon.rewards.guard import Guard
from guerdon.scorers.math_answer import Math
from guerdon.tasks.final_answer import boxed, final_answer
from guerdon.tasks.problem import Problem

MODELS = ("6b_finetuning", "6b_verification", "175b_finetuning", "175b_verification")


@dataclass(frozen=True)
class Case:
    """One response and what is known about it."""

    problem: Problem
    response: str
    right: bool


def read(data: Path, name: str, rows: int | None) -> list[dict[str, Any]]:
    path = data / f"{name}.jsonl.gz"
    if not path.exists():
        return []
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file][:rows]


def tables(data: Path, rows: int | None = None) -> Iterator[tuple[str, list[Case]]]:
    """Name of a row of the table -> its cases."""
    for split in ("train", "test"):
        read_rows = read(data, f"gsm8k/{split}", rows)
        golds = [(row["answer"].rpartition("#### ")[2], row["answer"]) for row in read_rows]
        yield from both_ways(f"gsm8k {split}", golds, "#### ")
    solutions = read(data, "gsm8k/model_solutions", rows)
    for model in MODELS:
        yield (
            f"gsm8k {model}",
            [
                Case(Problem(n, "", row["ground_truth"]), row[model]["solution"], row[model]["is_correct"])
                for n, row in enumerate(solutions)
            ],
        )
    for split, key in (("train", "rllm_answer"), ("test", None), ("math500", "answer"), ("aime", "answer")):
        golds = []
        for row in read(data, f"math/{split}", rows):
            answer = row[key] if key is not None else (boxed(row["solution"]) or [None])[-1]
            if answer:
                golds.append((answer, row["solution"]))
        yield from both_ways(f"math {split}", golds, "boxed")
    for split in ("olympiad_bench", "minerva"):
        answers = [answer for row in read(data, f"math/{split}", rows) for answer in row["answer"]]
        yield from both_ways(f"math {split}", [(answer, None) for answer in answers], "boxed")
    samples = read(data, "math_samples/samples", rows)
    yield (
        "math_samples",
        [
            Case(Problem(row["idx"], "", row["answer"]), sample["text"], sample["correct"])
            for row in samples
            for sample in row["samples"]
        ],
    )


def both_ways(name: str, golds: list[tuple[str, str | None]], mark: str) -> Iterator[tuple[str, list[Case]]]:
    """The plain answer against itself, marked, and the solution against the answer that was released with it."""
    shape = "\\boxed{%s}" if mark == "boxed" else mark + "%s"
    yield f"{name}, answers", [Case(Problem(n, "", gold), shape % gold, True) for n, (gold, _) in enumerate(golds)]
    solutions = [(gold, text) for gold, text in golds if text is not None and has_answer(text, mark)]
    if solutions:
        yield f"{name}, solutions", [Case(Problem(n, "", gold), text, True) for n, (gold, text) in enumerate(solutions)]


def has_answer(text: str, mark: str) -> bool:
    return bool(boxed(text)) if mark == "boxed" else mark in text


def judged(cases: list[Case], scorer: Math, workers: int) -> list[float]:
    outcomes = Guard(workers=workers)(scorer, [(case.problem, case.response) for case in cases])
    return [outcome.value if isinstance(outcome.value, float) else math.nan for outcome in outcomes]


def disagreements(cases: list[Case], scores: list[float]) -> list[dict[str, Any]]:
    """The cases whose score is not their label."""
    return [
        {
            "problem": case.problem.id,
            "label": case.right,
            "score": None if math.isnan(score) else score,
            "reference": final_answer(case.problem.answer or "")
            if "\n" in (case.problem.answer or "")
            else case.problem.answer,
            "answer": final_answer(case.response),
        }
        for case, score in zip(cases, scores, strict=True)
        if score != float(case.right)
    ]


def main() -> int:
    """Print the table and the disagreements; exit 1 if a gold fails."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--rows", type=int, default=None, help="only the first rows of each file")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="print one JSON object per row of the table")
    options = parser.parse_args()
    failed = False
    for name, cases in tables(options.data, options.rows):
        if not cases:
            continue
        differ = disagreements(cases, judged(cases, Math(), options.workers))
        failed |= bool(differ) and all(case.right for case in cases)
        if options.json:
            print(json.dumps({"name": name, "cases": len(cases), "agree": len(cases) - len(differ), "differ": differ}))
            continue
        print(f"{name:40} {len(cases) - len(differ):6} of {len(cases):6}", flush=True)
        for row in differ:
            verdict = f"label {row['label']}, score {row['score']}"
            print(f"    {row['problem']}: {verdict}: {row['reference']!r} and {row['answer']!r}")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
