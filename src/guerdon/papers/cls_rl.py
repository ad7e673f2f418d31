"""CLS-RL: Image Classification with Rule-Based Reinforcement Learning.

Idea
    Few-shot classification by reinforcement: a point for the right label in answer tags and one for the format. Without
    thinking, one point for the label alone as the whole response, which trains faster.
Maths
    Thinking: ``r = 1[lower(answer) = lower(label)] + 1[format]``. No thinking: ``r = 1[response = label]``, to the letter;
    open sets may write spaces for ``_``. GRPO with KL 0.04. Results are the harmonic mean ``2 b n / (b + n)`` of the
    accuracies on base and new classes.
Reads
    ``traj.response``, ``group.problem``, ``action.logprob``, ``action.old_logprob``, ``action.ref_logprob``.
Deviations
    The released code tries a mathematical verifier first; here that is ``Math``. Its answer-first variant has the same
    reward and another prompt. Groups of 4 to 8 as the rollout says. The toy is linear on features: no pictures, no
    words, no thinking, so the tokens that the short form saves are not measured.
"""

from typing import Any

import torch

from guerdon.advantages.standardize import Standardize
from guerdon.loop import Result
from guerdon.objective import Objective
from guerdon.objectives.kl import KLPenalty
from guerdon.objectives.nll import NLL
from guerdon.objectives.ppo_clip import PPOClip
from guerdon.objectives.reinforce import Reinforce
from guerdon.paper import Evidence, Paper, claim
from guerdon.papers._proxy import compare, finals
from guerdon.piece import Transform
from guerdon.policies.linear import Linear
from guerdon.recipe import Recipe
from guerdon.rewards.scored import Scored
from guerdon.rollouts.sample import Sample
from guerdon.rollouts.stored import Stored
from guerdon.rollouts.tabular import SampleTree
from guerdon.scorers.format import Tags
from guerdon.scorers.labels import Label, WholeLabel
from guerdon.tasks.few_shot import FewShot
from guerdon.tasks.problem import Problem
from guerdon.update import Update


def compose(*rewards: Transform) -> Recipe:
    """GRPO with these rewards."""
    return Recipe(
        rollout=Sample(),
        rewards=rewards,
        advantage=(Standardize(),),
        objective=Objective(PPOClip(), regularizers=(KLPenalty(0.04),)),
        update=Update(minibatches=4),
    )


RECIPE = compose(Scored(Label()), Scored(Tags()))
NO_THINKING = compose(Scored(WholeLabel()))


@claim("Well formed and 'Cat' for 'cat' is worth 2, a bare 'cat' 1 in both modes, 'Cat' or a tag 0 without thinking")
def points(seed: int) -> Evidence:
    problem = Problem(0, "?", "cat")
    full = "<think>fur</think> <answer>Cat</answer>"
    thinking = [Label()(problem, text) + Tags()(problem, text) for text in (full, "cat", "")]
    short = [WholeLabel()(problem, text) for text in ("cat", "Cat", "<answer>cat</answer>", "")]
    return Evidence(float(thinking == [2.0, 1.0, 0.0] and short == [1.0, 0.0, 0.0, 0.0]), 1.0, 1.0, note="1 if so")


TOY = Recipe(
    task=FewShot(),
    policy=Linear(),
    rollout=SampleTree(prompts=40, samples_per_prompt=8),
    advantage=(Standardize(),),
    objective=Objective(Reinforce()),
    update=Update(lr=0.02),
)
SFT = Recipe(
    task=FewShot(),
    policy=Linear(),
    rollout=Stored(prompts=40),
    objective=Objective(NLL()),
    update=Update(lr=0.02),
)


def accuracy(split: str) -> Any:
    """Share of a split's pictures whose likeliest label is right."""

    def measure(result: Result, task: Any) -> float:
        rows = task.pictures(split)
        with torch.no_grad():
            likeliest = result.policy.rows(rows).argmax(1)  # pyright: ignore[reportCallIssue]
        return float((likeliest == task.labels()[rows]).float().mean())

    return measure


@claim(
    "With 4 pictures of each class, it is more accurate on shifted pictures than fine-tuning on the labels",
    tier="proxy",
)
def shifted(seed: int) -> Evidence:
    ours, baseline = (finals(recipe, 200, accuracy("shifted"), range(10)) for recipe in (TOY, SFT))
    return compare(ours, baseline, "accuracy on shifted pictures after 200 steps")


@claim("And on pictures like those it saw", tier="proxy")
def like(seed: int) -> Evidence:
    ours, baseline = (finals(recipe, 200, accuracy("test"), range(10)) for recipe in (TOY, SFT))
    return compare(ours, baseline, "accuracy on test pictures after 200 steps")


paper = Paper(
    title="CLS-RL: Image Classification with Rule-Based Reinforcement Learning",
    arxiv=None,
    kind="method",
    source="code",
    year=2025,
    recipe=RECIPE,
    compositions={"no_thinking": NO_THINKING, "open_set": compose(Scored(WholeLabel(underscores=True)))},
    claims=(points, shifted, like),
)
