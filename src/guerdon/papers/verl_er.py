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
from typing import Any

import torch

from guerdon.advantages.bounded_bonus import BoundedBonus, bounded
from guerdon.advantages.rank_dynamics import RankDynamics
from guerdon.advantages.standardize import Standardize
from guerdon.loop import Result
from guerdon.metrics.effective_rank import effective_rank, prefix_ranks
from guerdon.metrics.policy_drift import PolicyDrift
from guerdon.objective import Objective
from guerdon.objectives.ppo_clip import PPOClip
from guerdon.paper import Evidence, Paper, claim
from guerdon.papers._lm import WORDS, on_lm, pass_at, warm
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


OURS, BASELINE = toy(RankDynamics(stride=1), BoundedBonus()), toy()


@cache
def runs() -> dict[str, tuple[list[float], list[float], list[float]]]:
    """Entropy, held-out pass@1 and pass@16 after 100 steps, by seed, of both arms; trained once for both proxies."""
    found = {}
    for name, recipe in (("ours", OURS), ("grpo", BASELINE)):
        rows: list[tuple[float, float, float]] = []

        def measure(result: Result, task: Any, rows: list[tuple[float, float, float]] = rows) -> float:
            rows.append((last("entropy", 10)(result, task), *(pass_at(k, samples=16)(result, task) for k in (1, 16))))
            return 0.0

        finals(recipe, 100, measure, SEEDS, start=warm(400))
        found[name] = tuple(map(list, zip(*rows, strict=True)))
    return found


@claim("After 100 steps tokens have more entropy than with plain GRPO", tier="proxy")
def entropy(seed: int) -> Evidence:
    ours, grpo = runs()["ours"], runs()["grpo"]
    evidence = compare(ours[0], grpo[0], "entropy in nats per token")
    ones = [sum(arm[1]) / len(arm[1]) for arm in (ours, grpo)]
    return dataclasses.replace(evidence, note=f"{evidence.note}; pass@1 {ones[0]:.3f} against {ones[1]:.3f}")


@claim("Held-out pass@16 is higher than with plain GRPO", tier="proxy")
def reach(seed: int) -> Evidence:
    return compare(runs()["ours"][2], runs()["grpo"][2], "pass@16 after 100 steps")


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
