"""Beyond the Exploration-Exploitation Trade-off: A Hidden State Approach for LLM Reasoning in RLVR.

Idea
    In hidden states exploration (how many directions a response spreads over) and exploitation (how fast that number
    grows along it) hardly oppose each other, so a bonus can raise both; its mix follows the acceleration.
Maths
    ``A' = A + min(relu(Phi), |A| / 2)``; Phi from effective rank, its velocity and acceleration relative to their moving
    means, see ``advantages/bounded_bonus.py``; on top of GRPO.
Reads
    ``action.old_hidden``, ``traj.reward``, ``action.logprob``, ``action.old_logprob``.
Deviations
    The released code puts the bonus on the last token alone and fades it as the mean score in [-1, 1] rises
    (``released``); its configuration file names other indicators and weights, which are fields here. Rewards here are
    0 and 1. Prefixes grow by 20 tokens, in the toys (words of 3 or 4 letters) by one.
"""

import dataclasses
from functools import cache

import torch

from guerdon.advantages.bounded_bonus import BoundedBonus, bounded
from guerdon.advantages.rank_dynamics import RankDynamics
from guerdon.advantages.standardize import Standardize
from guerdon.metrics.effective_rank import effective_rank, prefix_ranks
from guerdon.metrics.policy_drift import PolicyDrift
from guerdon.objective import Objective
from guerdon.objectives.ppo_clip import PPOClip
from guerdon.paper import Evidence, Paper, claim
from guerdon.papers._lm import WORDS, Look, on_lm, pass_at, several, warm
from guerdon.papers._proxy import compare, finals, last
from guerdon.piece import Transform
from guerdon.recipe import Recipe
from guerdon.rewards.verifier import Verifier
from guerdon.rollouts.sample import Sample
from guerdon.update import Update

SEEDS = (0, 1, 2)


def compose(*bonus: Transform) -> Recipe:
    """GRPO with these pieces behind its advantage."""
    return Recipe(
        rollout=Sample(),
        rewards=(Verifier(threshold=1.0),),
        advantage=(Standardize(), *bonus),
        objective=Objective(PPOClip()),
        update=Update(minibatches=4),
    )


RECIPE = compose(RankDynamics(), BoundedBonus())
RELEASED = compose(RankDynamics(), BoundedBonus(reward_range=(0.0, 1.0), last_action=True))
GRPO = compose()


@claim("States +-e_1 .. +-e_4 have effective rank 4 and collinear ones 1, by full decomposition and by Gram matrix")
def rank(seed: int) -> Evidence:
    cross, line = torch.cat([torch.eye(4), -torch.eye(4)]), torch.arange(8.0)[:, None] * torch.tensor([[1.0, -2.0]])
    wide = torch.cat([cross, torch.zeros(8, 16)], 1)
    errors = [effective_rank(cross) - 4, effective_rank(line) - 1]
    for states, expected in ((cross, 4), (wide, 4), (line, 1)):
        errors.append(prefix_ranks(states, [2, len(states)])[-1] - expected)
    return Evidence(max(map(abs, errors)), 0.0, 1e-6, note="largest error")


@claim("A large bonus makes 1.5 of an advantage of 1, -0.5 of -1, and leaves 0 at 0")
def bound(seed: int) -> Evidence:
    got = bounded(torch.tensor([1.0, -1.0, 0.0]), torch.full((3,), 9.0), 2.0)
    return Evidence(float((got - torch.tensor([1.5, -0.5, 0.0])).abs().max()), 0.0, 0.0, note="largest error")


def toy(*bonus: Transform) -> Recipe:
    """On words to spell backwards, with the entropy logged."""
    return dataclasses.replace(on_lm(compose(*bonus), WORDS, max_tokens=6), metrics=(PolicyDrift(),))


GYM = Look(samples=16, max_tokens=6)
OURS, BASELINE = toy(RankDynamics(stride=1), BoundedBonus()), toy()


@cache
def runs() -> tuple[list[list[float]], list[list[float]]]:
    """(entropy, pass@1, pass@16) by seed after 100 steps, ours and GRPO's; trained once for both proxies."""
    found = []
    for recipe in (OURS, BASELINE):
        measure, rows = several(last("entropy", 10), pass_at(1, GYM), pass_at(16, GYM))
        finals(recipe, 100, measure, SEEDS, start=warm(400))
        found.append(rows)
    return found[0], found[1]


@claim("After 100 steps tokens have more entropy than with plain GRPO", tier="proxy")
def entropy(seed: int) -> Evidence:
    ours, grpo = runs()
    evidence = compare([row[0] for row in ours], [row[0] for row in grpo], "entropy in nats per token")
    ones = [sum(row[1] for row in rows) / len(rows) for rows in (ours, grpo)]
    return dataclasses.replace(evidence, note=f"{evidence.note}; pass@1 {ones[0]:.3f} against {ones[1]:.3f}")


@claim("Held-out pass@16 is higher than with plain GRPO", tier="proxy")
def reach(seed: int) -> Evidence:
    ours, grpo = runs()
    return compare([row[2] for row in ours], [row[2] for row in grpo], "pass@16 after 100 steps")


paper = Paper(
    title="Beyond the Exploration-Exploitation Trade-off: A Hidden State Approach for LLM Reasoning in RLVR",
    arxiv=None,
    kind="method",
    source="code",
    year=2025,
    recipe=RECIPE,
    compositions={"released": RELEASED, "grpo": GRPO},
    claims=(rank, bound, entropy, reach),
)
