"""The Climb Carves Wisdom Deeper Than the Summit: On the Noisy Rewards in Learning to Reason (Lv et al., 2025).

Idea
    How much label noise does RL on outcomes stand? Much; and rewarding phrases of reasoning alone, or paying them where
    a noisy label says wrong, works nearly as well as right labels.
Maths
    Per group with probability p: ``c <- 1 - c``. Group statistics turn that into -A, so ``E[A] = (1 - 2p) A``.
    ``r = c + RPR [c < 1/2]``, ``RPR = max(0, min(1, phrases / 20) - rep20 - turns)``; then GRPO.
Reads
    ``traj.reward/correct``, ``traj.response``, ``action.logprob``, ``action.old_logprob``.
Deviations
    The list of phrases is not the released one. ``phrases_only`` pays them only where an answer can be read, as the
    release does; what counts as readable is a boxed answer here. A scalar reward model's calibration (weight and
    threshold are recalled only) is a ``Choose`` with ``low=None, high=threshold`` too, its weight in ``WeightedSum``.
    The toy has no text, so nothing is measured of the phrases. Adam hides that noise shrinks the step; the toy uses it
    all the same.
"""

import dataclasses

import torch

from guerdon.advantages.standardize import Standardize
from guerdon.objective import Objective
from guerdon.objectives.ppo_clip import PPOClip
from guerdon.paper import Evidence, Paper, claim
from guerdon.papers._bench import ragged
from guerdon.papers._proxy import compare, finals, solved
from guerdon.piece import Transform
from guerdon.policies.tabular import Tabular
from guerdon.recipe import Recipe
from guerdon.rewards.phrases import ReasoningPhrases
from guerdon.rewards.scored import Scored
from guerdon.rewards.verifier import Verifier
from guerdon.rollouts.sample import Sample
from guerdon.rollouts.tabular import SampleTree
from guerdon.scorers.format import Pattern
from guerdon.shaping.choose import Choose
from guerdon.shaping.label_flip import LabelFlip
from guerdon.shaping.weighted_sum import WeightedSum
from guerdon.tasks.token_tree import TokenTree
from guerdon.update import Update

READABLE = Scored(Pattern(r".*\\boxed\{.*"), name="readable")
PHRASES = ReasoningPhrases()
FALLBACK = Choose("correct", then="reasoning", low=None, high=0.5, lazy=True, output="traj.reward/fallback")
WHERE_READABLE = Choose("readable", then="reasoning", output="traj.reward/fallback")


def compose(noise: float, *rewards: Transform, correct: float = 1.0) -> Recipe:
    """GRPO on flipped outcomes and these further rewards."""
    flip = LabelFlip(noise, readable="traj.reward/readable")
    return Recipe(
        rollout=Sample(),
        rewards=(Verifier(), READABLE, flip, *rewards),
        shaping=(WeightedSum({"correct": correct, "readable": 0.0, "reasoning": 0.0}),),
        advantage=(Standardize(),),
        objective=Objective(PPOClip()),
        update=Update(minibatches=4),
    )


RECIPE = compose(0.4, PHRASES, FALLBACK)
PHRASES_ONLY = compose(0.0, PHRASES, WHERE_READABLE, correct=0.0)
TEXT = "First, we look at it. Wait, that is odd; therefore the answer is 4."


@claim("Flipping a whole group negates its GRPO advantages exactly")
def negated(seed: int) -> Evidence:
    rewards = torch.tensor([1.0, 0.0, 0.0, 1.0, 0.0], dtype=torch.float64)
    plain, noisy = (
        torch.as_tensor(Standardize()(ragged([each.tolist()]))["traj.advantage"]) for each in (rewards, 1 - rewards)
    )
    return Evidence(float((plain + noisy).abs().max()), 0.0, 1e-12, note="largest sum of an advantage and its flipped")


@claim("A text with three phrases of the list and no repetition earns 0.15 where the label says wrong, else nothing")
def phrases(seed: int) -> Evidence:
    columns = {"traj.reward/correct": [0.0, 1.0], "traj.response": [TEXT, TEXT]}
    batch = ragged([[0.0, 1.0]], columns=columns)
    for piece in (PHRASES, FALLBACK):
        batch = batch.with_columns(piece(batch))
    error = (batch["traj.reward/fallback"] - torch.tensor([0.15, 0.0])).abs().max()
    return Evidence(float(error), 0.0, 1e-7, note="largest error")


def toy(noise: float) -> Recipe:
    """64 one-token prompts, 64 actions of which 2 are right, logits from N(0, 2^2)."""
    return dataclasses.replace(
        compose(noise),
        task=TokenTree(prompts=64, vocab=64, correct=2),
        policy=Tabular(init_std=2.0),
        rollout=SampleTree(prompts=64, samples_per_prompt=8),
        rewards=(LabelFlip(noise, column="traj.reward/task"),) if noise else (),
        shaping=(WeightedSum(),),
        update=Update(lr=0.05, max_grad_norm=None),
    )


SEEDS, STEPS = (0, 1, 2, 3), 400


@claim("With 20% of the groups flipped, GRPO keeps more than three quarters of its pass@1", tier="proxy")
def robust(seed: int) -> Evidence:
    noisy, clean = (finals(toy(noise), STEPS, solved(), SEEDS) for noise in (0.2, 0.0))
    return compare(noisy, [0.75 * value for value in clean], "exact pass@1 at p = 0.2, against 3/4 of that at p = 0")


@claim("With 40% flipped it still learns far more than with 50%, where labels say nothing", tier="proxy")
def half(seed: int) -> Evidence:
    some, none = (finals(toy(noise), STEPS, solved(), SEEDS) for noise in (0.4, 0.5))
    return compare(some, none, "exact pass@1 at p = 0.4, against p = 0.5")


paper = Paper(
    title="The Climb Carves Wisdom Deeper Than the Summit: On the Noisy Rewards in Learning to Reason",
    arxiv="2505.22653",
    kind="analysis",
    source="code",
    year=2025,
    authors="Lv et al.",
    recipe=RECIPE,
    compositions={"flipped": compose(0.4), "phrases_only": PHRASES_ONLY, "clean": compose(0.0)},
    claims=(negated, phrases, robust, half),
)
