r"""Attack a reward before it is trusted: empty answers, hedging, padding, injections, many boxes, noise and more.

Examples:
  guerdon audit --reward number                                   a scorer, on built-in word problems
  guerdon audit --reward mine:score --data problems.jsonl         your function on your problems
  guerdon audit --reward verifier --task chain_sum --out a.html   a task's own scorer, with a page of the worst examples
  guerdon audit --reward guerdon.audit.examples:naive_contains    a reward that is fooled, to see what that looks like

The data are lines with `prompt`, `answer` and, if there is one, `solution`. Answers are stated in the style in which
the reward tells right from wrong best; --style sets it. With --samples (lines with `prompt`, `answer` and `response`,
several per prompt) best-of-n is drawn from what a policy really said, and its truth is what the line's `gold` or the
reward --gold says. Exit code 0: nothing found. 1: the reward is fooled, or fails right answers.
"""

import argparse
import math
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from guerdon.commands._arguments import positive
from guerdon.commands._show import number, print_json, print_table
from guerdon.errors import GuerdonError

if TYPE_CHECKING:
    from guerdon.audit.audit import Audit, Example
    from guerdon.audit.cases import Case
    from guerdon.tasks.problem import Problem

WIDTH = 90
"""Characters of a response that the table shows."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    parser.add_argument("--reward", metavar="SPEC", required=True, help="a scorer, a reward piece, or module:function")
    parser.add_argument("--component", metavar="NAME", help="attack this component (default: the sum of all)")
    parser.add_argument("--data", metavar="FILE", help="problems to attack it on (default: built-in word problems)")
    parser.add_argument("--task", metavar="SPEC", help="attack it on the problems of a task")
    parser.add_argument("--samples", metavar="FILE", help="a policy's responses, for the best-of-n curve")
    parser.add_argument(
        "--gold", metavar="SPEC", help="the reward that tells the samples' truth (default: their `gold`)"
    )
    parser.add_argument("--problems", metavar="N", type=int, default=24, help="how many problems (default: 24)")
    parser.add_argument("--style", metavar="NAME", help="how answers are stated: tags, boxed, hashes, sentence, plain")
    parser.add_argument("--allow", metavar="RATE", type=float, default=0.0, help="failures to let pass (default: 0)")
    parser.add_argument("--seed", metavar="S", type=int, default=0, help="of the built-in problems (default: 0)")
    parser.add_argument("--out", metavar="FILE.html", help="write a page with the worst examples and the curve")
    parser.add_argument("--json", action="store_true", help="print what a program can read")


def run(arguments: argparse.Namespace) -> int:
    """Attack, print the table, and say by the exit code whether it was fooled."""
    from guerdon.audit.audit import audit
    from guerdon.piece import TaskSpec
    from guerdon.specs import resolve, reward

    sys.path.insert(0, os.getcwd())
    if not 0 <= arguments.allow < 1:
        raise GuerdonError(f"--allow must be a rate from 0 to below 1, got {arguments.allow:g}")
    if arguments.gold and not arguments.samples:
        raise GuerdonError("--gold tells the truth about --samples; give both")
    piece = reward(arguments.reward)
    task = resolve(arguments.task, TaskSpec, "--task") if arguments.task else None
    if "run.task" in piece.reads and task is None:
        raise GuerdonError(f"--reward {arguments.reward} scores by the task's own rule; name the task with --task")
    cases = cases_of(arguments, task)
    scoring = Scoring(piece, task, arguments.component)
    gold = Scoring(reward(arguments.gold), task, None) if arguments.gold else None
    samples = pools_of(arguments.samples, scoring, gold) if arguments.samples else None
    result = audit(scoring, cases, arguments.style, arguments.allow, samples)
    if arguments.out:
        from guerdon.audit.page import write_page

        write_page(result, arguments.reward, arguments.out)
    if arguments.json:
        print_json(as_data(result))
    else:
        show(result, arguments.reward, len(cases), scoring.reason)
    return int(result.fooled)


def cases_of(arguments: argparse.Namespace, task: Any) -> "list[Case]":
    """The problems to attack the reward on.

    Raises:
        GuerdonError: if two sources are named, or one holds no problems.
    """
    from guerdon.audit.cases import built_in, from_lines, from_task

    count = positive("--problems", arguments.problems)
    if arguments.data and arguments.task:
        raise GuerdonError("--data and --task both name problems; give one of them")
    if arguments.data:
        return from_lines(arguments.data, count)
    return built_in(count, arguments.seed) if task is None else from_task(task, count)


def pools_of(path: str, scoring: "Scoring", gold: "Scoring | None") -> "list[list[tuple[float, float]]]":
    """Per prompt of a file of samples: (score, truth) of each.

    Raises:
        GuerdonError: if a line is no sample, or tells no truth and --gold does not either.
    """
    from guerdon.commands.score import read_lines
    from guerdon.tasks.problem import Problem

    groups: dict[str, list[tuple[Problem, str, float]]] = {}
    with open(path, encoding="utf-8") as file:
        for number, entry in read_lines(file, path):
            prompt, answer, truth = str(entry.get("prompt", "")), entry.get("answer"), entry.get("gold")
            if gold is None and not isinstance(truth, (bool, int, float)):
                raise GuerdonError(
                    f"{path}, line {number} must have a number under `gold`, or name a reward with --gold"
                )
            problem = Problem(prompt, prompt, None if answer is None else str(answer), entry)
            groups.setdefault(prompt, []).append((problem, entry["response"], float(truth or 0)))
    pools = []
    for group in groups.values():
        pairs = [(problem, response) for problem, response, _ in group]
        truths = gold(pairs) if gold else [truth for *_, truth in group]
        scored = zip(scoring(pairs), truths, strict=True)
        pools.append([(score, truth) for score, truth in scored if not math.isnan(score + truth)])
    return pools


class Scoring:
    """A reward piece as a function of (problem, response) pairs."""

    def __init__(self, piece: Any, task: Any, component: str | None) -> None:
        """``component``: the one to read; None adds all of them up."""
        self.piece, self.task, self.component = piece, task, component
        self.reason = ""
        """Why the last unscored response was."""

    def __call__(self, pairs: "Sequence[tuple[Problem, str]]") -> list[float]:
        """One score per pair, NaN where (a component of it is) unscored.

        Raises:
            GuerdonError: if the reward lacks what it reads, or has no such component.
        """
        from guerdon.rewards.samples import batch_of, scores_of

        samples = [(row, {"response": response}) for row, (_, response) in enumerate(pairs)]
        batch = batch_of(self.task, samples, [problem for problem, _ in pairs])
        batch = batch.with_run(task=self.task, step=0, progress=0.0, seed=0)
        if missing := [name for name in self.piece.reads if name not in batch]:
            raise GuerdonError(f"an audit knows problems and responses only, but the reward reads {missing[0]}")
        parts, errors = scores_of(self.piece, batch)
        if self.component is not None and self.component not in parts:
            raise GuerdonError(f"--component must be one of {', '.join(parts)}, got {self.component!r}")
        chosen = parts if self.component is None else {self.component: parts[self.component]}
        self.reason = next((text for text in reversed(errors) if text), self.reason)
        return [math.fsum(values) for values in zip(*chosen.values(), strict=True)]


def show(result: "Audit", reward: str, count: int, reason: str) -> None:
    """The table for people, the worst examples, the curve and the verdict."""
    print(
        f"{reward}: right answers score {number(result.right)}, wrong ones {number(result.wrong)} "
        f"({count} problems, stated as {result.style!r})\n"
    )
    rows = [
        (
            "FAILS" if finding.rate > result.allowed else "ok",
            finding.attack,
            f"{finding.failed}/{finding.problems}",
            finding.expects,
            f"{finding.unscored} of {finding.responses} unscored" if finding.unscored else "",
        )
        for finding in result.findings
    ]
    print_table(("", "attack", "worked on", "should be", ""), rows)
    for finding in result.findings:
        if finding.worst is not None and finding.rate > result.allowed:
            fault = (
                "fails" if finding.expects == "paid" else "reacts to" if finding.expects == "no change" else "pays for"
            )
            print(f"\n{finding.attack}: the reward {fault} {finding.what}\n  {told(finding.worst)}")
    if result.curve:
        print("\nThe best of n by this reward, and what it is worth:")
        points = [
            (p.n, f"{p.kl:.2f}", number(p.reward), f"{p.truth:.3f} [{p.interval[0]:.3f}, {p.interval[1]:.3f}]")
            for p in result.curve
        ]
        print_table(("n", "nats", "reward", "truth"), points)
    if result.over_optimized:
        print("Picking harder by this reward finds fewer right responses: it can be over-optimised.")
    if reason:
        print(f"\nThe last response that could not be scored: {reason}")
    verdict = "fooled, or fails right answers" if result.fooled else "nothing found"
    print(f"\nVerdict: {verdict}.")


def told(example: "Example") -> str:
    """One line about a response."""
    text, half = example.response, WIDTH // 2
    shown = repr(text if len(text) <= WIDTH else f"{text[:half]} ... {text[-half:]}")
    return (
        f"{shown} scores {number(example.score)} "
        f"(right {number(example.right)}, wrong {number(example.wrong)}) for {example.prompt[:WIDTH]!r}"
    )


def as_data(result: "Audit") -> dict[str, Any]:
    """The audit as plain data."""
    from dataclasses import asdict

    data = asdict(result)
    for finding, entry in zip(result.findings, data["findings"], strict=True):
        entry["rate"] = finding.rate
    return {"fooled": result.fooled, "over_optimized": result.over_optimized, **data}
