"""The Invisible Leash: Why RLVR May Not Escape Its Origin.

Idea
    Count the right answers that training keeps, finds and loses: it loses more than it finds, because it can only
    raise what it samples.
Maths
    ``SRR = P/(P+S)``, ``NDR = E/(P+E)``, ``SDS`` their harmonic mean, ``NSCR = (E-S)/(P+E+S)``; an answer counts as
    supported if seen in k samples, which shows probabilities from ``1 - zeta^(1/k)`` on.
Reads
    The answers sampled from the base and the trained model, and which are right.
Deviations
    The sampling threshold is derived here. The recipe is plain GRPO on a toy; the proxies measure it on a bandit with
    four right answers of unequal probability. The SDS of the check is 13550 / 1849855 = 0.0073249; the 0.00733 that is
    reported for these counts is the harmonic mean of ratios rounded before.
"""

import dataclasses
from statistics import fmean
from typing import Any

import torch
from torch import Tensor

from guerdon.loop import Result
from guerdon.metrics.support import Support, answer_entropy, detectable, support
from guerdon.paper import Evidence, Paper, claim
from guerdon.papers._proxy import compare, finals
from guerdon.papers.passk import GRPO_TOY
from guerdon.policies.tabular import Tabular
from guerdon.rng import Stream
from guerdon.rollouts.tabular import SampleTree
from guerdon.tasks.token_tree import TokenTree
from guerdon.update import Update


@claim("1355 answers kept, 5 gained and 56 lost give SRR 0.96031, NDR 0.00368, SDS 0.00732 and NSCR -0.03602")
def counts(seed: int) -> Evidence:
    table = Support(kept=1355, gained=5, lost=56)
    got = (table.retention, table.discovery, table.dynamics, table.net_change)
    error = max(abs(a - b) for a, b in zip(got, (0.96031, 0.00368, 0.0073249, -0.03602), strict=True))
    return Evidence(error, 0.0, 5e-6, note="largest error, in digits of the table")


@claim("With 1024 samples, an answer of probability 0.0029212 is missed 5% of the time")
def threshold(seed: int) -> Evidence:
    return Evidence(detectable(1024, 0.05), 0.00292115, 0.00292125, note="probability of an answer")


@claim("Answer entropy falls when one of four equally frequent answers takes over")
def narrowing(seed: int) -> Evidence:
    fall = answer_entropy("abcd") - answer_entropy("aaaaabcd")
    return Evidence(fall, 1e-6, 2.0, note="fall in nats")


TOY = dataclasses.replace(
    GRPO_TOY,
    task=TokenTree(prompts=16, vocab=16, correct=4, prior=(0.2, 0.05, 0.01, 0.001)),
    policy=Tabular(),
    rollout=SampleTree(prompts=16),
    update=Update(lr=0.05),
)


def sampled(logits: Tensor, name: str) -> list[list[int]]:
    """1024 answers to every prompt."""
    generator = Stream((0, "leash", name)).generator()
    return torch.multinomial(logits.softmax(-1), 1024, replacement=True, generator=generator).tolist()


def change(result: Result, task: Any) -> Support:
    """Right answers seen before and after training."""
    with torch.no_grad():
        after = result.policy.rows(torch.arange(task.contexts))  # pyright: ignore[reportCallIssue]
    return support(sampled(task.initial_logits(), "base"), sampled(after, "trained"), task.rewarded().tolist())


def entropy(result: Result, task: Any) -> float:
    """Mean entropy of the sampled answers."""
    with torch.no_grad():
        rows = result.policy.rows(torch.arange(task.contexts))  # pyright: ignore[reportCallIssue]
    return fmean(map(answer_entropy, sampled(rows, "trained")))


@claim("GRPO on four right answers of prior 0.2 to 0.001 loses more of them than it finds", tier="proxy")
def loses(seed: int) -> Evidence:
    changes: list[Support] = []

    def lost(result: Result, task: Any) -> float:
        changes.append(change(result, task))
        return float(changes[-1].lost)

    ours = finals(TOY, 300, lost)
    gained = [float(each.gained) for each in changes]
    return compare(ours, gained, "right answers (of 64) lost, against gained, in 1024 samples per prompt")


@claim("And the entropy of its answers falls", tier="proxy")
def narrower(seed: int) -> Evidence:
    after, before = finals(TOY, 300, entropy), finals(TOY, 0, entropy)
    return compare(after, before, "answer entropy in nats after and before 300 steps", lower=True)


paper = Paper(
    title="The Invisible Leash: Why RLVR May Not Escape Its Origin",
    arxiv="2507.14843",
    kind="analysis",
    source="paper",
    year=2025,
    recipe=GRPO_TOY,
    claims=(counts, threshold, narrowing, loses, narrower),
)
