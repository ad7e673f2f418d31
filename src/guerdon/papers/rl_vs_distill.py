"""Reinforcement Learning vs. Distillation: Understanding Accuracy and Capability in LLM Reasoning.

Idea
    Accuracy is how often a sample is right, capability whether any of many is. RL raises accuracy by making easier
    questions more reliable at the expense of the hardest; distillation adds capability only with new knowledge.
Maths
    ``accuracy = mean_x c_x / n``, ``capability = mean_x pass@k``; mean change per interval of the base success rate.
Reads
    Samples and right ones per question, before and after.
Deviations
    Recalled, with the abstract. The recipe is plain GRPO on a toy, the kind of run that is measured; its exact success
    rates stand for samples. Distillation there clones a teacher who knows every right action. The arm that teaches a
    reasoning pattern alone, and the novelty measures, need a language model and are not part of this.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

from torch import Tensor

from guerdon.loop import Result
from guerdon.metrics.capability import accuracy, capability, change_by_difficulty
from guerdon.objective import Objective
from guerdon.objectives.nll import NLL
from guerdon.paper import Evidence, Paper, claim
from guerdon.papers._proxy import compare, exact_pass_at_k, finals, success
from guerdon.papers.passk import GRPO_TOY, TEST
from guerdon.rollouts.stored import Stored

BEFORE, AFTER = ([(8, right) for right in counts] for counts in ((1, 4, 6), (0, 7, 8)))


@claim("Of 8 samples 1, 4, 6 are right before and 0, 7, 8 after: accuracy rises by 1/6, pass@8 falls by 1/3")
def apart(seed: int) -> Evidence:
    errors = (
        accuracy(AFTER) - accuracy(BEFORE) - 1 / 6,
        capability(AFTER, 8) - capability(BEFORE, 8) + 1 / 3,
    )
    return Evidence(max(map(abs, errors)), 0.0, 1e-12, note="largest error")


@claim("There the hardest interval loses 1/8 and the two upper ones gain 3/8 and 1/4")
def hardest(seed: int) -> Evidence:
    got, expected = change_by_difficulty(BEFORE, AFTER), {0: -0.125, 2: 0.375, 3: 0.25}
    keys = got.keys() | expected.keys()
    return Evidence(max(abs(got.get(k, 9.0) - expected.get(k, 9.0)) for k in keys), 0.0, 1e-12, note="largest error")


DISTILLED = dataclasses.replace(
    GRPO_TOY, rollout=Stored(prompts=32), shaping=(), advantage=(), objective=Objective(NLL())
)
SEEDS, STEPS = (0, 1, 2), 1500


def change(bucket: Callable[[Tensor], Tensor]) -> list[float]:
    """Per seed: mean change of the held-out success rate under GRPO, over the prompts whose rate before is in a bucket."""
    before: list[Tensor] = []
    finals(GRPO_TOY, 0, lambda result, task: before.append(success(result, task)[TEST]) or 0.0, SEEDS)
    rates = iter(before)

    def measure(result: Result, task: Any) -> float:
        start = next(rates)
        return float((success(result, task)[TEST] - start)[bucket(start)].mean())

    return finals(GRPO_TOY, STEPS, measure, SEEDS)


@claim("GRPO raises the held-out questions that were solved more than a quarter of the time", tier="proxy")
def easier_rise(seed: int) -> Evidence:
    values = change(lambda rate: rate > 0.25)
    return compare(values, [0.0] * len(values), "mean change of the success rate in the upper intervals")


@claim("GRPO does not raise the hardest quarter of the scale", tier="proxy")
def hardest_do_not(seed: int) -> Evidence:
    values = change(lambda rate: rate <= 0.25)
    return compare(values, [0.0] * len(values), "mean change of the success rate in [0, 1/4]", lower=True)


@claim("Distillation from a teacher who knows more raises held-out pass@256, which GRPO lowers", tier="proxy")
def teacher_adds(seed: int) -> Evidence:
    after = finals(DISTILLED, STEPS, exact_pass_at_k(256, TEST), SEEDS)
    before = finals(GRPO_TOY, 0, exact_pass_at_k(256, TEST), SEEDS)
    return compare(after, before, "exact held-out pass@256 after and before 1500 steps of cloning")


paper = Paper(
    title="Reinforcement Learning vs. Distillation: Understanding Accuracy and Capability in LLM Reasoning",
    arxiv="2505.14216",
    kind="analysis",
    source="recalled",
    year=2025,
    recipe=GRPO_TOY,
    compositions={"distilled": DISTILLED},
    claims=(apart, hardest, easier_rise, hardest_do_not, teacher_adds),
)
