"""Reinforcement Learning vs. Distillation: Understanding Accuracy and Capability in LLM Reasoning.

Idea
    Accuracy is how often a sample is right, capability whether any of many is. RL raises accuracy by making easier
    questions more reliable at the expense of the hardest; distillation adds capability only with new knowledge.
Maths
    ``accuracy = mean_x c_x / n``, ``capability = mean_x pass@k``; mean change per interval of the base success rate.
Reads
    Samples and right ones per question, before and after.
Deviations
    Recalled, with the abstract. The distillation arms and the novelty measures are not part of this; the recipe is plain
    GRPO on a toy, the kind of run that is measured.
"""

from guerdon.metrics.capability import accuracy, capability, change_by_difficulty
from guerdon.paper import Evidence, Paper, claim
from guerdon.papers.passk import GRPO_TOY

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


paper = Paper(
    title="Reinforcement Learning vs. Distillation: Understanding Accuracy and Capability in LLM Reasoning",
    arxiv="2505.14216",
    kind="analysis",
    source="recalled",
    year=2025,
    recipe=GRPO_TOY,
    claims=(apart, hardest),
)
