"""ReRe: Reinforced Preference Optimization for Recommendation.

Idea
    GRPO for recommenders that write an item's code: each group is a beam of G different valid items, so wrong items come
    in the policy's own order, and those ranked high pay more.
Maths
    Place i = 0..G-1 in the beam: rule ``1[item_i = target]``; rank ``-(1/log2(i+2)) / sum_j 1/log2(j+2)`` for wrong items
    of a group with the target, else 0; their sum is standardised in the group with eps 1e-4. On policy,
    ``-(pi / sg(pi) A - beta KL)``, averaged over tokens, then over items; beta 1e-3.
Reads
    ``traj.reward/correct``, the order of the group, ``action.logprob``, ``action.ref_logprob``.
Deviations
    ``Reinforce`` has the gradient of ``pi / sg(pi)``. The beam is no sample of the policy, so the gradient is biased, as
    the paper's is. Left out: drawing 1.5 G items and keeping different ones, GSPO's ratio, rewards by embeddings or
    collaborative filters. The proxy's policy is linear in features of the user, its catalogue 120 of 144 codes of two
    tokens, its learning rate that of the toy.
"""

from functools import cache

import torch

from guerdon.advantages.standardize import Standardize
from guerdon.objective import Objective
from guerdon.objectives.aggregation import SeqMeanTokenMean
from guerdon.objectives.kl import KLPenalty
from guerdon.objectives.reinforce import Reinforce
from guerdon.paper import Evidence, Paper, claim
from guerdon.papers._bench import ragged
from guerdon.papers._proxy import compare, finals
from guerdon.policies.linear import Linear
from guerdon.recipe import Recipe
from guerdon.rewards.rank_penalty import RankPenalty
from guerdon.rollouts.beam_items import BeamItems
from guerdon.rollouts.trie import Trie
from guerdon.shaping.weighted_sum import WeightedSum
from guerdon.tasks.next_item import NextItem
from guerdon.update import Update

SEEDS, STEPS = (0, 1, 2, 3, 4, 5), 75
"""75 steps of 16 users are 6 epochs of 200."""


def compose(**weights: float) -> Recipe:
    """The method with these weights of the two rewards."""
    return Recipe(
        task=NextItem(),
        policy=Linear(),
        rollout=BeamItems(prompts=16, reward="correct"),
        rewards=(RankPenalty(),),
        shaping=(WeightedSum(weights),),
        advantage=(Standardize(eps=1e-4),),
        objective=Objective(Reinforce(), SeqMeanTokenMean(), regularizers=(KLPenalty(1e-3),)),
        update=Update(lr=0.1),
    )


RECIPE = compose()
COMPOSITIONS = {"rule": compose(rank=0.0), "rank": compose(correct=0.0)}


@claim("In the beam (x, target, y) rule and rank pay -1/D, 1, -0.5/D with D = 1 + 1/log2 3 + 1/2; without the target 0")
def rewards(seed: int) -> Evidence:
    rule = [[0.0, 1.0, 0.0], [0.0, 0.0, 0.0]]
    batch = ragged(rule, columns={"traj.reward/correct": [*rule[0], *rule[1]]})
    for piece in (*RECIPE.rewards, *RECIPE.shaping):
        batch = batch.with_columns(piece(batch))
    total = 1 + torch.tensor(3.0).log2().reciprocal().item() + 0.5
    wanted = torch.tensor([-1 / total, 1.0, -0.5 / total, 0.0, 0.0, 0.0], dtype=torch.float64)
    return Evidence(float((batch["traj.reward"] - wanted).abs().max()), 0.0, 1e-6, note="largest error")


@claim("Of the items (1,2), (1,3), (4) the prefix (1) may go on with 2 or 3, the prefix (9) with nothing")
def valid(seed: int) -> Evidence:
    trie = Trie([(1, 2), (1, 3), (4,)])
    got = [trie.allowed(prefix) for prefix in ((), (1,), (4,), (9,))]
    return Evidence(float(got == [(1, 4), (2, 3), (), ()]), 1.0, 1.0, note="1 if so")


@cache
def ndcg(name: str) -> list[float]:
    """NDCG@10 on users that were not trained on, per seed."""
    recipe = {"both": RECIPE, **COMPOSITIONS}[name]
    return finals(recipe, STEPS, lambda result, task: task.ndcg(result.policy), SEEDS)


@claim("The rank penalty beside the rule gives a higher NDCG@10 on new users than the rule alone", tier="proxy")
def rank_helps(seed: int) -> Evidence:
    return compare(ndcg("both"), ndcg("rule"), f"NDCG@10 on 200 new users after {STEPS} steps")


@claim("The rank penalty alone does harm: a lower NDCG@10 than the rule", tier="proxy")
def rank_alone(seed: int) -> Evidence:
    return compare(ndcg("rank"), ndcg("rule"), f"NDCG@10 on 200 new users after {STEPS} steps", lower=True)


paper = Paper(
    title="Reinforced Preference Optimization for Recommendation",
    arxiv=None,
    kind="method",
    source="code",
    recipe=RECIPE,
    compositions=COMPOSITIONS,
    claims=(rewards, valid, rank_helps, rank_alone),
)
