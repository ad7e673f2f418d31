"""PEAR: Phase Entropy Aware Reward for Efficient Reasoning.

Idea
    Long reasoning is undecided reasoning: charge a right answer for the entropy of its thinking phase in excess of that
    of its answer.
Maths
    ``r = c (1 - max(0, mean H(thinking) - alpha mean H(answer)))``, alpha = 1; then GRPO with clip and KL.
Reads
    ``action.old_entropy``, ``action.id``, ``traj.reward/correct``, ``action.logprob``, ``action.old_logprob``.
Deviations
    Equations from notes that quote the paper; no code was seen. A wrong answer earns 0 here (the paper: a fixed
    format reward). The reward is negative where the excess is above 1. The tag's id is Qwen3's ``</think>``; another
    tokenizer needs its own. In the chain toy the only answer token is the stop itself, so nothing excuses: responses
    shorten to a quarter and accuracy falls from 0.94 to 0.74, far more than the paper's few points.
"""

import torch

from guerdon.advantages.standardize import Standardize
from guerdon.objective import Objective
from guerdon.objectives.kl import KLPenalty
from guerdon.objectives.ppo_clip import PPOClip
from guerdon.paper import Evidence, Paper, claim
from guerdon.papers._bench import ragged
from guerdon.papers._chain import ACCURACY, chain, shorter
from guerdon.papers._proxy import compare, finals
from guerdon.papers.grpo_lambda import compose as grpo
from guerdon.piece import Transform
from guerdon.recipe import Recipe
from guerdon.rewards.verifier import Verifier
from guerdon.rollouts.sample import Sample
from guerdon.shaping.phase_entropy import PhaseEntropy
from guerdon.tasks.chain_length import STOP
from guerdon.update import Update

THINK_END = (151668,)
"""``</think>`` of Qwen3's tokenizer."""


def compose(*rewards: Transform, kl: float = 0.001) -> Recipe:
    """GRPO with these rewards beside correctness."""
    return Recipe(
        rollout=Sample(),
        rewards=(Verifier(), *rewards),
        advantage=(Standardize(),),
        objective=Objective(PPOClip(), regularizers=(KLPenalty(kl),)),
        update=Update(minibatches=4),
    )


RECIPE = compose(PhaseEntropy(THINK_END))


@claim(
    "Entropies (1, 1, tag, .5, .5), (.2, .2, tag, .5, .5), (.3, .5) without a tag earn 0.5, 1, 0.6, and a wrong one 0"
)
def excess(seed: int) -> Evidence:
    outcome = [1.0, 1.0, 1.0, 0.0]
    entropy = [1, 1, 9, 0.5, 0.5, 0.2, 0.2, 9, 0.5, 0.5, 0.3, 0.5, 0.3, 0.5]
    ids = torch.tensor([0, 0, 7, 0, 0] * 2 + [0, 0] * 2)
    columns = {"traj.reward/correct": outcome, "token.old_entropy": entropy, "token.id": ids}
    cost = torch.as_tensor(PhaseEntropy((7,))(ragged([outcome], [5, 5, 2, 2], columns))["traj.reward/phase_entropy"])
    got = torch.tensor(outcome, dtype=torch.float64) + cost
    error = (got - torch.tensor([0.5, 1.0, 0.6, 0.0], dtype=torch.float64)).abs().max()
    return Evidence(float(error), 0.0, 1e-9, note="largest error")


@claim("Charging for the entropy of thinking gives shorter responses than plain GRPO", tier="proxy")
def shortens(seed: int) -> Evidence:
    return shorter(chain(grpo(PhaseEntropy((STOP,)))), chain(grpo()), 200)


@claim("It does so within 0.03 of plain GRPO's accuracy", tier="proxy")
def keeps_accuracy(seed: int) -> Evidence:
    toys = (chain(grpo(PhaseEntropy((STOP,)))), chain(grpo()))
    ours, baseline = (finals(toy, 200, ACCURACY, (0, 1, 2)) for toy in toys)
    return compare(ours, baseline, "accuracy after 200 steps", margin=-0.03)


paper = Paper(
    title="PEAR: Phase Entropy Aware Reward for Efficient Reasoning",
    arxiv="2510.08026",
    kind="method",
    source="paper",
    year=2025,
    recipe=RECIPE,
    compositions={"grpo": compose()},
    claims=(excess, shortens, keeps_accuracy),
)
