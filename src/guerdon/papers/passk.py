"""Does RL really incentivize reasoning capacity beyond the base model? (Yue et al., 2025).

Idea
    Compare base and RL model at large k: RL wins at k = 1 and the curves cross, because it sharpens sampling towards
    paths that the base model had already.
Maths
    ``pass@k = mean_x [1 - C(n - c_x, k) / C(n, k)]``; crossing: ``pass@1`` up, ``pass@K`` down.
Reads
    Counts (n, c) per problem; here the exact success probabilities of a one-token policy.
Deviations
    The equations are recalled (Chen et al., 2021, and the paper's abstract). The dossier's check value .5 for
    (n, c, k) = (4, 1, 2) is 1 - C(3,2)/C(4,2). Base and RL model are one linear policy before and after GRPO.
"""

from itertools import combinations

from guerdon.advantages.standardize import Standardize
from guerdon.metrics.pass_at_k import pass_at_k
from guerdon.objective import Objective
from guerdon.objectives.ppo_clip import PPOClip
from guerdon.paper import Evidence, Paper, claim
from guerdon.papers._proxy import compare, exact_pass_at_k, finals
from guerdon.policies.linear import Linear
from guerdon.recipe import Recipe
from guerdon.rollouts.tabular import SampleTree
from guerdon.tasks.shared_features import SharedFeatures
from guerdon.update import Update

GRPO_TOY = Recipe(
    task=SharedFeatures(),
    policy=Linear(),
    rollout=SampleTree(prompts=32, samples_per_prompt=8),
    advantage=(Standardize(),),
    objective=Objective(PPOClip()),
    update=Update(lr=0.02),
)
TEST = slice(96, 192)
SEEDS = (0, 1, 2)


@claim("pass@k of (10, 3, 1), (4, 1, 2) and (8, 3, 4) is 0.3, 0.5 and the share of all subsets with a right answer")
def estimator(seed: int) -> Evidence:
    subsets = list(combinations([True] * 3 + [False] * 5, 4))
    expected = (0.3, 0.5, sum(map(any, subsets)) / len(subsets))
    got = (pass_at_k(10, 3, 1), pass_at_k(4, 1, 2), pass_at_k(8, 3, 4))
    return Evidence(max(abs(a - b) for a, b in zip(got, expected, strict=True)), 0.0, 1e-12, note="largest error")


@claim("GRPO raises pass@1 on held-out prompts", tier="proxy")
def sharper(seed: int) -> Evidence:
    after = finals(GRPO_TOY, 1500, exact_pass_at_k(1, TEST), SEEDS)
    before = finals(GRPO_TOY, 0, exact_pass_at_k(1, TEST), SEEDS)
    return compare(after, before, "exact held-out pass@1 after and before 1500 steps")


@claim("The same run lowers pass@256: the curves cross", tier="proxy")
def crossing(seed: int) -> Evidence:
    after = finals(GRPO_TOY, 1500, exact_pass_at_k(256, TEST), SEEDS)
    before = finals(GRPO_TOY, 0, exact_pass_at_k(256, TEST), SEEDS)
    return compare(after, before, "exact held-out pass@256 after and before 1500 steps", lower=True)


paper = Paper(
    title="Does Reinforcement Learning Really Incentivize Reasoning Capacity in LLMs Beyond the Base Model?",
    arxiv="2504.13837",
    kind="analysis",
    source="recalled",
    year=2025,
    authors="Yue et al.",
    recipe=GRPO_TOY,
    claims=(estimator, sharper, crossing),
)
