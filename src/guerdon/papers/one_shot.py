"""Reinforcement Learning for Reasoning in Large Language Models with One Training Example (Wang et al., 2025).

Idea
    One example is enough for much of what RL gives, if it is one whose accuracy fluctuated in a pilot; after it is
    solved, held-out accuracy goes on rising, and an entropy bonus helps there.
Maths
    ``score(x) = std_e acc[e, x]`` over the epochs of a pilot; train on the first of the ranking, repeated to fill the batch;
    GRPO's loss + 0.001 k3 KL - 0.001 H.
Reads
    Accuracies of the pilot; ``traj.reward``, ``action.logprob``, ``action.old_logprob``, ``action.entropy``.
Deviations
    The selection code was read, the coefficients of the loss are recalled. The number of the chosen example comes from
    the run of ``pilot``; ``Repeat((0,))`` in the recipe is a placeholder. The batch is small (the paper: 128 copies).
    How far one example reaches on the toy depends on how many features prompts share, and what the entropy bonus adds
    is not claimed: see LOG.md.
"""

import dataclasses
from collections.abc import Callable
from functools import cache
from typing import Any

from guerdon.advantages.standardize import Standardize
from guerdon.curricula.accuracy_history import AccuracyHistory, ranking, scores
from guerdon.curricula.repeat import Repeat
from guerdon.loop import Trainer
from guerdon.objective import Objective
from guerdon.objectives.entropy import EntropyBonus
from guerdon.objectives.kl import KLPenalty
from guerdon.objectives.ppo_clip import PPOClip
from guerdon.paper import Evidence, Paper, claim
from guerdon.papers._proxy import compare, finals, solved
from guerdon.papers.passk import GRPO_TOY, TEST
from guerdon.piece import Curriculum, Term
from guerdon.recipe import Recipe
from guerdon.rewards.verifier import Verifier
from guerdon.rollouts.sample import Sample
from guerdon.tasks.shared_features import SharedFeatures
from guerdon.update import Update

KL, ENTROPY = KLPenalty(0.001), EntropyBonus(0.001)


def compose(curriculum: Curriculum, *regularizers: Term) -> Recipe:
    """GRPO on chosen problems."""
    return Recipe(
        rollout=Sample(),
        rewards=(Verifier(),),
        curriculum=curriculum,
        advantage=(Standardize(),),
        objective=Objective(PPOClip(), regularizers=regularizers),
        update=Update(minibatches=4),
    )


RECIPE, PILOT = compose(Repeat(), KL, ENTROPY), compose(AccuracyHistory(keep=None), KL, ENTROPY)


@claim("Histories 0000, 0101, 1110 have std 0, 0.5, 0.433 and rank second, third, first")
def ranked(seed: int) -> Evidence:
    histories = [[0.0] * 4, [0.0, 1.0, 0.0, 1.0], [1.0, 1.0, 1.0, 0.0]]
    error = max(abs(a - b) for a, b in zip(scores(histories).tolist(), (0.0, 0.5, 3**0.5 / 4), strict=True))
    return Evidence(
        error if ranking(histories) == [1, 2, 0] else float("nan"), 0.0, 1e-9, note="largest error of a std"
    )


FULL = dataclasses.replace(GRPO_TOY, task=SharedFeatures(width=4))


def toy(recipe: Recipe) -> Recipe:
    """96 training and 96 held-out prompts that share 4 features."""
    return dataclasses.replace(FULL, curriculum=recipe.curriculum, objective=recipe.objective)


SEEDS, STEPS = tuple(range(8)), 200
HELD_OUT = solved(TEST)


def chosen(seed: int) -> int:
    """The example that a pilot of eight epochs ranks first."""
    recipe = toy(PILOT)
    task: Any = dataclasses.replace(recipe.task, seed=seed)  # pyright: ignore[reportArgumentType]
    pilot = Trainer(dataclasses.replace(recipe, task=task), steps=24, seed=seed)
    for _ in range(pilot.steps):
        pilot.train_step()
    return pilot.state_of("curriculum").ranked()[0]


@cache
def held_out(choose: Callable[[int], int]) -> tuple[float, ...]:
    """Exact held-out pass@1 per seed after training on one example."""
    values = []
    for seed in SEEDS:
        values += finals(toy(compose(Repeat((choose(seed),)), KL, ENTROPY)), STEPS, HELD_OUT, (seed,))
    return tuple(values)


@claim("RL on one example raises pass@1 on held-out prompts", tier="proxy")
def generalizes(seed: int) -> Evidence:
    before, full = (finals(FULL, steps, HELD_OUT, SEEDS) for steps in (0, STEPS))
    evidence = compare(held_out(chosen), before, f"exact held-out pass@1 after and before {STEPS} steps")
    return dataclasses.replace(evidence, note=f"{evidence.note}; with all 96 examples {sum(full) / len(full):.3f}")


@claim("The example whose accuracy fluctuated most generalizes better than an arbitrary one", tier="proxy")
def fluctuating(seed: int) -> Evidence:
    arbitrary = held_out(lambda seed: seed)
    return compare(held_out(chosen), arbitrary, f"exact held-out pass@1 after {STEPS} steps on one example")


paper = Paper(
    title="Reinforcement Learning for Reasoning in Large Language Models with One Training Example",
    arxiv="2504.20571",
    kind="method",
    source="code",
    year=2025,
    authors="Wang et al.",
    recipe=RECIPE,
    compositions={"pilot": PILOT, "policy_loss_only": compose(Repeat()), "same_run": compose(AccuracyHistory(), KL)},
    claims=(ranked, generalizes, fluctuating),
)
