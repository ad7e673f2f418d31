"""PPO on classic control: Proximal Policy Optimization Algorithms (Schulman et al., 2017), as CleanRL runs it.

Idea
    Several passes of clipped policy gradient over a batch of environment steps, with advantages from a critic.
Maths
    A = GAE(discount .99, lambda .95), whitened;  L = max(-A rho, -A clip(rho, .8, 1.2)) + .25 (V - G)^2 - .01 H
Reads
    step.observation, step.action, step.reward, traj.bootstrap_value; action.old_value, action.old_logprob
Deviations
    From CleanRL's ppo.py: 8 copies start afresh in every batch of 512 steps, where its 4 copies go on after 128 (a run
    then is a function of its seed); truncation is bootstrapped; advantages are whitened once per batch, not per
    minibatch; lr 1e-3 for 98,304 steps, annealed to 0; no clip of the critic, whose returns near 100 are far from a
    clip of 0.2. ``CLEANRL`` has that file's numbers. With fresh starts the horizon has to cover an episode: with 256
    steps, where an episode has 500, one seed of ten ended at 205.
"""

from dataclasses import replace
from functools import cache

import torch

from guerdon.advantages.gae import GAE
from guerdon.advantages.whiten import Whiten
from guerdon.batch import Batch
from guerdon.loop import train
from guerdon.metrics.seeds import mean_interval
from guerdon.objective import Objective
from guerdon.objectives.entropy import EntropyBonus
from guerdon.objectives.ppo_clip import PPOClip
from guerdon.objectives.value_clip import ValueClip
from guerdon.paper import Evidence, Paper, claim
from guerdon.policies.mlp import MLP, MLPPolicy
from guerdon.recipe import Recipe
from guerdon.rng import Stream
from guerdon.rollouts.episodes import returns
from guerdon.rollouts.fixed_steps import FixedSteps
from guerdon.tasks.gymnasium import Gym
from guerdon.update import Update

RECIPE = Recipe(
    task=Gym("CartPole-v1"),
    policy=MLP(),
    rollout=FixedSteps(slots=8, horizon=512),
    advantage=(GAE(discount=0.99, lambda_=0.95), Whiten()),
    objective=Objective(PPOClip(dual_clip=None), regularizers=(ValueClip(0.25, clip=None), EntropyBonus(0.01))),
    update=Update(lr=1e-3, epochs=4, minibatches=32, max_grad_norm=0.5, adam_eps=1e-5, decay="linear"),
)
CLEANRL = replace(
    RECIPE,
    rollout=FixedSteps(slots=4, horizon=128),
    objective=Objective(PPOClip(dual_clip=None), regularizers=(ValueClip(0.25, clip=0.2), EntropyBonus(0.01))),
    update=replace(RECIPE.update, lr=2.5e-4, minibatches=4),
)
SEEDS, STEPS, EPISODES = 3, 24, 20


def two_steps(**columns: list[float]) -> Batch:
    """An episode of two steps that terminated, and another one after it that must not leak into the first."""
    values = {f"step.{name}": torch.tensor([*first, 7.0, -7.0]) for name, first in columns.items()}
    return Batch.build(values, traj_of_step=torch.tensor([0, 0, 1, 1]), group_of_traj=torch.tensor([0, 1]))


@claim("two steps with reward 1 and value 1/2 at discount .9 and lambda .8 have advantages (1.31, .5) before a reset")
def gae_stops_at_resets(seed: int) -> Evidence:
    """Largest error of the two advantages."""
    advantage = GAE(discount=0.9, lambda_=0.8)(two_steps(reward=[1, 1], old_value=[0.5, 0.5]))["action.advantage"]
    assert isinstance(advantage, torch.Tensor)
    error = (advantage[:2] - torch.tensor([1.31, 0.5])).abs().max()
    return Evidence(float(error), 0.0, 1e-6, note="largest error")


@claim("at ratio 2 a positive advantage is capped at 1.2, a negative one is not capped")
def clip_is_one_sided(seed: int) -> Evidence:
    """Largest error of the losses (-1.2, 2) of the advantages (1, -1)."""
    batch = two_steps(advantage=[1, -1], logprob=[0.0, 0.0], old_logprob=[0.0, 0.0])
    batch = batch.with_columns({"step.logprob": torch.full((4,), 2.0).log()})
    loss = RECIPE.objective.surrogate(batch).values[:2]
    return Evidence(float((loss - torch.tensor([-1.2, 2.0])).abs().max()), 0.0, 1e-6, note="largest error")


@cache
def returns_after_training(seed: int) -> tuple[float, ...]:
    """Mean return of the sampled policy over fresh episodes, per training seed."""
    results = []
    for number in range(seed, seed + SEEDS):
        policy = train(RECIPE, steps=STEPS, seed=number).policy
        assert isinstance(policy, MLPPolicy) and isinstance(RECIPE.task, Gym)
        episodes = returns(RECIPE.task, policy, EPISODES, Stream((number, "evaluation")), greedy=False)
        results.append(float(episodes.mean()))
    return tuple(results)


@claim("98,304 steps solve CartPole-v1 (mean return of at least 475) with every seed", tier="proxy")
def solves_cart_pole(seed: int) -> Evidence:
    """Lowest mean return of any seed, over 20 fresh episodes; the interval is that of the mean over seeds."""
    results = returns_after_training(seed)
    note = f"lowest of {SEEDS} seeds, {EPISODES} episodes each; the interval is that of their mean"
    return Evidence(min(results), 475.0, 500.0, mean_interval(results)[1], note)


paper = Paper(
    title="Proximal Policy Optimization Algorithms (control)",
    arxiv="1707.06347",
    kind="baseline",
    source="code",
    claims=(gae_stops_at_resets, clip_is_one_sided, solves_cart_pole),
    recipe=RECIPE,
    compositions={"cleanrl": CLEANRL},
    year=2017,
    authors="Schulman, Wolski, Dhariwal, Radford, Klimov",
)
