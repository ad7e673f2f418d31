"""Learning how to blend rewards by the exact implicit gradient, on a bandit that can be enumerated (barfi).

Idea
    What matters of a reward is the policy that the inner learner ends up with, judged by the primary reward. The
    gradient of that goes through the fixed point of the learner and needs no unrolled training.
Maths
    ``r_phi = phi_1 + phi_2 r_p + phi_3 r_aux``; inner: ``theta* = argmax sum_a pi_theta(a) r_phi(a) - lam / 2 |theta|^2``,
    pi = softmax. At the fixed point ``Delta = pi (r_phi - pi . r_phi) - lam theta = 0``. Outer: ``J = pi . r_p``,
    ``dJ/dphi = -(dDelta/dphi)^T (dDelta/dtheta)^-T dJ/dtheta``.
Reads
    Rewards ``[arms]``.
Deviations
    ``dDelta/dtheta`` is exact and solved directly; no Neumann series. It is never singular where lam > 0, if theta is
    a maximum. The inner discount is left out: one step.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from guerdon.errors import GuerdonError

NEWTON_ROUNDS = 50
TOLERANCE = 1e-13


class Blended(NamedTuple):
    """What blending came to."""

    phi: Tensor
    """Constant, weight of the primary reward, weight of the auxiliary one, ``[3]``."""
    objective: float
    """J: the primary reward of the inner policy."""


def blended(phi: Tensor, primary: Tensor, auxiliary: Tensor) -> Tensor:
    """``r_phi``, ``[arms]``."""
    return phi[0] + phi[1] * primary + phi[2] * auxiliary


def condition(theta: Tensor, reward: Tensor, lam: float) -> Tensor:
    """``Delta``: the gradient of the inner objective, 0 where the learner has settled, ``[arms]``."""
    policy = theta.softmax(0)
    return policy * (reward - (policy * reward).sum()) - lam * theta


def settle(reward: Tensor, lam: float) -> Tensor:
    """The inner learner's logits from 0 on, float64 ``[arms]``.

    Gradient ascent comes near, Newton steps finish where the maximum is concave.

    Raises:
        GuerdonError: if lam is not positive, for which nothing is a fixed point.
    """
    if not lam > 0:
        raise GuerdonError(f"settle needs lam > 0, got {lam}; without a regularizer the learner never settles")
    reward = reward.detach().double()
    theta = torch.zeros_like(reward)
    size = 1.0 / (lam + float(reward.max() - reward.min()))
    for _ in range(200 * NEWTON_ROUNDS):
        step = condition(theta, reward, lam)
        if float(step.abs().max()) < 1e-2 * lam:
            break
        theta = theta + size * step
    for _ in range(NEWTON_ROUNDS):
        step = condition(theta, reward, lam)
        if float(step.abs().max()) < TOLERANCE:
            break
        theta = theta - torch.linalg.solve(_slope(theta, reward, lam), step)
    return theta


def _slope(theta: Tensor, reward: Tensor, lam: float) -> Tensor:
    """``dDelta / dtheta = diag(d) - d pi^T - pi d^T - lam I`` with ``d = pi (r - pi . r)``; symmetric."""
    policy = theta.softmax(0)
    gain = policy * (reward - (policy * reward).sum())
    mixed = torch.outer(gain, policy)
    return torch.diag(gain - lam) - mixed - mixed.T


def outer(theta: Tensor, primary: Tensor) -> float:
    """J: the primary reward of the inner policy."""
    return float((theta.softmax(0) * primary.double()).sum())


def implicit_gradient(phi: Tensor, primary: Tensor, auxiliary: Tensor, lam: float) -> Tensor:
    """``dJ / dphi`` through the learner's fixed point, float64 ``[3]``."""
    phi, primary, auxiliary = phi.double(), primary.double(), auxiliary.double()
    reward = blended(phi, primary, auxiliary)
    theta = settle(reward, lam)
    policy = theta.softmax(0)
    slope_of_outer = policy * (primary - (policy * primary).sum())
    parts = torch.stack([torch.ones_like(primary), primary, auxiliary])
    by_phi = policy * (parts - (parts * policy).sum(1, keepdim=True))
    return -by_phi @ torch.linalg.solve(_slope(theta, reward, lam), slope_of_outer)


def blend(
    primary: Tensor, auxiliary: Tensor, lam: float, steps: int, lr: float, largest: float | None = None
) -> Blended:
    """Gradient ascent on J from (0, 1, 1).

    Args:
        primary: r_p, ``[arms]``.
        auxiliary: r_aux, ``[arms]``.
        lam: regularizer of the inner learner.
        steps: outer steps.
        lr: size of an outer step.
        largest: largest norm of (phi_2, phi_3), so that the blend cannot just undo the regularizer; None: no limit.
    """
    phi = torch.tensor([0.0, 1.0, 1.0], dtype=torch.float64)
    for _ in range(steps):
        phi = phi + lr * implicit_gradient(phi, primary, auxiliary, lam)
        if largest is not None and float(phi[1:].norm()) > largest:
            phi = torch.cat([phi[:1], phi[1:] * largest / phi[1:].norm()])
    return Blended(phi, outer(settle(blended(phi, primary.double(), auxiliary.double()), lam), primary))
