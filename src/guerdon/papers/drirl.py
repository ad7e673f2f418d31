"""DR-IRL: Inverse Reinforcement Learning with Dynamic Reward Scaling for LLM Alignment.

Idea
    Learn one reward per hazard category from demonstrations alone and weigh a prompt's advantages by how hard it is and
    how well the category's reward still tells demonstrations and responses apart.
Maths
    ``rewards/demonstration.py`` and ``advantages/difficulty.py``: ``A_k = alphaD alphaM (R_k - mean_g) / std_g``; clipped
    loss and KL to the reference.
Reads
    ``traj.features``, ``traj.demo_features``, ``traj.category``; log-probs of policy, old policy and reference.
Deviations
    Formulas from notes on the paper. Rewards are linear in given features, which also stand for sentence embeddings.
    alphaD is taken relative to the mean of the category; the thresholds of the gap mask are not known. The toy's true
    reward is logged and not trained on.
"""

import dataclasses
from typing import Any

import torch

from guerdon.advantages.difficulty import DemoMismatch, DifficultyWeight, best_match
from guerdon.advantages.standardize import Standardize
from guerdon.loop import Result
from guerdon.metrics.demo_auc import DemoAUC
from guerdon.objective import Objective
from guerdon.objectives.kl import KLPenalty
from guerdon.objectives.ppo_clip import PPOClip
from guerdon.objectives.row_weight import RowWeight
from guerdon.paper import Evidence, Paper, claim
from guerdon.papers._bench import ragged
from guerdon.papers._proxy import compare, finals, last, success
from guerdon.policies.tabular import Tabular
from guerdon.recipe import Recipe
from guerdon.rewards.demonstration import DemonstrationReward
from guerdon.rollouts.tabular import SampleTree
from guerdon.shaping.weighted_sum import WeightedSum
from guerdon.tasks.category_bandit import CategoryBandit
from guerdon.update import Update

KL = (KLPenalty(0.01),)
RECIPE = Recipe(
    task=CategoryBandit(),
    policy=Tabular(),
    rollout=SampleTree(prompts=49, extra=("traj.category", "traj.features", "traj.demo_features")),
    rewards=(DemonstrationReward(width=8, categories=7),),
    shaping=(WeightedSum({"task": 0.0}),),
    advantage=(Standardize(), DemoMismatch(), DifficultyWeight()),
    objective=Objective(PPOClip(), weights=(RowWeight("group.difficulty"),), regularizers=KL),
    update=Update(lr=0.05, minibatches=2),
    metrics=(DemoAUC(),),
)
UNSCALED = dataclasses.replace(RECIPE, advantage=(Standardize(),), objective=Objective(PPOClip(), regularizers=KL))


@claim("Equal hardness and gaps weigh 1; the harder of two prompts weighs more than 1; equal sentences have W = 1")
def scale(seed: int) -> Evidence:
    def weights(hardness: list[float]) -> list[float]:
        columns = {"traj.category": torch.tensor([0, 0]), "traj.demo_reward": [1.0, 1.0], "group.hardness": hardness}
        return torch.as_tensor(DifficultyWeight()(ragged([[0.0], [0.0]], columns=columns))["group.difficulty"]).tolist()

    sentences = torch.eye(3, dtype=torch.float64)
    same = max(abs(weight - 1) for weight in weights([0.3, 0.3])) + abs(best_match(sentences, sentences.flip(0)) - 1)
    right = weights([0.8, 0.2])[0] > 1 > weights([0.8, 0.2])[1]
    return Evidence(same if right else float("nan"), 0.0, 1e-9, note="error")


@claim("Within 100 steps the learned reward ranks demonstrations above samples with AUC over 0.9", tier="proxy")
def ranks(seed: int) -> Evidence:
    still = dataclasses.replace(RECIPE, update=Update(lr=1e-9))
    area = finals(still, 100, last("demo_auc"))
    return compare(area, [0.5] * len(area), "area under the ROC curve, against chance", margin=0.4)


def rare(result: Result, task: Any) -> float:
    """Exact success probability on the prompts of the rare category."""
    return float(success(result, task)[task.kinds() == task.categories - 1].mean())


@claim("On the rare category (2% of the prompts) the scaled advantages end with more right answers", tier="proxy")
def rare_category(seed: int) -> Evidence:
    seeds = tuple(range(10, 18))
    ours, baseline = (finals(recipe, 50, rare, seeds) for recipe in (RECIPE, UNSCALED))
    return compare(ours, baseline, "exact success probability on the rare category after 50 steps")


paper = Paper(
    title="Inverse Reinforcement Learning with Dynamic Reward Scaling for LLM Alignment",
    arxiv="2503.18991",
    kind="method",
    source="paper",
    year=2025,
    recipe=RECIPE,
    compositions={"unscaled": UNSCALED},
    claims=(scale, ranks, rare_category),
)
