"""Robo-Dopamine: General Process Reward Modeling for High-Precision Robotic Manipulation.

Idea
    Learn relative hops of progress between two frames, rebuild progress from three anchors, and give it to RL only as a
    discounted potential, so that stalling at high progress is never paid.
Maths
    ``rewards/hops.py`` for H and Phi*; ``r_t = r_gold + gamma Phi*_{t+1} - Phi*_t`` (``shaping/potential.py``),
    ``r_gold = 1[Phi*_{t+1} >= 0.95]``.
Reads
    ``step.hop``, ``step.hop_from_start``, ``step.hop_from_goal`` of a model that compares frames; ``step.terminated``.
Deviations
    Hops and reconstruction as released; fusion, gate and reward from the paper's text, as its RL code is not. The terminal
    potential is 0 (see ``PotentialShaping``). r_gold is left to the task: read off the learned Phi* it can be hacked. The
    sampler of training pairs and the one-shot adaptation are not here. "Naive" is the undiscounted difference without
    the terminal rule. The chains are solved and learned with the exact progress.
"""

import torch
from torch import Tensor

from guerdon.batch import Batch
from guerdon.paper import Evidence, Paper, claim
from guerdon.papers._proxy import compare
from guerdon.rewards.hops import HopProgress, apply_hop, hop
from guerdon.shaping.potential import PotentialShaping
from guerdon.solvers.q_learning import solve_by_q_learning
from guerdon.solvers.shaped_mdp import finish_probability, progress_chain, shaped

GAMMA = 0.95
FUSED = (HopProgress(), PotentialShaping(GAMMA))
GATED = (HopProgress(alpha=5.0), PotentialShaping(GAMMA))
NAIVE = (HopProgress(), PotentialShaping(1.0, zero_at_end=False))


def episode(near: Tensor, start: Tensor, goal: Tensor) -> Batch:
    """One trajectory with these hops that pays nothing and terminates."""
    zero = torch.zeros(len(near), dtype=torch.int64)
    names = ("step.hop", "step.hop_from_start", "step.hop_from_goal", "step.reward")
    columns = dict(zip(names, (near, start, goal, torch.zeros_like(near)), strict=True))
    ends = torch.arange(len(near)) == len(near) - 1
    return Batch.build({**columns, "step.terminated": ends}, traj_of_step=zero, group_of_traj=zero[:1])


@claim(
    "A hop leads where it was measured to, 500 random hops stay in [0, 1], and exact hops give the true progress back"
)
def hops_are_exact(seed: int) -> Evidence:
    generator = torch.Generator().manual_seed(seed)
    phi = torch.rand(501, generator=generator, dtype=torch.float64)
    error = [float((apply_hop(phi[:-1], hop(phi[:-1], phi[1:])) - phi[1:]).abs().max())]
    walk = torch.tensor(0.5, dtype=torch.float64)
    for by in torch.rand(500, generator=generator, dtype=torch.float64) * 2 - 1:
        walk = apply_hop(walk, by)
        error.append(0.0 if 0 <= float(walk) <= 1 else 1.0)
    path = torch.cat([phi.new_zeros(1), phi])
    batch = episode(hop(path[:-1], phi), hop(path[:1], phi), hop(path.new_ones(1), phi))
    for piece in (HopProgress(), HopProgress(alpha=5.0)):
        error.append(float((torch.as_tensor(piece(batch)["step.next_potential"]) - phi).abs().max()))
    return Evidence(max(error), 0.0, 1e-9, note="largest error")


@claim("Where the start says .95 and the goal .05 at every step, gated progress stays below .05")
def disagreement_closes_the_gate(seed: int) -> Evidence:
    same = torch.ones(200, dtype=torch.float64)
    got = HopProgress(alpha=5.0)(episode(same, 0.95 * same, -0.95 * same))["step.next_potential"]
    return Evidence(float(torch.as_tensor(got).max()), 0.0, 0.05, note="largest progress in 200 steps")


@claim("Discounted shaping sums to -Phi_0 over an episode that terminates, and Q less Q' is Phi in every state")
def shaping_sums_to_nothing(seed: int) -> Evidence:
    phi = torch.rand(7, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    batch = episode(phi[:-1], phi[:-1], phi[:-1]).with_columns(
        {"step.potential": phi[:-1], "step.next_potential": phi[1:]}
    )
    reward = torch.as_tensor(PotentialShaping(GAMMA)(batch)["step.reward"])
    error = (reward * GAMMA ** torch.arange(6).double()).sum() + phi[0]
    chain, progress = progress_chain(10, 0.3, GAMMA)
    gap = chain.optimal_q() - shaped(chain, progress).optimal_q() - progress[:, None]
    return Evidence(float(torch.maximum(error.abs(), gap.abs().max())), 0.0, 1e-9, note="largest error")


@claim(
    "Where the last step mostly leads back, the naive reward's best policy never finishes; with the potential it does"
)
def semantic_trap(seed: int) -> Evidence:
    chain, progress = progress_chain(10, 0.3, GAMMA)
    unpaid = shaped(chain, progress, discount=1.0, end=1.0)
    naive = type(unpaid)(unpaid.transition, unpaid.reward - chain.reward, GAMMA)
    finished = [
        finish_probability(chain, mdp.optimal_q().argmax(1), 0, 200)
        for mdp in (naive, unpaid, shaped(chain, progress), chain)
    ]
    note = "probability to finish in 200 steps; naive {:.3f}, naive + gold {:.3f}, potential + gold {:.3f}, gold {:.3f}"
    return Evidence(finished[2] - finished[0], 0.99, 1.0, note="gain in " + note.format(*finished))


@claim(
    "On a chain of 15 cells Q-learning needs fewer steps to solve it with the potential than with the goal alone",
    "proxy",
)
def learns_faster(seed: int) -> Evidence:
    chain, progress = progress_chain(15, 1.0, GAMMA)
    ours, baseline = (
        [solve_by_q_learning(mdp, number, episodes=5000, limit=200).steps for number in range(10)]
        for mdp in (shaped(chain, progress), chain)
    )
    return compare(ours, baseline, "environment steps until the greedy policy finishes", lower=True)


paper = Paper(
    title="Robo-Dopamine: General Process Reward Modeling for High-Precision Robotic Manipulation",
    arxiv="2512.23703",
    kind="method",
    source="paper",
    year=2025,
    compositions={"fused": FUSED, "gated": GATED, "naive": NAIVE},
    claims=(
        hops_are_exact,
        disagreement_closes_the_gate,
        shaping_sums_to_nothing,
        semantic_trap,
        learns_faster,
    ),
)
