"""DLER: Doing Length pEnalty Right.

Idea
    The plainest length penalty, no reward beyond a cap, is enough once the optimisation is right: advantages
    normalised over the batch, room above the clip, and groups without spread sampled anew.
Maths
    ``R' = R [T <= L]``; ``a = R' - mean_g``; ``A = (a - mean_batch a) / std_batch(a)``; groups are kept if the std of
    R' is positive; clip 0.2 / 0.28, no KL. DA-DLER halves L where the group's accuracy has reached one half.
    Afterwards only the largest weight changes are kept (``policies/selective_merge.py``).
Reads
    ``traj.reward/correct``, the lengths, ``action.logprob``, ``action.old_logprob``.
Deviations
    L = 4000 in the paper, small here; one token more is sampled, so that a response cut by the budget is over the cap.
    The clip's numbers are DAPO's (the paper's are in an appendix not seen); the merge is recalled. The std is that of
    the centred rewards, where Lite PPO takes that of the raw ones.
"""

import torch

from guerdon.advantages.standardize import Standardize
from guerdon.curricula.dynamic_sampling import DynamicSampling
from guerdon.objective import Objective
from guerdon.objectives.ppo_clip import PPOClip
from guerdon.paper import Evidence, Paper, claim
from guerdon.papers._bench import ragged
from guerdon.papers._chain import LENGTH, chain
from guerdon.papers._proxy import compare, finals
from guerdon.policies.selective_merge import merge_largest
from guerdon.recipe import Recipe
from guerdon.rewards.verifier import Verifier
from guerdon.rollouts.sample import Sample
from guerdon.rollouts.sampler import Sampling
from guerdon.shaping.length_cap import LengthCap
from guerdon.shaping.weighted_sum import WeightedSum
from guerdon.update import Update

LIMIT = 32
CENTER = Standardize(scale="none")
BATCH_SCALE = Standardize(center="batch", scale="batch", column="traj.advantage")


def compose(cap: LengthCap | None) -> Recipe:
    """The recipe with a cap on length, or with none."""
    return Recipe(
        rollout=Sample(sampling=Sampling(max_tokens=LIMIT + 1)),
        rewards=(Verifier(),),
        shaping=(WeightedSum(), *([cap] if cap else [])),
        filters=(DynamicSampling(),),
        advantage=(CENTER, BATCH_SCALE),
        objective=Objective(PPOClip(0.2, 0.28)),
        update=Update(minibatches=4),
    )


RECIPE = compose(LengthCap((LIMIT,)))
DIFFICULTY = compose(LengthCap((LIMIT, LIMIT // 2), (0.5,)))
UNCAPPED = compose(None)


@claim("Of right, too long, wrong, right and an all-right group, the first is kept, with A = (1, -1, -1, 1) sqrt(3)/2")
def capped(seed: int) -> Evidence:
    batch = ragged([[1.0, 1.0, 0.0, 1.0], [1.0] * 4], [100, 5000, 10, 10, 10, 10, 10, 10])
    batch = batch.with_columns(LengthCap((4000,))(batch))
    kept = DynamicSampling()(batch)
    batch = batch.select("group", kept)
    for piece in RECIPE.advantage:
        batch = batch.with_columns(piece(batch))
    expected = torch.tensor([1.0, -1.0, -1.0, 1.0], dtype=torch.float64) * 3**0.5 / 2
    error = float((batch["traj.advantage"] - expected).abs().max()) if kept.tolist() == [True, False] else 1.0
    return Evidence(error, 0.0, 1e-5, note="largest error; the sample std over the batch is 1")


@claim("Merging half of the changes keeps the larger half and leaves the rest at the base")
def merge(seed: int) -> Evidence:
    base, tuned = torch.zeros(2, 2), torch.tensor([[0.1, -3.0], [2.0, -0.2]])
    got = merge_largest({"w": base}, {"w": tuned}, 0.5, scale=2.0)["w"]
    return Evidence(float((got - torch.tensor([[0.0, -6.0], [4.0, 0.0]])).abs().max()), 0.0, 0.0, note="largest error")


@claim("With a cap of 30 responses are shorter than without", tier="proxy")
def shortens(seed: int) -> Evidence:
    ours, baseline = (finals(chain(recipe), 200, LENGTH, (0, 1, 2)) for recipe in (compose(LengthCap((30,))), UNCAPPED))
    return compare(ours, baseline, "response length after 200 steps", lower=True)


paper = Paper(
    title="DLER: Doing Length pEnalty Right - Incentivizing More Intelligence per Token via Reinforcement Learning",
    arxiv="2510.15110",
    kind="method",
    source="paper",
    year=2025,
    recipe=RECIPE,
    compositions={"difficulty_aware": DIFFICULTY, "uncapped": UNCAPPED},
    claims=(capped, merge, shortens),
)
