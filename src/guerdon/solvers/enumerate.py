"""Exact answers on a ``TokenTree``: every response, every group of responses, and what an estimator is on average.

Idea
    A tabular policy on a small tree has few responses, so expectations are sums. The gradient that a recipe takes on
    average over all groups it could have drawn can then be compared with the gradient it means to take.
Maths
    ``pi(y) = prod_t softmax(theta[context_t])[y_t]``; ``J = mean_p sum_y pi(y|p) r(p, y)``; pass@k for 0/1 rewards is
    ``mean_p 1 - (1 - Q_p)^k``, ``Q_p`` the probability of a rewarded response; ``KL = mean_p sum_y pi log(pi / ref)``.
Reads
    Nothing; the batches built here have the columns of ``rollouts/tabular.py``.
"""

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from guerdon.batch import Batch
from guerdon.errors import GuerdonError
from guerdon.objective import call_with_state
from guerdon.policies.tabular import TabularPolicy
from guerdon.recipe import Recipe
from guerdon.tasks.token_tree import TokenTree

LIMIT = 100_000
"""Most groups that are enumerated."""


def leaf_tokens(task: TokenTree, leaf: Tensor) -> Tensor:
    """The tokens of each leaf number, ``[n]`` -> ``[n, depth]``."""
    powers = task.vocab ** torch.arange(task.depth - 1, -1, -1)
    return leaf[:, None] // powers % task.vocab


def contexts(task: TokenTree, prompt: Tensor, tokens: Tensor) -> Tensor:
    """The table row before each token, ``[n, depth]``."""
    return torch.stack([task.context(prompt, tokens[:, :level]) for level in range(task.depth)], 1)


def token_logprobs(task: TokenTree, logits: Tensor, prompt: Tensor, leaf: Tensor) -> Tensor:
    """Log-prob of each token of each response, ``[n, depth]``, differentiable in ``logits``."""
    tokens = leaf_tokens(task, leaf)
    rows = logits.log_softmax(-1)[contexts(task, prompt, tokens)]
    return rows.gather(2, tokens[:, :, None])[:, :, 0]


def leaf_logprobs(task: TokenTree, logits: Tensor) -> Tensor:
    """Log-prob of every response to every prompt, ``[prompts, leaves]``, differentiable in ``logits``."""
    prompt = torch.arange(task.prompts).repeat_interleave(task.leaves)
    leaf = torch.arange(task.leaves).repeat(task.prompts)
    return token_logprobs(task, logits, prompt, leaf).sum(1).reshape(task.prompts, task.leaves)


def expected_reward(task: TokenTree, logits: Tensor) -> Tensor:
    """J: reward of one response, averaged over prompts and responses; a differentiable scalar."""
    return (leaf_logprobs(task, logits).exp() * task.rewards().to(logits.dtype)).sum(1).mean()


def pass_at_k(task: TokenTree, logits: Tensor, k: int) -> Tensor:
    """Probability that one of k responses is rewarded, averaged over prompts; a differentiable scalar."""
    solved = (leaf_logprobs(task, logits).exp() * (task.rewards() > 0)).sum(1)
    return (1 - (1 - solved).clamp(min=0) ** k).mean()


def kl_to(task: TokenTree, logits: Tensor, ref_logits: Tensor) -> Tensor:
    """KL(pi || ref) between whole responses, averaged over prompts; a differentiable scalar."""
    logprob, ref = leaf_logprobs(task, logits), leaf_logprobs(task, ref_logits)
    return (logprob.exp() * (logprob - ref)).sum(1).mean()


def gradient(function: Callable[[Tensor], Tensor], logits: Tensor) -> Tensor:
    """d function / d logits at ``logits``, for a function of the logits such as ``expected_reward``."""
    point = logits.detach().clone().requires_grad_()
    (slope,) = torch.autograd.grad(function(point), point)
    return slope


@dataclass(frozen=True)
class Copies:
    """Logits of the policy and of the other copies that a recipe may read, each ``[contexts, vocab]``."""

    policy: Tensor
    """theta: where the gradient is taken."""
    old: Tensor | None = None
    """Behind ``old_logprob``; default: the policy."""
    behavior: Tensor | None = None
    """What samples; default: ``old``."""
    ref: Tensor | None = None
    """Behind ``ref_logprob``; default: ``old``."""
    values: Tensor | None = None
    """Critic behind ``old_value``, ``[contexts]``."""

    def filled(self) -> "Copies":
        """The defaults put in."""
        old = self.policy.detach() if self.old is None else self.old
        behavior = old if self.behavior is None else self.behavior
        return Copies(self.policy, old, behavior, old if self.ref is None else self.ref, self.values)


def batch_of(task: TokenTree, copies: Copies, prompt: Tensor, leaf: Tensor, group: Tensor) -> Batch:
    """The batch in which these responses (``prompt``, ``leaf``, ``group``, all ``[n]``) were sampled."""
    copies = copies.filled()
    tokens = leaf_tokens(task, leaf)
    columns = {
        "token.context": contexts(task, prompt, tokens).reshape(-1),
        "token.id": tokens.reshape(-1),
        "traj.leaf": leaf,
        "traj.reward/task": task.rewards()[prompt, leaf].to(copies.policy.dtype),
    }
    for name in ("old", "behavior", "ref"):
        columns[f"token.{name}_logprob"] = token_logprobs(task, getattr(copies, name), prompt, leaf).reshape(-1)
    if copies.values is not None:
        columns["token.old_value"] = copies.values[columns["token.context"]]
    count = len(leaf)
    return Batch.build(
        columns,
        step_of_token=torch.arange(count).repeat_interleave(task.depth),
        traj_of_step=torch.arange(count),
        group_of_traj=group,
    )


def loss_gradient(recipe: Recipe, copies: Copies, batch: Batch) -> Tensor:
    """d loss / d logits of one batch, from the reward on; pieces are called without running state."""
    for slot in ("shaping", "credit", "advantage"):
        for piece in getattr(recipe, slot):
            batch = batch.with_columns(call_with_state(piece, batch, state=None))
    policy = TabularPolicy(copies.policy.detach().clone(), critic=False)
    batch = recipe.objective.prepare(batch)
    wants = frozenset(name for name in recipe.objective.reads if name in policy.provides)
    loss, _ = recipe.objective(batch.with_columns(policy.evaluate(batch, wants)), {})
    if not loss.requires_grad:
        return torch.zeros_like(policy.logits)
    (slope,) = torch.autograd.grad(loss, policy.logits, allow_unused=True)
    return torch.zeros_like(policy.logits) if slope is None else slope


def expected_gradient(recipe: Recipe, task: TokenTree, copies: Copies, samples: int) -> Tensor:
    """The gradient of the loss on average over every batch of ``samples`` responses to each prompt.

    Raises:
        GuerdonError: if there are more than ``LIMIT`` such batches.
    """
    return gradient_moments(recipe, task, copies, samples)[0]


def gradient_moments(recipe: Recipe, task: TokenTree, copies: Copies, samples: int) -> tuple[Tensor, float]:
    """Mean of the gradient over every batch, and its variance summed over the logits.

    Raises:
        GuerdonError: if there are more than ``LIMIT`` batches.
    """
    count = task.leaves ** (samples * task.prompts)
    if count > LIMIT:
        raise GuerdonError(f"enumeration needs at most {LIMIT} batches, got {count}; take a smaller task or group")
    copies = copies.filled()
    assert copies.behavior is not None
    logprob = leaf_logprobs(task, copies.behavior).detach()
    prompt = torch.arange(task.prompts).repeat_interleave(samples)
    mean, square = torch.zeros_like(copies.policy), 0.0
    for leaves in itertools.product(range(task.leaves), repeat=samples * task.prompts):
        leaf = torch.tensor(leaves)
        chance = float(logprob[prompt, leaf].sum().exp())
        slope = loss_gradient(recipe, copies, batch_of(task, copies, prompt, leaf, prompt))
        mean += chance * slope
        square += chance * float(slope.square().sum())
    return mean, square - float(mean.square().sum())
