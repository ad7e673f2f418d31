"""Potential-based shaping of a finite Markov decision process, and whether a policy ever finishes in it.

Idea
    What shaping does to the best policy can be solved for, so a trap is shown and not only argued.
Maths
    ``r'(s, a) = r(s, a) + discount sum_s' P(s' | s, a) Phi(s') - Phi(s)``; what terminates has the potential ``end``.
    With the process's own discount and end = 0: ``Q'(s, a) = Q(s, a) - Phi(s)`` for every policy.
Reads
    A ``FiniteMDP`` and Phi ``[S]``.
Deviations
    None.
"""

from dataclasses import replace

import torch
from torch import Tensor

from guerdon.errors import GuerdonError
from guerdon.solvers.mdp import FiniteMDP


def shaped(mdp: FiniteMDP, potential: Tensor, discount: float | None = None, end: float = 0.0) -> FiniteMDP:
    """The process with ``discount Phi' - Phi`` added to its reward.

    Args:
        mdp: the process.
        potential: Phi of every state, ``[S]``.
        discount: of Phi'; None: the process's own, which changes no policy's order. 1 is the plain difference.
        end: the potential of what terminates.
    """
    if potential.shape != mdp.reward.shape[:1]:
        raise GuerdonError(f"shaped needs one potential per state, got {tuple(potential.shape)} for {mdp.reward.shape}")
    transition, phi = mdp.transition.double(), potential.double()
    following = transition @ phi + (1 - transition.sum(2)).clamp(min=0) * end
    discount = mdp.discount if discount is None else discount
    return replace(mdp, reward=mdp.reward.double() + discount * following - phi[:, None])


def finish_probability(mdp: FiniteMDP, actions: Tensor, start: int, steps: int) -> float:
    """Probability that the deterministic policy ``actions`` ``[S]`` has terminated after ``steps`` steps."""
    rows = mdp.transition.double()[torch.arange(len(actions)), actions]
    law = torch.zeros(len(actions), dtype=torch.float64)
    law[start] = 1.0
    for _ in range(steps):
        law = law @ rows
    return float(1 - law.sum())


def progress_chain(cells: int, success: float, discount: float) -> tuple[FiniteMDP, Tensor]:
    """A chain whose last step pays 1 and ends with probability ``success`` and else leads back to the start.

    Returns:
        the process of ``cells`` states and the actions stay, go back and go on, and the progress s / cells of each.
    """
    if cells < 1 or not 0 <= success <= 1:
        raise GuerdonError(f"progress_chain needs 1 or more cells and success in [0, 1], got {cells} and {success}")
    transition = torch.zeros((cells, 3, cells), dtype=torch.float64)
    here = torch.arange(cells)
    transition[here, 0, here] = 1.0
    transition[here, 1, (here - 1).clamp(min=0)] = 1.0
    transition[here[:-1], 2, here[1:]] = 1.0
    transition[-1, 2, 0] += 1 - success
    reward = torch.zeros((cells, 3), dtype=torch.float64)
    reward[-1, 2] = success
    return FiniteMDP(transition, reward, discount), here.double() / cells
