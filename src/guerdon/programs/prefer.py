"""ICPL's search: like Eureka's, but a person ranks what the trained policies do; there is no task score.

Maths
    Each round's valid candidates and the incumbent are ranked; the best is the next incumbent. A ranking of m clips counts
    as m - 1 pairwise queries. The prompt shows the best and the worst program, their components at 10 points of training,
    and what changed since the last best one.
Reads
    A chat model, a spec, a runner, a ranker: candidates -> their numbers, the best first.
Deviations
    Fewer than two valid clips, or a ranker that calls one clip the best and the worst: no query, the round is repeated
    from the same prompt. The incumbent stays in the pool, which the paper leaves open.
"""

import ast
import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from guerdon.programs.chat import ChatModel, Message, user
from guerdon.programs.evolve import opening, sampled
from guerdon.programs.program import Arrays, RewardSpec
from guerdon.programs.search import TASK_SCORE, Candidate, Diary, Runner, examine, score

REGENERATIONS = 3
"""Times that a candidate that fails is asked for again."""
Ranker = Callable[[Sequence[Candidate]], Sequence[int]]
"""Candidates -> their numbers, the best first; at least the best and the worst."""


@dataclass
class Preferred:
    """What a search found."""

    incumbent: Candidate | None = None
    queries: int = 0
    """Pairwise queries asked."""
    incumbents: list[Candidate] = field(default_factory=list)
    """The incumbent after each round in which somebody was asked."""
    ranked: list[tuple[Candidate, ...]] = field(default_factory=list)
    """Who was ranked in each of them."""


def prefer(
    chat: ChatModel,
    spec: RewardSpec,
    runner: Runner,
    rank: Ranker,
    task: str,
    *,
    iterations: int = 5,
    samples: int = 6,
    temperature: float = 1.0,
    seed: int = 0,
    diary: Diary | None = None,
    stored: Arrays | None = None,
) -> Preferred:
    """Search for a program by preferences; arguments as those of ``evolve``."""
    diary = diary or Diary()
    ask, found = diary.chat(chat), Preferred()
    first = opening(spec, task)
    messages = first
    for _ in range(iterations):
        replies = ask(messages, samples, temperature)
        made = [_valid(reply, ask, messages, spec, diary, stored) for reply in replies]
        candidates = [candidate for candidate in made if candidate.verdict.ok]
        for candidate in candidates:
            score(candidate, runner, seed, diary)
        pool = [found.incumbent] if found.incumbent is not None else []  # first, so that a tie leaves it in place
        pool += [candidate for candidate in candidates if candidate.trained is not None]
        if len(pool) < 2:
            continue
        order = list(rank(pool))
        found.queries += len(pool) - 1
        if order[0] == order[-1]:
            continue
        good, bad = pool[order[0]], pool[order[-1]]
        messages = [*first, user(report(good, bad, found.incumbent))]
        found.incumbent = good
        found.incumbents.append(good)
        found.ranked.append(tuple(pool))
    return found


def _valid(
    reply: str, ask: ChatModel, messages: Sequence[Message], spec: RewardSpec, diary: Diary, stored: Arrays | None
) -> Candidate:
    """The candidate of a reply, or of one of up to three further replies where it fails."""
    candidate = examine(reply, spec, diary, stored)
    for _ in range(REGENERATIONS):
        if candidate.verdict.ok:
            break
        candidate = examine(ask(messages, 1, 1.0)[0], spec, diary, stored)
    return candidate


def report(good: Candidate, bad: Candidate, before: Candidate | None) -> str:
    """What the model is shown after a ranking."""
    parts = [
        f"The preferred reward function:\n```python\n{good.source}```\n{trace(good)}",
        f"The least liked one:\n```python\n{bad.source}```\n{trace(bad)}",
    ]
    if before is not None:
        parts.append(f"What changed since the last preferred one:\n{difference(before.source, good.source)}")
    return "\n\n".join([*parts, "Write a reward function that people will like better still."])


def trace(candidate: Candidate) -> str:
    """The components' means at 10 points of training; the hidden score is not among them."""
    series = candidate.trained.series if candidate.trained else {}
    lines = (
        f"{name}: [{', '.join(f'{value:.2f}' for value in sampled(values))}]"
        f" Max: {max(values):.2f}, Mean: {math.fsum(values) / len(values):.2f}, Min: {min(values):.2f}"
        for name, values in series.items()
        if name not in (TASK_SCORE, "total") and values
    )
    return "\n".join(lines)


def components_of(source: str) -> dict[str, str]:
    """Name -> expression of every component in the dictionaries of a program."""
    found = {}
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                if isinstance(key, ast.Constant) and isinstance(key.value, str):
                    found[key.value] = ast.unparse(value)
    return found


def difference(before: str, after: str) -> str:
    """Components added, removed and changed from one program to the next."""
    old, new = components_of(before), components_of(after)
    lines = [f"added {name}: {new[name]}" for name in new if name not in old]
    lines += [f"removed {name}: {old[name]}" for name in old if name not in new]
    lines += [f"changed {name}: {old[name]} -> {new[name]}" for name in new if name in old and old[name] != new[name]]
    return "\n".join(lines) or "no component changed"


def oracle(value: Callable[[Candidate], float], seed: int = 0, temperature: float = 0.0, flip: float = 0.0) -> Ranker:
    """A stand-in for a person: prefers the higher value, with noise.

    ``temperature``: of a Boltzmann choice of each place. ``flip``: probability that a pairwise answer is the wrong one.
    """
    chance = random.Random(f"oracle/{seed}")

    def rank(candidates: Sequence[Candidate]) -> list[int]:
        values = [value(candidate) for candidate in candidates]
        if temperature > 0:  # the largest of values with Gumbel noise is a Boltzmann choice
            values = [one - temperature * math.log(-math.log(chance.random() or 0.5)) for one in values]
        order: list[int] = []
        for number, one in enumerate(values):
            place = len(order)
            while place and (one > values[order[place - 1]]) != (chance.random() < flip):
                place -= 1
            order.insert(place, number)
        return order

    return rank
