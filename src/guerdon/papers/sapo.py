"""SAPO: a smooth gate in the place of PPO's clip (baseline-cispo-sapo).

Idea
    A hard clip switches a token off at the edge of a band; a sigmoid fades it out, faster for negative advantages.
Maths
    ``L = -A (4 / tau) sigmoid(tau (rho - 1))``, tau 1.0 where A > 0 and 1.05 elsewhere; averaged per response.
Reads
    ``traj.reward``, ``action.logprob``, ``action.old_logprob``.
Deviations
    verl and TRL agree, but for verl's bound of +-20 on log ratios.
"""

from guerdon.advantages.standardize import Standardize
from guerdon.objective import Objective
from guerdon.objectives.aggregation import SeqMeanTokenMean
from guerdon.objectives.sapo import SAPO
from guerdon.paper import Evidence, Paper, claim
from guerdon.papers._bench import one_action
from guerdon.recipe import Recipe
from guerdon.rewards.verifier import Verifier
from guerdon.rollouts.sample import Sample
from guerdon.update import Update


def compose(surrogate: SAPO, aggregation: SeqMeanTokenMean, eps: float) -> Recipe:
    """The recipe with a library's choices."""
    return Recipe(
        rollout=Sample(),
        rewards=(Verifier(),),
        advantage=(Standardize(eps=eps),),
        objective=Objective(surrogate, aggregation),
        update=Update(minibatches=4),
    )


VERL = compose(SAPO(), SeqMeanTokenMean(), 1e-6)
TRL = compose(SAPO(log_ratio_bounds=(None, None)), SeqMeanTokenMean(count_empty=True), 1e-4)


@claim("On policy the slope is that of the policy gradient, whatever the temperatures")
def plain_on_policy(seed: int) -> Evidence:
    errors = [
        abs(one_action(Objective(SAPO(tau, tau)), 1.0, advantage)[1] + advantage)
        for tau in (0.3, 1.0, 4.0)
        for advantage in (2.0, -3.0)
    ]
    return Evidence(max(errors), 0.0, 1e-9, note="largest |slope + A|")


@claim("Away from 1 the gate 4 sigmoid(1 - sigmoid) fades instead of switching off, and faster where A < 0")
def fades(seed: int) -> Evidence:
    positive, negative = (abs(one_action(TRL.objective, 3.0, advantage)[1]) / 3 for advantage in (1.0, -1.0))
    assert 0 < negative < positive < 1
    return Evidence(negative / positive, 0.9, 0.95, note="gate at ratio 3, A = -1 over A = 1")


paper = Paper(
    title="Soft Adaptive Policy Optimization",
    arxiv="2511.20347",
    kind="baseline",
    source="code",
    year=2025,
    authors="Gao et al.",
    recipe=TRL,
    compositions={"verl": VERL, "trl": TRL},
    claims=(plain_on_policy, fades),
)
