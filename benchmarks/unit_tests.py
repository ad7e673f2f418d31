"""Unit tests in the sandbox on released data: every reference solution, samples' pass rates, programs per second.

Reads the folders ``humaneval`` and ``leetcode`` of released problems, references and CodeGen-16B samples. Prints one
line per part, and every reference that fails with its reason. With ``--plain`` it also runs each sample the usual way
(program and tests in one process) and prints where the two verdicts differ.

    python benchmarks/unit_tests.py --data ../shared/data [--samples 20] [--workers 2] [--isolation auto] [--plain]
"""

import argparse
import gzip
import json
import re
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from guerdon.sandbox import Limits, Sandbox, isolation
from guerdon.sandbox.verdict import Verdict
from guerdon.scorers.unit_tests import UnitTests, whole_program
from guerdon.tasks.problem import Problem

STOP = re.compile(r"\n(?=class |def |#|if |print|assert )")
"""Where a completion of a function ends: the next thing at the left margin."""


def rows(path: Path) -> list[dict]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def humaneval(row: dict) -> Problem:
    meta = {"prefix": row["prompt"], "entry_point": row["entry_point"], "tests": row["test"]}
    return Problem(row["task_id"], row["prompt"], meta=meta)


def mbpp(row: dict) -> Problem:
    """As released, references are not indented as their prompts are, and tests use ``math`` without importing it."""
    head = re.sub(r"\n[ \t]*'''.*?'''", "", row["prompt"], flags=re.DOTALL)
    meta = {"setup": "import math", "prefix": head, "entry_point": row["entry_point"], "tests": row["test"]}
    return Problem(row["task_id"], row["prompt"], meta=meta)


def leetcode(row: dict) -> Problem:
    meta = {"setup": row["prompt"], "entry_point": row["entry_point"], "tests": row["test"]}
    return Problem(row["task_id"], row["src"], meta=meta)


def plain(problem: Problem, response: str) -> bool:
    """Program and tests in one process, as most harnesses do it: the program could forge this verdict."""
    meta = problem.meta
    program = whole_program(response, meta)
    sandbox = Sandbox(Limits(seconds=10, cpu_seconds=10))
    text = f"{program}\n{meta['tests']}\ncheck({meta['entry_point']})\nprint('all tests passed')"
    return sandbox.run(text).stdout.endswith("all tests passed\n")


def judge(name: str, jobs: list[tuple[Problem, str]], scorer: UnitTests, workers: int) -> list[Verdict]:
    """All verdicts, in order, and a line about them."""
    started = time.perf_counter()
    with ThreadPoolExecutor(workers) as pool:
        verdicts = list(pool.map(lambda job: scorer.verdict(*job), jobs))
    seconds = time.perf_counter() - started
    passed = sum(verdict.passed == verdict.total for verdict in verdicts)
    rate = f"{len(jobs) / seconds:6.1f} programs/s"
    print(f"{name:34} {passed:5d} of {len(jobs):5d} pass ({passed / len(jobs):.3f})   {rate}", flush=True)
    return verdicts


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--samples", type=int, default=20, help="CodeGen samples per problem")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--isolation", default="auto")
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--plain", action="store_true", help="compare with program and tests in one process")
    options = parser.parse_args()
    scorer = UnitTests(seconds=options.seconds, isolation=options.isolation)
    print(f"isolation: {isolation(options.isolation).name}")
    problems = rows(options.data / "humaneval" / "problems.jsonl.gz")
    basic = rows(options.data / "humaneval" / "mbpp_sanitized.jsonl.gz")
    contests = rows(options.data / "leetcode" / "problems.jsonl.gz")
    references = {
        "HumanEval references": [(humaneval(row), row["canonical_solution"]) for row in problems],
        "MBPP references": [(mbpp(row), row["canonical_solution"]) for row in basic],
        "LeetCode references": [(leetcode(row), row["completion"]) for row in contests],
    }
    for name, jobs in references.items():
        for (problem, _), verdict in zip(jobs, judge(name, jobs, scorer, options.workers), strict=True):
            if verdict.passed < verdict.total:
                print(f"    {problem.id}: {verdict.reason}")
    by_id = {row["task_id"]: humaneval(row) for row in problems}
    released = rows(options.data / "humaneval" / "codegen16b_solutions.jsonl.gz")
    raw = [(by_id[row["task_id"]], sample) for row in released for sample in row["samples"][: options.samples]]
    cut = [(problem, STOP.split(sample)[0]) for problem, sample in raw]
    for name, jobs in {"CodeGen-16B samples, as released": raw, "CodeGen-16B samples, function only": cut}.items():
        verdicts = judge(name, jobs, scorer, options.workers)
        if options.plain:
            with ThreadPoolExecutor(options.workers) as pool:
                plainly = list(pool.map(lambda job: plain(*job), jobs))
            differ = [n for n, verdict in enumerate(verdicts) if (verdict.passed == verdict.total) != plainly[n]]
            print(f"    in one process {sum(plainly)} pass; verdicts differ for {len(differ)}")
            for n in differ:
                print(f"    {jobs[n][0].id}: {verdicts[n].reason or 'passes here'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
