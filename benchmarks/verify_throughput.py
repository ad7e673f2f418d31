"""Answers per second: ``Math`` through ``Scored`` and its guard, against math-verify called in a plain loop.

All ways score the same answers once, in one run: batch by batch and in turns, so that whatever else the machine does
slows all of them alike. Each has processes of its own, started and warmed up on answers that are not timed.
``guarded loop`` is the plain loop's function in the guard's workers, so its ratio is the price of the isolation alone.
The plain loop has math-verify's time limits on, as it does by default. The verdicts of all ways are compared.

    python benchmarks/verify_throughput.py --data ../shared/data [--file gsm8k|math_samples] [--batch 128] [--json]
"""

import argparse
import gzip
import json
import logging
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from math_verify import parse, verify

from guerdon.batch import Batch
from guerdon.rewards.guard import Guard
from guerdon.rewards.scored import Scored
from guerdon.scorers.math_answer import Math
from guerdon.tasks.problem import Problem

WARM_UP = 64
OVERHEAD = 1.10
"""Most that the isolation may cost with one worker, in times of the plain loop."""
Answers = list[tuple[Problem, str]]


def direct(problem: Problem, response: str) -> float:
    """What one writes without this library."""
    return float(verify(parse(problem.answer or ""), parse(response)))


def unlimited(problem: Problem, response: str) -> float:
    """The same with math-verify's signals off, which in a worker are not needed."""
    gold = parse(problem.answer or "", parsing_timeout=None)
    return float(verify(gold, parse(response, parsing_timeout=None), timeout_seconds=None))


def answers_of(data: Path, name: str) -> Answers:
    """Reference and response of every released sample."""
    path = data / {"gsm8k": "gsm8k/model_solutions.jsonl.gz", "math_samples": "math_samples/samples.jsonl.gz"}[name]
    with gzip.open(path, "rt", encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    if name == "gsm8k":
        golds = [Problem(n, row["question"], row["ground_truth"].rpartition("A: ")[2]) for n, row in enumerate(rows)]
        models = [key for key in rows[0] if isinstance(rows[0][key], dict)]
        return [(gold, row[model]["solution"]) for gold, row in zip(golds, rows, strict=True) for model in models]
    golds = [Problem(n, row["question"], f"${row['answer']}$") for n, row in enumerate(rows)]
    return [(gold, sample["text"]) for gold, row in zip(golds, rows, strict=True) for sample in row["samples"]]


def loop(answers: Answers) -> list[float]:
    return [direct(problem, response) for problem, response in answers]


def guard_of(workers: int) -> Guard:
    return Guard(workers=workers, start_timeout=120.0 + workers)  # a start of its own is a pool of its own


def guarded(workers: int) -> Callable[[Answers], list[Any]]:
    def run(answers: Answers) -> list[Any]:
        return [outcome.value for outcome in guard_of(workers)("verify_throughput:unlimited", answers)]

    return run


def scored(workers: int) -> Callable[[Answers], list[float]]:
    piece = Scored(Math(), guard=guard_of(workers))

    def run(answers: Answers) -> list[float]:
        rows = torch.arange(len(answers))
        columns = {
            "traj.response": [response for _, response in answers],
            "group.problem": [problem for problem, _ in answers],
            "group.prompt": [problem.prompt for problem, _ in answers],
            "group.problem_id": rows,
        }
        return piece(Batch.build(columns, traj_of_step=rows, group_of_traj=rows))["traj.reward/correct"].tolist()

    return run


WAYS: dict[str, Callable[[Answers], list[Any]]] = {
    "plain loop": loop,
    "guarded loop, 1 worker": guarded(1),
    "guarded loop, 2 workers": guarded(2),
    "Scored(Math), 1 worker": scored(1),
    "Scored(Math), 2 workers": scored(2),
}


def race(answers: Answers, size: int) -> tuple[dict[str, float], dict[str, list[Any]]]:
    """Seconds and verdicts of every way; the way that begins changes from batch to batch."""
    seconds, verdicts = dict.fromkeys(WAYS, 0.0), {name: [] for name in WAYS}
    names = list(WAYS)
    for turn, start in enumerate(range(0, len(answers), size)):
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            started = time.perf_counter()
            verdicts[name] += WAYS[name](answers[start : start + size])
            seconds[name] += time.perf_counter() - started
    return seconds, verdicts


def main() -> int:
    """Time every way; exit 1 if a verdict differs or a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--file", choices=("gsm8k", "math_samples"), default="gsm8k")
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    logging.getLogger("math_verify").setLevel(logging.ERROR)
    answers = answers_of(options.data, options.file)
    roots = [(Problem(-n, "", f"\\sqrt{{{n}}}"), f"\\boxed{{{n}^{{0.5}}}}") for n in range(2, 20)]
    for way in WAYS.values():
        way(roots + answers[:WARM_UP])
    answers = answers[WARM_UP:]
    seconds, verdicts = race(answers, options.batch)
    rates = {name: len(answers) / taken for name, taken in seconds.items()}
    plain = rates["plain loop"]
    differ = [n for n in range(len(answers)) if len({verdicts[name][n] for name in WAYS}) > 1]
    if options.json:
        print(json.dumps({"answers": len(answers), "per_second": rates, "differ": len(differ)}))
    else:
        print(f"{len(answers)} answers of {options.file}")
        for name, rate in rates.items():
            print(f"{name:26} {rate:10,.0f} answers/s   {rate / plain:6.2f} x the plain loop")
        print(f"verdicts that differ: {len(differ)}")
        for n in differ:
            print(
                f"    {answers[n][0].answer!r}: {[(name, verdicts[name][n]) for name in WAYS]} {answers[n][1][-60:]!r}"
            )
    slow = plain > OVERHEAD * rates["guarded loop, 1 worker"] or rates["Scored(Math), 1 worker"] < plain
    return int(bool(differ) or slow)


if __name__ == "__main__":
    sys.exit(main())
