"""AMFT: Aligning LLM Reasoners by Meta-Learning the Optimal Imitation-Exploration Balance.

Idea
    One loss of imitation and reinforcement whose weight is learned: by a meta-gradient of the reward on held-out samples,
    and by the entropy, so that a policy that is still undecided imitates more.
Maths
    ``L = (1 - mu) L_RL + mu L_SFT``, each a mean over its own tokens; mu from 0.5 as in ``rollouts/meta_weight.py``.
Reads
    ``traj.reward``, ``traj.sampled``, ``traj.mix_weight``, ``action.logprob``, ``action.old_logprob``.
Deviations
    Known from the abstract and the README (mu_0 0.5, a short supervised warm-up) alone; what else is chosen here stands
    in ``rollouts/meta_weight.py``. A note by others says that the preprint was withdrawn. On the toy all prompts are
    trained, so fresh samples of the same prompts are the held-out ones.
"""

import dataclasses
import math
from functools import cache

import torch

from guerdon.advantages.standardize import Standardize
from guerdon.loop import Result, Trainer
from guerdon.metrics.seeds import mean_interval
from guerdon.objective import Objective
from guerdon.objectives.by_origin import ByOrigin, MeanByOrigin
from guerdon.objectives.nll import NLL
from guerdon.objectives.ppo_clip import PPOClip
from guerdon.objectives.row_weight import RowWeight
from guerdon.paper import Evidence, Paper, claim
from guerdon.papers._proxy import SEEDS, compare, judge, solved
from guerdon.policies.tabular import Tabular
from guerdon.recipe import Recipe
from guerdon.rewards.verifier import Verifier
from guerdon.rollouts.meta_weight import MetaWeight, MixState, lookahead_slope
from guerdon.rollouts.sample import Sample
from guerdon.rollouts.tabular import SampleTree
from guerdon.rollouts.with_stored import WithStored
from guerdon.tasks.token_tree import TokenTree
from guerdon.update import Update

MIXED = WithStored(Sample(samples_per_prompt=7))
RECIPE = Recipe(
    rollout=MetaWeight(MIXED, (Verifier(),), rate=10.0, entropy_rate=0.003, warmup=10),
    rewards=(Verifier(),),
    advantage=(Standardize(scale="none", among="traj.sampled"),),
    objective=Objective(ByOrigin(PPOClip(), NLL()), MeanByOrigin(), weights=(RowWeight("traj.mix_weight"),)),
    update=Update(minibatches=4),
)
FIXED = dataclasses.replace(RECIPE, rollout=MetaWeight(MIXED, rate=0.0))


@claim("On quadratic losses in three dimensions the slope is the central difference of U after the step")
def meta_gradient(seed: int) -> Evidence:
    generator = torch.Generator().manual_seed(seed)
    draw = lambda *shape: torch.randn(shape, generator=generator, dtype=torch.float64)  # noqa: E731
    theta, optima, curves = draw(3).requires_grad_(), draw(3, 3), draw(3, 3, 3)
    losses = [lambda at, c=c, o=o: (c @ (at - o)).square().sum() / 2 for c, o in zip(curves, optima, strict=True)]
    imitation, exploration = (torch.autograd.grad(loss(theta), theta)[0] for loss in losses[:2])
    utility = lambda at: -losses[2](at)  # noqa: E731
    after = lambda mu: float(utility(theta.detach() - 0.1 * ((1 - mu) * exploration + mu * imitation)))  # noqa: E731
    got = lookahead_slope([theta], [imitation], [exploration], lambda: utility(theta), 0.3, 0.1)
    return Evidence(abs(got - (after(0.301) - after(0.299)) / 0.002), 0.0, 1e-6, note="difference")


LEARNED = MetaWeight(rate=10.0, entropy_rate=0.003, warmup=10)


@cache
def learned(mu: float | None, seed: int) -> tuple[float, float]:
    """Success probability and mu after 300 steps, mu fixed or (None) learned, on a bandit of 32 prompts.

    The first half of the prompts has demonstrations, of which 30% are wrong.
    """
    task = TokenTree(prompts=32, vocab=16, demonstrated=0.5, wrong_demonstrations=0.3, seed=seed)
    weight = LEARNED if mu is None else MetaWeight(start=mu, rate=0.0)
    rollout = dataclasses.replace(weight, rollout=WithStored(SampleTree(prompts=32, samples_per_prompt=7)))
    recipe = dataclasses.replace(
        RECIPE, task=task, policy=Tabular(), rollout=rollout, rewards=(), update=Update(lr=0.05)
    )
    trainer = Trainer(recipe, steps=300, seed=seed)
    while trainer.step < trainer.steps:
        trainer.train_step()
    state = trainer.state_of("rollout")
    assert isinstance(state, MixState)
    return solved()(Result(trainer.policy), task), float(state.weight)


@claim("Where 30% of the demonstrations are wrong mu falls from 0.5 below 0.2 within 300 steps", tier="proxy")
def weight_decays(seed: int) -> Evidence:
    mean, interval = mean_interval([0.2 - learned(None, number)[1] for number in SEEDS])
    note = f"0.2 less the final mu (mean {0.2 - mean:.3f}), {len(SEEDS)} seeds"
    return Evidence(mean, 0.0, math.inf, interval, note, judge(interval))


@claim("It ends within 2 points of the best fixed mu of 0, 0.25, 0.5, 0.75 and 1", tier="proxy")
def near_best_fixed(seed: int) -> Evidence:
    ours, *fixed = ([learned(mu, number)[0] for number in SEEDS] for mu in (None, 0.0, 0.25, 0.5, 0.75, 1.0))
    best = max(fixed, key=sum)
    means = ", ".join(f"{sum(each) / len(each):.3f}" for each in fixed)
    evidence = compare(ours, best, "success after 300 steps, against the best fixed mu", margin=-0.02)
    return dataclasses.replace(evidence, note=f"{evidence.note}; fixed: {means}")


paper = Paper(
    title="AMFT: Aligning LLM Reasoners by Meta-Learning the Optimal Imitation-Exploration Balance",
    arxiv=None,
    kind="method",
    source="abstract",
    year=2025,
    recipe=RECIPE,
    compositions={"fixed": FIXED},
    claims=(meta_gradient, weight_decays, near_best_fixed),
)
