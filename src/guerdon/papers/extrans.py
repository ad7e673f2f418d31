"""ExTrans: Multilingual Deep Reasoning Translation via Exemplar-Enhanced Reinforcement Learning.

Idea
    Reward a translation by how it compares with a strong model's translation of the same source, and other pairs of
    languages by a cheap metric against such exemplars.
Maths
    ``r = [format] (1 + (c + c') / 2)``, c and c' a judge's verdicts (-1, 0, 1) in both orders; without a judge
    ``r = [format] [m(y) >= m(e)]`` or a graded difference. GRPO with 8 responses and a KL penalty of 0.001.
Reads
    ``traj.verdict``, ``traj.swapped_verdict``, ``traj.reward/format``, ``action.logprob``, ``action.old_logprob``.
Deviations
    Abstract only: that rewards quantify a comparison with an exemplar, and that a light one carries over to 90 directions,
    is stated; the scale, both orders and thresholds are ours. The metric is chrF, not COMET-Kiwi; which language an
    answer is in is not checked. The proxy's judge is made up: its ratings waver from call to call, its comparisons do
    not but favor the first text in 20% of the calls, and the policy is linear and warm-started.
"""

import dataclasses
from functools import cache
from typing import Any

import torch

from guerdon.advantages.standardize import Standardize
from guerdon.loop import Result
from guerdon.objective import Objective
from guerdon.objectives.kl import KLPenalty
from guerdon.objectives.ppo_clip import PPOClip
from guerdon.paper import Evidence, Paper, claim
from guerdon.papers._bench import ragged
from guerdon.papers._proxy import compare, finals
from guerdon.policies.linear import Linear
from guerdon.recipe import Recipe
from guerdon.rewards.exemplar_comparison import ExemplarComparison
from guerdon.rewards.remote import Remote
from guerdon.rewards.scored import Scored
from guerdon.rollouts.sample import Sample
from guerdon.rollouts.tabular import SampleTree
from guerdon.scorers.beats_exemplar import BeatsExemplar
from guerdon.scorers.format import Tags
from guerdon.scorers.ngrams import chrf
from guerdon.shaping.choose import Choose
from guerdon.shaping.weighted_sum import WeightedSum
from guerdon.tasks.cipher_translation import CipherTranslation
from guerdon.update import Update

STEPS = 300
BOTH = ExemplarComparison("traj.reward/verdict", "traj.reward/swapped_verdict")
JUDGE = Remote("http://127.0.0.1:8000/score", components=("verdict", "swapped_verdict"), bounds=(-1.0, 1.0))
RECIPE = Recipe(
    rollout=Sample(),
    rewards=(Scored(Tags()), JUDGE, BOTH),
    shaping=(Choose("format", then="comparison", low=1.0, lazy=True),),
    advantage=(Standardize(),),
    objective=Objective(PPOClip(), regularizers=(KLPenalty(),)),
    update=Update(minibatches=2),
)
LIGHT = dataclasses.replace(
    RECIPE,
    rewards=(Scored(Tags()), Scored(BeatsExemplar(spread=0.1))),
    shaping=(Choose("format", then="exemplar", low=1.0, lazy=True),),
)


def toy(component: str, *rewards: ExemplarComparison) -> Recipe:
    """The toy with this component as its reward."""
    extra = ("traj.reward/rating", "traj.verdict", "traj.swapped_verdict")
    return dataclasses.replace(
        RECIPE,
        task=CipherTranslation(),
        policy=Linear(),
        rollout=SampleTree(prompts=16, extra=extra),
        rewards=rewards,
        shaping=(WeightedSum({component: 1.0}, others=0.0),),
        objective=Objective(PPOClip()),
        update=Update(lr=0.01),
    )


TOYS = {
    "both": toy("comparison", ExemplarComparison()),
    "one": toy("comparison", ExemplarComparison(swapped=None)),
    "rating": toy("rating"),
}


@claim("Verdicts (1, 1), (1, -1), (-1, -1) earn 2, 1, 0 in the right format, and nothing in a wrong one")
def comparison(seed: int) -> Evidence:
    verdicts = {
        "verdict": [1.0, 1.0, -1.0, 1.0],
        "swapped_verdict": [1.0, -1.0, -1.0, 1.0],
        "format": [1.0, 1.0, 1.0, 0],
    }
    batch = ragged([[0.0] * 4], columns={f"traj.reward/{name}": values for name, values in verdicts.items()})
    for piece in (BOTH, *RECIPE.shaping):
        batch = batch.with_columns(piece(batch))
    return Evidence(float(batch["traj.reward"].tolist() == [2.0, 1.0, 0.0, 0.0]), 1.0, 1.0, note="1 if so")


@claim("chrF of a text with itself is 1, and of two texts without a common letter 0")
def metric(seed: int) -> Evidence:
    got = [chrf("der alte Mann", "der alte Mann"), chrf("abc abc", "xyz xyz")]
    return Evidence(abs(got[0] - 1) + abs(got[1]), 0.0, 1e-9, note="error")


@cache
def trained(name: str) -> list[float]:
    """Share of right words on new sentences, per seed."""

    def measure(result: Result, task: Any) -> float:
        with torch.no_grad():
            return task.accuracy(result.policy.rows(torch.arange(task.contexts)))  # pyright: ignore[reportCallIssue]

    return finals(TOYS[name], STEPS, measure)


@claim("A comparison with an exemplar teaches more right words than a noisy rating", tier="proxy")
def beats_rating(seed: int) -> Evidence:
    return compare(trained("both"), trained("rating"), f"right words on new sentences after {STEPS} steps")


@claim(
    "Asking in both orders teaches more right words than in one, with a judge that favors the first text", tier="proxy"
)
def both_orders(seed: int) -> Evidence:
    return compare(trained("both"), trained("one"), f"right words on new sentences after {STEPS} steps")


paper = Paper(
    title="ExTrans: Multilingual Deep Reasoning Translation via Exemplar-Enhanced Reinforcement Learning",
    arxiv="2505.12996",
    kind="method",
    source="abstract",
    year=2025,
    recipe=RECIPE,
    compositions={"light": LIGHT},
    claims=(comparison, metric, beats_rating, both_orders),
)
