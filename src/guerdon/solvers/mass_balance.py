"""Where the probability of the right actions goes in one policy-gradient step on a softmax (brorl).

Maths
    Step on logits ``dz_i = (eta / N) p_i (R_i - S)``, ``S = sum_i p_i R_i``, R_i = 0 where i was not sampled. To first
    order ``dQ = (eta / N) [(R_c - S) Q' A + (S - R_w) Q B + S (Q U - Q' U')]`` with Q, Q' the mass of right and wrong
    actions, A, B the sums of p^2 over sampled right and wrong ones, U', U over unsampled right and wrong ones.
Reads
    One distribution, which actions are right, which were sampled (once or more).
Deviations
    Named so that U' belongs to the right actions: growing it is what costs right mass.
"""

import torch
from torch import Tensor


def logit_step(p: Tensor, right: Tensor, sampled: Tensor, rewards: tuple[float, float] = (1.0, -1.0)) -> Tensor:
    """``dz N / eta``, ``[vocab]``; ``rewards`` of a right and of a wrong sampled action."""
    reward = torch.where(right, rewards[0], rewards[1]).to(p.dtype) * sampled
    return p * (reward - (p * reward).sum())


def mass_terms(p: Tensor, right: Tensor, sampled: Tensor, rewards: tuple[float, float] = (1.0, -1.0)) -> Tensor:
    """``dQ N / eta`` apart, ``[3]``: from sampled right, sampled wrong and unsampled actions."""
    total = (p * torch.where(right, rewards[0], rewards[1]).to(p.dtype) * sampled).sum()
    good, bad = p[right].sum(), p[~right].sum()

    def squares(where: Tensor) -> Tensor:
        return p[where].square().sum()

    first = (rewards[0] - total) * bad * squares(right & sampled)
    second = (total - rewards[1]) * good * squares(~right & sampled)
    third = total * (good * squares(~right & ~sampled) - bad * squares(right & ~sampled))
    return torch.stack([first, second, third])


def unsampled_square(p: Tensor, samples: int) -> float:
    """Expected sum of p^2 over what ``samples`` draws miss: ``sum_i p_i^2 (1 - p_i)^N``."""
    return float((p.square() * (1 - p) ** samples).sum())
