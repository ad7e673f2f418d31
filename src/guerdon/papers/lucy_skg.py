"""Lucy-SKG: Learning to Play Rocket League Efficiently Using Deep Reinforcement Learning.

Idea
    Combine the factors of a reward by a signed geometric mean, so that all of them must be good at once, shape distances
    with tunable curves, and share rewards within a team.
Maths
    ``shaping/geometric_mean.py``, ``shaping/distance_shape.py`` and ``shaping/team_spirit.py``.
Reads
    Components of every step; for team spirit the team of every player.
Deviations
    The mean and the distance shape as two public implementations quote them; the team spirit is recalled. The auxiliary
    heads (reward and state prediction) are not here. The planar pusher trained by PPO is a ball on a 5 x 5 grid here,
    solved exactly: what is measured is what the two rewards ask for, not how fast a network learns it.
"""

import dataclasses
from functools import cache

import torch
from torch import Tensor

from guerdon.batch import Batch
from guerdon.paper import Evidence, Paper, claim
from guerdon.papers._bench import ragged
from guerdon.papers._proxy import compare
from guerdon.piece import Transform
from guerdon.shaping.distance_shape import DistanceShape
from guerdon.shaping.geometric_mean import GeometricMean
from guerdon.shaping.team_spirit import TeamSpirit
from guerdon.shaping.weighted_sum import WeightedSum
from guerdon.solvers.push_grid import PushGrid, push_grid, score_share

NEAR = DistanceShape("step.distance", output="step.reward/near")
PARTS = ("step.reward/speed", "step.reward/alignment", "step.reward/near")
KRC = (NEAR, GeometricMean(PARTS, output="step.reward"))
SUM = (NEAR, WeightedSum(others=1 / 3, of="step.reward/*", output="step.reward"))


@claim("The mean of (2, 8) is 4, of (-.5, -.5) and (.5, -.5) it is -.5, of (1, 0) it is 0")
def signed_means(seed: int) -> Evidence:
    pairs = torch.tensor([[2, 8], [-0.5, -0.5], [0.5, -0.5], [1, 0]], dtype=torch.float64)
    batch = ragged([[0.0] * 4], columns={"traj.reward/a": pairs[:, 0], "traj.reward/b": pairs[:, 1]})
    got = torch.as_tensor(GeometricMean(("a", "b"))(batch)["traj.reward"])
    return Evidence(float((got - torch.tensor([4, -0.5, -0.5, 0])).abs().max()), 0.0, 1e-9, note="largest error")


@claim("The distance shape is 1 at distance 0 and falls everywhere")
def distances(seed: int) -> Evidence:
    distance = torch.linspace(0, 10, 101, dtype=torch.float64)
    batch = ragged([[0.0] * 101], columns={"traj.distance": distance})
    got = torch.as_tensor(DistanceShape(dispersion=2.0, density=1.5)(batch)["traj.reward/distance"])
    return Evidence(float(got[0]) if bool((got.diff() < 0).all()) else float("nan"), 1.0, 1.0, note="at 0")


@claim("Rewards of two teams of one size add up to 0, whatever the team spirit")
def zero_sum(seed: int) -> Evidence:
    rewards = torch.randn(6, generator=torch.Generator().manual_seed(seed)).tolist()
    batch = ragged([rewards], columns={"traj.team": torch.tensor([0, 1, 0, 1, 1, 0])})
    totals = [torch.as_tensor(TeamSpirit(spirit)(batch)["traj.reward"]).sum() for spirit in (0.0, 0.3, 1.0)]
    return Evidence(max(abs(float(total)) for total in totals), 0.0, 1e-6, note="largest sum")


GOALS = ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2))
"""All cells of the grid up to symmetry."""


def designed(grid: PushGrid, pieces: tuple[Transform, ...]) -> Tensor:
    """What the pieces pay for every state and action, 0 where nothing can be done."""
    each = torch.arange(grid.speed.numel())
    columns = {"step.reward/speed": grid.speed, "step.reward/alignment": grid.alignment, "step.distance": grid.distance}
    batch = Batch.build(
        {name: table.reshape(-1) for name, table in columns.items()}, traj_of_step=each, group_of_traj=each
    )
    for piece in pieces:
        batch = batch.with_columns(piece(batch))
    reward = batch["step.reward"].reshape(grid.speed.shape)
    return torch.where((grid.following >= 0) | (grid.mdp.reward > 0), reward, 0.0)


def least_bonus(grid: PushGrid, pieces: tuple[Transform, ...]) -> float:
    """log2 of the smallest pay for a goal, 1 to 128, with which the best policy scores from 90 % of the starts that can."""
    starts = (grid.mdp.optimal_q().amax(1) > 0.95**30).nonzero()[:, 0]
    plain = designed(grid, pieces)
    low, high = 0, 8
    while low < high:
        middle = (low + high) // 2
        mdp = dataclasses.replace(grid.mdp, reward=plain + 2.0**middle * grid.mdp.reward)
        scores = score_share(grid, mdp.optimal_q().argmax(1), starts, 50) >= 0.9
        low, high = (low, middle) if scores else (middle + 1, high)
    return float(low)


@cache
def bonuses() -> tuple[list[float], list[float]]:
    """The same for both rewards and every place of the goal."""
    grids = [push_grid(5, goal, 0.95) for goal in GOALS]
    return [least_bonus(grid, KRC) for grid in grids], [least_bonus(grid, SUM) for grid in grids]


@claim("The best policy of the geometric mean goes for the goal at a smaller pay for it than that of the sum", "proxy")
def asks_for_goals(seed: int) -> Evidence:
    ours, baseline = bonuses()
    what = "log2 of the pay for a goal at which the best policy scores (the six places of the goal are the seeds)"
    return compare(ours, baseline, what, lower=True)


paper = Paper(
    title="Lucy-SKG: Learning to Play Rocket League Efficiently Using Deep Reinforcement Learning",
    arxiv="2305.15801",
    kind="method",
    source="paper",
    year=2023,
    compositions={"krc": KRC, "sum": SUM},
    claims=(signed_means, distances, zero_sum, asks_for_goals),
)
