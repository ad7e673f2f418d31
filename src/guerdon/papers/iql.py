"""IQL: Offline Reinforcement Learning with Implicit Q-Learning (Kostrikov et al., 2021), settings of CORL.

Idea
    Learn the value of the best actions *in the data* by an upper expectile, so that Q is never asked about an action
    that was not seen; then imitate the data, the better actions more.
Maths
    L_V = |tau - 1[u < 0]| u^2 with u = min_j Q'_j(s, a) - V(s);  L_Q = mean_j (Q_j - r - gamma (1 - d) V(s'))^2
    L_pi = -min(exp(beta u), 100) log pi(a | s);  Q' <- Q' + rate (Q - Q')
Reads
    step.observation, step.action, step.reward, step.terminated, step.next_observation
Deviations
    One optimiser step for the three losses, which share no weights: CORL's order (V, Q, policy, each from the values
    before its own step) gives the same gradients. tau .9 and beta 10 are CORL's antmaze values; the learning rate
    (1e-2, not 3e-4), the target rate (.05, not .005) and the widths (64, not 256) suit 800 updates on a maze, whose
    observation is one-hot and needs no normalisation. Policies are scored exactly, not by episodes.
"""

from dataclasses import replace
from functools import cache

import torch
from torch import Tensor

from guerdon.advantages.action_value import ActionValueAdvantage
from guerdon.batch import Batch
from guerdon.loop import train
from guerdon.metrics.seeds import mean_interval
from guerdon.objective import Objective
from guerdon.objectives.awr import ExpAdvantage
from guerdon.objectives.expectile import ExpectileValue, expectile_loss
from guerdon.objectives.nll import NLL
from guerdon.objectives.td import TemporalDifference
from guerdon.paper import Evidence, Paper, claim
from guerdon.policies.actor_critic import ActorCritic, ActorCriticPolicy
from guerdon.recipe import Recipe
from guerdon.rollouts.transitions import Transitions
from guerdon.solvers.mdp import expectile
from guerdon.tasks.maze import Maze
from guerdon.tasks.offline import Offline
from guerdon.update import Update

DISCOUNT, TAU = 0.97, 0.9


def with_expectile(tau: float) -> Recipe:
    """IQL with this tau; 1/2 learns the value of the data's own policy (SARSA)."""
    values = (ExpectileValue(tau), TemporalDifference(DISCOUNT))
    return Recipe(
        task=Offline(Maze(), trajectories=500, expert=0.1),
        policy=ActorCritic(hidden=(64, 64), target_rate=0.05),
        rollout=Transitions(256),
        shaping=(),
        advantage=(ActionValueAdvantage(),),
        objective=Objective(NLL(), weights=(ExpAdvantage(beta=10.0),), regularizers=values),
        update=Update(lr=1e-2, max_grad_norm=None),
    )


RECIPE = with_expectile(TAU)
ONE_STEP = with_expectile(0.5)
CLONING = replace(RECIPE, advantage=(), objective=Objective(NLL()))
SEEDS, STEPS = 5, 800


@claim("an error of 1 costs .7 at tau .7, and an error of -1 costs .3")
def expectile_weighs_the_sides(seed: int) -> Evidence:
    """Largest error of the two losses."""
    loss = expectile_loss(torch.tensor([1.0, -1.0]), 0.7)
    return Evidence(float((loss - torch.tensor([0.7, 0.3])).abs().max()), 0.0, 1e-6, note="largest error")


@claim("advantage 1 at beta 3 weighs e^3, advantage 2 is capped at 100")
def weights_are_capped(seed: int) -> Evidence:
    """Largest error of the two weights."""
    each = torch.arange(2)
    batch = Batch.build({"step.advantage": torch.tensor([1.0, 2.0])}, traj_of_step=each, group_of_traj=each)
    error = ExpAdvantage(beta=3.0)(batch) - torch.tensor([3.0, float("inf")]).exp().clamp(max=100)
    return Evidence(float(error.abs().max()), 0.0, 1e-4, note="largest error")


def gradients_at(q: Tensor, value: Tensor, maze: Maze, tau: float) -> float:
    """Largest gradient of IQL's value losses on every (state, action) once, at these tables."""
    mdp = maze.mdp(DISCOUNT)
    rows = torch.arange(q.numel())
    q_rows, v_table = q.reshape(-1, 1).clone().requires_grad_(), value.clone().requires_grad_()
    columns = {
        "step.reward": mdp.reward.reshape(-1).double(),
        "step.terminated": mdp.transition.sum(2).reshape(-1) == 0,
        "step.next_value": (mdp.transition.double() @ value).reshape(-1),
        "step.q": q_rows,
        "step.target_q": q.reshape(-1),
        "step.value": v_table.repeat_interleave(q.shape[1]),
    }
    batch = Batch.build(columns, traj_of_step=rows, group_of_traj=rows)
    loss = ExpectileValue(tau)(batch).values.sum() + TemporalDifference(DISCOUNT)(batch).values.sum()
    loss.backward()
    assert v_table.grad is not None and q_rows.grad is not None
    return float(torch.cat([v_table.grad, q_rows.grad[:, 0]]).abs().max())


@claim("the fixed point of the two value losses is the tau-expectile of Q over the data, on a maze of 38 cells")
def fixed_point_is_the_expectile(seed: int) -> Evidence:
    """Largest gradient at the exact tables of tau .9 (those of tau .5 have gradients above .01)."""
    maze, largest = Maze(), []
    for tau in (TAU, 0.5):
        behavior = torch.full((maze.observation_size, 4), 0.25)
        q = maze.mdp(DISCOUNT).expectile_q(behavior, tau)
        largest.append(gradients_at(q, expectile(q, behavior, tau), maze, TAU))
    return Evidence(largest[0] if largest[1] > 0.01 else 1.0, 0.0, 1e-6, note="largest gradient")


def start_value(recipe: Recipe, seed: int) -> float:
    """Exact discounted return from the start of the policy that a recipe learns from data of this seed."""
    assert isinstance(recipe.task, Offline)
    policy = train(recipe, steps=STEPS, seed=seed, task=replace(recipe.task, seed=seed)).policy
    maze = recipe.task.environment
    assert isinstance(policy, ActorCriticPolicy) and isinstance(maze, Maze)
    with torch.no_grad():
        probabilities = policy.actor(torch.eye(maze.observation_size)).logits.softmax(1)
    return float(maze.mdp(DISCOUNT).policy_value(probabilities)[maze.starts[0]])


@cache
def gains(baseline: Recipe, seed: int) -> tuple[float, tuple[float, float]]:
    """Mean difference IQL - baseline over seeds, both on the same data, and its interval."""
    seeds = range(seed, seed + SEEDS)
    return mean_interval([iql_value(number) - start_value(baseline, number) for number in seeds])


@cache
def iql_value(seed: int) -> float:
    """``start_value`` of IQL, trained once for both comparisons."""
    return start_value(RECIPE, seed)


@claim("IQL beats behaviour cloning on 90% random maze data", tier="proxy")
def beats_cloning(seed: int) -> Evidence:
    """Gain in discounted return from the start; the best possible return is 6.14."""
    value, interval = gains(CLONING, seed)
    return Evidence(value, 3.0, 6.2, interval, f"gain in discounted return, {SEEDS} seeds")


@claim("IQL finds the far exit that one step of improvement on the data's values does not", tier="proxy")
def beats_one_step(seed: int) -> Evidence:
    """Gain over tau = 1/2, which walks to the near exit for 2.8."""
    value, interval = gains(ONE_STEP, seed)
    return Evidence(value, 1.5, 6.2, interval, f"gain in discounted return, {SEEDS} seeds")


paper = Paper(
    title="Offline Reinforcement Learning with Implicit Q-Learning",
    arxiv="2110.06169",
    kind="baseline",
    source="code",
    claims=(
        expectile_weighs_the_sides,
        weights_are_capped,
        fixed_point_is_the_expectile,
        beats_cloning,
        beats_one_step,
    ),
    recipe=RECIPE,
    compositions={"cloning": CLONING, "one_step": ONE_STEP},
    year=2021,
    authors="Kostrikov, Nair, Levine",
)
