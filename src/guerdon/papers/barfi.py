"""BARFI: Behavior Alignment via Reward Function Optimization (Gupta et al., 2023).

Idea
    Learn how much of a designer's auxiliary reward to mix in, judged by what the inner learner's final policy earns by
    the primary reward, with an implicit gradient through the learner's fixed point.
Maths
    ``r_phi = phi_1 + phi_2 r_p + phi_3 r_aux``; ``dJ/dphi = -(dJ/dtheta) (dDelta/dtheta)^-1 (dDelta/dphi)``
    (``solvers/reward_blend.py``).
Reads
    Two rewards of every arm of a bandit.
Deviations
    Recalled, no release was found. The exact case only: one state, a softmax learner with an L2 term, scalar phi, no
    inner discount, no Neumann series and no sampling. There potential-based shaping only adds a constant, so it is the
    primary reward alone. phi may grow without end, which undoes the learner's regularizer; the third proxy therefore
    compares blends of one norm.
"""

from functools import cache

import torch
from torch import Tensor

from guerdon.paper import Evidence, Paper, claim
from guerdon.papers._proxy import compare
from guerdon.solvers.reward_blend import blend, blended, implicit_gradient, outer, settle

LAM, STEPS, LR = 0.3, 60, 1.0
SEEDS = range(10)
NAIVE, PRIMARY = (0.0, 1.0, 1.0), (0.0, 1.0, 0.0)


def rewards(seed: int, misleads: bool) -> tuple[Tensor, Tensor]:
    """Six arms with a primary reward in 0..1; the auxiliary one pays 1 for the worst arm if it misleads, else the best."""
    primary = torch.rand(6, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    arm = primary.argmin() if misleads else primary.argmax()
    return primary, torch.eye(6, dtype=torch.float64)[arm]


def earned(phi: tuple[float, ...] | Tensor, seed: int, misleads: bool) -> float:
    """J of a fixed blend."""
    primary, auxiliary = rewards(seed, misleads)
    return outer(settle(blended(torch.as_tensor(phi, dtype=torch.float64), primary, auxiliary), LAM), primary)


@claim("The implicit gradient is that of central differences through the whole inner solve")
def gradient_is_exact(seed: int) -> Evidence:
    primary, auxiliary = rewards(seed, True)
    phi, step = torch.tensor([0.2, 1.0, 0.7], dtype=torch.float64), 1e-4
    got = implicit_gradient(phi, primary, auxiliary, LAM)
    ends = [[earned(phi + sign * step * unit, seed, True) for sign in (1, -1)] for unit in torch.eye(3).double()]
    want = torch.tensor([(up - down) / (2 * step) for up, down in ends], dtype=torch.float64)
    return Evidence(float((got - want).abs().max()), 0.0, 1e-6, note="largest difference")


@claim("A constant has gradient 0, a misleading reward a negative one, and the primary reward a positive one")
def signs(seed: int) -> Evidence:
    gradients = [implicit_gradient(torch.tensor(NAIVE), *rewards(number, True), LAM) for number in SEEDS]
    right = all(float(each[1]) > 0 > float(each[2]) for each in gradients)
    constant = max(abs(float(each[0])) for each in gradients)
    return Evidence(constant if right else float("nan"), 0.0, 1e-9, note="largest gradient of the constant")


@cache
def learned(misleads: bool, largest: float | None = None) -> list[float]:
    """J of the learned blend, per seed."""
    return [blend(*rewards(number, misleads), LAM, STEPS, LR, largest).objective for number in SEEDS]


@claim("With a misleading auxiliary reward the learned blend earns more than the sum of both", tier="proxy")
def not_misled(seed: int) -> Evidence:
    naive = [earned(NAIVE, number, True) for number in SEEDS]
    return compare(learned(True), naive, "primary reward of the inner policy")


@claim("With a helpful auxiliary reward the learned blend earns more than the primary reward alone", tier="proxy")
def helped(seed: int) -> Evidence:
    alone = [earned(PRIMARY, number, False) for number in SEEDS]
    return compare(learned(False), alone, "primary reward of the inner policy")


@claim(
    "Among weights of one norm the learned blend earns more than the better of the sum and the primary alone", "proxy"
)
def more_than_scale(seed: int) -> Evidence:
    norm = 2**0.5
    ours, best = [], []
    for misleads in (True, False):
        ours += learned(misleads, norm)
        fixed = (NAIVE, (0.0, norm, 0.0))
        best += [max(earned(phi, number, misleads) for phi in fixed) for number in SEEDS]
    return compare(ours, best, f"primary reward at norm {norm:.3f}, misleading and helpful rewards")


paper = Paper(
    title="Behavior Alignment via Reward Function Optimization",
    arxiv="2310.19007",
    kind="method",
    source="recalled",
    year=2023,
    authors="Gupta et al.",
    claims=(gradient_is_exact, signs, not_misled, helped, more_than_scale),
)
