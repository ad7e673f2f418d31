"""CISPO: clip the importance weight, never the gradient (baseline-cispo-sapo).

Idea
    PPO's clip silences the tokens that changed most, often the rare ones that start a reflection. Bound their weight
    instead, and let every token speak.
Maths
    ``L = -sg(clip(rho, low, high)) A log pi(a)``: the plain policy gradient with a truncated importance weight.
Reads
    ``traj.reward``, ``action.logprob``, ``action.old_logprob``.
Deviations
    verl bounds the weight on both sides, [1 - 0.2, 1 + 0.2]; TRL only from above, and its ``epsilon_high`` is the cap
    itself (5.0). Here both are bounds of ``ImportanceWeight``. Both average over all tokens by default.
"""

from guerdon.advantages.standardize import Standardize
from guerdon.objective import Objective
from guerdon.objectives.aggregation import TokenMean
from guerdon.objectives.importance import ImportanceWeight
from guerdon.objectives.ppo_clip import PPOClip
from guerdon.objectives.reinforce import Reinforce
from guerdon.paper import Evidence, Paper, claim
from guerdon.papers._bench import one_action
from guerdon.recipe import Recipe
from guerdon.rewards.verifier import Verifier
from guerdon.rollouts.sample import Sample
from guerdon.update import Update


def compose(weight: ImportanceWeight, eps: float) -> Recipe:
    """The recipe with a library's choices."""
    return Recipe(
        rollout=Sample(),
        rewards=(Verifier(),),
        advantage=(Standardize(eps=eps),),
        objective=Objective(Reinforce(), TokenMean(), weights=(weight,)),
        update=Update(minibatches=4),
    )


VERL = compose(ImportanceWeight("current", "old", low=0.8, high=1.2), 1e-6)
TRL = compose(ImportanceWeight("current", "old", high=5.0, log_ratio_bounds=(None, None)), 1e-4)


@claim("At ratio 0.1 verl weighs a token 0.8, TRL 0.1")
def two_bands(seed: int) -> Evidence:
    verl, trl = (-one_action(recipe.objective, 0.1, 1.0)[1] for recipe in (VERL, TRL))
    return Evidence(abs(verl - 0.8) + abs(trl - 0.1), 0.0, 1e-6, note="error of the two slopes")


@claim("Where PPO's gradient has stopped, CISPO's goes on at the bound of its weight")
def never_silent(seed: int) -> Evidence:
    ppo = one_action(Objective(PPOClip()), 1.5, 1.0)[1]
    assert ppo == 0.0
    return Evidence(-one_action(VERL.objective, 1.5, 1.0)[1], 1.2 - 1e-6, 1.2 + 1e-6, note="slope at ratio 1.5, A = 1")


paper = Paper(
    title="MiniMax-M1: Scaling Test-Time Compute Efficiently with Lightning Attention",
    arxiv="2506.13585",
    kind="baseline",
    source="code",
    year=2025,
    authors="MiniMax",
    recipe=TRL,
    compositions={"verl": VERL, "trl": TRL},
    claims=(two_bands, never_silent),
)
