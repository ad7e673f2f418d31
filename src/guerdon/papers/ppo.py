"""PPO for language models: GAE with a critic, whitening, clipped policy and value losses (baseline-ppo).

Idea
    A critic predicts the reward from every token on, so that credit need not be the same for all tokens; the update
    stops pushing an action whose probability has already moved far.
Maths
    ``delta_t = r_t + gamma V_{t+1} - V_t``, ``A_t = delta_t + gamma lambda A_{t+1}``, whitened over all tokens.
    ``L = mean_t max(-A rho, -A clip(rho, 1-low, 1+high))``, for A < 0 at most ``-A c``; value loss
    ``0.5 max((V-G)^2, (clip(V, V_old +- 0.5) - G)^2)``.
Reads
    ``traj.reward``, ``action.old_value``, ``action.value``, ``action.logprob``, ``action.old_logprob``.
Deviations
    The learning rate is the library's, for small models. verl clamps log ratios to +-20 and uses dual clip c = 3; TRL
    does neither by default, and calls c ``delta``. Whitening one token gives 0 where verl raises.
"""

import torch

from guerdon.advantages.gae import GAE
from guerdon.advantages.whiten import Whiten
from guerdon.credit.last_action import LastAction
from guerdon.objective import Objective
from guerdon.objectives.aggregation import SeqMeanTokenSum, TokenMean
from guerdon.objectives.ppo_clip import PPOClip
from guerdon.objectives.reinforce import Reinforce
from guerdon.objectives.value_clip import ValueClip
from guerdon.paper import Evidence, Paper, claim
from guerdon.papers._bench import gradient_error, one_action, ragged, random_logits
from guerdon.recipe import Recipe
from guerdon.rewards.verifier import Verifier
from guerdon.rollouts.sample import Sample
from guerdon.solvers.enumerate import Copies
from guerdon.tasks.token_tree import TokenTree
from guerdon.update import Update


def compose(surrogate: PPOClip) -> Recipe:
    """The recipe with one of the two libraries' policy losses."""
    return Recipe(
        rollout=Sample(),
        rewards=(Verifier(),),
        credit=(LastAction(),),
        advantage=(GAE(), Whiten()),
        objective=Objective(surrogate, TokenMean(), regularizers=(ValueClip(),)),
        update=Update(minibatches=4),
    )


VERL = compose(PPOClip())
TRL = compose(PPOClip(dual_clip=None, log_ratio_bounds=(None, None)))


@claim("With gamma = lambda = 1, a constant value 0.5 and outcome 1, every token has advantage 0.5 and return 1")
def monte_carlo(seed: int) -> Evidence:
    batch = ragged([[1.0]], [5], {"token.old_value": [0.5] * 5})
    out = GAE()(batch.with_columns(LastAction()(batch)))
    error = (torch.as_tensor(out["action.advantage"]) - 0.5).abs() + (torch.as_tensor(out["action.return"]) - 1).abs()
    return Evidence(float(error.max()), 0.0, 1e-12, note="largest error over 5 tokens")


@claim("Dual clip bounds the loss of a bad action that became likely: at ratio 10 and A = -1 it is 3, not 10")
def dual_clip(seed: int) -> Evidence:
    verl, trl = (one_action(Objective(recipe.objective.surrogate), 10.0, -1.0)[0] for recipe in (VERL, TRL))
    return Evidence(verl / trl, 0.3 - 1e-9, 0.3 + 1e-9, note="loss with dual clip over loss without")


@claim("Monte-Carlo returns minus any critic give the exact policy gradient; one-step differences need the true values")
def any_critic(seed: int) -> Evidence:
    task = TokenTree(prompts=1, vocab=2, depth=2, seed=seed)
    copies = Copies(random_logits(task, seed), values=random_logits(task, seed + 1)[:, 0])
    objective = Objective(Reinforce(), SeqMeanTokenSum())
    monte_carlo, one_step = (
        gradient_error(Recipe(objective, credit=(LastAction(),), advantage=(GAE(lambda_=x),)), task, copies, samples=1)
        for x in (1.0, 0.0)
    )
    assert one_step > 0.05
    return Evidence(monte_carlo, 0.0, 1e-9, note=f"relative error of the mean gradient; lambda = 0: {one_step:.2f}")


paper = Paper(
    title="Proximal Policy Optimization Algorithms",
    arxiv="1707.06347",
    kind="baseline",
    source="code",
    year=2017,
    authors="Schulman et al.",
    recipe=VERL,
    compositions={"verl": VERL, "trl": TRL},
    claims=(monte_carlo, dual_clip, any_critic),
)
