"""What acting at random is worth on a ``TokenTree``, exactly (rover).

Maths
    ``Q(c, a)`` = mean reward of the leaves below action a in context c, which is the Q-function of the uniform policy.
    With rewards of 0 and 1 it is positive exactly where a rewarded leaf is left, so the greedy policy reaches one
    wherever there is one; ``softmax(Q / rho)`` spreads over many of them.
Reads
    Nothing.
Deviations
    None.
"""

import torch
from torch import Tensor

from guerdon.errors import GuerdonError
from guerdon.policies.tabular import TabularPolicy
from guerdon.tasks.token_tree import TokenTree


def uniform_q(task: TokenTree) -> Tensor:
    """Q of the uniform policy, one row per context, ``[contexts, V]``."""
    rewards = task.rewards()
    levels = [
        rewards.reshape(-1, task.vocab, task.vocab ** (task.depth - 1 - level)).mean(2) for level in range(task.depth)
    ]
    return torch.cat(levels)


def softmax_policy(task: TokenTree, rho: float) -> TabularPolicy:
    """The policy ``softmax(Q / rho)`` with the exact Q."""
    if not rho > 0:
        raise GuerdonError(f"softmax_policy needs a positive rho, got {rho}")
    return TabularPolicy(uniform_q(task) / rho, critic=False)


def distinct_rewarded(task: TokenTree, logprobs: Tensor, samples: int) -> float:
    """Expected number of different rewarded leaves among ``samples`` responses to a prompt, averaged over prompts.

    Args:
        task: the tree.
        logprobs: of every leaf, ``[prompts, leaves]``; see ``enumerate.leaf_logprobs``.
        samples: responses per prompt.
    """
    missed = samples * torch.log1p(-logprobs.double().exp().clamp(max=1 - 1e-15))
    return float((-torch.expm1(missed) * (task.rewards() > 0)).sum(1).mean())
